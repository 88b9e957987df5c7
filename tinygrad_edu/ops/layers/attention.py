"""Attention: every query gathers the values whose keys fit it."""

from __future__ import annotations

import math

from ...engine.case import Case, Sample, bools
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor

HIDDEN = Sample(values=[[0.0, -math.inf, 0.5, 0.0, -1.0]] * 2 + [[-math.inf] * 5])
HIDDEN_4 = Sample(values=[[0.0, -1.0, 0.5, 0.0]])
NAME = "scaled_dot_product_attention"


def listed(query, key, value):
    return f"query {tuple(query)}, key {tuple(key)}, value {tuple(value)}"


def check_attention(query, key, value, attn_mask, is_causal, enable_gqa):
    q, k, v = query.shape, key.shape, value.shape
    if min(len(q), len(k), len(v)) < 2 or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(
            f"{NAME}: must have query (*, T, D), key (*, S, D) and value (*, S, V), got"
            f" {listed(q, k, v)}. Check the order of the dims."
        )
    if is_causal and attn_mask is not None:
        raise ShapeError(
            f"{NAME}: attn_mask and is_causal must not be given together, got both. Put the causal"
            " triangle into the mask."
        )
    if attn_mask is not None and attn_mask.dtype.name not in ("bool", "float32", query.dtype.name):
        raise DTypeError(
            f"{NAME}: attn_mask must be bool, float32 or of the query's dtype {query.dtype.name},"
            f" got {attn_mask.dtype.name}. Convert it."
        )
    if enable_gqa and (len(q) < 3 or k[-3] != v[-3] or not k[-3] or q[-3] % k[-3]):
        raise ShapeError(
            f"{NAME}: with enable_gqa the heads (third last dim) of query must be a multiple of"
            f" those of key and value, got {listed(q, k, v)}. Check the heads."
        )


def causal(F, scores):
    """The scores (*, T, S), with -infinity where a key comes after its query."""
    T, S = scores.shape[-2:]
    queries = F.reshape(F.arange(T, device=scores.device), (T, 1))
    return F.masked_fill(scores, F.arange(S, device=scores.device) > queries, -math.inf)


def attention_reference(F, query, key, value, mask=None, scale=1.0, is_causal=False):
    scores = F.matmul(query * scale, F.transpose(key, -1, -2))
    if is_causal:
        scores = causal(F, scores)
    return F.matmul(attention_weights(F, scores, mask, False), value)


def scores_of(xp, query, key, mask, scale, is_causal):
    """The scores; those of keys that the query must not see at -infinity."""
    scores = xp.matmul(query * query.dtype.type(scale), key.swapaxes(-1, -2))
    if mask is not None:
        scores += mask
    if is_causal:
        T, S = scores.shape[-2:]
        scores[..., xp.arange(S) > xp.arange(T)[:, None]] = -xp.inf
    return scores


@piece(
    residuals=("lse",),
    reference=attention_reference,
    cases=[
        Case([2, 3, 4], [2, 5, 4], [2, 5, 3], scale=0.5),
        Case([1, 4, 2], [1, 4, 2], [1, 4, 2], None, 0.7, True),
        Case([2, 1, 3], [2, 2, 3], [2, 2, 1], is_causal=True),
        Case([2, 2, 3, 4], [2, 2, 5, 4], [2, 2, 5, 3], HIDDEN, 0.5, torch=False, grad=False),
    ],
)
def attention(
    xp,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    is_causal: bool = False,
):
    """Weighted means of the values. The weights are not kept: the backward computes them again from
    one number per query.

    Math:   s = scale query key^T + mask,   lse_i = ln sum_j e^s_ij,   p_ij = e^(s_ij - lse_i),
            out = p value;
            ds = p (g value^T - g out),   d query = scale ds key,   d key = scale ds^T query,
            d value = p^T g
    Shape:  query (*, T, D), key (*, S, D), value (*, S, V), out (*, T, V), lse (*, T, 1); mask
            broadcasts to (*, T, S)
    Args:   mask: numbers to add, -infinity where a query must not look; it gets no gradient
            is_causal: query i sees the keys 0 to i
    Note:   a query whose mask is -infinity everywhere gives 0, and lse = infinity.
            scaled_dot_product_attention uses this op where kernels exist; elsewhere it keeps the
            weights, which saves a matrix product
    Reference: T. Dao et al., 2022, "FlashAttention: fast and memory-efficient exact attention"
    """
    scores = scores_of(xp, query, key, mask, scale, is_causal)
    top = scores.max(axis=-1, keepdims=True)
    if mask is not None:
        blind = (mask == -xp.inf).all(axis=-1, keepdims=True)
        top = xp.where(blind, 0, top)
    scores -= top
    xp.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    out = xp.matmul(scores, value)
    if mask is None:
        return out / total, top + xp.log(total)
    return xp.where(blind, 0, out / total), xp.where(blind, xp.inf, top + xp.log(total))


