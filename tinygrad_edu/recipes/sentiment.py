"""Tell whether a movie reviewer liked the movie, from one sentence: with convolutions, an LSTM or a
Transformer.

    tinygrad-edu train sentiment                      convolutions over words
    tinygrad-edu train sentiment --model lstm         or transformer

With --data FOLDER, which holds rt-polarity.pos and .neg, trains on the 10,662 sentences of Pang and
Lee, else on sentences made from a small grammar. A tenth is for validation, another for the test.

Expected accuracy on the test sentences of reviews, all words learnt from scratch: 76.64 %.

Reference: B. Pang, L. Lee, 2005, "Seeing stars" (data); Y. Kim, 2014, "Convolutional neural
           networks for sentence classification".
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F
from tinygrad_edu.text import WordTokenizer, pad_batch

from ..train import Option, Recipe, Run, logits_of, one_cycle, scores
from ..train.sources.files import read, search

RECIPE = Recipe(
    name="sentiment",
    task="tell praise from blame in movie reviews",
    data="rt-polarity sentences, or made-up ones",
    time="about 1 minute",
    score="76.64 % of the test sentences of rt-polarity",
    epochs=5,
    lr=2e-3,
    batch_size=50,
    unit="sentences",
    options=(Option("model", "cnn", "the kind of model", ("cnn", "lstm", "transformer")),),
)
LONGEST = 50  # words


def word_vectors(vocabulary: int, width: int) -> nn.Embedding:
    """Small vectors to begin with, so that what is learnt about a word soon outweighs them."""
    words = nn.Embedding(vocabulary, width, padding_idx=0)
    nn.init.normal_(words.weight, 0.0, 0.1)
    with torch.no_grad():
        words.weight[0] = 0.0
    return words


class CNN(nn.Module):
    """Each filter looks for a phrase of 3, 4 or 5 words and reports its best find."""

    def __init__(
        self,
        vocabulary: int,
        width: int = 100,
        filters: int = 64,
        sizes: tuple[int, ...] = (3, 4, 5),
    ) -> None:
        super().__init__()
        self.words = word_vectors(vocabulary, width)
        self.phrases = nn.ModuleList(
            nn.Conv1d(width, filters, size, padding=size - 1) for size in sizes
        )
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(filters * len(sizes), 2)

    def forward(self, tokens: Tensor) -> Tensor:  # (N, T) -> (N, 2)
        x = self.drop(self.words(tokens)).transpose(1, 2)  # (N, D, T)
        found = [F.relu(phrase(x)).amax(2) for phrase in self.phrases]
        return self.head(self.drop(torch.cat(found, 1)))


class LSTM(nn.Module):
    """Reads both ways; the mean of the states at the words decides."""

    def __init__(self, vocabulary: int, width: int = 100, hidden: int = 64) -> None:
        super().__init__()
        self.words = word_vectors(vocabulary, width)
        self.cells = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(2 * hidden, 2)

    def forward(self, tokens: Tensor) -> Tensor:  # (N, T) -> (N, 2)
        there = (tokens != 0).float().unsqueeze(2)
        states = self.cells(self.drop(self.words(tokens)))[0]  # (N, T, 2H)
        mean = (states * there).sum(1) / there.sum(1).clamp(min=1)
        return self.head(self.drop(mean))


class Transformer(nn.Module):
    """One layer in which every word looks at every other; the mean decides."""

    def __init__(self, vocabulary: int, width: int = 96) -> None:
        super().__init__()
        self.words = word_vectors(vocabulary, width)
        self.places = nn.Embedding(LONGEST, width)
        # no larger than the words, or where a word stands would drown out which word it is
        nn.init.normal_(self.places.weight, 0.0, 0.1)
        self.layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.3, batch_first=True, norm_first=True
        )
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:  # (N, T) -> (N, 2)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.words(tokens) + self.places(places))
        x = self.layer(x, src_key_padding_mask=tokens == 0)  # (N, T, D)
        there = (tokens != 0).float().unsqueeze(2)
        mean = (x * there).sum(1) / there.sum(1).clamp(min=1)
        return self.head(self.drop(mean))


MODELS = {"cnn": CNN, "lstm": LSTM, "transformer": Transformer}


def made_up(count: int = 1500) -> tuple[list[str], list[str]]:
    """Sentences of praise and of blame from a small grammar; some are negated."""
    rng = torch.Generator().manual_seed(3).numpy
    things = "plot acting music film story ending cast script".split()
    good = "wonderful moving funny clever fresh gripping".split()
    bad = "dull tired clumsy bland awful empty".split()

    def sentence(praise: bool) -> str:
        turn = rng.random() < 0.25
        word = rng.choice(good if praise != turn else bad)
        thing, whole = rng.choice(things), rng.choice(things)
        stress = rng.choice(["", "very ", "truly "])
        return f"the {thing} of this {whole} is {'not ' if turn else ''}{stress}{word} ."

    return [sentence(True) for _ in range(count)], [sentence(False) for _ in range(count)]


def find_sentences(choice: str, limit: int | None) -> tuple[list[str], list[int], str]:
    """Sentences in random order, their labels (1: praise), and a few words that say what they
    are.
    """
    found = search(choice, "rt_polarity/rt-polarity.pos", "rt_polarity/rt-polarity.neg")
    if found:
        praise, blame = (
            [line for line in read(path).split("\n") if line.strip()] for path in found
        )
        source = "sentences of movie reviews"
    else:
        praise, blame = made_up()
        source = (
            "sentences from a small grammar (rt-polarity.pos and .neg are not here: give their"
            " folder with --data)"
        )
    texts, labels = [*praise, *blame], [1] * len(praise) + [0] * len(blame)
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()[:limit]
    return [texts[i] for i in order], [labels[i] for i in order], source


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    texts, liked, source = find_sentences(settings["data"], settings["limit"])
    tenth = max(1, len(texts) // 10)
    cut = len(texts) - 2 * tenth
    tokenizer = WordTokenizer(texts[:cut], min_count=2)
    tokens = pad_batch([tokenizer.encode(text)[:LONGEST] or [tokenizer.unk] for text in texts])[0]
    labels = torch.tensor(liked)
    run.describe(
        f"Training on {cut:,} {source}, validating on {tenth:,}, testing on {tenth:,} others;"
        f" {len(tokenizer):,} words."
    )
    check, answers = (t[cut : cut + tenth].to(device) for t in (tokens, labels))
    test_tokens, test_labels = (t[cut + tenth :].to(device) for t in (tokens, labels))

    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        TensorDataset(tokens[:cut], labels[:cut]),
        settings["batch_size"],
        shuffle=True,
        generator=order,
    )
    model = MODELS[settings["model"]](len(tokenizer)).to(device)
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    run.track(model, optimizer, loader, (check, answers, test_tokens, test_labels))

    for _ in run.epochs():
        model.train()
        for x, y in run.batches():
            lr = settings["lr"] * one_cycle(run.progress)
            optimizer.param_groups[0]["lr"] = lr
            # no longer than this batch needs
            x, y = x[:, : max(5, int((x != 0).sum(1).max()))].to(device), y.to(device)
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            run.watch(loss, x)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 3.0)
            optimizer.step()
            run.record(loss, len(y), lr, (logits.argmax(1) == y).sum().item())
        run.end_epoch(*scores(logits_of(model, check, 200), answers))
    run.load_best()
    test_loss, test_accuracy = scores(logits_of(model, test_tokens, 200), test_labels)
    run.finish(test_loss=test_loss, test_accuracy=test_accuracy)


predictor = None
