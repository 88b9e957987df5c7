"""AlexNet, scaled to small pictures, tells clothes apart (Fashion-MNIST).

    tinygrad-edu train alexnet                        Fashion-MNIST if it is in ./data, else the digits inside this package
    tinygrad-edu train alexnet --data download        gets Fashion-MNIST once (30 MB)

The rule of the scaling, from 224 x 224 colour pictures in 1,000 classes to 28 x 28 grey ones in 10:
every layer of the original stays, in its order. The first kernel, 11 with stride 4, becomes 5 with
stride 1; channels and hidden units are divided by 4 and by 8. As in the original: ReLU, local
response normalisation after the first two layers, overlapping pooling (3 wide, stride 2), dropout
before the hidden layers, momentum 0.9, weight decay 0.0005, mirrored pictures in training. Unlike
it, weights start by He's rule (2015), the rate follows one cycle, since 14 epochs replace 90, and
dropout takes 1/4 of the hidden units, not 1/2, since there are fewer.

Expected score on Fashion-MNIST: at least 92 % of the 10,000 test pictures.

Reference: A. Krizhevsky, I. Sutskever, G. Hinton, 2012, "ImageNet classification with deep
           convolutional neural networks".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F
from tinygrad_edu.vision import datasets

from . import Recipe, UsageError
from ._digits import find_data, read_digit, thin_out
from .mnist_cnn import evaluate, one_cycle

RECIPE = Recipe(
    name="alexnet",
    task="tell clothes apart with AlexNet",
    data="Fashion-MNIST, or 5,000 embedded digits",
    time="about 35 minutes",
    score="92 % on Fashion-MNIST",
    epochs=14,
    lr=0.03,
    batch_size=100,
)
CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
MEAN, STD = 0.2860, 0.3530  # of the pixels of Fashion-MNIST, where black is 0 and white is 1


class AlexNet(nn.Module):
    """Five convolutions, three pools, three linear layers. 550,000 parameters."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (N, 1, 28, 28)
            nn.Conv2d(1, 24, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 24, 13, 13)
            nn.Conv2d(24, 64, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 64, 6, 6)
            nn.Conv2d(64, 96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(96, 96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(96, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),
        )  # (N, 64, 3, 3)
        self.classifier = nn.Sequential(
            nn.Dropout(0.25),
            nn.Linear(64 * 3 * 3, 512),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, classes),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def normalize(pixels: Tensor) -> Tensor:
    """Bytes (N, 28, 28) to floats (N, 1, 28, 28) with mean 0 and standard deviation 1."""
    return ((pixels.float() / 255 - MEAN) / STD).unsqueeze(1)


def find_clothes(choice: str, limit: int | None) -> tuple[Tensor, Tensor, Tensor, Tensor, str]:
    """Pictures and labels to train and to test on, and a line that says what they are."""
    root = (
        os.environ.get("TINYGRAD_EDU_DATA", "data")
        if choice in ("embedded", "download")
        else choice
    )
    if os.path.isdir(os.path.join(root, "fashion_mnist")):
        root = os.path.join(root, "fashion_mnist")
    try:
        train, test = (
            datasets.FashionMNIST(root, train=part, download=choice == "download")
            for part in (True, False)
        )
    except (datasets.DatasetError, OSError) as error:
        if choice != "embedded":
            raise UsageError(
                f"alexnet: --data must lead to Fashion-MNIST, got {choice!r}. {error}"
            ) from error
        digits = find_data("embedded", limit)
        return (
            digits.train_images,
            digits.train_labels,
            digits.test_images,
            digits.test_labels,
            "Fashion-MNIST is not here (--data download gets it). " + digits.text,
        )
    images, labels, test_images, test_labels = train.data, train.targets, test.data, test.targets
    if limit is not None:
        (images, labels), (test_images, test_labels) = (
            thin_out(images, labels, limit),
            thin_out(test_images, test_labels, limit),
        )
    return (
        images,
        labels,
        test_images,
        test_labels,
        (
            f"Training on {len(labels):,} pictures of Fashion-MNIST, testing on"
            f" {len(test_labels):,} others."
        ),
    )


def mirror(images: Tensor) -> Tensor:
    """Each picture turned left to right with probability 1/2."""
    turned = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(turned, images.flip(3), images)


def train(run: Any) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    images, labels, test_pixels, test_labels, text = find_clothes(
        settings["data"], settings["limit"]
    )
    run.describe(text)
    clothes = text.startswith("Training")
    test_images, test_answers = normalize(test_pixels).to(device), test_labels.to(device)

    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        TensorDataset(normalize(images), labels),
        settings["batch_size"],
        shuffle=True,
        generator=order,
    )
    model = AlexNet().to(device)
    optimizer = optim.SGD(model.parameters(), lr=settings["lr"], momentum=0.9, weight_decay=5e-4)
    run.track(model, optimizer, loader)

    for _ in run.epochs():
        model.train()
        for x, y in run.batches():
            lr = settings["lr"] * one_cycle(run.progress)
            optimizer.param_groups[0]["lr"] = lr
            x, y = (mirror(x) if clothes else x).to(device), y.to(device)  # a mirrored 3 is no 3
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            run.watch(loss, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.record(loss, len(y), lr, (logits.argmax(1) == y).sum().item())
        test_logits = evaluate(model, test_images)
        run.end_epoch(
            F.cross_entropy(test_logits, test_answers).item(),
            (test_logits.argmax(1) == test_answers).float().mean().item(),
        )

    run.plot(
        "mistakes",
        test_pixels,
        test_labels,
        F.softmax(evaluate(model, test_images), 1),
        names=CLOTHES if clothes else None,
    )
    run.finish()


def predictor(weights: dict) -> Callable[[str], list[tuple[str, float]]]:
    """A function from the path of a picture to the ten kinds of clothes and their probabilities,
    likeliest first.
    """
    model = AlexNet()
    model.load_state_dict(weights)

    def predict(path: str) -> list[tuple[str, float]]:
        probabilities = F.softmax(evaluate(model, normalize(read_digit(path).unsqueeze(0))), 1)[0]
        return sorted(zip(CLOTHES, probabilities.tolist()), key=lambda pair: -pair[1])

    return predict
