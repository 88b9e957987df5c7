"""Losses of class numbers or class probabilities: negative log-likelihood and cross-entropy."""

from __future__ import annotations

from typing import Any

from ...engine.arrays import capture
from ...engine.case import Case, Sample, ints, positive
from ...engine.composite import composite
from ...engine.dtype import check_float
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .loss import legacy_reduction, reduced

LABELS = ints(4, high=3)


def over_items(F: Any, name: str, loss: Any, scale: Any, reduction: str) -> Any:
    """The losses reduced, `scale` already in them; their mean is over the sum of the scales."""
    if reduction == "mean" and scale is not None:
        return F.sum(loss) / F.sum(scale)
    return reduced(F, name, loss, reduction)


def check_labels(input: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """Class numbers without their history, and which of them count; None: all do."""
    if tuple(target.shape) != (input.shape[0], *input.shape[2:]):
        raise ShapeError(
            f"nll_loss: target must have shape {(input.shape[0], *input.shape[2:])} for input"
            f" {tuple(input.shape)}, got {tuple(target.shape)}. Give one class number per item."
        )
    labels, classes = target.detach(), input.shape[1]
    if capture.active:  # nothing is looked at while a graph of kernels is recorded
        return labels, labels != ignore_index
    if not 0 <= ignore_index < classes and in_range(labels.array, classes):
        return labels, None
    valid = labels != ignore_index
    raw = labels.array[valid.array]
    if not in_range(raw, classes):
        raise IndexOutOfRange(
            f"nll_loss: target must be in [0, {classes - 1}] or ignore_index={ignore_index}, got"
            f" values from {int(raw.min())} to {int(raw.max())}. Check the labels."
        )
    return labels, None if raw.size == labels.array.size else valid


def in_range(labels: Array, classes: int) -> bool:
    return not labels.size or int(labels.min()) >= 0 and int(labels.max()) < classes


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
    labels = labels if valid is None else F.where(valid, labels, 0)
    loss = -F.squeeze(F.gather(input, 1, F.unsqueeze(labels, 1)), 1)
    scale = None if valid is None else valid.to(input.dtype)
    if weight is not None:
        per_item = F.getitem(weight, labels.array)
        scale = per_item if scale is None else per_item * scale
    if scale is not None:
        loss = (loss if valid is None else F.where(valid, loss, 0.0)) * scale
    return over_items(F, "nll_loss", loss, scale, reduction)


def of_labels(xp: Any, labels: Array) -> tuple:
    """The index into scores (N, C, *) of those of the labels (N, *)."""
    first, *others = xp.indices(labels.shape, sparse=True)
    return (first, labels, *others)


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
    picked = s[of_labels(xp, xp.where(valid, target, 0))]
    xp.exp(s, out=s)
    logsum = xp.log(s.sum(axis=1, keepdims=True))
    return xp.where(valid, logsum[:, 0] - picked, input.dtype.type(0)), top, logsum


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
    out[of_labels(xp, xp.where(valid, target, 0))] -= 1
    out *= xp.where(valid, u, input.dtype.type(0))[:, None]
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
        scale = None if valid is None else valid.to(input.dtype)
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
