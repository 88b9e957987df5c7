"""A GPT that writes Shakespeare letter by letter: data, model, loop and generation on two pages.

    tinygrad-edu train char-gpt                       Tiny Shakespeare if it is in ./data, else this package's source code
    tinygrad-edu train char-gpt --data FOLDER         the folder with its input.txt
    tinygrad-edu train char-gpt --size base           6 layers, 6 heads, width 384, context 256 (for a GPU, or patience)

The small size is the setting that nanoGPT suggests for a CPU: 4 layers, 4 heads, width 128, context
64, batch 12, 2,000 steps; only the highest learning rate is twice as large, 0.002. An epoch here is
250 steps on random places of the text.

Expected score on Tiny Shakespeare, small, 2,000 steps: validation loss 1.80 (nats a character);
nanoGPT states 1.88.

Reference: A. Vaswani et al., 2017, "Attention is all you need"; A. Radford et al., 2019, "Language
           models are unsupervised multitask learners" (GPT-2); A. Karpathy, nanoGPT (the setting,
           and the score to reach).
"""

from __future__ import annotations

import math
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, RandomSampler
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import TokenWindows

from . import Option, Recipe
from ._text import find_characters

SIZES = {  # layers, heads, width, context, dropout
    "small": (4, 4, 128, 64, 0.0),
    "base": (6, 6, 384, 256, 0.2),
}
STEPS = 250  # in an epoch
RECIPE = Recipe(
    name="char-gpt",
    task="write like Shakespeare, with a small GPT",
    data="Tiny Shakespeare, or this package's source code",
    time="about 2 minutes",
    score="validation loss 1.80",
    epochs=8,
    lr=2e-3,
    batch_size=12,
    unit="characters",
    options=(
        Option("size", "small", "how large the model is", tuple(SIZES)),
        Option("sample", 300, "characters to write at the end (default 300)"),
    ),
)


class Attention(nn.Module):
    """Each position gathers from those before it what fits its query.

    Several heads look for different things.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cache: list | None = None) -> Tensor:  # (B, T, D)
        B, T, D = x.shape
        # each (B, H, T, D/H)
        q, k, v = (
            self.qkv(x).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        if cache is not None:  # keys and values of the past need not be computed again
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
        y = F.scaled_dot_product_attention(
            q, k, v, dropout_p=self.dropout if self.training else 0.0, is_causal=T > 1
        )
        return self.out(y.transpose(1, 2).reshape(B, T, D))


class Block(nn.Module):
    """Attention, then a small network for each position; both add to what passes through."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.attention = (
            nn.LayerNorm(width, bias=False),
            Attention(width, heads, dropout),
        )
        self.norm2 = nn.LayerNorm(width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(),
            nn.Linear(4 * width, width, bias=False),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, cache: list | None = None) -> Tensor:
        x = x + self.drop(self.attention(self.norm1(x), cache))
        return x + self.drop(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    """Embeddings of characters and places, blocks, and a score for each next character.

    Small: 0.8 million parameters.
    """

    def __init__(
        self,
        vocabulary: int,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        context: int = 64,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.context = context
        self.tokens, self.places = (
            nn.Embedding(vocabulary, width),
            nn.Embedding(self.context, width),
        )
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm, self.head = (
            nn.LayerNorm(width, bias=False),
            nn.Linear(width, vocabulary, bias=False),
        )
        for name, p in self.named_parameters():
            if p.ndim == 2:  # what adds to the stream starts smaller the more layers there are
                nn.init.normal_(
                    p,
                    0.0,
                    (
                        0.02 / math.sqrt(2 * layers)
                        if name.endswith(("out.weight", "mlp.2.weight"))
                        else 0.02
                    ),
                )
        self.head.weight = self.tokens.weight  # one matrix reads and writes characters

    # (B, T) -> (B, T, vocabulary)
    def forward(self, tokens: Tensor, caches: list[list] | None = None) -> Tensor:
        past = caches[0][0].shape[2] if caches and caches[0] else 0
        x = self.drop(
            self.tokens(tokens)
            + self.places(torch.arange(past, past + tokens.shape[1], device=tokens.device))
        )
        for i, block in enumerate(self.blocks):
            x = block(x, None if caches is None else caches[i])
        return self.head(self.norm(x))


@torch.no_grad()
def generate(
    model: GPT,
    start: Tensor,
    count: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    cached: bool = True,
) -> Tensor:
    """`start` (B, T) continued by `count` tokens.

    temperature 0: always the likeliest. With the cache each step computes one position.
    """
    model.eval()
    tokens, caches = start, [[] for _ in model.blocks] if cached else None
    for _ in range(count):
        window = tokens[:, -model.context :]
        if caches is not None and caches[0] and tokens.shape[1] <= model.context:
            logits = model(window[:, -1:], caches)[:, -1]
        else:  # the first step, or the window has moved and with it every place: compute all of it
            caches = [[] for _ in model.blocks] if cached else None
            logits = model(window, caches)[:, -1]
        if temperature == 0:
            new = logits.argmax(-1, keepdim=True)
        else:
            logits = logits / temperature
            if top_k is not None:
                logits = logits.masked_fill(
                    logits < logits.topk(min(top_k, logits.shape[-1]))[0][:, -1:], float("-inf")
                )
            new = torch.multinomial(F.softmax(logits, -1), 1)
        tokens = torch.cat([tokens, new], 1)
    return tokens


def rate(step: int, steps: int, highest: float) -> float:
    """Up for the first twentieth of the steps, then down along a cosine to a tenth."""
    warm = max(1, steps // 20)
    if step < warm:
        return highest * (step + 1) / (warm + 1)
    return highest * (
        0.1 + 0.9 * (0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, steps - warm)))
    )


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    text, held_out, tokenizer, words = find_characters(settings["data"], settings["limit"])
    run.describe(words)
    model = GPT(len(tokenizer), *SIZES[settings["size"]]).to(device)
    windows, batch = TokenWindows(text, model.context), settings["batch_size"]
    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        windows,
        batch,
        sampler=RandomSampler(
            windows, replacement=True, num_samples=STEPS * batch, generator=order
        ),
        generator=order,
    )
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    optimizer = optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=settings["lr"],
        betas=(0.9, 0.99),
    )
    run.track(model, optimizer, loader)
    steps = settings["epochs"] * STEPS

    for _ in run.epochs():
        model.train()
        for x, y in run.batches():
            lr = rate(run.step, steps, settings["lr"])
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
        run.end_epoch(evaluate(model, held_out.to(device)))
    if settings["sample"]:
        torch.manual_seed(settings["seed"])
        start = torch.tensor([tokenizer.encode("\n")], device=device)
        run.describe(
            tokenizer.decode(generate(model, start, settings["sample"], 0.8, top_k=200)[0].tolist())
        )
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
