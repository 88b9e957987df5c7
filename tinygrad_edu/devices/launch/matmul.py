"""Launchers of kernels/matmul/*.cu and kernels/linear.cu."""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import aligned, ceil_div, float32

MOST = 65535  # blocks along y and z


def sizes(a, b):
    """(batch dims, M, N, K) of a product: a vector on the left is one row, on the right one column;
    a stack times one matrix is one tall product.

    None if the shapes do not fit: the generic forward says so.
    """
    rows, inner = (a.shape[:-1], a.shape[-1]) if a.ndim else ((), 0)
    if not (a.ndim and b.ndim) or inner != b.shape[max(b.ndim - 2, 0)]:
        return None
    if b.ndim < 3:
        return (), math.prod(rows), math.prod(b.shape[1:]), inner
    stacks = [x.shape[:-2] for x in (a, b)]
    wide = max(map(len, stacks))
    pairs = list(zip(*((1,) * (wide - len(s)) + tuple(s) for s in stacks)))
    if any(n != m and 1 not in (n, m) for n, m in pairs):
        return None
    return (
        tuple(m if n == 1 else n for n, m in pairs),
        a.shape[-2] if a.ndim > 1 else 1,
        b.shape[-1],
        inner,
    )


def products(input, other, side=128):
    """Whether the shapes fit together and into a grid whose blocks reach `side` rows along y."""
    found = float32(input, other) and sizes(input, other)
    if not found:
        return False
    batch, M, N, K = found
    # an index may overshoot by a tile
    return (
        math.prod(batch) <= MOST
        and max(M, N) <= side * MOST
        and max(M * N, M * K, K * N) < 2**31 - 128
    )


def products_of_fours(input, other):
    """Whether also no float4 is cut by an edge or stands askew.

    What is not contiguous will be copied, and stand well.
    """
    return (
        products(input, other)
        and sizes(input, other)[2] % 4 == 0 == input.shape[-1] % 4
        and all(aligned(x) for x in (input, other) if x.flags.c_contiguous)
    )


def stack(fn, x, batch):
    """x in row-major order, and how far it is from one matrix to the next: 0 if there is only one
    for all.
    """
    if math.prod(x.shape[:-2]) == 1:
        return fn.contiguous(x), 0
    if x.shape[:-2] != batch:
        x = fn.device.F.broadcast_to(x, (*batch, *x.shape[-2:]))
    return fn.contiguous(x), x.shape[-2] * x.shape[-1]


def prepare(fn, a, b):
    """The result, not yet written; a and b in row-major order, each with its step from one matrix
    to the next; and (how many, M, N, K).
    """
    batch, *MNK = sizes(a, b)
    out = fn.empty(
        (*batch, *a.shape[-2:-1], *b.shape[-1:]) if b.ndim > 2 else (*a.shape[:-1], *b.shape[1:]), a
    )
    return (
        out,
        stack(fn, a, batch) if batch else (fn.contiguous(a), 0),
        stack(fn, b, batch),
        (math.prod(batch), *MNK),
    )


def launch(fn, a, b, block, grid):
    """`grid` tells the blocks along x and y for M rows and N columns."""
    out, (a, step_a), (b, step_b), (count, M, N, K) = prepare(fn, a, b)
    if out.size:
        fn((*grid(M, N), count), block, (out, a, b, M, N, K, step_a, step_b))
    return out


def tiles(cols, rows):
    """Blocks that compute that many columns and rows each, neighbours along a row one after
    another.
    """
    return lambda M, N: (ceil_div(N, cols), ceil_div(M, rows))


@kernel("matmul_1_naive", supports=lambda input, other: products(input, other, 8))
def matmul_1_naive(fn, input, other):
    return launch(fn, input, other, (32, 8), lambda M, N: (ceil_div(M, 32), ceil_div(N, 8)))


@kernel("matmul_2_coalesced", supports=lambda input, other: products(input, other, 8))
def matmul_2_coalesced(fn, input, other):
    return launch(fn, input, other, (32, 8), tiles(32, 8))


@kernel("matmul_3_shared", supports=lambda input, other: products(input, other, 32))
def matmul_3_shared(fn, input, other):
    return launch(fn, input, other, (32, 32), tiles(32, 32))


@kernel("matmul_4_rows", supports=lambda input, other: products(input, other, 64))
def matmul_4_rows(fn, input, other):
    return launch(fn, input, other, (512,), tiles(64, 64))


@kernel("matmul_5_square", supports=lambda input, other: products(input, other))
def matmul_5_square(fn, input, other):
    return launch(fn, input, other, (256,), tiles(128, 128))


@kernel("matmul_6_float4", supports=products_of_fours)
def matmul_6_float4(fn, input, other):
    return launch(fn, input, other, (256,), tiles(128, 128))


@kernel("matmul_7_warp", supports=products_of_fours)
def matmul_7_warp(fn, input, other):
    return launch(fn, input, other, (256,), tiles(128, 128))


# ---- bfloat16: rounds more than a product of float32 may, so only for who asks -------------------


