"""A step size for each element: RMSprop, Adagrad, Adadelta, Adafactor, Rprop; and Lion, which uses
signs only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..engine.errors import ShapeError
from ..engine.limits import finfo
from ..engine.tensor import Tensor
from ..functional import full_like, tensor, zeros, zeros_like
from .adam import start
from .optimizer import Optimizer, grad_of, step_of
from .steps import (
    adadelta_update,
    adafactor_update,
    adagrad_update,
    lion_update,
    rmsprop_update,
    rprop_update,
)


class RMSprop(Optimizer):
    """The gradient over the root of its running mean square; the step is
    `optim.steps.rmsprop_update`.

    Args: alpha: decay of the running mean; momentum: share of the last step kept; centered:
          subtract the squared mean.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                momentum=momentum,
                alpha=alpha,
                eps=eps,
                centered=centered,
                weight_decay=weight_decay,
                capturable=capturable,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
            ),
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start(
            state,
            param,
            "square_avg",
            *(["momentum_buffer"] if group["momentum"] > 0 else []),
            *(["grad_avg"] if group["centered"] else []),
        )
        step_of(state)
        rmsprop_update(
            param.device,
            param.array,
            grad_of(param),
            state["square_avg"].array,
            state["momentum_buffer"].array if group["momentum"] > 0 else None,
            state["grad_avg"].array if group["centered"] else None,
            float(group["lr"]),
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
        )


class Adagrad(Optimizer):
    """The gradient over the root of the sum of its squares; the step is
    `optim.steps.adagrad_update`.

    Args: lr_decay: lr falls as 1 / (1 + steps·lr_decay); initial_accumulator_value: the sum at the
          start.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                lr_decay=lr_decay,
                eps=eps,
                weight_decay=weight_decay,
                initial_accumulator_value=initial_accumulator_value,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                fused=fused,
            ),
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        # here and not at the first step: PyTorch's state dict has them from the start
        for p in group["params"]:
            self.state[p] = {
                "step": tensor(0.0),
                "sum": full_like(p, float(group["initial_accumulator_value"])),
            }

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        adagrad_update(
            param.device,
            param.array,
            grad_of(param),
            state["sum"].array,
            step_of(state),
            float(group["lr"]),
            group["lr_decay"],
            group["weight_decay"],
            group["eps"],
            group["maximize"],
        )


class Adadelta(Optimizer):
    """Steps in the units of the parameter; the step is `optim.steps.adadelta_update`. Args: rho:
    decay of the running means.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                rho=rho,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                capturable=capturable,
                foreach=foreach,
                differentiable=differentiable,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        if not 0 <= group["rho"] <= 1:
            raise ShapeError(f"Adadelta: rho must be from 0 to 1, got {group['rho']}. Correct it.")

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        start(state, param, "square_avg", "acc_delta")
        step_of(state)
        adadelta_update(
            param.device,
            param.array,
            grad_of(param),
            state["square_avg"].array,
            state["acc_delta"].array,
            float(group["lr"]),
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )


class Adafactor(Optimizer):
    """Adam's second moment in little memory: one number per row and column of a matrix. The step
    is `optim.steps.adafactor_update`.

    Args: lr: largest relative step size, and the rate of weight_decay; beta2_decay: exponent of
          the step in the decay of the moments (0 or less); eps: smallest root of the second moment
          (None: the dtype's eps), smallest size of a parameter that scales its step; d: longest
          root mean square of a step before scaling (1 or more); weight_decay: decoupled.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                beta2_decay=beta2_decay,
                eps=eps,
                d=d,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check({name: value for name, value in group.items() if name != "eps"})
        if not all(eps is None or eps >= 0 for eps in group["eps"]):
            raise ShapeError(
                f"Adafactor: eps must be 0 or more (the first may be None), got {group['eps']}."
                " Use (None, 1e-3), for example."
            )
        if group["beta2_decay"] > 0 or group["d"] < 1:
            raise ShapeError(
                "Adafactor: beta2_decay must be 0 or less and d 1 or more, got"
                f" {group['beta2_decay']} and {group['d']}. Use -0.8 and 1, for example."
            )

    def _state_shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        if name == "row_var":
            return (*p.shape[:-1], 1)
        if name == "col_var":
            return (*p.shape[:-2], 1, p.shape[-1])
        return super()._state_shape(name, p)

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state["step"] = tensor(0.0)
            for name in ("row_var", "col_var") if param.ndim > 1 else ("variance",):
                shape = self._state_shape(name, param)
                state[name] = zeros(shape, dtype=param.dtype, device=param.device)
        matrix = "row_var" in state
        eps1, eps2 = group["eps"]
        adafactor_update(
            param.device,
            param.array,
            grad_of(param),
            state["row_var"].array if matrix else None,
            state["col_var"].array if matrix else None,
            None if matrix else state["variance"].array,
            step_of(state),
            float(group["lr"]),
            group["beta2_decay"],
            finfo(param.dtype).eps if eps1 is None else eps1,
            eps2,
            group["d"],
            group["weight_decay"],
            group["maximize"],
        )


class Rprop(Optimizer):
    """Step sizes that grow while the sign stays and shrink when it turns; the step is
    `optim.steps.rprop_update`.

    Args: lr: the first step size; etas: factors to shrink and to grow; step_sizes: smallest and
          largest. For full batches.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                etas=etas,
                step_sizes=step_sizes,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            raise ShapeError(
                f"Rprop: etas must be below and above 1, got {group['etas']}. Use (0.5, 1.2), for"
                " example."
            )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            start(state, param, "prev")
            state["step_size"] = full_like(param, float(group["lr"]))
        step_of(state)
        rprop_update(
            param.device,
            param.array,
            grad_of(param),
            state["prev"].array,
            state["step_size"].array,
            *group["etas"],
            *group["step_sizes"],
            group["maximize"],
        )


class Lion(Optimizer):
    """Steps of one size in every element, in the direction of a blended momentum; the step is
    `optim.steps.lion_update`.

    Args: betas: blend for the direction, decay of the momentum. Use an lr 3 to 10 times smaller
          than Adam's.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ):
        super().__init__(
            params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)
        )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state["exp_avg"] = zeros_like(param)
        lion_update(
            param.device,
            param.array,
            grad_of(param),
            state["exp_avg"].array,
            float(group["lr"]),
            *group["betas"],
            group["weight_decay"],
            group["maximize"],
        )
