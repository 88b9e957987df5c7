"""What type checkers know of declarations: an op's own arguments, without `xp` or `F`, and what it
returns. Nothing here runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from .tensor import Tensor

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
Given = TypeVar("Given", covariant=True)
Results = TypeVar("Results", bound=tuple)


class OpFunction(Protocol[P, Given]):
    """A declared op."""

    __name__: str
    op: Any
    forward: Callable

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Given: ...
    @overload
    def __call__(self, *args: Any, out: Any, **kwargs: Any) -> Given: ...
    def vjp(self, **formulas: Callable | None) -> None: ...
    def vjp_all(self, formula: Callable) -> None: ...


class OpDecorator(Protocol):
    """`@op`: a Tensor unless there are `outputs`."""

    @overload
    def __call__(self, forward: Callable[Concatenate[Any, Q], Any]) -> OpFunction[Q, Tensor]: ...
    @overload
    def __call__(
        self, *, outputs: type[Results], **options: Any
    ) -> Callable[[Callable[Concatenate[Any, Q], Any]], OpFunction[Q, Results]]: ...
    @overload
    def __call__(
        self, *, outputs: tuple | bool, **options: Any
    ) -> Callable[[Callable[Concatenate[Any, Q], Any]], OpFunction[Q, tuple[Tensor, ...]]]: ...
    @overload
    def __call__(
        self, **options: Any
    ) -> Callable[[Callable[Concatenate[Any, Q], Any]], OpFunction[Q, Tensor]]: ...


class PieceDecorator(Protocol):
    """`@piece`: anything."""

    @overload
    def __call__(self, forward: Callable[Concatenate[Any, Q], Any]) -> OpFunction[Q, Any]: ...
    @overload
    def __call__(
        self, **options: Any
    ) -> Callable[[Callable[Concatenate[Any, Q], Any]], OpFunction[Q, Any]]: ...


class CompositeDecorator(Protocol):
    """`@composite`: what its body returns."""

    @overload
    def __call__(
        self, body: Callable[Concatenate[Any, Q], R], **options: Any
    ) -> OpFunction[Q, R]: ...
    @overload
    def __call__(
        self, **options: Any
    ) -> Callable[[Callable[Concatenate[Any, Q], R]], OpFunction[Q, R]]: ...
