"""Exercises of chapter 12: how frameworks differ."""

from __future__ import annotations

from functools import partial

import numpy as np

import tinygrad_edu

from ..exercise import Exercise, Mistake
from ..solutions import chapter12 as solutions
from ..words import Words

# ---- 12.1 ----------------------------------------------------------------------------------------


def given():
    params = {"w": np.array([1.0, 2.0]), "b": np.array([3.0])}
    return params, {"w": np.array([10.0, -10.0]), "b": np.array([1.0])}


def moved(update):
    params, grads = given()
    new = update(params, grads, 0.1)
    return [*new["w"], *new["b"]]


def arrays_afterwards(update):
    """The arrays of the old parameters after the step: they must be as they were."""
    params, grads = given()
    old = dict(params)
    update(params, grads, 0.1)
    return [*old["w"], *old["b"]]


def dictionary_afterwards(update):
    """What the old dictionary holds after the step: it must be as it was."""
    params, grads = given()
    update(params, grads, 0.1)
    return [*params["w"], *params["b"]]


def written_in_place(params, grads, lr):
    for name in params:
        params[name] -= lr * grads[name]
    return params


def dictionary_changed(params, grads, lr):
    for name in params:
        params[name] = params[name] - lr * grads[name]
    return params


def uphill(params, grads, lr):
    return {name: w + lr * grads[name] for name, w in params.items()}


def without_rate(params, grads, lr):
    return {name: w - grads[name] for name, w in params.items()}


def steps_alone(params, grads, lr):
    return {name: -lr * grads[name] for name in params}


# ---- 12.2 ----------------------------------------------------------------------------------------


def cubes(x):
    return (x**3).sum()


def point(**flags):
    return tinygrad_edu.tensor([1.0, -2.0], **flags)


def left_behind(value_and_grad):
    """The argument's `.grad` and `requires_grad` after the call."""
    x = point()
    value_and_grad(cubes)(x)
    return f"grad {None if x.grad is None else x.grad.tolist()}, requires_grad {x.requires_grad}"


def gradient_first(f):
    return lambda x: solutions.value_and_grad(f)(x)[::-1]


def gradient_alone(f):
    return lambda x: solutions.value_and_grad(f)(x)[1]


def by_backward(f):
    def both(x):
        x.requires_grad_()
        value = f(x)
        value.backward()
        return value, x.grad

    return both


def flag_left_on(f):
    def both(x):
        x.requires_grad_()
        value = f(x)
        return value, tinygrad_edu.autograd.grad(value, x)[0]

    return both


def never_recorded(f):
    def both(x):
        value = f(x)
        return value, tinygrad_edu.autograd.grad(value, x)[0]

    return both


# ---- 12.3 ----------------------------------------------------------------------------------------

COLUMN, TARGET = tinygrad_edu.tensor([[1.0], [2.0], [6.0]]), tinygrad_edu.tensor([1.0, 2.0, 3.0])
WIDE, TALL = tinygrad_edu.arange(6.0).view(2, 3), tinygrad_edu.arange(6.0).view(3, 2)


def refused(f, *args):
    """Whether f raises a ValueError."""
    try:
        f(*args)
    except ValueError:
        return "ValueError"
    return "no error"


def difference(prediction, target):
    return ((prediction - target) ** 2).mean()


def flattened(prediction, target):
    return difference(prediction.flatten(), target.flatten())


