"""Losses made of elementwise ops and reductions.

`cross_entropy` and `nll_loss`, which have kernels, stand in `softmax.py`.
"""

from __future__ import annotations

import math
from typing import Any

from ...engine.case import Array, Case, ints, positive
from ...engine.dtype import check_float
from ...engine.errors import ShapeError
from ...engine.op import composite, op

X = [3, 5]
SIGNS = Array(3, values=[1.0, -1.0, 1.0])


def reduce(F: Any, name: str, loss: Any, reduction: str) -> Any:
    """All the losses, their mean or their sum."""
    if reduction == "mean":
        return F.mean(loss)
    if reduction == "sum":
        return F.sum(loss)
    if reduction == "none":
        return loss
    raise ShapeError(
        f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}. Use one of those."
    )


def weighted(F: Any, name: str, loss: Any, weight: Any, reduction: str) -> Any:
    """The weighted losses reduced; their mean is over the sum of the weights."""
    if weight is None:
        return reduce(F, name, loss, reduction)
    if tuple(weight.shape) != tuple(loss.shape):
        raise ShapeError(
            f"{name}: weight must have the shape {tuple(loss.shape)} of input, got"
            f" {tuple(weight.shape)}. Expand it."
        )
    return (
        F.sum(loss * weight) / F.sum(weight)
        if reduction == "mean"
        else reduce(F, name, loss * weight, reduction)
    )


