"""Every loss but CTC's, which stands in `ctc.py`."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

from ...engine.arrays import capture
from ...engine.case import Case, Sample, ints, positive
from ...engine.dtype import check_float
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.op import Array, composite, piece
from ...engine.tensor import Tensor
from ..indexing.scatter import positions

X = [3, 5]
SIGNS = Sample(3, values=[1.0, -1.0, 1.0])
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


@composite(method=False, cases=[Case([3], SIGNS), Case([3], SIGNS, margin=0.5, reduction="sum")])
def hinge_embedding_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Small distances for pairs labelled 1, larger than the margin for those labelled -1.

    Math:   x where y = 1, max(0, margin − x) where y = −1.
    """
    alike = F.where(target != -1, input, 0.0)
    apart = F.where(target != 1, F.clamp(margin - input, min=0.0), 0.0)
    loss = alike + apart
    return reduced(F, "hinge_embedding_loss", loss, reduction, size_average, reduce)


@composite(
    method=False, cases=[Case([3], [3], SIGNS), Case([3], [3], SIGNS, margin=0.5, reduction="sum")]
)
def margin_ranking_loss(
    F: Any,
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The first input above the second by a margin (target 1), or below (target -1).

    Math:   max(0, −y (x1 − x2) + margin).
    """
    loss = F.clamp(-target * (input1 - input2) + margin, min=0.0)
    return reduced(F, "margin_ranking_loss", loss, reduction, size_average, reduce)


@composite(method=False, cases=[Case(X, X, SIGNS), Case(X, X, SIGNS, margin=0.1, reduction="sum")])
def cosine_embedding_loss(
    F: Any,
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Small angles for pairs labelled 1, large for those labelled -1.

    Math:   1 − cos(x1, x2) where y = 1, max(0, cos − margin) where y = −1.
    """
    if target.ndim > 1 or max(input1.ndim, input2.ndim) != target.ndim + 1:
        raise ShapeError(
            "cosine_embedding_loss: target must be (N) for inputs (N, D), or 0-d for (D), got"
            f" {tuple(target.shape)} for {tuple(input1.shape)} and {tuple(input2.shape)}."
            " Reshape it."
        )
    eps = 1e-12  # under the root, so that zero vectors have a gradient
    square1 = F.sum(input1 * input1, -1) + eps
    square2 = F.sum(input2 * input2, -1) + eps
    cos = F.sum(input1 * input2, -1) / F.sqrt(square1 * square2)
    apart = F.where(target == -1, F.clamp(cos - margin, min=0.0), 0.0)
    loss = F.where(target == 1, 1 - cos, apart)
    return reduced(F, "cosine_embedding_loss", loss, reduction, size_average, reduce)


@composite(method=False, cases=[Case([3], SIGNS), Case([3], SIGNS, reduction="sum")])
def soft_margin_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Logistic loss of scores with targets 1 and -1.

    Math:   log(1 + e^(−y x)), y = ±1.
    """
    loss = -F.logsigmoid(target * input)
    return reduced(F, "soft_margin_loss", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case([3, 4], ints(3, high=4)),
        Case([3, 4], ints(3, high=4), 2, 0.5, positive(4), reduction="sum"),
        Case([4], ints(high=4)),
        Case([], ints(high=1)),
    ],
)
def multi_margin_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The target class ahead of every other by a margin.

    Math:   Σ_{i ≠ y} weight[y] · max(0, margin − x[y] + x[i])^p / C.
    """
    if p not in (1, 2) or input.ndim > 2:
        raise ShapeError(
            f"multi_margin_loss: p must be 1 or 2 and input (N, C) or (C), got {p} and"
            f" {tuple(input.shape)}. Correct them."
        )
    if input.ndim == 0:  # one class
        input = F.unsqueeze(input, 0)
    C = input.shape[-1]
    at = F.unsqueeze(target, -1)
    gap = F.relu(margin - F.gather(input, -1, at) + input)
    gap = gap * (1 - F.one_hot(target, C))  # the right class does not count
    if p == 2:
        gap = gap * gap
    if weight is not None:
        gap = gap * weight[target][..., None]
    return reduced(F, "multi_margin_loss", F.sum(gap, -1) / C, reduction, size_average, reduce)


LABELS = Sample(2, 4, values=[[3, 0, -1, 1], [1, -1, 0, 2]])


@composite(
    method=False,
    cases=[
        Case([2, 4], LABELS),
        Case([2, 4], LABELS, reduction="sum"),
        Case([4], Sample(4, values=[2, 1, -1, 0])),
        Case([], ints(high=1)),
    ],
)
def multilabel_margin_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Each of several target classes ahead of every other class by a margin.

    Math:   Σ_{y right, i wrong} max(0, 1 − x[y] + x[i]) / C. The right classes are those before the
            first −1 in target's row.
    """
    if input.ndim == 0:  # one class
        input = F.unsqueeze(input, 0)
    if target.ndim == 0:
        target = F.unsqueeze(target, 0)
    if input.ndim > 2 or tuple(target.shape) != tuple(input.shape):
        raise ShapeError(
            "multilabel_margin_loss: input and target must both be (N, C) or (C), got"
            f" {tuple(input.shape)} and {tuple(target.shape)}. Reshape one of them."
        )
    C = input.shape[-1]
    there = F.cumsum(target < 0, -1) == 0  # (…, C): entries before the first −1
    safe = F.where(there, target, 0)
    right = (F.one_hot(safe, C) * there[..., None]).sum(-2) > 0  # (…, C): classes that are right
    gap = 1 - F.gather(input, -1, safe)[..., :, None] + input[..., None, :]  # (…, label, class)
    counts = there[..., :, None] & ~right[..., None, :]
    loss = F.sum(F.where(counts, F.relu(gap), 0.0), (-2, -1)) / C
    return reduced(F, "multilabel_margin_loss", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[
        Case(X, positive(3, 5, low=0.05, high=0.95)),
        Case(X, positive(3, 5, low=0.05, high=0.95), positive(5), reduction="sum"),
    ],
)
def multilabel_soft_margin_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A logistic loss per class, averaged over the classes.

    Math:   −mean over classes of (y log σ(x) + (1 − y) log σ(−x)) · weight.
    """
    loss = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    loss = F.mean(loss if weight is None else loss * weight, -1)
    return reduced(F, "multilabel_soft_margin_loss", loss, reduction, size_average, reduce)


@composite(
    method=False,
    cases=[Case(X, X, X), Case(X, X, X, margin=2.0, p=1.0, swap=True, reduction="sum")],
)
def triplet_margin_loss(
    F: Any,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The anchor nearer to the positive than to the negative by a margin.

    Math:   max(0, |a − p| − |a − n| + margin), distances of order p; swap: |p − n| where it is
            smaller than |a − n|.

    Reference: V. Balntas et al., 2016, "Learning local feature descriptors with triplets and
               shallow convolutional neural networks".
    """
    if margin <= 0 or len({anchor.ndim, positive.ndim, negative.ndim}) > 1:
        raise ShapeError(
            "triplet_margin_loss: margin must be above 0, and all inputs must have the same number"
            f" of dims, got {margin} and shapes {tuple(anchor.shape)}, {tuple(positive.shape)},"
            f" {tuple(negative.shape)}. Correct them."
        )
    near = F.pairwise_distance(anchor, positive, p, eps)
    far = F.pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = F.minimum(far, F.pairwise_distance(positive, negative, p, eps))
    loss = F.clamp(near - far + margin, min=0.0)
    return reduced(F, "triplet_margin_loss", loss, reduction, size_average, reduce)


@composite(
    method=False, cases=[Case(X, X, X), Case(X, X, X, margin=0.5, swap=True, reduction="none")]
)
def triplet_margin_with_distance_loss(
    F: Any,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of your own (default: pairwise_distance).

    Math:   max(0, d(a, p) − d(a, n) + margin).
    """
    if margin <= 0:
        raise ShapeError(
            f"triplet_margin_with_distance_loss: margin must be above 0, got {margin}. Correct it."
        )
    distance = F.pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = F.minimum(far, distance(positive, negative))
    loss = F.clamp(near - far + margin, min=0.0)
    return reduced(F, "triplet_margin_with_distance_loss", loss, reduction)


# ---- class numbers -------------------------------------------------------------------------------

LABELS = ints(4, high=3)


def over_items(F: Any, name: str, loss: Any, scale: Any, reduction: str) -> Any:
    """The losses reduced, `scale` already in them; their mean is over the sum of the scales."""
    if reduction == "mean" and scale is not None:
        return F.sum(loss) / F.sum(scale)
    return reduced(F, name, loss, reduction)


def check_labels(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Class numbers without their history, and which of them count."""
    if tuple(target.shape) != (input.shape[0], *input.shape[2:]):
        raise ShapeError(
            f"nll_loss: target must have shape {(input.shape[0], *input.shape[2:])} for input"
            f" {tuple(input.shape)}, got {tuple(target.shape)}. Give one class number per item."
        )
    labels, classes = target.detach(), input.shape[1]
    valid = labels != ignore_index
    raw = labels.array[:0] if capture.active else labels.array[valid.array]
    if raw.size and (int(raw.min()) < 0 or int(raw.max()) >= classes):
        raise IndexOutOfRange(
            f"nll_loss: target must be in [0, {classes - 1}] or ignore_index={ignore_index}, got"
            f" values from {int(raw.min())} to {int(raw.max())}. Check the labels."
        )
    return labels, valid


def check_class_numbers(name: str, target: Tensor, floats: bool = False) -> None:
    """Refuse masks, and unless `floats` allows probabilities, floating-point numbers."""
    if target.dtype.name == "bool" or target.dtype.is_floating_point and not floats:
        raise DTypeError(
            f"{name}: target must hold class numbers (integers), got {target.dtype.name}. Convert"
            " it with .long()."
        )


def check_class_weights(name: str, input: Tensor, weight: Tensor | None) -> None:
    classes = tuple(input.shape[:2][-1:])
    if weight is not None and tuple(weight.shape) != classes:
        raise ShapeError(
            f"{name}: weight must have one value per class, shape {classes}, got"
            f" {tuple(weight.shape)} for an input of shape {tuple(input.shape)}. Check the number"
            " of classes."
        )


def all_count(valid: Tensor) -> bool:
    """Whether no item is ignored; never asked while a graph of kernels is recorded."""
    return not capture.active and bool(valid.array.all())


@composite(
    method=False,
    cases=[
        Case([4, 3], LABELS),
        Case([4, 3], LABELS, positive(3)),
        Case([4, 3], LABELS, ignore_index=1),
        Case([2, 3, 4], ints(2, 4, high=3), reduction="sum"),
        Case([4, 3], LABELS, reduction="none"),
        Case([3], ints(high=3)),
    ],
)
def nll_loss(
    F: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of the target classes.

    Math:   loss_n = -weight[target_n] input[n, target_n];   mean: divided by the sum of the weights
    Shape:  input (N, C, *) log-probabilities, target (N, *) class numbers
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_class_numbers("nll_loss", target)
    check_class_weights("nll_loss", input, weight)
    if input.ndim == 1:
        batch = F.unsqueeze(input, 0), F.reshape(target, (1,)) if target.numel() == 1 else target
        loss = nll_loss(*batch, weight, ignore_index=ignore_index, reduction=reduction)
        return F.squeeze(loss, 0) if reduction == "none" else loss
    labels, valid = check_labels(input, target, ignore_index)
    whole = all_count(valid)
    labels = labels if whole else F.where(valid, labels, 0)
    loss = -F.squeeze(F.gather(input, 1, F.unsqueeze(labels, 1)), 1)
    scale = None if whole else valid.to(input.dtype)
    if weight is not None:
        per_item = F.getitem(weight, labels.array)
        scale = per_item if scale is None else per_item * scale
    if scale is not None:
        loss = F.where(valid, loss, 0.0) * scale
    return over_items(F, "nll_loss", loss, scale, reduction)


def class_cross_entropy_reference(F, input, target, ignore_index):
    valid = target != ignore_index
    picked = F.gather(F.log_softmax(input, 1), 1, F.unsqueeze(F.where(valid, target, 0), 1))
    return F.where(valid, -F.squeeze(picked, 1), 0.0)


@piece(
    residuals=("top", "logsum"),
    reference=class_cross_entropy_reference,
    cases=[
        Case([4, 3], LABELS, torch=False),
        Case([4, 3], LABELS, 1, torch=False),
        Case([2, 3, 4], ints(2, 4, high=3), torch=False),
    ],
)
def class_cross_entropy(xp, input: Array, target: Array, ignore_index: int = -100):
    """Cross-entropy of each item with its class number; 0 where that is ignore_index.

    Math:   out_n = ln sum_c e^input_nc - input_n,target_n;   d input = g (softmax(input) -
            one_hot(target))
    Shape:  input (N, C, *), target and out (N, *)
    Note:   max input and ln sum e^(input - max input) are kept apart: their sum would be too coarse
            for exp where input is large
    """
    top = input.max(axis=1, keepdims=True)
    s = input - top
    valid = target != ignore_index
    picked = s[positions(xp, xp.expand_dims(xp.where(valid, target, 0), 1), 1, input.shape)]
    xp.exp(s, out=s)
    logsum = xp.log(s.sum(axis=1, keepdims=True))
    return xp.where(valid, (logsum - picked).squeeze(1), input.dtype.type(0)), top, logsum


class_cross_entropy.vjp(
    input=lambda F, g, input, target, top, logsum, ignore_index: F.class_cross_entropy_backward(
        g, input, target, top, logsum, ignore_index
    ),
    target=None,
)


@piece(
    differentiable=False,
    cases=[
        Case([4], [4, 3], LABELS, [4, 1], positive(4, 1), torch=False),
        Case([4], [4, 3], LABELS, [4, 1], positive(4, 1), 1, torch=False),
    ],
)
def class_cross_entropy_backward(
    xp, u: Array, input: Array, target: Array, top: Array, logsum: Array, ignore_index: int = -100
):
    """The cotangent of class_cross_entropy, from the output's cotangent u and the residuals.

    Math:   out = u (e^(input - top - logsum) - one_hot(target)), 0 where the target is ignore_index
    Note:   higher orders go through the reference of class_cross_entropy
    """
    out = input - top
    out -= logsum
    xp.exp(out, out=out)
    valid = target != ignore_index
    out[positions(xp, xp.expand_dims(xp.where(valid, target, 0), 1), 1, input.shape)] -= 1
    out *= xp.expand_dims(xp.where(valid, u, input.dtype.type(0)), 1)
    return out


@composite(
    method=False,
    cases=[
        Case([4, 3], LABELS),
        Case([4, 3], LABELS, positive(3), ignore_index=2),
        Case([2, 3, 4], ints(2, 4, high=3)),
        Case([4, 3], LABELS, label_smoothing=0.1),
        Case([4, 3], LABELS, positive(3), label_smoothing=0.2),
        Case([4, 3], Sample(4, 3, low=0.1, high=1.0)),
        Case([4, 3], LABELS, reduction="none"),
        Case([4, 3], LABELS, reduction="sum"),
        Case([4, 3], Sample(4, 3, low=0.1, high=1.0), positive(3), label_smoothing=0.1),
    ],
)
def cross_entropy(
    F: Any,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of unnormalised scores with class numbers or class probabilities.

    Math:   loss = -sum_c q_c weight_c log_softmax(input)_c;   q is the target, mixed with 1/C by
            label_smoothing
    Shape:  input (N, C, *), target (N, *) class numbers or (N, C, *) probabilities
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ShapeError(
            f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}. Choose a"
            " value such as 0.1."
        )
    check_float("cross_entropy", input)
    check_class_numbers("cross_entropy", target, floats=True)
    check_class_weights("cross_entropy", input, weight)
    if target.dtype.is_floating_point:
        check_probabilities(input, target, ignore_index)
        loss = soft_cross_entropy(F, input, target, weight, label_smoothing)
        return reduced(F, "cross_entropy", loss, reduction)
    if input.ndim == 1:  # one item
        target = F.reshape(target, ()) if target.numel() == 1 else target
    elif weight is None and not label_smoothing and input.numel():
        labels, valid = check_labels(input, target, ignore_index)
        loss = F.class_cross_entropy(input, labels, ignore_index)
        scale = None if all_count(valid) else valid.to(input.dtype)
        return over_items(F, "cross_entropy", loss, scale, reduction)
    logp = F.log_softmax(input, 0 if input.ndim == 1 else 1)
    hard = nll_loss(logp, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return hard
    smooth = uniform_cross_entropy(F, logp, target, weight, ignore_index, reduction)
    return hard * (1 - label_smoothing) + smooth * label_smoothing


def check_probabilities(input: Tensor, target: Tensor, ignore_index: int) -> None:
    if target.shape != input.shape:
        raise ShapeError(
            f"cross_entropy: probabilities must have the input's shape {tuple(input.shape)},"
            f" got {tuple(target.shape)}. Use class numbers (integers) for one class per item."
        )
    if ignore_index >= 0:
        raise ShapeError(
            f"cross_entropy: ignore_index is for class numbers, got {ignore_index} with"
            " probabilities. Omit it."
        )


def weighted_classes(F: Any, logp: Tensor, weight: Tensor | None) -> Tensor:
    """Log-probabilities times the weights of their classes."""
    if weight is None:
        return logp
    trailing = 0 if logp.ndim == 1 else logp.ndim - 2
    return logp * F.reshape(weight, (weight.shape[0],) + (1,) * trailing)


def soft_cross_entropy(
    F: Any, input: Tensor, target: Tensor, weight: Tensor | None, label_smoothing: float
) -> Tensor:
    """The loss of each item against class probabilities."""
    dim = 0 if input.ndim == 1 else 1
    q = target * (1 - label_smoothing) + label_smoothing / max(input.shape[dim], 1)
    return -F.sum(q * weighted_classes(F, F.log_softmax(input, dim), weight), dim)


def uniform_cross_entropy(
    F: Any, logp: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    """The loss against equal probabilities of all classes, which label smoothing mixes in."""
    dim = 0 if logp.ndim == 1 else 1
    valid = target != ignore_index
    loss = -F.sum(weighted_classes(F, logp, weight), dim) / logp.shape[dim]
    loss = F.where(valid, loss, 0.0)
    if weight is None:
        scale = valid.to(logp.dtype)
    else:
        scale = F.where(valid, F.getitem(weight, F.where(valid, target, 0).array), 0.0)
    return over_items(F, "cross_entropy", loss, scale, reduction)


@composite(
    method=False,
    cases=[
        Case([4, 2], [3, 2], LABELS),
        Case([2], [3, 2], ints(high=3)),
        Case([4, 2], [3, 5, 2], ints(4, 5, high=3), reduction="sum"),
        Case([4, 2], [3, 2], Sample(4, 3, low=0.1, high=1.0), label_smoothing=0.1),
    ],
)
def linear_cross_entropy(
    F: Any,
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy of a linear layer's outputs.

    Math:   cross_entropy(input linear_weight^T + linear_bias, target)
    Shape:  input (N, I) or (I), linear_weight (C, *, I), linear_bias (C, *), target (N, *) class
            numbers or (N, C, *) probabilities
    Note:   `options` is accepted for PyTorch's sake: it chooses how PyTorch saves memory, and
            changes no result
    """
    classes, more = linear_weight.shape[0], tuple(linear_weight.shape[1:-1])
    if input.ndim not in (1, 2) or linear_weight.ndim < 2 or more and input.ndim == 1:
        raise ShapeError(
            "linear_cross_entropy: input must be (N, I), or (I) with a linear_weight (C, I), got"
            f" {tuple(input.shape)} and {tuple(linear_weight.shape)}. Reshape one of them."
        )
    if linear_bias is not None:
        if tuple(linear_bias.shape) != (classes, *more):
            raise ShapeError(
                f"linear_cross_entropy: linear_bias must have the shape {(classes, *more)}, got"
                f" {tuple(linear_bias.shape)}. Reshape it."
            )
        linear_bias = F.flatten(linear_bias)
    if target.dtype.is_floating_point and ignore_index is not None:
        raise ShapeError(
            f"linear_cross_entropy: ignore_index is for class numbers, got {ignore_index} with"
            " probabilities. Omit it."
        )
    rows = F.flatten(linear_weight, 0, -2)
    scores = F.linear(input, rows, linear_bias)
    return cross_entropy(
        F.reshape(scores, (*input.shape[:-1], classes, *more)),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
