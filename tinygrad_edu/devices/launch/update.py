"""Launchers of kernels/sgd_update.cu and adam_update.cu: arrays of any shape as flat buffers of
float32, changed in place.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import aligned, ceil_div, float32


def given(*arrays):
    """The arrays that are not None."""
    return [a for a in arrays if a is not None]


def flat(param, grad, state, numbers):
    """All row-major, so that they can be taken as flat; all have the parameter's shape; numbers
    that lie on the device are float32 too.
    """
    arrays = given(param, grad, *state)
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


def takes_sgd(param, grad, buf, lr):
    return flat(param, grad, [buf], [lr])


def takes_sgd_vectors(param, grad, buf, lr):
    return takes_sgd(param, grad, buf, lr) and aligned(*given(param, grad, buf))


def sgd_rung(name, each, supports):
    """Declare one rung: its kernel gives `each` elements to a thread."""

    def launch(
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

    launch.__name__ = name
    kernel(name, supports=supports)(launch)


sgd_rung("sgd_update_1_naive", 1, takes_sgd)
sgd_rung("sgd_update_2_vectors", 4, takes_sgd_vectors)


def takes_adam(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr):
    return flat(param, grad, [exp_avg, exp_avg_sq, max_exp_avg_sq], [step, lr])


def takes_adam_vectors(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr):
    arrays = param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq
    return takes_adam(*arrays, step, lr) and aligned(*given(*arrays))


def adam_rung(name, each, supports):
    """Declare one rung: its kernel gives `each` elements to a thread."""

    def launch(
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
        count, step = number(step)
        rate, lr = number(lr)
        bias1, root_bias2 = 1.0, 1.0  # the kernel computes them from a count on the device
        if count is None:
            bias1, root_bias2 = 1 - beta1**step, math.sqrt(1 - beta2**step)
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

    launch.__name__ = name
    kernel(name, supports=supports)(launch)


adam_rung("adam_update_1_naive", 1, takes_adam)
adam_rung("adam_update_2_vectors", 4, takes_adam_vectors)


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
