"""Solutions of chapter 08: optimisers on a picture."""

from __future__ import annotations

import math


def momentum_step(p, g, v, lr, mu):
    v = mu * v + g
    return p - lr * v, v


def adam_step(p, g, m, s, t, lr):
    beta1, beta2, eps = 0.9, 0.999, 1e-8
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    mean, square = m / (1 - beta1**t), s / (1 - beta2**t)  # both began at 0
    return p - lr * mean / (square**0.5 + eps), m, s


def rate(step, steps, warm, highest):
    if step < warm:
        return highest * step / warm
    done = (step - warm) / (steps - warm)  # from 0 to 1
    return highest * 0.5 * (1 + math.cos(math.pi * done))
