"""Exercises of chapter 11: what autograd must not get wrong."""

from __future__ import annotations

from functools import partial

import numpy as np

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter11 as solutions
from ..words import Words

# ---- 11.1 ----------------------------------------------------------------------------------------


def sum_of_two(accumulate):
    grads = {}
    accumulate(grads, "w", np.array([1.0, 2.0]))
    accumulate(grads, "w", np.array([10.0, 20.0]))
    return grads["w"]


def givers_after_two(accumulate):
    """The arrays that were given, after both were added: they must be as they were."""
    first, second, grads = np.array([1.0, 2.0]), np.array([10.0, 20.0]), {}
    accumulate(grads, "w", first)
    accumulate(grads, "w", second)
    return [*first, *second]


def other_name_after_two(accumulate):
    """One array is given to `a` and `b`, then `a` gets another: `b` must be as it was."""
    g, grads = np.array([1.0, 2.0]), {}
    accumulate(grads, "a", g)
    accumulate(grads, "b", g)
    accumulate(grads, "a", np.array([10.0, 20.0]))
    return grads["b"]


def giver_after_a_write(accumulate):
    """The given array after `grads["w"]` was doubled in place: it must be as it was."""
    g, grads = np.array([1.0, 2.0]), {}
    accumulate(grads, "w", g)
    grads["w"] *= 2
    return g


def overwrite(grads, name, g):
    grads[name] = g.copy()


def overwrite_with_the_giver(grads, name, g):
    grads[name] = g


def keep_the_first(grads, name, g):
    grads.setdefault(name, g.copy())


def share_and_add_in_place(grads, name, g):
    if name in grads:
        grads[name] += g
    else:
        grads[name] = g


def share_at_first(grads, name, g):
    grads[name] = grads[name] + g if name in grads else g


def add_into_the_giver(grads, name, g):
    if name in grads:
        g += grads[name]
    grads[name] = g.copy()


# ---- 11.2 ----------------------------------------------------------------------------------------

LONG_AND_SHORT = {"c": ["p", "a"], "p": ["b", "x"], "b": ["a"], "a": ["x"], "x": []}
SHORT_FIRST = {"c": ["a", "b"], "b": ["a"], "a": ["x"], "x": [], "unused": ["x"]}
DEEP = {0: [], **{i: [i - 1] for i in range(1, 4_000)}}
RIGHT = "each name once, before its parents"


def judged(order, parents):
    """What is wrong with an order; RIGHT if nothing is."""
    end = order[0] if order else None
    if len(set(order)) < len(order):
        return f"{next(n for n in order if order.count(n) > 1)!r} more than once"
    place = {name: i for i, name in enumerate(order)}
    missing = {p for name in order for p in parents[name]} - set(order)
    if not order or missing:
        return f"without {sorted(missing)}"
    for name in order:
        for p in parents[name]:
            if place[p] < place[name]:
                return f"{p!r} before {name!r}, which was made from it"
    used = {end}.union(*(parents[name] for name in order))
    extra = [name for name in order if name not in used]
    return f"{extra[0]!r} does not lead to the end" if extra else RIGHT


def nearest_first(end, parents):
    order, seen = [end], {end}
    for name in order:
        for p in parents[name]:
            if p not in seen:
                seen.add(p)
                order.append(p)
    return order


def before_its_parents_only(end, parents):
    order, seen, waiting = [], set(), [end]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            order.append(name)
            waiting += parents[name][::-1]
    return order


def recursive(end, parents):
    order, seen = [], set()

    def visit(name):
        if name not in seen:
            seen.add(name)
            for p in parents[name]:
                visit(p)
            order.append(name)

    visit(end)
    return order[::-1]


def parents_first(end, parents):
    return solutions.sorted_back(end, parents)[::-1]


def repeated(end, parents):
    order = [end]
    for name in order:
        order += parents[name]
    return order


def by_age(end, parents):
    """All names, the newest first, whether they lead to the end or not."""
    return [n for n in solutions.sorted_back(end, parents) if n != "x"] + (
        ["unused", "x"] if "unused" in parents else ["x"] if "x" in parents else []
    )


# ---- 11.3 ----------------------------------------------------------------------------------------

