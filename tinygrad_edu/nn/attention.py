"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as ops
from ..engine.errors import DTypeError, ShapeError
from ..engine.tensor import Tensor
from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


def additive(mask: Tensor | None, dtype: Any) -> Tensor | None:
    """A mask as numbers to add: boolean masks have True where a query must not look."""
    if mask is None or mask.is_floating_point():
        return mask if mask is None else mask.to(dtype)
    if mask.dtype.name != "bool":
        raise DTypeError(
            f"MultiheadAttention: masks must be bool or floating-point, got {mask.dtype.name}. Use"
            " mask.bool(), True where not to look."
        )
    return ops.masked_fill(ops.zeros(*mask.shape, dtype=dtype, device=mask.device), mask, -math.inf)


class NonDynamicallyQuantizableLinear(Linear):
    """Linear under the name that PyTorch prints for `out_proj`."""


class MultiheadAttention(Module):
    """Attention in several heads, each on a part of the features.

    Math:   head_i = softmax(q W_i^Q (k W_i^K)^T / √D + mask) v W_i^V, D = embed_dim / num_heads;
            out = [head_1 …] W^O + b
    Shape:  query (T, B, E), key (S, B, kdim), value (S, B, vdim), with batch_first (B, T, E) …,
            without B for one sequence;
            output like the query; weights (B, T, S), or (B, H, T, S) if not average_attn_weights
    Args:   embed_dim E, num_heads H (must divide E). dropout: chance to drop a weight, in training.
            bias: whether the projections have one.
            add_bias_kv: a learnt key and value in addition; add_zero_attn: one of zeros. kdim,
            vdim: features of key and value (default E).
    Note:   attn_mask (T, S) or (B * H, T, S) and key_padding_mask (B, S): True where a query must
            NOT look, or numbers to add.
            is_causal without attn_mask gives the causal one. Projections start by Xavier's uniform
            rule, biases at 0.
    Reference: A. Vaswani et al., 2017, "Attention is all you need", section 3.2.2.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ShapeError(
                "MultiheadAttention: embed_dim must be a positive multiple of num_heads, got"
                f" {embed_dim} and {num_heads}. Change one of them."
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        same = self.kdim == embed_dim and self.vdim == embed_dim
        for name, there, size in (
            ("in_proj_weight", same, (3 * embed_dim, embed_dim)),
            ("q_proj_weight", not same, (embed_dim, embed_dim)),
            ("k_proj_weight", not same, (embed_dim, self.kdim)),
            ("v_proj_weight", not same, (embed_dim, self.vdim)),
            ("in_proj_bias", bias, (3 * embed_dim,)),
            ("bias_k", add_bias_kv, (1, 1, embed_dim)),
            ("bias_v", add_bias_kv, (1, 1, embed_dim)),
        ):
            parameter = Parameter(ops.empty(*size, device=device, dtype=dtype)) if there else None
            self.register_parameter(name, parameter)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias, device=device, dtype=dtype
        )
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def projected(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Query, key and value after their projections, (T or S, B, E) each."""
        E, bias = self.embed_dim, self.in_proj_bias
        if self.in_proj_weight is not None and query is key and key is value:
            return list(ops.chunk(F.linear(query, self.in_proj_weight, bias), 3, -1))
        weights = (
            ops.chunk(self.in_proj_weight, 3)
            if self.in_proj_weight is not None
            else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        )
        return [
            F.linear(x, w, None if bias is None else bias[i * E : (i + 1) * E])
            for i, (x, w) in enumerate(zip((query, key, value), weights))
        ]

    def check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        shapes = f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
            raise ShapeError(
                "MultiheadAttention: query, key and value must all be 3-d, or all 2-d for one"
                f" sequence, got {shapes}. Unsqueeze them."
            )
        if (
            query.shape[-1] != self.embed_dim
            or key.shape[-1] != self.kdim
            or value.shape[-1] != self.vdim
        ):
            raise ShapeError(
                f"MultiheadAttention: query, key and value must have {self.embed_dim}, {self.kdim}"
                f" and {self.vdim} features, got {shapes}. Check embed_dim."
            )
        batch = 0 if self.batch_first else 1
        batches_differ = query.ndim == 3 and query.shape[batch] != key.shape[batch]
        if key.shape[:-1] != value.shape[:-1] or batches_differ:
            raise ShapeError(
                "MultiheadAttention: key and value must have one length, and all one batch size,"
                f" got {shapes}. Check batch_first."
            )

    def combined(
        self,
        attn_mask: Tensor | None,
        padding: Tensor | None,
        sizes: tuple[int, int, int],
        dtype: Any,
    ) -> Tensor | None:
        """Both masks as one to add, (B or 1, H or 1, T, S)."""
        (B, T, S), H = sizes, self.num_heads
        mask, padding = additive(attn_mask, dtype), additive(padding, dtype)
        if mask is not None:
            if tuple(mask.shape) not in ((T, S), (B * H, T, S)):
                raise ShapeError(
                    f"MultiheadAttention: attn_mask must be {(T, S)} or {(B * H, T, S)}, got"
                    f" {tuple(mask.shape)}. It is (T, S) or (B * num_heads, T, S)."
                )
            mask = ops.reshape(mask, (1, 1, T, S) if mask.ndim == 2 else (B, H, T, S))
        if padding is not None:
            if tuple(padding.shape) != (B, S):
                raise ShapeError(
                    f"MultiheadAttention: key_padding_mask must be {(B, S)}, got"
                    f" {tuple(padding.shape)}. It is (B, S), or (S) for one sequence."
                )
            padding = ops.reshape(padding, (B, 1, 1, S))
        return padding if mask is None else mask if padding is None else mask + padding

    def time_first(self, x: Tensor) -> Tensor:
        """(T, B, E) of one sequence (T, E), or of (B, T, E) with batch_first."""
        if x.ndim == 2:
            return ops.unsqueeze(x, 1)
        return ops.transpose(x, 0, 1) if self.batch_first else x

    def extended(
        self, k: Tensor, v: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values (S, B, E) with the learnt ones and zeros added, and a mask for them."""
        B, E = k.shape[1:]
        zeros = ops.zeros(1, B, E, dtype=k.dtype, device=k.device)
        more_k, more_v = [k], [v]
        if self.bias_k is not None:
            more_k.append(ops.expand(self.bias_k, (1, B, E)))
            more_v.append(ops.expand(self.bias_v, (1, B, E)))
        if self.add_zero_attn:
            more_k.append(zeros)
            more_v.append(zeros)
        added = len(more_k) - 1
        if not added:
            return k, v, mask
        mask = None if mask is None else F.pad(mask, (0, added))  # (…, T, S + added)
        return ops.cat(more_k), ops.cat(more_v), mask  # (S + added, B, E)

    def heads(self, x: Tensor) -> Tensor:
        """(T, B, E) → (B, H, T, D)."""
        T, B = x.shape[:2]
        x = ops.reshape(x, (T, B, self.num_heads, self.head_dim))
        return ops.transpose(ops.transpose(x, 0, 1), 1, 2)

    def weights(self, q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
        """How much each query takes of each value: (B, H, T, S)."""
        k = ops.transpose(k, -1, -2)  # (B, H, D, S)
        scores = ops.matmul(q * (1 / math.sqrt(self.head_dim)), k)  # (B, H, T, S)
        shares = F.softmax(scores if mask is None else scores + mask, -1)
        return F.dropout(shares, self.dropout, self.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        self.check(query, key, value)
        single = query.ndim == 2
        same_key, same_value = key is query, value is key
        query = self.time_first(query)  # (T, B, E)
        key = query if same_key else self.time_first(key)  # (S, B, kdim)
        value = key if same_value else self.time_first(value)  # (S, B, vdim)
        if single and key_padding_mask is not None:
            key_padding_mask = ops.unsqueeze(key_padding_mask, 0)  # (1, S)
        (T, B, E), S = query.shape, key.shape[0]
        if is_causal and attn_mask is None:
            attn_mask = ops.triu(ops.ones(T, S, dtype="bool", device=query.device), 1)
        mask = self.combined(attn_mask, key_padding_mask, (B, T, S), query.dtype)
        q, k, v = self.projected(query, key, value)  # (T, B, E), (S, B, E) twice
        k, v, mask = self.extended(k, v, mask)
        q, k, v = (self.heads(x) for x in (q, k, v))  # (B, H, T, D), (B, H, S, D) twice
        weights = None
        if need_weights:
            weights = self.weights(q, k, mask)  # (B, H, T, S)
            out = ops.matmul(weights, v)  # (B, H, T, D)
        else:
            dropout = self.dropout if self.training else 0.0
            out = F.scaled_dot_product_attention(q, k, v, mask, dropout)  # (B, H, T, D)
        out = ops.reshape(ops.permute(out, (2, 0, 1, 3)), (T, B, E))  # (B, H, T, D) → (T, B, E)
        out = self.out_proj(out)
        if single:
            out = ops.squeeze(out, 1)  # (T, E)
        elif self.batch_first:
            out = ops.transpose(out, 0, 1)  # (B, T, E)
        if weights is not None:
            weights = ops.mean(weights, 1) if average_attn_weights else weights  # (B, T, S)
            weights = ops.squeeze(weights, 0) if single else weights
        return out, weights
