"""An LSTM (or GRU) that writes Shakespeare letter by letter, and remembers what it wrote in its
state.

    tinygrad-edu train char-rnn                       Tiny Shakespeare if it is in ./data, else this package's source code
    tinygrad-edu train char-rnn --model gru
    tinygrad-edu train char-rnn --temperature 0.5 --top-k 10     what is written at the end: surer, from the ten likeliest letters

The text lies in 32 long columns. A step reads the next 64 letters of each, and the state goes on
from step to step, so that the model sees far back although backward only goes through 64 letters.

Reference: S. Hochreiter, J. Schmidhuber, 1997, "Long short-term memory"; K. Cho et al., 2014 (GRU);
           A. Karpathy, 2015, "The unreasonable effectiveness of recurrent neural networks" (the
           task).
"""

from __future__ import annotations

from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, SequentialSampler, TensorDataset
from tinygrad_edu.nn import functional as F

from . import Option, Recipe
from ._text import find_characters
from .mnist_cnn import one_cycle

LENGTH = 64  # letters of a step
RECIPE = Recipe(
    name="char-rnn",
    task="write like Shakespeare, with an LSTM or GRU",
    data="Tiny Shakespeare, or this package's source code",
    time="about 3 minutes",
    score="validation loss 1.51",
    epochs=6,
    lr=4e-3,
    batch_size=32,
    unit="characters",
    options=(
        Option("model", "lstm", "the kind of cell", ("lstm", "gru")),
        Option("hidden", 256, "units of the state"),
        Option("temperature", 0.8, "of the sample at the end: below 1 surer, above 1 wilder"),
        Option("top_k", 40, "choose among so many letters"),
        Option("sample", 300, "characters to write at the end"),
    ),
)


class CharRNN(nn.Module):
    """A letter changes the state; the state scores the next letter."""

    def __init__(
        self, vocabulary: int, kind: str, hidden: int, width: int = 64, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.letters, self.drop = nn.Embedding(vocabulary, width), nn.Dropout(dropout)
        self.cells = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](width, hidden)
        self.head = nn.Linear(hidden, vocabulary)

    # (T, B) -> (T, B, vocabulary)
    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        states, state = self.cells(self.letters(tokens), state)
        return self.head(self.drop(states)), state


class Memory:
    """The state between two steps: values without their past, for backward stops here. Checkpoints
    hold it too.
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self.state: Any = None

    def keep(self, state: Any) -> None:
        self.state = (
            tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        )

    def state_dict(self) -> dict:
        parts = (
            ()
            if self.state is None
            else self.state
            if isinstance(self.state, tuple)
            else (self.state,)
        )
        return {str(i): part for i, part in enumerate(parts)}

    def load_state_dict(self, saved: dict) -> None:
        parts = tuple(saved[key].to(self.device) for key in sorted(saved))
        self.state = None if not parts else parts[0] if len(parts) == 1 else parts


def columns(tokens: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """A text as steps of `count` columns: inputs and targets, each (steps, LENGTH, count)."""
    steps = (len(tokens) - 1) // (count * LENGTH)
    size = steps * LENGTH
    return tuple(
        tokens[shift : shift + count * size]
        .reshape(count, steps, LENGTH)
        .permute(1, 2, 0)
        .contiguous()
        for shift in (0, 1)
    )  # type: ignore[return-value]


@torch.no_grad()
def sample(
    model: CharRNN, start: list[int], count: int, temperature: float = 1.0, top_k: int | None = None
) -> list[int]:
    """`start` continued by `count` letters. temperature 0: always the likeliest."""
    model.eval()
    device = next(model.parameters()).device
    tokens, (logits, state) = list(start), model(torch.tensor(start, device=device).unsqueeze(1))
    for _ in range(count):
        scores = logits[-1, 0]
        if temperature == 0:
            new = int(scores.argmax())
        else:
            scores = scores / temperature
            if top_k is not None:
                scores = scores.masked_fill(
                    scores < scores.topk(min(top_k, len(scores)))[0][-1], float("-inf")
                )
            new = int(torch.multinomial(F.softmax(scores, 0), 1))
        tokens.append(new)
        logits, state = model(torch.tensor([[new]], device=device), state)
    return tokens


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    text, held_out, tokenizer, words = find_characters(settings["data"], settings["limit"])
    run.describe(words)
    count = min(settings["batch_size"], max(1, len(text) // (4 * LENGTH)))
    data = TensorDataset(*columns(text, count))
    loader = DataLoader(
        data,
        None,
        sampler=SequentialSampler(data),
        generator=torch.Generator().manual_seed(settings["seed"]),
    )
    model: Any = CharRNN(len(tokenizer), settings["model"], settings["hidden"]).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    memory = Memory(device)
    run.track(model, optimizer, loader, memory=memory)

    for _ in run.epochs():
        model.train()
        if not run.state["batch"]:  # the text begins again
            memory.state = None
        for x, y in run.batches():
            optimizer.param_groups[0]["lr"] = lr = settings["lr"] * one_cycle(run.progress)
            logits, state = model(x.to(device), memory.state)
            memory.keep(state)
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
        run.describe(
            tokenizer.decode(
                sample(
                    model,
                    tokenizer.encode("\n"),
                    settings["sample"],
                    settings["temperature"],
                    settings["top_k"],
                )
            )
        )
    run.finish()


@torch.no_grad()
def evaluate(model: CharRNN, tokens: Tensor, count: int = 16) -> float:
    """The mean loss over a text, read in `count` columns with the state going on."""
    model.eval()
    x, y = columns(tokens, min(count, max(1, (len(tokens) - 1) // LENGTH)))
    total, state = 0.0, None
    for a, b in zip(x, y):
        logits, state = model(a, state)
        total += F.cross_entropy(logits.flatten(0, 1), b.flatten()).item()
    return total / len(x)


predictor = None
