"""The two quick call paths: one or two inputs, no attributes given. The general path is `Op.general`.

Hand-written for speed: on tiny tensors the Python between the user's call and the array library is the whole cost.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base.errors import explain
from .autograd import Node, check_forward, clock, mode
from .tensor import Tensor

NUMBERS = frozenset((float, int, bool))


def make_unary(op: Any) -> Callable:
    name, defaults, general, floats, keep = op.name, op.defaults, op.general, op.types == "float", [False, False]

    def unary(input: Any) -> Any:
        if not isinstance(input, Tensor):
            return general(input)
        x, device, parent = input.array, input.device, input.node
        if floats and x.dtype.kind != "f":
            return general(input)
        try:
            r = getattr(device.F, name)(x)
        except Exception as error:  # reworded, see general
            raise explain(name, {op.inputs[0]: input}, error) from error
        if type(r) is not device.array_type:
            r = device.asarray(r)
        recording = mode.recording
        if recording and parent is not None and op.rules:
            node = Node(op, (parent,), (x.shape,), (x if keep[0] else None, r if keep[1] else None), defaults, device, clock.now)
            if recording is not True:
                check_forward(node, [x], [r])
            return Tensor(r, device, node)
        return Tensor(r, device)

    unary.keep = keep  # type: ignore[attr-defined]
    return unary


def make_binary(op: Any) -> Callable:
    name, defaults, general, types, keep = op.name, op.defaults, op.general, op.types, [(False, False, False)] * 4
    floats = types == "float"

    def binary(input: Any, other: Any) -> Any:
        if isinstance(input, Tensor):
            x, device, px = input.array, input.device, input.node
            if isinstance(other, Tensor):
                y, py = other.array, other.node
                if other.device is not device or x.dtype is not y.dtype or floats and x.dtype.kind != "f":
                    return general(input, other)
            elif type(other) in NUMBERS and x.dtype.kind == "f":
                y, py = other, None
            else:
                return general(input, other)
        elif type(input) in NUMBERS and isinstance(other, Tensor) and other.array.dtype.kind == "f":
            x, px, y, device, py = input, None, other.array, other.device, other.node
        else:
            return general(input, other)
        try:
            r = getattr(device.F, name)(x, y)
        except Exception as error:  # reworded, see general
            raise explain(name, dict(zip(op.inputs, (input, other))), error) from error
        if type(r) is not device.array_type:
            r = device.asarray(r)
        recording = mode.recording
        if recording and (px is not None or py is not None) and op.rules:
            kx, ky, kr = keep[1] if py is None else keep[2] if px is None else keep[3]
            node = Node(op, (px, py), (x.shape, y.shape) if px is not None and py is not None else (getattr(x, "shape", ()), getattr(y, "shape", ())),
                        (x if kx else None, y if ky else None, r if kr else None), defaults, device, clock.now)
            if recording is not True:
                check_forward(node, [x, y], [r])
            return Tensor(r, device, node)
        return Tensor(r, device)

    binary.keep = keep  # type: ignore[attr-defined]
    return binary
