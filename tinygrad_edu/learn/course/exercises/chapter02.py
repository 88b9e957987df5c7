"""Exercises of chapter 02: a scalar engine."""

from __future__ import annotations

from functools import partial

from ..exercise import Exercise, Mistake
from ..solutions import chapter02 as solutions
from ..words import Words

# L = (a b + a)^2 at a = 2, b = 3; and one in which the result of a sum goes two ways
STEPS = [("c", [("a", 3.0), ("b", 2.0)]), ("d", [("c", 1.0), ("a", 1.0)]), ("L", [("d", 16.0)])]
FORK = [
    ("s", [("x", 2.0), ("y", -1.0)]),
    ("t", [("s", 3.0)]),
    ("u", [("s", 5.0), ("t", 0.5)]),
    ("v", [("u", -2.0), ("t", 1.0), ("x", 4.0)]),
]
GRAPH = {"a": [], "b": [], "c": ["a", "b"], "d": ["c", "a"], "L": ["d"]}
CROSS = {"x": [], "p": ["x"], "q": ["p", "x"], "r": ["x", "q"], "z": ["r", "p", "q"], "lone": ["x"]}
TWICE = {"x": [], "square": ["x", "x"]}


def deep_chain(length):
    return {i: [i - 1] if i else [] for i in range(length)}


def verdict(names, graph, last):
    """What an order must hold, in words; "in order" if it does."""
    if names is None:
        return None
    names = list(names)
    wanted = set(solutions.sort(graph, last))
    if len(set(names)) < len(names):
        return "a name comes more than once"
    if wanted - set(names):
        return "a name is missing"
    if set(names) - wanted:
        return "a name is there that the last one does not need"
    if any(names.index(p) > names.index(n) for n in names for p in graph[n]):
        return "a name comes before one that it needs"
    return "in order"


def in_the_order_of(names, steps):
    """The gradients of some names: those are looked up that are wanted."""
    return None if steps is None else [steps[name] for name in names]


# ---- 02.1 ----------------------------------------------------------------------------------------


def without_minus(a, b):
    return a / b, 1 / b, a / b**2


def b_not_squared(a, b):
    return a / b, 1 / b, -a / b


def swapped(a, b):
    return a / b, -a / b**2, 1 / b


def as_if_a_product(a, b):
    return a / b, b, a


def a_forgotten(a, b):
    return a / b, 1 / b, -1 / b**2


def only_the_quotient(a, b):
    return a / b


# ---- 02.2 ----------------------------------------------------------------------------------------


def overwrites(steps):
    grads = {steps[-1][0]: 1.0}
    for result, inputs in reversed(steps):
        for name, slope in inputs:
            grads[name] = grads[result] * slope
    return grads


def without_upstream(steps):
    grads = {steps[-1][0]: 1.0}
    for _, inputs in reversed(steps):
        for name, slope in inputs:
            grads[name] = grads.get(name, 0.0) + slope
    return grads


def forwards(steps):
    grads = {steps[-1][0]: 1.0}
    for result, inputs in steps:
        for name, slope in inputs:
            grads[name] = grads.get(name, 0.0) + grads.get(result, 0.0) * slope
    return grads


def starts_at_zero(steps):
    grads = dict.fromkeys([name for result, inputs in steps for name, _ in inputs], 0.0)
    return grads | {steps[-1][0]: 0.0}


def adds_along_the_way(steps):
    grads = {steps[-1][0]: 1.0}
    for result, inputs in reversed(steps):
        for name, slope in inputs:
            grads[name] = grads.get(name, 0.0) + grads[result] + slope
    return grads


# ---- 02.3 ----------------------------------------------------------------------------------------


def last_first(graph, last):
    return solutions.sort(graph, last)[::-1]


def with_repeats(graph, last):
    return [n for p in graph[last] for n in with_repeats(graph, p)] + [last]


def of_everything(graph, last):
    names = solutions.sort({**graph, "everything": list(graph)}, "everything")
    return names[:-1]


