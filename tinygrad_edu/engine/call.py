"""The quick paths, for one or two inputs: the call without attributes, and the formulas applied
backward.

Hand-written for speed: on tiny tensors the Python between the user's call and the array library is
the whole cost, so nodes and results are filled field by field here, which saves the calls of two
__init__. The general paths, which say the same in fewer lines, are `Op.general` and `Op.pullback`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backward import Node, check_forward, clock, mode
from .errors import explain
from .tensor import Tensor

NUMBERS = frozenset((float, int, bool))
new = object.__new__


def make_unary(op: Any) -> Callable:
    name, defaults, general, floats, keep = (
        op.name,
        op.defaults,
        op.general,
        op.types == "float",
        [False, False],
    )

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
        if parent is None:
            return Tensor(r, device)
        recording = mode.recording
        if not recording or not op.rules:
            return Tensor(r, device)
        node = new(Node)
        node.op, node.parents, node.shapes, node.attrs, node.device, node.time = (
            op,
            (parent,),
            (x.shape,),
            defaults,
            device,
            clock.now,
        )
        node.saved = x if keep[0] else None, r if keep[1] else None
        if recording is not True:
            check_forward(node, [x], [r])
        result = new(Tensor)
        result.array, result.device, result.node = r, device, node
        return result

    unary.keep = keep  # type: ignore[attr-defined]
    return unary


def make_binary(op: Any) -> Callable:
    name, defaults, general, types, keep = (
        op.name,
        op.defaults,
        op.general,
        op.types,
        [(False, False, False)] * 4,
    )
    floats = types == "float"

    def binary(input: Any, other: Any) -> Any:
        if isinstance(input, Tensor):
            x, device, px = input.array, input.device, input.node
            if isinstance(other, Tensor):
                y, py = other.array, other.node
                if (
                    other.device is not device
                    or x.dtype is not y.dtype
                    or floats
                    and x.dtype.kind != "f"
                ):
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
        if px is None and py is None:
            return Tensor(r, device)
        recording = mode.recording
        if not recording or not op.rules:
            return Tensor(r, device)
        node = new(Node)
        if px is None:
            kx, ky, kr = keep[2]
            node.shapes = getattr(x, "shape", ()), y.shape
        elif py is None:
            kx, ky, kr = keep[1]
            node.shapes = x.shape, getattr(y, "shape", ())
        else:
            kx, ky, kr = keep[3]
            node.shapes = x.shape, y.shape
        node.op, node.parents, node.attrs, node.device, node.time = (
            op,
            (px, py),
            defaults,
            device,
            clock.now,
        )
        node.saved = x if kx else None, y if ky else None, r if kr else None
        if recording is not True:
            check_forward(node, [x, y], [r])
        result = new(Tensor)
        result.array, result.device, result.node = r, device, node
        return result

    binary.keep = keep  # type: ignore[attr-defined]
    return binary


def make_pullback(op: Any) -> Callable:
    """`Op.pullback` for an op of two inputs and one output, without its loops."""
    (formula_a, pick_a), (formula_b, pick_b) = op.rules
    plain = op.plain

    def pullback(node: Node, F: Any, g: Any, create_graph: bool) -> tuple:
        x, y, out = node.saved
        px, py = node.parents
        if create_graph:
            device = node.device
            array_type = device.array_type
            if type(x) is array_type:
                array, x = x, new(Tensor)
                x.array, x.device, x.node = array, device, px
            if type(y) is array_type:
                array, y = y, new(Tensor)
                y.array, y.device, y.node = array, device, py
            if type(out) is array_type:
                array, out = out, new(Tensor)
                out.array, out.device, out.node = array, device, node
        frame = (
            (F, g, x, y, out) if plain else (F, g, x, y, out, *node.shapes, *node.attrs.values())
        )
        try:
            return (
                None if px is None or formula_a is None else formula_a(*pick_a(frame)),
                None if py is None or formula_b is None else formula_b(*pick_b(frame)),
            )
        except Exception as error:
            raise op.failed(node, frame, error) from error

    return pullback
