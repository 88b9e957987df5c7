"""Translate German captions into English with a Transformer: encoder and decoder, label smoothing,
warm-up, beam search.

    tinygrad-edu train translate                      Multi30k if it is in ./data, else a made-up language
    tinygrad-edu train translate --data FOLDER        the folder with train.de.gz, train.en.gz, val..., test_2016_flickr...
    tinygrad-edu train translate --size base          width 256, three layers a side

Words are cut into byte-pair tokens, learnt here from both languages together; one matrix reads and
writes them. The score is BLEU (sacrebleu: pip install sacrebleu) of beam search on the test
sentences, with the weights of the best validation loss.

Reference: A. Vaswani et al., 2017, "Attention is all you need"; R. Sennrich et al., 2016 (byte-pair
           tokens); D. Elliott et al., 2016, "Multi30K"; O. Press, L. Wolf, 2017, "Using the output
           embedding to improve language models" (one matrix).
"""

from __future__ import annotations

import math
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import BPETokenizer, pad_batch

from . import Option, Recipe
from ._translation import (
    Scores,
    batches_of,
    beam_search,
    bleu,
    cut_in_three,
    greedy,
    made_up,
    multi30k,
    trim,
)

# width, heads, layers a side, width inside, dropout
SIZES = {"small": (128, 4, 2, 512, 0.1), "base": (256, 8, 3, 512, 0.2)}
LONGEST = 60  # tokens of a translation
RECIPE = Recipe(
    name="translate",
    task="translate German into English with a Transformer",
    data="Multi30k, or a made-up language",
    time="about 30 minutes",
    score="BLEU on test 2016",
    epochs=10,
    lr=2e-3,
    batch_size=4000,
    unit="tokens",
    options=(
        Option("size", "small", "how large the model is", tuple(SIZES)),
        Option("vocabulary", 4000, "byte-pair tokens to learn"),
        Option("beams", 4, "width of the search at the end"),
    ),
)


class Translator(nn.Module):
    """Tokens of both languages share one table, which also scores the next token."""

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

    def encode(self, source: Tensor) -> Tensor:
        return self.layers.encoder(self.embed(source), src_key_padding_mask=source == self.pad)

    def decode(self, memory: Tensor, closed: Tensor, target: Tensor) -> Tensor:
        return self.layers.decoder(
            self.embed(target), memory, tgt_is_causal=True, memory_key_padding_mask=closed
        )

    def score(self, states: Tensor) -> Tensor:
        return F.linear(states, self.tokens.weight)

    # -> (B, T, D): what `score` turns into scores
    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(self.encode(source), source == self.pad, target)


def loss_of(
    model: Translator, source: Tensor, target: Tensor, smoothing: float
) -> tuple[Tensor, int]:
    """Mean cross-entropy of the tokens of `target` after its first, and how many there are."""
    wanted = target[:, 1:].flatten()
    there = (wanted != model.pad).nonzero()[:, 0]  # padding needs no scores
    states = model(source, target[:, :-1]).flatten(0, 1).index_select(0, there)
    return F.cross_entropy(model.score(states), wanted[there], label_smoothing=smoothing), len(
        there
    )


def next_scores(model: Translator, source: Tensor) -> Scores:
    memory, closed = model.encode(source), source == model.pad

    def scores(tokens: Tensor, rows: Tensor) -> Tensor:
        return F.log_softmax(
            model.score(model.decode(memory[rows], closed[rows], tokens)[:, -1]), -1
        )

    return scores


@torch.no_grad()
def translate(
    model: Translator,
    tokenizer: BPETokenizer,
    sources: list[list[int]],
    beams: int = 1,
    batch: int = 50,
) -> list[str]:
    """Translations of encoded sentences, sorted by length inside so that batches hold little
    padding.
    """
    model.eval()
    order, found = sorted(range(len(sources)), key=lambda i: len(sources[i])), [""] * len(sources)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        source = pad_batch([sources[i] for i in part], model.pad)[0].to(model.tokens.weight.device)
        search: Any = (
            next_scores(model, source),
            len(part),
            tokenizer.bos,
            tokenizer.eos,
            min(LONGEST, 2 * source.shape[1] + 5),
            source.device,
        )
        for i, tokens in zip(part, greedy(*search) if beams == 1 else beam_search(*search, beams)):
            found[i] = tokenizer.decode(tokens)
    return found


