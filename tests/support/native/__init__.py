"""What the tests of the C++ kernels share: arguments drawn by chance for each op, and comparing.

A file beside this one holds a family: `@draws("softmax", "log_softmax")` above a function of a
generator (and, where its rungs take different arguments, of the rung) that gives the arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.device import cpu

DRAWN: dict[str, Callable] = {}


def draws(*ops):
    def add(make):
        DRAWN.update(dict.fromkeys(ops, make))
        return make

    return add


def drawn(op, rung, generator):
    """Arguments for one rung of an op, as raw arrays and plain values."""
    make = DRAWN[op]
    return (
        make(generator, rung) if len(inspect.signature(make).parameters) == 2 else make(generator)
    )


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(generator, *shape):
    return generator.standard_normal(shape, dtype=np.float32)


def results(value):
    return value if isinstance(value, tuple) else (value,)


def both(op, rung, *args, **attrs):
    """(of the rung, of the generic forward): raw arrays."""
    with tg.use_kernel(**{op: 0}):
        expected = results(getattr(cpu.F, op)(*args, **attrs))
    with tg.use_kernel(**{op: rung}):
        found = results(getattr(cpu.F, op)(*args, **attrs))
    return found, expected


def agree(found, expected, rtol=2e-5):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.dtype == b.dtype and a.shape == b.shape
        scale = np.abs(b[np.isfinite(b)]).max(initial=1) if b.dtype.kind == "f" else 1
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


from . import (  # noqa: E402
    attention,  # noqa: F401
    convolution,  # noqa: F401
    copies,  # noqa: F401
    dropout,  # noqa: F401
    elementwise,  # noqa: F401
    embedding,  # noqa: F401
    matmul,  # noqa: F401
    normalization,  # noqa: F401
    pooling,  # noqa: F401
    recurrent,  # noqa: F401
    reductions,  # noqa: F401
    softmax,  # noqa: F401
)
