"""Where a token stands: sinusoidal and learnt positions to add, rotary positions to turn queries
and keys by.
"""

from __future__ import annotations

import math
from typing import Any

from .. import functional as ops
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class SinusoidalPositionalEncoding(Module):
    """Adds sines and cosines of the position, of wavelengths from 2π to 10,000 · 2π.

    Math:   out_t = x_t + p_t, p_{t, 2i} = sin(t / 10000^(2i / D)), p_{t, 2i + 1} = cos(t /
            10000^(2i / D))
    Shape:  (B, T, D) with batch_first (the default), else (T, B, D); unchanged
    Args:   d_model D. max_len: the longest sequence. dropout: applied to the sum.
    Reference: A. Vaswani et al., 2017, "Attention is all you need", section 3.5.
    """

    def __init__(
        self,
        d_model: int,
        max_len: int = 5000,
        dropout: float = 0.0,
        batch_first: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.max_len, self.dropout, self.batch_first = max_len, dropout, batch_first
        position = ops.arange(max_len, dtype="float64", device=device).unsqueeze(1)  # (L, 1)
        # (D / 2)
        rate = ops.exp(
            ops.arange(0, d_model, 2, dtype="float64", device=device)
            * (-math.log(10000.0) / d_model)
        )
        pairs = ops.stack([ops.sin(position * rate), ops.cos(position * rate)], -1)  # (L, D / 2, 2)
        self.register_buffer(
            "pe", ops.flatten(pairs, 1)[:, :d_model].contiguous().to(dtype or ops.empty(0).dtype)
        )

    def forward(self, x: Tensor) -> Tensor:
        T = x.shape[-2] if self.batch_first else x.shape[0]
        if self.max_len < T:
            raise ShapeError(
                "SinusoidalPositionalEncoding: the sequence must have at most"
                f" max_len={self.max_len} positions, got {T}. Make max_len larger."
            )
        # (T, D) or (T, 1, D)
        positions = self.pe[:T] if self.batch_first or x.ndim == 2 else self.pe[:T].unsqueeze(1)
        return F.dropout(x + positions, self.dropout, self.training)


class LearnedPositionalEmbedding(Module):
    """Adds a learnt vector per position.

    Math:   out_t = x_t + weight_t
    Shape:  (B, T, D) with batch_first (the default), else (T, B, D); unchanged
    """

    def __init__(
        self,
        max_len: int,
        d_model: int,
        batch_first: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.max_len, self.batch_first = max_len, batch_first
        self.weight = Parameter(ops.empty(max_len, d_model, device=device, dtype=dtype))
        init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        T = x.shape[-2] if self.batch_first else x.shape[0]
        if self.max_len < T:
            raise ShapeError(
                f"LearnedPositionalEmbedding: the sequence must have at most max_len={self.max_len}"
                f" positions, got {T}. Make max_len larger."
            )
        return x + (
            self.weight[:T] if self.batch_first or x.ndim == 2 else self.weight[:T].unsqueeze(1)
        )


class RotaryEmbedding(Module):
    """Turns pairs of features by an angle that grows with the position, so that products of queries
    and keys see distances only.

    Math:   (out_{2i}, out_{2i + 1}) = rotation by (t + offset) base^(-2i / D) of (x_{2i}, x_{2i +
            1})
    Shape:  (*, T, D), D even; unchanged
    Args:   offset (of forward): position of the first element, for generation step by step.
    Reference: J. Su et al., 2021, "RoFormer: enhanced transformer with rotary position embedding",
               eq. 34.
    """

    def __init__(self, dim: int, base: float = 10000.0):
        super().__init__()
        if dim % 2:
            raise ShapeError(
                f"RotaryEmbedding: dim must be even, got {dim}. Features are turned in pairs."
            )
        self.dim, self.base = dim, base

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        T = x.shape[-2]
        # (D / 2); no buffer: half() would round it
        rate = ops.exp(
            ops.arange(0, self.dim, 2, dtype="float64", device=x.device)
            * (-math.log(self.base) / self.dim)
        )
        # (T, D / 2)
        angle = ops.arange(offset, offset + T, dtype="float64", device=x.device).unsqueeze(1) * rate
        cos, sin = ops.cos(angle).to(x.dtype), ops.sin(angle).to(x.dtype)
        pairs = ops.reshape(x, (*x.shape[:-1], self.dim // 2, 2))  # (*, T, D / 2, 2)
        a, b = pairs[..., 0], pairs[..., 1]
        return ops.reshape(ops.stack([a * cos - b * sin, a * sin + b * cos], -1), x.shape)