def rate(step: int, highest: float, warm: int) -> float:
    """Up for `warm` steps, then down with the root of the step."""
    return highest * min((step + 1) / warm, math.sqrt(warm / (step + 1)))


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    parts = multi30k(settings["data"], "de", "en")
    origin = (
        "Multi30k, German to English"
        if parts
        else "a made-up language (Multi30k is not here: give its folder by --data)"
    )
    parts = parts or cut_in_three(made_up())
    pairs = parts["train"][: settings["limit"]]
    tokenizer = BPETokenizer.train(
        (text for pair in pairs for text in pair), min(settings["vocabulary"], 260 + len(pairs))
    )
    specials: Any = (tokenizer.pad, tokenizer.bos, tokenizer.eos)
    pad, bos, eos = specials
    ids = {
        name: [(tokenizer.encode(a), [bos, *tokenizer.encode(b), eos]) for a, b in part]
        for name, part in {**parts, "train": pairs}.items()
    }
    order = torch.Generator().manual_seed(settings["seed"])
    loader = batches_of(
        [a for a, _ in ids["train"]],
        [b for _, b in ids["train"]],
        pad,
        settings["batch_size"],
        order,
    )
    checks = batches_of(
        [a for a, _ in ids["val"]],
        [b for _, b in ids["val"]],
        pad,
        settings["batch_size"],
        torch.Generator().manual_seed(0),
    )
    model: Any = Translator(len(tokenizer), pad, *SIZES[settings["size"]]).to(device)
    run.describe(
        f"Training on {len(pairs):,} pairs of {origin}; {len(tokenizer):,} tokens,"
        f" {sum(p.numel() for p in model.parameters()):,} parameters."
    )
    optimizer = optim.Adam(model.parameters(), lr=settings["lr"], betas=(0.9, 0.98), eps=1e-9)
    run.track(model, optimizer, loader)
    warm = max(1, min(800, settings["epochs"] * len(loader) // 5))

    for _ in run.epochs():
        model.train()
        for source, target in run.batches():
            optimizer.param_groups[0]["lr"] = lr = rate(run.step, settings["lr"], warm)
            source, target = trim(source, pad).to(device), trim(target, pad).to(device)
            loss, count = loss_of(model, source, target, 0.1)
            run.watch(loss, source, target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.record(loss, count, lr)
        run.end_epoch(evaluate(model, checks, pad))

    run.load_best()
    wanted = [b for _, b in parts["test_2016_flickr"]]
    found = translate(model, tokenizer, [a for a, _ in ids["test_2016_flickr"]], settings["beams"])
    for (source, target), text in list(zip(parts["test_2016_flickr"], found))[:3]:
        run.describe(f"{source}\n  -> {text}\n  (a person: {target})")
    score = bleu(found, wanted)
    if score is None:
        run.describe("No BLEU: sacrebleu is not installed. Run: pip install sacrebleu")
    run.finish(
        **({} if score is None else {"bleu": score}),
        exact=sum(a == b for a, b in zip(found, wanted)) / len(wanted),
    )


@torch.no_grad()
def evaluate(model: Translator, loader: Any, pad: int) -> float:
    """Mean cross-entropy (nats a token, no smoothing) over a loader."""
    model.eval()
    total, seen, device = 0.0, 0, model.tokens.weight.device
    for source, target in loader:
        loss, count = loss_of(
            model, trim(source, pad).to(device), trim(target, pad).to(device), 0.0
        )
        total, seen = total + loss.item() * count, seen + count
    return total / seen


predictor = None
