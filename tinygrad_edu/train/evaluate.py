"""What a model answers when it is not training."""

from __future__ import annotations

from ..autograd import no_grad
from ..engine.tensor import Tensor
from ..functional import cat
from ..nn import Module


def logits_of(model: Module, inputs: Tensor, batch_size: int = 500) -> Tensor:
    """The logits of all inputs, with dropout off and batch normalisation on its running averages.

    Shape: inputs (N, ...) to (N, classes)
    """
    model.eval()
    with no_grad():
        return cat([model(part) for part in inputs.split(batch_size)])
