"""`multi_head_attention_forward`: what `MultiheadAttention` computes, as a function of its weights.

Sizes: T queries, S keys, B sequences, E features, H heads of D = E / H features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import functional as ops
from ..engine.border import public
from ..engine.errors import DTypeError, ShapeError
from ..engine.tensor import Tensor

NAME = "multi_head_attention_forward"


@public
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in several heads, each on a part of the features.

    Math:   head_i = softmax(q W_i^Q (k W_i^K)^T / √D + mask) v W_i^V;   out = [head_1 …] W^O + b
    Shape:  query (T, B, E), key (S, B, *), value (S, B, *), without B for one sequence; output like
            the query; weights (B, T, S), or (B, H, T, S) if not average_attn_weights
    Args:   in_proj_weight: (3 E, E), unless use_separate_proj_weight takes q_, k_ and v_proj_weight
            bias_k, bias_v (1, 1, E): one more key and value; add_zero_attn: one more of zeros
            static_k, static_v (B * H, S, D): replace the projected keys and values
            attn_mask (T, S) or (B * H, T, S), key_padding_mask (B, S): True where a query must NOT
            look, or numbers to add; is_causal without attn_mask gives the causal mask
    Reference: A. Vaswani et al., 2017, "Attention is all you need", section 3.2.2
    """
    check(query, key, value, embed_dim_to_check, num_heads)
    single = query.ndim == 2
    if single:
        query, key, value = each_once(lambda x: ops.unsqueeze(x, 1), query, key, value)
        if key_padding_mask is not None:
            key_padding_mask = ops.unsqueeze(key_padding_mask, 0)  # (1, S)
    (T, B, E), S = query.shape, key.shape[0]
    if is_causal and attn_mask is None:
        attn_mask = ops.triu(ops.ones(T, S, dtype="bool", device=query.device), 1)
    mask = combined(attn_mask, key_padding_mask, (B, num_heads, T, S), query.dtype)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    packed = None if use_separate_proj_weight else in_proj_weight
    q, k, v = projected(query, key, value, packed, separate, in_proj_bias)  # (T or S, B, E)
    k, v, mask = extended(k, v, mask, bias_k, bias_v)
    k, v = replaced(k, static_k, num_heads), replaced(v, static_v, num_heads)
    if add_zero_attn:
        zeros = ops.zeros(1, B, E, dtype=k.dtype, device=k.device)
        k, v, mask = extended(k, v, mask, zeros, zeros)
    q, k, v = (heads(x, num_heads) for x in (q, k, v))  # (B, H, T, D), (B, H, S, D) twice
    dropout_p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        weights = shares(q, k, mask, dropout_p)  # (B, H, T, S)
        out = ops.matmul(weights, v)  # (B, H, T, D)
    else:
        out = ops.scaled_dot_product_attention(q, k, v, mask, dropout_p)  # (B, H, T, D)
    out = ops.reshape(ops.permute(out, (2, 0, 1, 3)), (T, B, E))  # (B, H, T, D) → (T, B, E)
    out = ops.linear(out, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = ops.mean(weights, 1)  # (B, T, S)
    if single:
        out = ops.squeeze(out, 1)  # (T, E)
        weights = None if weights is None else ops.squeeze(weights, 0)
    return out, weights


def check(query: Tensor, key: Tensor, value: Tensor, E: int, H: int) -> None:
    shapes = f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
    if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(
            f"{NAME}: query, key and value must all be 3-d, or all 2-d for one sequence, got"
            f" {shapes}. Unsqueeze them."
        )
    if query.shape[-1] != E or H < 1 or E % H:
        raise ShapeError(
            f"{NAME}: query must have {E} features, a multiple of num_heads {H}, got {shapes}."
            " Check embed_dim_to_check."
        )
    if key.shape[:-1] != value.shape[:-1] or query.shape[1:-1] != key.shape[1:-1]:
        raise ShapeError(
            f"{NAME}: key and value must have one length, and all one batch size, got {shapes}."
            " Check the order of the dims: time comes first."
        )


def each_once(function: Callable, query: Tensor, key: Tensor, value: Tensor) -> tuple:
    """The function of each. What was one tensor stays one: self-attention projects it at once."""
    new_query = function(query)
    new_key = new_query if key is query else function(key)
    return new_query, new_key, new_key if value is key else function(value)


def additive(mask: Tensor | None, dtype: Any) -> Tensor | None:
    """A mask as numbers to add: boolean masks have True where a query must not look."""
    if mask is None or mask.is_floating_point():
        return mask if mask is None else mask.to(dtype)
    if mask.dtype.name != "bool":
        raise DTypeError(
            f"{NAME}: masks must be bool or floating-point, got {mask.dtype.name}. Use mask.bool(),"
            " True where not to look."
        )
    return ops.masked_fill(ops.zeros(*mask.shape, dtype=dtype, device=mask.device), mask, -math.inf)


def combined(
    attn_mask: Tensor | None, padding: Tensor | None, sizes: tuple[int, int, int, int], dtype: Any
) -> Tensor | None:
    """Both masks as one to add, (B or 1, H or 1, T, S)."""
    B, H, T, S = sizes
    mask, padding = additive(attn_mask, dtype), additive(padding, dtype)
    if mask is not None:
        if tuple(mask.shape) not in ((T, S), (B * H, T, S)):
            raise ShapeError(
                f"{NAME}: attn_mask must be {(T, S)} or {(B * H, T, S)}, got {tuple(mask.shape)}."
                " It is (T, S) or (B * num_heads, T, S)."
            )
        mask = ops.reshape(mask, (1, 1, T, S) if mask.ndim == 2 else (B, H, T, S))
    if padding is not None:
        if tuple(padding.shape) != (B, S):
            raise ShapeError(
                f"{NAME}: key_padding_mask must be {(B, S)}, got {tuple(padding.shape)}. It is"
                " (B, S), or (S) for one sequence."
            )
        padding = ops.reshape(padding, (B, 1, 1, S))
    return padding if mask is None else mask if padding is None else mask + padding


def projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packed: Tensor | None,
    separate: tuple[Tensor | None, ...],
    bias: Tensor | None,
) -> list[Tensor]:
    """Query, key and value after their projections, (T or S, B, E) each."""
    if packed is not None and query is key and key is value:
        return list(ops.chunk(ops.linear(query, packed, bias), 3, -1))
    weights = separate if packed is None else ops.chunk(packed, 3)
    if any(w is None for w in weights):
        raise ShapeError(
            f"{NAME}: needs in_proj_weight, or use_separate_proj_weight with q_proj_weight,"
            " k_proj_weight and v_proj_weight, got None. Give them."
        )
    biases = (None, None, None) if bias is None else ops.chunk(bias, 3)
    return [ops.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases)]


