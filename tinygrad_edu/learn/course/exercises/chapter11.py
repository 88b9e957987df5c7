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
    grads: dict[str, np.ndarray] = {}
    accumulate(grads, "w", np.array([1.0, 2.0]))
    accumulate(grads, "w", np.array([10.0, 20.0]))
    return grads["w"]


def givers_after_two(accumulate):
    """The arrays that were given, after both were added: they must be as they were."""
    first, second = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    grads: dict[str, np.ndarray] = {}
    accumulate(grads, "w", first)
    accumulate(grads, "w", second)
    return [*first, *second]


def other_name_after_two(accumulate):
    """One array is given to `a` and `b`, then `a` gets another: `b` must be as it was."""
    g = np.array([1.0, 2.0])
    grads: dict[str, np.ndarray] = {}
    accumulate(grads, "a", g)
    accumulate(grads, "b", g)
    accumulate(grads, "a", np.array([10.0, 20.0]))
    return grads["b"]


def giver_after_a_write(accumulate):
    """The given array after `grads["w"]` was doubled in place: it must be as it was."""
    g = np.array([1.0, 2.0])
    grads: dict[str, np.ndarray] = {}
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


# ---- 11.3 ----------------------------------------------------------------------------------------

NONE, TWO, ALL = np.array([1.0, 5.0, 2.0]), np.array([3.0, -1.0, 3.0, 0.0]), np.full(3, 2.0)


def everything_to_each(x, g):
    return g * (x == x.max())


def first_alone(x, g):
    return g * (np.arange(len(x)) == x.argmax())


def shared_among_all(x, g):
    return g * (x == x.max()) / len(x)


def without_g(x, g):
    return solutions.amax_gradient(x, 1.0)


def times_the_maximum(x, g):
    return solutions.amax_gradient(x, g) * x


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
    exercise(
        "11.3",
        "amax_gradient",
        Words("a maximum with ties", "有并列的最大值"),
        cases=("amax_gradient(NONE, 4.0)", "amax_gradient(TWO, 4.0)", "amax_gradient(ALL, 1.0)"),
        solution=solutions.amax_gradient,
        mistakes=(
            Mistake(
                everything_to_each,
                Words(
                    "With ties each of them gets all of g, so the shares add up to more than g. Divide"
                    " by the number of ties.",
                    "有并列时，每个都得到了整个 g，总和超过 g。请除以并列的个数。",
                ),
            ),
            Mistake(
                first_alone,
                Words(
                    "The first of the ties gets everything. Share equally among all that equal the"
                    " maximum.",
                    "并列时全部给了第一个。请在所有等于最大值的元素之间平分。",
                ),
            ),
            Mistake(
                shared_among_all,
                Words(
                    "The division is by the number of all elements. Divide by the number of those that"
                    " equal the maximum.",
                    "除以的是全部元素的个数。应除以等于最大值的元素个数。",
                ),
            ),
            Mistake(
                without_g,
                Words("The gradient that arrives, `g`, is not used.", "没有用到传来的梯度 `g`。"),
            ),
            Mistake(
                times_the_maximum,
                Words(
                    "The shares are multiplied by x. The slope of a maximum with respect to its element"
                    " is 1, whatever its size.",
                    "份额又乘了 x。最大值对它所在元素的斜率是 1，与大小无关。",
                ),
            ),
        ),
        hints=(
            Words(
                "x == x.max() is True for the elements that share.",
                "x == x.max() 在参与平分的元素处为 True。",
            ),
            Words("How many are there? The sum of that array.", "一共有几个？把这个数组加起来。"),
            Words(
                "largest = x == x.max(); return g * largest / largest.sum()",
                "写成：largest = x == x.max()；return g * largest / largest.sum()",
            ),
        ),
    ),
)
