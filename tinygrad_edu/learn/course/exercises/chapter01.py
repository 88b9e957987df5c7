"""Exercises of chapter 01: derivatives by hand and by finite differences."""

from __future__ import annotations

import math
from functools import partial

from ..exercise import Exercise, Mistake
from ..solutions import chapter01 as solutions
from ..words import Words

# ---- 01.1 ----------------------------------------------------------------------------------------


def forward_difference(f, x, h=1e-5):
    return (f(x + h) - f(x)) / h


def backward_difference(f, x, h=1e-5):
    return (f(x) - f(x - h)) / h


def divided_by_h(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / h


def without_brackets(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / 2 * h


def not_divided(f, x, h=1e-5):
    return f(x + h) - f(x - h)


def with_a_fixed_h(f, x, h=1e-5):
    return solutions.slope(f, x)


# ---- 01.2 ----------------------------------------------------------------------------------------


def without_the_chain(x):
    return math.sin(x**2) + x * math.cos(x**2)


def only_the_second_term(x):
    return x * math.cos(x**2) * 2 * x


def product_of_derivatives(x):
    return math.cos(x**2) * 2 * x


def inner_derivative_inside(x):
    return math.sin(x**2) + x * math.cos(2 * x)


def wrong_sign(x):
    return math.sin(x**2) - x * math.cos(x**2) * 2 * x


# ---- 01.3 ----------------------------------------------------------------------------------------


def all_at_once(f, xs, h=1e-5):
    up, down = [x + h for x in xs], [x - h for x in xs]
    return [(f(up) - f(down)) / (2 * h)] * len(xs)


def total_derivative(f, xs, h=1e-5):
    return all_at_once(f, xs, h)[0]


def never_put_back(f, xs, h=1e-5):
    up, down, slopes = list(xs), list(xs), []
    for i in range(len(xs)):
        up[i] += h
        down[i] -= h
        slopes.append((f(up) - f(down)) / (2 * h))
    return slopes


def one_sided(f, xs, h=1e-5):
    slopes = []
    for i in range(len(xs)):
        up = list(xs)
        up[i] += h
        slopes.append((f(up) - f(xs)) / h)
    return slopes


def kept_its_argument(gradient):
    """The list after the call: it must be as it was, to the last digit."""
    xs = [0.1, 0.7]
    gradient(lambda v: v[0] * v[1], xs)
    return str(xs)


def moves_its_argument(f, xs, h=1e-5):
    slopes = []
    for i in range(len(xs)):
        xs[i] += h
        up = f(xs)
        xs[i] -= h
        down = f(xs)
        xs[i] -= h
        slopes.append((up - down) / h)
    return slopes


def leaves_its_argument_moved(f, xs, h=1e-5):
    slopes = []
    for i in range(len(xs)):
        xs[i] += h
        up = f(xs)
        xs[i] -= 2 * h
        slopes.append((up - f(xs)) / (2 * h))
    return slopes


def rounds_its_argument(f, xs, h=1e-5):
    slopes = []
    for i in range(len(xs)):
        xs[i] += h
        up = f(xs)
        xs[i] -= 2 * h
        slopes.append((up - f(xs)) / (2 * h))
        xs[i] += h
    return slopes


# ---- 01.4 ----------------------------------------------------------------------------------------


def summed(w, b, points):
    dw, db = solutions.loss_gradient(w, b, points)
    return dw * len(points), db * len(points)


def without_two(w, b, points):
    dw, db = solutions.loss_gradient(w, b, points)
    return dw / 2, db / 2


def without_x(w, b, points):
    db = solutions.loss_gradient(w, b, points)[1]
    return db, db


def of_the_last_point(w, b, points):
    return solutions.loss_gradient(w, b, points[-1:])


def downhill(w, b, points):
    dw, db = solutions.loss_gradient(w, b, points)
    return -dw, -db


exercise = partial(Exercise, names=globals())

EXERCISES = (
    exercise(
        "01.1",
        "slope",
        Words("the central difference", "中心差分"),
        cases=(
            "slope(lambda x: x * x, 3.0)",
            "slope(lambda x: x**3, 1.0, h=0.1)",
            "slope(math.exp, 0.5, h=0.01)",
        ),
        solution=solutions.slope,
        mistakes=(
            Mistake(
                with_a_fixed_h,
                Words(
                    "The argument `h` is not used. Use `h`, not a fixed number.",
                    "没有用到参数 `h`。请使用 `h`，不要写固定的数。",
                ),
            ),
            Mistake(
                forward_difference,
                Words(
                    "This is the forward difference, from x to x + h. Go as far to the left as to the"
                    " right: from x - h to x + h.",
                    "这是从 x 到 x + h 的前向差分。请左右各走一样远：从 x - h 到 x + h。",
                ),
            ),
            Mistake(
                backward_difference,
                Words(
                    "This is the backward difference, from x - h to x. Go as far to the right as to"
                    " the left: from x - h to x + h.",
                    "这是从 x - h 到 x 的后向差分。请左右各走一样远：从 x - h 到 x + h。",
                ),
            ),
            Mistake(
                divided_by_h,
                Words(
                    "Twice too large: from x - h to x + h the way is 2 h long, not h.",
                    "结果大了一倍：从 x - h 到 x + h 的距离是 2 h，不是 h。",
                ),
            ),
            Mistake(
                without_brackets,
                Words(
                    "`a / 2 * h` divides by 2 and then multiplies by h. Write `a / (2 * h)`.",
                    "`a / 2 * h` 先除以 2 再乘以 h。请写成 `a / (2 * h)`。",
                ),
            ),
            Mistake(
                not_divided,
                Words(
                    "This is how far f moves. The slope is that, divided by how far x moves.",
                    "这是 f 的变化量。斜率还要除以 x 的变化量。",
                ),
            ),
        ),
        hints=(
            Words(
                "A slope is how far f moves, divided by how far x moves.",
                "斜率等于 f 的变化量除以 x 的变化量。",
            ),
            Words(
                "Evaluate f at x + h and at x - h. How far apart are these two points?",
                "在 x + h 和 x - h 处各计算一次 f。这两点相距多远？",
            ),
            Words(
                "(f at the right - f at the left) / (2 * h). Mind the brackets around 2 * h.",
                "（右边的 f - 左边的 f）/ (2 * h)。注意 2 * h 的括号。",
            ),
        ),
    ),
    exercise(
        "01.2",
        "derivative",
        Words("product rule and chain rule", "乘法法则与链式法则"),
        cases=("derivative(1.0)", "derivative(0.3)", "derivative(-2.0)", "derivative(0.0)"),
        solution=solutions.derivative,
        mistakes=(
            Mistake(
                without_the_chain,
                Words(
                    "In the second term a factor is missing: sin(x²) has x² inside, whose own"
                    " derivative multiplies (chain rule).",
                    "第二项少了一个因子：sin(x²) 里面是 x²，还要乘以 x² 自身的导数（链式法则）。",
                ),
            ),
            Mistake(
                only_the_second_term,
                Words(
                    "One term is missing. The product rule has two: (a b)' = a' b + a b'.",
                    "少了一项。乘法法则有两项：(a b)' = a' b + a b'。",
                ),
            ),
            Mistake(
                product_of_derivatives,
                Words(
                    "This multiplies the derivatives of the two factors. The product rule adds two"
                    " terms: (a b)' = a' b + a b'.",
                    "这是把两个因子的导数相乘。乘法法则是两项相加：(a b)' = a' b + a b'。",
                ),
            ),
            Mistake(
                inner_derivative_inside,
                Words(
                    "The inner derivative 2x stands inside the cosine. The chain rule keeps the inside"
                    " as it is, and multiplies: cos(x²) · 2x.",
                    "内层导数 2x 被放进了余弦里面。链式法则保持里面不变，再相乘：cos(x²) · 2x。",
                ),
            ),
            Mistake(
                wrong_sign,
                Words(
                    "A sign is wrong: the derivative of sin is cos, with a plus.",
                    "有一个符号错了：sin 的导数是 cos，带正号。",
                ),
            ),
        ),
        hints=(
            Words(
                "f is a product of x and sin(x²). Which rule is for products?",
                "f 是 x 与 sin(x²) 的乘积。乘积用哪条法则？",
            ),
            Words(
                "The derivative of sin(x²) is cos(x²) times the derivative of x².",
                "sin(x²) 的导数是 cos(x²) 乘以 x² 的导数。",
            ),
            Words(
                "1 · sin(x²) + x · cos(x²) · 2x. In Python: math.sin, math.cos, x**2.",
                "1 · sin(x²) + x · cos(x²) · 2x。在 Python 中：math.sin、math.cos、x**2。",
            ),
        ),
    ),
    exercise(
        "01.3",
        "gradient",
        Words("the gradient of a function of many numbers", "多元函数的梯度"),
        cases=(
            "gradient(lambda v: v[0] * v[1], [2.0, 5.0])",
            "gradient(lambda v: v[0] ** 3 + 10 * v[1] + v[0] * v[2], [1.0, 2.0, 4.0], h=0.1)",
            "kept_its_argument(gradient)",
        ),
        solution=solutions.gradient,
        mistakes=(
            Mistake(
                total_derivative,
                Words(
                    "This is one number: the slope when all inputs move together. Wanted is a list:"
                    " one slope for each input, moving that one alone.",
                    "这是一个数：所有输入一起移动时的斜率。要的是一个列表：每次只移动一个输入，各得一个斜率。",
                ),
            ),
            Mistake(
                all_at_once,
                Words(
                    "All inputs move at once. Move one of them and keep the others still.",
                    "所有输入同时移动了。每次只移动一个，其余保持不动。",
                ),
            ),
            Mistake(
                never_put_back,
                Words(
                    "An input stays moved when the next one moves. Begin each time with a fresh copy"
                    " of xs.",
                    "移动下一个输入时，上一个没有恢复。每次都从 xs 的新副本开始。",
                ),
            ),
            Mistake(
                one_sided,
                Words(
                    "This is the forward difference. Take the central one, from x - h to x + h.",
                    "这是前向差分。请用中心差分：从 x - h 到 x + h。",
                ),
            ),
            Mistake(
                moves_its_argument,
                Words(
                    "The caller's list `xs` is changed. Work on a copy: `list(xs)`.",
                    "调用者的列表 `xs` 被改动了。请在副本上操作：`list(xs)`。",
                ),
            ),
            Mistake(
                leaves_its_argument_moved,
                Words(
                    "Each number stays moved, also for the slopes that follow, and the caller's list"
                    " `xs` is changed. Work on a copy: `list(xs)`.",
                    "每个数移动后没有放回，后面的斜率也受影响，调用者的列表 `xs` 也被改动了。"
                    "请在副本上操作：`list(xs)`。",
                ),
            ),
            Mistake(
                rounds_its_argument,
                Words(
                    "The caller's list `xs` is not quite as it was: adding and subtracting h rounds."
                    " Work on a copy: `list(xs)`.",
                    "调用者的列表 `xs` 没有完全恢复：加减 h 会有舍入误差。请在副本上操作：`list(xs)`。",
                ),
            ),
        ),
        hints=(
            Words(
                "One slope for each input: a loop over range(len(xs)).",
                "每个输入一个斜率：对 range(len(xs)) 循环。",
            ),
            Words(
                "Inside the loop, make two copies, `up = list(xs)` and `down = list(xs)`, and move"
                " entry i of each.",
                "在循环里做两个副本 `up = list(xs)` 和 `down = list(xs)`，各移动第 i 项。",
            ),
            Words(
                "up[i] += h; down[i] -= h; append (f(up) - f(down)) / (2 * h).",
                "up[i] += h；down[i] -= h；追加 (f(up) - f(down)) / (2 * h)。",
            ),
        ),
        atol=0.0,
        rtol=1e-9,
    ),
    exercise(
        "01.4",
        "loss_gradient",
        Words("the gradient of a loss, by hand", "手工推导损失的梯度"),
        cases=(
            "loss_gradient(1.0, 0.0, [(-1.0, -0.5), (0.0, 0.5), (2.0, 3.0)])",
            "loss_gradient(0.5, 2.0, [(-1.0, -0.5), (0.0, 0.5), (2.0, 3.0)])",
            "loss_gradient(2.0, 1.0, [(3.0, 1.0), (1.0, 0.0)])",
        ),
        solution=solutions.loss_gradient,
        mistakes=(
            Mistake(
                summed,
                Words(
                    "This is the gradient of the sum. The loss is the mean: divide by len(points).",
                    "这是求和的梯度。损失是平均值：要除以 len(points)。",
                ),
            ),
            Mistake(
                without_two,
                Words(
                    "A factor 2 is missing: the derivative of e² is 2 e.",
                    "少了因子 2：e² 的导数是 2 e。",
                ),
            ),
            Mistake(
                without_x,
                Words(
                    "dw lacks its factor x: in e = w x + b - y, moving w moves e x times as far.",
                    "dw 少了因子 x：在 e = w x + b - y 中，w 变化时 e 的变化是它的 x 倍。",
                ),
            ),
            Mistake(
                of_the_last_point,
                Words(
                    "Only the last point counts. Add up over all points (`+=`), then divide.",
                    "只算了最后一个点。请把所有点累加起来（`+=`），再除以个数。",
                ),
            ),
            Mistake(
                downhill,
                Words(
                    "The sign is turned around. The gradient points uphill; the step of gradient"
                    " descent subtracts it.",
                    "符号反了。梯度指向上坡方向；梯度下降的那一步才减去它。",
                ),
            ),
        ),
        hints=(
            Words(
                "Give the error of one point a name: e = w x + b - y. What is the derivative of e²?",
                "给一个点的误差起个名字：e = w x + b - y。e² 的导数是什么？",
            ),
            Words(
                "Chain rule: d(e²)/dw = 2 e · de/dw, with de/dw = x; d(e²)/db = 2 e · 1.",
                "链式法则：d(e²)/dw = 2 e · de/dw，其中 de/dw = x；d(e²)/db = 2 e · 1。",
            ),
            Words(
                "Sum 2 * e * x and 2 * e over the points, divide both by len(points), return the pair.",
                "对所有点累加 2 * e * x 和 2 * e，都除以 len(points)，返回这一对数。",
            ),
        ),
    ),
)
