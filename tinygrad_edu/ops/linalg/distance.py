"""Norms along a dim and what is measured with them: distances, angles, vectors of length one."""

from __future__ import annotations

from math import inf

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.dtype import check_float, check_number, promote_types
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor

X = [3, 5]


@piece(
    types="float",
    cases=[
        Case([2, 3]),
        Case([2, 3], 1.0, 0, second=False),
        Case([2, 3], 3.0, 1, True),
        Case([2, 3], 0.5),
        Case([2, 3], inf, second=False),
        Case([2, 3], 0.0, grad=False),
    ],
)
def length(xp, input: Array, p: float = 2.0, dim: int = -1, keepdim: bool = False):
    """Norm of order p along dim, with a gradient everywhere: 0 where the norm is 0.

    Math:   out = (sum |input|^p)^(1/p); p = 0 counts what is not 0, p = +-inf takes the extreme;
            d input = g sign(input) (|input| / out)^(p - 1)
    """
    if p == 2:
        return xp.sqrt((input * input).sum(axis=dim, keepdims=keepdim))
    if p == 0:
        counted = xp.where(xp.isnan(input), input, (input != 0).astype(input.dtype))
        return counted.sum(axis=dim, keepdims=keepdim)
    size = xp.absolute(input)
    if p == 1:
        return size.sum(axis=dim, keepdims=keepdim)
    if p == inf:
        return size.max(axis=dim, keepdims=keepdim)
    if p == -inf:
        return size.min(axis=dim, keepdims=keepdim)
    return (size**p).sum(axis=dim, keepdims=keepdim) ** (1 / p)


def length_vjp(F, g, input, out, p, dim, keepdim):
    if not keepdim:
        g, out = F.unsqueeze(g, dim), F.unsqueeze(out, dim)
    if p == 0:
        return input * 0
    if p == 1:
        return g * F.sign(input)
    if p in (inf, -inf):  # shared by those that reach it
        there = F.cast_like(F.abs(input) == out, input)
        return F.sign(input) * there * (g / F.sum(there, dim, True))
    if p == 2:
        return input * F.where(out == 0, 0.0, g / F.where(out == 0, 1.0, out))
    safe, here = F.where(out == 0, 1.0, out), input == 0
    return F.where(
        here | (out == 0),
        0.0,
        g * F.sign(input) * F.pow(F.where(here, 1.0, F.abs(input)) / safe, p - 1),
    )


length.vjp(input=length_vjp)


@piece(elementwise=True, cases=[Case([2, 3], 0.1, grad=False)])
def held_above(xp, input: Array, low: float):
    """The input, raised to at least `low`; the gradient passes unchanged.

    Math:   out = max(input, low);   d input = g
    """
    return xp.maximum(input, input.dtype.type(low))


held_above.vjp(input=lambda g: g)


