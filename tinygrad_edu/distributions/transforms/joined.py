"""Transforms that are made of others, part by part, or of a distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import functional as F
from ...engine.tensor import Tensor
from .. import constraints
from ..distribution import Distribution
from ..utils import sum_rightmost
from .basic import Transform


class Parts(Transform):
    """Transforms for the parts of a tensor along one dim.

    Args:   tseq: a transform for each part. dim: the dim along which they lie
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        raise self._missing("_parts")

    def _join(self, parts: list[Tensor]) -> Tensor:
        raise self._missing("_join")

    def _each(self, x: Tensor, function: Callable[[Transform, Tensor], Tensor]) -> Tensor:
        return self._join([function(t, part) for t, part in zip(self.transforms, self._parts(x))])

    def _call(self, x: Tensor) -> Tensor:
        return self._each(x, lambda t, part: t(part))

    def _inverse(self, y: Tensor) -> Tensor:
        return self._each(y, lambda t, part: t._inv_call(part))


class StackTransform(Parts):
    """A transform for each slice along a dim."""

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        return F.unbind(x, self.dim)

    def _join(self, parts: list[Tensor]) -> Tensor:
        return F.stack(parts, self.dim)

    @property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        triples = zip(self.transforms, self._parts(x), self._parts(y))
        return self._join([t.log_abs_det_jacobian(a, b) for t, a, b in triples])


class CatTransform(Parts):
    """A transform for each run of slices along a dim.

    Args:   lengths: of the runs, default 1 each
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)

    @property
    def event_dim(self) -> int:
        """The most dims that an event of one of the parts has."""
        return max(t.codomain.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """The size along the dim."""
        return sum(self.lengths)

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        return F.split(x, self.lengths, self.dim)

    def _join(self, parts: list[Tensor]) -> Tensor:
        return F.cat(parts, self.dim)

    @property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        event, triples = self.event_dim, zip(self.transforms, self._parts(x), self._parts(y))
        found = [
            sum_rightmost(t.log_abs_det_jacobian(a, b), event - t.domain.event_dim)
            for t, a, b in triples
        ]
        dim = (self.dim if self.dim < 0 else self.dim - x.ndim) + event
        if dim < 0:  # a dim of the batch
            return F.cat(found, dim)
        total: Any = sum(found)
        return total


class CumulativeDistributionTransform(Transform):
    """Outcomes of a distribution to their shares in [0, 1], by its cdf."""

    bijective, codomain = True, constraints.unit_interval

    def __init__(self, distribution: Distribution, cache_size: int = 0):
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        return self.distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
