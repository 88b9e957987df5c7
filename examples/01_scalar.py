"""Backprop on one screen: numbers that remember how they were made. Start here, then read
`tinygrad_edu/engine`.

Each operation stores a closure that sends its output's gradient on to its inputs. The engine does
the same with arrays, with formulas in place of closures: so that a formula can be checked, run on
any device, and differentiated again.

    python examples/01_scalar.py
"""

from __future__ import annotations

import math


class Value:
    def __init__(self, number, parents=(), backward=lambda g: None):
        self.number, self.parents, self.send, self.grad = number, parents, backward, 0.0

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        # d(a+b) = da + db
        return Value(
            self.number + other.number, (self, other), lambda g: (self.add(g), other.add(g))
        )

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(
            self.number * other.number,
            (self, other),
            # d(ab) = b da + a db
            lambda g: (self.add(g * other.number), other.add(g * self.number)),
        )

    def tanh(self):
        t = math.tanh(self.number)
        # d tanh(x) = (1 - tanh(x)^2) dx
        return Value(t, (self,), lambda g: self.add(g * (1 - t * t)))

    def add(self, g):
        self.grad += g  # a value that is used twice gets two gradients: they add up

    def backward(self):
        order, seen, todo = [], set(), [(self, False)]
        while todo:  # parents before children, without recursion: deep chains must work
            value, ready = todo.pop()
            if ready:
                order.append(value)
            elif id(value) not in seen:
                seen.add(id(value))
                todo += [(value, True), *((p, False) for p in value.parents)]
        self.grad = 1.0
        for value in reversed(order):  # a value passes its gradient on when all of it has arrived
            value.send(value.grad)


def main():
    """Fit y = tanh(w x + b) to three points by gradient descent, then compare one gradient with a
    finite difference.
    """
    points = [(-1.0, -0.9), (0.0, 0.2), (1.0, 0.95)]

    def loss_at(w, b):
        errors = [(w * x + b).tanh() + -y for x, y in points]
        return sum((e * e for e in errors), Value(0.0))

    w, b = Value(0.1), Value(0.0)
    for step in range(201):
        loss = loss_at(w, b)
        loss.backward()
        if step % 50 == 0:
            print(f"step {step:3d}  loss {loss.number:.6f}  w {w.number:+.4f}  b {b.number:+.4f}")
        w, b = Value(w.number - 0.2 * w.grad), Value(b.number - 0.2 * b.grad)
    w, b, h = Value(0.5), Value(0.1), 1e-6
    loss_at(w, b).backward()
    slope = (loss_at(Value(0.5 + h), b).number - loss_at(Value(0.5 - h), b).number) / (2 * h)
    print(f"dloss/dw by backprop {w.grad:.8f}, by finite difference {slope:.8f}")


if __name__ == "__main__":
    main()
