"""Solutions of chapter 09: higher derivatives."""

from __future__ import annotations

import tinygrad_edu as torch


def second_derivative(f, x):
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return second


def newton_step(f, x):
    g, H = torch.func.grad(f)(x), torch.func.hessian(f)(x)
    return x - torch.linalg.solve(H, g)


def hessian_times(f, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    (product,) = torch.autograd.grad((g * v).sum(), x)
    return product


def largest_curvature(f, x, v, steps):
    for _ in range(steps):
        v = hessian_times(f, x, v)
        v = v / v.norm()
    return (v * hessian_times(f, x, v)).sum()
