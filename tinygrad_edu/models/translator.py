"""A Transformer that translates: an encoder reads, a decoder writes.

Reference: A. Vaswani et al., 2017, "Attention is all you need"; O. Press, L. Wolf, 2017, "Using the
           output embedding to improve language models" (one matrix reads and writes tokens).
"""

from __future__ import annotations

import math

from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F

from .search import Scores


class Translator(nn.Module):
    """Tokens of both languages share one table, which also scores the next token.

    Args:
        pad: the token that fills up short sentences.
        layers: of the encoder, and of the decoder.
        inside: width inside the feed-forward networks.
    """

    def __init__(
        self,
        vocabulary: int,
        pad: int,
        width: int,
        heads: int,
        layers: int,
        inside: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.pad, self.width = pad, width
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=pad)
        self.places = nn.SinusoidalPositionalEncoding(width, 512, dropout)
        self.layers = nn.Transformer(
            width, heads, layers, layers, inside, dropout, batch_first=True, norm_first=True
        )
        nn.init.normal_(self.tokens.weight, std=width**-0.5)

    def embed(self, tokens: Tensor) -> Tensor:  # (B, T) -> (B, T, D)
        return self.places(self.tokens(tokens) * math.sqrt(self.width))

    def encode(self, source: Tensor) -> Tensor:  # (B, S) -> (B, S, D)
        return self.layers.encoder(self.embed(source), src_key_padding_mask=source == self.pad)

    def decode(self, memory: Tensor, closed: Tensor, target: Tensor) -> Tensor:  # (B, T, D)
        """`memory`: what `encode` returned; `closed`: where the source is padding (B, S)."""
        return self.layers.decoder(
            self.embed(target), memory, tgt_is_causal=True, memory_key_padding_mask=closed
        )

    def score(self, states: Tensor) -> Tensor:  # (..., D) -> (..., V)
        return F.linear(states, self.tokens.weight)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """States (B, T, D), which `score` turns into scores of the next tokens."""
        return self.decode(self.encode(source), source == self.pad, target)


def next_scores(model: Translator, source: Tensor) -> Scores:
    """Log-probabilities of the next token of translations of `source` (B, S), for `search`."""
    memory, closed = model.encode(source), source == model.pad

    def scores(tokens: Tensor, rows: Tensor) -> Tensor:
        states = model.decode(memory[rows], closed[rows], tokens)
        return F.log_softmax(model.score(states[:, -1]), -1)

    return scores
