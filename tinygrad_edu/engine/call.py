"""One call: take the inputs apart, run the device's function, record a node.

Calls of different ops differ only in how many inputs there are and what the attributes are called,
and a loop over two inputs costs more than multiplying them. So the loop is written out when an op
is declared, as `dataclasses` writes out an __init__: `write` fills one text in with the op's own
arguments. `print(mul.op.text)` shows what runs, and tracebacks quote it. There is no second path.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from . import dtype as dtypes
from .anomaly import check_forward
from .border import describe, explain
from .device import functional, quiet
from .errors import DeviceError, DTypeError
from .graph import Node, Output, recording
from .names import REQUIRED, missing, respelled
from .tensor import Tensor, as_tensor
from .views import remember_view

NUMBERS = frozenset((int, float, bool))


def write(op: Any) -> str:
    """The text of one op's call. Input i is the raw array x{i} and its edge e{i}."""
    outs = ", ".join((*op.outs, *op.residuals))
    result = "Tensor(out, device, node)"
    if op.several:
        given = "out" if op.any_number else f"({', '.join(op.outs)},)"
        result = f"several(op, {given}, node, device)"
    if op.view:
        attrs = "".join(f"{name}, " for name in op.attrs)
        result = f"remember_view({result}, {op.inputs[0]}, op, ({attrs}), recording)"
    run = f"quiet().run(device.F.{op.name}, {op.passed})"
    if op.view:  # computes nothing that NumPy could warn of
        run = f"device.F.{op.name}({op.passed})"
    lines = [*map(partial(take, op), op.inputs, op.raw, op.ends)]
    takes = "\n        ".join(lines)
    likes = " and ".join(filter(None, map(partial(alike, op), op.inputs, op.raw))) or "True"
    given = op.inputs[0] if op.variadic else f"[{', '.join(op.inputs)}]"
    return f"""\
def {op.name}({op.written}):
    if {op.irregular}:
        return respelled(op, dict({", ".join(f"{n}={n}" for n in op.order)}), unknown)
{sizes_text(op)}    try:
        device = {op.inputs[0]}{"[0]" if op.variadic else ""}.device
        {takes}
        alike = {likes}
    except (AttributeError, LookupError, TypeError):  # a number, an array, or nothing of use
        alike = False
    if not alike:
        device, {targets(op.raw, op)}, {targets(op.ends, op)} = lift(op, {given})
    try:
        {outs} = {run}
    except Exception as error:
        raise reworded(op, {given}, error, dict({op.named_attrs}))
{arrays_text(op)}{record_text(op)}    return {result}
"""


def targets(names: list[str], op: Any) -> str:
    return names[0] if op.variadic else f"({', '.join(names)},)"


def sizes_text(op: Any) -> str:
    """Text that gathers ints given one after another into one tuple."""
    if op.sizes is None:
        return ""
    return f"    {op.sizes} = ({op.sizes}, *more) if more else sizes({op.sizes})\n"


def arrays_text(op: Any) -> str:
    """Text that makes NumPy's scalars arrays again; a view is never one."""
    names = () if op.any_number or op.view else op.outs
    return "".join(
        f"    if type({out}) is not device.array_type:\n        {out} = device.asarray({out})\n"
        for out in names
    )


def record_text(op: Any) -> str:
    """Text that records a node where an input needs gradients."""
    head, now = "", "(recording := now())"
    if op.view:  # remember_view asks too
        head, now = "    recording = now()\n", "recording"
    if not op.differentiable:
        return f"{head}    node = None\n"
    edges = "e0" if op.variadic else f"({', '.join(op.ends)},)"
    some = "any(e0)" if op.variadic else " or ".join(f"{e} is not None" for e in op.ends)
    if op.view and "dtype" in op.attrs:  # the same bytes as other numbers: nothing flows
        now += " and out.dtype is x0.dtype"
    shape = "out.shape"
    if op.several:
        shape = f"({', '.join(f'{o}.shape' for o in op.outs)},)"
    if op.any_number:
        shape = "tuple([o.shape for o in out])"
    return f"""\
{head}    node = None
    if ({some}) and {now}:
        node = Node(op, {edges}, {op.kept}, {shape}, device)
        if recording is not True:  # anomaly mode
            check_forward(node, [{", ".join(op.raw)}], [{"*" * op.any_number}{", ".join(op.outs)}])
"""


def take(op: Any, name: str, x: str, e: str) -> str:
    """Text that takes an input apart into its array and its edge."""
    if op.variadic:
        return f"{x}, {e} = [t.array for t in {name}], tuple([t.node for t in {name}])"
    if name in op.optional:
        return f"{x}, {e} = (None, None) if {name} is None else ({name}.array, {name}.node)"
    if not op.mixes or x == "x0":
        return f"{x}, {e} = {name}.array, {name}.node"
    number = "x0.dtype.kind == 'f'" if first(op) == "x0" else "False"
    return f"""\
if type({name}) in NUMBERS:
            {x}, {e}, {x}_fits = {name}, None, {number}
        else:
            {x}, {e} = {name}.array, {name}.node
            {x}_fits = {fits(op, name, x)}"""


def first(op: Any) -> str:
    """The first input of those whose dtypes are compared."""
    return next((x for x, name in zip(op.raw, op.inputs) if name not in op.plain), "x0")


def fits(op: Any, name: str, x: str) -> str:
    """Text that asks whether a tensor is on the device and of the dtype of the first."""
    same = f"{name}.device is device"
    if op.types != "same" and name not in op.plain:
        if x != first(op):
            same += f" and {x}.dtype is {first(op)}.dtype"
        elif op.types == "float":
            same += f" and {x}.dtype.kind == 'f'"
    return same


