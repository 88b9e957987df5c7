"""Hooks on gradients, and what may stand in `.grad`. Modules use the same handles."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .arrays import is_tensor
from .errors import DTypeError, GraphError, ShapeError
from .graph import NOWHERE, Leaf

counter = itertools.count()


class RemovableHandle:
    """What a `register_..._hook` method returns: `remove()` takes the hook away; leaving a `with`
    block does too.
    """

    def __init__(self, hooks: dict, hook: Any, prepend: bool = False):
        self.hooks, self.id = hooks, next(counter)
        hooks[self.id] = hook
        if prepend:
            for key in [k for k in hooks if k != self.id]:
                hooks[key] = hooks.pop(key)

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()

    def __getstate__(self) -> tuple:
        return self.hooks, self.id

    def __setstate__(self, state: tuple) -> None:
        self.hooks, self.id = state


class Hooked:
    """The methods of Tensor that register hooks on its gradient."""

    __slots__ = ()

    def register_hook(self: Any, hook: Callable) -> RemovableHandle:
        """Call `hook(g)` with this tensor's gradient during backward; a returned Tensor takes its
        place.
        """
        check_wanted("register_hook", self)
        if self.node is NOWHERE:  # nothing will arrive there
            return RemovableHandle({}, hook)
        self.node.hooks = self.node.hooks or {}
        return RemovableHandle(self.node.hooks, hook)

    def register_post_accumulate_grad_hook(self: Any, hook: Callable) -> RemovableHandle:
        """Call `hook(tensor)` after backward has added to this leaf's `.grad`."""
        if type(self.node) is not Leaf or self.node is NOWHERE:
            raise GraphError(
                "register_post_accumulate_grad_hook: needs a leaf that requires gradients, got"
                " another tensor. Use register_hook for it."
            )
        self.node.after = self.node.after or {}
        return RemovableHandle(self.node.after, hook)


def check_wanted(name: str, x: Any) -> None:
    """Refuse a tensor that no gradient reaches."""
    if not x.requires_grad:
        raise GraphError(
            f"{name}: needs a tensor that requires gradients, got one that does not. Call"
            " requires_grad_() first."
        )


def check_grad(x: Any, grad: Any) -> None:
    """Refuse what cannot be the gradient of x."""
    if not is_tensor(grad):
        raise DTypeError(
            f"grad: must be a Tensor or None, got {type(grad).__name__}. Make one with tensor(...)."
        )
    if grad.shape != x.shape:
        raise ShapeError(
            f"grad: must have the tensor's shape {x.shape}, got {grad.shape}. Reshape it."
        )
    if grad.dtype is not x.dtype or grad.device is not x.device:
        raise DTypeError(
            f"grad: must be {x.dtype.name} on {x.device} as the tensor, got {grad.dtype.name} on"
            f" {grad.device}. Convert it with .to(x)."
        )
