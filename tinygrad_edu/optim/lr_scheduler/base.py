"""What all schedules share."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from ...nn.names import check_names
from ..optimizer import Optimizer


class MissingSetting(ShapeError, KeyError):
    """A group without the rate that a resumed schedule begins with."""

    __str__ = Exception.__str__  # KeyError's puts quotes around the message


class LRScheduler:
    """Base of the schedules. A subclass defines `get_lr()`: the rates of all groups for
    `last_epoch`.

    A schedule sets its first rates when it is made, and the next ones at every `step()`. Most
    schedules multiply the present rate, so that several schedules, or a change by hand, can be
    combined.

    Args: last_epoch: −1 to start; otherwise the number of the last epoch of the run that is
          resumed (the optimiser's groups must then hold "initial_lr").
    """

    _step_count = 0
    _is_initial = False  # whether the first rates are being set
    _get_lr_called_within_step = False  # get_lr() of a subclass may look at it

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_names(cls)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self._attach(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_of(group["lr"]))
            elif "initial_lr" not in group:
                raise MissingSetting(
                    f"{type(self).__name__}: group {i} must hold 'initial_lr' to continue from"
                    f" last_epoch={last_epoch}. Load the optimiser's state dict first."
                )
        self.base_lrs = [copy_of(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _attach(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(
                f"{type(self).__name__}: needs an Optimizer, got {type(optimizer).__name__}. Pass"
                " the optimiser first."
            )
        self.optimizer = optimizer

    def get_lr(self) -> list[float]:
        raise NotImplementedError(
            f"{type(self).__name__}: must define get_lr(), the rates for self.last_epoch."
        )

    def _initial_step(self) -> None:
        """Set the first rates."""
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def step(self) -> None:
        """Advance by one epoch and set the rates. Call it after the optimiser's step."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(
                f"{type(self).__name__}: optimizer.step() must come before scheduler.step(), got"
                " the schedule's step first, which skips its first rate. Exchange the two calls.",
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr()

    def _update_lr(self) -> None:
        self.last_epoch += 1
        self._recompute()

    def _recompute(self) -> None:
        """Set the rates for the present `last_epoch`."""
        self._get_lr_called_within_step = True
        rates = self.get_lr()
        self._get_lr_called_within_step = False
        self._set(rates)

    def restart(self) -> None:
        """Set the rates of epoch 0."""
        self._set(self.base_lrs)
        self.last_epoch, self._is_initial = -1, True
        self._update_lr()
        self._is_initial = False

    def _undo(self) -> None:
        """Take back the step that was made when the schedule was made."""
        self.last_epoch -= 1

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates):
            set_rate(group, lr)
        self._last_lr = self.current

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return self._last_lr

    @property
    def current(self) -> list[float]:
        """Copies of the present rates of the groups."""
        return [copy_of(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Load the optimiser's state too: it holds the rates.
        """
        self.__dict__.update(state_dict)


def copy_of(rate: Any) -> Any:
    """A rate that later changes of a tensor do not reach."""
    return rate.detach().clone() if isinstance(rate, Tensor) else rate


def set_rate(group: dict[str, Any], rate: Any) -> None:
    """Set a group's rate; a tensor is filled, so that a captured graph sees the new value."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(float(rate))
    else:
        group["lr"] = rate


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


def saved_function(function: Callable | None) -> dict[str, Any] | None:
    """What a state dict holds of a user's function: the attributes of a callable object."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return dict(getattr(function, "__dict__", {}))


def restore_function(function: Any, saved: dict[str, Any] | None) -> None:
    if saved:
        function.__dict__.update(saved)
