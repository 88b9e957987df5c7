"""Outcomes that go through transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .. import functional as F
from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .location_scale import Normal
from .transforms import ComposeTransform, ExpTransform, StickBreakingTransform, Transform
from .utils import Number, sum_rightmost


class TransformedDistribution(Distribution):
    """The distribution of f(x), x of the base distribution.

    Math:   ln p(y) = ln p_base(x) - ln |dy/dx|, y = f(x)
    Args:   transforms: one, or several that follow one another
    """

    arg_constraints: dict = {}
    base_dist: Any

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ):
        parts = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(p, Transform) for p in parts):
            raise ShapeError(
                "TransformedDistribution: transforms must be a Transform or a list of them, got"
                f" {transforms!r:.80}. Take them from distributions.transforms."
            )
        self.transforms, whole = parts, ComposeTransform(parts)
        base_event = len(base_distribution.event_shape)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        if len(shape) < whole.domain.event_dim:
            raise ShapeError(
                f"TransformedDistribution: the base must have at least {whole.domain.event_dim}"
                f" dims, got the shape {shape}. Expand it."
            )
        more = max(whole.domain.event_dim - base_event, 0)
        out = whole.forward_shape(shape)
        base = base_distribution.expand(whole.inverse_shape(out)[: len(shape) - base_event])
        self.base_dist = Independent(base, more) if more else base
        event_dim = max(base_event + more, whole.domain.event_dim)
        event_dim += whole.codomain.event_dim - whole.domain.event_dim
        cut = len(out) - event_dim
        super().__init__(out[:cut], out[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @constraints.dependent_property()
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        found, n = self.transforms[-1].codomain, len(self.event_shape)
        return constraints.independent(found, n - found.event_dim) if n > found.event_dim else found

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self._event_shape))
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        return new

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        total: Any = 0
        event_dim, y = len(self._event_shape), value
        for transform in reversed(self.transforms):
            x = transform._inv_call(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(stretch, event_dim - transform.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return total + sum_rightmost(base, event_dim - len(self.base_dist.event_shape))

    def _sign(self) -> Any:
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        for transform in reversed(self.transforms):
            value = transform._inv_call(value)
        sign = self._sign()
        return sign * (self.base_dist.cdf(value) - 0.5) + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._sign() * (value - 0.5) + 0.5))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist!r}, {self.transforms!r})"


class LogisticNormal(TransformedDistribution):
    """Probabilities of K + 1 classes, made of K normal numbers by breaking a stick.

    Math:   y = StickBreakingTransform(x), x normal
    Shape:  loc, scale: (..., K), broadcast; event_shape: (K + 1,)
    Args:   loc, scale: means and standard deviations of the normal numbers
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    base_dist: Any  # an Independent of a Normal

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviations of the normal numbers."""
        return self.base_dist.base_dist.scale

    def __repr__(self) -> str:
        return Distribution.__repr__(self)


class LogNormal(TransformedDistribution):
    """The distribution of e^x for a normal x.

    Math:   p(y) = e^(-z^2 / 2) / (y scale sqrt(2 pi)), z = (ln y - loc) / scale
    Shape:  batch_shape: that of loc and scale, broadcast; event_shape: ()
    Args:   loc, scale: mean and standard deviation of ln y
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    base_dist: Normal

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args=False)
        super().__init__(base, ExpTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of ln y."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """The standard deviation of ln y."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale * self.scale / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale * self.scale).exp()

    @property
    def variance(self) -> Tensor:
        spread = self.scale * self.scale
        return F.expm1(spread) * (2 * self.loc + spread).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc

    def __repr__(self) -> str:
        return Distribution.__repr__(self)
