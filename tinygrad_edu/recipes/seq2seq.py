"""Translate short English sentences into French with two GRUs: one reads, one writes; with or
without attention.

    tinygrad-edu train seq2seq                        with attention
    tinygrad-edu train seq2seq --attention no         all of the sentence has to go through one vector
    tinygrad-edu train seq2seq --beams 4              beam search at the end instead of the likeliest word each time

Trains on 5,000 short pairs of Tatoeba if eng-fra.txt is in ./data (or --data FOLDER), else on a
made-up language. attention.png shows which words the writer looked at.

Reference: K. Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder for
           statistical machine translation"; D. Bahdanau et al., 2015 (attention); M.-T. Luong et
           al., 2015, "Effective approaches to attention-based neural machine translation" (the form
           used here: the state looks, general score, eq. 5 and 8).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import WordTokenizer, pad_batch

from . import Option, Recipe
from ._text import read, search
from ._translation import (
    Pairs,
    Scores,
    batches_of,
    beam_search,
    bleu,
    cut_in_three,
    greedy,
    made_up,
    trim,
)
from .mnist_cnn import one_cycle

RECIPE = Recipe(
    name="seq2seq",
    task="translate English into French with two GRUs",
    data="Tatoeba pairs, or a made-up language",
    time="about 2 minutes",
    score="BLEU 19 with attention, 16 without",
    epochs=25,
    lr=3e-3,
    batch_size=800,
    unit="words",
    options=(
        Option("attention", "yes", "whether the writer looks at the words read", ("yes", "no")),
        Option("hidden", 192, "units of a state"),
        Option("beams", 1, "width of the search at the end"),
    ),
)
LONGEST = 20  # words of a translation


class Seq2Seq(nn.Module):
    """The reader's last states start the writer; with attention the writer also mixes in the states
    that fit its own.
    """

    def __init__(
        self, words: int, foreign: int, hidden: int, attention: bool, width: int = 128
    ) -> None:
        super().__init__()
        self.attention, self.drop = attention, nn.Dropout(0.3)
        self.read_words, self.write_words = (
            nn.Embedding(words, width, padding_idx=0),
            nn.Embedding(foreign, width, padding_idx=0),
        )
        self.reader, self.writer = (
            nn.GRU(width, hidden // 2, batch_first=True, bidirectional=True),
            nn.GRU(width, hidden, batch_first=True),
        )
        if attention:
            self.fit, self.mix = (
                nn.Linear(hidden, hidden, bias=False),
                nn.Linear(2 * hidden, hidden),
            )
        self.head = nn.Linear(hidden, foreign)

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """(states at every word (B, S, H), the state that sums all up (1, B, H))."""
        lengths = (source != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.drop(self.read_words(source)), lengths, batch_first=True, enforce_sorted=False
        )
        states, last = self.reader(packed)
        return nn.utils.rnn.pad_packed_sequence(
            states, batch_first=True, total_length=source.shape[1]
        )[0], torch.cat([last[0], last[1]], -1).unsqueeze(0)

    def write(
        self, states: Tensor, start: Tensor, source: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """(scores of the next word (B, T, V), where it looked (B, T, S))."""
        out = self.writer(self.drop(self.write_words(target)), start)[0]  # (B, T, H)
        weights = None
        if self.attention:
            fits = self.fit(out) @ states.mT  # (B, T, S)
            weights = F.softmax(fits.masked_fill((source == 0).unsqueeze(1), float("-inf")), -1)
            out = torch.tanh(self.mix(torch.cat([weights @ states, out], -1)))
        return self.head(self.drop(out)), weights

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        states, start = self.read(source)
        return self.write(states, start, source, target)[0]


def plain(text: str) -> str:
    """Lower case, without accents, punctuation as words of its own."""
    text = "".join(
        c
        for c in unicodedata.normalize("NFD", text.lower().strip())
        if unicodedata.category(c) != "Mn"
    )
    return re.sub(
        r"\s+", " ", re.sub(r"([.!?,'-])", r" \1 ", re.sub(r"[^a-z0-9.!?,'-]+", " ", text))
    ).strip()


def find_pairs(choice: str, limit: int | None) -> tuple[Pairs, str]:
    found = search("embedded" if choice == "download" else choice, "tatoeba_eng_fra/eng-fra.txt")
    if not found:
        return [(a, b) for b, a in made_up()][
            :limit
        ], "a made-up language (eng-fra.txt is not here: give its folder by --data)"
    pairs = [
        (plain(a), plain(b))
        for a, b, *_ in (
            line.split("\t") for line in read(found[0]).splitlines() if line.count("\t")
        )
    ]
    groups: dict[str, Pairs] = {}
    for pair in pairs:  # one English sentence has several translations: all on one side of the cut
        groups.setdefault(pair[0], []).append(pair)
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(0)).tolist()
    sources = list(groups)
    return [pair for i in order for pair in groups[sources[i]]][
        :limit
    ], "Tatoeba, English to French"


def next_scores(model: Seq2Seq, source: Tensor) -> Scores:
    states, start = model.read(source)

    def scores(tokens: Tensor, rows: Tensor) -> Tensor:
        return F.log_softmax(
            model.write(states[rows], start[:, rows], source[rows], tokens)[0][:, -1], -1
        )

    return scores


@torch.no_grad()
def translate(model: Seq2Seq, source: Tensor, foreign: WordTokenizer, beams: int = 1) -> list[str]:
    model.eval()
    search_: Any = (
        next_scores(model, source),
        len(source),
        foreign.bos,
        foreign.eos,
        LONGEST,
        source.device,
    )
    return [
        foreign.decode(tokens)
        for tokens in (greedy(*search_) if beams == 1 else beam_search(*search_, beams))
    ]


def loss_of(model: Seq2Seq, source: Tensor, target: Tensor) -> tuple[Tensor, int]:
    wanted = target[:, 1:]
    return F.cross_entropy(
        model(source, target[:, :-1]).flatten(0, 1), wanted.flatten(), ignore_index=0
    ), int((wanted != 0).sum())


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    pairs, origin = find_pairs(settings["data"], settings["limit"])
    parts = cut_in_three(pairs)
    words, foreign = (
        WordTokenizer([pair[side] for pair in parts["train"]], min_count=2) for side in (0, 1)
    )
    ids = {
        name: (
            [words.encode(a) or [words.unk] for a, _ in part],
            [[foreign.bos, *foreign.encode(b), foreign.eos] for _, b in part],
        )
        for name, part in parts.items()
    }
    order = torch.Generator().manual_seed(settings["seed"])
    loader = batches_of(*ids["train"], 0, settings["batch_size"], order)
    model: Any = Seq2Seq(
        len(words), len(foreign), settings["hidden"], settings["attention"] == "yes"
    ).to(device)
    run.describe(
        f"Training on {len(parts['train']):,} pairs of {origin}; {len(words):,} and"
        f" {len(foreign):,} words."
    )
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    run.track(model, optimizer, loader)
    checks = [
        tuple(pad_batch(side)[0].to(device) for side in ids[name])
        for name in ("val", "test_2016_flickr")
    ]

    for _ in run.epochs():
        model.train()
        for source, target in run.batches():
            optimizer.param_groups[0]["lr"] = lr = settings["lr"] * one_cycle(run.progress)
            source, target = trim(source, 0).to(device), trim(target, 0).to(device)
            loss, count = loss_of(model, source, target)
            run.watch(loss, source, target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.record(loss, count, lr)
        model.eval()
        with torch.no_grad():
            run.end_epoch(loss_of(model, *checks[0])[0].item())

    run.load_best()
    source, test = checks[1][0], parts["test_2016_flickr"]
    found = translate(model, source, foreign, settings["beams"])
    for (a, b), text in list(zip(test, found))[:5]:
        run.describe(f"{a}  ->  {text}  (a person: {b})")
    if model.attention:
        show_attention(run, model, source[:3], foreign, [a for a, _ in test[:3]], found[:3])
    accepted: dict[str, list[str]] = {}
    for a, b in pairs:
        accepted.setdefault(a, []).append(b)
    score = bleu(found, [b for _, b in test])
    run.finish(
        **({} if score is None else {"bleu": score}),
        exact=sum(text in accepted[a] for (a, _), text in zip(test, found)) / len(test),
    )


@torch.no_grad()
def show_attention(
    run: Any,
    model: Seq2Seq,
    source: Tensor,
    foreign: WordTokenizer,
    texts: list[str],
    found: list[str],
) -> None:
    """attention.png: for each sentence, how much of each word read went into each word written."""
    pictures = []
    for row, a, text in zip(source, texts, found):
        row = row[row != 0].unsqueeze(0)
        states, start = model.read(row)
        written = [*text.split(), "(end)"]
        target = torch.tensor([[foreign.bos, *foreign.encode(text)]], device=row.device)
        weights = model.write(states, start, row, target)[1]
        assert weights is not None
        pictures.append((a.split(), written, weights[0].cpu().numpy()))
    run.plot("attention", pictures)


predictor = None
