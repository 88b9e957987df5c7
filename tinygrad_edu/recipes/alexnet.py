"""AlexNet, scaled down to small pictures, tells clothes apart (Fashion-MNIST).

    tinygrad-edu train alexnet                   the digits inside this package
    tinygrad-edu train alexnet --data download   fetches Fashion-MNIST once (30 MB)

The network is `models.AlexNet`. As in the original: momentum 0.9, weight decay 0.0005, mirrored
pictures in training. Unlike it, the learning rate follows one cycle, since 14 epochs replace 90.

Expected score on Fashion-MNIST: at least 92 % of the 10,000 test pictures.

Reference: A. Krizhevsky, I. Sutskever, G. Hinton, 2012, "ImageNet classification with deep
           convolutional neural networks".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, optim
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.nn import functional as F

from ..models import AlexNet
from ..train import Recipe, Run, logits_of, one_cycle, scores
from ..train.sources.pictures import find_clothes, find_digits
from ..vision.read_digit import read_digit

RECIPE = Recipe(
    name="alexnet",
    task="tell clothes apart with AlexNet",
    data="Fashion-MNIST, or 5,000 embedded digits",
    time="about 35 minutes",
    score="92.34 % on Fashion-MNIST",
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


def normalize(pixels: Tensor) -> Tensor:
    """Bytes (N, 28, 28) to floats (N, 1, 28, 28) with mean 0 and standard deviation 1."""
    return ((pixels.float() / 255 - MEAN) / STD).unsqueeze(1)


def mirror(images: Tensor) -> Tensor:
    """Each picture turned left to right with probability 1/2."""
    turned = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(turned, images.flip(3), images)


def train(run: Run) -> None:
    """The whole training. `run` brings the settings and keeps progress and checkpoints."""
    settings, device = run.settings, run.device
    found = find_clothes(settings["data"], settings["limit"])
    clothes = found is not None
    if found is None:
        run.describe("Without Fashion-MNIST (--data download fetches it):")
        found = find_digits("embedded", settings["limit"])
    run.describe(found.text)
    images, labels = normalize(found.train_images), found.train_labels
    check, answers = (
        normalize(found.validation_images).to(device),
        found.validation_labels.to(device),
    )
    test_images, test_labels = normalize(found.test_images).to(device), found.test_labels.to(device)

    order = torch.Generator().manual_seed(settings["seed"])
    loader = DataLoader(
        TensorDataset(images, labels), settings["batch_size"], shuffle=True, generator=order
    )
    model = AlexNet().to(device)
    optimizer = optim.SGD(model.parameters(), lr=settings["lr"], momentum=0.9, weight_decay=5e-4)
    held_out = (check, answers, test_images, test_labels)
    run.track(model, optimizer, loader, held_out)

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
        run.end_epoch(*scores(logits_of(model, check), answers))

    run.load_best()
    logits = logits_of(model, test_images)
    run.plot(
        "mistakes",
        found.test_images,
        found.test_labels,
        F.softmax(logits, 1),
        names=CLOTHES if clothes else None,
    )
    test_loss, test_accuracy = scores(logits, test_labels)
    run.finish(test_loss=test_loss, test_accuracy=test_accuracy)


def predictor(weights: dict[str, Any]) -> Callable[[str], list[tuple[str, float]]]:
    """A function from the path of a picture to the ten kinds of clothes and their probabilities,
    likeliest first.
    """
    model = AlexNet()
    model.load_state_dict(weights)

    def predict(path: str) -> list[tuple[str, float]]:
        probabilities = F.softmax(logits_of(model, normalize(read_digit(path).unsqueeze(0))), 1)[0]
        return sorted(zip(CLOTHES, probabilities.tolist()), key=lambda answer: -answer[1])

    return predict
