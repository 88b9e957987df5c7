"""Arguments of kernels/layer_normalization.cpp and batch_normalization.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("layer_normalization")
def drawn_rows(g):
    shape = tuple(g.integers(1, 30, 3))
    affine = g.random() < 0.5
    return (
        normal(g, *shape) + 3,
        normal(g, shape[-1]) if affine else None,
        normal(g, shape[-1]) if affine else None,
        (-1,),
    )


@draws("layer_normalization_backward")
def drawn_rows_backward(g):
    shape = tuple(g.integers(1, 30, 3))
    each = (*shape[:2], 1)
    weight = normal(g, shape[-1]) if g.random() < 0.5 else None
    stats = (normal(g, *each), np.abs(normal(g, *each)) + 0.5)
    return (normal(g, *shape), normal(g, *shape), *stats, weight, (-1,))


@draws("normalization_weight_backward")
def drawn_weight_backward(g):
    shape = tuple(g.integers(1, 30, 3))
    each = (*shape[:2], 1)
    mean = normal(g, *each) if g.random() < 0.5 else None
    return (normal(g, *shape), normal(g, *shape), np.abs(normal(g, *each)), mean, (-1,))


def drawn_batch(g):
    shape = (g.integers(2, 6), g.integers(1, 6), *g.integers(1, 9, g.integers(0, 3)))
    each = (1, shape[1], *(1 for _ in shape[2:]))
    return shape, each, (0, *range(2, len(shape)))


@draws("batch_normalization")
def drawn_batch_norm(g):
    shape, each, dims = drawn_batch(g)
    affine = [normal(g, *each), normal(g, *each)] if g.random() < 0.5 else [None, None]
    return (normal(g, *shape) + 2, *affine, dims)


@draws("batch_normalization_backward")
def drawn_batch_norm_backward(g):
    shape, each, dims = drawn_batch(g)
    weight = normal(g, *each) if g.random() < 0.5 else None
    stats = (normal(g, *each), np.abs(normal(g, *each)) + 0.5)
    return (normal(g, *shape), normal(g, *shape), *stats, weight, dims)


@draws("rms_normalization")
def drawn_rms(g):
    x, weight, _, dims = drawn_rows(g)
    return (x, weight, dims)


@draws("rms_normalization_backward")
def drawn_rms_backward(g):
    u, x, _, rstd, weight, dims = drawn_rows_backward(g)
    return (u, x, rstd, weight, dims)
