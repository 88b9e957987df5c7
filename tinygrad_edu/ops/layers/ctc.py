"""Connectionist temporal classification: the loss of sequences whose alignment is not known."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.dtype import check_float
from ...engine.errors import IndexOutOfRange, ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .loss import reduced

IMPOSSIBLE = -1e30  # the reference's logarithm of 0: finite, so that no gradient is NaN


def extended(xp, targets, blank):
    """(labels with a blank before, between and after them, whether a path may jump to each from two
    places before), both (N, 2 S + 1).
    """
    n, s = targets.shape
    labels = xp.full((n, 2 * s + 1), blank, "int64")
    labels[:, 1::2] = targets
    jump = xp.zeros(labels.shape, "bool")
    jump[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return labels, jump


def moved(xp, x, steps):
    """x shifted to the right (steps > 0) or left along the last dim, -inf filled in."""
    out = xp.full_like(x, -xp.inf)
    n = x.shape[-1]
    if abs(steps) < n:
        if steps > 0:
            out[..., steps:] = x[..., : n - steps]
        else:
            out[..., : n + steps] = x[..., -steps:]
    return out


def at_ends(xp, alpha, input_lengths, target_lengths):
    """log of the probability of all complete paths: those that end in the last label or the blank
    after it.
    """
    n = xp.arange(alpha.shape[1])
    last = xp.maximum(input_lengths - 1, 0)
    end = alpha[last, n, 2 * target_lengths]
    label = xp.where(
        target_lengths > 0, alpha[last, n, xp.maximum(2 * target_lengths - 1, 0)], -xp.inf
    )
    return xp.where(
        input_lengths > 0, xp.logaddexp(end, label), xp.where(target_lengths > 0, -xp.inf, 0.0)
    ).astype(alpha.dtype)


def ctc_reference(F, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    """The forward recursion in small ops, for the higher orders."""
    xp, device = log_probs.device.xp, log_probs.device
    labels, jump = extended(xp, targets.array, blank)
    T, N, _ = log_probs.shape
    L = labels.shape[1]
    wide = F.broadcast_to(F.reshape(F.tensor(labels, device=device), (1, N, L)), (T, N, L))
    emitted = F.gather(log_probs, 2, wide)
    start = F.tensor(xp.arange(L) < 2, device=device) & F.tensor(
        (xp.arange(L) <= 2 * target_lengths.array[:, None]), device=device
    )
    alpha = F.where(start, emitted[0], IMPOSSIBLE)
    may_jump, lengths = F.tensor(jump, device=device), F.unsqueeze(input_lengths, -1)
    for t in range(1, T):
        one = F.pad(alpha, (1, 0), value=IMPOSSIBLE)[:, :L]
        two = F.where(may_jump, F.pad(alpha, (2, 0), value=IMPOSSIBLE)[:, :L], IMPOSSIBLE)
        step = F.logsumexp(F.stack([alpha, one, two]), 0) + emitted[t]
        alpha = F.where(t < lengths, step, alpha)
    place = F.unsqueeze(2 * target_lengths, -1)
    label = F.where(
        F.unsqueeze(target_lengths, -1) > 0,
        F.gather(alpha, 1, F.clamp(place - 1, min=0)),
        IMPOSSIBLE,
    )
    loss = -F.squeeze(F.logsumexp(F.stack([F.gather(alpha, 1, place), label]), 0), -1)
    return F.where(loss > 1e20, 0.0 if zero_infinity else float("inf"), loss)


LOG_PROBS = Sample(5, 2, 4, low=-3.0, high=-0.2)
BATCH = (Sample(values=[[1, 2], [3, 1]]), Sample(values=[5, 4]), Sample(values=[2, 1]))


@piece(residuals=("alpha",), reference=ctc_reference, cases=[Case(LOG_PROBS, *BATCH, 0, False)])
def ctc_negative_log(
    xp,
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int,
    zero_infinity: bool,
):
    """Minus the log-probability of each target sequence, over all alignments.

    Math:   alpha_t(l) = (alpha_{t-1}(l) + alpha_{t-1}(l - 1) + [may jump] alpha_{t-1}(l - 2))
            p_t(label_l);   out = -ln (alpha_T(L) + alpha_T(L - 1));
            d log_probs_{t, c} = -g sum over l with label c of alpha_t(l) beta_t(l) / p(target)
    Reference: A. Graves et al., 2006, "Connectionist temporal classification", eq. 6-15 (beta here
               without p_t)
    """
    labels, jump = extended(xp, targets, blank)
    T, N, _ = log_probs.shape
    emitted = log_probs[:, xp.arange(N)[:, None], labels]  # (T, N, L)
    alpha = xp.full(emitted.shape, -xp.inf, log_probs.dtype)
    alpha[0, :, :2] = emitted[0, :, :2]
    alpha[0][xp.arange(labels.shape[1]) > 2 * target_lengths[:, None]] = -xp.inf
    for t in range(1, T):
        before = alpha[t - 1]
        both = xp.logaddexp(before, moved(xp, before, 1))
        alpha[t] = xp.logaddexp(both, xp.where(jump, moved(xp, before, 2), -xp.inf)) + emitted[t]
    loss = -at_ends(xp, alpha, input_lengths, target_lengths)
    return (xp.where(xp.isinf(loss), 0, loss) if zero_infinity else loss).astype(
        log_probs.dtype
    ), alpha


@piece(
    differentiable=False,
    cases=[Case(LOG_PROBS, *BATCH, Sample(5, 2, 5, low=-9.0, high=-1.0), 0, False)],
)
def ctc_occupation(
    xp,
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    alpha: Array,
    blank: int,
    zero_infinity: bool,
):
    """How probable it is, given the target, that a path emits class c at time t.

    Math:   out_{t, n, c} = sum over l with label c of alpha_t(l) beta_t(l) / p(target)
    """
    labels, jump = extended(xp, targets, blank)
    T, N, _ = log_probs.shape
    rows = xp.arange(N)[:, None]
    emitted = log_probs[:, rows, labels]
    total = at_ends(xp, alpha, input_lengths, target_lengths)
    final = xp.full(labels.shape, -xp.inf, log_probs.dtype)
    final[rows[:, 0], 2 * target_lengths] = 0
    has_label = target_lengths > 0
    final[rows[has_label, 0], 2 * target_lengths[has_label] - 1] = 0
    enter = moved(xp, jump.astype(log_probs.dtype), -2) > 0  # may jump from l to l + 2
    out = xp.zeros_like(log_probs)
    beta = xp.full(labels.shape, -xp.inf, log_probs.dtype)
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            after = beta + emitted[t + 1]
            beta = xp.logaddexp(
                xp.logaddexp(after, moved(xp, after, -1)),
                xp.where(enter, moved(xp, after, -2), -xp.inf),
            )
        beta = xp.where(
            (input_lengths == t + 1)[:, None],
            final,
            xp.where((input_lengths > t + 1)[:, None], beta, -xp.inf),
        )
        xp.add.at(
            out[t],
            (rows, labels),
            xp.exp(alpha[t] + beta - xp.where(xp.isinf(total), 0, total)[:, None]),
        )
    lost = xp.isinf(total)[None, :, None] & (xp.arange(T)[:, None] < input_lengths)[..., None]
    return xp.where(lost, 0.0 if zero_infinity else xp.nan, out).astype(log_probs.dtype)


def ctc_vjp(F, g, log_probs, targets, input_lengths, target_lengths, alpha, blank, zero_infinity):
    occupation = F.ctc_occupation(
        log_probs, targets, input_lengths, target_lengths, alpha, blank, zero_infinity
    )
    return -F.unsqueeze(g, -1) * occupation


ctc_negative_log.vjp(log_probs=ctc_vjp, targets=None, input_lengths=None, target_lengths=None)


@composite(
    method=False,
    cases=[
        Case(
            LOG_PROBS,
            Sample(values=[[1, 2, 2], [3, 1, 0]]),
            Sample(values=[5, 4]),
            Sample(values=[3, 2]),
            torch=False,
        ),
        Case(LOG_PROBS, Sample(values=[1, 2, 3]), (5, 5), (1, 2), reduction="sum", torch=False),
        Case(
            LOG_PROBS,
            Sample(values=[[1, 1, 1], [2, 3, 2]]),
            (5, 3),
            (3, 3),
            blank=0,
            reduction="none",
            zero_infinity=True,
            torch=False,
        ),
        Case(
            Sample(4, 3, low=-3.0, high=-0.2),
            Sample(values=[0, 1]),
            (4,),
            (2,),
            blank=2,
            torch=False,
        ),
    ],
)
def ctc_loss(
    F,
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification loss.

    Math:   out = -ln sum over alignments of the target of prod_t p_t(label); mean: each over its
            target length, then over the batch
    Shape:  log_probs (T, N, C) or (T, C); targets (N, S), or all labels in a row; input_lengths,
            target_lengths (N)
    Args:   blank: the class that stands for no label. zero_infinity: targets longer than their
            input allows count nothing instead of inf
    Note:   the gradient is that of the formula; PyTorch's assumes that log_probs come from
            log_softmax. Through log_softmax both are equal
    Reference: A. Graves et al., 2006, "Connectionist temporal classification"
    """
    check_float("ctc_loss", log_probs, "log_probs")
    single = log_probs.ndim == 2
    if single:
        log_probs = F.unsqueeze(log_probs, 1)
    if log_probs.ndim != 3:
        raise ShapeError(
            f"ctc_loss: log_probs must be (T, N, C) or (T, C), got shape {tuple(log_probs.shape)}."
            " Transpose it: time comes first."
        )
    C, xp = log_probs.shape[2], log_probs.device.xp
    if not 0 <= blank < C:
        raise IndexOutOfRange(
            f"ctc_loss: blank must be in [0, {C - 1}], got {blank}. It is a class number."
        )
    ours, theirs = checked_lengths(xp, log_probs, input_lengths, target_lengths)
    padded = padded_targets(xp, targets.array, theirs, blank, C)
    arrays = (log_probs.wrap(a) for a in (padded, ours, theirs))
    loss = F.ctc_negative_log(log_probs, *arrays, blank, zero_infinity)
    if reduction == "mean":
        loss = loss / log_probs.wrap(xp.maximum(theirs, 1).astype(loss.array.dtype))
    elif reduction == "none" and single:
        loss = F.squeeze(loss, 0)
    return reduced(F, "ctc_loss", loss, reduction)


