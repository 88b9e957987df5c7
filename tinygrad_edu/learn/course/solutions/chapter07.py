"""Solutions of chapter 07: attention and a small Transformer."""

from __future__ import annotations

import math

import tinygrad_edu as torch


def causal_weights(scores):
    T = scores.shape[0]
    future = torch.triu(torch.ones(T, T), diagonal=1).bool()  # True above the diagonal
    return scores.masked_fill(future, -math.inf).softmax(1)


def attention(q, k, v):
    scores = q @ k.T / math.sqrt(q.shape[1])  # (T, T): one row for each query
    return causal_weights(scores) @ v


def split_heads(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)
