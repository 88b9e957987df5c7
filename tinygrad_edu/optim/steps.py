"""Optimiser steps: one function per method, on raw arrays, changing `param` and its state in place.

A function is declared with the array module `xp` first and called with a device instead:
`adam_update(param.device, param.array, ...)`. The call runs the device's kernel if there is one,
and otherwise the code here. `grad` is only read. Most functions need at most two temporaries of
param's size; the rest is written with `out=`. `step` counts from 1. Rates and `step` are plain
numbers, passed at every call; `adam_update` and `sgd_update` also take `lr`, and `adam_update`
`step`, as an array of the device, which a captured CUDA graph reads anew at every replay.
"""

from __future__ import annotations

import math
from typing import Any

from ..engine.updates import update


def effective_grad(xp: Any, param: Any, grad: Any, weight_decay: float, maximize: bool) -> Any:
    """The direction to go down: grad (negated to maximise) plus weight_decay·param.

    A new array if it differs from grad.
    """
    if maximize:
        grad = -grad
    if weight_decay:
        decay = param * weight_decay
        decay += grad
        return decay
    return grad


def blend(old: Any, new: Any, beta: float) -> None:
    """old ← beta·old + (1 − beta)·new."""
    old *= beta
    old += new * (1 - beta)


def blend_square(old: Any, new: Any, beta: float) -> None:
    """old ← beta·old + (1 − beta)·new²."""
    square = new * new
    square *= 1 - beta
    old *= beta
    old += square


@update
def sgd_update(
    xp: Any,
    param: Any,
    grad: Any,
    buf: Any,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
) -> Any:
    """Gradient descent with momentum.

    Math:   g ← grad + weight_decay·p
            b ← momentum·b + (1 − dampening)·g   (b ← g at the first step)
            p ← p − lr·b                         (nesterov: p − lr·(g + momentum·b))
    Returns: the momentum buffer b (a new array if `buf` was None), or None without momentum.
    Reference: I. Sutskever et al., 2013, "On the importance of initialization and momentum in deep
               learning".
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    if momentum:
        if buf is None:
            buf = xp.array(g)
        else:
            buf *= momentum
            buf += g if not dampening else g * (1 - dampening)
        g = g + momentum * buf if nesterov else buf
    param -= g * lr
    return buf


@update
def adam_update(
    xp: Any,
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    step: Any,
    lr: Any,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
    decoupled: bool = False,
) -> None:
    """Adam; AdamW if `decoupled`; AMSGrad if `max_exp_avg_sq` is given.

    Math:   m ← β1·m + (1 − β1)·g,   v ← β2·v + (1 − β2)·g²
            p ← p − lr·m̂ / (√v̂ + eps),   m̂ = m / (1 − β1ᵗ),   v̂ = v / (1 − β2ᵗ)
            decoupled: p ← p·(1 − lr·weight_decay) first, instead of adding weight_decay·p to g
    Args: step and lr may be 0-d arrays of the device.
    Reference: D. Kingma, J. Ba, 2015, "Adam", algorithm 1; I. Loshchilov, F. Hutter, 2019,
               "Decoupled weight decay regularization", algorithm 2; S. Reddi et al., 2018, "On the
               convergence of Adam and beyond".
    """
    if decoupled and weight_decay:
        param *= 1 - lr * weight_decay
    g = effective_grad(xp, param, grad, 0.0 if decoupled else weight_decay, maximize)
    blend(exp_avg, g, beta1)
    blend_square(exp_avg_sq, g, beta2)
    second = exp_avg_sq
    if max_exp_avg_sq is not None:
        second = xp.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
    if hasattr(step, "dtype"):
        step = step.astype("float64")  # 1 - beta2**step is small at first
    denominator = xp.sqrt(second)
    denominator /= (1 - beta2**step) ** 0.5
    denominator += eps
    change = xp.divide(exp_avg, denominator, out=denominator)
    change *= lr / (1 - beta1**step)
    param -= change


@update
def rmsprop_update(
    xp: Any,
    param: Any,
    grad: Any,
    square_avg: Any,
    buf: Any,
    grad_avg: Any,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    maximize: bool = False,
) -> None:
    """RMSprop; with momentum if `buf` is given, centred if `grad_avg` is given.

    Math:   v ← alpha·v + (1 − alpha)·g²;   p ← p − lr·g / (√v + eps)
            centred: v − (running mean of g)² stands for v under the root
    Reference: T. Hinton, 2012, "Neural networks for machine learning", lecture 6.
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    blend_square(square_avg, g, alpha)
    if grad_avg is None:
        denominator = xp.sqrt(square_avg)
    else:
        blend(grad_avg, g, alpha)
        denominator = square_avg - grad_avg * grad_avg
        xp.sqrt(denominator, out=denominator)
    denominator += eps
    change = xp.divide(g, denominator, out=denominator)
    if buf is not None:
        buf *= momentum
        buf += change
        change = buf
    param -= change * lr