@piece(
    differentiable=False,
    outputs=True,
    cases=[
        Case([2, 3, 3], [2, 3, 4], [2, 5, 4], [2, 5, 3], [2, 3, 3], [2, 3, 1], scale=0.5),
        Case(
            [1, 4, 2],
            [1, 4, 2],
            [1, 4, 2],
            [1, 4, 2],
            [1, 4, 2],
            [1, 4, 1],
            HIDDEN_4,
            0.7,
            True,
            torch=False,
        ),
    ],
)
def attention_backward(
    xp,
    g: Array,
    query: Array,
    key: Array,
    value: Array,
    out: Array,
    lse: Array,
    mask: Array | None = None,
    scale: float = 1.0,
    is_causal: bool = False,
):
    """The cotangents of query, key and value, from the output's cotangent g, the output and lse.

    Math:   see attention
    Note:   higher orders go through the reference of attention
    """
    weights = scores_of(xp, query, key, mask, scale, is_causal)
    weights -= lse
    xp.exp(weights, out=weights)
    slope = xp.matmul(g, value.swapaxes(-1, -2))
    slope -= (g * out).sum(axis=-1, keepdims=True)
    slope *= weights
    slope *= query.dtype.type(scale)
    return (
        xp.matmul(slope, key),
        xp.matmul(slope.swapaxes(-1, -2), query),
        xp.matmul(weights.swapaxes(-1, -2), g),
    )


def attention_vjp(F, g, query, key, value, mask, out, lse, scale, is_causal):
    found = F.attention_backward(g, query, key, value, out, lse, mask, scale, is_causal)
    return *found, None


attention.vjp_all(attention_vjp)


def fused(query, key, value, attn_mask):
    """Whether the op `attention` can take these and has a kernel on their device."""
    fuses = getattr(query.device.F, "fuses_attention", None)
    if fuses is None or not fuses(query, attn_mask):
        return False
    q, k, v = query.shape, key.shape, value.shape
    one_dtype = query.dtype is key.dtype is value.dtype
    return one_dtype and q[:-2] == k[:-2] == v[:-2] and min(*q, *v) > 0


def additive(F, mask):
    """A mask as numbers to add: -infinity where a boolean one is False."""
    return F.where(mask, 0.0, -math.inf) if mask.dtype.name == "bool" else mask


def attention_weights(F, scores, attn_mask, is_causal):
    """The softmax of the scores (*, T, S) after masking; 0 for queries that may look nowhere."""
    if is_causal:
        return F.softmax(causal(F, scores), -1)
    if attn_mask is None:
        return F.softmax(scores, -1)
    boolean = attn_mask.dtype.name == "bool"
    closed = F.logical_not(attn_mask) if boolean else attn_mask == -math.inf
    blind = F.all(closed, -1, True)
    if boolean:
        scores = F.where(F.logical_and(closed, F.logical_not(blind)), -math.inf, scores)
    else:
        scores = scores + F.where(blind, 0.0, attn_mask).to(scores.dtype)
    return F.where(blind, 0.0, F.softmax(scores, -1))


@composite(
    method=False,
    cases=[
        Case([2, 3, 4], [2, 5, 4], [2, 5, 3]),
        Case([2, 2, 4, 3], [2, 2, 4, 3], [2, 2, 4, 3], is_causal=True),
        Case([2, 3, 4], [2, 5, 4], [2, 5, 4], bools(3, 5)),
        Case([2, 3, 4], [2, 5, 4], [2, 5, 4], [2, 3, 5]),
        Case([4, 2], [3, 2], [3, 2], scale=0.3),
        Case([1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], enable_gqa=True),
        Case(
            [2, 3, 2],
            [2, 2, 2],
            [2, 2, 2],
            Sample(values=[[True, False], [False, False], [True, True]]),
        ),
        Case([1, 4, 3, 2], [1, 2, 3, 2], [1, 2, 3, 2], is_causal=True, enable_gqa=True),
    ],
)
def scaled_dot_product_attention(
    F,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Weighted means of the values; the weights are the softmax of how well query and key fit.

    Math:   out = softmax(scale query key^T + mask) value
    Shape:  query (*, H, T, D), key (*, H, S, D), value (*, H, S, V), attn_mask broadcasts to (*, H,
            T, S), out (*, H, T, V)
    Args:   attn_mask: bool, True where a query may look, or numbers to add
            dropout_p: chance to drop a weight (always, not only in training)
            is_causal: query i looks at keys 0 to i
            scale: default 1 / sqrt(D)
            enable_gqa: groups of query heads share a key head
    Note:   a query that may look nowhere gives 0
    Reference: A. Vaswani et al., 2017, "Attention is all you need", eq. 1; J. Ainslie et al., 2023,
               "GQA"
    """
    check_attention(query, key, value, attn_mask, is_causal, enable_gqa)
    if scale is None:
        scale = 1 / math.sqrt(max(query.shape[-1], 1))
    if not dropout_p and fused(query, key, value, attn_mask):
        mask = None if attn_mask is None else additive(F, attn_mask)
        return F.attention(query, key, value, mask, scale, is_causal)
    T, S = query.shape[-2], key.shape[-2]
    query = query * scale
    lead, grouped = tuple(query.shape[:-2]), enable_gqa and query.shape[-3] != key.shape[-3]
    if grouped:  # the queries of a group in one matrix, below each other
        query = F.reshape(query, (*lead[:-1], key.shape[-3], -1, query.shape[-1]))
    scores = F.matmul(query, F.transpose(key, -1, -2))
    if grouped:
        scores = F.reshape(scores, (*lead, T, S))
    weights = attention_weights(F, scores, attn_mask, is_causal)
    if dropout_p:
        weights = F.dropout(weights, dropout_p, True)
    if grouped:
        weights = F.reshape(weights, (*lead[:-1], key.shape[-3], -1, S))
    out = F.matmul(weights, value)
    return F.reshape(out, (*lead, T, value.shape[-1])) if grouped else out
