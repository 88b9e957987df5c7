"""Losses of numbers and of probabilities, and what all losses share. Those with a margin stand in
`margin_loss.py`, those of class numbers in `class_loss.py`, CTC's in `ctc.py`.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

from ...engine.case import Case, positive
from ...engine.composite import composite
from ...engine.dtype import check_float
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor

X = [3, 5]
PACKAGE = __name__.partition(".")[0]


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the arguments which came before it mean."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warn(f"size_average and reduce are deprecated: use reduction={reduction!r}.", FutureWarning)
    return reduction


def reduced(
    F: Any,
    name: str,
    loss: Any,
    reduction: str,
    size_average: bool | None = None,
    reduce: bool | None = None,
) -> Any:
    """All the losses, their mean or their sum. The deprecated arguments overrule `reduction`."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if reduction == "mean":
        return F.mean(loss)
    if reduction == "sum":
        return F.sum(loss)
    if reduction == "none":
        return loss
    raise ShapeError(
        f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}. Use one of those."
    )


def warn_if_broadcast(name: str, input: Any, target: Any) -> None:
    """(64, 1) beside (64,) gives 4096 differences, which is hardly ever meant."""
    if tuple(input.shape) != tuple(target.shape):
        warn(
            f"{name}: target has the shape {tuple(target.shape)}, but input has"
            f" {tuple(input.shape)}. They are broadcast, which is likely to give a wrong loss."
            " Reshape one of them."
        )


def check_weight(name: str, input: Any, weight: Any) -> None:
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        raise ShapeError(
            f"{name}: weight must have the shape {tuple(input.shape)} of input, got"
            f" {tuple(weight.shape)}. Expand it."
        )


def weighted(
    F: Any,
    name: str,
    loss: Any,
    weight: Any,
    reduction: str,
    size_average: bool | None,
    reduce: bool | None,
) -> Any:
    """The weighted losses reduced; their mean is over the sum of the weights."""
    if weight is None:
        return reduced(F, name, loss, reduction, size_average, reduce)
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if reduction == "mean":
        return F.sum(loss * weight) / F.sum(weight)
    return reduced(F, name, loss * weight, reduction)


@composite(
    method=False,
    cases=[
        Case(X, X),
        Case(X, X, reduction="sum"),
        Case(X, X, reduction="none"),
        Case(X, X, None, None, "mean", positive(3, 5)),
    ],
)
def mse_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error.

    Math:   (x − y)² · weight; the mean is over the sum of the weights.
    """
    warn_if_broadcast("mse_loss", input, target)
    check_weight("mse_loss", input, weight)
    d = input - target
    return weighted(F, "mse_loss", d * d, weight, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[Case(X, X), Case(X, X, reduction="sum"), Case(X, X, None, None, "mean", positive(3, 5))],
)
def l1_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error.

    Math:   |x − y| · weight; the mean is over the sum of the weights.
    Note:   the gradient is 0 where x = y.
    """
    warn_if_broadcast("l1_loss", input, target)
    check_weight("l1_loss", input, weight)
    loss = F.abs(input - target)
    return weighted(F, "l1_loss", loss, weight, reduction, size_average, reduce)


@composite(
    method=False, cases=[Case(X, X), Case(X, X, beta=0.5, reduction="sum"), Case(X, X, beta=0.0)]
)
def smooth_l1_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared error near 0, absolute error further out.

    Math:   ½d²/beta where d = |x − y| < beta, else d − ½beta; beta 0 gives l1_loss.
    """
    if beta < 0:
        raise ShapeError(f"smooth_l1_loss: beta must be 0 or more, got {beta}. Correct it.")
    warn_if_broadcast("smooth_l1_loss", input, target)
    loss = d = F.abs(input - target)
    if beta:
        loss = F.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta)
    return reduced(F, "smooth_l1_loss", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case(X, X),
        Case(X, X, delta=0.5, reduction="sum"),
        Case(X, X, "mean", 1.0, positive(3, 5)),
    ],
)
def huber_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error up to delta, and a line of slope delta beyond it.

    Math:   ½d² where d = |x − y| < delta, else delta (d − ½delta); times weight.
    Reference: P. Huber, 1964, "Robust estimation of a location parameter".
    """
    if delta <= 0:
        raise ShapeError(f"huber_loss: delta must be above 0, got {delta}. Correct it.")
    warn_if_broadcast("huber_loss", input, target)
    check_weight("huber_loss", input, weight)
    d = F.abs(input - target)
    loss = F.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))
    return reduced(F, "huber_loss", loss if weight is None else loss * weight, reduction)


PROBABILITIES = positive(3, 4, low=0.05, high=0.95)


@piece(types="match", cases=[Case(PROBABILITIES, PROBABILITIES)])
def bce_terms(xp: Any, input: Array, target: Array) -> Any:
    """The binary cross-entropy of each probability.

    Math:   −(y log x + (1 − y) log(1 − x)), each logarithm held at −100 or above
    Note:   one op, because its derivative (x − y) / (x (1 − x)) is finite where that of a clamped
            logarithm is not.
    Raises: ShapeError if a probability is outside [0, 1].
    """
    if input.size and not (input.min() >= 0 and input.max() <= 1):
        raise ShapeError(
            "binary_cross_entropy: input must hold probabilities from 0 to 1, got values from"
            f" {input.min()} to {input.max()}. Apply a sigmoid, or use"
            " binary_cross_entropy_with_logits."
        )
    if target.size and not (target.min() >= 0 and target.max() <= 1):
        raise ShapeError(
            f"binary_cross_entropy: target must be from 0 to 1, got values from {target.min()} to"
            f" {target.max()}. Scale it."
        )
    with xp.errstate(divide="ignore"):
        return -(
            target * xp.maximum(xp.log(input), -100.0)
            + (1 - target) * xp.maximum(xp.log1p(-input), -100.0)
        )