@composite(method=False, cases=[Case(X), Case([2, 3, 4], 1.0, -1), Case(X, 3.0)])
def normalize(F, input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its norm along dim.

    Math:   out = input / max(|input|_p, eps)
    """
    check_float("normalize", input)
    return input / F.clamp(F.length(input, p, dim, True), min=eps)


@composite(method=False, cases=[Case(X, X), Case([2, 3, 4], [2, 1, 4], dim=-1)])
def cosine_similarity(F, x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Tensor:
    """Cosine of the angle between x1 and x2 along dim.

    Math:   out = sum x1 x2 / (max(|x1|, eps) max(|x2|, eps))
    Note:   the gradient of a norm below eps is that of the norm
    """
    if not (x1.dtype.is_floating_point or x2.dtype.is_floating_point):
        raise DTypeError(
            f"cosine_similarity: x1 or x2 must be a floating-point tensor, got {x1.dtype.name} and"
            f" {x2.dtype.name}. Convert one with .float()."
        )
    dtype = promote_types(x1.dtype, x2.dtype)
    x1, x2 = F.broadcast_tensors(x1.to(dtype), x2.to(dtype))
    return F.sum(
        (x1 / F.held_above(F.length(x1, 2.0, dim, True), eps))
        * (x2 / F.held_above(F.length(x2, 2.0, dim, True), eps)),
        dim,
    )


@composite(
    method=False,
    cases=[
        Case(X, X),
        Case(X, X, 1.0),
        Case(X, X, 3.0, keepdim=True),
        Case([5], X),
        Case(X, X, 0.5),
    ],
)
def pairwise_distance(
    F, x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> Tensor:
    """Distance of order p between vectors, along the last dim.

    Math:   out = |x1 - x2 + eps|_p
    """
    check_number("pairwise_distance", x1, "x1")
    check_number("pairwise_distance", x2, "x2")
    return F.length(x1 - x2 + eps, p, -1, keepdim)


@piece(types="match", cases=[Case([3, 4], [2, 4]), Case([2, 3, 4], [2, 2, 4])])
def euclidean_distances(xp, x1: Array, x2: Array):
    """All distances between two sets of vectors by one matrix product.

    Math:   out_ij = |x1_i - x2_j|, its square being |x1_i|^2 + |x2_j|^2 - 2 x1_i x2_j;   d x1_i =
            sum_j r_ij (x1_i - x2_j), r = g / out (0 where out = 0)
    Note:   a small distance between large vectors loses digits
    """
    out = xp.matmul(x1 * -2, xp.swapaxes(x2, -1, -2))
    out += (x1 * x1).sum(-1)[..., :, None]
    out += (x2 * x2).sum(-1)[..., None, :]
    return xp.sqrt(xp.maximum(out, 0, out=out), out=out)


def euclidean_d(F, g, x, y, out):
    ratio = F.where(out == 0, 0.0, g / F.where(out == 0, 1.0, out))
    return x * F.sum(ratio, -1, True) - F.matmul(ratio, y)


euclidean_distances.vjp(
    x1=lambda F, g, x1, x2, out: euclidean_d(F, g, x1, x2, out),
    x2=lambda F, g, x1, x2, out: euclidean_d(
        F, F.transpose(g, -1, -2), x2, x1, F.transpose(out, -1, -2)
    ),
)

MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@composite(
    method=False,
    cases=[
        Case([3, 4], [5, 4]),
        Case([3, 4], [5, 4], 1.0),
        Case([2, 3, 4], [5, 4], 3.0),
        Case([3, 4], [2, 4], compute_mode=MODES[1]),
        Case([3, 2], [2, 2], float("inf")),
        Case([3, 2], [2, 2], 0.0, second=False),
        Case([3, 2], [2, 2], 0.5),
    ],
)
def cdist(F, x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = MODES[0]) -> Tensor:
    """All distances of order p between two sets of vectors.

    Math:   out_ij = |x1_i - x2_j|_p
    Shape:  x1 (*, P, M), x2 (*, R, M), out (*, P, R)
    Args:   compute_mode: when to work by a matrix product, for p = 2: more than 25 vectors in a
            set, always, or never
    Note:   the gradient is 0 where the distance is
    """
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: x1 and x2 must be (*, P, M) and (*, R, M), got {tuple(x1.shape)} and"
            f" {tuple(x2.shape)}. Give one vector a row."
        )
    if x1.dtype.name != x2.dtype.name or not x1.dtype.is_floating_point:
        raise DTypeError(
            f"cdist: x1 and x2 must have one floating-point dtype, got {x1.dtype.name} and"
            f" {x2.dtype.name}. Convert them."
        )
    if not p >= 0:
        raise ShapeError(f"cdist: p must be 0 or more, got {p}. Use 2 for the common distance.")
    if compute_mode not in MODES:
        raise ShapeError(
            f"cdist: compute_mode must be one of {MODES}, got {compute_mode!r}. Omit it for"
            " the first."
        )
    if p == 2 and (
        compute_mode == MODES[1]
        or compute_mode == MODES[0]
        and max(x1.shape[-2], x2.shape[-2]) > 25
    ):
        return F.euclidean_distances(x1, x2)
    return distance(F, F.unsqueeze(x1, -2) - F.unsqueeze(x2, -3), p)


@composite(
    method=False,
    cases=[
        Case([4, 3]),
        Case([4, 3], 1.0),
        Case([3, 2], 3.0),
        Case([1, 3]),
        Case([4, 2], float("inf")),
    ],
)
def pdist(F, input: Tensor, p: float = 2.0) -> Tensor:
    """Distances of order p between all pairs of rows: the part of cdist(input, input) above its
    diagonal.

    Math:   out = |input_i - input_j|_p for i < j, row by row
    Shape:  (N, M) to (N (N - 1) / 2)
    """
    if input.ndim != 2:
        raise ShapeError(
            f"pdist: input must be (N, M), got shape {tuple(input.shape)}. Give one vector a row."
        )
    if not input.dtype.is_floating_point or not p >= 0:
        raise DTypeError(
            f"pdist: input must be a floating-point tensor and p 0 or more, got {input.dtype.name}"
            f" and {p}. Correct them."
        )
    first, second = (
        Tensor(i, input.device) for i in input.device.xp.triu_indices(input.shape[0], 1)
    )
    return distance(F, F.index_select(input, 0, first) - F.index_select(input, 0, second), p)


def distance(F, difference, p):
    """Length along the last dim; vectors without elements are no distance apart."""
    return F.length(difference, p, -1) if difference.shape[-1] else F.sum(difference, -1)
