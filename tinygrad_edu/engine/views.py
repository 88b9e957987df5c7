"""In-place forms and views: writing to memory that others see, and keeping the graph true to it.

An in-place op computes its plain form, writes the result into the tensor's memory, counts the write
(see versions in autograd.py) and gives the tensor the new node. If the tensor is a view, its base
becomes "the old base with this part replaced", and every other view of that base is recorded anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .backward import Leaf, Node, clock, functional, mode
from .dtype import CATEGORY
from .errors import DTypeError, GraphError, ShapeError
from .tensor import Tensor


def remember_view(view: Tensor, source: Tensor, op: Any, attrs: dict) -> None:
    """Note that `view` looks into the memory of `source` (if it does: a reshape may have copied)."""
    storage = view.device.storage
    if storage(view.array) is not storage(source.array):
        return
    base = view.base = source if source.base is None else source.base
    view.steps = (*source.steps, (op, attrs))
    if base.views is None:
        base.views = []
    base.views.append(weakref.ref(view, base.views.remove))


class ViewWrite:
    """The op that makes a base out of its old value and a rewritten view of it."""

    name, keeps, saved_names = "view_write", False, ()

    def pullback(self, node: Node, F: Any, g: Any, create_graph: bool) -> tuple:
        xp, steps = node.device.xp, node.attrs["steps"]
        mask = xp.ones(g.shape, dtype=(g.array if create_graph else g).dtype)
        apply(node.device.F, mask, steps)[...] = 0
        return g * (Tensor(mask, node.device) if create_graph else mask), apply(F, g, steps)

    def input_name(self, i: int) -> str:
        return ("base", "view")[i]


def apply(F: Any, x: Any, steps: tuple) -> Any:
    for op, attrs in steps:
        x = getattr(F, op.name)(x, **attrs)
    return x


def check_writable(name: str, x: Tensor) -> None:
    """Refuse writes that would make gradients wrong or memory inconsistent."""
    if mode.recording:
        if type(x.node) is Leaf:
            raise GraphError(
                f"{name}: a leaf that requires gradients must not be changed in place, got one of"
                f" shape {x.shape}. Wrap the change in no_grad(), or use the op without the"
                " underscore."
            )
        if x.base is not None and type(x.base.node) is Leaf and x.node is not None:
            raise GraphError(
                f"{name}: a view of a leaf that requires gradients must not be changed in place,"
                f" got a view of shape {x.shape}. Wrap the change in no_grad(), or clone() the leaf"
                " first."
            )
    array = x.array
    if any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape)):
        raise ShapeError(
            f"{name}: each element must have memory of its own, got an expanded tensor of shape"
            f" {x.shape}. Clone it first."
        )
    if not getattr(array.flags, "writeable", True):  # CuPy has no such flag
        raise ShapeError(
            f"{name}: memory must be writable, got a read-only array of shape {x.shape}. Clone the"
            " tensor first."
        )


def make_inplace(op: Any) -> Callable:
    """The in-place form of an op: `add` becomes `add_`."""
    name = op.name + "_"

    def inplace(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(name, self)
        keeps_input = (
            getattr(op, "keeps", True)
            and mode.recording
            and (
                self.node is not None
                or any(
                    isinstance(a, Tensor) and a.node is not None for a in (*args, *kwargs.values())
                )
            )
        )
        before = self.device.xp.array(self.array) if keeps_input else self.array
        write(self, op.function(Tensor(before, self.device, self.node), *args, **kwargs), name)
        return self

    inplace.__name__ = inplace.__qualname__ = name
    inplace.__doc__ = f"In-place version of {op.name}.\n\n{op.doc}"
    return inplace


def write(x: Tensor, y: Tensor, name: str) -> None:
    """Put y's values and history into x."""
    if y.shape != x.shape:
        raise ShapeError(
            f"{name}: the result must have the tensor's shape {x.shape}, got {y.shape}. Use the op"
            " without the underscore."
        )
    if y.array.dtype is not x.array.dtype:
        if CATEGORY[y.array.dtype.kind] > CATEGORY[x.array.dtype.kind]:
            raise DTypeError(
                f"{name}: the result {y.dtype.name} must fit into {x.dtype.name} in place, got a"
                " higher kind. Convert the tensor first."
            )
        y = functional.cast(y, x.array.dtype, y.array.dtype)  # type: ignore[attr-defined]
    x.array[...] = y.array
    written(x, y.node)


def written(x: Tensor, node: Any) -> None:
    """After a write to x's memory: count it, and give x, its base and their views their new
    history.
    """
    x.bump_version()
    if not mode.recording:
        return
    x.node = node
    base = x.base
    if base is not None and (base.node is not None or node is not None):
        base.node = Node(
            ViewWrite(),
            (base.node, node),
            (base.shape, x.shape),
            (),
            {"steps": x.steps},
            x.device,
            clock.now,
        )
    root = x if base is None else base
    if root.views and root.node is not None:
        for reference in tuple(root.views):
            view = reference()
            if view is not None:
                view.node = apply(functional, root, view.steps).node