def extended(
    k: Tensor, v: Tensor, mask: Tensor | None, more_k: Tensor | None, more_v: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Keys and values (S, B, E) with one more of each, where given, and the mask for them."""
    if (more_k is None) != (more_v is None):
        raise ShapeError(f"{NAME}: bias_k and bias_v must be given together, got one. Give both.")
    if more_k is None or more_v is None:
        return k, v, mask
    row = (1, *k.shape[1:])
    k, v = ops.cat([k, ops.expand(more_k, row)]), ops.cat([v, ops.expand(more_v, row)])
    return k, v, None if mask is None else ops.pad(mask, (0, 1))  # S + 1 everywhere


def replaced(x: Tensor, static: Tensor | None, H: int) -> Tensor:
    """The projected keys or values (S, B, E), or those given as (B * H, S, D)."""
    if static is None:
        return x
    B, E = x.shape[1:]
    if static.ndim != 3 or (static.shape[0], static.shape[2]) != (B * H, E // H):
        raise ShapeError(
            f"{NAME}: static_k and static_v must be (B * num_heads, S, E / num_heads) ="
            f" ({B * H}, S, {E // H}), got {tuple(static.shape)}. Reshape them."
        )
    return ops.reshape(ops.transpose(static, 0, 1), (static.shape[1], B, E))


def heads(x: Tensor, H: int) -> Tensor:
    """(T, B, E) → (B, H, T, D)."""
    T, B, E = x.shape
    x = ops.reshape(x, (T, B, H, E // H))
    return ops.transpose(ops.transpose(x, 0, 1), 1, 2)


def shares(q: Tensor, k: Tensor, mask: Tensor | None, dropout_p: float) -> Tensor:
    """How much each query takes of each value: (B, H, T, S)."""
    scores = ops.matmul(q * (1 / math.sqrt(q.shape[-1])), ops.transpose(k, -1, -2))
    weights = ops.softmax(scores if mask is None else scores + mask, -1)
    return ops.dropout(weights, dropout_p) if dropout_p else weights
