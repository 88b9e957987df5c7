"""Exercises of chapter 08: optimisers on a picture."""

from __future__ import annotations

import math
from functools import partial

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter08 as solutions
from ..words import Words

P, G, V = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0]), torch.tensor([2.0, -1.0])
S = torch.tensor([0.3, 9.0])

# ---- 08.1 ----------------------------------------------------------------------------------------


def old_velocity(p, g, v, lr, mu):
    return p - lr * v, mu * v + g


def running_mean(p, g, v, lr, mu):
    v = mu * v + (1 - mu) * g
    return p - lr * v, v


def uphill(p, g, v, lr, mu):
    v = mu * v + g
    return p + lr * v, v


def velocity_not_returned(p, g, v, lr, mu):
    return p - lr * (mu * v + g), v


def rate_inside(p, g, v, lr, mu):
    v = mu * v + lr * g
    return p - v, v


def never_fades(p, g, v, lr, mu):
    v = v + g
    return p - lr * v, v


def gradient_alone(p, g, v, lr, mu):
    return p - lr * g, mu * v + g


# ---- 08.2 ----------------------------------------------------------------------------------------


def means(g, m, s, power=2):
    return 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**power


def uncorrected(p, g, m, s, t, lr):
    m, s = means(g, m, s)
    return p - lr * m / (s**0.5 + 1e-8), m, s


def corrected_in_place(p, g, m, s, t, lr):
    m, s = means(g, m, s)
    m, s = m / (1 - 0.9**t), s / (1 - 0.999**t)
    return p - lr * m / (s**0.5 + 1e-8), m, s


def without_root(p, g, m, s, t, lr):
    m, s = means(g, m, s)
    return p - lr * m / (1 - 0.9**t) / (s / (1 - 0.999**t) + 1e-8), m, s


def without_square(p, g, m, s, t, lr):
    m, s = means(g, m, s, power=1)
    return p - lr * m / (1 - 0.9**t) / ((s / (1 - 0.999**t)).abs() ** 0.5 + 1e-8), m, s


def correction_without_t(p, g, m, s, t, lr):
    return solutions.adam_step(p, g, m, s, 1, lr)[0], *means(g, m, s)


def sum_not_mean(p, g, m, s, t, lr):
    m, s = 0.9 * m + g, 0.999 * s + g**2
    return p - lr * m / (1 - 0.9**t) / ((s / (1 - 0.999**t)) ** 0.5 + 1e-8), m, s


def climbing(p, g, m, s, t, lr):
    return solutions.adam_step(p, g, m, s, t, -lr)


# ---- 08.3 ----------------------------------------------------------------------------------------


def no_warm_up(step, steps, warm, highest):
    return solutions.rate(step, steps, 0, highest)


def wave_from_the_start(step, steps, warm, highest):
    if step < warm:
        return highest * step / warm
    return highest * 0.5 * (1 + math.cos(math.pi * step / steps))


def whole_wave(step, steps, warm, highest):
    if step < warm:
        return highest * step / warm
    return highest * 0.5 * (1 + math.cos(2 * math.pi * (step - warm) / (steps - warm)))


def straight_down(step, steps, warm, highest):
    if step < warm:
        return highest * step / warm
    return highest * (1 - (step - warm) / (steps - warm))


def bare_cosine(step, steps, warm, highest):
    if step < warm:
        return highest * step / warm
    return highest * math.cos(math.pi * (step - warm) / (steps - warm))


def without_highest(step, steps, warm, highest):
    return solutions.rate(step, steps, warm, 1.0)


exercise = partial(Exercise, names=globals(), rtol=1e-5, atol=1e-7)

