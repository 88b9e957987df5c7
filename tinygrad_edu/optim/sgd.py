"""Gradient descent: with momentum, and averaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import tensor, zeros_like
from .optimizer import Optimizer, grad_of, rate_there, step_of
from .steps import asgd_rates, asgd_update, sgd_update


class SGD(Optimizer):
    """Stochastic gradient descent; the step is `optim.steps.sgd_update`.

    Args: lr: step size; momentum: share of the last step kept; dampening: share of the gradient
          left out of the momentum buffer; weight_decay: pull towards zero; nesterov: look ahead
          along the momentum; maximize: go up instead of down. `foreach` and `fused` are accepted
          and change nothing.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                momentum=momentum,
                dampening=dampening,
                weight_decay=weight_decay,
                nesterov=nesterov,
                maximize=maximize,
                foreach=foreach,
                differentiable=differentiable,
                fused=fused,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ShapeError(
                "SGD: nesterov needs momentum above 0 and dampening 0, got"
                f" momentum={group['momentum']}, dampening={group['dampening']}. Set momentum=0.9,"
                " for example."
            )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        buf = state.get("momentum_buffer")
        new = sgd_update(
            param.device,
            param.array,
            grad_of(param),
            None if buf is None else buf.array,
            rate_there(group["lr"], param),
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
        )
        if buf is None and new is not None:
            state["momentum_buffer"] = param.wrap(new)


class ASGD(Optimizer):
    """Averaged stochastic gradient descent; the step is `optim.steps.asgd_update`. The mean of the
    parameters is in `state[p]["ax"]`.

    Args: lambd: decay of the parameters and of the step size; alpha: power of the step size's
          decay; t0: step after which the mean begins; weight_decay: pull towards zero. `foreach`
          and `capturable` are accepted and change nothing.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                lambd=lambd,
                alpha=alpha,
                t0=t0,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        lr, lambd = float(group["lr"]), group["lambd"]
        if not state:
            state.update(step=tensor(0.0), eta=tensor(lr), mu=tensor(1.0), ax=zeros_like(param))
        step = step_of(state)
        asgd_update(
            param.device,
            param.array,
            grad_of(param),
            state["ax"].array,
            state["eta"].item(),
            state["mu"].item(),
            lambd,
            group["weight_decay"],
            group["maximize"],
        )
        eta, mu = asgd_rates(step, lr, lambd, group["alpha"], group["t0"])
        state.update(eta=tensor(eta), mu=tensor(mu))  # float32, as PyTorch keeps them
