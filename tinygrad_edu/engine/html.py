"""Tables for notebooks: what `_repr_html_` of tensors, layers and optimisers returns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tensor import Tensor

MOST = 12  # rows and columns of a tensor that are shown
CELL = "padding:1px 6px;text-align:right;font-family:monospace"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A title above a table; every text is escaped."""
    heading = "".join(f"<th>{escape(str(word))}</th>" for word in head)
    body = "".join(
        "<tr>" + "".join(f"<td style='{CELL}'>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<div><b>{escape(title)}</b><table><tr>{heading}</tr>{body}</table></div>"


def of_tensor(tensor: Tensor) -> str:
    """What a tensor is, and the values of its last two dims: blue below zero, red above."""
    notes = [f"shape {tuple(tensor.shape)}", str(tensor.dtype), str(tensor.device)]
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn {tensor.grad_fn.name()}")
    elif tensor.requires_grad:
        notes.append("requires_grad")
    values = tensor.device.to_host(tensor.array)
    while values.ndim > 2 and values.size:
        values = values[0]
    if tensor.ndim > 2 and values.size:
        notes.append(f"shown: [{'0, ' * (tensor.ndim - 2)}:, :]")
    values = values.reshape(1, -1) if values.ndim < 2 else values
    shown = [row[:MOST].tolist() for row in values[:MOST]]
    largest = max((abs(v) for row in shown for v in row if math.isfinite(v)), default=0) or 1
    rows = "".join(
        "<tr>" + "".join(cell(v, largest) for v in row) + more(values.shape[1]) + "</tr>"
        for row in shown
    )
    end = "<tr><td>⋮</td></tr>" if values.shape[0] > MOST else ""
    return f"<div><b>Tensor</b> {escape(', '.join(notes))}<table>{rows}{end}</table></div>"


def cell(value: Any, largest: float) -> str:
    strength = 0.5 * abs(value) / largest if math.isfinite(value) else 0.0
    colour = f"rgba(209,73,91,{strength:.2f})" if value > 0 else f"rgba(37,99,168,{strength:.2f})"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"<td style='{CELL};background:{colour}'>{escape(text)}</td>"


def more(columns: int) -> str:
    return "<td>…</td>" if columns > MOST else ""
