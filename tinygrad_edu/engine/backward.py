"""The way back: newest node first, each sends cotangents to older ones, leaves add them up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from operator import add, call
from typing import Any

from .anomaly import look
from .device import functional, quiet
from .errors import DTypeError, GraphError, ShapeError
from .graph import NOWHERE, Leaf, mode
from .tensor import Tensor, as_tensor

adding = threading.Lock()  # two threads may run backward into one leaf


def walk(roots: list, create_graph=False, retain_graph=False, targets: Any = None) -> tuple:
    """Push cotangents `roots` [(node, g)] back. Returns {node: g} of the leaves, or of `targets`,
    and {node: g} of the nodes that retain theirs.

    All users of a value are newer than the node that made it, so with the newest first a node is
    visited once, after everything it will receive has arrived: no counting and no recursion.
    """
    useful = None if targets is None else leading_to(targets, [node for node, _ in roots])
    wanted = None if useful is None else useful | targets
    grads: dict[Any, Any] = {}
    found: dict[Any, Any] = {}
    retained: dict[Any, Any] = {}
    queue: list[tuple] = []
    run = call if create_graph else quiet().run  # ops that are recorded are quiet themselves
    arrive = mode.watch.receive if mode.watch else receive
    for node, g in roots:
        arrive(node, g, grads, queue, run)
    before, mode.recording, seen = mode.recording, create_graph, mode.anomaly or mode.watch
    try:
        while queue:
            node = heappop(queue)[1]
            g = grads.pop(node)
            if node.hooks:
                g = run_hooks(node, g)
            if node.retains is not None:
                retained[node] = g
            if not node.edges if targets is None else node in targets:
                found[node] = g
            if useful is not None and node not in useful:
                continue
            pieces = node.send(g, create_graph, retain_graph)
            if seen:
                look(node, g, pieces)
            for edge, piece in zip(node.edges, pieces):
                if piece is None or edge is None or edge is NOWHERE:
                    continue
                if wanted is not None and edge not in wanted:
                    continue
                raw = getattr(piece, "array", piece) if create_graph else piece
                if raw.shape != edge.shape:  # broadcast: sum back
                    F = functional if create_graph else node.device.F
                    piece = run(F.sum_to, piece, edge.shape)
                arrive(edge, piece, grads, queue, run)
        return found, retained
    finally:
        mode.recording = before


def receive(node: Any, g: Any, grads: dict, queue: list, run: Callable) -> None:
    """Add `g` to what has arrived for `node`; the first arrival puts the node into the queue."""
    if node in grads:
        grads[node] = run(add, grads[node], g)
    else:
        grads[node] = g
        heappush(queue, (-node.time, node))


def leading_to(targets: set, roots: list) -> set | None:
    """The nodes behind `roots` from which a target can be reached (targets themselves only if
    another target lies behind them), found oldest first. None: all of them.
    """
    seen, stack, all_wanted = set(roots), list(roots), True
    while stack:
        node = stack.pop()
        edges = node.edges
        if not edges and node not in targets:
            all_wanted = False
        for edge in edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    if all_wanted:
        return None
    useful: set = set()
    for node in sorted(seen, key=lambda node: node.time):
        if any(edge in targets or edge in useful for edge in node.edges):
            useful.add(node)
    return useful


# ---- ownership -----------------------------------------------------------------------------------
#
# Every array inside a walk is the walk's own: what a user gives (gradient=, a hook's result, a
# custom backward) is copied on the way in, and what a hook sees is a copy. A formula is linear in
# g, so it never returns an array that the forward kept. What is left: one array, or views of it,
# found at several places. The first takes the array itself, all others get copies.


def own(found: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """[(node, array)] of what a walk found, no two of them sharing memory."""
    given: dict[int, Any] = {}  # holds each array, so that its id stays its own
    result = []
    for node, g in found:
        device = node.device
        shared = id(g) in given or type(g) is not device.array_type or g.base is not None
        given[id(g)] = g
        result.append((node, device.xp.array(g) if shared else g))
    return result


def run_hooks(node: Any, g: Any) -> Any:
    """Show the cotangent to each hook as a Tensor; what a hook returns takes its place."""
    recorded = isinstance(g, Tensor)
    for hook in tuple(node.hooks.values()):
        result = hook(g if recorded else Tensor(node.device.xp.array(g), node.device))
        if result is None:
            continue
        if not isinstance(result, Tensor) or result.shape != g.shape:
            got = f"shape {result.shape}" if isinstance(result, Tensor) else type(result).__name__
            raise GraphError(
                f"hook: must return None or a Tensor of the gradient's shape {tuple(g.shape)}, got"
                f" {got}. Return a Tensor of that shape."
            )
        g = result if recorded else node.device.xp.array(result.array, dtype=g.dtype)
    return g


def accumulate(tensor: Tensor, g: Any) -> None:
    """Add `g`, an array that nobody else holds or a recorded Tensor, to `.grad`."""
    with adding:
        old = tensor._grad
        if isinstance(g, Tensor):  # create_graph: out of place, and part of the graph
            tensor._grad = functional.clone(g) if old is None else old + g
        elif old is None:
            tensor._grad = Tensor(g.astype(tensor.array.dtype, copy=False), tensor.device)
        elif writable(old.array):
            old.array[...] += g
            old.bump_version()
        else:
            tensor._grad = Tensor(old.array + g, tensor.device)


def writable(array: Any) -> bool:
    return getattr(array.flags, "writeable", True) and not (0 in array.strides and array.size > 1)


def deliver(found: dict, retained: dict, create_graph: bool) -> None:
    """Put what a walk found into `.grad` of leaves and of tensors that retain theirs."""
    everything = [*found.items(), *((n, g) for n, g in retained.items() if n not in found)]
    for node, g in everything if create_graph else own(everything):
        leaf = type(node) is Leaf
        owner = node.tensor() if leaf else node.retains and node.retains()
        if owner is None or leaf and owner.node is not node:
            continue  # the user dropped the tensor, or it no longer requires gradients
        (call if create_graph else quiet().run)(accumulate, owner, g)
        for hook in tuple((leaf and node.after or {}).values()):
            hook(owner)


# ---- what users call -----------------------------------------------------------------------------


def root(out: Tensor, gradient: Any, create_graph: bool, name: str) -> tuple[Any, Any]:
    """(node, g) to begin a walk with."""
    if out.node is None:
        raise GraphError(
            f"{name}: must start from a tensor that depends on one with requires_grad=True, got one"
            f" of shape {out.shape} without a graph. Set requires_grad on the inputs, compute"
            " outside no_grad(), and pass create_graph=True to the first of two derivatives."
        )
    if gradient is None:
        if out.array.size != 1:
            raise GraphError(
                f"{name}: without `gradient` the tensor must hold one number, got shape"
                f" {out.shape}. Call .sum() or .mean() first, or pass gradient= of that shape."
            )
        gradient = Tensor(out.device.xp.ones_like(out.array), out.device)
    g = as_tensor(gradient, dtype=None if isinstance(gradient, Tensor) else out.dtype)
    if g.shape != out.shape:
        raise ShapeError(
            f"{name}: gradient must have the tensor's shape {out.shape}, got {g.shape}. Reshape or"
            " expand it."
        )
    g = g.to(out.device, out.dtype)
    return out.node, g if create_graph else out.device.xp.array(g.array)


def sequence(x: Any) -> tuple:
    """One tensor, or several, as a tuple."""
    many = (x,) if isinstance(x, Tensor) or x is None else x
    if not isinstance(many, Iterable):
        raise DTypeError(
            f"backward: needs a tensor or several, got {type(x).__name__}. Put them in a list."
        )
    return tuple(many)


def roots_of(name: str, outputs: tuple, gradients: Any, create_graph: bool) -> list:
    given = (None,) * len(outputs) if gradients is None else sequence(gradients)
    if len(given) != len(outputs):
        raise ShapeError(
            f"{name}: needs one cotangent per output, got {len(given)} for {len(outputs)}. Use None"
            " where it is 1."
        )
    return [root(y, g, create_graph, name) for y, g in zip(outputs, given)]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add d(tensors)/d(leaf) to `.grad` of every leaf that led here, or of `inputs` only, in one
    walk from all tensors.

    Args:   grad_tensors: a cotangent for each tensor, of its shape; None where it holds one number.
            retain_graph: keep what the formulas need, so that backward can run again.
            create_graph: record the backward pass, for higher orders.
    Raises: GraphError if nothing was recorded, the graph was freed, or a kept value was changed in
            place.
    """
    retain = create_graph if retain_graph is None else retain_graph
    targets = None
    if inputs is not None:
        wanted = sequence(inputs)
        targets = {getattr(t, "node", None) for t in wanted}
        if None in targets or not wanted:
            raise GraphError(
                "backward: `inputs` must be a non-empty list of tensors that require gradients, got"
                f" {len(wanted)}. Set requires_grad on them."
            )
        for t in wanted:  # non-leaves among them keep what arrives
            if type(t.node) is not Leaf:
                t.retain_grad()
    roots = roots_of("backward", sequence(tensors), grad_tensors, create_graph)
    found, retained = walk(roots, create_graph, bool(retain), targets)
    deliver(found, retained, create_graph)
