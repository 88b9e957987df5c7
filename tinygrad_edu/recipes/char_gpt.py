"""A GPT that writes Shakespeare letter by letter.

    tinygrad-edu train char-gpt                  this package's source code as the text
    tinygrad-edu train char-gpt --data download  Tiny Shakespeare, fetched once (1 MB)
    tinygrad-edu train char-gpt --size base      6 layers, 6 heads, width 384, context 256 (for a
                                                 GPU, or patience)

The network is `models.GPT`. The small size is the setting that nanoGPT suggests for a CPU: 4
layers, 4 heads, width 128, context 64, batch 12, 2,000 steps; only the highest learning rate is
twice as large, 0.002. An epoch here is 250 steps on random places of the
text, or as many as would read a shorter text once.

Expected score on Tiny Shakespeare, small, 2,000 steps: validation loss 1.81 (nats a character);
nanoGPT states 1.88.

Reference: A. Karpathy, nanoGPT (the setting, and the score to reach).
"""

from __future__ import annotations

import math

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, RandomSampler
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import TokenWindows

from ..models.gpt import GPT, generate
from ..train import Option, Recipe, Run
from ..train.sources.characters import find_characters

SIZES = {  # layers, heads, width, context, dropout
    "small": (4, 4, 128, 64, 0.0),
    "base": (6, 6, 384, 256, 0.2),
}
STEPS = 250  # in an epoch, at most
RECIPE = Recipe(
    name="char-gpt",
    task="write like Shakespeare, with a small GPT",
    data="Tiny Shakespeare, or this package's source code",
    time="about 2 minutes",
    score="validation loss 1.805 on Tiny Shakespeare",
    epochs=8,
    lr=2e-3,
    batch_size=12,
    unit="characters",
    options=(
        Option("size", "small", "how large the model is", tuple(SIZES)),
        Option("sample", 300, "characters to write at the end"),
    ),
)


def rate(step: int, steps: int, highest: float) -> float:
    """Up for the first twentieth of the steps, then down along a cosine to a tenth."""
    warm = max(1, steps // 20)
    if step < warm:
        return highest * (step + 1) / (warm + 1)
    wave = 0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm))
    return highest * (0.1 + 0.9 * wave)


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    text = find_characters(settings["data"], settings["limit"])
    run.describe(text.text)
    model = GPT(len(text.tokenizer), *SIZES[settings["size"]]).to(device)
    windows, batch = TokenWindows(text.train, model.context), settings["batch_size"]
    order = torch.Generator().manual_seed(settings["seed"])
    an_epoch = min(STEPS, max(1, len(text.train) // (batch * model.context)))
    sampler = RandomSampler(
        windows, replacement=True, num_samples=an_epoch * batch, generator=order
    )
    loader = DataLoader(windows, batch, sampler=sampler, generator=order)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer = optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings["lr"],
        betas=(0.9, 0.99),
    )
    run.track(model, optimizer, loader, [text.validation])

    for _ in run.epochs():
        model.train()
        for x, y in run.batches():
            lr = rate(run.step, run.total_steps, settings["lr"])
            for group in optimizer.param_groups:
                group["lr"] = lr
            logits = model(x.to(device))
            loss = F.cross_entropy(logits.flatten(0, 1), y.to(device).flatten())
            run.watch(loss, x)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.record(loss, x.numel(), lr)
        run.end_epoch(evaluate(model, text.validation.to(device)))
    if settings["sample"]:
        torch.manual_seed(settings["seed"])
        start = torch.tensor([text.tokenizer.encode("\n")], device=device)
        written = generate(model, start, settings["sample"], temperature=0.8, top_k=200)
        run.describe(text.tokenizer.decode(written[0].tolist()))
    run.finish()


@torch.no_grad()
def evaluate(model: GPT, tokens: Tensor, batch: int = 64) -> float:
    """The mean loss over all of a text, cut into windows."""
    model.eval()
    T = model.context
    count = (len(tokens) - 1) // T
    x, y = tokens[: count * T].view(count, T), tokens[1 : count * T + 1].view(count, T)
    total = sum(
        F.cross_entropy(model(a).flatten(0, 1), b.flatten(), reduction="sum").item()
        for a, b in zip(x.split(batch), y.split(batch))
    )
    return total / (count * T)


predictor = None
