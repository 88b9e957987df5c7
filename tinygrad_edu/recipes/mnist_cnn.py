"""Read handwritten digits with a small convolutional network: data and loop on one page.

    tinygrad-edu train mnist-cnn                 the 5,000 digits inside this package, no download
    tinygrad-edu train mnist-cnn --data download --epochs 5      all 60,000 of MNIST

The network is `models.DigitNet`.

The best epoch is chosen on validation digits; the test digits are used once, at the end. Expected
score on them:
    embedded digits, 10 epochs:     98.20 % of 500
    all of MNIST, 5 epochs:         99.41 % of 10,000

Reference: I. Loshchilov and F. Hutter, 2019, "Decoupled weight decay regularization" (AdamW); L. N.
           Smith, 2018, "Super-convergence" (the one-cycle learning rate).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F

from ..models import DigitNet
from ..train import Recipe, Run, logits_of, one_cycle, scores
from ..train.sources.pictures import find_digits
from ..vision.read_digit import read_digit

RECIPE = Recipe(
    name="mnist-cnn",
    task="read handwritten digits",
    data="5,000 embedded digits, or all of MNIST",
    time="about 30 s",
    score="98.20 % of 500 test digits (all of MNIST, 5 epochs: 99.41 % of 10,000)",
    epochs=10,
    lr=0.005,
    batch_size=100,
)

MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST, where black is 0 and white is 1
BLACK = -MEAN / STD  # black after normalising


def normalize(pixels: Tensor) -> Tensor:
    """Bytes (N, 28, 28) to floats (N, 1, 28, 28) with mean 0 and standard deviation 1."""
    return ((pixels.float() / 255 - MEAN) / STD).unsqueeze(1)


def shift(images: Tensor, most: int = 2) -> Tensor:
    """Each image moved by up to `most` pixels each way: a 7 is a 7 wherever it stands."""
    N, _, H, W = images.shape
    padded = F.pad(images, (most, most, most, most), value=BLACK)
    rows = torch.arange(H) + torch.randint(0, 2 * most + 1, (N, 1))  # (N, H)
    columns = torch.arange(W) + torch.randint(0, 2 * most + 1, (N, 1))  # (N, W)
    image = torch.arange(N).reshape(N, 1, 1)
    return padded[image, 0, rows.unsqueeze(2), columns.unsqueeze(1)].unsqueeze(1)


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    data = find_digits(settings["data"], settings["limit"])
    run.describe(data.text)
    images, labels = normalize(data.train_images), data.train_labels
    check, answers = normalize(data.validation_images).to(device), data.validation_labels.to(device)
    test_images, test_labels = normalize(data.test_images).to(device), data.test_labels.to(device)

    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        TensorDataset(images, labels), settings["batch_size"], shuffle=True, generator=order
    )
    model = DigitNet().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    held_out = (check, answers, test_images, test_labels)
    run.track(model, optimizer, loader, held_out)

    for _ in run.epochs():
        model.train()
        for images, labels in run.batches():
            lr = settings["lr"] * one_cycle(run.progress)
            optimizer.param_groups[0]["lr"] = lr
            images, labels = shift(images).to(device), labels.to(device)

            logits = model(images)
            loss = F.cross_entropy(logits, labels)
            run.watch(loss, images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            correct = (logits.argmax(1) == labels).sum().item()
            run.record(loss, len(labels), lr, correct)
        run.end_epoch(*scores(logits_of(model, check), answers))

    run.plot("digit", data.test_images[0])  # something to try `predict` on
    run.load_best()
    logits = logits_of(model, test_images)
    run.plot("mistakes", data.test_images, data.test_labels, F.softmax(logits, 1))
    test_loss, test_accuracy = scores(logits, test_labels)
    run.finish(test_loss=test_loss, test_accuracy=test_accuracy)


def predictor(weights: dict[str, Any]) -> Callable[[str], list[tuple[str, float]]]:
    """A function from the path of an image to the ten digits and their probabilities, likeliest
    first.
    """
    model = DigitNet()
    model.load_state_dict(weights)

    def predict(path: str) -> list[tuple[str, float]]:
        probabilities = F.softmax(logits_of(model, normalize(read_digit(path).unsqueeze(0))), 1)[0]
        answers = [(str(digit), p) for digit, p in enumerate(probabilities.tolist())]
        return sorted(answers, key=lambda answer: -answer[1])

    return predict
