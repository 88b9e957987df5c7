"""Arguments of kernels/gelu.cpp, activations.cpp and mul_mask.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("gelu")
def drawn_gelu(g):
    x = normal(g, g.integers(1, 90)) * 3
    x[g.random(x.shape) < 0.1] = g.choice([0.0, 30.0, -30.0, np.nan, 5.5, -5.5])
    return (x,)


@draws("gelu_backward")
def drawn_gelu_backward(g):
    n = g.integers(1, 90)
    return (normal(g, n), normal(g, n) * 3, np.abs(normal(g, n)))


@draws("mul_mask")
def drawn_mask(g):
    n = g.integers(1, 90)
    u, y = normal(g, n), normal(g, n)
    y[g.random(n) < 0.2] = g.choice([0.0, -0.0, np.nan, np.inf, -np.inf])
    u[g.random(n) < 0.1] = g.choice([np.nan, np.inf])
    return (u, y)


def odd_values(g, n):
    x = normal(g, n) * 6
    x[g.random(n) < 0.2] = g.choice([0.0, -0.0, 100.0, -100.0, np.nan, np.inf, -np.inf])
    return x


@draws("relu", "leaky_relu", "sigmoid", "tanh", "silu", "mish")
def drawn_activation(g):
    return (odd_values(g, g.integers(1, 90)),)
