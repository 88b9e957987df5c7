"""Multi-head attention."""

from __future__ import annotations

from contextlib import nullcontext
from enum import Enum
from typing import Any

from .. import functional as ops
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import init
from .linear import Linear
from .module import Module
from .multihead import each_once, multi_head_attention_forward
from .parameter import Parameter


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
        swap = self.batch_first and query.ndim == 3
        if swap:  # (B, T, E) → (T, B, E)
            query, key, value = each_once(lambda x: ops.transpose(x, 0, 1), query, key, value)
        out, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            self.in_proj_weight is None,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return ops.transpose(out, 0, 1) if swap else out, weights


class SDPBackend(Enum):
    """PyTorch's implementations of attention."""

    MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION, OVERRIDEABLE = range(5)


def sdpa_kernel(backends: Any, set_priority: bool = False) -> Any:
    """A block that changes nothing; `use_kernel(attention=...)` chooses a kernel."""
    return nullcontext()