def rounded(fn, x, step, size, wide):
    """x, matrices of `size`, in bfloat16 and filled up with zeros to the size `wide`; and the step
    from one to the next.
    """
    count = math.prod(x.shape) // max(math.prod(size), 1) if step else 1
    out = fn.empty((count, *wide), "uint16")
    fn(
        (ceil_div(wide[1], 128), min(wide[0], MOST), count),
        (128,),
        (out, x, *size, *wide),
        entry="round_to_bfloat16",
    )
    return out, math.prod(wide) if step else 0


def launch_bfloat16(fn, a, b, block, rows, cols, depth):
    """A block computes rows x cols, in steps of `depth` along K."""
    out, (a, step_a), (b, step_b), (count, M, N, K) = prepare(fn, a, b)
    if out.size:
        wide_M, wide_N, wide_K = (
            ceil_div(n, by) * by for n, by in ((M, rows), (N, cols), (K, depth))
        )
        a, step_a = rounded(fn, a, step_a, (M, K), (wide_M, wide_K))
        b, step_b = rounded(fn, b, step_b, (K, N), (wide_K, wide_N))
        fn(
            (wide_N // cols, wide_M // rows, count),
            block,
            (out, a, b, M, N, wide_N, wide_K, step_a, step_b),
        )
    return out


@kernel(
    "matmul_8a_wmma", supports=lambda input, other: products(input, other, 16), pinned_only=True
)
def matmul_8a_wmma(fn, input, other):
    return launch_bfloat16(fn, input, other, (32, 4), 16, 64, 16)


@kernel(
    "matmul_8b_wmma_shared", supports=lambda input, other: products(input, other), pinned_only=True
)
def matmul_8b_wmma_shared(fn, input, other):
    return launch_bfloat16(fn, input, other, (256,), 128, 128, 32)


@kernel("matmul_9_mma", supports=lambda input, other: products(input, other), pinned_only=True)
def matmul_9_mma(fn, input, other):
    return launch_bfloat16(fn, input, other, (256,), 128, 128, 32)


def tiled(fn, x, step, rows, K, turned):
    """x, (rows, K) or turned (K, rows), as bfloat16 tiles of 128 x 64; and the step from one matrix
    to the next.
    """
    down, along, count = (
        ceil_div(rows, 128),
        ceil_div(K, 64),
        math.prod(x.shape) // max(rows * K, 1) if step else 1,
    )
    out = fn.empty((count, down, along, 128 * 64), "uint16")
    fn((along, down, count), (256,), (out, x, rows, K, int(turned)), entry="round_to_tiles")
    return out, down * along * 128 * 64 if step else 0


@kernel("matmul_10_hopper", supports=lambda input, other: products(input, other), pinned_only=True)
def matmul_10_hopper(fn, input, other):
    out, (a, step_a), (b, step_b), (count, M, N, K) = prepare(fn, input, other)
    if out.size:
        (a, step_a), (b, step_b) = (
            tiled(fn, a, step_a, M, K, False),
            tiled(fn, b, step_b, N, K, True),
        )
        fn(
            (ceil_div(N, 128), ceil_div(M, 128), count),
            (256,),
            (out, a, b, M, N, ceil_div(K, 64), step_a, step_b),
            shared=4 * (2 * 128 * 64 * 2 + 8),
        )
    return out


# ---- linear --------------------------------------------------------------------------------------


def affine(input, weight, bias, side=128):
    """Whether the shapes fit together and into a grid."""
    if (
        not float32(input, weight, bias)
        or weight.ndim != 2
        or input.ndim == 0
        or input.shape[-1] != weight.shape[1]
    ):
        return False
    if bias is not None and bias.shape != weight.shape[:1]:
        return False
    N, K = weight.shape
    M = math.prod(input.shape[:-1])
    return side * MOST >= M and max(M * N, M * K, N * K) < 2**31 - 128


def affine_of_fours(input, weight, bias):
    return (
        affine(input, weight, bias)
        and weight.shape[0] % 4 == 0 == weight.shape[1] % 4
        and all(aligned(x) for x in (input, weight, bias) if x is not None and x.flags.c_contiguous)
    )


def launch_linear(fn, input, weight, bias, block, side):
    (N, K), M = weight.shape, math.prod(input.shape[:-1])
    out = fn.empty((*input.shape[:-1], N), input)
    if out.size:
        bias = bias if bias is None else fn.contiguous(bias)
        fn(
            (ceil_div(N, side), ceil_div(M, side)),
            block,
            (out, fn.contiguous(input), fn.contiguous(weight), bias, M, N, K),
        )
    return out


@kernel("linear_1_shared", supports=lambda input, weight, bias: affine(input, weight, bias, 32))
def linear_1_shared(fn, input, weight, bias=None):
    return launch_linear(fn, input, weight, bias, (32, 32), 32)


@kernel("linear_2_warp", supports=affine_of_fours)
def linear_2_warp(fn, input, weight, bias=None):
    return launch_linear(fn, input, weight, bias, (256,), 128)
