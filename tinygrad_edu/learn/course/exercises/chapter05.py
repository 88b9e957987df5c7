"""Exercises of chapter 05: convolution as a product of matrices."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..exercise import Exercise, Mistake
from ..solutions import chapter05 as solutions
from ..words import Words


def numbers(*shape):
    """The same numbers each time, all different."""
    return np.random.default_rng(sum(shape)).normal(size=shape)


def places(shape, K):
    H, W = shape
    return [(i, j) for i in range(H - K + 1) for j in range(W - K + 1)]


# ---- 05.1 ----------------------------------------------------------------------------------------


def without_one(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride


def padded_once(size, kernel, stride, padding):
    return (size + padding - kernel) // stride + 1


def not_rounded(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) / stride + 1


def one_before_dividing(size, kernel, stride, padding):
    return (size + 2 * padding - kernel + 1) // stride


def without_stride(size, kernel, stride, padding):
    return size + 2 * padding - kernel + 1


# ---- 05.2 ----------------------------------------------------------------------------------------


def pieces_as_columns(x, K):
    return solutions.unfold(x, K).T


def transposed_pieces(x, K):
    return np.array([x[i : i + K, j : j + K].T.ravel() for i, j in places(x.shape, K)])


def without_overlap(x, K):
    H, W = x.shape
    starts = [(i, j) for i in range(0, H - K + 1, K) for j in range(0, W - K + 1, K)]
    return np.array([x[i : i + K, j : j + K].ravel() for i, j in starts])


def last_left_out(x, K):
    H, W = x.shape
    starts = [(i, j) for i in range(H - K) for j in range(W - K)]
    return np.array([x[i : i + K, j : j + K].ravel() for i, j in starts])


def not_flat(x, K):
    return np.array([x[i : i + K, j : j + K] for i, j in places(x.shape, K)])


def down_first(x, K):
    H, W = x.shape
    starts = [(i, j) for j in range(W - K + 1) for i in range(H - K + 1)]
    return np.array([x[i : i + K, j : j + K].ravel() for i, j in starts])


# ---- 05.3 ----------------------------------------------------------------------------------------


def replaced(g, H, W, K):
    out = np.zeros((H, W))
    for (i, j), row in zip(places((H, W), K), g):
        out[i : i + K, j : j + K] = row.reshape(K, K)
    return out


def averaged(g, H, W, K):
    return solutions.fold(g, H, W, K) / solutions.fold(np.ones_like(g), H, W, K)


def rows_summed(g, H, W, K):
    out = np.zeros((H, W))
    for (i, j), row in zip(places((H, W), K), g):
        out[i, j] += row.sum()
    return out


def pieces_turned(g, H, W, K):
    turned = g.reshape(-1, K, K).transpose(0, 2, 1).reshape(len(g), K * K)
    return solutions.fold(turned, H, W, K)


exercise = partial(Exercise, names=globals())

EXERCISES = (
    exercise(
        "05.1",
        "output_size",
        Words("how many places a kernel has", "卷积核有多少个位置"),
        cases=(
            "output_size(28, 3, 1, 0)",
            "output_size(28, 3, 1, 1)",
            "output_size(28, 5, 2, 2)",
            "output_size(7, 3, 3, 0)",
            "output_size(11, 3, 4, 1)",
        ),
        solution=solutions.output_size,
        mistakes=(
            Mistake(
                without_one,
                Words(
                    "One place is missing: the first one. A kernel as large as the picture has 1 place.",
                    "少了一个位置，即第一个。与图片一样大的核有 1 个位置。",
                ),
            ),
            Mistake(
                padded_once,
                Words("The padding is on both sides: 2 * padding.", "两边都有填充：2 * padding。"),
            ),
            Mistake(
                not_rounded,
                Words(
                    "The result is not always whole. A place where the kernel sticks out does not count:"
                    " round down with `//`.",
                    "结果不一定是整数。超出边界的位置不算：用 `//` 向下取整。",
                ),
            ),
            Mistake(
                one_before_dividing,
                Words(
                    "The 1 is added before the division. Count the moves first, `(…) // stride`, then"
                    " add the first place.",
                    "1 加在了除法之前。先数移动的次数 `(…) // stride`，再加上第一个位置。",
                ),
            ),
            Mistake(without_stride, Words("The stride is not used.", "没有用到步幅。")),
        ),
        hints=(
            Words(
                "How far can the kernel move from its first place?", "核从第一个位置能移动多远？"
            ),
            Words(
                "By size + 2 * padding - kernel pixels, in moves of `stride`.",
                "能移动 size + 2 * padding - kernel 个像素，每次 `stride` 个。",
            ),
            Words(
                "(size + 2 * padding - kernel) // stride + 1",
                "写 (size + 2 * padding - kernel) // stride + 1",
            ),
        ),
    ),
    exercise(
        "05.2",
        "unfold",
        Words("every piece becomes a row", "每一块变成一行"),
        cases=("unfold(numbers(4, 5), 2)", "unfold(numbers(5, 5), 3)", "unfold(numbers(3, 3), 3)"),
        solution=solutions.unfold,
        mistakes=(
            Mistake(
                not_flat,
                Words(
                    "The pieces are still squares. Make each a row: `.ravel()`.",
                    "各块还是方形的。把每块变成一行：`.ravel()`。",
                ),
            ),
            Mistake(
                pieces_as_columns,
                Words(
                    "The pieces are columns here. Each must be a row.",
                    "这里各块成了列。每块应是一行。",
                ),
            ),
            Mistake(
                last_left_out,
                Words(
                    "The last row and column of places are missing: there are H - K + 1 and W - K + 1.",
                    "少了最后一行和最后一列的位置：应有 H - K + 1 和 W - K + 1 个。",
                ),
            ),
            Mistake(
                without_overlap,
                Words(
                    "The kernel jumps by its own size. It moves by one pixel, so pieces overlap.",
                    "核每次跳过了自己的大小。它应移动一个像素，各块会重叠。",
                ),
            ),
            Mistake(
                transposed_pieces,
                Words(
                    "Each piece is transposed. Read it row by row.", "每一块都转置了。请逐行读取。"
                ),
            ),
            Mistake(
                down_first,
                Words(
                    "The places go from top to bottom first. Go from left to right first.",
                    "位置是先从上到下走的。请先从左到右。",
                ),
            ),
        ),
        hints=(
            Words("Two loops, as in conv2d_by_loops.", "两重循环，如 conv2d_by_loops。"),
            Words(
                "Append x[i : i + K, j : j + K].ravel() to a list.",
                "把 x[i : i + K, j : j + K].ravel() 追加到列表。",
            ),
            Words("Return np.array(rows).", "返回 np.array(rows)。"),
        ),
    ),
    exercise(
        "05.3",
        "fold",
        Words("adding the pieces back", "把各块加回去"),
        cases=("fold(numbers(12, 4), 4, 5, 2)", "fold(numbers(9, 9), 5, 5, 3)"),
        solution=solutions.fold,
        mistakes=(
            Mistake(
                replaced,
                Words(
                    "Pieces overlap, and a later one replaces an earlier one. Add: `+=`.",
                    "各块重叠，后面的覆盖了前面的。请累加：`+=`。",
                ),
            ),
            Mistake(
                averaged,
                Words(
                    "This is the mean over the pieces of a pixel. Gradients of copies add up.",
                    "这是对像素所在各块的平均。副本的梯度应当相加。",
                ),
            ),
            Mistake(
                rows_summed,
                Words(
                    "Each row is summed into one pixel. Each of its K · K numbers belongs to a pixel of"
                    " its own.",
                    "每行都加到了一个像素上。它的 K · K 个数各属于一个像素。",
                ),
            ),
            Mistake(
                pieces_turned,
                Words("Each piece is transposed on its way back.", "每一块在加回去时被转置了。"),
            ),
        ),
        hints=(
            Words(
                "Start with zeros of (H, W), and go through the places as unfold did.",
                "从 (H, W) 的零开始，按 unfold 的顺序走过各个位置。",
            ),
            Words(
                "g[n].reshape(K, K) belongs to out[i : i + K, j : j + K].",
                "g[n].reshape(K, K) 属于 out[i : i + K, j : j + K]。",
            ),
            Words(
                "out[i : i + K, j : j + K] += g[n].reshape(K, K)",
                "写 out[i : i + K, j : j + K] += g[n].reshape(K, K)",
            ),
        ),
    ),
)
