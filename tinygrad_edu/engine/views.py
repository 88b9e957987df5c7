"""Views and in-place forms: memory that several tensors see, and a graph that stays true to it.

An in-place op computes its plain form, writes the result into the tensor's memory, notes the write
and gives the tensor the new node. If the tensor is a view, its base becomes "the old base with this
part replaced", and every other view of that base is recorded anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .arrays import overlaps
from .border import planned, worded
from .device import functional
from .dtype import CATEGORY
from .errors import DTypeError, GraphError, ShapeError
from .graph import NOWHERE, Leaf, Node, mode
from .tensor import Tensor

ROOM = 8  # views of a base before dead ones are looked for


def remember_view(view: Tensor, source: Tensor, op: Any, attrs: tuple, recorded: Any) -> Tensor:
    """Note that `view` looks into the memory of `source`, if it does: a reshape may have copied.

    `view_of` holds the base, the `view_of` of the source, this step from there (op, attributes),
    and whether all steps were recorded.
    """
    try:
        array, seen = view.array, source.array
    except AttributeError:  # a number or another library's array, of which `source` is no Tensor
        return view
    owner = seen.base
    if array is not seen and array.base is not (seen if owner is None else owner):
        storage = view.device.storage
        if storage(array) is not storage(seen):
            return view
    before = source.view_of
    if before is None:
        base = source
        view.view_of = base, None, op, attrs, recorded
    else:
        base = before[0]
        view.view_of = base, before, op, attrs, before[4] and recorded
    if recorded:
        add_view(base, view)
    elif base.node is not None and array.dtype.kind == "f":
        view.node = NOWHERE
    return view


def add_view(base: Tensor, view: Tensor) -> None:
    views = base.views
    if views is None:
        views = base.views = []
        base.room = ROOM
    views.append(weakref.ref(view))
    if len(views) > base.room:  # forget dead views now and then: a constant cost for each
        base.views = [ref for ref in views if ref() is not None]
        base.room = 2 * len(base.views) + ROOM


def living(views: list | None) -> list[Tensor]:
    """The views that somebody still holds."""
    return [view for view in [ref() for ref in views or ()] if view is not None]


def steps_to(view: Tensor) -> tuple:
    """The steps from its base to a view; none if it is no view."""
    steps, step = [], view.view_of
    while step is not None:
        _, step, op, attrs, _ = step
        steps.append((op, attrs))
    return tuple(reversed(steps))


def follow(F: Any, x: Any, steps: tuple) -> Any:
    for op, attrs in steps:
        x = getattr(F, op.name)(x, **dict(zip(op.attrs, attrs)))
    return x


class ViewWrite:
    """The op that makes a base out of its old value and a rewritten view; keeps the steps."""

    name, kept_names, keeps, several, declared = "view_write", (), False, False, True

    def pull(self, F: Any, g: Any, steps: tuple) -> tuple:
        before = F.clone(g)
        follow(F, before, steps)[...] = 0
        return before, follow(F, g, steps)

    def pull_recorded(self, node: Node, F: Any, g: Tensor, steps: tuple) -> tuple:
        keep = g.device.xp.ones(g.shape, g.array.dtype)
        follow(g.device.F, keep, steps)[...] = 0
        return g * g.wrap(keep), follow(F, g, steps)


class Overwrite:
    """The op whose result does not depend on its input's values, as a comparison in place: the
    tensor keeps its place in the graph, with gradient 0.
    """

    name, kept_names, keeps, several, declared = "overwrite", (), False, False, True

    def pull(self, F: Any, g: Any, kept: tuple) -> tuple:
        return (g * 0,)

    def pull_recorded(self, node: Node, *given: Any) -> tuple:
        return self.pull(*given)


def inplace_form(name: str, plain: Callable, op: Any) -> Callable:
    """The in-place form of an op: `add` becomes `add_`."""

    def inplace(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if not isinstance(self, Tensor):
            raise DTypeError(
                f"{name}: must be called on a tensor, got {type(self).__name__}. Convert it with"
                " tensor()."
            )
        given = (self, *args, *kwargs.values())
        wanted = any(getattr(a, "node", None) is not None for a in given)
        check_writable(name, self, wanted)
        kept = wanted and mode.recording and op.keeps_input
        before = self.device.xp.array(self.array) if kept else self.array
        try:
            result = plain(Tensor(before, self.device, self.node), *args, **kwargs)
        except TypeError as error:  # Python's: the call does not fit the arguments of plain
            if planned(error):
                raise
            raise worded(name, plain, (self, *args), kwargs, error) from error
        write(self, result, name)
        return self

    inplace.__name__ = inplace.__qualname__ = name
    inplace.__module__ = plain.__module__
    inplace.__doc__ = f"In-place version of {plain.__name__}.\n\n{plain.__doc__}"
    inplace.__signature__ = op.signature  # type: ignore[attr-defined]
    return inplace


def check_writable(name: str, x: Tensor, wanted: bool | None = None, apart: bool = True) -> None:
    """Refuse writes that would make gradients wrong or memory inconsistent.

    Args:   wanted: whether anything that takes part requires gradients; None: x decides.
            apart: whether each element must have memory of its own (not for one value everywhere).
    """
    base, *_, recorded = x.view_of or (x, True)
    if mode.recording and (x.requires_grad or wanted):
        if type(base.node) is Leaf:
            raise GraphError(
                f"{name}: {'a leaf' if base is x else 'a view of a leaf'} that requires gradients"
                f" must not be changed in place, got shape {x.shape}. Wrap the change in no_grad(),"
                " or clone() the leaf first."
            )
        if not recorded:
            raise GraphError(
                f"{name}: a view made inside no_grad() must not be changed in place outside of it,"
                f" got a view of shape {x.shape}. Make the view where the change is recorded, or"
                " clone() it."
            )
    if apart and overlaps(x.array):
        raise ShapeError(
            f"{name}: each element must have memory of its own, got an expanded or overlapping"
            f" tensor of shape {x.shape}. Clone it first."
        )
    if not getattr(x.array.flags, "writeable", True):  # CuPy has no such flag
        raise ShapeError(
            f"{name}: memory must be writable, got a read-only array of shape {x.shape}. Clone the"
            " tensor first."
        )


def write(x: Tensor, y: Tensor, name: str) -> None:
    """Put y's values and history into x."""
    if y.shape != x.shape:
        raise ShapeError(
            f"{name}: the result must have the tensor's shape {x.shape}, got {y.shape}. Use the op"
            " without the underscore."
        )
    node, array = y.node, y.array
    if array.dtype is not x.array.dtype:
        if CATEGORY[array.dtype.kind] > CATEGORY[x.array.dtype.kind]:
            raise DTypeError(
                f"{name}: the result {y.dtype.name} must fit into {x.dtype.name} in place, got a"
                " higher kind. Convert the tensor first."
            )
        y = functional.cast(y, x.array.dtype, array.dtype)
        node, array = y.node, y.array
    if node is None and mode.recording and x.node is not None:
        node = Node(Overwrite(), (x.node,), (), x.shape, x.device)
    x.array[...] = array
    written(x, node)


def written(x: Tensor, node: Any) -> None:
    """After a write to x's memory: count it, and record it."""
    x.bump_version()
    if mode.recording:
        rebase(x, node)


def rebase(x: Tensor, node: Any) -> None:
    """Give x, whose memory was written, its base and their views their new history."""
    x.set_node(node)
    base, steps = x.view_of[0] if x.view_of else x, steps_to(x)
    if steps and (base.node is not None or node is not None):
        edges = base.node, node
        base.set_node(Node(ViewWrite(), edges, steps, base.shape, base.device))
    if base.node is not None:
        for view in living(base.views):
            view.set_node(follow(functional, base, steps_to(view)).node)
