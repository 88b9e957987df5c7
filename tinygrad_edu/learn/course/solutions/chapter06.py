"""Solutions of chapter 06: a recurrent network through time."""

from __future__ import annotations

import math

import numpy as np


def rnn_step(x, h, W, U, b):
    return (x @ W + h @ U + b).tanh()


def step_back(g, h, U):
    s = g * (1 - h**2)  # through tanh, whose slope follows from its result
    return s @ U.T


def clip(grads, largest):
    length = math.sqrt(sum(float(np.sum(g * g)) for g in grads))
    factor = min(1.0, largest / length) if length else 1.0
    return [g * factor for g in grads]
