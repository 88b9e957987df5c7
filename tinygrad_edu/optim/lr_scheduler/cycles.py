"""Schedules that go up and down: warm restarts, cycles, one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...engine.errors import ShapeError
from ..optimizer import Optimizer
from .base import LRScheduler, for_each_group, restore_function, saved_function, set_rate


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
        self.T_i, self.T_cur = T_0, float(last_epoch)
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Advance by one epoch, or to `epoch`."""
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
        self._recompute()

    def restart(self) -> None:
        """Set the rates of epoch 0."""
        self.step(0)

    def get_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class _Momentum(LRScheduler):
    """A schedule that also moves momentum (or Adam's first beta) against the rate."""

    use_beta1: bool

    def _start_momenta(self, base_momentum: Any, max_momentum: Any, last_epoch: int) -> None:
        """Put the bounds, and at the start the highest momentum, into the groups."""
        name, defaults = type(self).__name__, self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ShapeError(
                f"{name}: cycle_momentum needs an optimiser with momentum or betas, got"
                f" {type(self.optimizer).__name__}. Pass cycle_momentum=False."
            )
        self.use_beta1 = "betas" in defaults
        lows = for_each_group(name, "base_momentum", base_momentum, self.optimizer)
        highs = for_each_group(name, "max_momentum", max_momentum, self.optimizer)
        if last_epoch == -1:
            self._set_momenta(highs)
            for group, low, high in zip(self.optimizer.param_groups, lows, highs):
                group["max_momentum"], group["base_momentum"] = high, low

    def _set_momenta(self, momenta: list[float]) -> None:
        for group, m in zip(self.optimizer.param_groups, momenta):
            if self.use_beta1:
                group["betas"] = (m, *group["betas"][1:])
            else:
                group["momentum"] = m


class CyclicLR(_Momentum):
    """Between base_lr and max_lr in straight lines; momentum in the opposite direction.

    Args: step_size_up, step_size_down: batches to go up and down; mode: "triangular", "triangular2"
          (half the height each cycle), "exp_range" (times gamma each batch); scale_fn, scale_mode:
          a function of the cycle or batch number in their place.
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
        self._attach(optimizer)
        lows = for_each_group("CyclicLR", "base_lr", base_lr, optimizer)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lows):
                set_rate(group, lr)
        self.max_lrs = for_each_group("CyclicLR", "max_lr", max_lr, optimizer)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = for_each_group(
                "CyclicLR", "base_momentum", base_momentum, optimizer
            )
            self.max_momentums = for_each_group("CyclicLR", "max_momentum", max_momentum, optimizer)
            self._start_momenta(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lows

    def scale_fn(self, x: float) -> float:
        """The height of cycle (or batch) x, as a share of max_lr − base_lr."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "exp_range":
            return self.gamma**x
        return 0.5 ** (x - 1) if self.mode == "triangular2" else 1.0

    def get_lr(self) -> list[float]:
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle  # position in the cycle, from 0 to 1
        top = self.step_ratio
        share = x / top if x <= top else (x - 1) / (top - 1)
        share *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums)
            self._set_momenta([high - (high - low) * share for low, high in bounds])
        return [low + (high - low) * share for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and a function scale_fn: pass it again to resume. Of a
        callable object it holds the attributes.
        """
        return {**super().state_dict(), "_scale_fn_custom": saved_function(self._scale_fn_custom)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, with this schedule's own scale_fn."""
        function = self._scale_fn_custom
        super().load_state_dict(state_dict)
        restore_function(function, state_dict["_scale_fn_custom"])
        self._scale_fn_custom = function


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
        self._attach(optimizer)
        self.total_steps, self._anneal_func_type = total_steps, anneal_strategy
        top = float(pct_start * total_steps) - 1
        if three_phase:
            self._schedule_phases = [
                phase(top, "initial_lr max_lr max_momentum base_momentum"),
                phase(2 * top, "max_lr initial_lr base_momentum max_momentum"),
                phase(total_steps - 1, "initial_lr min_lr max_momentum max_momentum"),
            ]
        else:
            self._schedule_phases = [
                phase(top, "initial_lr max_lr max_momentum base_momentum"),
                phase(total_steps - 1, "max_lr min_lr base_momentum max_momentum"),
            ]
        highs = for_each_group("OneCycleLR", "max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, high in zip(optimizer.param_groups, highs):
                group["initial_lr"], group["max_lr"] = high / div_factor, high
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momenta(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def between(self, start: float, end: float, share: float) -> float:
        """From start (share 0) to end (share 1)."""
        if self._anneal_func_type == "linear":
            return start + (end - start) * share
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[float]:
        t, phases = self.last_epoch, self._schedule_phases
        if t > self.total_steps:
            raise ShapeError(
                f"OneCycleLR: may be stepped total_steps={self.total_steps} times, got step {t}."
                " Give the true number of batches."
            )
        i = next((i for i, p in enumerate(phases) if t <= p["end_step"]), len(phases) - 1)
        begin, end = (phases[i - 1]["end_step"] if i else 0), phases[i]["end_step"]
        share = (t - begin) / (end - begin)

        def values(kind: str) -> list[float]:
            start, stop = phases[i]["start_" + kind], phases[i]["end_" + kind]
            groups = self.optimizer.param_groups
            return [self.between(group[start], group[stop], share) for group in groups]

        if self.cycle_momentum:
            self._set_momenta(values("momentum"))
        return values("lr")


def phase(end_step: float, names: str) -> dict[str, Any]:
    """The part of a cycle up to `end_step`: what rate and momentum go from and to, as the names of
    group entries.
    """
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return {"end_step": end_step, **dict(zip(keys, names.split()))}
