"""Translate German captions into English with a Transformer: encoder and decoder, label smoothing,
warm-up, beam search.

    tinygrad-edu train translate                 a made-up language
    tinygrad-edu train translate --data FOLDER   Multi30k: the folder with train.de.gz, train.en.gz,
                                                 val.de.gz, test_2016_flickr.de.gz ...
    tinygrad-edu train translate --size base     width 256, three layers a side

The network is `models.Translator`. Words are cut into byte-pair tokens, learnt here from both
languages together. The score is BLEU (sacrebleu: pip install sacrebleu) of beam search on the test
sentences, with the weights of the best validation loss.

Reference: A. Vaswani et al., 2017, "Attention is all you need"; R. Sennrich et al., 2016 (byte-pair
           tokens); D. Elliott et al., 2016, "Multi30K".
"""

from __future__ import annotations

import math

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import BPETokenizer, bleu, pad_batch, pair_loader, trim_padding

from ..models.search import search
from ..models.translator import Translator, next_scores
from ..train import Option, Recipe, Run
from ..train.sources.pairs import TEST, Pairs, cut_in_three, made_up, multi30k

# width, heads, layers a side, width inside, dropout
SIZES = {"small": (128, 4, 2, 512, 0.1), "base": (256, 8, 3, 512, 0.2)}
LONGEST = 60  # tokens of a translation
RECIPE = Recipe(
    name="translate",
    task="translate German into English with a Transformer",
    data="Multi30k, or a made-up language",
    time="about 30 minutes",
    score="BLEU 35.5 on Multi30k's test of 2016, 12 epochs",
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


def loss_of(
    model: Translator, source: Tensor, target: Tensor, smoothing: float
) -> tuple[Tensor, int]:
    """Mean cross-entropy of the tokens of `target` after its first, and how many there are."""
    wanted = target[:, 1:].flatten()
    there = (wanted != model.pad).nonzero()[:, 0]  # padding needs no scores
    states = model(source, target[:, :-1]).flatten(0, 1).index_select(0, there)
    loss = F.cross_entropy(model.score(states), wanted[there], label_smoothing=smoothing)
    return loss, len(there)


@torch.no_grad()
def translate(
    model: Translator,
    tokenizer: BPETokenizer,
    sources: list[list[int]],
    beams: int = 1,
    batch: int = 50,
) -> list[str]:
    """Translations of encoded sentences, in their order.

    Inside they are sorted by length, so that batches hold little padding.
    """
    model.eval()
    device = model.tokens.weight.device
    bos, eos = tokenizer.number["<bos>"], tokenizer.number["<eos>"]
    order, found = sorted(range(len(sources)), key=lambda i: len(sources[i])), [""] * len(sources)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        source = pad_batch([sources[i] for i in part], model.pad)[0].to(device)
        longest = min(LONGEST, 2 * source.shape[1] + 5)
        scores = next_scores(model, source)
        texts = search(scores, len(part), bos, eos, longest, device, beams)
        for i, tokens in zip(part, texts):
            found[i] = tokenizer.decode(tokens)
    return found


def rate(step: int, highest: float, warm: int) -> float:
    """Up for `warm` steps, then down with the square root of the step."""
    return highest * min((step + 1) / warm, math.sqrt(warm / (step + 1)))


def loader_of(
    pairs: Pairs, tokenizer: BPETokenizer, batch_tokens: int, order: torch.Generator
) -> DataLoader:
    """Batches of encoded pairs; the translations stand between `bos` and `eos`."""
    pad, bos, eos = (tokenizer.number[name] for name in ("<pad>", "<bos>", "<eos>"))
    sources = [tokenizer.encode(source) for source, _ in pairs]
    targets = [[bos, *tokenizer.encode(target), eos] for _, target in pairs]
    return pair_loader(sources, targets, pad, batch_tokens, order)


def find_parts(choice: str, limit: int | None) -> tuple[dict[str, Pairs], str]:
    """The parts train, val and test, and a few words that say what they are."""
    parts, origin = multi30k(choice, "de", "en"), "Multi30k, German to English"
    if parts is None:
        parts = cut_in_three(made_up())
        origin = "a made-up language (--data FOLDER for Multi30k)"
    return {name: pairs[:limit] for name, pairs in parts.items()}, origin


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    parts, origin = find_parts(settings["data"], settings["limit"])
    pairs = parts["train"]
    tokenizer = BPETokenizer.train(
        (text for pair in pairs for text in pair), min(settings["vocabulary"], 260 + len(pairs))
    )
    pad, batch = tokenizer.number["<pad>"], settings["batch_size"]
    order = torch.Generator().manual_seed(settings["seed"])
    loader = loader_of(pairs, tokenizer, batch, order)
    check = loader_of(parts["val"], tokenizer, batch, torch.Generator().manual_seed(0))
    model = Translator(len(tokenizer), pad, *SIZES[settings["size"]])
    model.to(device)
    run.describe(
        f"Training on {len(pairs):,} pairs of {origin}; {len(tokenizer):,} tokens,"
        f" {sum(p.numel() for p in model.parameters()):,} parameters."
    )
    optimizer = optim.Adam(model.parameters(), lr=settings["lr"], betas=(0.9, 0.98), eps=1e-9)
    run.track(model, optimizer, loader, check)
    warm = max(1, min(800, settings["epochs"] * len(loader) // 5))

    for _ in run.epochs():
        model.train()
        for source, target in run.batches():
            lr = rate(run.step, settings["lr"], warm)
            optimizer.param_groups[0]["lr"] = lr
            source, target = trim_padding(source, pad), trim_padding(target, pad)
            source, target = source.to(device), target.to(device)
            loss, count = loss_of(model, source, target, 0.1)
            run.watch(loss, source, target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.record(loss, count, lr)
        run.end_epoch(evaluate(model, check, pad))

    run.load_best()
    test = parts[TEST]
    sources = [tokenizer.encode(source) for source, _ in test]
    found = translate(model, tokenizer, sources, settings["beams"])
    for (source, target), text in list(zip(test, found))[:3]:
        run.describe(f"{source}\n  -> {text}\n  (a person: {target})")
    run.finish(**scores_of(run, found, [target for _, target in test]))


def scores_of(run: Run, found: list[str], wanted: list[str]) -> dict[str, float]:
    """BLEU, where sacrebleu is installed, and the share that equals a person's translation."""
    exact = sum(a == b for a, b in zip(found, wanted)) / len(wanted)
    score = bleu(found, wanted)
    if score is None:
        run.describe("No BLEU: sacrebleu is not installed. Run: pip install sacrebleu")
        return {"exact": exact}
    return {"bleu": score, "exact": exact}


@torch.no_grad()
def evaluate(model: Translator, loader: DataLoader, pad: int) -> float:
    """Mean cross-entropy (nats a token, no smoothing) over a loader."""
    model.eval()
    total, seen, device = 0.0, 0, model.tokens.weight.device
    if loader.generator is not None:
        loader.generator.manual_seed(0)  # the same order each time: a sum of floats depends on it
    for source, target in loader:
        source, target = trim_padding(source, pad), trim_padding(target, pad)
        loss, count = loss_of(model, source.to(device), target.to(device), 0.0)
        total, seen = total + loss.item() * count, seen + count
    return total / seen


predictor = None
