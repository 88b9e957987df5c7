"""What the kernels of launch/convolution.py are measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .work import normal, work


def pictures(*sides: str) -> Callable:
    """Arguments of a 3 x 3 convolution, padded by 1, or of a gradient of it: of the shape N, C,
    size, O.
    """

    def make(rng: np.random.Generator, n: int, c: int, size: int, o: int) -> tuple:
        shapes = {
            "input": (n, c, size, size),
            "weight": (o, c, 3, 3),
            "bias": (o,),
            "output": (n, o, size, size),
        }
        return tuple(
            normal(rng, *shapes[s]) if s in shapes else shapes[s.removesuffix("_shape")]
            for s in sides
        )

    return make


def convolved(op: str, *sides: str, torch: Callable | None = None) -> None:
    """The work of a convolution, or of a gradient of it."""
    work(
        op,
        pictures(*sides),
        [(32, 128, 56, 128)],
        [(2, 3, 9, 5)],
        lambda n, c, size, o: 18 * n * c * o * size * size,
        {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1},
        torch,
        lambda n, c, size, o: 1e-6 * n * c * size**2 + 1e-4,
        cpu=[(32, 32, 28, 32)],
    )


convolved(
    "convolution",
    "input",
    "weight",
    "bias",
    torch=lambda torch, x, w, b, **a: torch.nn.functional.conv2d(
        x, w, b, a["stride"], a["padding"]
    ),
)
convolved(
    "convolution_input",
    "output",
    "weight",
    "input_shape",
    torch=lambda torch, y, w, shape, **a: torch.nn.grad.conv2d_input(shape, w, y, **a),
)
convolved(
    "convolution_weight",
    "output",
    "input",
    "weight_shape",
    torch=lambda torch, y, x, shape, **a: torch.nn.grad.conv2d_weight(x, shape, y, **a),
)
