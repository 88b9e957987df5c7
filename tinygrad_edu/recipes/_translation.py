"""What the translation recipes share: sentence pairs, batches of like length, greedy and beam
search, BLEU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.text import BucketBatchSampler, pad_batch

from ._text import read, search

Pairs = list[tuple[str, str]]


def made_up(count: int = 2000) -> Pairs:
    """Sentences of a small grammar, and the same in a made-up language: other words, the adjective
    after its noun, the verb last.
    """
    rng = torch.Generator().manual_seed(5).numpy
    words = dict(
        zip(
            "the a dog cat bird child tree house sees likes finds red small old happy".split(),
            "lo un hunta mica pilu nenno arba domo vidar amar trovar roja pica velha felis".split(),
        )
    )
    nouns, verbs, kinds = (
        "dog cat bird child tree house".split(),
        "sees likes finds".split(),
        "red small old happy".split(),
    )

    def thing() -> tuple[list[str], list[str]]:
        article, noun, kind = rng.choice(["the", "a"]), rng.choice(nouns), rng.choice([*kinds, ""])
        return [article, *([kind] if kind else []), noun], [
            words[article],
            words[noun],
            *([words[kind]] if kind else []),
        ]

    def pair() -> tuple[str, str]:
        (a, x), verb, (b, y) = thing(), rng.choice(verbs), thing()
        return " ".join([*x, *y, words[verb], "."]), " ".join([*a, verb, *b, "."])

    return [pair() for _ in range(count)]


def multi30k(choice: str, source: str, target: str) -> dict[str, Pairs] | None:
    """train, val and test_2016_flickr of Multi30k in two languages, if the files are there."""
    parts = {}
    for part in ("train", "val", "test_2016_flickr"):
        found = search(
            "embedded" if choice == "download" else choice,
            f"multi30k/{part}.{source}.gz",
            f"multi30k/{part}.{target}.gz",
        )
        if not found:
            return None
        sides = [read(path).rstrip("\n").split("\n") for path in found]
        parts[part] = list(zip(*sides, strict=True))
    return parts


def cut_in_three(pairs: Pairs) -> dict[str, Pairs]:
    """The last twentieth for the test, the one before for validation; sentences with the same
    source stay together.
    """
    held = max(1, len(pairs) // 20)
    return {
        "train": pairs[: -2 * held],
        "val": pairs[-2 * held : -held],
        "test_2016_flickr": pairs[-held:],
    }


def batches_of(
    sources: list[list[int]], targets: list[list[int]], pad: int, batch_tokens: int, generator: Any
) -> DataLoader:
    """Batches of sentences of like length; the loop cuts the padding off again."""
    data = TensorDataset(pad_batch(sources, pad)[0], pad_batch(targets, pad)[0])
    lengths = [max(len(s), len(t)) for s, t in zip(sources, targets)]
    return DataLoader(
        data,
        batch_sampler=BucketBatchSampler(lengths, max(batch_tokens, *lengths), generator),
        generator=generator,
    )


def trim(tokens: Tensor, pad: int) -> Tensor:
    """Without the columns that are all padding. (B, T)"""
    return tokens[:, : max(1, int((tokens != pad).sum(1).max()))]


# prefixes (N, t) and which source each belongs to (N,) -> log-probabilities of the next token (N,
# V)
Scores = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def greedy(
    scores: Scores, count: int, bos: int, eos: int, longest: int, device: Any = "cpu"
) -> list[list[int]]:
    """For each of `count` sources the likeliest token, again and again."""
    tokens, done, rows = (
        torch.full((count, 1), bos, device=device),
        torch.zeros(count, dtype=torch.bool, device=device),
        torch.arange(count, device=device),
    )
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
    device: Any = "cpu",
    beams: int = 4,
    alpha: float = 0.6,
) -> list[list[int]]:
    """The best of the `beams` likeliest beginnings, kept at every step.

    Longer translations have lower probability: each log-probability is divided by ((5 + length) /
    6)^alpha.
    Reference: Y. Wu et al., 2016, "Google's neural machine translation system", eq. 14.
    """
    tokens = torch.full((count, beams, 1), bos, device=device)
    total = torch.full((count, beams), -math.inf, device=device)
    total[:, 0] = 0.0  # all beams are equal at first: only one may grow
    lengths, done = (
        torch.zeros(count, beams, device=device),
        torch.zeros(count, beams, dtype=torch.bool, device=device),
    )
    rows = torch.arange(count, device=device).repeat_interleave(beams)
    for _ in range(longest):
        # (B, K, V)
        logp = scores(tokens.reshape(count * beams, -1), rows).reshape(count, beams, -1)
        V = logp.shape[-1]
        stay = torch.full((V,), -math.inf, device=device)
        stay[eos] = 0.0
        logp = torch.where(done.unsqueeze(2), stay, logp)  # a finished one only repeats its end
        total, best = (total.unsqueeze(2) + logp).reshape(count, -1).topk(beams)
        parent, new = best // V, best % V
        lengths = lengths.gather(1, parent) + (~done.gather(1, parent)).float()
        tokens = torch.cat(
            [
                tokens.gather(1, parent.unsqueeze(2).expand(count, beams, tokens.shape[2])),
                new.unsqueeze(2),
            ],
            2,
        )
        done = done.gather(1, parent) | (new == eos)
        if bool(done.all()):
            break
    best = (total / ((5 + lengths) / 6) ** alpha).argmax(1)
    return [
        until(row, eos) for row in tokens[torch.arange(count, device=device), best][:, 1:].tolist()
    ]


def until(tokens: list[int], eos: int) -> list[int]:
    return tokens[: tokens.index(eos)] if eos in tokens else tokens


def bleu(found: list[str], wanted: list[str]) -> float | None:
    """BLEU by sacrebleu (its default tokenizer, case-sensitive); None if it is not installed.

    Reference: K. Papineni et al., 2002, "BLEU"; M. Post, 2018, "A call for clarity in reporting
               BLEU scores".
    """
    try:
        from sacrebleu import corpus_bleu
    except ModuleNotFoundError:
        return None
    return corpus_bleu(found, [wanted], force=True).score  # force: no word about tokenized periods
