"""What the kernels of launch/update.py are measured on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .work import CPU_FLAT, FLAT, SMALL_FLAT, normal, per_element, work


def torch_adam(torch: Any, *state: Any, weight_decay: float, decoupled: bool) -> list:
    """PyTorch's fused step of AdamW, with the betas and eps that are everybody's."""
    param, grad, exp_avg, exp_avg_sq, _, step, lr = state
    torch.ops.aten._fused_adamw_(
        [param],
        [grad],
        [exp_avg],
        [exp_avg_sq],
        [],
        [torch.tensor(float(step))],
        lr=lr,
        beta1=0.9,
        beta2=0.999,
        weight_decay=weight_decay,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )
    return [param, exp_avg, exp_avg_sq]


def torch_sgd(torch: Any, param: Any, grad: Any, buf: Any, lr: float, momentum: float) -> list:
    torch.ops.aten._fused_sgd_(
        [param],
        [grad],
        [buf],
        lr=lr,
        momentum=momentum,
        weight_decay=0.0,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )
    return [param, buf]


work(
    "adam_update",
    lambda rng, n: (
        normal(rng, n),
        normal(rng, n),
        normal(rng, n),
        normal(rng, n) ** 2,
        None,
        3,
        0.01,
    ),
    FLAT,
    SMALL_FLAT,
    per_element(14),
    {"weight_decay": 0.01, "decoupled": True},
    torch=torch_adam,
    changes=("param", "exp_avg", "exp_avg_sq"),
    cpu=CPU_FLAT,
)
work(
    "sgd_update",
    lambda rng, n: (normal(rng, n), normal(rng, n), normal(rng, n), 0.01),
    FLAT,
    SMALL_FLAT,
    per_element(4),
    {"momentum": 0.9},
    torch=torch_sgd,
    changes=("param", "buf"),
    cpu=CPU_FLAT,
)
work(
    "norm_update",
    lambda rng, n: (np.zeros(1, np.float32), normal(rng, n)),
    FLAT,
    SMALL_FLAT,
    per_element(2),
    tolerance=lambda n: 1e-6 * n**0.5 + 1e-5,
    changes=("total",),
    cpu=CPU_FLAT,
)
work(
    "clip_update",
    lambda rng, n: (normal(rng, n), np.full(1, 2.0, np.float32), 1.0),
    FLAT,
    SMALL_FLAT,
    per_element(1),
    changes=("array",),
    cpu=CPU_FLAT,
)
