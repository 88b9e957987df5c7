"""Read handwritten digits with a small convolutional network: data, model and loop on one page.

    tinygrad-edu train mnist-cnn                     the 5,000 digits inside this package, no download
    tinygrad-edu train mnist-cnn --data download --epochs 5      all 60,000 of MNIST

Expected score, on the 10,000 test images of MNIST:
    embedded digits, 10 epochs:     98.7 %
    all of MNIST, 5 epochs:         99.4 %

Reference: Y. LeCun et al., 1998, "Gradient-based learning applied to document recognition"
           (LeNet-5); S. Ioffe and C. Szegedy, 2015, "Batch normalization"; I. Loshchilov and F.
           Hutter, 2019, "Decoupled weight decay regularization" (AdamW); L. N. Smith, 2018,
           "Super-convergence" (the one-cycle learning rate).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F

from . import Recipe
from ._digits import find_data, read_digit

RECIPE = Recipe(
    name="mnist-cnn",
    task="read handwritten digits",
    data="5,000 embedded digits, or all of MNIST",
    time="about 30 s",
    score="98.7 % (99.4 % on all of MNIST, 5 epochs)",
    epochs=10,
    lr=0.005,
    batch_size=100,
)

MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST, where black is 0 and white is 1
BLACK = -MEAN / STD  # black after normalising


class DigitNet(nn.Module):
    """Two convolutions that shrink the image and two linear layers that decide. 80,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5)
        self.norm2 = nn.BatchNorm2d(32)
        self.drop = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 4 * 4, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:  # (N, 1, 28, 28)
        x = F.max_pool2d(self.conv1(x), 2)  # (N, 16, 12, 12)
        x = F.relu(self.norm1(x))
        x = F.max_pool2d(self.conv2(x), 2)  # (N, 32, 4, 4)
        x = F.relu(self.norm2(x))
        x = self.drop(torch.flatten(x, 1))  # (N, 512)
        x = self.drop(F.relu(self.fc1(x)))  # (N, 128)
        return self.fc2(x)  # (N, 10)


def normalize(pixels: Tensor) -> Tensor:
    """Bytes (N, 28, 28) to floats (N, 1, 28, 28) with mean 0 and standard deviation 1."""
    return ((pixels.float() / 255 - MEAN) / STD).unsqueeze(1)


def shift(images: Tensor, most: int = 2) -> Tensor:
    """Each image moved by up to `most` pixels each way: a 7 is a 7 wherever it stands."""
    N, _, H, W = images.shape
    padded = F.pad(images, (most, most, most, most), value=BLACK)
    rows = torch.arange(H) + torch.randint(0, 2 * most + 1, (N, 1))  # (N, H)
    columns = torch.arange(W) + torch.randint(0, 2 * most + 1, (N, 1))  # (N, W)
    return padded[
        torch.arange(N).reshape(N, 1, 1), 0, rows.unsqueeze(2), columns.unsqueeze(1)
    ].unsqueeze(1)


def one_cycle(progress: float) -> float:
    """The learning rate's factor: up in a straight line for a quarter of the run, then down along a
    cosine to 0.
    """
    return (
        0.04 + 0.96 * progress / 0.25
        if progress < 0.25
        else 0.5 + 0.5 * math.cos(math.pi * (progress - 0.25) / 0.75)
    )


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    data = find_data(settings["data"], settings["limit"])
    run.describe(data.text)
    images, labels = normalize(data.train_images), data.train_labels
    test_images, test_labels = normalize(data.test_images).to(device), data.test_labels.to(device)

    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        TensorDataset(images, labels), settings["batch_size"], shuffle=True, generator=order
    )
    model = DigitNet().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=0.01)
    run.track(model, optimizer, loader)

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
        test_logits = evaluate(model, test_images)
        run.end_epoch(
            F.cross_entropy(test_logits, test_labels).item(),
            (test_logits.argmax(1) == test_labels).float().mean().item(),
        )

    run.plot(
        "mistakes", data.test_images, data.test_labels, F.softmax(evaluate(model, test_images), 1)
    )
    run.finish()


def evaluate(model: nn.Module, images: Tensor) -> Tensor:
    """The logits of all images, with dropout off and batch normalisation on its running averages."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part) for part in images.split(500)])


def predictor(weights: dict) -> Callable[[str], list[tuple[str, float]]]:
    """A function from the path of an image to the ten digits and their probabilities, likeliest
    first.
    """
    model = DigitNet()
    model.load_state_dict(weights)

    def predict(path: str) -> list[tuple[str, float]]:
        probabilities = F.softmax(evaluate(model, normalize(read_digit(path).unsqueeze(0))), 1)[0]
        return sorted(
            ((str(digit), p) for digit, p in enumerate(probabilities.tolist())),
            key=lambda pair: -pair[1],
        )

    return predict