def breadth_first(graph, last):
    names, todo = [], [last]
    while todo:
        name = todo.pop(0)
        if name not in names:
            names.append(name)
            todo += graph[name]
    return names[::-1]


def recursive(graph, last):
    names = []

    def visit(name):
        if name not in names:
            for needed in graph[name]:
                visit(needed)
            names.append(name)

    visit(last)
    return names


def only_the_parents(graph, last):
    return [*graph[last], last]


exercise = partial(Exercise, names=globals())

EXERCISES = (
    exercise(
        "02.1",
        "divide",
        Words("the local slopes of a quotient", "商的局部斜率"),
        cases=("divide(6.0, 3.0)", "divide(1.0, -2.0)", "divide(-5.0, 0.5)"),
        solution=solutions.divide,
        mistakes=(
            Mistake(
                without_minus,
                Words(
                    "A minus is missing in the slope for b: a larger divisor makes a smaller quotient.",
                    "对 b 的斜率少了负号：除数变大，商就变小。",
                ),
            ),
            Mistake(
                b_not_squared,
                Words(
                    "In the slope for b, b must be squared: the derivative of b⁻¹ is −b⁻².",
                    "对 b 的斜率里，b 要平方：b⁻¹ 的导数是 −b⁻²。",
                ),
            ),
            Mistake(
                swapped,
                Words(
                    "The two slopes are swapped. First the quotient, then the slope for a, then that"
                    " for b.",
                    "两个斜率的顺序反了。先是商，再是对 a 的斜率，最后是对 b 的斜率。",
                ),
            ),
            Mistake(
                as_if_a_product,
                Words(
                    "These are the slopes of the product a · b. Write the quotient as a · b⁻¹.",
                    "这是乘积 a · b 的斜率。请把商写成 a · b⁻¹。",
                ),
            ),
            Mistake(
                a_forgotten,
                Words(
                    "In the slope for b the factor a is missing: a stands in front of b⁻¹.",
                    "对 b 的斜率少了因子 a：b⁻¹ 前面还有 a。",
                ),
            ),
            Mistake(
                only_the_quotient,
                Words(
                    "This is the quotient alone. Return three numbers: quotient, slope for a, slope"
                    " for b.",
                    "这里只有商。要返回三个数：商、对 a 的斜率、对 b 的斜率。",
                ),
            ),
        ),
        hints=(
            Words(
                "Hold b still: how does a / b move with a? Then hold a still.",
                "先固定 b：a / b 怎样随 a 变化？再固定 a。",
            ),
            Words(
                "a / b = a · b⁻¹, and the derivative of b⁻¹ is −b⁻².",
                "a / b = a · b⁻¹，而 b⁻¹ 的导数是 −b⁻²。",
            ),
            Words("return a / b, 1 / b, -a / b**2", "写 return a / b, 1 / b, -a / b**2"),
        ),
    ),
    exercise(
        "02.2",
        "walk_back",
        Words("the walk back", "反向走一遍"),
        cases=(
            'in_the_order_of("Ldcab", walk_back(STEPS))',
            'in_the_order_of("vutsxy", walk_back(FORK))',
        ),
        solution=solutions.walk_back,
        mistakes=(
            Mistake(
                overwrites,
                Words(
                    "Where two ways meet, the second replaces the first. Add it to what is there"
                    " (`+=`).",
                    "两条路相遇时，后到的覆盖了先到的。应当加到已有的值上（`+=`）。",
                ),
            ),
            Mistake(
                without_upstream,
                Words(
                    "Local slopes are added up, but the gradient of the result is not multiplied in."
                    " Each part is grads[result] * slope.",
                    "只是把局部斜率相加，没有乘上结果的梯度。每一份应为 grads[result] * slope。",
                ),
            ),
            Mistake(
                forwards,
                Words(
                    "The steps are walked forwards. Begin at the last one: reversed(steps).",
                    "走的方向是正向。应从最后一步开始：reversed(steps)。",
                ),
            ),
            Mistake(
                starts_at_zero,
                Words(
                    "Everything is zero: the walk must start with 1 at the last result.",
                    "全是零：要从最后结果的 1 开始走。",
                ),
            ),
            Mistake(
                adds_along_the_way,
                Words(
                    "Along a way slopes multiply; here they are added to the gradient of the result.",
                    "沿着一条路，斜率应当相乘；这里却是加到结果的梯度上。",
                ),
            ),
        ),
        hints=(
            Words(
                "Keep a dict of gradients. Which entry do you know at the start?",
                "用一个字典保存梯度。一开始知道哪一项？",
            ),
            Words(
                "Go through reversed(steps). For each input, a part arrives: grads[result] * slope.",
                "遍历 reversed(steps)。每个输入都会收到一份：grads[result] * slope。",
            ),
            Words(
                "grads = {steps[-1][0]: 1.0}, then grads[name] = grads.get(name, 0.0) + grads[result]"
                " * slope in two loops.",
                "先写 grads = {steps[-1][0]: 1.0}，再用两重循环写 grads[name] = grads.get(name, 0.0) +"
                " grads[result] * slope。",
            ),
        ),
    ),
    exercise(
        "02.3",
        "sort",
        Words("an order in which nothing comes too early", "谁也不会过早的顺序"),
        cases=(
            'verdict(sort(GRAPH, "L"), GRAPH, "L")',
            'verdict(sort(CROSS, "z"), CROSS, "z")',
            'verdict(sort(TWICE, "square"), TWICE, "square")',
            "len(sort(deep_chain(3000), 2999))",
        ),
        solution=solutions.sort,
        mistakes=(
            Mistake(
                last_first,
                Words(
                    "The order is turned around: the last name must stand at the end.",
                    "顺序反了：最后的名字应排在末尾。",
                ),
            ),
            Mistake(
                with_repeats,
                Words(
                    "A name that is needed twice comes twice. Keep a set of the names you have seen."
                    " And on a chain of 3,000 steps, a function that calls itself is too deep.",
                    "被用到两次的名字出现了两次。请用集合记下见过的名字。另外，在 3000 步的长链上，调用自身的函数会超出深度。",
                ),
            ),
            Mistake(
                of_everything,
                Words(
                    "All names of the graph are there. Only those that `last` was made from are"
                    " wanted: start at `last`.",
                    "列出了图中的所有名字。只要构成 `last` 的那些：请从 `last` 开始。",
                ),
            ),
            Mistake(
                breadth_first,
                Words(
                    "The names are taken level by level. A name that is needed near and far then"
                    " comes too late. Put a name into the list after all that it needs.",
                    "名字是一层一层取的，既在近处又在远处用到的名字就排晚了。应在它需要的名字都进了列表之后，再放它自己。",
                ),
            ),
            Mistake(
                recursive,
                Words(
                    "The order is right, but a function that calls itself runs out of stack on a long"
                    " chain. Keep a list of things to do instead.",
                    "顺序是对的，但在长链上，调用自身的函数会耗尽栈。请改用一个待办列表。",
                ),
            ),
            Mistake(
                only_the_parents,
                Words(
                    "Only the nearest names are there. Those need others in turn.",
                    "只有最近的名字。它们又需要别的名字。",
                ),
            ),
        ),
        hints=(
            Words(
                "Put a name into the list after everything that it needs is in it.",
                "一个名字需要的都进了列表之后，再把它放进去。",
            ),
            Words(
                "Keep a list `todo` of pairs (name, ready). Take one: if it is not ready, put it back"
                " as ready, and the names it needs on top.",
                "用列表 `todo` 保存 (名字, 是否就绪)。取出一个：如果还没就绪，就标为就绪放回去，再把它需要的名字放在上面。",
            ),
            Words(
                "It is the function `order` of this chapter, with graph[name] for value.parents and"
                " the name itself for id(value).",
                "就是本章的函数 `order`，把 value.parents 换成 graph[name]，把 id(value) 换成名字本身。",
            ),
        ),
    ),
)