def always_equal(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError
    return difference(prediction, target)


def added_up(prediction, target):
    return solutions.mean_square(prediction, target) * target.numel()


def first_column(prediction, target):
    return difference(prediction[:, 0] if target.ndim == 1 else prediction, target)


def not_squared(prediction, target):
    if prediction.ndim == 2 and target.ndim == 1:
        prediction = prediction[:, 0]
    if prediction.shape != target.shape:
        raise ValueError
    return (prediction - target).mean()


exercise = partial(Exercise, names=globals(), rtol=1e-5, atol=1e-7)

EXERCISES = (
    exercise(
        "12.1",
        "update",
        Words("a step without a change", "不改动参数的一步"),
        cases=("moved(update)", "arrays_afterwards(update)", "dictionary_afterwards(update)"),
        solution=solutions.update,
        mistakes=(
            Mistake(
                written_in_place,
                Words(
                    "`-=` writes into the old arrays, even if the dictionary is a new one. Write"
                    " w - lr * g, which makes a new array.",
                    "`-=` 写进了旧数组，即使字典是新建的也一样。请写 w - lr * g，它得到新数组。",
                ),
            ),
            Mistake(
                dictionary_changed,
                Words(
                    "The arrays are new, but they are put into the caller's dictionary. Make a new one.",
                    "数组是新的，却放进了调用者的字典。请新建一个字典。",
                ),
            ),
            Mistake(uphill, Words("This goes uphill. Subtract.", "这是往上走。应当减去。")),
            Mistake(without_rate, Words("The rate `lr` is not used.", "没有用到学习率 `lr`。")),
            Mistake(
                steps_alone,
                Words(
                    "These are the steps. Add them to the parameters.",
                    "这只是步长。还要加到参数上。",
                ),
            ),
        ),
        hints=(
            Words(
                "`a - b` makes a new array; `a -= b` changes the old one.",
                "`a - b` 得到新数组；`a -= b` 改动旧数组。",
            ),
            Words(
                "A new dictionary: {name: ... for name, w in params.items()}",
                "新字典：{name: ... for name, w in params.items()}",
            ),
            Words(
                "{name: w - lr * grads[name] for name, w in params.items()}",
                "写成：{name: w - lr * grads[name] for name, w in params.items()}",
            ),
        ),
    ),
    exercise(
        "12.2",
        "value_and_grad",
        Words("a function that returns its gradient", "返回梯度的函数"),
        cases=(
            "value_and_grad(cubes)(point())",
            "value_and_grad(cubes)(point(requires_grad=True))",
            "left_behind(value_and_grad)",
        ),
        solution=solutions.value_and_grad,
        mistakes=(
            Mistake(
                gradient_alone,
                Words(
                    "Only the gradient is returned. Return the pair (value, gradient).",
                    "只返回了梯度。请返回 (值, 梯度)。",
                ),
            ),
            Mistake(
                gradient_first,
                Words(
                    "The gradient comes first. Return the value first.",
                    "梯度排在了前面。应先返回值。",
                ),
            ),
            Mistake(
                by_backward,
                Words(
                    "`backward` leaves a `.grad` behind in the caller's tensor. Use"
                    " `tinygrad_edu.autograd.grad`, which returns it.",
                    "`backward` 在调用者的张量里留下了 `.grad`。请用 `tinygrad_edu.autograd.grad`，它直接返回梯度。",
                ),
            ),
            Mistake(
                flag_left_on,
                Words(
                    "The caller's tensor now requires gradients. Work on x.detach().requires_grad_().",
                    "调用者的张量变成了需要梯度。请在 x.detach().requires_grad_() 上计算。",
                ),
            ),
            Mistake(
                never_recorded,
                Words(
                    "This works only if x already requires gradients. Take"
                    " x.detach().requires_grad_() first.",
                    "只有 x 本来就需要梯度时才行。请先取 x.detach().requires_grad_()。",
                ),
            ),
        ),
        hints=(
            Words(
                "Inside `both`: a leaf of its own, the value, the gradient.",
                "在 `both` 里：自己的叶子张量、值、梯度。",
            ),
            Words(
                "x = x.detach().requires_grad_() makes a leaf that shares nothing but the numbers.",
                "x = x.detach().requires_grad_() 得到一个叶子张量，只共用数值。",
            ),
            Words(
                "(g,) = tinygrad_edu.autograd.grad(value, x); return value, g",
                "最后：(g,) = tinygrad_edu.autograd.grad(value, x)；return value, g",
            ),
        ),
    ),
    exercise(
        "12.3",
        "mean_square",
        Words("shapes that do not stretch", "不允许广播的形状"),
        cases=(
            "mean_square(COLUMN, TARGET)",
            "mean_square(WIDE, WIDE + 2)",
            "refused(mean_square, COLUMN, TARGET[:2])",
            "refused(mean_square, WIDE, TALL)",
            "refused(mean_square, WIDE, WIDE[:1])",
        ),
        solution=solutions.mean_square,
        mistakes=(
            Mistake(
                difference,
                Words(
                    "(N, 1) minus (N,) is a matrix (N, N): every prediction minus every target. Take"
                    " the only column first: prediction[:, 0].",
                    "(N, 1) 减 (N,) 得到矩阵 (N, N)：每个预测减每个目标。请先取出唯一的一列：prediction[:, 0]。",
                ),
            ),
            Mistake(
                flattened,
                Words(
                    "Flattening accepts shapes that do not belong together, such as (2, 3) and (3, 2)."
                    " Compare the shapes.",
                    "展平会接受本不相配的形状，例如 (2, 3) 与 (3, 2)。请比较形状。",
                ),
            ),
            Mistake(
                always_equal,
                Words(
                    "(N, 1) against (N,) is refused too. It is wanted: take the only column first.",
                    "(N, 1) 与 (N,) 也被拒绝了，而它是允许的：请先取出唯一的一列。",
                ),
            ),
            Mistake(
                first_column,
                Words(
                    "Other pairs of shapes are still stretched. Compare the shapes and raise a"
                    " ValueError.",
                    "其他形状仍会被广播。请比较形状并抛出 ValueError。",
                ),
            ),
            Mistake(added_up, Words("This is the sum. Take the mean.", "这是求和。应取平均。")),
            Mistake(not_squared, Words("The differences are not squared.", "差没有平方。")),
        ),
        hints=(
            Words(
                "First bring (N, 1) to (N,). Then compare shapes. Then compute.",
                "先把 (N, 1) 变成 (N,)，再比较形状，最后计算。",
            ),
            Words("prediction[:, 0] has the shape (N,).", "prediction[:, 0] 的形状是 (N,)。"),
            Words(
                "if prediction.shape != target.shape: raise ValueError(...)",
                "比较：if prediction.shape != target.shape: raise ValueError(...)",
            ),
        ),
    ),
)
