"""Activation functions made of elementwise ops, and the distances and normalisations that belong beside them."""
from __future__ import annotations

from typing import Any

from ..base.case import Case, positive
from ..base.errors import ShapeError
from ..core.op import composite

X = [3, 5]  # the shape most cases use


@composite(method=False, cases=[Case(X, 0.3, -2.0), Case([7], -0.5, 20.0)])
def threshold(F: Any, input: Any, threshold: float, value: float) -> Any:
    """x where x > threshold, else value.

    Note: no gradient at or below the threshold.
    """
    return F.where(input > threshold, input, value)


@composite(method=False, cases=[Case(X), Case(positive(7, low=5.0, high=7.0))])
def relu6(F: Any, input: Any) -> Any:
    """x held in [0, 6]. Note: no gradient at the ends."""
    return F.hardtanh(input, 0.0, 6.0)


@composite(method=False, cases=[Case(X), Case(X, -0.5, 1.5)])
def hardtanh(F: Any, input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x held in [min_val, max_val]. Note: no gradient at the ends."""
    return F.where(input <= min_val, min_val, F.where(input >= max_val, max_val, input))


@composite(method=False, cases=[Case(X), Case(X, negative_slope=0.3)])
def leaky_relu(F: Any, input: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope·x. Note: the gradient at 0 is negative_slope."""
    return F.where(input > 0, input, input * negative_slope)


@composite(cases=[Case([2, 4, 3], positive(1)), Case([2, 4, 3], positive(4)), Case([4], positive(1))])
def prelu(F: Any, input: Any, weight: Any) -> Any:
    """x where x > 0, else w·x, with one w in all or one per channel (dim 1).

    Reference: K. He et al., 2015, "Delving deep into rectifiers".
    """
    if weight.shape not in ((), (1,)):
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.shape != (channels,):
            raise ShapeError(f"prelu: weight must have 1 element or one per channel ({channels}), got shape {tuple(weight.shape)}. Set num_parameters to that.")
        weight = F.reshape(weight, (channels,) + (1,) * (input.ndim - 2))
    return F.where(input > 0, input, weight * input)


@composite(method=False, cases=[Case(X), Case(X, 0.1, 0.3)])
def rrelu(F: Any, input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    """x where x > 0, else s·x: s random in [lower, upper) for each element in training, else their mean.

    Reference: B. Xu et al., 2015, "Empirical evaluation of rectified activations in convolutional network".
    """
    slope: Any = F.rand_like(input) * (upper - lower) + lower if training else (lower + upper) / 2
    return F.where(input > 0, input, input * slope)


@composite(method=False, cases=[Case(X), Case(X, 1.7)])
def elu(F: Any, input: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha·(eˣ − 1).

    Note: the exponential sees min(x, 0) only, so that large x make no overflow and no NaN gradient.
    Reference: D.-A. Clevert et al., 2016, "Fast and accurate deep network learning by exponential linear units".
    """
    return F.where(input > 0, input, alpha * F.expm1(F.where(input > 0, 0.0, input)))


@composite(method=False, cases=[Case(X)])
def selu(F: Any, input: Any) -> Any:
    """scale·elu(x, alpha), with the constants that keep mean 0 and variance 1.

    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks", eq. 2 and 14.
    """
    return 1.0507009873554804934193349852946 * F.elu(input, 1.6732632423543772848170429916717)


@composite(method=False, cases=[Case(X), Case(X, 0.7, rtol=1e-6)])
def celu(F: Any, input: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha·(e^(x/alpha) − 1).

    Reference: J. Barron, 2017, "Continuously differentiable exponential linear units".
    """
    if alpha == 0:
        raise ShapeError("celu: alpha must not be 0, got 0. Use relu, which is the limit.")
    return F.where(input > 0, input, alpha * F.expm1(F.where(input > 0, 0.0, input) / alpha))


@composite(method=False, cases=[Case(X)])
def mish(F: Any, input: Any) -> Any:
    """x·tanh(softplus(x)). Reference: D. Misra, 2019, "Mish: a self regularized non-monotonic activation function"."""
    return input * F.tanh(F.softplus(input))


@composite(method=False, cases=[Case(X), Case(positive(3, low=-200.0, high=-100.0))])
def logsigmoid(F: Any, input: Any) -> Any:
    """log(1 / (1 + e⁻ˣ)) = min(x, 0) − log(1 + e^−|x|). Note: neither end overflows."""
    return F.where(input < 0, input, 0.0) - F.log1p(F.exp(F.where(input < 0, input, -input)))


@composite(method=False, cases=[Case(X, rtol=1e-6), Case(positive(5, low=2.0, high=4.0), rtol=1e-6)])
def hardsigmoid(F: Any, input: Any) -> Any:
    """(x + 3) / 6 held in [0, 1]. Note: no gradient at the ends."""
    return F.relu6(input + 3) / 6


@composite(method=False, cases=[Case(X), Case(positive(5, low=2.0, high=4.0))])
def hardswish(F: Any, input: Any) -> Any:
    """x·hardsigmoid(x). Reference: A. Howard et al., 2019, "Searching for MobileNetV3"."""
    return input * F.hardsigmoid(input)


@composite(method=False, cases=[Case(X), Case(X, 0.9)])
def hardshrink(F: Any, input: Any, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, else 0."""
    return F.where((input > lambd) | (input < -lambd), input, 0.0)


@composite(method=False, cases=[Case(X), Case(X, 0.9)])
def softshrink(F: Any, input: Any, lambd: float = 0.5) -> Any:
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    if lambd < 0:
        raise ShapeError(f"softshrink: lambd must be 0 or more, got {lambd}. Give its absolute value.")
    return F.where(input > lambd, input - lambd, F.where(input < -lambd, input + lambd, 0.0))


@composite(method=False, cases=[Case(X)])
def tanhshrink(F: Any, input: Any) -> Any:
    """x − tanh(x)."""
    return input - F.tanh(input)


@composite(method=False, cases=[Case(X)])
def softsign(F: Any, input: Any) -> Any:
    """x / (1 + |x|)."""
    return input / (1 + F.abs(input))


@composite(method=False, cases=[Case([3, 4]), Case([4, 3], 0)])
def glu(F: Any, input: Any, dim: int = -1) -> Any:
    """a·sigmoid(b), a and b the two halves along dim.

    Reference: Y. Dauphin et al., 2017, "Language modeling with gated convolutional networks".
    """
    size = input.shape[dim]
    if size % 2:
        raise ShapeError(f"glu: the size along dim {dim} must be even, got {size}. Pad it or choose another dim.")
    before = (slice(None),) * (dim % input.ndim)
    return input[(*before, slice(0, size // 2))] * F.sigmoid(input[(*before, slice(size // 2, size))])


@composite(method=False, cases=[Case(X, 1), Case(X, dim=0)])
def softmin(F: Any, input: Any, dim: int | None = None) -> Any:
    """softmax(−x) along dim."""
    return F.softmax(-input, dim)


@composite(method=False, cases=[Case(X), Case([2, 3, 4], 1.0, -1), Case(X, 3.0)])
def normalize(F: Any, input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """x divided by its norm of order p along dim, or by eps if the norm is less."""
    size = vector_norm(F, input, p, dim, keepdim=True)
    return input / F.clamp(size, min=eps)


@composite(method=False, cases=[Case(X, X), Case([2, 3, 4], [2, 1, 4], dim=-1)])
def cosine_similarity(F: Any, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1·x2 / (|x1| |x2|) along dim, each norm at least eps."""
    size1, size2 = (F.clamp(vector_norm(F, x, 2.0, dim, keepdim=True), min=eps) for x in (x1, x2))
    return F.sum((x1 / size1) * (x2 / size2), dim)


@composite(method=False, cases=[Case(X, X), Case(X, X, 1.0), Case(X, X, 3.0, keepdim=True), Case([5], X)])
def pairwise_distance(F: Any, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The norm of order p of x1 − x2 + eps along the last dim."""
    return vector_norm(F, x1 - x2 + eps, p, -1, keepdim)


def vector_norm(F: Any, x: Any, p: float, dim: int, keepdim: bool) -> Any:
    """(Σ |x|^p)^(1/p) along dim. Note: the gradient at x = 0 is 0, not NaN."""
    if p == float("inf"):
        return F.amax(F.abs(x), dim, keepdim)
    if p == 1:
        return F.sum(F.abs(x), dim, keepdim=keepdim)
    total = F.sum(x * x if p == 2 else F.abs(x) ** p, dim, keepdim=keepdim)
    zero = total == 0
    return F.where(zero, 0.0, F.where(zero, 1.0, total) ** (1 / p))
