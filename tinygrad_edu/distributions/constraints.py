"""Sets of values: the supports of distributions and of their parameters.

`constraint.check(value)` tells for each event whether it lies inside.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .. import functional as F
from .. import linalg
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..left_out import explain_missing as _explain_missing


class Constraint:
    """A set of values. Subclasses define `check`.

    Args:   is_discrete: whether the set is countable. event_dim: dims that belong to one value.
    """

    is_discrete = False
    event_dim = 0
    words = ""  # as in "must be ..."

    def check(self, value: Tensor) -> Tensor:
        """Whether each event of `value` lies inside.

        Shape:  value without its last `event_dim` dims; bool
        """
        raise NotImplementedError(
            f"{type(self).__name__}: must define check, got a call without it. Define it."
        )

    def __repr__(self) -> str:
        return self.words or type(self).__name__


class Dependent(Constraint):
    """A set that depends on other parameters, so that it is known for an instance only."""

    words = "what the other parameters allow"

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0):
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete: bool = False, event_dim: int = 0) -> Dependent:
        return Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, value: Tensor) -> Tensor:
        raise ShapeError(
            "constraints.dependent: must be asked on an instance, got the class. Use"
            " distribution.support.check(value)."
        )


class dependent_property(property, Dependent):
    """A property whose value is a constraint, such as a support that depends on parameters."""

    def __init__(
        self,
        fn: Callable[[Any], Any] | None = None,
        *,
        is_discrete: bool = False,
        event_dim: int = 0,
    ):
        property.__init__(self, fn)
        Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Any) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class Plain(Constraint):
    """A set without parameters, given by its test."""

    def __init__(
        self,
        words: str,
        check: Callable[[Tensor], Tensor],
        event_dim: int = 0,
        is_discrete: bool = False,
    ):
        self.words, self.test = words, check
        self.event_dim, self.is_discrete = event_dim, is_discrete

    def check(self, value: Tensor) -> Tensor:
        return self.test(value)


class Bound(Constraint):
    """Values on one side of a bound."""

    compare: Any  # of a value and the bound

    def __init__(self, bound: Any):
        self.bound = bound

    def check(self, value: Tensor) -> Tensor:
        return self.compare(value, self.bound)

    def __repr__(self) -> str:
        return f"{self.words} {shown(self.bound)}"


class greater_than(Bound):
    """Values above `lower_bound`."""

    compare, words = operator.gt, "greater than"
    lower_bound = property(lambda self: self.bound)


class greater_than_eq(Bound):
    """Values of at least `lower_bound`."""

    compare, words = operator.ge, "at least"
    lower_bound = property(lambda self: self.bound)


class less_than(Bound):
    """Values below `upper_bound`."""

    compare, words = operator.lt, "less than"
    upper_bound = property(lambda self: self.bound)


class interval(Constraint):
    """Values in [lower_bound, upper_bound]."""

    def __init__(self, lower_bound: Any, upper_bound: Any):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)

    def __repr__(self) -> str:
        return f"in [{shown(self.lower_bound)}, {shown(self.upper_bound)}]"


class half_open_interval(interval):
    """Values in [lower_bound, upper_bound)."""

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)

    def __repr__(self) -> str:
        return super().__repr__()[:-1] + ")"


class integer_interval(interval):
    """Whole numbers in [lower_bound, upper_bound]."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & whole(value)

    def __repr__(self) -> str:
        return f"a whole number {super().__repr__()}"


class multinomial(Constraint):
    """Vectors of counts whose sum is at most `upper_bound`."""

    is_discrete, event_dim = True, 1

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)

    def __repr__(self) -> str:
        return f"counts whose sum is at most {shown(self.upper_bound)}"


class independent(Constraint):
    """A constraint whose last batch dims count as dims of the event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        inside, n = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if inside.ndim < n:
            raise ShapeError(
                f"constraints.independent: value must have at least {self.event_dim} dims, got the"
                f" shape {tuple(value.shape)}. Reshape it."
            )
        return inside.reshape(*inside.shape[: inside.ndim - n], -1).all(-1) if n else inside

    def __repr__(self) -> str:
        return repr(self.base_constraint)


class Joined(Constraint):
    """Parts along one dim, each with a constraint of its own."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        self.cseq, self.dim = list(cseq), dim
        self.is_discrete = any(c.is_discrete for c in cseq)

    def __repr__(self) -> str:
        return f"in turn {self.cseq} along dim {self.dim}"


