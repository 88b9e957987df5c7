"""A schedule that follows a measurement instead of the epoch number."""

from __future__ import annotations

import math
from typing import Any

from ...engine.errors import ShapeError
from ..optimizer import Optimizer
from .base import LRScheduler, for_each_group, set_rate


class ReduceLROnPlateau(LRScheduler):
    """Times factor when a measurement has not improved for more than `patience` epochs. Call
    `step(value)`.

    Args: mode: "min" or "max", what better means; threshold, threshold_mode: how much better counts
          ("rel": as a share, "abs"); cooldown: epochs of rest after a reduction; min_lr: least rate
          (one, or one per group); eps: smallest reduction made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ):
        if factor >= 1 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ShapeError(
                "ReduceLROnPlateau: needs factor below 1, mode min or max, threshold_mode rel or"
                f" abs, got {factor}, {mode!r} and {threshold_mode!r}. Correct them."
            )
        self._attach(optimizer)
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.min_lrs = for_each_group("ReduceLROnPlateau", "min_lr", min_lr, optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self.current

    def is_better(self, value: float) -> bool:
        """Whether `value` beats the best so far by the threshold."""
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "abs":
            return sign * value < sign * self.best - self.threshold
        return sign * value < sign * self.best * (1 - sign * self.threshold)

    def step(self, metrics: Any) -> None:  # type: ignore[override]  # the only schedule with an argument
        """Look at a new value of the measurement."""
        value = float(metrics)
        self.last_epoch += 1
        if self.is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.current

    def reduce(self) -> None:
        """Multiply the rates by factor, unless the reduction would be smaller than eps."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise ShapeError(
                    "ReduceLROnPlateau: min_lr must have one value for each group, got"
                    f" {len(self.min_lrs)} for {len(groups)} groups. Append to min_lrs after"
                    " add_param_group."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)
