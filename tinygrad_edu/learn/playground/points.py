"""Points of two classes in the plane, to be told apart by a small network."""

from __future__ import annotations

import math
from collections.abc import Callable

import tinygrad_edu as torch
from tinygrad_edu import Generator, Tensor

RADIUS = 2.0  # the points lie within this distance of the middle, apart from noise
TRAIN, TEST = 200, 100

Cloud = tuple[Tensor, Tensor]  # points (N, 2), labels (N,), which are 0 or 1


def make_points(kind: str, noise: float, seed: int) -> tuple[Cloud, Cloud]:
    """The points to train on and those to test on.

    Args:
        kind: one of `CHOICES`. "own" has no points: those come from the user.
        noise: standard deviation of the shift of each point, as a share of the radius.
        seed: the same seed gives the same points.

    Shape: (200, 2) and (200,) to train on, (100, 2) and (100,) to test on
    """
    generator = Generator().manual_seed(seed)
    if kind == "own":
        nothing = (torch.zeros(0, 2), torch.zeros(0))
        return nothing, nothing
    labels = (torch.arange(TRAIN + TEST) % 2).float()
    points = KINDS[kind](labels, generator)
    points = points + RADIUS * noise * torch.randn(*points.shape, generator=generator)
    return (points[:TRAIN], labels[:TRAIN]), (points[TRAIN:], labels[TRAIN:])


def circle(labels: Tensor, generator: Generator) -> Tensor:
    """Class 1 fills a disc, class 0 a ring around it."""
    inner = torch.rand(len(labels), generator=generator).sqrt() * 0.5
    outer = 0.7 + 0.3 * torch.rand(len(labels), generator=generator)
    radius = RADIUS * torch.where(labels > 0, inner, outer)
    angle = 2 * math.pi * torch.rand(len(labels), generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def xor(labels: Tensor, generator: Generator) -> Tensor:
    """Class 1 where x and y have the same sign."""
    size = RADIUS * (0.08 + 0.92 * torch.rand(len(labels), 2, generator=generator))
    x = torch.where(torch.rand(len(labels), generator=generator) < 0.5, -1.0, 1.0)
    y = torch.where(labels > 0, x, -x)
    return size * torch.stack([x, y], 1)


def spiral(labels: Tensor, generator: Generator) -> Tensor:
    """Two arms, one turned by half a circle, that go round 1.25 times."""
    way = 0.05 + 0.95 * torch.rand(len(labels), generator=generator)
    angle = 2.5 * math.pi * way + math.pi * labels
    return RADIUS * torch.stack([way * angle.sin(), way * angle.cos()], 1)


def gaussians(labels: Tensor, generator: Generator) -> Tensor:
    """A cloud for each class: up on the right, and down on the left."""
    middle = RADIUS * (labels - 0.5).unsqueeze(1)
    return middle + 0.2 * RADIUS * torch.randn(len(labels), 2, generator=generator)


KINDS: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "circle": circle,
    "xor": xor,
    "spiral": spiral,
    "gaussians": gaussians,
}
CHOICES = (*KINDS, "own")