class cat(Joined):
    """Parts of given lengths along one dim, each with a constraint of its own."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        self.event_dim = max(c.event_dim for c in cseq)

    def check(self, value: Tensor) -> Tensor:
        parts = F.split(value, self.lengths, self.dim)
        return F.cat([c.check(v) for c, v in zip(self.cseq, parts)], self.dim)


class stack(Joined):
    """Slices along one dim, each with a constraint of its own."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        super().__init__(cseq, dim)
        most = max(c.event_dim for c in cseq)
        self.event_dim = most + 1 if dim + most < 0 else most

    def check(self, value: Tensor) -> Tensor:
        parts = F.unbind(value, self.dim)
        return F.stack([c.check(v) for c, v in zip(self.cseq, parts)], self.dim)


def shown(bound: Any) -> str:
    """A bound in few words."""
    if isinstance(bound, Tensor):
        return f"{bound.item():g}" if bound.numel() == 1 else "the other parameter"
    return f"{bound:g}"


def whole(value: Tensor) -> Tensor:
    return value % 1 == 0


def on_simplex(value: Tensor) -> Tensor:
    return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


def is_one_hot(value: Tensor) -> Tensor:
    return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


def is_lower(value: Tensor) -> Tensor:
    return (value.tril() == value).flatten(-2).all(-1)


def is_lower_cholesky(value: Tensor) -> Tensor:
    return is_lower(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def is_corr_cholesky(value: Tensor) -> Tensor:
    unit = ((value * value).sum(-1) - 1).abs().le(1e-5).all(-1)
    return is_lower_cholesky(value) & unit


def is_square(value: Tensor) -> Tensor:
    return F.full(
        tuple(value.shape[:-2]),
        value.shape[-2] == value.shape[-1],
        dtype="bool",
        device=value.device,
    )


def is_symmetric(value: Tensor) -> Tensor:
    return ((value - value.mT).abs() <= 1e-6).flatten(-2).all(-1) & is_square(value)


def is_positive_semidefinite(value: Tensor) -> Tensor:
    return is_symmetric(value) & (linalg.eigvalsh(value.detach()) >= 0).all(-1)


def is_positive_definite(value: Tensor) -> Tensor:
    return is_symmetric(value) & (linalg.eigvalsh(value.detach()) > 0).all(-1)


def is_dependent(constraint: Constraint) -> bool:
    """Whether a constraint is known for an instance only."""
    return isinstance(constraint, Dependent)


dependent = Dependent()
boolean = Plain("0 or 1", lambda v: (v == 0) | (v == 1), is_discrete=True)
one_hot = Plain("one-hot", is_one_hot, 1, True)
nonnegative_integer = Plain("a whole number of at least 0", lambda v: whole(v) & (v >= 0), 0, True)
positive_integer = Plain("a whole number of at least 1", lambda v: whole(v) & (v >= 1), 0, True)
real = Plain("a real number", lambda v: v == v)
real_vector = independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
weights = Plain(
    "at least 0 with a finite sum above 0",
    lambda v: (v >= 0).all(-1) & (v.sum(-1) > 0) & (v.sum(-1) < math.inf),
    1,
)
simplex = Plain("non-negative with the sum 1", on_simplex, 1)
lower_triangular = Plain("lower triangular", is_lower, 2)
lower_cholesky = Plain("lower triangular with a positive diagonal", is_lower_cholesky, 2)
corr_cholesky = Plain("a Cholesky factor with rows of length 1", is_corr_cholesky, 2)
square = Plain("a square matrix", is_square, 2)
symmetric = Plain("a symmetric matrix", is_symmetric, 2)
positive_semidefinite = Plain("positive semidefinite", is_positive_semidefinite, 2)
positive_definite = Plain("positive definite", is_positive_definite, 2)

_explain_missing(__name__)
