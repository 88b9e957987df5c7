"""Muon: momentum whose matrix is replaced by the nearest orthogonal one, so that every direction
moves alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import zeros_like
from .optimizer import Optimizer, grad_of
from .steps import muon_update


class Muon(Optimizer):
    """For the weight matrices of hidden layers only (embeddings, biases and the last layer: AdamW);
    the step is `optim.steps.muon_update`.

    Args: momentum, nesterov: as in SGD; ns_coefficients, ns_steps: of the Newton-Schulz iteration;
          eps: smallest norm to divide by; adjust_lr_fn: "original" (default: lr grows with
          sqrt(rows / columns) of tall matrices) or "match_rms_adamw" (0.2 sqrt of the longer side).
    Note: PyTorch iterates in bfloat16, this in the parameter's dtype; the steps differ by that
          rounding, about 1 %.
    Reference: Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks".
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        super().__init__(
            params,
            dict(
                lr=lr,
                weight_decay=weight_decay,
                momentum=momentum,
                nesterov=nesterov,
                ns_coefficients=ns_coefficients,
                eps=eps,
                ns_steps=ns_steps,
                adjust_lr_fn=adjust_lr_fn,
            ),
        )

    def check(self, group: dict[str, Any]) -> None:
        super().check(group)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ShapeError(
                "Muon: adjust_lr_fn must be None, 'original' or 'match_rms_adamw', got"
                f" {group['adjust_lr_fn']!r}. Use one of these."
            )
        if len(group["ns_coefficients"]) != 3 or not 0 <= group["ns_steps"] < 100:
            raise ShapeError(
                "Muon: needs 3 ns_coefficients and ns_steps below 100, got"
                f" {group['ns_coefficients']} and {group['ns_steps']}. Correct them."
            )
        for p in group["params"]:
            if p.ndim != 2:
                raise ShapeError(
                    f"Muon: parameters must be matrices, got shape {p.shape}. Give the others to"
                    " AdamW."
                )

    def update(self, param: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        if not state:
            state["momentum_buffer"] = zeros_like(param)
        rows, columns = param.shape
        scale = (
            0.2 * max(rows, columns) ** 0.5
            if group["adjust_lr_fn"] == "match_rms_adamw"
            else max(1.0, rows / columns) ** 0.5
        )
        muon_update(
            param.device,
            param.array,
            grad_of(param),
            state["momentum_buffer"].array,
            float(group["lr"]),
            scale,
            group["momentum"],
            group["weight_decay"],
            group["nesterov"],
            group["ns_coefficients"],
            group["ns_steps"],
            group["eps"],
        )
