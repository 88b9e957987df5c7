"""What distributions share: parameters of one shape, probabilities and logits, lazy attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..autograd import enable_grad
from ..engine.dtype import get_default_dtype
from ..engine.errors import DTypeError, ShapeError
from ..engine.limits import finfo
from ..engine.tensor import Tensor

Number = float | Tensor


def broadcast_all(*values: Number) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape. Numbers get dtype and device of the first
    tensor, or the default dtype.

    Raises: DTypeError for anything else
    """
    wrong = [v for v in values if not isinstance(v, (Tensor, int, float))]
    if wrong:
        raise DTypeError(
            f"broadcast_all: each value must be a number or a Tensor, got"
            f" {type(wrong[0]).__name__}. Convert it with tensor()."
        )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype, device = (get_default_dtype(), None) if like is None else (like.dtype, like.device)
    tensors = [
        v if isinstance(v, Tensor) else F.full((), v, dtype=dtype, device=device) for v in values
    ]
    return tuple(F.broadcast_tensors(*tensors))


def one_of(name: str, **given: Any) -> str:
    """The name of the only argument that is not None.

    Raises: ShapeError if none or several are given
    """
    there = [key for key, value in given.items() if value is not None]
    if len(there) != 1:
        raise ShapeError(
            f"{name}: exactly one of {', '.join(given)} must be given, got {there or 'none'}. Give"
            " one of them."
        )
    return there[0]


def as_float(value: Number) -> Tensor:
    """A parameter as a tensor; a number gets the default dtype."""
    return value if isinstance(value, Tensor) else broadcast_all(value)[0]


def clamp_probs(probs: Tensor) -> Tensor:
    """`probs` within [eps, 1 - eps], so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def inside_unit(values: Tensor) -> Tensor:
    """`values` strictly between 0 and 1: from the least positive number up to 1 - eps."""
    limits = finfo(values.dtype)
    return values.clamp(limits.tiny, 1 - limits.eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: sigmoid if binary, otherwise softmax over the last dim."""
    return logits.sigmoid() if is_binary else F.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities, clamped to finite values: log odds if binary, otherwise logs."""
    probs = clamp_probs(probs)
    return probs.log() - F.log1p(-probs) if is_binary else probs.log()


def open_uniform(shape: tuple, like: Tensor) -> Tensor:
    """Uniform in (0, 1), both ends excluded; dtype and device of `like`."""
    u = F.rand(*shape, dtype=like.dtype, device=like.device)
    return u.clamp(min=finfo(u.dtype).eps / 4)  # half of the step between the values of rand


def sum_rightmost(value: Any, dim: int) -> Any:
    """`value` summed over its last `dim` dims; a number stays as it is."""
    if not dim or not isinstance(value, Tensor):
        return value
    return value.reshape(*value.shape[: value.ndim - dim], -1).sum(-1)


class lazy_property:
    """An attribute that is computed when it is first asked for, with gradients in any case."""

    def __init__(self, compute: Callable[[Any], Any]):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.compute(instance)
        instance.__dict__[self.name] = value
        return value
