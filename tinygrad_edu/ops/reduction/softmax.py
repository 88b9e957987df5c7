"""Softmax, its logarithm, and log-sum-exp."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case, ints, positive
from ...engine.composite import composite
from ...engine.dtype import as_dtype
from ...engine.errors import check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .reduction import axes, spread

LAST = [
    Case([2, 3], -1),
    Case([2, 3, 4], 1),
    Case([2, 3], dim=0),
    Case([], 0),
    Case(ints(2, 3), 1, dtype="float64", torch=False),
]


def row_axis(name, dim, ndim):
    """The one dim that adds up to 1 as NumPy's axis, None for a 0-d tensor."""
    if type(dim) is int and ndim:
        return dim
    d = check_dim(name, dim, ndim)
    return d if ndim else None


def shifted(xp, x, dim, dtype):
    """x minus its largest along dim, in `dtype`, so that exp cannot overflow (with an infinite
    largest the result is NaN, as in PyTorch).
    """
    if dtype is not None:
        x = x.astype(as_dtype(dtype).numpy)
    return x - x.max(dim, None, True) if x.size else xp.array(x)


@op(cases=LAST, types="float")
def softmax(xp, input: Array, dim: int, dtype=None):
    """Exponentials that add up to one along dim.

    Math:   out_i = e^input_i / sum_j e^input_j;   d input = out (g - sum_j g_j out_j)
    Note:   computed from input - max input, so nothing overflows
    Args:   dtype: computed and returned in this dtype, by default in the input's
    """
    axis = row_axis("softmax", dim, input.ndim)
    e = shifted(xp, input, axis, dtype)
    if not input.ndim:
        return xp.exp(e)  # 1, or NaN
    xp.exp(e, e)
    e /= e.sum(axis, None, None, True)
    return e


softmax.vjp(input=lambda F, g, out, dim: F.softmax_backward(g, out, dim))


@piece(
    cases=[
        Case([2, 3], positive(2, 3), -1, torch=False),
        Case([2, 3, 4], [2, 3, 4], 1, torch=False),
    ]
)
def softmax_backward(xp, u: Array, y: Array, dim: int):
    """The cotangent of softmax, from the output's cotangent u and the output y.

    Math:   out = y (u - sum_j u_j y_j);   d u = softmax_backward(g, y),   d y = g (u - sum u y) - u
            sum g y
    """
    if not y.ndim:
        return u * 0
    out = u * y
    xp.subtract(u, out.sum(dim, None, None, True), out)
    out *= y
    return out


softmax_backward.vjp(
    u=lambda F, g, y, dim: F.softmax_backward(g, y, dim),
    y=lambda F, g, u, y, dim: g * (u - F.sum(u * y, dim, True)) - u * F.sum(g * y, dim, True),
)


@composite(method=False, cases=[Case([3, 5], 1), Case([3, 5], dim=0)])
def softmin(F, input: Tensor, dim: int | None = None, *, dtype=None) -> Tensor:
    """Softmax of -input along dim.

    Math:   out_i = e^-input_i / sum_j e^-input_j
    """
    return F.softmax(-input, dim, dtype=dtype)


@op(cases=LAST, types="float")
def log_softmax(xp, input: Array, dim: int, dtype=None):
    """Logarithm of softmax.

    Math:   out_i = input_i - ln sum_j e^input_j;   d input = g - e^out sum_j g_j
    """
    axis = row_axis("log_softmax", dim, input.ndim)
    s = shifted(xp, input, axis, dtype)
    s -= xp.log(xp.exp(s).sum(axis, None, None, True))
    return s


log_softmax.vjp(input=lambda F, g, out, dim: F.log_softmax_backward(g, out, dim))


@piece(cases=[Case([2, 3], [2, 3], -1, torch=False), Case([2, 3, 4], [2, 3, 4], 1, torch=False)])
def log_softmax_backward(xp, u: Array, y: Array, dim: int):
    """The cotangent of log_softmax, from the output's cotangent u and the output y.

    Math:   out = u - e^y sum_j u_j;   d u = g - sum_j g_j e^y_j,   d y = -g e^y sum_j u_j
    """
    if not y.ndim:
        return u * 0
    e = xp.exp(y)
    e *= u.sum(dim, None, None, True)
    return xp.subtract(u, e, e)


log_softmax_backward.vjp(
    u=lambda F, g, y, dim: g - F.sum(g * F.exp(y), dim, True),
    y=lambda F, g, u, y, dim: -g * F.exp(y) * F.sum(u, dim, True),
)


@op(types="float", cases=[Case([2, 3], -1), Case([2, 3, 4], (0, 2)), Case([2, 3], 1, keepdim=True)])
def logsumexp(xp, input: Array, dim: int | Sequence[int], keepdim: bool = False):
    """Logarithm of a sum of exponentials.

    Math:   out = ln sum e^input;   d input = g e^(input - out)
    """
    axis = axes("logsumexp", dim, input.ndim)
    top = (
        input.max(axis=axis, keepdims=True)
        if input.size
        else xp.full_like(input.sum(axis=axis, keepdims=True), -xp.inf)
    )
    top = xp.where(xp.isfinite(top), top, 0)
    out = xp.log(xp.exp(input - top).sum(axis=axis, keepdims=True)) + top
    return out if keepdim else out.squeeze(axis)


def logsumexp_vjp(F, g, input, out, input_shape, dim, keepdim):
    return spread(F, g, input_shape, dim, keepdim) * F.exp(
        input - spread(F, out, input_shape, dim, keepdim)
    )


logsumexp.vjp(input=logsumexp_vjp)


@composite(
    method=False,
    cases=[
        Case([3, 4], torch=False, grad=False),
        Case([3, 4], 0.5, True, dim=0, torch=False, grad=False),
    ],
)
def gumbel_softmax(
    F, logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A random choice along dim, made softly so that gradients pass.

    Math:   out = softmax((logits + G) / tau), G = -ln E, E exponential with rate 1
    Args:   tau: temperature above 0. hard: one-hot forward, the soft choice's gradient backward
    Reference: E. Jang et al., 2017, "Categorical reparameterization with Gumbel-softmax"; C.
               Maddison et al., 2017, "The concrete distribution"
    """
    noise = -F.log(F.empty_like(logits).exponential_())
    soft = F.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    best = F.argmax(soft, dim, True)
    one_hot = F.scatter(F.zeros_like(soft.detach()), dim, best, 1.0)
    return one_hot - soft.detach() + soft
