"""What a model is made of: a table of its layers with shapes, parameters, memory and FLOPs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..autograd import no_grad
from ..engine.errors import DTypeError, ShapeError
from ..engine.html import table
from ..engine.tensor import Tensor
from ..functional import zeros
from .attention import MultiheadAttention
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Bilinear, Linear
from .module import Module
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

HEAD = ("layer", "input", "output", "parameters", "FLOPs")
Sizes = Sequence[int] | Sequence[Sequence[int]]


@dataclass
class Row:
    """One call of a layer."""

    name: str
    depth: int
    input: str  # shapes
    again: bool  # whether the layer was called before
    kind: str = ""
    parameters: int = 0  # its own and those of the layers in it
    output: str = ""
    bytes: int = 0  # of the output
    flops: int = 0
    leaf: bool = True

    def cells(self) -> tuple[str, ...]:
        count = "(again)" if self.again else f"{self.parameters:,}" if self.parameters else ""
        flops = f"{self.flops:,}" if self.flops else ""
        title = "  " * self.depth + (f"{self.name}: " if self.name else "") + self.kind
        return title, self.input, self.output, count, flops


@dataclass
class Summary:
    """What `summary` found. `print` shows it as text, a notebook as a table.

    Attributes:
        rows: one for each call of a layer, in the order of the calls.
        total_params, trainable_params: how many.
        flops: of the matrix products and convolutions of one forward pass.
        param_bytes, input_bytes, output_bytes: memory; the outputs are those of the innermost
            layers, which a training step keeps for its backward pass.
    """

    rows: list[Row] = field(default_factory=list)
    total_params: int = 0
    trainable_params: int = 0
    flops: int = 0
    param_bytes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0

    def __str__(self) -> str:
        cells = [HEAD, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in cells]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, *self.totals()])

    __repr__ = __str__

    def totals(self) -> list[str]:
        frozen = self.total_params - self.trainable_params
        also = f" ({frozen:,} of them frozen)" if frozen else ""
        return [
            f"{self.total_params:,} parameters{also}, {readable(self.param_bytes)}",
            f"{self.flops:,} FLOPs of matrix products and convolutions in a forward pass",
            f"{readable(self.input_bytes)} input, {readable(self.output_bytes)} outputs of layers",
        ]

    def _repr_html_(self) -> str:
        rows = [[cell.replace(" ", "\N{NO-BREAK SPACE}") for cell in r.cells()] for r in self.rows]
        return table("; ".join(self.totals()), HEAD, rows)


def summary(
    model: Module,
    input_size: Sizes | None = None,
    input_data: Any = None,
    *,
    dtypes: Sequence[Any] | None = None,
    device: Any = None,
    depth: int | None = None,
) -> Summary:
    """Call the model once and list its layers: shapes, parameters, memory, FLOPs.

    Shape: input_size is the shape of the input with its batch, (N, ...), or a list of shapes for
           several inputs

    Args:
        input_data: the input itself (a tensor, or a tuple of arguments), instead of a size.
        dtypes: of the inputs that are made from sizes, float32 by default. An embedding needs
            int64. The inputs are zeros.
        device: of these inputs, by default that of the model's first parameter.
        depth: how many levels of layers to list; None: all.

    Raises:
        ShapeError: neither or both of input_size and input_data are given.
        DTypeError: model is no Module, or input_size is a tensor.

    Note:
        The model is called in evaluation mode without gradients, and is left as it was. FLOPs count
        a multiplication and an addition as two, of Linear, Bilinear, convolutions, recurrent
        layers and MultiheadAttention. What other layers compute is not counted.
    """
    arguments = make_arguments(model, input_size, input_data, dtypes, device)
    found = Summary()
    with watched(model, found.rows), in_evaluation(model), no_grad():
        model(*arguments)
    parameters = list(model.parameters())
    found.total_params = sum(p.numel() for p in parameters)
    found.trainable_params = sum(p.numel() for p in parameters if p.requires_grad)
    found.param_bytes = sum(p.numel() * p.element_size() for p in parameters)
    found.flops = sum(row.flops for row in found.rows)
    found.input_bytes = sum(t.numel() * t.element_size() for t in tensors_in(arguments))
    found.output_bytes = sum(row.bytes for row in found.rows if row.leaf)
    found.rows = [row for row in found.rows if depth is None or row.depth <= depth]
    return found


def make_arguments(
    model: Module, input_size: Sizes | None, data: Any, dtypes: Sequence[Any] | None, device: Any
) -> tuple[Any, ...]:
    """What to call the model with."""
    if not isinstance(model, Module):
        raise DTypeError(
            f"summary: model must be a Module, got {type(model).__name__}. Pass the model first."
        )
    if isinstance(input_size, Tensor):
        raise DTypeError(
            f"summary: input_size must be a shape, got a tensor {tuple(input_size.shape)}. Pass it"
            " as input_data."
        )
    if (input_size is None) == (data is None):
        raise ShapeError(
            "summary: needs either input_size or input_data, got"
            f" {'neither' if data is None else 'both'}. Give one, such as input_size=(1, 3, 32,"
            " 32)."
        )
    if data is not None:
        return tuple(data) if isinstance(data, (tuple, list)) else (data,)
    sizes = [input_size] if all(isinstance(n, int) for n in input_size or ()) else input_size
    if device is None:
        device = next((p.device for p in model.parameters()), None)
    kinds = list(dtypes or ()) + [None] * len(sizes or ())
    return tuple(
        zeros(tuple(size), dtype=kind, device=device)  # type: ignore[arg-type]
        for size, kind in zip(sizes or (), kinds)
    )


@contextmanager
def in_evaluation(model: Module) -> Iterator[None]:
    """Evaluation mode, then each layer's mode again."""
    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode


