"""Launchers of kernels/gelu.cpp, activations.cpp and mul_mask.cpp."""

from __future__ import annotations

from ...launch.shapes import float32
from ..rungs import native


def takes(input, approximate):
    return float32(input) and approximate in ("none", "tanh")


def takes_backward(u, input, gate, approximate):
    return takes(input, approximate) and float32(u, gate) and u.shape == input.shape == gate.shape


def forward(fn, x, approximate):
    x = fn.contiguous(x)
    out, gate = fn.empty(x.shape, x), fn.empty(x.shape, x)
    fn(out, gate, x, x.size, int(approximate == "tanh"))
    return out, gate


def backward(fn, u, x, gate, approximate):
    u, x, gate, out = *map(fn.contiguous, (u, x, gate)), fn.empty(x.shape, x)
    fn(out, u, x, gate, x.size, int(approximate == "tanh"))
    return out


@native("gelu_1_naive", supports=takes)
def gelu_1_naive(fn, input, *, approximate="none"):
    return forward(fn, input, approximate)


@native("gelu_2_vectors", supports=takes)
def gelu_2_vectors(fn, input, *, approximate="none"):
    return forward(fn, input, approximate)


@native("gelu_3_fused", supports=takes, least=64)
def gelu_3_fused(fn, input, *, approximate="none"):
    return forward(fn, input, approximate)


@native("gelu_backward_1_naive", supports=takes_backward)
def gelu_backward_1_naive(fn, u, input, gate, approximate="none"):
    return backward(fn, u, input, gate, approximate)


@native("gelu_backward_2_vectors", supports=takes_backward)
def gelu_backward_2_vectors(fn, u, input, gate, approximate="none"):
    return backward(fn, u, input, gate, approximate)


def takes_mask(u, y):
    return float32(u, y) and u.shape == y.shape


def masked(fn, u, y):
    u, y, out = fn.contiguous(u), fn.contiguous(y), fn.empty(y.shape, y)
    fn(out, u, y, y.size)
    return out


@native("mul_mask_1_naive", supports=takes_mask)
def mul_mask_1_naive(fn, u, y):
    return masked(fn, u, y)


@native("mul_mask_2_vectors", supports=takes_mask)
def mul_mask_2_vectors(fn, u, y):
    return masked(fn, u, y)


# ---- other activations ---------------------------------------------------------------------------


def in_one_piece(input):
    return float32(input) and input.flags.c_contiguous and input.size > 0


def each(fn, x, *settings):
    out = fn.empty(x.shape, x)
    fn(out, x, *settings, x.size)
    return out


@native("relu_1_naive", supports=in_one_piece, pinned_only=True)
def relu_1_naive(fn, input):
    return each(fn, input)


@native("relu_2_vectors", supports=in_one_piece)
def relu_2_vectors(fn, input):
    return each(fn, input)


@native("sigmoid_1_naive", supports=in_one_piece, pinned_only=True)
def sigmoid_1_naive(fn, input):
    return each(fn, input)


@native("sigmoid_2_vectors", supports=in_one_piece)
def sigmoid_2_vectors(fn, input):
    return each(fn, input)


@native("tanh_1_naive", supports=in_one_piece, pinned_only=True)
def tanh_1_naive(fn, input):
    return each(fn, input)


@native("tanh_2_vectors", supports=in_one_piece)
def tanh_2_vectors(fn, input):
    return each(fn, input)


@native("silu_1_naive", supports=in_one_piece, pinned_only=True)
def silu_1_naive(fn, input):
    return each(fn, input)


@native("silu_2_vectors", supports=in_one_piece)
def silu_2_vectors(fn, input):
    return each(fn, input)


@native("mish_1_naive", supports=in_one_piece, pinned_only=True)
def mish_1_naive(fn, input):
    return each(fn, input)


@native("mish_2_vectors", supports=in_one_piece)
def mish_2_vectors(fn, input):
    return each(fn, input)


@native("leaky_relu_1_naive", supports=in_one_piece, pinned_only=True)
def leaky_relu_1_naive(fn, input, negative_slope=0.01):
    return each(fn, input, negative_slope)


@native("leaky_relu_2_vectors", supports=in_one_piece)
def leaky_relu_2_vectors(fn, input, negative_slope=0.01):
    return each(fn, input, negative_slope)
