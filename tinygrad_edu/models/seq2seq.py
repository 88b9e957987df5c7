"""Two GRUs that translate: one reads, the other writes, with or without attention.

Reference: K. Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder for
           statistical machine translation"; M.-T. Luong et al., 2015, "Effective approaches to
           attention-based neural machine translation" (the state looks, general score, eq. 5 and
           8).
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F

from .search import Scores


class Seq2Seq(nn.Module):
    """The reader's last states start the writer; with attention the writer also mixes in the states
    that fit its own. Token 0 is padding.

    Args:
        words, foreign: tokens of the language that is read, and of the one that is written.
        hidden: units of a state.
        width: of the words' vectors.
    """

    def __init__(
        self, words: int, foreign: int, hidden: int, attention: bool, width: int = 128
    ) -> None:
        super().__init__()
        self.attention, self.drop = attention, nn.Dropout(0.3)
        self.read_words = nn.Embedding(words, width, padding_idx=0)
        self.write_words = nn.Embedding(foreign, width, padding_idx=0)
        self.reader = nn.GRU(width, hidden // 2, batch_first=True, bidirectional=True)
        self.writer = nn.GRU(width, hidden, batch_first=True)
        if attention:
            self.fit = nn.Linear(hidden, hidden, bias=False)
            self.mix = nn.Linear(2 * hidden, hidden)
        self.head = nn.Linear(hidden, foreign)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """States at every word (B, S, H), and the state that sums all up (1, B, H)."""
        lengths = (source != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.read_words(source)), lengths, batch_first=True, enforce_sorted=False
        )
        packed_states, last = self.reader(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(
            packed_states, batch_first=True, total_length=source.shape[1]
        )
        return states, torch.cat([last[0], last[1]], -1).unsqueeze(0)

    def write(
        self, states: Tensor, start: Tensor, source: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Scores of the next word (B, T, V), and where it looked (B, T, S)."""
        out = self.writer(self.drop(self.write_words(target)), start)[0]  # (B, T, H)
        weights = None
        if self.attention:
            fits = self.fit(out) @ states.mT  # (B, T, S)
            weights = F.softmax(fits.masked_fill((source == 0).unsqueeze(1), float("-inf")), -1)
            out = torch.tanh(self.mix(torch.cat([weights @ states, out], -1)))
        return self.head(self.drop(out)), weights

    def forward(self, source: Tensor, target: Tensor) -> Tensor:  # (B, S), (B, T) -> (B, T, V)
        states, start = self.read(source)
        return self.write(states, start, source, target)[0]


def next_scores(model: Seq2Seq, source: Tensor) -> Scores:
    """Log-probabilities of the next word of translations of `source` (B, S), for `search`."""
    states, start = model.read(source)

    def scores(tokens: Tensor, rows: Tensor) -> Tensor:
        logits, _ = model.write(states[rows], start[:, rows], source[rows], tokens)
        return F.log_softmax(logits[:, -1], -1)

    return scores