@update
def adagrad_update(
    xp: Any,
    param: Any,
    grad: Any,
    total: Any,
    step: int,
    lr: float,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
    maximize: bool = False,
) -> None:
    """Adagrad.

    Math:   s ← s + g²;   p ← p − lr / (1 + (t − 1)·lr_decay) · g / (√s + eps)
    Reference: J. Duchi et al., 2011, "Adaptive subgradient methods for online learning and
               stochastic optimization".
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    total += g * g
    change = xp.sqrt(total)
    change += eps
    xp.divide(g, change, out=change)
    change *= lr / (1 + (step - 1) * lr_decay)
    param -= change


def root_mean_square(xp: Any, array: Any) -> float:
    return math.sqrt(float((array * array).mean()))


@update
def adafactor_update(
    xp: Any,
    param: Any,
    grad: Any,
    row_var: Any,
    col_var: Any,
    variance: Any,
    step: int,
    lr: float,
    beta2_decay: float,
    eps1: float,
    eps2: float,
    d: float = 1.0,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Adafactor: the second moment of a matrix is kept as one number per row and per column.

    Math:   β = 1 − t^beta2_decay;   a = max(eps2, rms(p))·min(lr, 1/√t)
            r ← β·r + (1 − β)·mean of g² over columns;   c ← the same over rows
            v = r c / max(mean of r, eps1)          (vectors: v ← β·v + (1 − β)·g²)
            u = g / max(√v, eps1)
            p ← p·(1 − lr·weight_decay) − a·u / max(1, rms(u) / d)
    Shape:  param (..., n, m): row_var (..., n, 1), col_var (..., 1, m), variance None
            param (n) or (): row_var and col_var None, variance as param
    Reference: N. Shazeer, M. Stern, 2018, "Adafactor: adaptive learning rates with sublinear
               memory cost", algorithms 4 and 5.
    """
    beta = 1 - step**beta2_decay
    length = max(eps2, root_mean_square(xp, param)) * min(lr, 1 / math.sqrt(step))
    if weight_decay:
        param *= 1 - lr * weight_decay
    g = -grad if maximize else grad
    square = g * g
    if variance is None:
        blend(row_var, square.mean(axis=-1, keepdims=True), beta)
        blend(col_var, square.mean(axis=-2, keepdims=True), beta)
        second = row_var * col_var  # (..., n, m)
        second /= xp.maximum(row_var.mean(axis=-2, keepdims=True), eps1)
    else:
        blend(variance, square, beta)
        second = variance
    change = xp.sqrt(xp.maximum(second, eps1 * eps1))
    change = xp.divide(g, change, out=change)
    change *= length / max(1.0, root_mean_square(xp, change) / d)
    param -= change


