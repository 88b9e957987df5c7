"""Launcher of kernels/adam_update.cpp."""

from __future__ import annotations

from ...launch.shapes import float32
from ..rungs import native


def takes(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, step, lr):
    arrays = [a for a in (param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq) if a is not None]
    return (
        float32(*arrays)
        and all(a.shape == param.shape and a.flags.c_contiguous for a in arrays)
        and not hasattr(step, "dtype")
        and not hasattr(lr, "dtype")
    )


@native("adam_update_1_fused", supports=takes)
def adam_update_1_fused(
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
    fn(
        param,
        grad,
        exp_avg,
        exp_avg_sq,
        max_exp_avg_sq,
        beta1,
        beta2,
        1 - beta1,
        1 - beta2,
        eps,
        lr / (1 - beta1**step),
        (1 - beta2**step) ** -0.5,
        1 - lr * weight_decay if decoupled else 1.0,
        0.0 if decoupled else weight_decay,
        -1.0 if maximize else 1.0,
        param.size,
    )
