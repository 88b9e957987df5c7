"""What each op is measured on.

An op without an entry here is measured on the largest of its own cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.device import registry
from ..engine.errors import KernelError, ShapeError


class Work:
    """Arguments for one op, made from a shape.

    make(rng, *shape) gives host arrays and plain values; flops(*shape) what the mathematics needs;
    `full` are shapes for a GPU, `quick` small ones for the emulator and tests. `tolerance(*shape)`:
    how far float32 may be from float64, relative and absolute; `coarse(*shape)`: how far a rung may
    be that rounds more than the op does and so runs only where it is pinned. `view`: what is done
    on the device first.
    """

    def __init__(
        self,
        make: Callable,
        full: list[tuple],
        quick: list[tuple],
        flops: Callable = lambda *shape: 0,
        attrs: dict | None = None,
        torch: Callable | None = None,
        tolerance: Callable = lambda *shape: 2e-5,
        view: Callable | None = None,
        coarse: Callable = lambda *shape: 0.05,
    ):
        self.make, self.full, self.quick, self.flops, self.attrs = (
            make,
            full,
            quick,
            flops,
            attrs or {},
        )
        self.torch, self.tolerance, self.view, self.coarse = torch, tolerance, view, coarse


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random numbers: zeros would draw less power, and so run faster than life."""
    return rng.standard_normal(shape, dtype=np.float32)


def probabilities(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.random(shape, dtype=np.float32) + np.float32(0.01)
    return x / x.sum(-1, keepdims=True)


def one(rng: np.random.Generator, *shape: int) -> tuple:
    return (normal(rng, *shape),)


def rounded(m: int, n: int, k: int) -> float:
    """What a product may be off by whose operands were rounded to 8 bits: errors add up as a random
    walk.
    """
    return 0.01 * k**0.5 + 0.02


ROWS, SMALL_ROWS = [(16384, 8192), (131072, 1024)], [(64, 256), (37, 301), (5, 2048)]
FLAT, SMALL_FLAT = [(2**28,)], [(20_000,)]


def per_element(n: float) -> Callable:
    return lambda *shape: n * math.prod(shape)


def scores(rng: np.random.Generator, n: int, classes: int) -> tuple:
    return normal(rng, n, classes), rng.integers(0, classes, (n,))


def scores_backward(rng: np.random.Generator, n: int, classes: int) -> tuple:
    x, target = scores(rng, n, classes)
    top = x.max(1, keepdims=True)
    return normal(rng, n), x, target, top, np.log(np.exp(x - top).sum(1, keepdims=True))


def normalized(rng: np.random.Generator, *shape: int) -> tuple:
    """Cotangent, input, mean, 1 / deviation and weight of a layer normalisation."""
    x = normal(rng, *shape)
    return (
        normal(rng, *shape),
        x,
        x.mean(-1, keepdims=True),
        1 / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-5)),
        normal(rng, shape[-1]),
    )


def channels(rng: np.random.Generator, n: int, c: int, *size: int) -> tuple:
    return normal(rng, n, c, *size), *(normal(rng, 1, c, *(1 for _ in size)) for _ in range(2))


def torch_batch_norm(torch: Any, x: Any, weight: Any, bias: Any, dims: tuple, eps: float) -> Any:
    return torch.nn.functional.batch_norm(
        x, None, None, weight.reshape(-1), bias.reshape(-1), True, 0.1, eps
    )


def attended(rng: np.random.Generator, n: int, t: int, d: int) -> tuple:
    """Cotangent, queries, keys, values, output and lse of an attention whose output is given: no op
    checks that it is theirs.
    """
    g, q, k, v, out = (normal(rng, n, t, d) for _ in range(5))
    return g, q, k, v, out, np.full((n, t, 1), np.log(t) + 0.5, np.float32), d**-0.5


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


def convolved(*sides: str, torch: Callable | None = None) -> Work:
    return Work(
        pictures(*sides),
        [(32, 128, 56, 128)],
        [(2, 3, 9, 5)],
        lambda n, c, size, o: 18 * n * c * o * size * size,
        {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1},
        torch,
        lambda n, c, size, o: 1e-6 * n * c * size**2 + 1e-4,
    )


def recurrent(gates: int, backward: bool = False) -> Callable:
    """Arguments of a recurrent layer over T steps of B sequences and H units, or of its backward
    after a forward.
    """
    name = {4: "lstm_sequence", 3: "gru_sequence", 1: "rnn_sequence"}[gates]

    def make(rng: np.random.Generator, t: int, b: int, h: int) -> tuple:
        gx, *states = (
            normal(rng, t, b, gates * h),
            *(normal(rng, b, h) for _ in range(2 if gates == 4 else 1)),
        )
        weights = normal(rng, gates * h, h) / np.float32(h**0.5)
        if not backward:
            return (gx, *states, weights, *([normal(rng, 3 * h)] if gates == 3 else []))
        found = [
            r for r in registry[name].forward(np, gx, *states, weights) if isinstance(r, np.ndarray)
        ]
        return (
            normal(rng, *found[0].shape),
            *states,
            weights,
            *found,
            *(["tanh"] if gates == 1 else []),
        )

    return make


