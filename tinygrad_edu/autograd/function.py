"""Function: ops of your own, with a forward and a backward."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..engine.backward import Node, Output, clock, freed, mode
from ..engine.errors import DTypeError, GraphError
from ..engine.tensor import Tensor
from .gradients import as_tuple
from .modes import no_grad


class _Context:
    """What a Function's forward leaves for its backward."""

    def __init__(self, needs: tuple):
        self.needs_input_grad, self.kept, self.non_differentiable = needs, (), ()  # type: ignore[var-annotated]
        self.materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs; `saved_tensors` gives them back, and an in-place change of one is
        noticed.
        """
        self.kept = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        self.materialize = value

    def mark_dirty(self, *tensors: Tensor) -> None:
        for t in tensors:
            t.bump_version()


class _UserOp:
    """A Function as the walk sees it."""

    keeps = True

    def __init__(self, function: type[Function], context: _Context, inputs: list, outputs: tuple):
        self.name, self.function, self.context = function.__name__, function, context
        self.inputs, self.results, self.many = (
            inputs,
            [(o.shape, o.dtype) for o in outputs],
            len(outputs) > 1,
        )
        self.places = [
            next((i for i, o in enumerate(outputs) if o is t), None) for t in context.kept
        ]
        # outputs are kept as raw arrays by the node
        self.kept = [
            None if place is not None else t for t, place in zip(context.kept, self.places)
        ]
        self.saved_names = [f"saved tensor {i}" for i in range(len(context.kept))]

    def input_name(self, i: int) -> str:
        return f"input {i}"

    def pullback(self, node: Node, F_: Any, g: Any, create_graph: bool) -> list:
        device = node.device
        if node.saved is None:
            raise freed(self)
        ends = [
            node if not self.many else Output(node, p) if p is not None else None
            for p in self.places
        ]
        tensors = [
            t if p is None else Tensor(a, device, end if create_graph else None)
            for t, p, a, end in zip(self.kept, self.places, node.saved, ends)
        ]
        self.context.saved_tensors = tuple(tensors)  # type: ignore[attr-defined]
        given = g if self.many else {0: g}
        gs = []
        for i, (shape, dtype) in enumerate(self.results):
            gi = given.get(i)
            gs.append(
                (F.zeros(shape, dtype=dtype) if self.context.materialize else None)
                if gi is None
                else gi
                if create_graph
                else Tensor(device.asarray(gi), device)
            )
        out = self.function.backward(self.context, *gs)
        pieces = list(out) if isinstance(out, tuple) else [out]
        while len(pieces) > len(node.parents) and pieces[-1] is None:
            pieces.pop()
        if len(pieces) != len(node.parents):
            raise GraphError(
                f"{self.name}: backward must return one gradient per input of forward"
                f" ({len(node.parents)}), got {len(pieces)}. Return None where there is none."
            )
        for i, p in enumerate(pieces):
            if p is not None and not isinstance(p, Tensor):
                raise DTypeError(
                    f"{self.name}: backward must return Tensors or None, got {type(p).__name__} for"
                    f" input {i}. Wrap it with tensor()."
                )
        return [p if p is None or create_graph else p.array for p in pieces]


class Function:
    """Base of your own ops: static methods `forward(ctx, *args)` and `backward(ctx, *grads)`; call
    `MyOp.apply(...)`.

    Both receive Tensors. Build backward from differentiable ops and it can be differentiated again.
    As in newer PyTorch, `forward(*args)` with a separate `setup_context(ctx, inputs, output)` works
    too.
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        raise TypeError(
            "Function: forward must be defined, got none. Write `@staticmethod def forward(ctx,"
            " ...)`."
        )

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise TypeError(
            "Function: backward must be defined, got none. Write `@staticmethod def backward(ctx,"
            " *grads)`."
        )

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        tensors = [a for a in args if isinstance(a, Tensor)]
        parents = tuple(a.node if isinstance(a, Tensor) else None for a in args)
        context = _Context(tuple(p is not None for p in parents))
        with no_grad():
            if cls.setup_context is None:
                out = cls.forward(context, *args)
            else:
                out = cls.forward(*args)
                cls.setup_context(context, args, out)
        outputs = as_tuple(out)
        if not mode.recording or all(p is None for p in parents):
            return out
        device = tensors[0].device
        outputs = tuple(o.detach() if any(o is a for a in args) else o for o in outputs)
        user = _UserOp(cls, context, list(args), outputs)
        saved = tuple(t.array if isinstance(t, Tensor) else t for t in context.kept)
        node = Node(
            user,
            parents,
            tuple(getattr(a, "shape", ()) for a in args),
            saved,
            {},
            device,
            clock.now,
        )
        for i, o in enumerate(outputs):
            if o.array.dtype.kind == "f" and not any(o is t for t in context.non_differentiable):
                o.node = Output(node, i) if user.many else node
        return outputs[0] if isinstance(out, Tensor) else outputs
