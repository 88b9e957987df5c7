"""From constraints to transforms that make unconstrained numbers fulfil them.

`biject_to(constraint)` is a bijection, as densities need it; `transform_to(constraint)` may be any
transform onto the set, as optimisers need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms
from .constraints import Constraint
from .distribution import NotKnown
from .transforms import Transform


class ConstraintRegistry:
    """A table of constraints and what makes their transforms.

    Example:
        @transform_to.register(MyConstraint)
        def transform_to_mine(constraint): ...
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.factories: dict[Any, Callable[[Any], Transform]] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Transform] | None = None) -> Any:
        """Register what makes the transform of a constraint, given it or its class; without a
        factory: as a decorator.
        """
        if factory is None:
            return lambda given: self.register(constraint, given)
        self.factories[key_of(constraint)] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        factory = self.factories.get(key_of(constraint))
        if factory is None:
            raise NotKnown(
                f"{self.name}: the constraint must have a transform, got {constraint!r:.80}."
                f" Register one with {self.name}.register."
            )
        return factory(constraint)


def key_of(constraint: Any) -> Any:
    """The class of a constraint with parameters; one without is its own key."""
    if isinstance(constraint, constraints.Plain) or isinstance(constraint, type):
        return constraint
    return type(constraint)


biject_to = ConstraintRegistry("biject_to")
transform_to = ConstraintRegistry("transform_to")


def register_both(*given: Any) -> Callable[[Callable], Callable]:
    def register(factory: Callable) -> Callable:
        for registry in (biject_to, transform_to):
            for constraint in given:
                registry.register(constraint, factory)
        return factory

    return register


@register_both(constraints.real)
def to_real(constraint: Any) -> Transform:
    return transforms.identity_transform


@register_both(constraints.greater_than, constraints.greater_than_eq)
def above(constraint: Any) -> Transform:
    return shifted(transforms.ExpTransform(), constraint.lower_bound, 1)


@register_both(constraints.less_than)
def below(constraint: Any) -> Transform:
    return shifted(transforms.ExpTransform(), constraint.upper_bound, -1)


@register_both(constraints.interval, constraints.half_open_interval)
def between(constraint: Any) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    return shifted(transforms.SigmoidTransform(), low, high - low)


def shifted(first: Transform, loc: Any, scale: Any) -> Transform:
    """loc + scale first(x)."""
    if isinstance(loc, (int, float)) and isinstance(scale, (int, float)) and (loc, scale) == (0, 1):
        return first
    return transforms.ComposeTransform([first, transforms.AffineTransform(loc, scale)])


@biject_to.register(constraints.simplex)
def biject_to_simplex(constraint: Any) -> Transform:
    return transforms.StickBreakingTransform()


@transform_to.register(constraints.simplex)
def transform_to_simplex(constraint: Any) -> Transform:
    return transforms.SoftmaxTransform()


@transform_to.register(constraints.lower_cholesky)
def to_lower_cholesky(constraint: Any) -> Transform:
    return transforms.LowerCholeskyTransform()


@transform_to.register(constraints.positive_semidefinite)
@transform_to.register(constraints.positive_definite)
def to_positive_definite(constraint: Any) -> Transform:
    return transforms.PositiveDefiniteTransform()


@register_both(constraints.corr_cholesky)
def to_corr_cholesky(constraint: Any) -> Transform:
    return transforms.CorrCholeskyTransform()


def register_nested(registry: ConstraintRegistry) -> None:
    """Constraints that are made of others."""

    @registry.register(constraints.independent)
    def to_independent(constraint: Any) -> Transform:
        base = registry(constraint.base_constraint)
        return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)

    @registry.register(constraints.cat)
    def to_cat(constraint: Any) -> Transform:
        parts = [registry(c) for c in constraint.cseq]
        return transforms.CatTransform(parts, constraint.dim, constraint.lengths)

    @registry.register(constraints.stack)
    def to_stack(constraint: Any) -> Transform:
        return transforms.StackTransform([registry(c) for c in constraint.cseq], constraint.dim)


register_nested(biject_to)
register_nested(transform_to)
