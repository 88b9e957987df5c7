"""Adam and its relatives: a running mean of the gradient over the root of a running mean of its
square.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import tensor, zeros_like
from .optimizer import Optimizer, grad_of, rate_there, step_of
from .steps import adam_update, adamax_update, nadam_mu, nadam_update, radam_update


def start(state: dict[str, Any], param: Tensor, *names: str) -> None:
    """At a parameter's first step: count 0, and zeros of its shape under each name."""
    if not state:
        state["step"] = tensor(0.0)
        for name in names:
            state[name] = zeros_like(param)


def counted_there(state: dict[str, Any], param: Tensor) -> Any:
    """Count one more step on the parameter's device, and return the count as an array there."""
    if state["step"].device is not param.device:
        state["step"] = state["step"].to(param.device)
    return state["step"].add_(1).array


class Adam(Optimizer):
    """Adam; the step is `optim.steps.adam_update`.

    Args: lr: step size; betas: decay of the running means; eps: added to the root; weight_decay:
          pull towards zero, through the gradient (AdamW: straight on the parameter, also with
          decoupled_weight_decay); amsgrad: never let the second mean fall; capturable: count steps
          on the parameters' device, so that a captured CUDA graph goes on counting (lr may then be
          a 0-d tensor there, for a schedule). `foreach` and `fused` are accepted and change
          nothing: a kernel device runs its kernel.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                amsgrad=amsgrad,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                differentiable=differentiable,
                fused=fused,
                decoupled_weight_decay=decoupled_weight_decay,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        kinds = [isinstance(beta, Tensor) for beta in group["betas"]]
        if kinds[0] != kinds[1]:
            raise ShapeError(
                f"{self._name()}: betas must be two numbers or two tensors, got {group['betas']}."
                " Convert one of them."
            )
        rates = (group["lr"], *group["betas"])
        unread = group["foreach"] and not group["capturable"]
        if unread and any(isinstance(rate, Tensor) for rate in rates):
            raise ShapeError(
                f"{self._name()}: lr and betas must be numbers with foreach=True and"
                " capturable=False, got a tensor. Convert it with float(), or omit foreach."
            )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start(state, param, "exp_avg", "exp_avg_sq")
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = zeros_like(param)
        step: Any
        if group["capturable"]:
            step, lr = counted_there(state, param), rate_there(group["lr"], param)
        else:
            step, lr = step_of(state), float(group["lr"])
        beta1, beta2 = (float(beta) for beta in group["betas"])
        adam_update(
            param.device,
            param.array,
            grad_of(param),
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            state["max_exp_avg_sq"].array if group["amsgrad"] else None,
            step,
            lr,
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
            group["decoupled_weight_decay"],
        )


class AdamW(Adam):
    """Adam with weight decay straight on the parameter.

    Arguments as Adam's; weight_decay is 0.01 by default.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


class Adamax(Optimizer):
    """Adam with the infinity norm; the step is `optim.steps.adamax_update`. Args: see Adam."""

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start(state, param, "exp_avg", "exp_inf")
        adamax_update(
            param.device,
            param.array,
            grad_of(param),
            state["exp_avg"].array,
            state["exp_inf"].array,
            step_of(state),
            float(group["lr"]),
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )


class NAdam(Optimizer):
    """Adam with Nesterov momentum; the step is `optim.steps.nadam_update`. Args: see Adam;
    momentum_decay: how fast momentum grows.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                momentum_decay=momentum_decay,
                decoupled_weight_decay=decoupled_weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                differentiable=differentiable,
            ),
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state["step"], state["mu_product"] = tensor(0.0), tensor(1.0)
            state["exp_avg"], state["exp_avg_sq"] = zeros_like(param), zeros_like(param)
        step = step_of(state)
        mu = nadam_mu(step, group["betas"][0], group["momentum_decay"])
        # kept in float32, as PyTorch keeps it
        state["mu_product"] = state["mu_product"].float() * mu
        nadam_update(
            param.device,
            param.array,
            grad_of(param),
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            state["mu_product"].item(),
            step,
            float(group["lr"]),
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            group["momentum_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )


class RAdam(Optimizer):
    """Rectified Adam; the step is `optim.steps.radam_update`. Args: see Adam."""

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                decoupled_weight_decay=decoupled_weight_decay,
                differentiable=differentiable,
            ),
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start(state, param, "exp_avg", "exp_avg_sq")
        radam_update(
            param.device,
            param.array,
            grad_of(param),
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            step_of(state),
            float(group["lr"]),
            *group["betas"],
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )
