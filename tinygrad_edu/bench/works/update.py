"""What the kernels of launch/update.py are measured on."""

from __future__ import annotations

import numpy as np

from .work import CPU_FLAT, FLAT, SMALL_FLAT, normal, per_element, work

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
