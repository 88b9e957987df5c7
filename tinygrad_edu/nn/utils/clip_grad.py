"""Keeping gradients small."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...autograd import no_grad
from ...engine.border import public
from ...engine.errors import TinygradEduError
from ...engine.tensor import Tensor
from ...functional import tensor
from ...optim.steps import clip_update, norm_update


class NonFiniteError(TinygradEduError, RuntimeError):
    """A norm that is infinite or not a number."""


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


@public
def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all the numbers of all tensors together.

    Args: norm_type: order, also inf; error_if_nonfinite: raise if the result is inf or NaN.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return tensor(0.0)
    order = float(norm_type)
    xp = tensors[0].device.xp
    if order == math.inf:
        total = xp.stack([xp.abs(t.array).max() for t in tensors if t.array.size]).max()
    elif order == 2 and tensors[0].device.F.has_kernels:
        total = xp.zeros((1,), tensors[0].array.dtype)
        for t in tensors:
            norm_update(t.device, total, t.array)
        total = xp.sqrt(total).reshape(())
    elif order == 2:  # a dot product needs no temporary
        total = xp.sqrt(sum(xp.dot(flat, flat) for flat in (t.array.reshape(-1) for t in tensors)))
    else:
        total = sum((xp.abs(t.array) ** order).sum() for t in tensors) ** (1 / order)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise NonFiniteError(
            f"get_total_norm: the norm of order {order} must be finite, got {float(total)}. Look"
            " for the first NaN with autograd.set_detect_anomaly(True), or pass"
            " error_if_nonfinite=False."
        )
    return tensors[0].wrap(tensors[0].device.asarray(total))


@public
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by one factor, in place, so that their norm together is at most max_norm.

    Math:    g ← g · min(1, max_norm / (norm + 10⁻⁶))
    Returns: the norm before. `foreach` is accepted and changes nothing.
    Reference: R. Pascanu et al., 2013, "On the difficulty of training recurrent neural networks",
               algorithm 1.
    """
    grads = _grads(parameters)
    norm = get_total_norm(grads, norm_type, error_if_nonfinite)
    with no_grad():
        if norm.device.F.has_kernels:  # which reads the norm itself: nothing waits
            for g in grads:
                clip_update(g.device, g.array, norm.array, float(max_norm))
                g.bump_version()
        elif (
            not (factor := float(max_norm) / (float(norm) + 1e-6)) >= 1
        ):  # also if it is NaN: the gradients shall show it
            for g in grads:
                g.mul_(factor)
    return norm


clip_grad_norm = clip_grad_norm_


@public
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Hold every element of every gradient in [−clip_value, clip_value], in place."""
    with no_grad():
        for g in _grads(parameters):
            g.clamp_(-float(clip_value), float(clip_value))
