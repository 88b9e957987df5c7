"""Which entries of its inputs an entry of a result was computed from.

Each input of a step gets a rule that the page applies to one cell at a time. An op that only moves
numbers is run once more on the places 0, 1, 2 ... instead of values: what comes out says where each
entry came from.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...engine.device import cpu, registry
from ..trace import Step, Trace

MOVES = {
    "getitem", "cat", "stack", "repeat", "flip", "roll", "clone", "alias", "clone_contiguous",
    "diagonal", "take_rows", "take_at", "setitem", "unfold", "image_columns", "cast",
}  # fmt: skip
REDUCES = {"sum", "mean", "amax", "amin", "prod", "logsumexp", "max_dim", "min_dim"}
ROWS = {"softmax", "log_softmax", "sort", "cumsum", "cumprod"}


def follow(step: Step, trace: Trace) -> dict[str, dict]:
    """The rule of each input, by its name; an input without one counts as a whole."""
    op = registry.get(step.op)
    if op is None or not step.outputs:
        return {}
    out = trace.values[step.outputs[0]].shape
    shapes = {n: trace.values[i].shape for n, i in zip(step.names, step.inputs)}
    if out is None or None in shapes.values():
        return {}
    if op.view or step.op in MOVES:
        index = {n: trace.values[i].array for n, i in zip(step.names, step.inputs) if n == "index"}
        return moved(step, op, shapes, index)
    if step.elementwise:
        return {name: {"k": "same"} for name in shapes}
    if step.op in ("matmul", "linear"):
        return {name: {"k": step.op, "part": name} for name in shapes}
    if step.op in REDUCES | ROWS:
        name = step.names[0]
        kind = "reduce" if step.op in REDUCES else "row"
        factor = {"sum": 1, "mean": "mean"}.get(step.op)
        dims = dims_of(step.attrs.get("dim"), len(shapes[name] or ()))
        return {name: {"k": kind, "dims": dims, "factor": factor}}
    if step.op == "convolution":
        settings = {k: step.attrs.get(k, op.defaults[k]) for k in op.attrs}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
        return {name: {"k": "convolution", "part": name, **plain} for name in shapes}
    if step.op == "max_pool":
        parts = ("kernel", "stride", "padding", "dilation")
        return {"x": {"k": "window", **{k: list(step.attrs[k]) for k in parts}}}
    if step.op == "class_cross_entropy":
        return {"input": {"k": "reduce", "dims": [1]}, "target": {"k": "same"}}
    return {}


def dims_of(dim: Any, ndim: int) -> list[int]:
    """The dims that an op works along, counted from the front."""
    given = range(ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else [dim]
    return [d % ndim for d in given] if ndim else []


def moved(step: Step, op: Any, shapes: dict[str, Any], index: dict) -> dict[str, dict]:
    """For each input and result, the places that the entries came from; -1: not from this one. An
    input `index` chooses, so its values are needed.
    """
    rules: dict[str, dict] = {}
    offset, given = 1, dict(step.attrs)
    starts: dict[str, int] = {}
    for name, shape in shapes.items():
        starts[name] = offset
        places = np.arange(offset, offset + math.prod(shape)).reshape(shape)
        offset += math.prod(shape)
        if op.variadic:
            given.setdefault(name.split("[")[0], []).append(places)
        else:
            given[name] = places
    try:
        result = run(op, given | index)
    except Exception:  # noqa: BLE001  # an op that computes with them: it counts as a whole
        return {}
    results = result if isinstance(result, (tuple, list)) else [result]
    for name, shape in shapes.items():
        first, size = starts[name], math.prod(shape)
        maps = []
        for array in results:
            flat = np.asarray(array).reshape(-1) - first
            maps.append([int(p) if 0 <= p < size else -1 for p in flat])
        if name not in index:
            rules[name] = {"k": "map", "maps": maps}
    return rules


def run(op: Any, given: dict[str, Any]) -> Any:
    """The op's forward on arrays, by the names of its arguments."""
    function = getattr(cpu.F, op.name)
    if op.slot:
        return function(*[given[name] for name in op.inputs])
    first = [p.name for p in op.parameters if p.kind is not p.KEYWORD_ONLY]
    known = {p.name: p.default for p in op.parameters if p.default is not p.empty} | given
    return function(
        *[known[n] for n in first], **{n: v for n, v in known.items() if n not in first}
    )
