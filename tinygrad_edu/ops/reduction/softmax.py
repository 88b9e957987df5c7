"""Softmax and what is built on it: log-sum-exp, negative log-likelihood, cross-entropy."""

from __future__ import annotations

from ...engine.arrays import capture
from ...engine.case import Case, Sample, ints, positive
from ...engine.dtype import as_dtype
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.op import Array, composite, op, piece
from ...engine.tensor import Tensor
from ..indexing.scatter import positions
from .reduction import axes, spread

LAST = [
    Case([2, 3], -1),
    Case([2, 3, 4], 1),
    Case([2, 3], dim=0),
    Case([], 0),
    Case(ints(2, 3), 1, dtype="float64", torch=False),
]


def shifted(xp, x, dim, dtype):
    """x minus its largest along dim, in `dtype`, so that exp cannot overflow (with an infinite
    largest the result is NaN, as in PyTorch).
    """
    if dtype is not None:
        x = x.astype(as_dtype(dtype).numpy)
    return x - x.max(axis=dim, keepdims=True) if x.size else xp.array(x)


@op(cases=LAST, types="float")
def softmax(xp, input: Array, dim: int, dtype=None):
    """Exponentials that add up to one along dim.

    Math:   out_i = e^input_i / sum_j e^input_j;   d input = out (g - sum_j g_j out_j)
    Note:   computed from input - max input, so nothing overflows
    Args:   dtype: computed and returned in this dtype, by default in the input's
    """
    axis = axes("softmax", dim, input.ndim)
    e = shifted(xp, input, axis, dtype)
    e = xp.exp(e, out=e) if input.ndim else xp.exp(e)
    return e / e.sum() if axis is None else xp.divide(e, e.sum(axis=axis, keepdims=True), out=e)


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
    return y * (u - (u * y).sum(axis=dim, keepdims=True))


softmax_backward.vjp(
    u=lambda F, g, y, dim: F.softmax_backward(g, y, dim),
    y=lambda F, g, u, y, dim: g * (u - F.sum(u * y, dim, True)) - u * F.sum(g * y, dim, True),
)


@op(cases=LAST, types="float")
def log_softmax(xp, input: Array, dim: int, dtype=None):
    """Logarithm of softmax.

    Math:   out_i = input_i - ln sum_j e^input_j;   d input = g - e^out sum_j g_j
    """
    axis = axes("log_softmax", dim, input.ndim)
    s = shifted(xp, input, axis, dtype)
    s -= xp.log(xp.exp(s).sum(axis=axis, keepdims=True))
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
    e *= u.sum(axis=dim, keepdims=True)
    return xp.subtract(u, e, out=e)


log_softmax_backward.vjp(
    u=lambda F, g, y, dim: g - F.sum(g * F.exp(y), dim, True),
    y=lambda F, g, u, y, dim: -g * F.exp(y) * F.sum(u, dim, True),
)


@op(types="float", cases=[Case([2, 3], -1), Case([2, 3, 4], (0, 2)), Case([2, 3], 1, keepdim=True)])
def logsumexp(xp, input: Array, dim: int | tuple[int, ...], keepdim: bool = False):
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


def reduced(F, loss, reduction, name, weight=None):
    """Mean (weighted), sum, or the losses themselves."""
    if reduction == "none":
        return loss
    if reduction == "sum":
        return F.sum(loss)
    if reduction == "mean":
        return F.mean(loss) if weight is None else F.sum(loss) / F.sum(weight)
    raise ShapeError(
        f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}. Use one of these."
    )


LABELS = ints(4, high=3)