def alike(op: Any, name: str, x: str) -> str:
    """Text that asks whether an input goes with the first, and the first with the op."""
    cast = op.types != "same" and name not in op.plain
    if op.variadic:
        kind = " and t.array.dtype is x0[0].dtype" if cast else ""
        return f"all([t.device is device{kind} for t in {name}])"
    if x == "x0":
        return "x0.dtype.kind == 'f'" if op.types == "float" and cast else ""
    if name in op.optional:
        return f"({name} is None or {fits(op, name, x)})"
    return f"{x}_fits" if op.mixes else fits(op, name, x)


# ---- what the text calls -------------------------------------------------------------------------


def sizes(given: Any) -> tuple:
    """One int or a sequence of ints as a tuple."""
    return tuple(given) if isinstance(given, (tuple, list)) else (given,)


def lift(op: Any, inputs: Any) -> tuple:
    """Bring inputs to one device and dtype: (device, raw arrays, edges). Numbers stay numbers."""
    if op.variadic and (not isinstance(inputs, (tuple, list)) or not inputs):
        raise DTypeError(
            f"{op.name}: needs a non-empty list or tuple of tensors, got {inputs!r:.80}. Put the"
            " tensors in a list."
        )
    names = op.inputs * len(inputs) if op.variadic else op.inputs
    given = [to_input(op, name, x) for name, x in zip(names, inputs)]
    tensors = [x for x in given if isinstance(x, Tensor)]
    if not tensors:  # numbers alone
        given = [x if x is None else as_tensor(x) for x in given]
        tensors = [x for x in given if x is not None]
    device = tensors[0].device
    if any(x.device is not device for x in tensors):
        where = [describe(n, x) for n, x in zip(names, given) if isinstance(x, Tensor)]
        raise DeviceError(
            f"{op.name}: inputs must be on one device, got {', '.join(where)}. Move them with"
            " .to(device)."
        )
    if op.types != "same":
        given = promote(op, given)
    raw = [x.array if isinstance(x, Tensor) else x for x in given]
    return device, raw, tuple([x.node if isinstance(x, Tensor) else None for x in given])


def to_input(op: Any, name: str, x: Any) -> Any:
    """A Tensor, a number, or None where the input is optional."""
    if x is None and name not in op.optional:
        raise missing(op, name, "None")
    if x is None or isinstance(x, Tensor) or type(x) in NUMBERS:
        return x
    if isinstance(x, np.generic):  # np.float32(2) is a number here, as in PyTorch
        return x.item()
    try:
        return as_tensor(x)
    except (TypeError, AttributeError) as error:
        raise DTypeError(
            f"{op.name}: {name} must be a tensor or a number, got {type(x).__name__}. Convert it"
            " with tensor()."
        ) from error


def promote(op: Any, given: list) -> list:
    """Cast as PyTorch promotes; `float` ops take integers to the default dtype."""
    names = op.inputs * len(given) if op.variadic else op.inputs
    chosen = [i for i, n in enumerate(names) if given[i] is not None and n not in op.plain]
    tensors = [given[i] for i in chosen if isinstance(given[i], Tensor)]
    if not tensors:
        return given
    if op.types == "match":
        if any(x.array.dtype != tensors[0].array.dtype for x in tensors):
            got = ", ".join(describe(names[i], given[i]) for i in chosen)
            raise DTypeError(
                f"{op.name}: inputs must have one dtype, got {got}. Convert them with .to(dtype)."
            )
        return given
    kinds = [
        (x.array.dtype, x.array.ndim) if isinstance(x, Tensor) else x
        for x in (given[i] for i in chosen)
    ]
    dtype = dtypes.result_dtype(kinds)
    if op.types == "float" and dtype.kind != "f":
        dtype = dtypes.PYTHON[float].numpy
    return [converted(op, x, dtype) if i in chosen else x for i, x in enumerate(given)]


def converted(op: Any, x: Any, dtype: Any) -> Any:
    if isinstance(x, Tensor) and x.array.dtype is not dtype:
        return functional.cast(x, dtype, x.array.dtype)
    if type(x) is int and x < 0 and dtype.kind == "u" and op.operator in ("+", "-", "*", "//", "%"):
        return x % 256  # PyTorch takes -1 for 255, NumPy refuses it
    return x


def several(op: Any, arrays: tuple, node: Node | None, device: Any) -> tuple:
    """The Tensors of an op with several outputs; integer outputs have no gradient."""
    tensors = [
        Tensor(a, device, Output(node, i) if node is not None and a.dtype.kind == "f" else None)
        for i, a in enumerate(arrays)
    ]
    return op.result_type(*tensors) if op.result_type is not tuple else tuple(tensors)


def reworded(op: Any, inputs: Any, error: Exception, attrs: dict) -> Exception:
    """What an array library raised, in the words of the op and with all inputs in sight."""
    if op.variadic:
        named = {f"{op.inputs[0]}[{i}]": x for i, x in enumerate(inputs)}
    else:
        named = dict(zip(op.inputs, inputs))
    worded = explain(op.name, {**named, **attrs}, error)
    if worded is not error:  # else it would be its own cause
        worded.__cause__ = error
    return worded


SCOPE: dict[str, Any] = {"now": recording.get, "Node": Node, "Tensor": Tensor, "NUMBERS": NUMBERS}
SCOPE |= {
    "Output": Output,
    "quiet": quiet,
    "REQUIRED": REQUIRED,
    "inf": float("inf"),
    "nan": float("nan"),
}
SCOPE |= {
    f.__name__: f for f in (lift, several, sizes, respelled, reworded, remember_view, check_forward)
}