@contextmanager
def watched(model: Module, rows: list[Row]) -> Iterator[None]:
    """Add a row for each call of a layer of the model."""
    names = {id(layer): name.rsplit(".", 1)[-1] for name, layer in model.named_modules()}
    seen: set[int] = set()  # layers
    open_: list[Row] = []

    def before(layer: Module, args: tuple) -> None:
        row = Row(
            name=names[id(layer)], depth=len(open_), input=shapes(args), again=id(layer) in seen
        )
        if open_:
            open_[-1].leaf = False
        seen.add(id(layer))
        rows.append(row)
        open_.append(row)

    def after(layer: Module, args: tuple, output: Any) -> None:
        row, out = open_.pop(), tensors_in(output)
        row.kind = type(layer).__name__  # a lazy layer is another one now, with parameters
        row.parameters = sum(p.numel() for p in layer.parameters())
        row.output = shapes(output)
        row.bytes = sum(t.numel() * t.element_size() for t in out)
        count = FLOPS.get(type(layer))
        if count and out:
            row.flops = count(layer, args, out[0])

    handles = [h for layer in model.modules() for h in hooks(layer, before, after)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def hooks(layer: Module, before: Callable, after: Callable) -> tuple[Any, Any]:
    return layer.register_forward_pre_hook(before), layer.register_forward_hook(after)


# ---- FLOPs ---------------------------------------------------------------------------------------


def weight_flops(layer: Any, args: tuple, output: Tensor) -> int:
    """Each weight is used once for each place of the output: Linear, convolutions."""
    weight = layer.weight
    return 2 * weight.numel() * (output.numel() // weight.shape[0])


def transposed_flops(layer: Any, args: tuple, output: Tensor) -> int:
    """Each weight is used once for each place of the input."""
    return 2 * layer.weight.numel() * (args[0].numel() // layer.in_channels)


def recurrent_flops(layer: Any, args: tuple, output: Tensor) -> int:
    """Each matrix is used once for each step of each sequence."""
    matrices = sum(p.numel() for p in layer.parameters() if p.ndim > 1)
    return 2 * matrices * (args[0].numel() // layer.input_size)


def attention_flops(layer: Any, args: tuple, output: Tensor) -> int:
    """Projections of query, key, value and output; scores, and the mean of the values."""
    query, key, value = args[:3]
    E = layer.embed_dim
    rows = [t.numel() // t.shape[-1] for t in (query, key, value)]  # of the whole batch
    projections = sum(n * t.shape[-1] for n, t in zip(rows, (query, key, value))) + rows[0] * E
    length = key.shape[1 if layer.batch_first else 0] if key.ndim == 3 else key.shape[0]
    return 2 * E * (projections + 2 * rows[0] * length)


FLOPS: dict[type, Callable[[Any, tuple, Tensor], int]] = {
    **dict.fromkeys((Linear, Bilinear, Conv1d, Conv2d, Conv3d), weight_flops),
    **dict.fromkeys((ConvTranspose1d, ConvTranspose2d, ConvTranspose3d), transposed_flops),
    **dict.fromkeys((RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell), recurrent_flops),
    MultiheadAttention: attention_flops,
}


# ---- text ----------------------------------------------------------------------------------------


def tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    parts = value if isinstance(value, (tuple, list)) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


def shapes(value: Any) -> str:
    return ", ".join(str(tuple(t.shape)) for t in tensors_in(value))


def readable(size: int) -> str:
    """1536 -> '1.5 KiB'."""
    power = min(3, int(math.log2(size) // 10)) if size else 0
    return f"{size / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB')[power]}"
