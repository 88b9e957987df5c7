"""The base of all distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .. import functional as F
from ..autograd import no_grad
from ..engine.errors import DTypeError, ShapeError, TinygradEduError
from ..engine.tensor import Tensor
from . import constraints
from .constraints import Constraint, is_dependent


class NotKnown(TinygradEduError, NotImplementedError):
    """A quantity that a distribution has no formula for."""


class Distribution:
    """A probability distribution over events, or a batch of them.

    A subclass puts its parameters into attributes, describes them in `arg_constraints`, and calls
    `super().__init__(batch_shape, event_shape, validate_args)`.

    Shape:  sample(s): (*s, *batch_shape, *event_shape); log_prob: (*s, *batch_shape)
    Args:   batch_shape: of independent distributions with parameters of their own. event_shape: of
            one outcome. validate_args: whether parameters and values are checked; None: as
            `set_default_validate_args` says (True, but False under python -O)
    Raises: ShapeError if a parameter lies outside of its constraint
    """

    has_rsample = False  # whether samples carry gradients to the parameters
    has_enumerate_support = False
    arg_constraints: Any = {}
    support: Any = None
    _validate_args = __debug__
    _parts: tuple[str, ...] = ()  # attributes that are distributions with the same batch shape

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check arguments unless told otherwise."""
        if value not in (True, False):
            raise DTypeError(
                f"set_default_validate_args: value must be True or False, got {value!r:.60}. Give"
                " one of them."
            )
        Distribution._validate_args = value

    def __init__(
        self,
        batch_shape: Sequence[int] = (),
        event_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ):
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, value in self._given().items():
                if not is_dependent(self.arg_constraints[name]):
                    self._check(name, self.arg_constraints[name], value)

    def _given(self) -> dict[str, Any]:
        """The parameters without those that would first have to be worked out from others."""
        known = vars(self)
        return {
            name: getattr(self, name)
            for name in self.arg_constraints
            if name in known or isinstance(getattr(type(self), name, None), property)
        }

    def _check(self, name: str, constraint: Constraint, value: Any) -> None:
        value = value if isinstance(value, Tensor) else F.tensor(value)
        with no_grad():
            fits = bool(constraint.check(value).all())
        if not fits:
            raise ShapeError(
                f"{type(self).__name__}: {name} must be {constraint!r}, got {described(value)}"
                f"{sums(value) if constraint is constraints.simplex else ''}."
                " Correct it, or pass validate_args=False."
            )

    # ---- shapes ----

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one outcome."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> tuple[int, ...]:
        return (*sizes(sample_shape), *self._batch_shape, *self._event_shape)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        """The same distribution with its parameters expanded to another batch shape."""
        new = object.__new__(type(self)) if _instance is None else _instance
        new.__dict__.update(self.__dict__)
        new._batch_shape = shape = tuple(batch_shape)
        for name, constraint in self.arg_constraints.items():
            value = self.__dict__.get(name)
            if isinstance(value, Tensor):
                own = value.shape[value.ndim - constraint.event_dim :]
                new.__dict__[name] = value.expand(*shape, *own)
        for name in self._parts:
            new.__dict__[name] = self.__dict__[name].expand(shape)
        return new

    # ---- what a distribution tells ----

    def _unknown(self, what: str) -> NotKnown:
        return NotKnown(
            f"{type(self).__name__}: {what} must have a formula, got none. Estimate it from"
            " samples."
        )

    @property
    def mean(self) -> Tensor:
        """The expected outcome."""
        raise self._unknown("mean")

    @property
    def mode(self) -> Tensor:
        """The most likely outcome."""
        raise self._unknown("mode")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise self._unknown("variance")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Random outcomes without gradients.

        Shape:  (*sample_shape, *batch_shape, *event_shape)
        """
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Random outcomes with gradients to the parameters.

        Shape:  (*sample_shape, *batch_shape, *event_shape)
        """
        raise NotKnown(
            f"{type(self).__name__}: must be reparameterised for rsample, got one that is not. Use"
            " sample() and the gradient of log_prob."
        )

    def sample_n(self, n: int) -> Tensor:
        """`n` outcomes; `sample((n,))` is the same."""
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """Logarithm of the density (or probability) of `value`.

        Shape:  value: (..., *batch_shape, *event_shape); result: (..., *batch_shape)
        Raises: ShapeError if value lies outside of the support, when arguments are checked
        """
        raise self._unknown("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of an outcome of at most `value`."""
        raise self._unknown("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The outcome below which a share `value` of outcomes lies: the inverse of cdf."""
        raise self._unknown("icdf")

    def entropy(self) -> Tensor:
        """Expected -log_prob, in nats.

        Shape:  batch_shape
        """
        raise self._unknown("entropy")

    def perplexity(self) -> Tensor:
        """e^entropy: how many equally likely outcomes would be as uncertain."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All outcomes of a discrete distribution.

        Shape:  (outcomes, *batch_shape, *event_shape); with expand=False the batch dims have size 1
        """
        raise self._unknown("enumerate_support")

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        ones = (1,) * len(self._batch_shape)
        values = values.view(-1, *ones, *self._event_shape)
        return values.expand(-1, *self._batch_shape, *self._event_shape) if expand else values

    def _validate_sample(self, value: Any) -> None:
        """Refuse what is no tensor, does not fit in shape, or lies outside of the support."""
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise DTypeError(
                f"{name}: value must be a Tensor, got {type(value).__name__}. Use tensor(value)."
            )
        wanted, given = (*self._batch_shape, *self._event_shape), tuple(value.shape)
        first = len(given) - len(self._event_shape)
        pairs = zip(reversed(given), reversed(wanted))
        if given[max(first, 0) :] != self._event_shape or not all(
            1 in (a, b) or a == b for a, b in pairs
        ):
            raise ShapeError(
                f"{name}: value must broadcast with batch_shape {self._batch_shape} and end in"
                f" event_shape {self._event_shape}, got the shape {given}. Reshape it."
            )
        if self.support is not None:
            self._check("value", self.support, value)

    def __repr__(self) -> str:
        given = self._given().items()
        said = [f"{n}: {v.item() if v.numel() == 1 else tuple(v.shape)}" for n, v in given]
        return f"{type(self).__name__}({', '.join(said)})"


def sizes(sample_shape: Any) -> tuple[int, ...]:
    """A sample shape as a tuple of ints."""
    if hasattr(sample_shape, "__index__"):
        sample_shape = (sample_shape,)
    return tuple(int(n) for n in sample_shape)


def sums(value: Tensor) -> str:
    """The sums of rows that should be 1."""
    total = value.detach().sum(-1)
    return f" with {'the sum' if total.numel() == 1 else 'sums:'} {described(total)}"


def described(value: Tensor) -> str:
    """A parameter or value in few words."""
    if value.numel() == 1:
        return f"{value.item():g}"
    if value.numel() == 0:
        return f"the shape {tuple(value.shape)}"
    low, high = value.detach().min().item(), value.detach().max().item()
    return f"values from {low:g} to {high:g}"
