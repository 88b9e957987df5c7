"""What is recorded, and when: no_grad, enable_grad, inference_mode, anomaly mode. Each concerns
this thread only.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..engine.graph import mode


class _Switch:
    """Sets a mode of this thread inside a `with` block, or inside every call of a decorated
    function.
    """

    def __init__(self, **values: Any):
        self.values, self.before = values, []  # type: ignore[var-annotated]

    def __enter__(self) -> _Switch:
        self.before.append({name: getattr(mode, name) for name in self.values})
        for name, value in self.values.items():
            setattr(mode, name, value)
        return self

    def __exit__(self, *exc: object) -> None:
        for name, value in self.before.pop().items():
            setattr(mode, name, value)

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):
            return self.around_steps(function)

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with _Switch(**self.values):
                return function(*args, **kwargs)

        return switched

    def around_steps(self, function: Callable) -> Callable:
        """The same for a generator: the mode is set while its body runs, not between its steps."""

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
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
    return _Switch(**values(True if function is None else bool(function)))


def no_grad(function: Any = None) -> Any:
    """Record nothing: `with no_grad(): ...`, `@no_grad()` or `@no_grad`. Only this thread is
    concerned.
    """
    return _switch(lambda on: {"recording": False}, function)


def enable_grad(function: Any = None) -> Any:
    """Record again, inside no_grad."""
    return _switch(lambda on: {"recording": "anomaly" if mode.anomaly else True}, function)


def inference_mode(function: Any = None) -> Any:
    """no_grad under the name that says why; results may be used in later graphs as constants."""
    return _switch(
        lambda on: {"recording": False, "inference": True} if on else {"inference": False}, function
    )


class set_grad_enabled(_Switch):  # noqa: N801  # PyTorch's name
    """Recording on or off, from now on or for a `with` block."""

    def __init__(self, enabled: bool):
        super().__init__(recording=("anomaly" if mode.anomaly else True) if enabled else False)
        self.before.append({"recording": mode.recording})
        mode.recording = self.values["recording"]
        self.entered = False

    def __enter__(self) -> _Switch:
        return self


def is_grad_enabled() -> bool:
    return bool(mode.recording)


def is_inference_mode_enabled() -> bool:
    return mode.inference


def detect_anomaly(check_nan: bool = True) -> Any:
    """In this block nodes remember the line that recorded them, and a NaN made forward or backward
    is an error that names it.
    """
    return _Switch(anomaly=True, recording="anomaly" if mode.recording else False)


def set_detect_anomaly(enabled: bool) -> None:
    """`detect_anomaly` from now on, or no longer."""
    mode.anomaly = bool(enabled)
    mode.recording = ("anomaly" if enabled else True) if mode.recording else False  # type: ignore[assignment]