def check_labels(input, target, ignore_index):
    """Class numbers without their history, and which of them count."""
    if tuple(target.shape) != (input.shape[0], *input.shape[2:]):
        raise ShapeError(
            f"nll_loss: target must have shape {(input.shape[0], *input.shape[2:])} for input"
            f" {tuple(input.shape)}, got {tuple(target.shape)}. One class number per item."
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
    F,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
):
    """Negative log-likelihood of the target classes.

    Math:   loss_n = -weight[target_n] input[n, target_n];   mean: divided by the sum of the weights
    Shape:  input (N, C, *) log-probabilities, target (N, *) class numbers
    """
    if target.dtype.is_floating_point:
        raise DTypeError(
            f"nll_loss: target must hold class numbers (integers), got {target.dtype.name}. Convert"
            " it with .long()."
        )
    if input.ndim == 1:
        return (
            nll_loss.function(
                F.unsqueeze(input, 0),
                F.unsqueeze(target, 0),
                weight,
                ignore_index=ignore_index,
                reduction=reduction,
            )
            if reduction != "none"
            else F.squeeze(
                nll_loss.function(
                    F.unsqueeze(input, 0),
                    F.unsqueeze(target, 0),
                    weight,
                    ignore_index=ignore_index,
                    reduction=reduction,
                ),
                0,
            )
        )
    labels, valid = check_labels(input, target, ignore_index)
    if not capture.active and bool(valid.array.all()):
        picked, scale = F.squeeze(F.gather(input, 1, F.unsqueeze(labels, 1)), 1), None
    else:
        labels = F.where(valid, labels, 0)
        picked, scale = (
            F.squeeze(F.gather(input, 1, F.unsqueeze(labels, 1)), 1),
            valid.to(input.dtype),
        )
    if weight is not None:
        per_item = F.getitem(weight, labels.array)
        scale = per_item if scale is None else per_item * scale
    loss = -picked if scale is None else F.where(valid, -picked, 0.0) * scale
    return reduced(F, loss, reduction, "nll_loss", scale)


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
    F,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
):
    """Cross-entropy of unnormalised scores with class numbers or class probabilities.

    Math:   loss = -sum_c q_c weight_c log_softmax(input)_c;   q is the target, mixed with 1/C by
            label_smoothing
    Shape:  input (N, C, *), target (N, *) class numbers or (N, C, *) probabilities
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ShapeError(
            f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}. Choose a"
            " value such as 0.1."
        )
    dim = 0 if input.ndim == 1 else 1
    if (
        weight is None
        and not label_smoothing
        and input.ndim > 1
        and input.dtype.is_floating_point
        and not target.dtype.is_floating_point
        and input.numel()
    ):
        labels, valid = check_labels(input, target, ignore_index)
        loss = F.class_cross_entropy(input, labels, ignore_index)
        return reduced(
            F,
            loss,
            reduction,
            "cross_entropy",
            None if not capture.active and bool(valid.array.all()) else valid.to(input.dtype),
        )
    logp, classes = F.log_softmax(input, dim), input.shape[dim]
    column = (
        None if weight is None else F.reshape(weight, (classes,) + (1,) * (input.ndim - dim - 1))
    )
    if target.dtype.is_floating_point:
        if target.shape != input.shape:
            raise ShapeError(
                f"cross_entropy: probabilities must have the input's shape {tuple(input.shape)},"
                f" got {tuple(target.shape)}. Use class numbers (integers) for one class per item."
            )
        if ignore_index >= 0:
            raise ShapeError(
                f"cross_entropy: ignore_index is for class numbers, got {ignore_index} with"
                " probabilities. Leave it out."
            )
        q = target * (1 - label_smoothing) + label_smoothing / max(classes, 1)
        loss = -F.sum(q * logp if column is None else q * logp * column, dim)
        if reduction != "mean":
            return reduced(F, loss, reduction, "cross_entropy")
        return F.mean(loss)
    hard = nll_loss.function(logp, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return hard
    valid = target != ignore_index
    smooth = -F.sum(logp if column is None else logp * column, dim)
    smooth = F.where(valid, smooth, 0.0)
    if reduction == "mean":
        weights = (
            valid.to(input.dtype)
            if weight is None
            else F.where(valid, F.getitem(weight, F.where(valid, target, 0).array), 0.0)
        )
        smooth = F.sum(smooth) / F.sum(weights)
    else:
        smooth = reduced(F, smooth, reduction, "cross_entropy")
    return hard * (1 - label_smoothing) + smooth * (label_smoothing / classes)


@composite(
    method=False,
    cases=[
        Case([3, 4], torch=False, grad=False),
        Case([3, 4], 0.5, True, dim=0, torch=False, grad=False),
    ],
)
def gumbel_softmax(
    F, logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
):
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
