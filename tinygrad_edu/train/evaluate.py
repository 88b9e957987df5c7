"""What a model answers when it is not training."""

from __future__ import annotations

from ..autograd import no_grad
from ..engine.tensor import Tensor
from ..functional import cat
from ..nn import Module
from ..nn.functional import cross_entropy


def logits_of(model: Module, inputs: Tensor, batch_size: int = 500) -> Tensor:
    """The logits of all inputs, with dropout off and batch normalisation on its running averages.

    Shape: inputs (N, ...) to (N, classes)
    """
    model.eval()
    with no_grad():
        return cat([model(part) for part in inputs.split(batch_size)])


def scores(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """The mean cross-entropy, and the share of right answers.

    Shape: logits (N, classes), labels (N,)
    """
    right = (logits.argmax(1) == labels).float().mean()
    return cross_entropy(logits, labels).item(), right.item()
