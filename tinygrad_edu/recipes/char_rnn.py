"""An LSTM (or GRU) that writes Shakespeare letter by letter, and remembers what it wrote in its
state.

    tinygrad-edu train char-rnn                  this package's source code as the text
    tinygrad-edu train char-rnn --model gru
    tinygrad-edu train char-rnn --temperature 0.5 --top-k 10     what is written at the end: surer,
                                                 from the ten likeliest letters

The network is `models.CharRNN`. The text lies in 32 long columns. A step reads the next 64 letters
of each, and the state continues from step to step, so that the model sees far back although
backward only goes through 64 letters.

Expected score on Tiny Shakespeare: validation loss 1.51 (nats a character).

Reference: A. Karpathy, 2015, "The unreasonable effectiveness of recurrent neural networks" (the
           task).
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, SequentialSampler, TensorDataset
from tinygrad_edu.nn import functional as F

from ..engine.device import Device
from ..models.char_rnn import CharRNN, State, generate
from ..train import Option, Recipe, Run, one_cycle
from ..train.sources.characters import find_characters

LENGTH = 64  # letters of a step
RECIPE = Recipe(
    name="char-rnn",
    task="write like Shakespeare, with an LSTM or GRU",
    data="Tiny Shakespeare, or this package's source code",
    time="about 3 minutes",
    score="validation loss 1.510 on Tiny Shakespeare",
    epochs=6,
    lr=4e-3,
    batch_size=32,
    unit="characters",
    options=(
        Option("model", "lstm", "the kind of cell", ("lstm", "gru")),
        Option("hidden", 256, "units of the state"),
        Option("temperature", 0.8, "of the sample at the end: below 1 surer, above 1 wilder"),
        Option("top_k", 40, "choose among that many of the likeliest letters"),
        Option("sample", 300, "characters to write at the end"),
    ),
)


class Memory:
    """The state between two steps, cut off from its past: backward stops here. Checkpoints hold it
    too.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.state: State = None

    def keep(self, state: State) -> None:
        if isinstance(state, tuple):
            self.state = tuple(part.detach() for part in state)
        else:
            self.state = state.detach()

    def state_dict(self) -> dict[str, Tensor]:
        if self.state is None:
            return {}
        parts = self.state if isinstance(self.state, tuple) else (self.state,)
        return {str(i): part for i, part in enumerate(parts)}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        parts = tuple(saved[key].to(self.device) for key in sorted(saved))
        self.state = None
        if parts:
            self.state = parts if len(parts) > 1 else parts[0]


def columns(tokens: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """A text as steps of `count` columns: inputs and targets, each (steps, LENGTH, count)."""
    steps = (len(tokens) - 1) // (count * LENGTH)

    def cut(start: int) -> Tensor:
        part = tokens[start : start + count * steps * LENGTH]
        return part.reshape(count, steps, LENGTH).permute(1, 2, 0).contiguous()

    return cut(0), cut(1)


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    text = find_characters(settings["data"], settings["limit"])
    run.describe(text.text)
    count = min(settings["batch_size"], max(1, len(text.train) // (4 * LENGTH)))
    data = TensorDataset(*columns(text.train, count))
    loader = DataLoader(
        data,
        None,
        sampler=SequentialSampler(data),
        generator=torch.Generator().manual_seed(settings["seed"]),
    )
    model = CharRNN(len(text.tokenizer), settings["model"], settings["hidden"]).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    memory = Memory(device)
    run.track(model, optimizer, loader, [text.validation], memory=memory)

    for _ in run.epochs():
        model.train()
        if not run.state.batch:  # the text begins again
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
        run.end_epoch(evaluate(model, text.validation.to(device)))
    if settings["sample"]:
        torch.manual_seed(settings["seed"])
        written = generate(
            model,
            text.tokenizer.encode("\n"),
            settings["sample"],
            settings["temperature"],
            settings["top_k"],
        )
        run.describe(text.tokenizer.decode(written))
    run.finish()


@torch.no_grad()
def evaluate(model: CharRNN, tokens: Tensor, count: int = 16) -> float:
    """The mean loss over a text, read in `count` columns; the state continues."""
    model.eval()
    x, y = columns(tokens, min(count, max(1, (len(tokens) - 1) // LENGTH)))
    total, state = 0.0, None
    for a, b in zip(x, y):
        logits, state = model(a, state)
        total += F.cross_entropy(logits.flatten(0, 1), b.flatten()).item()
    return total / len(x)


predictor = None
