"""Launchers of kernels/sgd_update.cu and adam_update.cu: arrays of any shape as flat buffers of
float32, changed in place.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import aligned, ceil_div, float32


def flat(param, grad, state, numbers):
    """All row-major, so that they can be taken as flat; all have the parameter's shape; numbers
    that lie on the device are float32 too.
    """
    arrays = [a for a in (param, grad, *state) if a is not None]
    return (
        float32(*arrays, *(n for n in numbers if hasattr(n, "dtype")))
        and 0 < param.size < 2**31 - 4096
        and all(a.shape == param.shape and a.flags.c_contiguous for a in arrays)
    )


def number(value):
    """A number of Python as (null, it); one that lies on the device as (it, 0)."""
    return (value, 0) if hasattr(value, "dtype") else (None, value)


def blocks(param, each):
    return (ceil_div(param.size, 256 * each),), (256,)


def sgd(fn, param, grad, buf, lr, momentum, dampening, weight_decay, nesterov, maximize, each):
    first = buf is None
    if momentum and first:
        buf = fn.empty(param.shape, param)
    rate, lr = number(lr)
    fn(
        *blocks(param, each),
        (
            param,
            grad,
            buf if momentum else None,
            param.size,
            rate,
            int(first),
            lr,
            momentum,
            dampening,
            weight_decay,
            int(nesterov),
            int(maximize),
        ),
    )
    return buf


def takes_sgd(param, grad, buf, lr):
    return flat(param, grad, [buf], [lr])


@kernel("sgd_update_1_naive", supports=takes_sgd)
def sgd_update_1_naive(
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
    return sgd(fn, param, grad, buf, lr, momentum, dampening, weight_decay, nesterov, maximize, 1)


@kernel(
    "sgd_update_2_vectors",
    supports=lambda param, grad, buf, lr: (
        takes_sgd(param, grad, buf, lr) and aligned(param, grad, *([] if buf is None else [buf]))
    ),
)
def sgd_update_2_vectors(
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
    return sgd(fn, param, grad, buf, lr, momentum, dampening, weight_decay, nesterov, maximize, 4)


def adam(
    fn,
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    max_exp_avg_sq,
    step,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    maximize,
    decoupled,
    each,
):
    count, step = number(step)
    rate, lr = number(lr)
    bias1, root_bias2 = (1 - beta1**step, math.sqrt(1 - beta2**step)) if count is None else (1, 1)
    logs = (math.log(b) if b else -math.inf for b in (beta1, beta2))
    fn(
        *blocks(param, each),
        (
            param,
            grad,
            exp_avg,
            exp_avg_sq,
            max_exp_avg_sq,
            param.size,
            count,
            rate,
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
            bias1,
            root_bias2,
            *logs,
            int(maximize),
            int(decoupled),
        ),
    )


def takes_adam(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr):
    return flat(param, grad, [exp_avg, exp_avg_sq, max_exp_avg_sq], [step, lr])


@kernel("adam_update_1_naive", supports=takes_adam)
def adam_update_1_naive(
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
    adam(
        fn,
        param,
        grad,
        exp_avg,
        exp_avg_sq,
        max_exp_avg_sq,
        step,
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        maximize,
        decoupled,
        1,
    )


@kernel(
    "adam_update_2_vectors",
    supports=lambda param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr: (
        takes_adam(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr)
        and aligned(
            param, grad, exp_avg, exp_avg_sq, *([] if max_exp_avg_sq is None else [max_exp_avg_sq])
        )
    ),
)
def adam_update_2_vectors(
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
    adam(
        fn,
        param,
        grad,
        exp_avg,
        exp_avg_sq,
        max_exp_avg_sq,
        step,
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        maximize,
        decoupled,
        4,
    )


def takes_norm(total, grad):
    return (
        float32(total, grad)
        and total.size == 1
        and 0 < grad.size < 2**31 - 4096
        and grad.flags.c_contiguous
    )


@kernel("norm_update_1_atomics", supports=takes_norm)
def norm_update_1_atomics(fn, total, grad):
    fn((min(ceil_div(grad.size, 1024), 1024),), (256,), (total, grad, grad.size))


@kernel("norm_update_2_ordered", supports=takes_norm)
def norm_update_2_ordered(fn, total, grad):
    count = min(ceil_div(grad.size, 1024), 1024)
    partial = fn.empty((count,), grad)
    fn((count,), (256,), (partial, grad, grad.size))
    fn((1,), (256,), (total, partial, count), entry="norm_update_add")


def takes_clip(array, norm):
    return takes_norm(norm, array)


@kernel("clip_update_1_naive", supports=takes_clip)
def clip_update_1_naive(fn, array, norm, most):
    fn(*blocks(array, 1), (array, norm, array.size, most))


@kernel(
    "clip_update_2_vectors", supports=lambda array, norm: takes_clip(array, norm) and aligned(array)
)
def clip_update_2_vectors(fn, array, norm, most):
    fn(*blocks(array, 4), (array, norm, array.size, most))