@composite(
    method=False,
    cases=[
        Case(X, X),
        Case(X, X, reduction="sum"),
        Case(X, X, reduction="none"),
        Case(X, [5]),
        Case(X, X, "mean", positive(3, 5), torch=False),
    ],
)
def mse_loss(F: Any, input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Squared error.

    Math:   (x − y)² · weight; the mean is over the sum of the weights.
    """
    d = input - target
    return weighted(F, "mse_loss", d * d, weight, reduction)


@composite(
    method=False,
    cases=[
        Case(X, X),
        Case(X, X, reduction="sum"),
        Case(X, X, "mean", positive(3, 5), torch=False),
    ],
)
def l1_loss(F: Any, input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Any:
    """Absolute error.

    Math:   |x − y| · weight; the mean is over the sum of the weights. Note: the gradient is 0 where
            x = y.
    """
    return weighted(F, "l1_loss", F.abs(input - target), weight, reduction)


@composite(
    method=False, cases=[Case(X, X), Case(X, X, beta=0.5, reduction="sum"), Case(X, X, beta=0.0)]
)
def smooth_l1_loss(
    F: Any, input: Any, target: Any, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """Squared error near 0, absolute error further out.

    Math:   ½d²/beta where d = |x − y| < beta, else d − ½beta; beta 0 gives l1_loss.
    """
    if beta < 0:
        raise ShapeError(f"smooth_l1_loss: beta must be 0 or more, got {beta}. Correct it.")
    d = F.abs(input - target)
    return reduce(
        F,
        "smooth_l1_loss",
        F.where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta) if beta else d,
        reduction,
    )


@composite(method=False, cases=[Case(X, X), Case(X, X, delta=0.5, reduction="sum")])
def huber_loss(
    F: Any, input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """Squared error up to delta, straight on with that slope beyond.

    Math:   ½d² where d = |x − y| < delta, else delta (d − ½delta); times weight.

    Reference: P. Huber, 1964, "Robust estimation of a location parameter".
    """
    if delta <= 0:
        raise ShapeError(f"huber_loss: delta must be above 0, got {delta}. Correct it.")
    d = F.abs(input - target)
    loss = F.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))
    return reduce(F, "huber_loss", loss if weight is None else loss * weight, reduction)


@op(
    types="match",
    method=False,
    cases=[
        Case(positive(3, 4, low=0.05, high=0.95), positive(3, 4, low=0.05, high=0.95), torch=False)
    ],
)
def bce_terms(xp: Any, input: Any, target: Any, /) -> Any:
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
        Case(positive(3, 4, low=0.05, high=0.95), positive(3, 4, low=0.05, high=0.95)),
        Case(
            positive(3, 4, low=0.05, high=0.95),
            positive(3, 4, low=0.05, high=0.95),
            positive(4),
            reduction="sum",
        ),
    ],
)
def binary_cross_entropy(
    F: Any, input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Cross-entropy of probabilities with yes-or-no targets.

    Math:   −(y log x + (1 − y) log(1 − x)) · weight, x a probability.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            f"binary_cross_entropy: input and target must have one shape, got {tuple(input.shape)}"
            f" and {tuple(target.shape)}. Reshape one of them."
        )
    loss = F.bce_terms(input, target)
    return reduce(F, "binary_cross_entropy", loss if weight is None else loss * weight, reduction)


@composite(
    method=False,
    cases=[
        Case([3, 4], positive(3, 4, low=0.05, high=0.95)),
        Case([3, 4], positive(3, 4, low=0.05, high=0.95), positive(4), pos_weight=None),
        Case(
            positive(3, low=-500.0, high=500.0), positive(3, low=0.05, high=0.95), reduction="sum"
        ),
    ],
)
def binary_cross_entropy_with_logits(
    F: Any,
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Binary cross-entropy of sigmoid(x).

    Math: −(pos_weight · y log σ(x) + (1 − y) log(1 − σ(x))) · weight = ((1 − y) x − (1 +
          (pos_weight − 1) y) log σ(x)) · weight
    Note: log σ(x) is computed without overflow.
    """
    if tuple(input.shape) != tuple(target.shape):
        raise ShapeError(
            "binary_cross_entropy_with_logits: input and target must have one shape, got"
            f" {tuple(input.shape)} and {tuple(target.shape)}. Reshape one of them."
        )
    check_float("binary_cross_entropy_with_logits", target, "target")
    log_sigmoid = F.logsigmoid(input)
    loss = (1 - target) * input - (
        log_sigmoid if pos_weight is None else (1 + (pos_weight - 1) * target) * log_sigmoid
    )
    return reduce(
        F, "binary_cross_entropy_with_logits", loss if weight is None else loss * weight, reduction
    )


@composite(
    method=False,
    cases=[
        Case(X, positive(3, 5), reduction="batchmean"),
        Case(X, positive(3, 5), reduction="sum"),
        Case(X, X, reduction="none", log_target=True),
    ],
)
def kl_div(
    F: Any, input: Any, target: Any, reduction: str = "mean", log_target: bool = False
) -> Any:
    """Kullback-Leibler divergence of target probabilities from log-probabilities.

    Math:   y (log y − x), x log-probabilities, 0 where y = 0. reduction "batchmean": the sum over
            the size of dim 0.
    """
    if log_target:
        loss = F.exp(target) * (target - input)
    else:
        loss = F.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return F.sum(loss) / input.shape[0] if input.ndim else loss
    return reduce(F, "kl_div", loss, reduction)


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
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """Negative log-likelihood of counts under Poisson rates.

    Math:   eˣ − y x, or x − y log(x + eps) without log_input; full adds Stirling's y log y − y + ½
            log(2π y) where y > 1.
    """
    loss = F.exp(input) - target * input if log_input else input - target * F.log(input + eps)
    if full:
        y = F.where(target > 1, target, 1.0)
        loss = loss + F.where(target > 1, y * F.log(y) - y + 0.5 * F.log(2 * math.pi * y), 0.0)
    return reduce(F, "poisson_nll_loss", loss, reduction)


@composite(
    method=False,
    cases=[
        Case(X, X, positive(3, 5)),
        Case(X, X, positive(3, 1), full=True),
        Case(X, X, positive(3), reduction="sum"),
    ],
)
def gaussian_nll_loss(
    F: Any,
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Negative log-likelihood of targets under normal distributions.

    Math:   ½ (log v + (x − y)² / v), v = max(var, eps); full adds ½ log 2π. var may have size 1 or
            no entry for the last dim.
    """
    if isinstance(var, (int, float)):
        var = input * 0 + var
    if tuple(var.shape) != tuple(input.shape):
        if tuple(var.shape) == tuple(input.shape[:-1]):
            var = F.unsqueeze(var, -1)
        elif tuple(var.shape) != (*input.shape[:-1], 1):
            raise ShapeError(
                f"gaussian_nll_loss: var must have the input's shape {tuple(input.shape)}, with 1"
                f" or nothing for the last dim, got {tuple(var.shape)}. Reshape it."
            )
    if (var < 0).any():
        raise ShapeError(
            "gaussian_nll_loss: var must be 0 or more, got a negative value. Learn its logarithm,"
            " or square it."
        )
    # the gradient flows as if it were not held
    var = var + F.where(var < eps, eps - var, 0.0).detach()
    d = input - target
    loss = 0.5 * (F.log(var) + d * d / var) + (0.5 * math.log(2 * math.pi) if full else 0.0)
    return reduce(F, "gaussian_nll_loss", loss, reduction)


@composite(method=False, cases=[Case([3], SIGNS), Case([3], SIGNS, margin=0.5, reduction="sum")])
def hinge_embedding_loss(
    F: Any, input: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """Small distances for pairs labelled 1, larger than the margin for those labelled -1.

    Math:   x where y = 1, max(0, margin − x) where y = −1.
    """
    loss = F.where(target != 1, F.clamp(margin - input, min=0.0), 0.0) + F.where(
        target != -1, input, 0.0
    )
    return reduce(F, "hinge_embedding_loss", loss, reduction)


@composite(
    method=False, cases=[Case([3], [3], SIGNS), Case([3], [3], SIGNS, margin=0.5, reduction="sum")]
)
def margin_ranking_loss(
    F: Any, input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """The first input above the second by a margin (target 1), or below (target -1).

    Math:   max(0, −y (x1 − x2) + margin).
    """
    return reduce(
        F, "margin_ranking_loss", F.clamp(-target * (input1 - input2) + margin, min=0.0), reduction
    )


@composite(method=False, cases=[Case(X, X, SIGNS), Case(X, X, SIGNS, margin=0.1, reduction="sum")])
def cosine_embedding_loss(
    F: Any, input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
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
    cos = F.sum(input1 * input2, -1) / F.sqrt(
        (F.sum(input1 * input1, -1) + eps) * (F.sum(input2 * input2, -1) + eps)
    )
    loss = F.where(target == 1, 1 - cos, F.where(target == -1, F.clamp(cos - margin, min=0.0), 0.0))
    return reduce(F, "cosine_embedding_loss", loss, reduction)


@composite(method=False, cases=[Case([3], SIGNS), Case([3], SIGNS, reduction="sum")])
def soft_margin_loss(F: Any, input: Any, target: Any, reduction: str = "mean") -> Any:
    """Logistic loss of scores with targets 1 and -1.

    Math:   log(1 + e^(−y x)), y = ±1.
    """
    return reduce(F, "soft_margin_loss", -F.logsigmoid(target * input), reduction)


@composite(
    method=False,
    cases=[
        Case([3, 4], ints(3, high=4)),
        Case([3, 4], ints(3, high=4), 2, 0.5, positive(4), reduction="sum"),
        Case([4], ints(high=4)),
    ],
)
def multi_margin_loss(
    F: Any,
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The target class ahead of every other by a margin.

    Math:   Σ_{i ≠ y} weight[y] · max(0, margin − x[y] + x[i])^p / C.
    """
    if p not in (1, 2) or input.ndim not in (1, 2):
        raise ShapeError(
            f"multi_margin_loss: p must be 1 or 2 and input (N, C) or (C), got {p} and"
            f" {tuple(input.shape)}. Correct them."
        )
    C = input.shape[-1]
    at = F.unsqueeze(target, -1)
    gap = F.relu(margin - F.gather(input, -1, at) + input)
    gap = gap * (1 - F.one_hot(target, C))  # the right class does not count
    if p == 2:
        gap = gap * gap
    if weight is not None:
        gap = gap * weight[target][..., None]
    return reduce(F, "multi_margin_loss", F.sum(gap, -1) / C, reduction)


LABELS = Array(2, 4, values=[[3, 0, -1, 1], [1, -1, 0, 2]])


@composite(
    method=False,
    cases=[
        Case([2, 4], LABELS),
        Case([2, 4], LABELS, reduction="sum"),
        Case([4], Array(4, values=[2, 1, -1, 0])),
    ],
)
def multilabel_margin_loss(F: Any, input: Any, target: Any, reduction: str = "mean") -> Any:
    """Each of several target classes ahead of every other class by a margin.

    Math:   Σ_{y right, i wrong} max(0, 1 − x[y] + x[i]) / C. The right classes are those before the
            first −1 in target's row.
    """
    C = input.shape[-1]
    there = F.cumsum(target < 0, -1) == 0  # (…, C): entries before the first −1
    safe = F.where(there, target, 0)
    right = (F.one_hot(safe, C) * there[..., None]).sum(-2) > 0  # (…, C): classes that are right
    # (…, label, class)
    gap = F.relu(1 - F.gather(input, -1, safe)[..., :, None] + input[..., None, :])
    counts = there[..., :, None] & ~right[..., None, :]
    return reduce(
        F, "multilabel_margin_loss", F.sum(F.where(counts, gap, 0.0), (-2, -1)) / C, reduction
    )


@composite(
    method=False,
    cases=[
        Case(X, positive(3, 5, low=0.05, high=0.95)),
        Case(X, positive(3, 5, low=0.05, high=0.95), positive(5), reduction="sum"),
    ],
)
def multilabel_soft_margin_loss(
    F: Any, input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """A logistic loss per class, averaged over the classes.

    Math:   −mean over classes of (y log σ(x) + (1 − y) log σ(−x)) · weight.
    """
    loss = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    return reduce(
        F,
        "multilabel_soft_margin_loss",
        F.mean(loss if weight is None else loss * weight, -1),
        reduction,
    )


@composite(
    method=False,
    cases=[Case(X, X, X), Case(X, X, X, margin=2.0, p=1.0, swap=True, reduction="sum")],
)
def triplet_margin_loss(
    F: Any,
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """The anchor nearer to the positive than to the negative by a margin.

    Math:   max(0, |a − p| − |a − n| + margin), distances of order p; swap: |p − n| where it is
            smaller than |a − n|.

    Reference: V. Balntas et al., 2016, "Learning local feature descriptors with triplets and
               shallow convolutional neural networks".
    """
    if margin <= 0 or len({anchor.ndim, positive.ndim, negative.ndim}) > 1:
        raise ShapeError(
            "triplet_margin_loss: margin must be above 0 and the inputs have equally many dims,"
            f" got {margin} and shapes {tuple(anchor.shape)}, {tuple(positive.shape)},"
            f" {tuple(negative.shape)}. Correct them."
        )
    near, far = (
        F.pairwise_distance(anchor, positive, p, eps),
        F.pairwise_distance(anchor, negative, p, eps),
    )
    if swap:
        far = F.minimum(far, F.pairwise_distance(positive, negative, p, eps))
    return reduce(F, "triplet_margin_loss", F.clamp(near - far + margin, min=0.0), reduction)


@composite(
    method=False, cases=[Case(X, X, X), Case(X, X, X, margin=0.5, swap=True, reduction="none")]
)
def triplet_margin_with_distance_loss(
    F: Any,
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """triplet_margin_loss with a distance of your own (default: pairwise_distance).

    Math: max(0, d(a, p) − d(a, n) + margin).
    """
    distance = F.pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = F.minimum(far, distance(positive, negative))
    return reduce(
        F, "triplet_margin_with_distance_loss", F.clamp(near - far + margin, min=0.0), reduction
    )
