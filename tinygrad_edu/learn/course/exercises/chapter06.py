"""Exercises of chapter 06: a recurrent network through time."""

from __future__ import annotations

from functools import partial

import numpy as np

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter06 as solutions
from ..words import Words

X, STATE = torch.arange(6.0).view(2, 3).sin(), torch.arange(8.0).view(2, 4).cos()
W, U = torch.arange(12.0).view(3, 4).cos(), torch.arange(16.0).view(4, 4).sin()
B = torch.tensor([0.1, -0.2, 0.3, 0.0])
G, NEW, UN = np.array([[1.0, -2.0, 0.5, 1.0]]), np.array([[0.9, -0.5, 0.0, 0.2]]), U.numpy()

# ---- 06.1 ----------------------------------------------------------------------------------------


def without_tanh(x, h, W, U, b):
    return x @ W + h @ U + b


def without_memory(x, h, W, U, b):
    return (x @ W + b).tanh()


def without_bias(x, h, W, U, b):
    return (x @ W + h @ U).tanh()


def with_sigmoid(x, h, W, U, b):
    return (x @ W + h @ U + b).sigmoid()


def turned_over(x, h, W, U, b):
    return (x @ W + h @ U.T + b).tanh()


def tanh_of_each(x, h, W, U, b):
    return (x @ W + b).tanh() + (h @ U).tanh()


def state_kept(x, h, W, U, b):
    return h + (x @ W + h @ U + b).tanh()


# ---- 06.2 ----------------------------------------------------------------------------------------


def no_slope(g, h, U):
    return g @ U.T


def not_turned_over(g, h, U):
    return (g * (1 - h**2)) @ U


def not_squared(g, h, U):
    return (g * (1 - h)) @ U.T


def slope_of_sigmoid(g, h, U):
    return (g * h * (1 - h)) @ U.T


def slope_alone(g, h, U):
    return g * (1 - h**2)


def slope_afterwards(g, h, U):
    return (g @ U.T) * (1 - h**2)


# ---- 06.3 ----------------------------------------------------------------------------------------

LONG = [np.array([3.0, 1.0]), np.array([[2.0, -4.0]])]
SHORT = [np.array([0.3]), np.array([0.4])]


def each_number(grads, largest):
    return [np.clip(g, -largest, largest) for g in grads]


def each_array(grads, largest):
    return [g * min(1.0, largest / max(np.sqrt((g * g).sum()), 1e-12)) for g in grads]


def always(grads, largest):
    length = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * largest / length for g in grads]


def without_root(grads, largest):
    length = sum((g * g).sum() for g in grads)
    return [g * min(1.0, largest / length) for g in grads]


def to_length_one(grads, largest):
    length = np.sqrt(sum((g * g).sum() for g in grads))
    return [g / length if length > largest else g for g in grads]


def sum_of_sizes(grads, largest):
    length = sum(np.abs(g).sum() for g in grads)
    return [g * min(1.0, largest / length) for g in grads]


exercise = partial(Exercise, names=globals(), rtol=1e-5, atol=1e-6)