EXERCISES = (
    exercise(
        "08.1",
        "momentum_step",
        Words("a step of momentum", "动量法的一步"),
        cases=("momentum_step(P, G, V, 0.1, 0.9)", "momentum_step(P, G, 0 * V, 0.01, 0.5)"),
        solution=solutions.momentum_step,
        mistakes=(
            Mistake(
                gradient_alone,
                Words(
                    "The velocity is right, but the step goes along the gradient alone. Go along the"
                    " new velocity.",
                    "速度算对了，但这一步只沿梯度走。应沿新的速度走。",
                ),
            ),
            Mistake(
                old_velocity,
                Words(
                    "The step uses the velocity from before. First compute the new one, then go.",
                    "这一步用的是旧速度。先算出新速度，再走。",
                ),
            ),
            Mistake(
                velocity_not_returned,
                Words(
                    "The step is right, but the velocity that is returned is the old one, so nothing is"
                    " remembered. Return the new one.",
                    "这一步是对的，但返回的是旧速度，什么也没有记住。请返回新速度。",
                ),
            ),
            Mistake(
                running_mean,
                Words(
                    "This is a running mean: the gradient is multiplied by 1 - mu. Momentum as in"
                    " `optim.SGD` adds the whole gradient.",
                    "这是滑动平均：梯度乘了 1 - mu。`optim.SGD` 的动量加上的是整个梯度。",
                ),
            ),
            Mistake(
                rate_inside,
                Words(
                    "The rate is inside the velocity. With a constant rate the path is the same, but the"
                    " velocity is not that of the formula: v = mu v + g.",
                    "学习率被放进了速度里。学习率不变时路径相同，但速度与公式 v = mu v + g 不同。",
                ),
            ),
            Mistake(
                never_fades,
                Words(
                    "The old velocity does not fade. Multiply it by mu.",
                    "旧速度没有衰减。请乘以 mu。",
                ),
            ),
            Mistake(
                uphill,
                Words(
                    "This goes uphill. Subtract lr times the velocity.",
                    "这是往上走。应减去 lr 乘以速度。",
                ),
            ),
        ),
        hints=(
            Words(
                "Two lines: first the new velocity, then the new place.",
                "两行：先是新速度，再是新位置。",
            ),
            Words("v = mu * v + g", "新速度：v = mu * v + g"),
            Words("return p - lr * v, v", "返回：return p - lr * v, v"),
        ),
    ),
    exercise(
        "08.2",
        "adam_step",
        Words("a step of Adam", "Adam 的一步"),
        cases=("adam_step(P, G, 0 * V, 0 * S, 1, 0.1)", "adam_step(P, G, V, S, 7, 0.01)"),
        solution=solutions.adam_step,
        mistakes=(
            Mistake(
                uncorrected,
                Words(
                    "The correction is missing: m and s began at 0 and are too small. Divide m by"
                    " 1 - 0.9**t and s by 1 - 0.999**t.",
                    "缺少修正：m 和 s 从 0 开始，偏小。m 要除以 1 - 0.9**t，s 要除以 1 - 0.999**t。",
                ),
            ),
            Mistake(
                corrected_in_place,
                Words(
                    "The corrected m and s are returned, and would be corrected again in the next step."
                    " Keep the uncorrected ones.",
                    "返回的是修正后的 m 和 s，下一步会再被修正一次。请返回未修正的值。",
                ),
            ),
            Mistake(
                without_root,
                Words(
                    "The root is missing: s is a mean of squares, so divide by its root.",
                    "缺少开方：s 是平方的平均，要除以它的平方根。",
                ),
            ),
            Mistake(
                without_square,
                Words(
                    "s must be the running mean of the *squares*, g**2.",
                    "s 应是梯度**平方** g**2 的滑动平均。",
                ),
            ),
            Mistake(
                correction_without_t,
                Words(
                    "The correction does not change with the step. It is 1 - beta**t, with t in the"
                    " exponent.",
                    "修正没有随步数变化。应为 1 - beta**t，t 在指数上。",
                ),
            ),
            Mistake(
                sum_not_mean,
                Words(
                    "The new gradient counts fully. In a running mean its weight is 1 - beta.",
                    "新梯度的权重是 1。在滑动平均里，它的权重应是 1 - beta。",
                ),
            ),
            Mistake(
                climbing,
                Words("This goes uphill. Subtract the step.", "这是往上走。应减去这一步。"),
            ),
        ),
        hints=(
            Words(
                "First the two running means, then their corrections, then the step.",
                "先算两个滑动平均，再修正，最后走一步。",
            ),
            Words(
                "m = 0.9 * m + 0.1 * g, and s likewise with 0.999 and g**2. Keep these.",
                "m = 0.9 * m + 0.1 * g；s 类似，用 0.999 和 g**2。保留这两个值。",
            ),
            Words(
                "p - lr * (m / (1 - 0.9**t)) / ((s / (1 - 0.999**t)) ** 0.5 + 1e-8)",
                "新位置：p - lr * (m / (1 - 0.9**t)) / ((s / (1 - 0.999**t)) ** 0.5 + 1e-8)",
            ),
        ),
    ),
    exercise(
        "08.3",
        "rate",
        Words("warm-up and cosine", "预热与余弦衰减"),
        cases=(
            "[rate(step, 100, 10, 0.5) for step in (0, 5, 10, 40, 55, 100)]",
            "[rate(step, 50, 0, 2.0) for step in (0, 10, 50)]",
        ),
        solution=solutions.rate,
        mistakes=(
            Mistake(
                no_warm_up,
                Words(
                    "There is no warm-up. Before step `warm` the rate is highest * step / warm.",
                    "没有预热。在第 `warm` 步之前，学习率是 highest * step / warm。",
                ),
            ),
            Mistake(
                wave_from_the_start,
                Words(
                    "The wave begins at step 0, so the rate jumps at step `warm`. Count from there:"
                    " (step - warm) / (steps - warm).",
                    "余弦从第 0 步开始，所以在第 `warm` 步有跳变。请从那里算起：(step - warm) / (steps - warm)。",
                ),
            ),
            Mistake(
                whole_wave,
                Words(
                    "This is a whole wave: the rate goes down and up again. Half a wave is pi, not 2 pi.",
                    "这是一整个波：学习率降下去又升上来。半个波是 pi，不是 2 pi。",
                ),
            ),
            Mistake(
                straight_down,
                Words(
                    "The way down is a straight line. Wanted is half a cosine wave.",
                    "下降段是直线。要的是半个余弦波。",
                ),
            ),
            Mistake(
                bare_cosine,
                Words(
                    "The cosine goes down to -1, so the rate becomes negative. Use (1 + cos) / 2.",
                    "余弦会降到 -1，学习率变成负数。请用 (1 + cos) / 2。",
                ),
            ),
            Mistake(
                without_highest,
                Words("The rate does not depend on `highest`.", "学习率没有用到 `highest`。"),
            ),
        ),
        hints=(
            Words(
                "Two parts: before step `warm`, and from there on.",
                "分两段：第 `warm` 步之前，以及之后。",
            ),
            Words(
                "How far is the second part done? (step - warm) / (steps - warm), from 0 to 1.",
                "第二段完成了多少？(step - warm) / (steps - warm)，从 0 到 1。",
            ),
            Words(
                "(1 + math.cos(math.pi * done)) / 2 falls from 1 to 0.",
                "(1 + math.cos(math.pi * done)) / 2 从 1 降到 0。",
            ),
        ),
    ),
)
