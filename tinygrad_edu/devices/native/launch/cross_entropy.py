"""Launchers of kernels/class_cross_entropy.cpp, the fused part of cross_entropy."""

from __future__ import annotations

from ...launch.cross_entropy import rows_of_scores, with_residuals
from ..rungs import native


def forward(fn, x, target, ignore_index):
    x, target, rows = fn.contiguous(x), fn.contiguous(target), len(x)
    loss, top, logsum = fn.empty((rows,), x), fn.empty((rows, 1), x), fn.empty((rows, 1), x)
    fn(loss, top, logsum, x, target, *x.shape, ignore_index)
    return loss, top, logsum


def backward(fn, u, x, target, top, logsum, ignore_index):
    """u is mostly one number for all rows, spread without a copy: it is read by its stride."""
    x, target, top, logsum = map(fn.contiguous, (x, target, top, logsum))
    out = fn.empty(x.shape, x)
    fn(out, u, u.strides[0] // 4, x, target, top, logsum, *x.shape, ignore_index)
    return out


@native("class_cross_entropy_1_naive", supports=rows_of_scores, pinned_only=True)
def class_cross_entropy_1_naive(fn, input, target, ignore_index=-100):
    return forward(fn, input, target, ignore_index)


@native("class_cross_entropy_2_online", supports=rows_of_scores, pinned_only=True)
def class_cross_entropy_2_online(fn, input, target, ignore_index=-100):
    return forward(fn, input, target, ignore_index)


@native("class_cross_entropy_3_fused", supports=rows_of_scores)
def class_cross_entropy_3_fused(fn, input, target, ignore_index=-100):
    return forward(fn, input, target, ignore_index)


@native("class_cross_entropy_backward_1_naive", supports=with_residuals, pinned_only=True)
def class_cross_entropy_backward_1_naive(fn, u, input, target, top, logsum, ignore_index=-100):
    return backward(fn, u, input, target, top, logsum, ignore_index)


@native("class_cross_entropy_backward_2_vectors", supports=with_residuals, least=128)
def class_cross_entropy_backward_2_vectors(fn, u, input, target, top, logsum, ignore_index=-100):
    return backward(fn, u, input, target, top, logsum, ignore_index)
