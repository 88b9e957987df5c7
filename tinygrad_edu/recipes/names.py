"""Invent names: from counting letter pairs to a Transformer, on one small data set.

    tinygrad-edu train names                     a small Transformer
    tinygrad-edu train names --model mlp         bigram, mlp, rnn, gru, transformer: the history of
                                                 the field in five models

Trains on the 32,033 names of names.txt with --data download or --data FOLDER, else on names made of
random syllables.

Expected validation loss (nats a letter) on names.txt, beside what makemore reports for its models
of these kinds:

    bigram 2.45 (2.45)   mlp 2.11 (2.1)   rnn 2.03   gru 1.99
    transformer 1.97 (1.92 after a longer training)

Reference: Y. Bengio et al., 2003, "A neural probabilistic language model" (mlp); A. Karpathy,
           makemore (the task and its figures).
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F

from ..models.gpt import GPT, generate
from ..models.sampling import sample
from ..train import Option, Recipe, Run, one_cycle
from ..train.sources.files import download, read, search

NAMES = (  # address, sha256
    "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
    "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
)
LONGEST = 15  # letters
VOCABULARY = 27  # a to z, and 0 for the end
RECIPE = Recipe(
    name="names",
    task="invent names, with five kinds of model",
    data="names.txt, or made-up syllables",
    time="about 2 minutes",
    score="validation loss 1.968 on names.txt (transformer)",
    epochs=10,
    lr=4e-3,
    batch_size=64,
    unit="letters",
    options=(
        Option(
            "model",
            "transformer",
            "the kind of model",
            ("bigram", "mlp", "rnn", "gru", "transformer"),
        ),
        Option("sample", 300, "letters to write at the end"),
    ),
)


class Bigram(nn.Module):
    """The score of the next letter looked up by the last one alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Embedding(VOCABULARY, VOCABULARY)

    def forward(self, x: Tensor) -> Tensor:  # (B, T) -> (B, T, 27)
        return self.scores(x)


class MLP(nn.Module):
    """The last three letters, embedded and side by side, through one hidden layer."""

    def __init__(self, past: int = 3, width: int = 32, hidden: int = 200) -> None:
        super().__init__()
        self.past = past
        self.letters = nn.Embedding(VOCABULARY, width)
        self.net = nn.Sequential(
            nn.Linear(past * width, hidden), nn.Tanh(), nn.Linear(hidden, VOCABULARY)
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, T) -> (B, T, 27)
        padded = F.pad(x, (self.past - 1, 0))
        views = [self.letters(padded[:, i : i + x.shape[1]]) for i in range(self.past)]
        return self.net(torch.cat(views, -1))


class Recurrent(nn.Module):
    """A state that each letter changes."""

    def __init__(self, kind: str, width: int = 64, hidden: int = 128) -> None:
        super().__init__()
        self.letters = nn.Embedding(VOCABULARY, width)
        self.cells = {"rnn": nn.RNN, "gru": nn.GRU}[kind](width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, VOCABULARY)

    def forward(self, x: Tensor) -> Tensor:  # (B, T) -> (B, T, 27)
        return self.head(self.cells(self.letters(x))[0])


def make_model(kind: str) -> nn.Module:
    """The model that the flag --model names."""
    if kind == "transformer":
        return GPT(VOCABULARY, layers=4, heads=4, width=64, context=LONGEST + 1)
    if kind == "bigram":
        return Bigram()
    return MLP() if kind == "mlp" else Recurrent(kind)


def made_up(count: int = 8000) -> list[str]:
    """Names of one to four random syllables."""
    rng = torch.Generator().manual_seed(7).numpy
    starts = "b c d f g h j k l m n p r s t v z br ch kr st th".split()
    middles = "a e i o u ai ea ia".split()
    ends = ["", "", "n", "r", "l", "s", "h"]

    def syllable() -> str:
        return rng.choice(starts) + rng.choice(middles) + rng.choice(ends)

    return ["".join(syllable() for _ in range(rng.integers(1, 5)))[:LONGEST] for _ in range(count)]


def find_names(choice: str, limit: int | None) -> tuple[list[str], str]:
    """Names of the letters a to z, and a few words that say where they come from."""
    file = "names/names.txt"
    found = [download(*NAMES, file)] if choice == "download" else search(choice, file)
    if found:
        names, source = [name for name in read(found[0]).split("\n") if name], "of names.txt"
    else:
        names = made_up()
        source = "made of random syllables (--data download fetches real ones)"
    names = [name for name in names if is_plain(name)][:limit]
    return names, f"{len(names):,} names {source}"


def is_plain(name: str) -> bool:
    return len(name) <= LONGEST and name.isascii() and name.isalpha() and name.islower()


def encode(names: list[str]) -> tuple[Tensor, Tensor]:
    """(N, 16) inputs, 0 and then the letters, and targets: the letters, then 0, then -1 where
    nothing counts.
    """
    rows = [[ord(c) - 96 for c in name] for name in names]
    x = torch.tensor([[0, *row] + [0] * (LONGEST - len(row)) for row in rows])
    y = torch.tensor([[*row, 0] + [-1] * (LONGEST - len(row)) for row in rows])
    return x, y


def loss_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of the letters that count."""
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-1)


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    names, text = find_names(settings["data"], settings["limit"])
    order = torch.Generator().manual_seed(settings["seed"])
    places = torch.randperm(len(names), generator=torch.Generator().manual_seed(0)).tolist()
    held = max(1, min(1000, len(names) // 10))
    x, y = encode([names[i] for i in places[held:]])
    check_x, check_y = (t.to(device) for t in encode([names[i] for i in places[:held]]))
    run.describe(f"Training on {len(x):,} of {text}, validating on the other {held:,}.")
    loader = DataLoader(TensorDataset(x, y), settings["batch_size"], shuffle=True, generator=order)
    model = make_model(settings["model"]).to(device)
    optimizer = optim.AdamW(
        model.parameters(), lr=settings["lr"], betas=(0.9, 0.99), weight_decay=0.01
    )
    run.track(model, optimizer, loader, (check_x, check_y))
    highest = settings["lr"] * (10 if settings["model"] == "bigram" else 1)

    for _ in run.epochs():
        model.train()
        for x, y in run.batches():
            lr = highest * one_cycle(run.progress)
            optimizer.param_groups[0]["lr"] = lr
            loss = loss_of(model, x.to(device), y.to(device))
            run.watch(loss, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.record(loss, (y >= 0).sum().item(), lr)
        model.eval()
        with torch.no_grad():
            run.end_epoch(loss_of(model, check_x, check_y).item())
    if settings["sample"]:
        torch.manual_seed(settings["seed"])
        run.describe("Invented: " + ", ".join(invent(model, 20)))
    run.finish()


@torch.no_grad()
def invent(model: nn.Module, count: int) -> list[str]:
    """New names, letter by letter."""
    model.eval()
    x = torch.zeros(count, 1, dtype=torch.int64, device=next(model.parameters()).device)
    if isinstance(model, GPT):
        x = generate(model, x, LONGEST)
    else:
        for _ in range(LONGEST):
            x = torch.cat([x, sample(model(x)[:, -1])], 1)
    texts = ["".join(chr(96 + t) if t else " " for t in row[1:]) for row in x.tolist()]
    names = [text.split(" ")[0] for text in texts]
    return [name for name in names if name]


predictor = None
