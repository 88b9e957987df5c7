"""A network of two layers on three numbers: small enough to see every number of its backward."""

from __future__ import annotations

from ..engine.tensor import Tensor
from ..functional import tensor


def example() -> Tensor:
    """The squared error of a small network, computed from fixed numbers."""
    x = tensor([1.0, -2.0, 0.5])
    w1 = tensor([[0.2, -0.4, 0.6], [0.5, 0.3, -0.2]], requires_grad=True)
    b1 = tensor([0.1, -0.3], requires_grad=True)
    w2 = tensor([0.7, -0.5], requires_grad=True)
    target = tensor(0.25)

    h = (w1 @ x + b1).tanh()
    y = (w2 * h).sum()
    loss = (y - target) ** 2
    return loss  # noqa: RET504  # the name is what the reader sees
