"""Attention: every query gathers the values whose keys fit it."""
from __future__ import annotations

import math

from ..base.case import Array, Case, bools
from ..base.errors import DTypeError, ShapeError
from ..core.op import composite

NAME = "scaled_dot_product_attention"


def check_attention(query, key, value, attn_mask, is_causal, enable_gqa):
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if min(query.ndim, key.ndim, value.ndim) < 2 or query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"{NAME}: must have query (*, T, D), key (*, S, D) and value (*, S, V), got {shapes}. Check the order of the dims.")
    if is_causal and attn_mask is not None:
        raise ShapeError(f"{NAME}: attn_mask and is_causal must not be given together, got both. Put the causal triangle into the mask.")
    if attn_mask is not None and attn_mask.dtype.name not in ("bool", "float32", query.dtype.name):
        raise DTypeError(f"{NAME}: attn_mask must be bool, float32 or of the query's dtype {query.dtype.name}, got {attn_mask.dtype.name}. Convert it.")
    if enable_gqa and (query.ndim < 3 or key.shape[-3] != value.shape[-3] or not key.shape[-3] or query.shape[-3] % key.shape[-3]):
        raise ShapeError(f"{NAME}: with enable_gqa the heads (third last dim) of query must be a multiple of those of key and value, got {shapes}. Check the heads.")


@composite(method=False, cases=[
    Case([2, 3, 4], [2, 5, 4], [2, 5, 3]), Case([2, 2, 4, 3], [2, 2, 4, 3], [2, 2, 4, 3], is_causal=True), Case([2, 3, 4], [2, 5, 4], [2, 5, 4], bools(3, 5)),
    Case([2, 3, 4], [2, 5, 4], [2, 5, 4], [2, 3, 5]), Case([4, 2], [3, 2], [3, 2], scale=0.3), Case([1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], enable_gqa=True),
    Case([2, 3, 2], [2, 2, 2], [2, 2, 2], Array(values=[[True, False], [False, False], [True, True]])), Case([1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], is_causal=True, enable_gqa=True)])
def scaled_dot_product_attention(F, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """Weighted means of the values; the weights are the softmax of how well query and key fit.

    Math:   out = softmax(scale query key^T + mask) value
    Shape:  query (*, H, T, D), key (*, H, S, D), value (*, H, S, V), attn_mask broadcasts to (*, H, T, S), out (*, H, T, V)
    Args:   attn_mask: bool, True where a query may look, or numbers to add; dropout_p: chance to drop a weight (always, not only in training);
            is_causal: query i looks at keys 0 to i; scale: default 1 / sqrt(D); enable_gqa: groups of query heads share a key head
    Note:   a query that may look nowhere gives 0
    Reference: A. Vaswani et al., 2017, "Attention is all you need", eq. 1; J. Ainslie et al., 2023, "GQA"
    """
    check_attention(query, key, value, attn_mask, is_causal, enable_gqa)
    T, S = query.shape[-2], key.shape[-2]
    query = query * (1 / math.sqrt(query.shape[-1]) if scale is None and query.shape[-1] else 1.0 if scale is None else scale)
    lead, grouped = tuple(query.shape[:-2]), enable_gqa and query.shape[-3] != key.shape[-3]
    if grouped:  # the queries of a group in one matrix, below each other
        query = F.reshape(query, (*lead[:-1], key.shape[-3], -1, query.shape[-1]))
    scores = F.matmul(query, F.transpose(key, -1, -2))
    if grouped:
        scores = F.reshape(scores, (*lead, T, S))
    blind = None
    if is_causal:
        scores = F.masked_fill(scores, F.arange(S, device=scores.device) > F.reshape(F.arange(T, device=scores.device), (T, 1)), -math.inf)
    elif attn_mask is not None:
        closed = F.logical_not(attn_mask) if attn_mask.dtype.name == "bool" else attn_mask == -math.inf
        blind = F.all(closed, -1, True)
        if attn_mask.dtype.name == "bool":
            scores = F.where(F.logical_and(closed, F.logical_not(blind)), -math.inf, scores)
        else:
            scores = scores + F.where(blind, 0.0, attn_mask).to(scores.dtype)
    weights = F.softmax(scores, -1)
    if blind is not None:
        weights = F.where(blind, 0.0, weights)
    if dropout_p:
        weights = F.dropout(weights, dropout_p, True)
    if grouped:
        weights = F.reshape(weights, (*lead[:-1], key.shape[-3], -1, S))
    out = F.matmul(weights, value)
    return F.reshape(out, (*lead, T, value.shape[-1])) if grouped else out
