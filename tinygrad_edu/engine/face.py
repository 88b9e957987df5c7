"""What a user sees of the graph's nodes: PyTorch's `name()`, `next_functions`, `variable` and
calls, as scripts use them that draw or walk through a graph. The walk itself needs none of this.
"""

from __future__ import annotations

from typing import Any

from .border import public
from .errors import DTypeError, ShapeError

TORCH_NAMES = {"true_divide": "div", "max_dim": "max", "min_dim": "min"}  # where ours differ


class Face:
    """Base of the nodes."""

    __slots__ = ()
    op: Any
    edges: tuple

    def name(self) -> str:
        """PyTorch's name: MulBackward0 for mul, OwnBackward for a Function of the user's."""
        if self.op is None:
            return "torch::autograd::AccumulateGrad"
        if not self.op.declared:
            return f"{self.op.name}Backward"
        words = TORCH_NAMES.get(self.op.name, self.op.name).split("_")
        return "".join(word.capitalize() for word in words) + "Backward0"

    def __repr__(self) -> str:
        return f"<{self.name().rpartition(':')[2]} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple:
        """(node, which of its outputs) of each input; (None, 0) where none is needed."""
        return tuple((to, getattr(to, "index", 0)) for to in self.edges)

    @property
    def variable(self) -> Any:
        """The tensor at the end of the graph; None if the user dropped it."""
        if self.op is not None:
            raise AttributeError(f"{self.name()}: only a leaf has a variable. Use next_functions.")
        return self.tensor()  # type: ignore[attr-defined]

    @public
    def __call__(self, *cotangents: Any) -> Any:
        """What the formulas make of the cotangent of each output: a Tensor for each input, None
        where none is needed. What the graph keeps stays.
        """
        node: Any = self.edges[0] if hasattr(self, "index") else self
        if self.op is None:
            raise DTypeError("AccumulateGrad: must not be called, got a call. Call backward().")
        shapes = node.shape if self.op.several else (node.shape,)
        given = [None if g is None else g.array for g in cotangents]
        if [shape if g is None else g.shape for g, shape in zip(given, shapes)] != [*shapes]:
            raise ShapeError(
                f"{self.name()}: needs one cotangent per output, of the shapes {shapes}, got"
                f" {[None if g is None else g.shape for g in given]}. Reshape them."
            )
        slots = {i: g for i, g in enumerate(given) if g is not None}
        wrap = next(g for g in cotangents if g is not None).wrap
        F, found = node.device.F, []  # type: ignore[var-annotated]
        pieces = node.send(slots if self.op.several else given[0], False, True)
        for to, g in zip(node.edges, pieces):
            if to is None or g is None:
                found.append(None)
            else:
                found.append(wrap(g if g.shape == to.shape else F.sum_to(g, to.shape)))
        return found[0] if len(found) == 1 else tuple(found)
