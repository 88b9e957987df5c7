"""Where a loss that is not finite began."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import no_grad
from ..engine.tensor import Tensor
from ..nn import Module


def flaw(tensor: Tensor) -> str:
    """What is not finite in a tensor: `nan`, `inf`, or an empty text if all of it is finite."""
    values = tensor.detach().float()
    if bool(values.isnan().any()):
        return "nan"
    return "inf" if bool(values.isinf().any()) else ""


def first_not_finite(model: Module, inputs: tuple[Tensor, ...]) -> str:
    """Run the model again and name the first thing in it that is not finite: an input, a weight, or
    a layer's output.
    """
    for i, x in enumerate(inputs):
        if flaw(x):
            return f"the data: input {i} holds {flaw(x)}"
    found: list[str] = []
    handles = [
        layer.register_forward_hook(watcher(name, found))
        for name, layer in model.named_modules()
        if name and not list(layer.children())
    ]
    try:
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "the loss itself (every layer's output is finite)"


def watcher(name: str, found: list[str]) -> Callable[[Module, Any, Any], None]:
    """A forward hook that adds to `found` what is not finite in the layer `name`."""

    def hook(layer: Module, args: Any, output: Any) -> None:
        if found:
            return
        kind = type(layer).__name__
        for what, weight in layer.named_parameters(recurse=False):
            if flaw(weight):
                found.append(
                    f"the weights: {name}.{what} ({kind}) holds {flaw(weight)} after the last step"
                )
                return
        for tensor in output if isinstance(output, tuple) else (output,):
            if isinstance(tensor, Tensor) and flaw(tensor):
                found.append(f"layer {name} ({kind}), the first whose output holds {flaw(tensor)}")
                return

    return hook
