"""Launchers of kernels/adam_update.cpp and sgd_update.cpp."""

from __future__ import annotations

from functools import wraps

from ...launch.shapes import float32
from ..rungs import native


def in_place(param, *others):
    """Arrays like param, in row-major order: they are changed where they stand."""
    arrays = [a for a in (param, *others) if a is not None]
    return float32(*arrays) and all(a.shape == param.shape and a.flags.c_contiguous for a in arrays)


def takes_adam(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr):
    plain = not hasattr(step, "dtype") and not hasattr(lr, "dtype")
    return plain and in_place(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq)


def adam(
    fn,
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    max_exp_avg_sq,
    step,
    lr,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    maximize=False,
    decoupled=False,
):
    rate, root = lr / (1 - beta1**step), (1 - beta2**step) ** -0.5
    keep, decay = (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)
    state, sign = (param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq), -1.0 if maximize else 1.0
    betas = (beta1, beta2, 1 - beta1, 1 - beta2)
    fn(*state, *betas, eps, rate, root, keep, decay, sign, param.size)


def takes_sgd(param, grad, buf, lr):
    return not hasattr(lr, "dtype") and in_place(param, grad, buf)


def sgd(
    fn,
    param,
    grad,
    buf,
    lr,
    momentum=0.0,
    dampening=0.0,
    weight_decay=0.0,
    nesterov=False,
    maximize=False,
):
    start = bool(momentum) and buf is None
    kept = fn.empty(param.shape, param) if start else buf if momentum else None
    rates = (lr, momentum, 1 - dampening, weight_decay, -1.0 if maximize else 1.0)
    fn(param, grad, kept, *rates, start, nesterov, param.size)
    return kept if momentum else buf


# From how many parameters on a kernel is quicker than NumPy's calls: 2 or 3 for SGD, 14 for Adam.
FEW = {sgd: 1 << 16, adam: 1 << 13}


def rung(name, launcher, supports):
    """Declare a rung whose launcher only hands on to its family's."""

    @wraps(launcher)
    def start(fn, *args, **attrs):
        return launcher(fn, *args, **attrs)

    start.__name__ = name
    return native(name, supports=supports, least=FEW[launcher])(start)


rung("adam_update_1_naive", adam, takes_adam)
rung("adam_update_2_fused", adam, takes_adam)
rung("sgd_update_1_naive", sgd, takes_sgd)
rung("sgd_update_2_vectors", sgd, takes_sgd)
