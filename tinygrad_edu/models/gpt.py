"""GPT: a Transformer that scores each next token from those before it.

Reference: A. Vaswani et al., 2017, "Attention is all you need"; A. Radford et al., 2019, "Language
           models are unsupervised multitask learners" (GPT-2).
"""

from __future__ import annotations

import math

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F

from .cache import KVCache, new_caches
from .sampling import sample


class Attention(nn.Module):
    """Each position gathers from those before it what fits its query.

    Several heads look for different things.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cache: KVCache | None = None) -> Tensor:  # (B, T, D)
        B, T, D = x.shape
        parts = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, H, T, D/H)
        if cache is not None:  # keys and values of the past need not be computed again
            k, v = cache.update(k, v)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=T > 1)
        return self.out(y.transpose(1, 2).reshape(B, T, D))


class Block(nn.Module):
    """Attention, then a small network for each position; both add to what passes through."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=False)
        self.attention = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: KVCache | None = None) -> Tensor:  # (B, T, D)
        x = x + self.drop(self.attention(self.norm1(x), cache))
        return x + self.drop(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Embeddings of tokens and places, blocks, and a score for each next token.

    Args:
        vocabulary: number of tokens.
        context: the longest text it sees.

    The defaults with 65 characters make 0.8 million parameters.
    """

    def __init__(
        self,
        vocabulary: int,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        context: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(context, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # what adds to the stream starts smaller the more layers there are
                adds = name.endswith(("out.weight", "mlp.2.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / math.sqrt(2 * layers) if adds else 0.02)
        self.head.weight = self.tokens.weight  # one matrix reads and writes tokens

    def forward(self, tokens: Tensor, caches: list[KVCache] | None = None) -> Tensor:  # (B, T)
        past = caches[0].length if caches else 0
        places = torch.arange(past, past + tokens.shape[1], device=tokens.device)
        x = self.drop(self.tokens(tokens) + self.places(places))  # (B, T, D)
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i])
        return self.head(self.norm(x))  # (B, T, V)


@torch.no_grad()
def generate(
    model: GPT,
    start: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    cached: bool = True,
) -> Tensor:
    """`start` continued by `count` tokens, chosen as `sampling.sample` says.

    Args:
        cached: keep keys and values, so that a step computes one position. The result is the same.

    Shape: (B, T) to (B, T + count)
    """
    model.eval()
    tokens, caches = start, new_caches(len(model.blocks), model.context)
    for step in range(count):
        window = tokens[:, -model.context :]
        if not cached or tokens.shape[1] > model.context:
            logits = model(window)  # once the window moves, every token has another place
        else:
            logits = model(window if step == 0 else window[:, -1:], caches)
        tokens = torch.cat([tokens, sample(logits[:, -1], temperature, top_k)], 1)
    return tokens