bce_terms.vjp(
    input=lambda F, g, input, target: (
        g * (input - target) / F.clamp(input * (1 - input), min=1e-12)
    ),
    target=lambda F, g, input: (
        g * (F.clamp(F.log1p(-input), min=-100.0) - F.clamp(F.log(input), min=-100.0))
    ),
)


@composite(
    method=False,
    cases=[
        Case(PROBABILITIES, PROBABILITIES),
        Case(PROBABILITIES, PROBABILITIES, positive(4), reduction="sum"),
    ],
)
def binary_cross_entropy(
    F: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of probabilities with yes-or-no targets.

    Math:   −(y log x + (1 − y) log(1 − x)) · weight, x a probability.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            f"binary_cross_entropy: input and target must have one shape, got {tuple(input.shape)}"
            f" and {tuple(target.shape)}. Reshape one of them."
        )
    loss = F.bce_terms(input, target)
    loss = loss if weight is None else loss * weight
    return reduced(F, "binary_cross_entropy", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case([3, 4], PROBABILITIES),
        Case([3, 4], PROBABILITIES, positive(4)),
        Case([3, 4], PROBABILITIES, None, None, None, "mean", positive(4)),
        Case(
            positive(3, low=-500.0, high=500.0), positive(3, low=0.05, high=0.95), reduction="sum"
        ),
    ],
)
def binary_cross_entropy_with_logits(
    F: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of sigmoid(x).

    Math:   −(pos_weight · y log σ(x) + (1 − y) log(1 − σ(x))) · weight
            = ((1 − y) x − (1 + (pos_weight − 1) y) log σ(x)) · weight
    Note:   log σ(x) is computed without overflow.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            "binary_cross_entropy_with_logits: input and target must have one shape, got"
            f" {tuple(input.shape)} and {tuple(target.shape)}. Reshape one of them."
        )
    check_float("binary_cross_entropy_with_logits", target, "target")
    log_sigmoid = F.logsigmoid(input)
    factor = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    loss = (1 - target) * input - factor * log_sigmoid
    loss = loss if weight is None else loss * weight
    return reduced(F, "binary_cross_entropy_with_logits", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case(X, positive(3, 5), reduction="batchmean"),
        Case(X, positive(3, 5), reduction="sum"),
        Case(X, X, reduction="none", log_target=True),
    ],
)
def kl_div(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of target probabilities from log-probabilities.

    Math:   y (log y − x), x log-probabilities, 0 where y = 0. reduction "batchmean": the sum over
            the size of dim 0.
    """
    if log_target:
        loss = F.exp(target) * (target - input)
    else:
        loss = F.xlogy(target, target) - target * input
    if reduction == "batchmean" and size_average is None and reduce is None:
        return F.sum(loss) / input.shape[0] if input.ndim else loss
    return reduced(F, "kl_div", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case(X, positive(3, 5)),
        Case(positive(3, 5), positive(3, 5), log_input=False),
        Case(X, positive(3, 5, high=5.0), full=True, reduction="sum"),
    ],
)
def poisson_nll_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts under Poisson rates.

    Math:   eˣ − y x, or x − y log(x + eps) without log_input; full adds Stirling's y log y − y + ½
            log(2π y) where y > 1.
    """
    loss = F.exp(input) - target * input if log_input else input - target * F.log(input + eps)
    if full:
        y = F.where(target > 1, target, 1.0)
        loss = loss + F.where(target > 1, y * F.log(y) - y + 0.5 * F.log(2 * math.pi * y), 0.0)
    return reduced(F, "poisson_nll_loss", loss, reduction, size_average, reduce)


def fits_variance(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether `shape` is the wanted one, or has size 1 in one dim where that has more."""
    other = [a for a, b in zip(shape, wanted) if a != b]
    return len(shape) == len(wanted) and other in ([], [1])


@composite(
    method=False,
    cases=[
        Case(X, X, positive(3, 5)),
        Case(X, X, positive(3, 1), full=True),
        Case(X, X, positive(1, 5)),
        Case(X, X, positive(3), reduction="sum"),
    ],
)
def gaussian_nll_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of targets under normal distributions.

    Math:   ½ (log v + (x − y)² / v), v = max(var, eps); full adds ½ log 2π.
    Args:   var: of input's shape, without its last dim, or with size 1 in one dim.
    """
    v: Tensor = F.full_like(input, var) if isinstance(var, (int, float)) else var
    if tuple(v.shape) == tuple(input.shape[:-1]):
        v = F.unsqueeze(v, -1)
    elif not fits_variance(tuple(v.shape), tuple(input.shape)):
        raise ShapeError(
            f"gaussian_nll_loss: var must have the input's shape {tuple(input.shape)}, with size 1"
            f" in one dim at most, or lack the last dim, got {tuple(v.shape)}. Reshape it."
        )
    if bool((v < 0).any()):
        raise ShapeError(
            "gaussian_nll_loss: var must be 0 or more, got a negative value. Learn its logarithm,"
            " or square it."
        )
    # the gradient flows as if v were not held above eps
    v = v + F.where(v < eps, eps - v, 0.0).detach()
    d = input - target
    loss = 0.5 * (F.log(v) + d * d / v) + (0.5 * math.log(2 * math.pi) if full else 0.0)
    return reduced(F, "gaussian_nll_loss", loss, reduction)