EXERCISES = (
    exercise(
        "06.1",
        "rnn_step",
        Words("a step of a recurrent network", "循环网络的一步"),
        cases=("rnn_step(X, STATE, W, U, B)", "rnn_step(0 * X, 0 * STATE, W, U, B)"),
        solution=solutions.rnn_step,
        mistakes=(
            Mistake(
                without_tanh,
                Words("The bend is missing: take tanh of the sum.", "少了弯折：对和取 tanh。"),
            ),
            Mistake(
                without_memory,
                Words(
                    "The old state is not used, so nothing is remembered. Add h @ U.",
                    "没有用到旧状态，什么也记不住。请加上 h @ U。",
                ),
            ),
            Mistake(without_bias, Words("The bias b is missing.", "少了偏置 b。")),
            Mistake(
                with_sigmoid,
                Words(
                    "This is a sigmoid, between 0 and 1. Wanted is tanh, between -1 and 1.",
                    "这是 sigmoid，在 0 和 1 之间。要的是 tanh，在 -1 和 1 之间。",
                ),
            ),
            Mistake(
                turned_over, Words("U is transposed. Write h @ U.", "U 被转置了。请写 h @ U。")
            ),
            Mistake(
                tanh_of_each,
                Words(
                    "tanh is taken of each part. First add the parts, then take one tanh.",
                    "对每一部分分别取了 tanh。应先相加，再取一次 tanh。",
                ),
            ),
            Mistake(
                state_kept,
                Words(
                    "The old state is added once more. It enters only through h @ U.",
                    "旧状态又被加了一次。它只通过 h @ U 进入。",
                ),
            ),
        ),
        hints=(
            Words(
                "Three parts inside: input, old state, bias.", "里面有三部分：输入、旧状态、偏置。"
            ),
            Words("x @ W + h @ U + b", "即 x @ W + h @ U + b"),
            Words("return (x @ W + h @ U + b).tanh()", "返回：return (x @ W + h @ U + b).tanh()"),
        ),
    ),
    exercise(
        "06.2",
        "step_back",
        Words("a step back in time", "沿时间退回一步"),
        cases=("step_back(G, NEW, UN)", "step_back(2 * G, -NEW, UN)"),
        solution=solutions.step_back,
        mistakes=(
            Mistake(
                no_slope,
                Words(
                    "The slope of tanh is missing: multiply g by 1 - h**2 first.",
                    "少了 tanh 的斜率：先把 g 乘以 1 - h**2。",
                ),
            ),
            Mistake(
                not_turned_over,
                Words(
                    "Forward, the state is multiplied by U; back, the gradient by U.T.",
                    "前向时状态乘以 U，反向时梯度乘以 U.T。",
                ),
            ),
            Mistake(
                not_squared,
                Words(
                    "The slope of tanh is 1 - h², with a square.", "tanh 的斜率是 1 - h²，要平方。"
                ),
            ),
            Mistake(
                slope_of_sigmoid,
                Words(
                    "h (1 - h) is the slope of the sigmoid. That of tanh is 1 - h².",
                    "h (1 - h) 是 sigmoid 的斜率。tanh 的斜率是 1 - h²。",
                ),
            ),
            Mistake(
                slope_alone,
                Words(
                    "This is the gradient of the sum inside tanh. It must still pass U: s @ U.T.",
                    "这是 tanh 里面那个和的梯度。还要经过 U：s @ U.T。",
                ),
            ),
            Mistake(
                slope_afterwards,
                Words(
                    "The order is wrong. Going back, tanh comes first and U after it.",
                    "顺序错了。反向时先经过 tanh，再经过 U。",
                ),
            ),
        ),
        hints=(
            Words(
                "Forward: first the product with U, then tanh. Back: the other way round.",
                "前向：先乘 U，再取 tanh。反向：次序相反。",
            ),
            Words("s = g * (1 - h**2)", "先求 s = g * (1 - h**2)"),
            Words("return s @ U.T", "返回：return s @ U.T"),
        ),
    ),
    exercise(
        "06.3",
        "clip",
        Words("gradients that are not too long", "不让梯度过长"),
        cases=("clip(LONG, 1.0)", "clip(LONG, 4.5)", "clip(SHORT, 1.0)"),
        solution=solutions.clip,
        mistakes=(
            Mistake(
                each_number,
                Words(
                    "Each number is cut by itself, which changes the direction. Multiply all by one"
                    " factor.",
                    "每个数被单独截断，方向变了。请把全部数乘以同一个因子。",
                ),
            ),
            Mistake(
                each_array,
                Words(
                    "Each array is shortened by itself. Take the length of all of them together.",
                    "每个数组被单独缩短。请取所有数组合在一起的长度。",
                ),
            ),
            Mistake(
                always,
                Words(
                    "Short gradients are made longer. Leave them as they are.",
                    "短的梯度被拉长了。请保持原样。",
                ),
            ),
            Mistake(
                without_root,
                Words("The length is the root of the sum of squares.", "长度是平方和的平方根。"),
            ),
            Mistake(
                to_length_one,
                Words(
                    "Long gradients get the length 1. Wanted is the length `largest`.",
                    "长的梯度变成了长度 1。要的是长度 `largest`。",
                ),
            ),
            Mistake(
                sum_of_sizes,
                Words(
                    "This is the sum of the absolute values. The length is the root of the sum of"
                    " squares.",
                    "这是绝对值之和。长度是平方和的平方根。",
                ),
            ),
        ),
        hints=(
            Words("First one length for all arrays.", "先求所有数组共同的一个长度。"),
            Words(
                "length = the root of sum((g * g).sum() for g in grads)",
                "长度 = sum((g * g).sum() for g in grads) 的平方根",
            ),
            Words(
                "Multiply by largest / length, if that is below 1.",
                "当 largest / length 小于 1 时，乘以它。",
            ),
        ),
    ),
)
