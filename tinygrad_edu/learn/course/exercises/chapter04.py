"""Exercises of chapter 04: a network that reads digits."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..exercise import Exercise, Mistake
from ..solutions import chapter04 as solutions
from ..words import Words


def numbers(*shape):
    """The same numbers each time, all different."""
    return np.random.default_rng(sum(shape)).normal(size=shape)


def left_alone(relu_backward):
    """The caller's g after the call."""
    g = np.array([1.0, 2.0, 3.0])
    relu_backward(g, np.array([-1.0, 2.0, -3.0]))
    return g


def arrays_after(step):
    """The caller's own arrays after a step."""
    weights = [np.array([1.0, 2.0]), np.array([[3.0]])]
    kept = list(weights)
    step(weights, [np.array([10.0, 20.0]), np.array([[-30.0]])], 0.1)
    return kept[0], kept[1]


# ---- 04.1 ----------------------------------------------------------------------------------------


def probabilities(scores, labels):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def only_probabilities(scores, labels):
    return probabilities(scores, labels) / len(labels)


def not_averaged(scores, labels):
    return solutions.cross_entropy_backward(scores, labels) * len(labels)


def averaged_over_all(scores, labels):
    return not_averaged(scores, labels) / scores.size


def turned_around(scores, labels):
    return -solutions.cross_entropy_backward(scores, labels)


def only_the_right_one(scores, labels):
    g = np.zeros_like(scores)
    g[np.arange(len(labels)), labels] = -1 / len(labels)
    return g


def along_the_wrong_axis(scores, labels):
    e = np.exp(scores - scores.max(axis=0))
    p = e / e.sum(axis=0)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


def whole_columns(scores, labels):
    p = probabilities(scores, labels)
    p[:, labels] -= 1
    return p / len(labels)


# ---- 04.2 ----------------------------------------------------------------------------------------


def bent_again(g, h):
    return np.maximum(g, 0)


def times_the_value(g, h):
    return g * np.maximum(h, 0)


def without_g(g, h):
    return (h > 0) * 1.0


def passed_on(g, h):
    return g * 1.0


def where_negative(g, h):
    return g * (h < 0)


def in_place(g, h):
    g[h <= 0] = 0
    return g


# ---- 04.3 ----------------------------------------------------------------------------------------


def uphill(weights, gradients, lr):
    for w, g in zip(weights, gradients):
        w += lr * g
    return weights


def into_nothing(weights, gradients, lr):
    for w, g in zip(weights, gradients):
        w = w - lr * g
    return weights


def new_arrays(weights, gradients, lr):
    return [w - lr * g for w, g in zip(weights, gradients)]


def without_rate(weights, gradients, lr):
    return solutions.sgd_step(weights, gradients, 1.0)


def only_the_first(weights, gradients, lr):
    weights[0] -= lr * gradients[0]
    return weights


exercise = partial(Exercise, names=globals())

