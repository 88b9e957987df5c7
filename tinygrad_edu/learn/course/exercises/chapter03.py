"""Exercises of chapter 03: tensors, and broadcasting backwards."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..exercise import Exercise, Mistake
from ..solutions import chapter03 as solutions
from ..words import Words


def numbers(*shape):
    """The same numbers each time, all different."""
    return np.random.default_rng(sum(shape)).normal(size=shape)


# ---- 03.1 ----------------------------------------------------------------------------------------


def not_summed(g, shape):
    return g


def only_in_front(g, shape):
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def only_stretched(g, shape):
    extra = g.ndim - len(shape)
    dims = tuple(i + extra for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=dims, keepdims=True)


def without_keepdims(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1))


def first_piece(g, shape):
    while g.ndim > len(shape):
        g = g[0]
    return g[tuple(slice(0, n) for n in shape)]


def averaged(g, shape):
    summed = solutions.sum_to(g, shape)
    return summed * summed.size / g.size


# ---- 03.2 ----------------------------------------------------------------------------------------


def as_for_a_sum(g, shape, axis):
    return np.broadcast_to(np.expand_dims(g, axis), shape)


def divided_by_all(g, shape, axis):
    return np.broadcast_to(np.expand_dims(g, axis), shape) / np.prod(shape)


def divided_by_the_rest(g, shape, axis):
    return np.broadcast_to(np.expand_dims(g, axis), shape) / g.size


def not_spread(g, shape, axis):
    return g / shape[axis]


def spread_in_front(g, shape, axis):
    return np.broadcast_to(g, shape) / shape[axis]


# ---- 03.3 ----------------------------------------------------------------------------------------


def not_transposed(g, a, b):
    return g @ b, a @ g


def swapped(g, a, b):
    return a.T @ g, g @ b.T


def wrong_order(g, a, b):
    return b.T @ g, g @ a.T


def elementwise(g, a, b):
    return g * b, g * a


def results_transposed(g, a, b):
    return (g @ b.T).T, (a.T @ g).T


def only_a(g, a, b):
    return g @ b.T


exercise = partial(Exercise, names=globals())

EXERCISES = (
    exercise(
        "03.1",
        "sum_to",
        Words("undoing a broadcast", "还原广播"),
        cases=(
            "sum_to(numbers(3, 4), (4,))",
            "sum_to(numbers(3, 4), (3, 1))",
            "sum_to(numbers(2, 3, 4), (1, 4))",
            "sum_to(numbers(3, 4), (3, 4))",
            "sum_to(numbers(2, 1), (1,))",
            "sum_to(numbers(3, 4), ())",
        ),
        solution=solutions.sum_to,
        mistakes=(
            Mistake(
                not_summed,
                Words(
                    "g is returned as it is. It must get the shape of the input: sum over what was"
                    " copied.",
                    "g 原样返回了。它应变成输入的形状：对复制出来的维求和。",
                ),
            ),
            Mistake(
                averaged,
                Words(
                    "This is a mean. Gradients of copies add up: take the sum.",
                    "这是平均值。副本的梯度应当相加：请求和。",
                ),
            ),
            Mistake(
                first_piece,
                Words(
                    "Only one of the copies counts. All of them moved the loss: take the sum.",
                    "只算了其中一个副本。每个副本都影响了损失：请求和。",
                ),
            ),
            Mistake(
                only_in_front,
                Words(
                    "The dims in front are summed, but a dim of size 1 that was stretched is not.",
                    "前面添上的维求和了，但拉伸过的、大小为 1 的维还没有。",
                ),
            ),
            Mistake(
                only_stretched,
                Words(
                    "The stretched dims are summed, but the dims that came in front are still there.",
                    "拉伸过的维求和了，但前面添上的维还在。",
                ),
            ),
            Mistake(
                without_keepdims,
                Words(
                    "The stretched dims are summed away. The input had them, with size 1:"
                    " keepdims=True.",
                    "拉伸过的维求和之后消失了。输入里有这些维，大小为 1：请用 keepdims=True。",
                ),
            ),
        ),
        hints=(
            Words(
                "How many dims came in front? g.ndim - len(shape). Sum over these first.",
                "前面添了几维？g.ndim - len(shape)。先对它们求和。",
            ),
            Words(
                "Now both have the same number of dims. Where `shape` says 1 and g has more, sum too,"
                " with keepdims=True.",
                "现在两者维数相同。`shape` 中为 1 而 g 中更大的维，也要求和，并用 keepdims=True。",
            ),
            Words(
                "Both sums take a tuple of axes: tuple(range(g.ndim - len(shape))), and"
                " tuple(i for i, n in enumerate(shape) if n == 1).",
                "两次求和的 axis 都是元组：tuple(range(g.ndim - len(shape)))，以及"
                " tuple(i for i, n in enumerate(shape) if n == 1)。",
            ),
        ),
    ),
    exercise(
        "03.2",
        "mean_backward",
        Words("a mean, backwards", "平均值的反向"),
        cases=(
            "mean_backward(numbers(3), (3, 4), 1)",
            "mean_backward(numbers(5), (3, 5), 0)",
            "mean_backward(numbers(3), (3, 3), 1)",
            "mean_backward(numbers(2, 2), (2, 7, 2), 1)",
        ),
        solution=solutions.mean_backward,
        mistakes=(
            Mistake(
                as_for_a_sum,
                Words(
                    "This is the cotangent of a sum. Each entry moves the mean by 1 / n only: divide"
                    " by shape[axis].",
                    "这是求和的余切。每个元素只让平均值变化 1 / n：要除以 shape[axis]。",
                ),
            ),
            Mistake(
                divided_by_all,
                Words(
                    "Divided by the size of the whole array. A mean along an axis has only"
                    " shape[axis] entries.",
                    "除以了整个数组的大小。沿一个轴的平均只涉及 shape[axis] 个元素。",
                ),
            ),
            Mistake(
                divided_by_the_rest,
                Words(
                    "Divided by the number of means. Divide by the number of entries in one mean:"
                    " shape[axis].",
                    "除以了平均值的个数。应除以一个平均值里的元素个数：shape[axis]。",
                ),
            ),
            Mistake(
                spread_in_front,
                Words(
                    "g is stretched along a dim in front, not along `axis`. Put the axis back first:"
                    " np.expand_dims(g, axis).",
                    "g 沿前面的维拉伸了，而不是沿 `axis`。先把轴放回去：np.expand_dims(g, axis)。",
                ),
            ),
            Mistake(
                not_spread,
                Words(
                    "The result has the shape of g. The cotangent of x must have the shape of x:"
                    " np.broadcast_to.",
                    "结果的形状是 g 的形状。x 的余切要与 x 形状相同：np.broadcast_to。",
                ),
            ),
        ),
        hints=(
            Words(
                "Every entry of a row gets the same: the cotangent of the row's mean, divided by how"
                " many entries the row has.",
                "一行中的每个元素得到的都一样：这一行平均值的余切，除以这一行的元素个数。",
            ),
            Words(
                "np.expand_dims(g, axis) has the right dims; np.broadcast_to(…, shape) copies it.",
                "np.expand_dims(g, axis) 的维数就对了；np.broadcast_to(…, shape) 负责复制。",
            ),
            Words(
                "np.broadcast_to(np.expand_dims(g, axis), shape) / shape[axis]",
                "写 np.broadcast_to(np.expand_dims(g, axis), shape) / shape[axis]",
            ),
        ),
    ),
    exercise(
        "03.3",
        "matmul_backward",
        Words("the product of matrices, backwards", "矩阵乘积的反向"),
        cases=(
            "matmul_backward(numbers(2, 4), numbers(2, 3), numbers(3, 4))",
            "matmul_backward(numbers(3, 3), numbers(3, 3) + 1, numbers(3, 3) * 2)",
        ),
        solution=solutions.matmul_backward,
        mistakes=(
            Mistake(
                not_transposed,
                Words(
                    "The transposes are missing. With g (N, M) and b (K, M), only g @ b.T has the"
                    " shape of a.",
                    "少了转置。g 是 (N, M)，b 是 (K, M)，只有 g @ b.T 的形状与 a 相同。",
                ),
            ),
            Mistake(
                swapped,
                Words(
                    "The two results are swapped: first the cotangent of a, then that of b.",
                    "两个结果的顺序反了：先是 a 的余切，再是 b 的。",
                ),
            ),
            Mistake(
                wrong_order,
                Words(
                    "The factors stand in the wrong order. For a: g first, then b.T. For b: a.T first,"
                    " then g.",
                    "因子的顺序不对。对 a：先 g，再 b.T。对 b：先 a.T，再 g。",
                ),
            ),
            Mistake(
                elementwise,
                Words(
                    "`*` multiplies entry by entry. The cotangents are products of matrices: `@`.",
                    "`*` 是逐元素相乘。余切是矩阵乘积：用 `@`。",
                ),
            ),
            Mistake(
                results_transposed,
                Words(
                    "Each result is the transpose of what it must be: it must have the shape of its"
                    " input.",
                    "每个结果都转置了：它应与各自的输入形状相同。",
                ),
            ),
            Mistake(
                only_a,
                Words(
                    "This is the cotangent of a alone. Return a pair: that of a, that of b.",
                    "这里只有 a 的余切。要返回一对：a 的和 b 的。",
                ),
            ),
        ),
        hints=(
            Words(
                "That of a stands above. For b[k, j]: which outputs does it move, and how fast?",
                "a 的余切在上面已经有了。对 b[k, j]：它影响哪些输出，各快多少？",
            ),
            Words(
                "b[k, j] moves column j: Σᵢ a[i, k] · g[i, j]. Which product of matrices is that?",
                "b[k, j] 影响第 j 列：Σᵢ a[i, k] · g[i, j]。这是哪个矩阵乘积？",
            ),
            Words("return g @ b.T, a.T @ g", "写 return g @ b.T, a.T @ g"),
        ),
    ),
)
