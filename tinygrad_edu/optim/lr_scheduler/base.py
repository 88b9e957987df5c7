"""What all schedules share."""

from __future__ import annotations

from typing import Any

from ...engine.errors import DTypeError, ShapeError
from ..optimizer import Optimizer


class LRScheduler:
    """Base of the schedules. A subclass defines `get_lr()`: the rates of all groups for
    `last_epoch`.

    A schedule sets its first rates when it is made, and the next ones at every `step()`. Most of
    them change the rate that is there, so that several schedules, or a hand on the rate, can be
    combined.

    Args: last_epoch: −1 to start; otherwise the number of the last epoch of the run that is
          continued (the optimiser's groups must then hold "initial_lr").
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(
                f"{type(self).__name__}: needs an Optimizer, got {type(optimizer).__name__}. Pass"
                " the optimiser first."
            )
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: group {i} must hold 'initial_lr' to continue from"
                    f" last_epoch={last_epoch}. Load the optimiser's state dict first."
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        raise NotImplementedError(
            f"{type(self).__name__}: must define get_lr(), the rates for self.last_epoch."
        )

    def step(self) -> None:
        """Go on by one epoch and set the rates."""
        self.last_epoch += 1
        self._set(self.get_lr())

    def restart(self) -> None:
        """Set the rates of epoch 0."""
        self._set(self.base_lrs)
        self.last_epoch = -1
        self.step()

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates):
            group["lr"] = lr
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return self._last_lr

    @property
    def current(self) -> list[float]:
        """The rates that the groups have now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Load the optimiser's state too: it holds the rates.
        """
        self.__dict__.update(state_dict)


def for_each_group(name: str, what: str, value: Any, optimizer: Optimizer) -> list:
    """One value for all groups, or a list with one each."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ShapeError(
            f"{name}: {what} must be one value or one for each of the {n} groups, got {len(value)}."
            f" Give {n}."
        )
    return list(value)
