"""Anomaly mode: nodes remember the line that recorded them, and a NaN is an error that names it."""

from __future__ import annotations

import traceback
from typing import Any

from .errors import GraphError
from .graph import mode


def user_line() -> str:
    """The innermost line of the stack outside this package, as `, recorded at file.py:12: y =
    x.log()`.
    """
    package = __name__.partition(".")[0]
    for frame in reversed(traceback.extract_stack()):
        inside = frame.filename.startswith("<") and " of op " in frame.filename
        if not inside and f"/{package}/" not in frame.filename.replace("\\", "/"):
            return f", recorded at {frame.filename}:{frame.lineno}: {frame.line}"
    return ""


def has_nan(device: Any, value: Any) -> bool:
    array = getattr(value, "array", value)
    return array is not None and array.dtype.kind == "f" and bool(device.xp.isnan(array).any())


def check_forward(node: Any, inputs: list, outputs: list) -> None:
    """Anomaly mode, forward: remember the line; raise if the op made a NaN that no input had."""
    device = node.device
    node.where = user_line()
    if any(has_nan(device, x) for x in outputs) and not any(
        has_nan(device, x) for x in inputs if hasattr(x, "dtype")
    ):
        raise GraphError(
            f"{node.op.name}: the result must be a number in anomaly mode, got NaN from inputs"
            f" without NaN{node.where}. Look at the inputs of that line."
        )


def look(node: Any, g: Any, pieces: Any) -> None:
    """A step of a walk, for whoever asked to see them: g arrived, the formulas made the pieces."""
    if mode.watch:
        mode.watch.sent(node, g, pieces)
    if mode.anomaly:
        check_finite(node, pieces)


def check_finite(node: Any, pieces: Any) -> None:
    """Anomaly mode, backward: raise if a formula made a NaN, naming it and the forward line."""
    names = getattr(node.op, "inputs", ())
    for i, (edge, piece) in enumerate(zip(node.edges, pieces)):
        if edge is not None and hasattr(piece, "dtype") and has_nan(node.device, piece):
            name = names[i] if i < len(names) else str(i)
            raise GraphError(
                f"{node.op.name}: the vjp formula of input {name!r} must give numbers in"
                f" anomaly mode, got NaN{node.where or ''}. Look at the inputs of that line."
            )
