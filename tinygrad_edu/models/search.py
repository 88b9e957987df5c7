"""Which sequence of tokens a model finds likeliest."""

from __future__ import annotations

import math
from collections.abc import Callable

import tinygrad_edu as torch
from tinygrad_edu import Tensor

from ..engine.device import Device

# Prefixes (N, t), and the number of the source each belongs to (N,), to log-probabilities of the
# next token (N, V).
Scores = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def greedy(
    scores: Scores, count: int, bos: int, eos: int, longest: int, device: Device | str = "cpu"
) -> list[list[int]]:
    """For each of `count` sources the likeliest token, again and again.

    Args:
        bos, eos: the tokens that begin and end a sequence. The result holds neither.
        longest: the most tokens.
    """
    tokens = torch.full((count, 1), bos, device=device)
    done = torch.zeros(count, dtype=torch.bool, device=device)
    rows = torch.arange(count, device=device)
    for _ in range(longest):
        new = scores(tokens, rows).argmax(-1).masked_fill(done, eos)
        tokens, done = torch.cat([tokens, new.unsqueeze(1)], 1), done | (new == eos)
        if bool(done.all()):
            break
    return [until(row, eos) for row in tokens[:, 1:].tolist()]


@torch.no_grad()
def beam_search(
    scores: Scores,
    count: int,
    bos: int,
    eos: int,
    longest: int,
    device: Device | str = "cpu",
    beams: int = 4,
    alpha: float = 0.6,
) -> list[list[int]]:
    """For each of `count` sources the best of the `beams` likeliest prefixes kept at every step.

    Longer sequences have lower probability, so each log-probability is divided by
    ((5 + length) / 6)^alpha.

    Args: as for `greedy`.

    Reference: Y. Wu et al., 2016, "Google's neural machine translation system", eq. 14.
    """
    tokens = torch.full((count, beams, 1), bos, device=device)  # (B, K, t)
    total = torch.full((count, beams), -math.inf, device=device)  # (B, K)
    total[:, 0] = 0.0  # all beams are equal at first: only one may grow
    lengths = torch.zeros(count, beams, device=device)
    done = torch.zeros(count, beams, dtype=torch.bool, device=device)
    rows = torch.arange(count, device=device).repeat_interleave(beams)
    for _ in range(longest):
        logp = scores(tokens.reshape(count * beams, -1), rows).reshape(count, beams, -1)
        V = logp.shape[-1]
        stay = torch.full((V,), -math.inf, device=device)
        stay[eos] = 0.0
        logp = torch.where(done.unsqueeze(2), stay, logp)  # a finished one only repeats its end
        total, best = (total.unsqueeze(2) + logp).reshape(count, -1).topk(beams)
        parent, new = best // V, best % V
        lengths = lengths.gather(1, parent) + (~done.gather(1, parent)).float()
        before = tokens.gather(1, parent.unsqueeze(2).expand(count, beams, tokens.shape[2]))
        tokens = torch.cat([before, new.unsqueeze(2)], 2)
        done = done.gather(1, parent) | (new == eos)
        if bool(done.all()):
            break
    best = (total / ((5 + lengths) / 6) ** alpha).argmax(1)
    chosen = tokens[torch.arange(count, device=device), best]
    return [until(row, eos) for row in chosen[:, 1:].tolist()]


def until(tokens: list[int], eos: int) -> list[int]:
    """The tokens before the first `eos`."""
    return tokens[: tokens.index(eos)] if eos in tokens else tokens


def search(
    scores: Scores,
    count: int,
    bos: int,
    eos: int,
    longest: int,
    device: Device | str = "cpu",
    beams: int = 1,
) -> list[list[int]]:
    """`greedy` for one beam, else `beam_search`."""
    if beams == 1:
        return greedy(scores, count, bos, eos, longest, device)
    return beam_search(scores, count, bos, eos, longest, device, beams)