@update
def asgd_update(
    xp: Any,
    param: Any,
    grad: Any,
    ax: Any,
    eta: float,
    mu: float,
    lambd: float = 1e-4,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Averaged gradient descent: `ax` is the mean of the parameters since step t0.

    Math:   p ← p·(1 − lambd·eta) − eta·g;   ax ← ax + mu·(p − ax)
    Args: eta: step size and mu: share of the new parameters in the mean (1: ax ← p), see
          `asgd_rates`.
    Reference: B. Polyak, A. Juditsky, 1992, "Acceleration of stochastic approximation by
               averaging".
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    param *= 1 - lambd * eta
    param -= g * eta
    if mu == 1:
        ax[...] = param
    else:
        ax += (param - ax) * mu


def asgd_rates(step: int, lr: float, lambd: float, alpha: float, t0: float) -> tuple[float, float]:
    """eta and mu of the step after `step`: lr / (1 + lambd·lr·t)^alpha and 1 / max(1, t − t0)."""
    return lr / (1 + lambd * lr * step) ** alpha, 1 / max(1, step - t0)


@update
def adadelta_update(
    xp: Any,
    param: Any,
    grad: Any,
    square_avg: Any,
    acc_delta: Any,
    lr: float,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Adadelta.

    Math:   v ← rho·v + (1 − rho)·g²;   d = √(u + eps) / √(v + eps) · g;   u ← rho·u + (1 − rho)·d²;
            p ← p − lr·d
    Reference: M. Zeiler, 2012, "ADADELTA: an adaptive learning rate method", algorithm 1.
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    blend_square(square_avg, g, rho)
    delta = xp.sqrt(acc_delta + eps)
    delta /= xp.sqrt(square_avg + eps)
    delta *= g
    blend_square(acc_delta, delta, rho)
    delta *= lr
    param -= delta


@update
def adamax_update(
    xp: Any,
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_inf: Any,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Adamax: Adam with the infinity norm.

    Math:   m ← β1·m + (1 − β1)·g;   u ← max(β2·u, |g| + eps);   p ← p − lr / (1 − β1ᵗ) · m / u
    Reference: D. Kingma, J. Ba, 2015, "Adam", algorithm 2.
    """
    g = effective_grad(xp, param, grad, weight_decay, maximize)
    blend(exp_avg, g, beta1)
    exp_inf *= beta2
    size = xp.abs(g)
    size += eps
    xp.maximum(exp_inf, size, out=exp_inf)
    change = xp.divide(exp_avg, exp_inf, out=size)
    change *= lr / (1 - beta1**step)
    param -= change


def nadam_mu(step: int, beta1: float, momentum_decay: float) -> float:
    """Momentum of NAdam at a step: grows from β1/2 to β1."""
    return beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))


@update
def nadam_update(
    xp: Any,
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    mu_product: float,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum_decay: float = 4e-3,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    """Adam with Nesterov momentum.

    Math:   μ_t = β1·(1 − ½·0.96^(t·momentum_decay));   m, v as in Adam;   v̂ = v / (1 − β2ᵗ)
            p ← p − lr / (√v̂ + eps) · ((1 − μ_t) / (1 − Π μ) · g + μ_{t+1} / (1 − μ_{t+1} Π μ) · m)
    Args: mu_product: Π μ up to and with this step.
    Reference: T. Dozat, 2016, "Incorporating Nesterov momentum into Adam".
    """
    if decoupled_weight_decay and weight_decay:
        param *= 1 - lr * weight_decay
    g = effective_grad(xp, param, grad, 0.0 if decoupled_weight_decay else weight_decay, maximize)
    mu, mu_next = nadam_mu(step, beta1, momentum_decay), nadam_mu(step + 1, beta1, momentum_decay)
    blend(exp_avg, g, beta1)
    blend_square(exp_avg_sq, g, beta2)
    denominator = xp.sqrt(exp_avg_sq / (1 - beta2**step))
    denominator += eps
    change = g * (lr * (1 - mu) / (1 - mu_product))
    change += exp_avg * (lr * mu_next / (1 - mu_product * mu_next))
    change /= denominator
    param -= change


@update
def radam_update(
    xp: Any,
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled_weight_decay: bool = False,
    maximize: bool = False,
) -> None:
    """Rectified Adam: momentum only, until the second moment has seen enough steps to be trusted.

    Math:   ρ∞ = 2 / (1 − β2) − 1;   ρ = ρ∞ − 2t·β2ᵗ / (1 − β2ᵗ);   m̂, v as in Adam
            ρ > 5: p ← p − lr·r·m̂·√(1 − β2ᵗ) / (√v + eps),
                   r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ))
            else:  p ← p − lr·m̂
    Reference: L. Liu et al., 2020, "On the variance of the adaptive learning rate and beyond",
               algorithm 2.
    """
    if decoupled_weight_decay and weight_decay:
        param *= 1 - lr * weight_decay
    g = effective_grad(xp, param, grad, 0.0 if decoupled_weight_decay else weight_decay, maximize)
    blend(exp_avg, g, beta1)
    blend_square(exp_avg_sq, g, beta2)
    bias1, bias2 = 1 - beta1**step, 1 - beta2**step
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * step * beta2**step / bias2
    change = exp_avg * (lr / bias1)
    if rho > 5:
        rectify = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        denominator = xp.sqrt(exp_avg_sq)
        denominator += eps
        change /= denominator
        change *= rectify * math.sqrt(bias2)
    param -= change


@update
def rprop_update(
    xp: Any,
    param: Any,
    grad: Any,
    prev: Any,
    step_size: Any,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    step_min: float = 1e-6,
    step_max: float = 50.0,
    maximize: bool = False,
) -> None:
    """Resilient propagation: only the gradient's sign counts; each element has its own step size.

    Math:   g·prev > 0: step ← min(step·η⁺, max)
            g·prev < 0: step ← max(step·η⁻, min) and g ← 0
            p ← p − sign(g)·step
    Reference: M. Riedmiller, H. Braun, 1993, "A direct adaptive method for faster backpropagation
               learning".
    """
    g = -grad if maximize else grad
    agreement = g * prev
    step_size[agreement > 0] *= eta_plus
    turned = agreement < 0
    step_size[turned] *= eta_minus
    xp.clip(step_size, step_min, step_max, out=step_size)
    g = xp.where(turned, xp.zeros_like(g), g)
    prev[...] = g
    param -= xp.sign(g) * step_size


@update
def lion_update(
    xp: Any,
    param: Any,
    grad: Any,
    exp_avg: Any,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
    maximize: bool = False,
) -> None:
    """Lion: the sign of a blend of momentum and gradient.

    Math:   p ← p·(1 − lr·weight_decay) − lr·sign(β1·m + (1 − β1)·g);   m ← β2·m + (1 − β2)·g
    Reference: X. Chen et al., 2023, "Symbolic discovery of optimization algorithms", program 1.
    """
    g = -grad if maximize else grad
    if weight_decay:
        param *= 1 - lr * weight_decay
    change = exp_avg * beta1
    change += g * (1 - beta1)
    xp.sign(change, out=change)
    change *= lr
    param -= change
    blend(exp_avg, g, beta2)


def orthogonalized(
    xp: Any, matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Any:
    """About U Vᵀ of the SVD U S Vᵀ.

    Math:   X ← a X + (b A + c A²) X, A = X Xᵀ (Newton-Schulz) pushes all singular values towards 1
    """
    a, b, c = coefficients
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / max(float(xp.sqrt((x * x).sum())), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if wide else x.T


@update
def muon_update(
    xp: Any,
    param: Any,
    grad: Any,
    buf: Any,
    lr: float,
    scale: float,
    momentum: float = 0.95,
    weight_decay: float = 0.1,
    nesterov: bool = True,
    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
    steps: int = 5,
    eps: float = 1e-7,
) -> None:
    """Muon: SGD with momentum whose direction is orthogonalized; weight decay is decoupled.

    Math:   b ← μ·b + (1 − μ)·g;   u = μ·b + (1 − μ)·g if nesterov, else b
            p ← (1 − lr·weight_decay)·p − lr·scale·orth(u)
    Args: scale: fits lr to the matrix's shape.
    Reference: K. Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    blend(buf, grad, momentum)
    direction = momentum * buf + (1 - momentum) * grad if nesterov else buf
    param *= 1 - lr * weight_decay
    param -= lr * scale * orthogonalized(xp, direction, coefficients, steps, eps)


@update
def norm_update(xp: Any, total: Any, grad: Any) -> None:
    """total ← total + Σ grad², `total` an array of one element."""
    total += (grad * grad).sum()


@update
def clip_update(xp: Any, array: Any, norm: Any, most: float) -> None:
    """array ← array · min(1, most / (norm + 10⁻⁶)), `norm` an array of one element.

    The factor is never read on the host, so nothing waits for the device.
    """
    factor = most / (norm + 1e-6)
    array *= xp.where(factor >= 1, xp.ones_like(factor), factor)
