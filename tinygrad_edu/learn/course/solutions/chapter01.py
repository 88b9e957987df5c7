"""Solutions of chapter 01: derivatives by hand and by finite differences."""

from __future__ import annotations

import math


def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def derivative(x):
    # f(x) = x sin(x²): the product rule gives two terms; in the second, the chain rule gives 2x
    return math.sin(x**2) + x * math.cos(x**2) * 2 * x


def gradient(f, xs, h=1e-5):
    slopes = []
    for i in range(len(xs)):
        up, down = list(xs), list(xs)
        up[i] += h
        down[i] -= h
        slopes.append((f(up) - f(down)) / (2 * h))
    return slopes


def loss_gradient(w, b, points):
    # loss = mean of e², with e = w x + b - y;  d e² = 2 e de;  de/dw = x, de/db = 1
    dw = db = 0.0
    for x, y in points:
        e = w * x + b - y
        dw += 2 * e * x
        db += 2 * e
    return dw / len(points), db / len(points)
