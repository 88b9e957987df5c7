"""Backprop with arrays: a tensor engine in one class, which learns to read handwritten digits.

New beside 01_scalar.py: an array that was broadcast gets the sum of its copies' gradients.

    python examples/03_tensor_engine.py
"""

import numpy as np

from tinygrad_edu.vision.datasets import MNIST5k


class Tensor:
    def __init__(self, array, parents=(), vjps=()):
        self.array, self.parents, self.vjps, self.grad = np.asarray(array, float), parents, vjps, 0

    def __add__(self, o):
        return Tensor(self.array + o.array, (self, o), (lambda g: g, lambda g: g))

    def __matmul__(self, o):  # d(a b) = da b + a db
        vjps = (lambda g: g @ o.array.T, lambda g: self.array.T @ g)
        return Tensor(self.array @ o.array, (self, o), vjps)

    def relu(self):
        return Tensor(np.maximum(self.array, 0), (self,), (lambda g: g * (self.array > 0),))

    def cross_entropy(self, labels):  # mean of -log softmax; its gradient is (softmax - onehot) / N
        p = np.exp(self.array - self.array.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        onehot = np.eye(p.shape[1])[labels]
        loss = -np.log((p * onehot).sum(1)).mean()
        return Tensor(loss, (self,), (lambda g: g * (p - onehot) / len(p),))

    def backward(self):
        order, seen = [], set()

        def visit(t):
            if id(t) not in seen:
                seen.add(id(t))
                [visit(p) for p in t.parents]
                order.append(t)

        visit(self)
        self.grad = np.ones_like(self.array)
        for t in reversed(order):
            for parent, vjp in zip(t.parents, t.vjps):
                g = vjp(t.grad)
                parent.grad = parent.grad + g.sum(tuple(range(g.ndim - parent.array.ndim)))


def main():
    rng = np.random.default_rng(0)
    data, mixed = MNIST5k(), rng.permutation(5000)
    x, y = data.data.numpy().reshape(-1, 784)[mixed] / 255.0, data.targets.numpy()[mixed]
    shapes = (784, 64), (64,), (64, 10), (10,)
    w1, b1, w2, b2 = weights = [Tensor(rng.normal(0, 0.05, s)) for s in shapes]
    for step in range(301):
        rows = rng.integers(0, 4000, 64)
        loss = ((Tensor(x[rows]) @ w1 + b1).relu() @ w2 + b2).cross_entropy(y[rows])
        for w in weights:
            w.grad = 0
        loss.backward()
        for w in weights:
            w.array -= 0.2 * w.grad
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.array:.3f}")
    scores = ((Tensor(x[4000:]) @ w1 + b1).relu() @ w2 + b2).array
    print(f"{(scores.argmax(1) == y[4000:]).mean():.1%} of 1,000 other digits are right")


if __name__ == "__main__":
    main()
