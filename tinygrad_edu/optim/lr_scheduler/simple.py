"""Schedules that follow one formula of the epoch number t."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ...engine.errors import ShapeError
from ..optimizer import Optimizer
from .base import LRScheduler, for_each_group, restore_function, saved_function


class _Factor(LRScheduler):
    """A schedule that multiplies the present rate by `multiplier()`."""

    def multiplier(self) -> float:
        """The factor from epoch last_epoch − 1 to last_epoch (at 0: from the base rate)."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        multiplier = self.multiplier()
        return [lr * multiplier for lr in self.current]


class StepLR(_Factor):
    """Times gamma every step_size epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0


class MultiStepLR(_Factor):
    """Times gamma at each of the milestones."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        return self.gamma ** self.milestones[self.last_epoch]


class ExponentialLR(_Factor):
    """Times gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        return 1.0 if self._is_initial else self.gamma


class ConstantLR(_Factor):
    """Times `factor` until epoch total_iters, then the full rate."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 <= factor <= 1:
            raise ShapeError(f"ConstantLR: factor must be from 0 to 1, got {factor}. Correct it.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1 / self.factor if self.last_epoch == self.total_iters else 1.0


class LinearLR(_Factor):
    """From start_factor to end_factor of the rate in even steps, over total_iters epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ShapeError(
                f"LinearLR: factors must be from 0 to 1, the first above 0, got {start_factor} and"
                f" {end_factor}. Correct them."
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def at(self, t: int) -> float:
        """The share of the base rate at epoch t."""
        return self.start_factor + (self.end_factor - self.start_factor) * t / self.total_iters

    def multiplier(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        return (
            self.at(self.last_epoch) / self.at(self.last_epoch - 1)
            if self.last_epoch <= self.total_iters
            else 1.0
        )


class PolynomialLR(_Factor):
    """base·(1 − t / total_iters)^power, then 0."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        t, total = self.last_epoch, self.total_iters
        if self._is_initial or t > total:
            return 1.0
        return ((total - t) / (total - t + 1)) ** self.power


class CosineAnnealingLR(LRScheduler):
    """eta_min + ½(base − eta_min)(1 + cos(π t / T_max)); goes up again after T_max.

    Reference: I. Loshchilov, F. Hutter, 2017, "SGDR: stochastic gradient descent with warm
               restarts", eq. 5.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, T = self.last_epoch, self.T_max
        if self._is_initial:
            return self.current
        # the present rate is eta_min: there is nothing to scale, so start from the base rate
        if (t - 1) % (2 * T) == T:
            return [
                lr + (base - self.eta_min) * (1 - math.cos(math.pi / T)) / 2
                for lr, base in zip(self.current, self.base_lrs)
            ]
        ratio = (1 + math.cos(math.pi * t / T)) / (1 + math.cos(math.pi * (t - 1) / T))
        return [self.eta_min + (lr - self.eta_min) * ratio for lr in self.current]


class LambdaLR(LRScheduler):
    """base·lr_lambda(t), with one function for all groups or one each."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list, last_epoch: int = -1
    ):
        self.lr_lambdas = for_each_group(type(self).__name__, "lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the functions: pass these again to resume. Of callable
        objects it holds the attributes.
        """
        return {**super().state_dict(), "lr_lambdas": [saved_function(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, with this schedule's own functions."""
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        for function, saved in zip(functions, self.lr_lambdas):
            restore_function(function, saved)
        self.lr_lambdas = functions


class MultiplicativeLR(LambdaLR):
    """Times lr_lambda(t) every epoch."""

    def get_lr(self) -> list[float]:
        return [
            lr if self._is_initial else lr * f(self.last_epoch)
            for lr, f in zip(self.current, self.lr_lambdas)
        ]
