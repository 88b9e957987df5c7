"""Losses as layers. The formulas stand with the functions of the same name in `ops/`.

`reduction`: "mean" (default), "sum", or "none" for one value per element or example. The old
`size_average` and `reduce` are understood and turned into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..ops.layers.loss import legacy_reduction
from .declared import Declared
from .functional import linear_cross_entropy, triplet_margin_with_distance_loss
from .linear import Linear
from .module import Module


class _Loss(Declared):
    def __init__(
        self,
        *args: Any,
        size_average: bool | None = None,
        reduce: bool | None = None,
        **kwargs: Any,
    ):
        if size_average is not None or reduce is not None:
            kwargs["reduction"] = legacy_reduction(size_average, reduce)
        super().__init__(*args, **kwargs)

    def extra_repr(self) -> str:
        return ""


class L1Loss(_Loss):
    """|input − target|."""

    function = "l1_loss"
    reduction: str = "mean"


class MSELoss(_Loss):
    """(input − target)²."""

    function = "mse_loss"
    reduction: str = "mean"


class SmoothL1Loss(_Loss):
    """½(x−y)²/beta where |x−y| < beta, else |x−y| − ½beta."""

    function = "smooth_l1_loss"
    reduction: str = "mean"
    beta: float = 1.0


class HuberLoss(_Loss):
    """½(x−y)² where |x−y| < delta, else delta(|x−y| − ½delta)."""

    function = "huber_loss"
    reduction: str = "mean"
    delta: float = 1.0


class CrossEntropyLoss(_Loss):
    """−log softmax(input)[target], from scores.

    Shape:  input (N, C, *) or (C); target: class numbers (N, *) or (), or probabilities of input's
            shape
    Args:   weight: one factor per class; ignore_index: target value without loss; label_smoothing:
            share spread evenly over all classes.
    """

    function = "cross_entropy"
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"
    label_smoothing: float = 0.0


class LinearCrossEntropyLoss(Module):
    """CrossEntropyLoss of a linear layer's outputs; the layer is part of the loss, as `linear`.

    Shape:  input (N, in_features) or (in_features); target: class numbers (N, *out_features), or
            probabilities (N, num_classes, *out_features)
    Args:   out_features: further dims of the target. options: accepted, and changes no result
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: Sequence[int] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ):
        super().__init__()
        if weight is not None and weight.shape != (num_classes,):
            raise ShapeError(
                f"LinearCrossEntropyLoss: weight must have the shape ({num_classes},), got"
                f" {tuple(weight.shape)}. Give one factor per class."
            )
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.reduction, self.ignore_index = reduction, ignore_index
        self.label_smoothing, self.options = label_smoothing, options
        rows = math.prod(self.out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes},"
            f" out_features={self.out_features}, bias={self.linear.bias is not None},"
            f" reduction={self.reduction}, ignore_index={self.ignore_index},"
            f" label_smoothing={self.label_smoothing}, options={self.options}"
        )


class NLLLoss(_Loss):
    """−input[target], from log-probabilities.

    Shape: input (N, C, *) or (C), target (N, *) or ().
    """

    function = "nll_loss"
    weight: Tensor | None = None
    ignore_index: int = -100
    reduction: str = "mean"


class BCELoss(_Loss):
    """−(y log p + (1−y) log(1−p)) from probabilities p; each logarithm is held at −100 or above."""

    function = "binary_cross_entropy"
    weight: Tensor | None = None
    reduction: str = "mean"


class BCEWithLogitsLoss(_Loss):
    """BCELoss after a sigmoid, without overflow.

    Args: pos_weight: factor on the loss of positive targets.
    """

    function = "binary_cross_entropy_with_logits"
    weight: Tensor | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


class KLDivLoss(_Loss):
    """y (log y − input), input being log-probabilities.

    Args: reduction also "batchmean"; log_target: target is log y.
    """

    function = "kl_div"
    reduction: str = "mean"
    log_target: bool = False


class PoissonNLLLoss(_Loss):
    """e^input − target·input (or input − target·log(input + eps) without log_input).

    Args: full: add Stirling's term.
    """

    function = "poisson_nll_loss"
    log_input: bool = True
    full: bool = False
    eps: float = 1e-8
    reduction: str = "mean"


class GaussianNLLLoss(_Loss):
    """½(log var + (input − target)² / var), called with (input, target, var).

    Args: full: add ½ log 2π; eps: least var.
    """

    function = "gaussian_nll_loss"
    full: bool = False
    eps: float = 1e-6
    reduction: str = "mean"


class HingeEmbeddingLoss(_Loss):
    """x where target is 1, max(0, margin − x) where it is −1."""

    function = "hinge_embedding_loss"
    margin: float = 1.0
    reduction: str = "mean"


class MarginRankingLoss(_Loss):
    """max(0, −target·(x1 − x2) + margin), called with (x1, x2, target)."""

    function = "margin_ranking_loss"
    margin: float = 0.0
    reduction: str = "mean"


class CosineEmbeddingLoss(_Loss):
    """1 − cos where target is 1, max(0, cos − margin) where it is −1.

    Called with (x1, x2, target).
    """

    function = "cosine_embedding_loss"
    margin: float = 0.0
    reduction: str = "mean"


class SoftMarginLoss(_Loss):
    """log(1 + e^(−target·input)), targets ±1."""

    function = "soft_margin_loss"
    reduction: str = "mean"


class MultiMarginLoss(_Loss):
    """Σ over wrong classes i of max(0, margin − x[y] + x[i])^p / C.

    Args: weight: one factor per class.
    """

    function = "multi_margin_loss"
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    reduction: str = "mean"

    def __post_init__(self) -> None:
        if self.p not in (1, 2):
            raise ShapeError(f"MultiMarginLoss: p must be 1 or 2, got {self.p}. Use one of these.")


class MultiLabelMarginLoss(_Loss):
    """Σ over right classes y and wrong classes i of max(0, 1 − x[y] + x[i]) / C; a row of targets
    ends at −1.
    """

    function = "multilabel_margin_loss"
    reduction: str = "mean"


class MultiLabelSoftMarginLoss(_Loss):
    """Mean over classes of BCEWithLogits."""

    function = "multilabel_soft_margin_loss"
    weight: Tensor | None = None
    reduction: str = "mean"


class TripletMarginLoss(_Loss):
    """max(0, |a − p| − |a − n| + margin), called with (anchor, positive, negative).

    Args: p: order of the distance; swap: use |p − n| where it is smaller than |a − n|.
    """

    function = "triplet_margin_loss"
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: str = "mean"


class TripletMarginWithDistanceLoss(Module):
    """TripletMarginLoss with any distance: a function, or module, of two tensors (default:
    PairwiseDistance()).
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        super().__init__()
        if not margin > 0:
            raise ShapeError(
                f"TripletMarginWithDistanceLoss: margin must be above 0, got {margin}. Use 1.0, for"
                " example."
            )
        self.distance_function = distance_function or PairwiseDistance()
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification, called with (log_probs, targets, input_lengths,
    target_lengths).

    Reference: A. Graves et al., 2006, "Connectionist temporal classification".
    """

    function = "ctc_loss"
    blank: int = 0
    reduction: str = "mean"
    zero_infinity: bool = False


class CosineSimilarity(Declared):
    """The cosine of the angle between two inputs along dim."""

    function = "cosine_similarity"
    dim: int = 1
    eps: float = 1e-8

    def extra_repr(self) -> str:
        return ""


class PairwiseDistance(Declared):
    """|x1 − x2 + eps| of order p along the last dim."""

    function = "pairwise_distance"
    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False

    def extra_repr(self) -> str:
        return ""
