"""The graph and the walk: who made a value, what was kept of it, and how cotangents flow back.

A recorded op leaves a `Node`. Nodes point to the nodes of their inputs, never to the tensors they
made, so a graph has no reference cycle and goes away with the last tensor that needs it.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from .anomaly import check_finite, check_forward  # noqa: F401  # op.py uses it too
from .errors import GraphError


class Mode(threading.local):
    """Per-thread switches.

    `recording`: ops leave nodes. `anomaly`: nodes remember their line and NaNs are errors.
    """

    recording = True
    inference = False
    anomaly = False


mode = Mode()


class Node:
    """One recorded op: what it was, where its inputs came from, what its formulas need."""

    __slots__ = (
        "op",
        "parents",
        "shapes",
        "saved",
        "attrs",
        "device",
        "time",
        "__dict__",
        "__weakref__",
    )
    hooks: dict[int, Callable] | None = None  # called with the cotangent of this node's output
    where: str | None = None  # the user's line, in anomaly mode
    index = None

    def __init__(
        self,
        op: Any,
        parents: tuple,
        shapes: tuple,
        saved: tuple,
        attrs: dict,
        device: Any,
        time: int,
    ):
        self.op = op  # has .rules and .keeps, or .pullback
        # a Node, Leaf or Output for each input, None where no gradient is needed
        self.parents = parents
        self.shapes = shapes  # of the inputs: a broadcast cotangent is summed back to these
        self.saved = saved  # exactly the arrays that the formulas name; None once freed
        self.attrs = attrs
        self.device = device
        self.time = time  # value of clock.now when the arrays were saved

    def __repr__(self) -> str:
        return f"<{self.op.name} node>"

    def name(self) -> str:
        return self.op.name

    @property
    def next_functions(self) -> tuple:
        return tuple((parent, 0) for parent in self.parents)


class Leaf:
    """The end of the graph: a tensor the user made. Holds it weakly, so that a graph never keeps a
    tensor alive.
    """

    op: Any = None
    parents = ()
    hooks: dict[int, Callable] | None = None
    after: dict[int, Callable] | None = None  # called with the tensor once its .grad is there

    def __init__(self, tensor: Any):
        self.ref = weakref.ref(tensor)

    def __repr__(self) -> str:
        return "<leaf>"


class Output:
    """Output number `index` of an op with several outputs."""

    op: Any = None
    hooks: dict[int, Callable] | None = None

    def __init__(self, node: Node, index: int):
        self.parents, self.index = (node,), index

    def __repr__(self) -> str:
        return f"<output {self.index} of {self.parents[0].op.name} node>"

    def name(self) -> str:
        return self.parents[0].op.name


# ---- versions: noticing that a kept array was changed in place -----------------------------------


class Clock:
    now = 0  # counts in-place writes; a node whose `time` equals `now` cannot have been overtaken


clock = Clock()
# id(storage) -> (storage, [version], last write times)
writes: dict[int, tuple[weakref.ref, list[int], deque[int]]] = {}


def bump_version(device: Any, array: Any) -> None:
    """Note that the memory behind `array` was written in place."""
    owner = device.storage(array)
    key = id(owner)
    if key not in writes:
        writes[key] = (weakref.ref(owner, lambda _: writes.pop(key, None)), [0], deque(maxlen=64))
    _, version, times = writes[key]
    clock.now += 1
    version[0] += 1
    times.append(clock.now)


def version_of(device: Any, array: Any) -> int:
    entry = writes.get(id(device.storage(array)))
    return entry[1][0] if entry else 0


def check_versions(node: Node) -> None:
    """Raise if an array that `node` kept was written since."""
    device = node.device
    for name, value in zip(node.op.saved_names, node.saved):
        entry = writes.get(id(device.storage(value))) if type(value) is device.array_type else None
        if entry and entry[2][-1] > node.time:
            now = entry[1][0]
            then = now - sum(t > node.time for t in entry[2])
            raise GraphError(
                f"{node.op.name}: {name} {tuple(value.shape)} must not change between forward and"
                f" backward, because the gradient needs it, got version {now} instead of"
                f" {then}{node.where or ''}. Use the op without the underscore (x = x + y, not x +="
                " y), or clone() before the in-place change."
            )


# ---- the walk ------------------------------------------------------------------------------------


def count_users(roots: Iterable) -> dict:
    """For every node reachable from `roots`: how many reachable nodes will send it a cotangent."""
    users = dict.fromkeys(roots, 0)
    stack = list(users)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None:
                n = users.get(parent)
                if n is None:
                    stack.append(parent)
                    users[parent] = 1
                else:
                    users[parent] = n + 1
    return users


def leading_to(targets: set, users: dict) -> set:
    """The nodes among `users` from which one of `targets` can be reached."""
    children: dict = {}
    for node in users:
        for parent in node.parents:
            if parent is not None:
                children.setdefault(parent, []).append(node)
    found, stack = set(targets), list(targets)
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in found:
                found.add(child)
                stack.append(child)
    return found


def walk(
    roots: list[tuple[Any, Any]],
    create_graph: bool = False,
    retain_graph: bool = False,
    targets: set | None = None,
) -> list:
    """Push cotangents from `roots` [(node, g)] back to the leaves, or only to `targets`; return
    [(node, g)] for these.

    Every node is visited once, after all its users: dependency order, iterative, so depth is no
    limit. With `create_graph` the formulas receive Tensors and are recorded themselves; otherwise
    they receive raw arrays.
    """
    grads: dict = {}
    for node, g in roots:
        grads[node] = grads[node] + g if node in grads else g
    waiting = count_users(grads)
    needed = None  # everything
    if targets is not None and any(not node.parents and node not in targets for node in waiting):
        needed = leading_to(targets, waiting)
    ready = [node for node in grads if not waiting[node]]
    found = []
    before, mode.recording = mode.recording, create_graph
    anomaly = mode.anomaly
    try:
        while ready:
            node = ready.pop()
            g = grads.pop(node, None)
            if node.hooks and g is not None:
                g = run_hooks(node, g, create_graph)
            op = node.op
            if targets is not None and node in targets:
                found.append((node, g))
            if op is None:
                if type(node) is Leaf:
                    if targets is None and g is not None:
                        found.append((node, g))
                else:
                    parent = node.parents[0]
                    if g is not None and (needed is None or parent in needed):
                        sent = grads.setdefault(parent, {})
                        sent[node.index] = sent[node.index] + g if node.index in sent else g
                    waiting[parent] -= 1
                    if not waiting[parent]:
                        ready.append(parent)
                continue
            if g is None or needed is not None and node not in needed:
                pieces: Any = (None,) * len(node.parents)
            else:
                if node.saved is None:
                    raise freed(op)
                if node.time != clock.now and op.keeps:
                    check_versions(node)
                F = functional if create_graph else node.device.F
                pieces = op.pullback(node, F, g, create_graph)
                if anomaly:
                    check_finite(node, pieces)
                if op.keeps and not retain_graph:
                    node.saved = None
            for parent, shape, piece in zip(node.parents, node.shapes, pieces):
                if parent is None:
                    continue
                if piece is not None and (needed is None or parent in needed):
                    if (piece.array if create_graph else piece).shape != shape:
                        piece = F.sum_to(piece, shape)
                    if parent in grads:
                        piece = grads[parent] + piece
                    grads[parent] = piece
                left = waiting[parent] - 1
                if left:
                    waiting[parent] = left
                else:
                    ready.append(parent)
            pieces = piece = None  # so that a leaf's cotangent has one owner, see `accumulate`
        return found
    finally:
        mode.recording = before


def freed(op: Any) -> GraphError:
    return GraphError(
        f"{op.name}: the graph must still hold what the forward pass kept, got one that an earlier"
        " backward freed. Pass retain_graph=True to the earlier backward, or run the forward pass"
        " again."
    )


def run_hooks(node: Any, g: Any, create_graph: bool) -> Any:
    """Give each hook the cotangent as a Tensor; a hook's return value, if any, takes its place."""
    from .tensor import Tensor

    for hook in tuple(node.hooks.values()):
        device = (
            g.device
            if create_graph
            else (
                node.ref()
                if type(node) is Leaf
                else node.parents[0]
                if type(node) is Output
                else node
            ).device
        )
        result = hook(g if create_graph else Tensor(device.asarray(g), device))
        if result is not None:
            g = result if create_graph else result.array
    return g


def accumulate(leaf: Leaf, g: Any, create_graph: bool) -> None:
    """Add `g` to the leaf's `.grad`, in place where it is already there, so that `.grad` keeps its
    memory.
    """
    tensor = leaf.ref()
    if tensor is None:  # the user dropped the tensor: nobody can read its gradient
        return
    if create_graph:
        tensor.grad = g if tensor.grad is None else tensor.grad + g
    elif tensor.grad is None:
        device = tensor.device
        # 4 references: the caller's list entry and variable, this parameter, the call below. More:
        # another leaf has the same array.
        shared = type(g) is not device.array_type or g.base is not None or sys.getrefcount(g) > 4
        tensor.grad = tensor.wrap(device.xp.array(g, dtype=tensor.array.dtype) if shared else g)
    else:
        tensor.grad.array[...] += g
        tensor.grad.bump_version()
    for hook in tuple((leaf.after or {}).values()):
        hook(tensor)


class Functional:
    """Every op and composite on Tensors, by name: what formulas get as `F` when they are recorded."""


functional = Functional()
