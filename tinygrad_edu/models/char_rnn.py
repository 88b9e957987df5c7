"""An LSTM or GRU that scores the next character, and remembers what it read in its state.

Reference: S. Hochreiter, J. Schmidhuber, 1997, "Long short-term memory"; K. Cho et al., 2014 (GRU).
"""

from __future__ import annotations

from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn

from .sampling import sample

State = Any  # one tensor, for a GRU; two, for an LSTM
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class CharRNN(nn.Module):
    """A character changes the state; the state scores the next character.

    Args:
        kind: "lstm" or "gru".
        hidden: units of the state.
        width: of the characters' vectors.
    """

    def __init__(
        self, vocabulary: int, kind: str, hidden: int, width: int = 64, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.letters = nn.Embedding(vocabulary, width)
        self.drop = nn.Dropout(dropout)
        self.cells = CELLS[kind](width, hidden)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor, state: State = None) -> tuple[Tensor, State]:  # (T, B)
        states, state = self.cells(self.letters(tokens), state)  # (T, B, H)
        return self.head(self.drop(states)), state  # (T, B, V)


@torch.no_grad()
def generate(
    model: CharRNN, start: list[int], count: int, temperature: float = 1.0, top_k: int | None = None
) -> list[int]:
    """`start` continued by `count` characters, chosen as `sampling.sample` says."""
    model.eval()
    device = next(model.parameters()).device
    tokens = list(start)
    logits, state = model(torch.tensor(start, device=device).unsqueeze(1))
    for _ in range(count):
        new = sample(logits[-1], temperature, top_k)  # (1, 1)
        tokens.append(int(new))
        logits, state = model(new, state)
    return tokens
