"""Function: ops of your own, with a forward and a backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..engine.errors import DTypeError, GraphError
from ..engine.graph import Node, Output, Slots, mode
from ..engine.tensor import Tensor
from ..engine.views import check_writable, rebase
from .modes import no_grad


class Context:
    """What a Function's forward leaves for its backward."""

    saved_tensors: tuple = ()

    def __init__(self, needs: tuple):
        self.needs_input_grad = needs
        self.kept: tuple = ()
        self.non_differentiable: tuple = ()
        self.dirty: tuple = ()
        self.materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs; `saved_tensors` gives them back, and an in-place change of one is
        noticed.
        """
        self.kept = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name outputs that have no gradient."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Name inputs that forward changed in place and returns."""
        self.dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (True) or None for outputs that nothing depended on."""
        self.materialize = value


class UserOp:
    """A Function as the walk sees it."""

    declared = several = False  # it fills missing cotangents itself

    def __init__(self, function: type[Function], context: Context, outputs: list):
        self.name, self.function, self.context = function.__name__, function, context
        self.many = len(outputs) > 1
        self.dtypes = [o.array.dtype for o in outputs]
        self.places = [place(t, outputs) for t in context.kept]
        self.inputs_kept = [t if p is None else None for t, p in zip(context.kept, self.places)]
        self.kept_names = [[f"saved tensor {i}" for i in range(len(context.kept))]]
        self.keeps = bool(context.kept)
        context.kept = ()

    def pull(self, F: Any, g: Any, kept: tuple) -> list:
        device = F._device
        given = g if self.many else {0: g}
        gs = [
            None if given.get(i) is None else Tensor(device.xp.array(given[i]), device)
            for i in range(len(self.dtypes))
        ]
        saved = [
            t if p is None else Tensor(a, device)
            for t, p, a in zip(self.inputs_kept, self.places, kept[0])
        ]
        pieces = self.run(device, gs, saved, given)
        return [None if p is None else device.xp.array(p.array) for p in pieces]

    def pull_recorded(self, node: Node, F: Any, g: Any, kept: tuple) -> list:
        given = g if self.many else {0: g}
        gs = [given.get(i) for i in range(len(self.dtypes))]
        saved = [
            t if p is None else Tensor(a, node.device, Output(node, p) if self.many else node)
            for t, p, a in zip(self.inputs_kept, self.places, kept[0])
        ]
        return self.run(node.device, gs, saved, given)

    def run(self, device: Any, gs: list, saved: list, given: Any) -> list:
        """Call the user's backward and check what it returns."""
        if self.context.materialize:
            shapes = given.shape if isinstance(given, Slots) else ()
            gs = [
                Tensor(device.xp.zeros(shapes[i], self.dtypes[i]), device) if g is None else g
                for i, g in enumerate(gs)
            ]
        self.context.saved_tensors = tuple(saved)
        out = self.function.backward(self.context, *gs)
        pieces = list(out) if isinstance(out, (tuple, list)) else [out]
        count = len(self.context.needs_input_grad)
        while len(pieces) > count and pieces[-1] is None:
            pieces.pop()
        if len(pieces) != count:
            raise GraphError(
                f"{self.name}: backward must return one gradient per input of forward ({count}),"
                f" got {len(pieces)}. Return None where there is none."
            )
        for i, p in enumerate(pieces):
            if p is not None and not isinstance(p, Tensor):
                raise DTypeError(
                    f"{self.name}: backward must return Tensors or None, got {type(p).__name__} for"
                    f" input {i}. Wrap it with tensor()."
                )
        return pieces


def place(tensor: Any, among: list) -> int | None:
    """The index of that very object, if it is there."""
    return next((i for i, o in enumerate(among) if o is tensor), None)


class Function:
    """Base of your own ops: static methods `forward(ctx, *args)` and `backward(ctx, *grads)`; call
    `MyOp.apply(...)`.

    Both receive Tensors. Build backward from differentiable ops and it can be differentiated again.
    As in newer PyTorch, `forward(*args)` with a separate `setup_context(ctx, inputs, output)` works
    too.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Function: forward must be defined, got none. Write `@staticmethod def forward(ctx,"
            " ...)`."
        )

    @staticmethod
    def backward(*args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Function: backward must be defined, got none. Write `@staticmethod def backward(ctx,"
            " *grads)`."
        )

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward outside the graph, and record one node for it."""
        edges = tuple([a.node if isinstance(a, Tensor) else None for a in args])
        context = Context(tuple(e is not None for e in edges))
        with no_grad():
            if cls.setup_context is None:
                out = cls.forward(context, *args)
            else:
                out = cls.forward(*args)
                cls.setup_context(context, args, out)
        if not mode.recording or not any(edges):
            return out
        single = isinstance(out, Tensor)
        results = [out] if single else list(out) if isinstance(out, (tuple, list)) else [out]
        connect(cls, context, args, edges, results)
        return results[0] if single else tuple(results)


def connect(
    cls: type[Function], context: Context, args: tuple, edges: tuple, results: list
) -> None:
    """Record the node of a Function's call, and hang its tensor results on it."""
    for t in context.dirty:
        check_writable(cls.__name__, t)
    separate(context, args, results)
    outputs = [o for o in results if isinstance(o, Tensor)]
    if not outputs:
        return
    kept = tuple([t.array if isinstance(t, Tensor) else t for t in context.kept])
    user, device = UserOp(cls, context, outputs), outputs[0].device
    shapes = tuple([o.shape for o in outputs])
    node = Node(user, edges, (kept,), shapes if user.many else shapes[0], device)
    for i, o in enumerate(outputs):
        if o.array.dtype.kind != "f" or place(o, list(context.non_differentiable)) is not None:
            continue
        end = Output(node, i) if user.many else node
        if place(o, list(context.dirty)) is None:
            o.node = end
        else:
            rebase(o, end)


def separate(context: Context, args: tuple, results: list) -> None:
    """Make an input that is handed on unchanged a result of its own."""
    for i, o in enumerate(results):
        if place(o, list(args)) is not None and place(o, list(context.dirty)) is None:
            results[i] = o.detach() if isinstance(o, Tensor) else o
            context.kept = tuple([results[i] if t is o else t for t in context.kept])


class Refused:
    """The op behind the results of a backward that is once differentiable."""

    declared = several = keeps = False
    kept_names: tuple = ()

    def __init__(self, name: str):
        self.name = name

    def pull(self, *_: Any) -> Any:
        raise GraphError(
            f"{self.name}: the backward is marked once_differentiable, got a second derivative."
            " Remove the mark and build backward from differentiable ops."
        )

    pull_recorded = pull


def once_differentiable(backward: Callable) -> Callable:
    """Mark a Function's backward that must not be differentiated: its ops are not recorded, and a
    second derivative through it is refused.
    """

    @wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            out = backward(ctx, *grads)
        edges = tuple([g.node for g in grads if isinstance(g, Tensor) and g.node is not None])
        if not mode.recording or not edges:
            return out
        results = list(out) if isinstance(out, (tuple, list)) else [out]
        for i, t in enumerate(results):
            if isinstance(t, Tensor) and t.array.dtype.kind == "f":
                node = Node(Refused(backward.__qualname__), edges, (), t.shape, t.device)
                results[i] = Tensor(t.array, t.device, node)
        return tuple(results) if isinstance(out, (tuple, list)) else results[0]

    return once