def checked_lengths(xp, log_probs, input_lengths, target_lengths):
    """Both lengths as integer arrays (N)."""
    T, N, _ = log_probs.shape
    ours, theirs = (
        xp.asarray(v.array if hasattr(v, "array") else v, "int64").reshape(-1)
        for v in (input_lengths, target_lengths)
    )
    fit = ours.size == N == theirs.size
    if not fit or (ours < 0).any() or (theirs < 0).any() or (ours > T).any():
        raise ShapeError(
            f"ctc_loss: input_lengths and target_lengths must be {N} numbers, the former at most"
            f" {T}, got {ours.tolist()} and {theirs.tolist()}. Correct them."
        )
    return ours, theirs


def padded_targets(xp, raw, lengths, blank, classes):
    """The targets (N, S), with blanks behind each one's end."""
    N, longest = lengths.size, int(lengths.max()) if lengths.size else 0
    inside = xp.arange(longest) < lengths[:, None]
    if raw.ndim == 1 and raw.size == int(lengths.sum()):
        padded = xp.full((N, longest), blank, "int64")
        padded[inside] = raw
    elif raw.ndim == 2 and raw.shape[0] == N and raw.shape[1] >= longest:
        padded = xp.where(inside, raw[:, :longest], blank)
    else:
        raise ShapeError(
            f"ctc_loss: targets must be (N, S) with S at least {longest}, or {int(lengths.sum())}"
            f" labels in a row, got shape {raw.shape}. Check target_lengths."
        )
    if padded.size and (padded.min() < 0 or padded.max() >= classes):
        raise IndexOutOfRange(
            f"ctc_loss: targets must be in [0, {classes - 1}], got values from {padded.min()} to"
            f" {padded.max()}. Correct the labels."
        )
    return padded
