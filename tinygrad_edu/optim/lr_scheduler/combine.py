"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...engine.errors import ShapeError
from ..optimizer import Optimizer
from .base import LRScheduler, set_rate


class SequentialLR(LRScheduler):
    """One schedule after the other; schedule i takes over, from its own beginning, at epoch
    milestones[i − 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[Any],
        milestones: list[int],
        last_epoch: int = -1,
    ):
        if not schedulers or len(schedulers) != len(milestones) + 1:
            raise ShapeError(
                f"SequentialLR: needs one schedule more than milestones, got {len(schedulers)} and"
                f" {len(milestones)}. Correct the lists."
            )
        if any(s.optimizer is not optimizer for s in schedulers):
            raise ShapeError(
                "SequentialLR: all schedules must have been made for this optimiser, got one that"
                " was not. Pass the same optimiser everywhere."
            )
        self._attach(optimizer)
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        for scheduler in schedulers:
            scheduler._undo()
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        self._schedulers[bisect_right(self._milestones, 0)]._initial_step()
        self.last_epoch = last_epoch + 1
        self._last_lr = self.current

    def step(self) -> None:
        """Advance by one epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        if i and self._milestones[i - 1] == self.last_epoch:
            self._schedulers[i].restart()
        else:
            self._schedulers[i].step()
        self._last_lr = self.current

    def restart(self) -> None:
        """Set the rates of epoch 0."""
        self.last_epoch = 0
        self._schedulers[bisect_right(self._milestones, 0)].restart()
        self._last_lr = self.current

    def _undo(self) -> None:
        for scheduler in self._schedulers:
            scheduler._undo()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the state of every schedule."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(state)
        super().load_state_dict(
            {name: value for name, value in state_dict.items() if name != "_schedulers"}
        )


class ChainedScheduler(LRScheduler):
    """Several schedules stepped together; each changes the rate that the one before has set."""

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None):
        if not schedulers:
            raise ShapeError(
                "ChainedScheduler: needs at least one schedule, got none. Pass a list of schedules."
            )
        self._attach(optimizer or schedulers[0].optimizer)
        if any(s.optimizer is not self.optimizer for s in schedulers):
            raise ShapeError(
                "ChainedScheduler: all schedules must have been made for one optimiser, got"
                " several. Pass the same optimiser everywhere."
            )
        self._schedulers = list(schedulers)
        self._last_lr = self.current

    def step(self) -> None:
        """Advance by one epoch."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.current

    def restart(self) -> None:
        """Set the rates of epoch 0."""
        self._schedulers[0].restart()
        for scheduler in self._schedulers[1:]:
            scheduler.last_epoch = -1
            scheduler._update_lr()
        self._last_lr = self.current

    def _undo(self) -> None:
        for scheduler in self._schedulers:
            scheduler._undo()

    def state_dict(self) -> dict[str, Any]:
        """The state of every schedule."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(state)
        super().load_state_dict(
            {name: value for name, value in state_dict.items() if name != "_schedulers"}
        )