POINTS = (-1.0, 0.0, 4.0, 1e-4)


def value_and_slope(f, points):
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    y = f(x)
    return y, torch.autograd.grad(y.sum(), x)[0]


def only_outside(x):
    return torch.where(x > 0, x.sqrt(), 0.0)


def only_inside(x):
    return torch.where(x > 0, x, 1.0).sqrt()


def of_the_size(x):
    return torch.where(x > 0, x.abs().sqrt(), 0.0)


def a_little_added(x):
    return (x.relu() + 1e-8).sqrt()


def clamped(x):
    return x.clamp(min=1e-12).sqrt()


exercise = partial(Exercise, names=globals(), rtol=1e-6, atol=1e-9)

EXERCISES = (
    exercise(
        "11.1",
        "accumulate",
        Words("adding up with one owner", "累加，且每个数组只有一个主人"),
        cases=(
            "sum_of_two(accumulate)",
            "givers_after_two(accumulate)",
            "other_name_after_two(accumulate)",
            "giver_after_a_write(accumulate)",
        ),
        solution=solutions.accumulate,
        mistakes=(
            Mistake(
                overwrite_with_the_giver,
                Words(
                    "The second gradient replaces the first. Add it. And keep a copy, not the array"
                    " that was given.",
                    "第二个梯度替换了第一个。应当相加；并且保存副本，而不是传入的数组本身。",
                ),
            ),
            Mistake(
                overwrite,
                Words(
                    "The second gradient replaces the first. Add it to what is there.",
                    "第二个梯度替换了第一个。应当加到已有的值上。",
                ),
            ),
            Mistake(
                keep_the_first,
                Words(
                    "Only the first gradient counts. Add the later ones.",
                    "只有第一个梯度起作用。后来的也要加上。",
                ),
            ),
            Mistake(
                share_and_add_in_place,
                Words(
                    "The array that was given is kept and then written to, so all who share it change."
                    " Keep a copy: g.copy().",
                    "保存了传入的数组本身，之后又往里写，所有共用它的人都跟着变。请保存副本：g.copy()。",
                ),
            ),
            Mistake(
                share_at_first,
                Words(
                    "The sums are right, but the first array is kept as it was given. Whoever writes to"
                    " the gradient later changes the giver's array too. Keep a copy: g.copy().",
                    "和是对的，但第一个数组是原样保存的。以后谁往梯度里写，传入者的数组也会变。"
                    "请保存副本：g.copy()。",
                ),
            ),
            Mistake(
                add_into_the_giver,
                Words(
                    "`g += ...` writes into the giver's array. Make a new one: grads[name] + g.",
                    "`g += ...` 写进了传入者的数组。请得到一个新数组：grads[name] + g。",
                ),
            ),
        ),
        hints=(
            Words(
                "Two cases: the name is there already, or it is not.",
                "两种情况：名字已经有了，或者还没有。",
            ),
            Words(
                "grads[name] + g makes a new array; grads[name] += g writes into an old one.",
                "grads[name] + g 得到新数组；grads[name] += g 写进旧数组。",
            ),
            Words(
                "grads[name] = g.copy() if name not in grads else grads[name] + g",
                "写成：grads[name] = g.copy() if name not in grads else grads[name] + g",
            ),
        ),
    ),
    exercise(
        "11.2",
        "sorted_back",
        Words("a topological order", "拓扑顺序"),
        cases=(
            'judged(sorted_back("c", LONG_AND_SHORT), LONG_AND_SHORT)',
            'judged(sorted_back("c", SHORT_FIRST), SHORT_FIRST)',
            "judged(sorted_back(3_999, DEEP), DEEP)",
        ),
        solution=solutions.sorted_back,
        mistakes=(
            Mistake(
                nearest_first,
                Words(
                    "This goes by the number of steps from the end. A name that is near by a short way"
                    " may have users on a longer way: wait for all of them.",
                    "这是按离终点的步数排列。走近路很近的名字，远路上可能还有使用者：要等它们全部到齐。",
                ),
            ),
            Mistake(
                before_its_parents_only,
                Words(
                    "A name is taken when it is first reached. It must wait until all its users are"
                    " taken: write it down when its parents are done, and turn the list round.",
                    "名字在第一次到达时就被取走了。它必须等所有使用者都取走：在它的父节点都完成后再记下，"
                    "最后把列表倒过来。",
                ),
            ),
            Mistake(
                recursive,
                Words(
                    "The order is right, but the function calls itself and fails on deep graphs. Keep a"
                    " list of your own of what is waiting.",
                    "顺序是对的，但函数递归调用自己，图很深时会失败。请自己用一个列表保存待处理的名字。",
                ),
            ),
            Mistake(
                parents_first,
                Words(
                    "The parents come first. Turn the list round.",
                    "父节点排在了前面。请把列表倒过来。",
                ),
            ),
            Mistake(
                repeated,
                Words(
                    "Names come more than once. Remember in a set which you have seen.",
                    "有名字出现了不止一次。请用集合记住见过的名字。",
                ),
            ),
            Mistake(
                by_age,
                Words(
                    "A name that does not lead to `end` is in the list. Begin at `end` and follow the"
                    " parents.",
                    "列表里有与 `end` 无关的名字。请从 `end` 出发，沿父节点走。",
                ),
            ),
        ),
        hints=(
            Words(
                "A name may be written down once all its parents are written down. Then turn the list"
                " round.",
                "一个名字的父节点全部记下之后，才能记下它自己。最后把列表倒过来。",
            ),
            Words(
                "Without recursion: keep a list of pairs (name, whether its parents are done) and take"
                " from its end.",
                "不用递归：用一个列表保存 (名字, 父节点是否已完成)，从末尾取出。",
            ),
            Words(
                "On (name, False): add (name, True), then (p, False) for each parent. On (name, True):"
                " write the name down.",
                "取到 (name, False)：放入 (name, True)，再放入每个父节点的 (p, False)。取到 (name, True)：记下名字。",
            ),
        ),
    ),
    exercise(
        "11.3",
        "safe_sqrt",
        Words("a root without NaN", "不产生 NaN 的平方根"),
        cases=("value_and_slope(safe_sqrt, POINTS)",),
        solution=solutions.safe_sqrt,
        mistakes=(
            Mistake(
                only_outside,
                Words(
                    "`where` outside alone does not help: the root is still taken of 0 and of negative"
                    " numbers, and 0 * inf is NaN. Give the root a harmless number there.",
                    "只在外面用 `where` 没有用：仍然对 0 和负数开了方，而 0 * inf 是 NaN。"
                    "请在那些地方给平方根一个无害的数。",
                ),
            ),
            Mistake(
                only_inside,
                Words(
                    "The gradient is right, but the value is 1 where it should be 0. Choose again"
                    " outside the root.",
                    "梯度是对的，但该为 0 的地方值是 1。请在平方根外面再选择一次。",
                ),
            ),
            Mistake(
                of_the_size,
                Words(
                    "The size helps for negative numbers, but at 0 the slope of the root is infinite,"
                    " and 0 * inf is NaN.",
                    "取绝对值对负数有效，但在 0 处平方根的斜率是无穷大，0 * inf 是 NaN。",
                ),
            ),
            Mistake(
                a_little_added,
                Words(
                    "The small number that is added changes the value everywhere. Use `where`, which is"
                    " exact.",
                    "加上的小数处处改变了值。请用精确的 `where`。",
                ),
            ),
            Mistake(
                clamped,
                Words(
                    "The value is small but not 0 where x is not positive. Choose 0 there with `where`.",
                    "x 不为正的地方，值很小但不是 0。请用 `where` 选成 0。",
                ),
            ),
        ),
        hints=(
            Words(
                "Two choices are needed: one inside the root, one outside.",
                "需要两次选择：平方根里面一次，外面一次。",
            ),
            Words(
                "Inside: torch.where(x > 0, x, 1.0). The root of 1 is harmless.",
                "里面：torch.where(x > 0, x, 1.0)。对 1 开方是无害的。",
            ),
            Words(
                "torch.where(x > 0, inside.sqrt(), 0.0)",
                "外面：torch.where(x > 0, inside.sqrt(), 0.0)",
            ),
        ),
    ),
)
