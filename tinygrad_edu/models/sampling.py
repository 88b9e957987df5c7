"""From the scores of tokens to a token."""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor
from tinygrad_edu.nn import functional as F


def sample(logits: Tensor, temperature: float = 1.0, top_k: int | None = None) -> Tensor:
    """One token for each row of scores.

    Args:
        temperature: below 1 surer, above 1 wilder; 0: always the likeliest token.
        top_k: choose only among that many of the likeliest tokens.

    Shape: (B, V) to (B, 1)
    """
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    logits = logits / temperature
    if top_k is not None:
        least = logits.topk(min(top_k, logits.shape[-1]))[0][:, -1:]
        logits = logits.masked_fill(logits < least, float("-inf"))
    return torch.multinomial(F.softmax(logits, -1), 1)
