"""Exercises of chapter 09: higher derivatives."""

from __future__ import annotations

from functools import partial

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter09 as solutions
from ..words import Words

X = torch.tensor([0.5, 1.0, -2.0], dtype=torch.float64)
P = torch.tensor([-1.2, 1.0], dtype=torch.float64)
V = torch.tensor([1.0, 0.5], dtype=torch.float64)


def banana(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def bowl(p):
    return p[0] ** 2 + p[0] * p[1] + 3 * p[1] ** 2 + p[1]


# ---- 09.1 ----------------------------------------------------------------------------------------


def first_derivative(f, x):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


def square_of_the_first(f, x):
    return first_derivative(f, x) ** 2


def without_a_graph(f, x):
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x)
    return torch.autograd.grad(first.sum(), x)[0]


def first_times_second(f, x):
    x = x.detach().requires_grad_()
    (first,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return torch.autograd.grad((first**2 / 2).sum(), x)[0]


def added_up(f, x):
    return solutions.second_derivative(f, x).sum()


# ---- 09.2 ----------------------------------------------------------------------------------------


def descent(f, x):
    return x - torch.func.grad(f)(x)


def diagonal_alone(f, x):
    return x - torch.func.grad(f)(x) / torch.func.hessian(f)(x).diagonal()


def multiplied(f, x):
    return x - torch.func.hessian(f)(x) @ torch.func.grad(f)(x)


def plus(f, x):
    return x + torch.linalg.solve(torch.func.hessian(f)(x), torch.func.grad(f)(x))


def the_step_alone(f, x):
    return solutions.newton_step(f, x) - x


# ---- 09.3 ----------------------------------------------------------------------------------------


def not_brought_to_length_one(f, x, v, steps):
    for _ in range(steps):
        v = solutions.hessian_times(f, x, v)
    return (v * solutions.hessian_times(f, x, v)).sum()


def never_multiplied(f, x, v, steps):
    v = v / v.norm()
    return (v * solutions.hessian_times(f, x, v)).sum()


def one_step_too_few(f, x, v, steps):
    return solutions.largest_curvature(f, x, v, steps - 1)


def square_of_the_length(f, x, v, steps):
    for _ in range(steps):
        v = solutions.hessian_times(f, x, v)
        v = v / (v * v).sum()
    return (v * solutions.hessian_times(f, x, v)).sum()


def divided_by_the_sum(f, x, v, steps):
    for _ in range(steps):
        v = solutions.hessian_times(f, x, v)
        v = v / v.sum()
    return (v * solutions.hessian_times(f, x, v)).sum()


def the_vector(f, x, v, steps):
    for _ in range(steps):
        v = solutions.hessian_times(f, x, v)
        v = v / v.norm()
    return v


exercise = partial(Exercise, names=globals(), rtol=1e-6, atol=1e-9)

EXERCISES = (
    exercise(
        "09.1",
        "second_derivative",
        Words("the second derivative", "二阶导数"),
        cases=(
            "second_derivative(lambda x: x**3, X)",
            "second_derivative(torch.sin, X)",
            "second_derivative(lambda x: (2 * x).exp(), X)",
        ),
        solution=solutions.second_derivative,
        mistakes=(
            Mistake(
                first_derivative,
                Words(
                    "This is the first derivative. Differentiate it once more.",
                    "这是一阶导数。请再求一次导。",
                ),
            ),
            Mistake(
                square_of_the_first,
                Words(
                    "This is the first derivative squared. The second derivative is the derivative *of*"
                    " the first.",
                    "这是一阶导数的平方。二阶导数是对一阶导数**再求导**。",
                ),
            ),
            Mistake(
                without_a_graph,
                Words(
                    "The first derivative has no graph, so it cannot be differentiated. Pass"
                    " create_graph=True to the first `grad`.",
                    "一阶导数没有计算图，无法再求导。请给第一个 `grad` 传入 create_graph=True。",
                ),
            ),
            Mistake(
                first_times_second,
                Words(
                    "This is f' times f'': the derivative of f'²/2. Differentiate the sum of f' itself.",
                    "这是 f' 乘以 f''，即 f'²/2 的导数。请直接对 f' 的和求导。",
                ),
            ),
            Mistake(
                added_up,
                Words(
                    "This is the sum of the second derivatives. Wanted is one for each element.",
                    "这是各个二阶导数之和。要的是每个元素各一个。",
                ),
            ),
        ),
        hints=(
            Words("Use `torch.autograd.grad` twice.", "用两次 `torch.autograd.grad`。"),
            Words("The first call needs create_graph=True.", "第一次调用需要 create_graph=True。"),
            Words(
                "torch.autograd.grad(d.sum(), x) returns a tuple of one tensor.",
                "torch.autograd.grad(d.sum(), x) 返回只含一个张量的元组。",
            ),
        ),
    ),
    exercise(
        "09.2",
        "newton_step",
        Words("a step of Newton's method", "牛顿法的一步"),
        cases=("newton_step(bowl, V)", "newton_step(banana, P)"),
        solution=solutions.newton_step,
        mistakes=(
            Mistake(
                descent,
                Words(
                    "This is gradient descent with the rate 1. The Hessian is not used.",
                    "这是学习率为 1 的梯度下降，没有用到 Hessian。",
                ),
            ),
            Mistake(
                diagonal_alone,
                Words(
                    "Only the diagonal of the Hessian is used. The other entries matter too: solve the"
                    " system H s = g.",
                    "只用了 Hessian 的对角线。其余元素也有影响：请解方程组 H s = g。",
                ),
            ),
            Mistake(
                multiplied,
                Words(
                    "The gradient is multiplied by H. Newton divides by the curvature:"
                    " torch.linalg.solve(H, g).",
                    "梯度乘了 H。牛顿法是除以曲率：torch.linalg.solve(H, g)。",
                ),
            ),
            Mistake(
                plus,
                Words("The step goes the wrong way. Subtract it.", "这一步方向反了。应当减去。"),
            ),
            Mistake(
                the_step_alone,
                Words(
                    "This is the step. Return the new place, x minus the solution of H s = g.",
                    "这只是步长。请返回新的位置：x 减去 H s = g 的解。",
                ),
            ),
        ),
        hints=(
            Words(
                "Three pieces: the gradient g, the Hessian H, the solution s of H s = g.",
                "三样东西：梯度 g、Hessian H、方程 H s = g 的解 s。",
            ),
            Words(
                "H = torch.func.hessian(f)(x), s = torch.linalg.solve(H, g)",
                "先求 H = torch.func.hessian(f)(x)，再解 s = torch.linalg.solve(H, g)",
            ),
            Words("return x - s", "返回：return x - s"),
        ),
    ),
    exercise(
        "09.3",
        "largest_curvature",
        Words("the largest curvature, without the matrix", "不建矩阵求最大曲率"),
        cases=("largest_curvature(bowl, V, V, 2)", "largest_curvature(banana, P, V, 30)"),
        solution=solutions.largest_curvature,
        mistakes=(
            Mistake(
                not_brought_to_length_one,
                Words(
                    "The vector grows in each step. Divide it by its length, v.norm().",
                    "向量每一步都在变长。请除以它的长度 v.norm()。",
                ),
            ),
            Mistake(
                never_multiplied,
                Words(
                    "The vector never turns: repeat v = H v, v = v / length `steps` times first.",
                    "向量没有转动：先把 v = H v、v = v / 长度 重复 `steps` 次。",
                ),
            ),
            Mistake(
                one_step_too_few,
                Words(
                    "There is one step too few: make `steps` products before the last one.",
                    "少了一步：在最后一次乘积之前要做 `steps` 次。",
                ),
            ),
            Mistake(
                square_of_the_length,
                Words(
                    "The division is by the square of the length. Take the root: v.norm().",
                    "除以的是长度的平方。要开方：v.norm()。",
                ),
            ),
            Mistake(
                divided_by_the_sum,
                Words(
                    "The division is by the sum of the entries. The length is the root of the sum of"
                    " their squares: v.norm().",
                    "除以的是各元素之和。长度是平方和的平方根：v.norm()。",
                ),
            ),
            Mistake(
                the_vector,
                Words(
                    "This is the direction. Return the curvature along it: (v * H v).sum().",
                    "这是方向。请返回沿它的曲率：(v * H v).sum()。",
                ),
            ),
        ),
        hints=(
            Words(
                "`hessian_times(f, x, v)` is H v. Use it in a loop.",
                "`hessian_times(f, x, v)` 就是 H v。在循环里使用它。",
            ),
            Words(
                "In the loop: v = hessian_times(f, x, v), then v = v / v.norm().",
                "循环里：v = hessian_times(f, x, v)，然后 v = v / v.norm()。",
            ),
            Words(
                "After the loop: (v * hessian_times(f, x, v)).sum().",
                "循环之后：(v * hessian_times(f, x, v)).sum()。",
            ),
        ),
    ),
)

hessian_times = solutions.hessian_times  # the chapter's own, which a learner's code calls
