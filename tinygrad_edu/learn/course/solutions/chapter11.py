"""Solutions of chapter 11: what autograd must not get wrong."""

from __future__ import annotations

import tinygrad_edu as torch


def accumulate(grads, name, g):
    grads[name] = g.copy() if name not in grads else grads[name] + g


def safe_sqrt(x):
    positive = x > 0
    inside = torch.where(positive, x, 1.0)  # the branch that is not chosen gets a harmless number
    return torch.where(positive, inside.sqrt(), 0.0)


def amax_gradient(x, g):
    largest = x == x.max()
    return g * largest / largest.sum()
