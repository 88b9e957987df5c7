"""What the kernels of launch/recurrent.py are measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...engine.device import registry
from .work import normal, work


def recurrent(gates: int, backward: bool = False) -> Callable:
    """Arguments of a recurrent layer over T steps of B sequences and H units, or of its backward
    after a forward.
    """
    name = {4: "lstm_sequence", 3: "gru_sequence", 1: "rnn_sequence"}[gates]

    def make(rng: np.random.Generator, t: int, b: int, h: int) -> tuple:
        gx, *states = (
            normal(rng, t, b, gates * h),
            *(normal(rng, b, h) for _ in range(2 if gates == 4 else 1)),
        )
        weights = normal(rng, gates * h, h) / np.float32(h**0.5)
        if not backward:
            return (gx, *states, weights, *([normal(rng, 3 * h)] if gates == 3 else []))
        result = registry[name].forward(np, gx, *states, weights)
        found = [result] if isinstance(result, np.ndarray) else [r for r in result if r is not None]
        return (
            normal(rng, *found[0].shape),
            *states,
            weights,
            *found,
            *(["tanh"] if gates == 1 else []),
        )

    return make


def sequence(op: str, gates: int, backward: bool = False) -> None:
    """The work of a recurrent layer with that many gates."""
    work(
        op,
        recurrent(gates, backward),
        [(64, 64, 512)],
        [(3, 4, 9)],
        lambda t, b, h: (4 if backward else 2) * gates * t * b * h * h,
        tolerance=lambda *s: 1e-3,
        cpu=[(32, 32, 128)],
    )


sequence("lstm_sequence", 4)
sequence("lstm_sequence_backward", 4, True)
sequence("gru_sequence", 3)
sequence("gru_sequence_backward", 3, True)
sequence("rnn_sequence", 1)
sequence("rnn_sequence_backward", 1, True)
