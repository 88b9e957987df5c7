"""Losses with a margin: hinges, pairs, triplets, and several labels an item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.case import Case, Sample, ints, positive
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .loss import X, reduced

SIGNS = Sample(3, values=[1.0, -1.0, 1.0])


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


TARGETS = Sample(2, 4, values=[[3, 0, -1, 1], [1, -1, 0, 2]])


@composite(
    method=False,
    cases=[
        Case([2, 4], TARGETS),
        Case([2, 4], TARGETS, reduction="sum"),
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