def sequence(gates: int, backward: bool = False) -> Work:
    return Work(
        recurrent(gates, backward),
        [(64, 64, 512)],
        [(3, 4, 9)],
        lambda t, b, h: (4 if backward else 2) * gates * t * b * h * h,
        tolerance=lambda *s: 1e-3,
    )


POOLED: dict = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}

WORKS = {
    "convolution": convolved(
        "input",
        "weight",
        "bias",
        torch=lambda torch, x, w, b, **a: torch.nn.functional.conv2d(
            x, w, b, a["stride"], a["padding"]
        ),
    ),
    "convolution_input": convolved("output", "weight", "input_shape"),
    "convolution_weight": convolved("output", "input", "weight_shape"),
    "attention": Work(
        lambda rng, n, t, d: (
            normal(rng, n, t, d),
            normal(rng, n, t, d),
            normal(rng, n, t, d),
            d**-0.5,
        ),
        [(64, 4096, 128)],
        [(2, 40, 16)],
        lambda n, t, d: 4 * n * t * t * d,
        torch=lambda torch, q, k, v, scale: torch.nn.functional.scaled_dot_product_attention(
            q, k, v, scale=scale
        ),
        tolerance=lambda *s: 1e-4,
    ),
    "attention_backward": Work(
        attended,
        [(64, 4096, 128)],
        [(2, 40, 16)],
        lambda n, t, d: 14 * n * t * t * d,
        tolerance=lambda *s: 1e-3,
    ),
    "adam_update": Work(
        lambda rng, n: (
            normal(rng, n),
            normal(rng, n),
            normal(rng, n),
            normal(rng, n) ** 2,
            None,
            3,
            0.01,
        ),
        FLAT,
        SMALL_FLAT,
        per_element(14),
        {"weight_decay": 0.01, "decoupled": True},
    ),
    "sgd_update": Work(
        lambda rng, n: (normal(rng, n), normal(rng, n), normal(rng, n), 0.01),
        FLAT,
        SMALL_FLAT,
        per_element(4),
        {"momentum": 0.9},
    ),
    "norm_update": Work(
        lambda rng, n: (np.zeros(1, np.float32), normal(rng, n)),
        FLAT,
        SMALL_FLAT,
        per_element(2),
        tolerance=lambda n: 1e-6 * n**0.5 + 1e-5,
    ),
    "clip_update": Work(
        lambda rng, n: (normal(rng, n), np.full(1, 2.0, np.float32), 1.0),
        FLAT,
        SMALL_FLAT,
        per_element(1),
    ),
    "lstm_sequence": sequence(4),
    "lstm_sequence_backward": sequence(4, True),
    "gru_sequence": sequence(3),
    "gru_sequence_backward": sequence(3, True),
    "rnn_sequence": sequence(1),
    "rnn_sequence_backward": sequence(1, True),
    "max_pool": Work(
        one,
        [(64, 256, 128, 128)],
        [(2, 3, 6, 8)],
        attrs={**POOLED, "dilation": (1, 1)},
        torch=lambda torch, x, **a: torch.nn.functional.max_pool2d(
            x, a["kernel"], a["stride"], return_indices=True
        ),
    ),
    "max_pool_spread": Work(
        lambda rng, n, c, size: (
            normal(rng, n, c, size // 2, size // 2),
            rng.integers(0, 4, (n, c, size // 2, size // 2), dtype=np.uint8),
            (n, c, size, size),
        ),
        [(64, 256, 128)],
        [(2, 3, 8)],
        attrs={**POOLED, "dilation": (1, 1)},
    ),
    "max_pool_take": Work(
        lambda rng, n, c, size: (
            normal(rng, n, c, size, size),
            rng.integers(0, 4, (n, c, size // 2, size // 2), dtype=np.uint8),
        ),
        [(64, 256, 128)],
        [(2, 3, 8)],
        attrs={**POOLED, "dilation": (1, 1)},
    ),
    "sum_pool": Work(
        one,
        [(64, 256, 128, 128)],
        [(2, 3, 6, 8)],
        attrs={**POOLED, "high": (0, 0)},
        torch=lambda torch, x, **a: torch.nn.functional.avg_pool2d(x, 2) * 4,
    ),
    "sum_spread": Work(
        lambda rng, n, c, size: (normal(rng, n, c, size // 2, size // 2), (n, c, size, size)),
        [(64, 256, 128)],
        [(2, 3, 8)],
        attrs={**POOLED, "high": (0, 0)},
    ),
    "dropout_keyed": Work(
        one,
        FLAT,
        SMALL_FLAT,
        attrs={"p": 0.5, "key": 1234},
        torch=lambda torch, x, p, key: torch.nn.functional.dropout(x, p),
    ),
    "softmax": Work(
        one,
        ROWS,
        SMALL_ROWS,
        per_element(5),
        {"dim": -1},
        lambda torch, x, dim: torch.softmax(x, dim),
    ),
    "log_softmax": Work(
        one,
        ROWS,
        SMALL_ROWS,
        per_element(5),
        {"dim": -1},
        lambda torch, x, dim: torch.log_softmax(x, dim),
        lambda *s: 5e-5,
    ),
    "softmax_backward": Work(
        lambda rng, *s: (normal(rng, *s), probabilities(rng, *s)),
        ROWS,
        SMALL_ROWS,
        per_element(4),
        {"dim": -1},
        lambda torch, u, y, dim: torch._softmax_backward_data(u, y, dim, u.dtype),
    ),
    "log_softmax_backward": Work(
        lambda rng, *s: (normal(rng, *s), np.log(probabilities(rng, *s))),
        ROWS,
        SMALL_ROWS,
        per_element(4),
        {"dim": -1},
        lambda torch, u, y, dim: torch._log_softmax_backward_data(u, y, dim, u.dtype),
        lambda *s: 1e-6 * s[-1] + 5e-5,
    ),
    "sum": Work(
        one,
        [(2**28,), (16384, 16384)],
        [(20_000,)],
        per_element(1),
        {"dim": None},
        lambda torch, x, dim: torch.sum(x),
        lambda *s: 1e-6 * math.prod(s) ** 0.5 + 2e-5,
    ),
    "amax": Work(
        one,
        [(2**28,)],
        SMALL_FLAT,
        per_element(1),
        {"dim": None},
        lambda torch, x, dim: torch.amax(x, ()),
    ),
    "clone_contiguous": Work(
        one,
        [(16384, 16384)],
        [(96, 130)],
        torch=lambda torch, x: x.contiguous(),
        view=lambda x: x.T,
    ),
    "matmul": Work(
        lambda rng, m, n, k: (normal(rng, m, k), normal(rng, k, n)),
        [(4096, 4096, 4096)],
        [(64, 64, 64), (50, 70, 33)],
        lambda m, n, k: 2 * m * n * k,
        torch=lambda torch, a, b: torch.matmul(a, b),
        tolerance=lambda m, n, k: 1e-6 * k + 2e-5,
        coarse=rounded,
    ),
    "layer_normalization": Work(
        lambda rng, *s: (normal(rng, *s), normal(rng, s[-1]), normal(rng, s[-1])),
        [(65536, 4096)],
        SMALL_ROWS,
        per_element(8),
        {"dims": (-1,), "eps": 1e-5},
        lambda torch, x, w, b, dims, eps: torch.nn.functional.layer_norm(
            x, x.shape[-1:], w, b, eps
        ),
        lambda *s: 1e-4,
    ),
    "layer_normalization_backward": Work(
        normalized,
        [(65536, 4096)],
        SMALL_ROWS,
        per_element(10),
        {"dims": (-1,)},
        tolerance=lambda *s: 1e-4,
    ),
    "rms_normalization": Work(
        lambda rng, *s: (normal(rng, *s), normal(rng, s[-1])),
        [(65536, 4096)],
        SMALL_ROWS,
        per_element(4),
        {"dims": (-1,), "eps": 1e-5},
        lambda torch, x, w, dims, eps: torch.nn.functional.rms_norm(x, x.shape[-1:], w, eps),
        lambda *s: 1e-4,
    ),
    "rms_normalization_backward": Work(
        lambda rng, *s: [normalized(rng, *s)[i] for i in (0, 1, 3, 4)],
        [(65536, 4096)],
        SMALL_ROWS,
        per_element(8),
        {"dims": (-1,)},
        tolerance=lambda *s: 1e-4,
    ),
    "normalization_weight_backward": Work(
        lambda rng, *s: [normalized(rng, *s)[i] for i in (0, 1, 3, 2)],
        [(65536, 4096)],
        SMALL_ROWS,
        per_element(4),
        {"dims": (-1,)},
        tolerance=lambda *s: 1e-6 * s[0] + 2e-5,
    ),
    "batch_normalization": Work(
        channels,
        [(64, 256, 56, 56)],
        [(3, 5, 6, 7)],
        per_element(8),
        {"dims": (0, 2, 3), "eps": 1e-5},
        torch_batch_norm,
        lambda *s: 1e-4,
    ),
    "gelu": Work(
        one, FLAT, SMALL_FLAT, per_element(8), {}, lambda torch, x: torch.nn.functional.gelu(x)
    ),
    "relu": Work(one, FLAT, SMALL_FLAT, per_element(1), {}, lambda torch, x: torch.relu(x)),
    "exponential_unit": Work(
        one,
        FLAT,
        SMALL_FLAT,
        per_element(4),
        {"name": "elu", "alpha": 1.0, "scale": 1.0, "rate": 1.0},
    ),
    "clamp_numbers": Work(
        one,
        FLAT,
        SMALL_FLAT,
        per_element(2),
        {"min": -1.0, "max": 1.0},
        lambda torch, x, min, max: torch.clamp(x, min, max),
    ),
    "held_above": Work(one, FLAT, SMALL_FLAT, per_element(1), {"low": 0.5}),
    "keep_where": Work(
        lambda rng, n: (normal(rng, n), rng.random(n) < 0.5), FLAT, SMALL_FLAT, per_element(1)
    ),
    "mul_mask": Work(
        lambda rng, n: (normal(rng, n), normal(rng, n)), FLAT, SMALL_FLAT, per_element(1)
    ),
    "class_cross_entropy": Work(
        scores,
        [(8192, 50257)],
        [(32, 101)],
        per_element(5),
        {},
        lambda torch, x, target: torch.nn.functional.cross_entropy(x, target, reduction="none"),
        lambda *s: 5e-5,
    ),
    "class_cross_entropy_backward": Work(
        scores_backward, [(8192, 50257)], [(32, 101)], per_element(4), tolerance=lambda *s: 5e-5
    ),
    "argmax": Work(
        one,
        [(16384, 16384)],
        SMALL_ROWS,
        attrs={"dim": -1},
        torch=lambda torch, x, dim: torch.argmax(x, dim),
    ),
    "max_dim": Work(
        one,
        [(16384, 16384)],
        SMALL_ROWS,
        attrs={"dim": -1},
        torch=lambda torch, x, dim: torch.max(x, dim),
    ),
    "topk": Work(
        one,
        [(16384, 16384)],
        SMALL_ROWS,
        attrs={"k": 32, "dim": -1},
        torch=lambda torch, x, k, dim: torch.topk(x, k, dim),
    ),
    "linear": Work(
        lambda rng, m, n, k: (normal(rng, m, k), normal(rng, n, k), normal(rng, n)),
        [(4096, 4096, 4096)],
        [(64, 64, 64), (50, 70, 33)],
        lambda m, n, k: 2 * m * n * k,
        torch=lambda torch, x, w, b: torch.nn.functional.linear(x, w, b),
        tolerance=lambda m, n, k: 1e-6 * k + 2e-5,
        coarse=rounded,
    ),
    "embed_rows": Work(
        lambda rng, n, v, d: (normal(rng, n, d), rng.integers(0, v, (n,)), (v, d)),
        [(131072, 50257, 1024)],
        [(64, 50, 32)],
        lambda n, v, d: n * d,
        tolerance=lambda *s: 5e-5,
    ),
    "take_rows": Work(
        lambda rng, n, v, d: (rng.integers(0, v, (n,)), normal(rng, v, d)),
        [(131072, 50257, 1024)],
        [(64, 50, 32)],
        torch=lambda torch, index, weight: torch.nn.functional.embedding(index, weight),
    ),
}


def size(value: Any) -> int:
    if isinstance(value, (tuple, list)):
        return sum(map(size, value))
    return value.size if isinstance(value, np.ndarray) else 0


def works_of(op: str) -> Work:
    """The entry of an op; without one, its largest case (its shape is then the case's number)."""
    if op in WORKS:
        return WORKS[op]
    cases = registry[op].cases if op in registry else []
    if not cases:
        raise KernelError(
            f"bench: {op} must have cases or an entry in tinygrad_edu/bench/works.py, got neither."
            " Add one."
        )
    best = max(range(len(cases)), key=lambda i: size(cases[i].make("float32")))
    return Work(
        lambda rng, i: tuple(cases[i].make("float32")),
        [(best,)],
        [(best,)],
        attrs=cases[best].attrs,
        tolerance=lambda *s: 2e-4,
    )


def parse_shape(op: str, text: str) -> tuple[int, ...]:
    """`16384x8192` as sizes."""
    try:
        shape = tuple(int(n) for n in text.split("x"))
    except ValueError:
        shape = ()
    wanted = works_of(op)
    if (
        not shape
        or any(n < 1 for n in shape)
        or wanted.make is not one
        and len(shape) != len(wanted.full[0])
    ):
        raise ShapeError(
            f"bench: --shape of {op} must look like {'x'.join(map(str, wanted.full[0]))}, got"
            f" {text!r}. Write sizes with x between them."
        )
    return shape