EXERCISES = (
    exercise(
        "04.1",
        "cross_entropy_backward",
        Words("the gradient of the cross-entropy", "交叉熵的梯度"),
        cases=(
            "cross_entropy_backward(numbers(4, 10), np.array([3, 0, 9, 3]))",
            "cross_entropy_backward(numbers(3, 3) * 5, np.array([2, 2, 0]))",
            "cross_entropy_backward(np.array([[1000.0, 0.0]]), np.array([1]))",
        ),
        solution=solutions.cross_entropy_backward,
        mistakes=(
            Mistake(
                only_probabilities,
                Words(
                    "These are the probabilities, divided by N. At the right digit, 1 must be taken"
                    " away.",
                    "这是概率除以 N。在正确的数字处，还要减去 1。",
                ),
            ),
            Mistake(
                not_averaged,
                Words(
                    "The loss is a mean over the N pictures: divide by len(labels).",
                    "损失是对 N 张图片的平均：要除以 len(labels)。",
                ),
            ),
            Mistake(
                averaged_over_all,
                Words(
                    "Divided by all entries. The mean goes over the pictures only: len(labels).",
                    "除以了所有元素的个数。平均只对图片进行：len(labels)。",
                ),
            ),
            Mistake(
                turned_around,
                Words(
                    "The sign is turned around: it is p − 1 at the right digit, not 1 − p.",
                    "符号反了：在正确的数字处是 p − 1，不是 1 − p。",
                ),
            ),
            Mistake(
                only_the_right_one,
                Words(
                    "Only the right digit gets a gradient. The sum over exp(s) depends on all scores:"
                    " the others get p.",
                    "只有正确的数字得到了梯度。对 exp(s) 的求和依赖所有得分：其余的得到 p。",
                ),
            ),
            Mistake(
                along_the_wrong_axis,
                Words(
                    "The probabilities of one picture must sum to 1: softmax goes along axis 1, with"
                    " keepdims=True.",
                    "一张图片的概率之和应为 1：softmax 沿轴 1 进行，并用 keepdims=True。",
                ),
            ),
            Mistake(
                whole_columns,
                Words(
                    "`p[:, labels]` takes whole columns. One entry of each row is wanted:"
                    " p[np.arange(len(labels)), labels].",
                    "`p[:, labels]` 取的是整列。每行只要一个元素：p[np.arange(len(labels)), labels]。",
                ),
            ),
        ),
        hints=(
            Words("Begin with p = softmax(scores).", "从 p = softmax(scores) 开始。"),
            Words(
                "Take 1 away from one entry of each row: p[np.arange(len(labels)), labels] -= 1.",
                "每行有一个元素要减 1：p[np.arange(len(labels)), labels] -= 1。",
            ),
            Words("Then return p / len(labels).", "然后返回 p / len(labels)。"),
        ),
    ),
    exercise(
        "04.2",
        "relu_backward",
        Words("ReLU, backwards", "ReLU 的反向"),
        cases=(
            "relu_backward(numbers(3, 4), numbers(2, 5, 4)[0, :3])",
            "relu_backward(np.array([-2.0, -2.0, 5.0]), np.array([-1.0, 3.0, 0.5]))",
            "left_alone(relu_backward)",
        ),
        solution=solutions.relu_backward,
        mistakes=(
            Mistake(
                bent_again,
                Words(
                    "This bends g. A gradient may be negative; what decides is the sign of h.",
                    "这是对 g 做了 ReLU。梯度可以是负的，起决定作用的是 h 的符号。",
                ),
            ),
            Mistake(
                times_the_value,
                Words(
                    "Multiplied by the value of ReLU. The slope is 1 where h is positive, not h.",
                    "乘上了 ReLU 的值。h 为正处的斜率是 1，不是 h。",
                ),
            ),
            Mistake(
                without_g,
                Words("This is the local slope. Multiply it by g.", "这是局部斜率，还要乘以 g。"),
            ),
            Mistake(
                passed_on,
                Words(
                    "g passes everywhere. Where h is negative the unit is off, and nothing passes.",
                    "g 处处都通过了。h 为负处单元是关闭的，什么也不能通过。",
                ),
            ),
            Mistake(
                where_negative,
                Words(
                    "It passes where h is negative. Turn the comparison around.",
                    "在 h 为负处通过了。请把比较反过来。",
                ),
            ),
            Mistake(
                in_place,
                Words(
                    "The caller's `g` is changed. Others may still need it: make a new array.",
                    "调用者的 `g` 被改动了。别处可能还要用到它：请生成新数组。",
                ),
            ),
        ),
        hints=(
            Words(
                "Where is the slope of max(0, h) one, where zero?",
                "max(0, h) 的斜率哪里是一，哪里是零？",
            ),
            Words("h > 0 is an array of True and False.", "h > 0 是由 True 和 False 组成的数组。"),
            Words("return g * (h > 0)", "写 return g * (h > 0)"),
        ),
    ),
    exercise(
        "04.3",
        "sgd_step",
        Words("a step downhill", "下坡一步"),
        cases=(
            "sgd_step([np.array([1.0, 2.0])], [np.array([0.5, -1.0])], 0.1)",
            "arrays_after(sgd_step)",
        ),
        solution=solutions.sgd_step,
        mistakes=(
            Mistake(
                uphill,
                Words(
                    "This goes uphill: the gradient must be subtracted.",
                    "这是在上坡：应当减去梯度。",
                ),
            ),
            Mistake(
                into_nothing,
                Words(
                    "`w = w - …` gives the name w to a new array, and the old one in the list stays as"
                    " it was. Write `w -= …`.",
                    "`w = w - …` 让名字 w 指向新数组，列表里的旧数组没有变。请写 `w -= …`。",
                ),
            ),
            Mistake(
                new_arrays,
                Words(
                    "The numbers are right, but in new arrays: the network still holds the old ones."
                    " Change them in place, `w -= …`.",
                    "数值是对的，但放在了新数组里，网络用的仍是旧数组。请原地修改：`w -= …`。",
                ),
            ),
            Mistake(without_rate, Words("The rate `lr` is not used.", "没有用到学习率 `lr`。")),
            Mistake(
                only_the_first,
                Words(
                    "Only the first array moves. Loop over all: zip(weights, gradients).",
                    "只有第一个数组变了。请遍历全部：zip(weights, gradients)。",
                ),
            ),
        ),
        hints=(
            Words("A loop over zip(weights, gradients).", "对 zip(weights, gradients) 循环。"),
            Words(
                "`w -= lr * g` changes the array in place; `w = w - lr * g` makes a new one.",
                "`w -= lr * g` 原地修改数组；`w = w - lr * g` 会生成新数组。",
            ),
        ),
    ),
)
