"""Gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from .optimizer import Optimizer, rate_there
from .steps import sgd_update


class SGD(Optimizer):
    """Stochastic gradient descent; the step is `ops.update.sgd_update`.

    Args: lr: step size; momentum: share of the last step kept; dampening: share of the gradient
          left out of the momentum buffer; weight_decay: pull towards zero; nesterov: look ahead
          along the momentum; maximize: go up instead of down. `foreach` and `fused` are accepted
          and change nothing.
    """

    def __init__(
        self,
        params: Iterable,
        lr: Any = 1e-3,
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
            param.grad.array,
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
