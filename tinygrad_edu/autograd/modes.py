"""What is recorded, and when: no_grad, enable_grad, inference_mode, anomaly mode. Each concerns
this thread only.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from ..engine.errors import DTypeError
from ..engine.graph import mode as thread

P = ParamSpec("P")
R = TypeVar("R")


class _Switch:
    """Sets a mode of this thread inside a `with` block, or inside every call of a decorated
    function.
    """

    def __init__(self, **values: Any):
        self.values = values
        self.before: list[dict[str, Any]] = []

    def __enter__(self) -> _Switch:
        self.before.append({name: getattr(thread, name) for name in self.values})
        for name, value in self.values.items():
            setattr(thread, name, value)
        return self

    def __exit__(self, *exc: object) -> None:
        for name, value in self.before.pop().items():
            setattr(thread, name, value)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function):
            return self.around_steps(function)

        @functools.wraps(function)
        def switched(*args: P.args, **kwargs: P.kwargs) -> R:
            with _Switch(**self.values):
                return function(*args, **kwargs)

        return switched

    def around_steps(self, function: Callable[P, Any]) -> Callable[P, Any]:
        """The same for a generator: the mode is set while its body runs, not between its steps."""

        @functools.wraps(function)
        def switched(*args: P.args, **kwargs: P.kwargs) -> Any:
            steps = function(*args, **kwargs)
            resume, value = steps.send, None
            while True:
                try:
                    with _Switch(**self.values):
                        item = resume(value)
                except StopIteration as end:
                    return end.value
                try:
                    resume, value = steps.send, (yield item)
                except BaseException as error:  # noqa: BLE001  # thrown in: the body gets it
                    resume, value = steps.throw, error

        return switched


def _switch(values: Callable[[bool], dict], function: Any) -> Any:
    if callable(function):  # @no_grad without parentheses
        return _Switch(**values(True))(function)
    if not (function is None or isinstance(function, int)):
        raise DTypeError(
            "grad mode: needs True, False or the function to decorate, got"
            f" {type(function).__name__}. Write `with no_grad():`."
        )
    return _Switch(**values(True if function is None else bool(function)))


@overload
def no_grad(function: None = None) -> _Switch: ...
@overload
def no_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def no_grad(function: Any = None) -> Any:
    """Record nothing: `with no_grad(): ...`, `@no_grad()` or `@no_grad`. Only this thread is
    concerned.
    """
    return _switch(lambda on: {"recording": False}, function)


@overload
def enable_grad(function: None = None) -> _Switch: ...
@overload
def enable_grad(function: Callable[P, R]) -> Callable[P, R]: ...
def enable_grad(function: Any = None) -> Any:
    """Record again, inside no_grad."""
    return _switch(lambda on: {"recording": "anomaly" if thread.anomaly else True}, function)


@overload
def inference_mode(mode: bool | None = None) -> _Switch: ...
@overload
def inference_mode(mode: Callable[P, R]) -> Callable[P, R]: ...
def inference_mode(mode: Any = None) -> Any:
    """no_grad under the name that says why; results may be used in later graphs as constants."""
    return _switch(
        lambda on: {"recording": False, "inference": True} if on else {"inference": False}, mode
    )


class _Setting(_Switch):
    """A switch that is set when it is made; a `with` block around it ends with what was before."""

    def __init__(self, **values: Any):
        super().__init__(**values)
        super().__enter__()

    def __enter__(self) -> _Switch:
        return self


class set_grad_enabled(_Setting):  # noqa: N801  # PyTorch's name
    """Recording on or off, from now on or for a `with` block."""

    def __init__(self, mode: bool):
        super().__init__(recording=("anomaly" if thread.anomaly else True) if mode else False)


def is_grad_enabled() -> bool:
    return bool(thread.recording)


def is_inference_mode_enabled() -> bool:
    return thread.inference


def detect_anomaly(check_nan: bool = True) -> _Switch:
    """In this block nodes remember the line that recorded them, and a NaN made forward or backward
    is an error that names it.
    """
    return _Switch(anomaly=True, recording="anomaly" if thread.recording else False)


class set_detect_anomaly(_Setting):  # noqa: N801  # PyTorch's name
    """`detect_anomaly` on or off, from now on or for a `with` block."""

    def __init__(self, mode: bool):
        recording = ("anomaly" if mode else True) if thread.recording else False
        super().__init__(anomaly=bool(mode), recording=recording)
