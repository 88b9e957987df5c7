"""Schedules that go up and down: warm restarts, cycles, one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...engine.errors import ShapeError
from ..optimizer import Optimizer
from .base import LRScheduler, for_each_group


class CosineAnnealingWarmRestarts(LRScheduler):
    """eta_min + ½(base − eta_min)(1 + cos(π T_cur / T_i)), started again after T_0, then
    T_0·T_mult, ... epochs.

    `step(epoch)` takes a number, also a fraction, to follow the batches within an epoch.
    Reference: I. Loshchilov, F. Hutter, 2017, "SGDR: stochastic gradient descent with warm
               restarts", eq. 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        if T_0 < 1 or T_mult < 1 or int(T_mult) != T_mult:
            raise ShapeError(
                "CosineAnnealingWarmRestarts: T_0 and T_mult must be whole numbers from 1, got"
                f" {T_0} and {T_mult}. Correct them."
            )
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_i, self.T_cur = T_0, last_epoch
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Go on by one epoch, or to `epoch`."""
        t = self.last_epoch + 1 if epoch is None else epoch
        if t < 0:
            raise ShapeError(
                f"CosineAnnealingWarmRestarts: epoch must be 0 or more, got {t}. Correct it."
            )
        self.last_epoch = math.floor(t)
        self.T_i, self.T_cur = self.T_0, t
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
        self._set(self.get_lr())

    def get_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class _Momentum(LRScheduler):
    """A schedule that also moves momentum (or Adam's first beta) against the rate."""

    def _uses_betas(self) -> bool:
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ShapeError(
                f"{type(self).__name__}: cycle_momentum needs an optimiser with momentum or betas,"
                f" got {type(self.optimizer).__name__}. Pass cycle_momentum=False."
            )
        return "betas" in defaults

    def _set_momenta(self, momenta: list[float]) -> None:
        for group, m in zip(self.optimizer.param_groups, momenta):
            if "betas" in self.optimizer.defaults:
                group["betas"] = (m, *group["betas"][1:])
            else:
                group["momentum"] = m


class CyclicLR(_Momentum):
    """Between base_lr and max_lr in straight lines; momentum in the opposite direction.

    Args: step_size_up, step_size_down: batches to go up and down; mode: "triangular", "triangular2"
          (half the height each cycle), "exp_range" (times gamma each batch); scale_fn, scale_mode:
          a height of your own, of the cycle or batch number.
    Reference: L. Smith, 2017, "Cyclical learning rates for training neural networks".
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ):
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ShapeError(
                f"CyclicLR: mode must be triangular, triangular2 or exp_range, got {mode!r}. Use"
                " one of those, or pass scale_fn."
            )
        lows = for_each_group("CyclicLR", "base_lr", base_lr, optimizer)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lows):
                group["lr"] = group["initial_lr"] = lr
        self.max_lrs = for_each_group("CyclicLR", "max_lr", max_lr, optimizer)
        self.up, self.down = (
            step_size_up,
            (step_size_up if step_size_down is None else step_size_down),
        )
        self.mode, self.gamma, self.scale_fn = mode, gamma, scale_fn
        self.scale_mode = (
            scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        )
        self.optimizer, self.cycle_momentum = optimizer, cycle_momentum
        if cycle_momentum:
            self._uses_betas()
            self.base_momentums = for_each_group(
                "CyclicLR", "base_momentum", base_momentum, optimizer
            )
            self.max_momentums = for_each_group("CyclicLR", "max_momentum", max_momentum, optimizer)
            self._set_momenta(self.max_momentums)
        super().__init__(optimizer, last_epoch)

    def scale(self, x: float) -> float:
        """The height of cycle (or batch) x, as a share of max_lr − base_lr."""
        if self.scale_fn is not None:
            return self.scale_fn(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[
            self.mode
        ]

    def get_lr(self) -> list[float]:
        length = self.up + self.down
        cycle = math.floor(1 + self.last_epoch / length)
        x = 1 + self.last_epoch / length - cycle  # position within the cycle, from 0 to 1
        top = self.up / length
        share = x / top if x <= top else (x - 1) / (top - 1)
        share *= self.scale(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            self._set_momenta(
                [
                    high - (high - low) * share
                    for low, high in zip(self.base_momentums, self.max_momentums)
                ]
            )
        return [low + (high - low) * share for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and scale_fn: give these again when continuing."""
        return {name: value for name, value in super().state_dict().items() if name != "scale_fn"}


class OneCycleLR(_Momentum):
    """From max_lr / div_factor up to max_lr, then down to a tiny rate, once; momentum in the
    opposite direction.

    Args: total_steps, or epochs and steps_per_epoch: batches in all; pct_start: share of them that
          goes up; anneal_strategy: "cos" or "linear"; div_factor: first rate = max_lr / div_factor;
          final_div_factor: last rate = first / final_div_factor; three_phase: down to the first
          rate as long as up, then to the last one.
    Reference: L. Smith, N. Topin, 2018, "Super-convergence".
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ShapeError(
                    "OneCycleLR: needs total_steps, or epochs and steps_per_epoch, got neither."
                    " Give the number of batches."
                )
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0 or not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise ShapeError(
                "OneCycleLR: needs total_steps above 0, pct_start from 0 to 1 and anneal_strategy"
                f" cos or linear, got {total_steps}, {pct_start} and {anneal_strategy!r}. Correct"
                " them."
            )
        self.total_steps, self.anneal_strategy, self.cycle_momentum, self.optimizer = (
            total_steps,
            anneal_strategy,
            cycle_momentum,
            optimizer,
        )
        top = pct_start * total_steps - 1
        # the batch at which each phase ends
        self.ends = [top, *([2 * top] if three_phase else []), total_steps - 1]
        self.rates = []  # per group: the rate at the start, then at the end of each phase
        for group, high in zip(
            optimizer.param_groups, for_each_group("OneCycleLR", "max_lr", max_lr, optimizer)
        ):
            first = high / div_factor
            self.rates.append(
                [first, high, *([first] if three_phase else []), first / final_div_factor]
            )
            if last_epoch == -1:
                group["initial_lr"] = first
        if cycle_momentum:
            self._uses_betas()
            lows = for_each_group("OneCycleLR", "base_momentum", base_momentum, optimizer)
            highs = for_each_group("OneCycleLR", "max_momentum", max_momentum, optimizer)
            self.momenta = [
                [high, low, high, *([high] if three_phase else [])]
                for low, high in zip(lows, highs)
            ]
        super().__init__(optimizer, last_epoch)

    def between(self, start: float, end: float, share: float) -> float:
        """From start (share 0) to end (share 1)."""
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if t > self.total_steps:
            raise ShapeError(
                f"OneCycleLR: may be stepped total_steps={self.total_steps} times, got step {t}."
                " Give the true number of batches."
            )
        phase = next((i for i, end in enumerate(self.ends) if t <= end), len(self.ends) - 1)
        start = self.ends[phase - 1] if phase else 0
        share = (t - start) / (self.ends[phase] - start)
        if self.cycle_momentum:
            self._set_momenta([self.between(m[phase], m[phase + 1], share) for m in self.momenta])
        return [self.between(r[phase], r[phase + 1], share) for r in self.rates]
