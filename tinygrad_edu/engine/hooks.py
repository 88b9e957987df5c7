"""The handle that registering a hook returns, for tensors and modules alike."""

from __future__ import annotations

import itertools
from typing import Any

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
