"""Launchers of kernels/class_cross_entropy.cu, the fused part of cross_entropy."""

from __future__ import annotations

from ..rungs import kernel
from .shapes import aligned, ceil_div, float32


def rows_of_scores(input, target):
    return (
        float32(input)
        and input.ndim == 2
        and 0 < input.size < 2**31 - 4096
        and target.dtype == "int64"
        and target.shape == input.shape[:1]
    )


def launch(fn, x, target, ignore_index, start):
    """`start(arrays, rows, classes)` launches."""
    x, target, (rows, classes) = fn.contiguous(x), fn.contiguous(target), x.shape
    loss, top, logsum = fn.empty((rows,), x), fn.empty((rows, 1), x), fn.empty((rows, 1), x)
    start((loss, top, logsum, x, target), rows, classes)
    return loss, top, logsum


def threads(classes):
    """A block for a row: up to 8 warps, as many as find two float4 for each thread."""
    return (32 * max(1, min(8, classes // 256)),)


@kernel("class_cross_entropy_1_naive", supports=rows_of_scores)
def class_cross_entropy_1_naive(fn, input, target, ignore_index=-100):
    return launch(
        fn,
        input,
        target,
        ignore_index,
        lambda arrays, rows, classes: fn(
            (ceil_div(rows, 128),), (128,), (*arrays, rows, classes, ignore_index)
        ),
    )


@kernel("class_cross_entropy_2_warp", supports=rows_of_scores)
def class_cross_entropy_2_warp(fn, input, target, ignore_index=-100):
    return launch(
        fn,
        input,
        target,
        ignore_index,
        lambda arrays, rows, classes: fn(
            (ceil_div(rows, 4),), (32, 4), (*arrays, rows, classes, ignore_index)
        ),
    )


@kernel("class_cross_entropy_3_vectors", supports=rows_of_scores)
def class_cross_entropy_3_vectors(fn, input, target, ignore_index=-100):
    return launch(
        fn,
        input,
        target,
        ignore_index,
        lambda arrays, rows, classes: fn(
            (rows,), threads(classes), (*arrays, classes, ignore_index)
        ),
    )


def with_residuals(u, input, target, top, logsum):
    return (
        rows_of_scores(input, target)
        and float32(u, top, logsum)
        and u.shape == target.shape
        and top.shape == logsum.shape == (input.shape[0], 1)
    )


def aligned_scores(u, input, target, top, logsum):
    # a copy is aligned
    return with_residuals(u, input, target, top, logsum) and (
        aligned(input) or not input.flags.c_contiguous
    )


def launch_backward(fn, u, x, target, top, logsum, start):
    x = fn.contiguous(x)
    out = fn.empty(x.shape, x)
    start((out, fn.contiguous(u), x, fn.contiguous(target), top, logsum), *x.shape)
    return out


@kernel("class_cross_entropy_backward_1_naive", supports=with_residuals)
def class_cross_entropy_backward_1_naive(fn, u, input, target, top, logsum, ignore_index=-100):
    return launch_backward(
        fn,
        u,
        input,
        target,
        top,
        logsum,
        lambda arrays, rows, classes: fn(
            (ceil_div(rows * classes, 256),),
            (256,),
            (*arrays, rows * classes, classes, ignore_index),
        ),
    )


@kernel("class_cross_entropy_backward_2_vectors", supports=aligned_scores)
def class_cross_entropy_backward_2_vectors(fn, u, input, target, top, logsum, ignore_index=-100):
    return launch_backward(
        fn,
        u,
        input,
        target,
        top,
        logsum,
        lambda arrays, rows, classes: fn(
            (rows,), threads(classes), (*arrays, classes, ignore_index)
        ),
    )
