"""One op that interpolation and padding are made of: along one dim, each output is a weighted sum
of a few inputs.

    out[i] = sum_t weight[t, i] x[index[t, i]]

Where the inputs lie and what they weigh is worked out by a rule (`RULES`) from the two sizes. The
transpose of such a gather, which its gradient needs, is a gather too, with the table turned round:
which outputs used input j?
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...engine.case import Case
from ...engine.op import Array, piece


@dataclass(frozen=True)
class Line:
    """A gather from n inputs to m outputs by a rule; `step`: inputs per output; `back`: its
    transpose instead.
    """

    rule: str
    n: int
    m: int
    step: float = 1.0
    start: int = 0  # padding: where in the input output 0 lies
    align: bool = False  # the centres of the corner elements lie on each other, not the corners
    back: bool = False

    def table(self, xp: Any, dtype: Any) -> tuple:
        """(index, weight) of shape (taps, outputs); weight None: one tap of weight 1. Computed in
        dtype, as PyTorch rounds.
        """
        real = xp.float64 if dtype == xp.float64 else xp.float32
        index, weight = RULES[self.rule](xp, self, real)
        return turned_round(xp, index, weight, self.n) if self.back else (index, weight)


def turned_round(xp, index, weight, n):
    """The table of the transpose.

    Taps with the same input and output are added up; short columns are filled with weight 0.
    """
    m = index.shape[1]
    # sorted by input, then output
    pairs, back = xp.unique(index * m + xp.arange(m), return_inverse=True)
    weights = xp.bincount(back.reshape(-1), None if weight is None else weight.reshape(-1))
    source, output = pairs // m, pairs % m
    tap = xp.arange(pairs.size) - xp.searchsorted(source, source)
    shape = (int(tap.max()) + 1 if tap.size else 1, n)
    index, weight = xp.zeros(shape, "int64"), xp.zeros(shape)
    index[tap, source], weight[tap, source] = output, weights
    return index, weight


def centres(xp, line, real):
    """Where in the input each output's centre lies."""
    i = xp.arange(line.m, dtype=real)
    return i * real(line.step) if line.align else (i + real(0.5)) * real(line.step) - real(0.5)


def nearest(xp, line, real):
    # rounded as in PyTorch, in every dtype
    place = xp.floor((xp.arange(line.m) * xp.float64(real(line.step))).astype("float32"))
    return xp.minimum(place, line.n - 1).astype("int64")[None], None


def nearest_exact(xp, line, real):
    place = ((xp.arange(line.m) + 0.5) * xp.float64(real(line.step)) - 0.5).astype("float32")
    return xp.minimum(xp.floor(place + xp.float32(0.5)), line.n - 1).astype("int64")[None], None


def linear(xp, line, real):
    place = xp.maximum(centres(xp, line, real), 0)
    low = xp.minimum(xp.floor(place), line.n - 1)
    right = xp.clip(place - low, 0, 1)
    low = low.astype("int64")
    return xp.stack([low, xp.minimum(low + 1, line.n - 1)]), xp.stack([1 - right, right])


def cubic_weight(d, a):
    """The cubic convolution kernel at distance d in [0, 2).

    Reference: R. Keys, 1981, eq. 15 (there a = -1/2).
    """
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = (((d - 5) * d + 8) * d - 4) * a
    return near * (d <= 1) + far * ((d > 1) & (d < 2))


def cubic(xp, line, real):
    place = centres(xp, line, real)
    low = xp.minimum(xp.floor(place), line.n - 1)
    t = xp.clip(place - low, 0, 1)
    index = xp.stack([low.astype("int64") + k for k in (-1, 0, 1, 2)])
    weight = xp.stack([cubic_weight(d, -0.75) for d in (t + 1, t, 1 - t, 2 - t)])
    return xp.clip(index, 0, line.n - 1), weight


def antialiased(kernel, reach):
    """A kernel as wide as the inputs of one output when shrinking; its weights are divided by their
    sum.
    """

    def rule(xp, line, real):
        wide = max(line.step, 1.0)
        centre = real(line.step) * (xp.arange(line.m, dtype=real) + real(0.5))
        first = xp.maximum((centre - real(reach * wide) + real(0.5)).astype("int64"), 0)
        last = xp.minimum((centre + real(reach * wide) + real(0.5)).astype("int64"), line.n)
        taps = xp.arange(int((last - first).max()))[:, None]
        index = first + taps
        weight = kernel(abs(index - centre + real(0.5)) / real(wide)) * (index < last)
        return xp.minimum(index, line.n - 1), weight / weight.sum(axis=0)

    return rule


def reflect(xp, line, real):
    place = abs(xp.arange(line.m) + line.start)
    return xp.minimum(place, 2 * (line.n - 1) - place)[None], None


def replicate(xp, line, real):
    return xp.clip(xp.arange(line.m) + line.start, 0, line.n - 1)[None], None


def circular(xp, line, real):
    return ((xp.arange(line.m) + line.start) % line.n)[None], None


RULES = {
    "nearest": nearest,
    "nearest-exact": nearest_exact,
    "linear": linear,
    "cubic": cubic,
    "reflect": reflect,
    "replicate": replicate,
    "circular": circular,
    "linear-antialias": antialiased(lambda d: (1 - d) * (d < 1), 1),
    "cubic-antialias": antialiased(lambda d: cubic_weight(d, -0.5), 2),
}


@piece(
    cases=[
        Case([2, 5], 1, Line("linear", 5, 3, 5 / 3)),
        Case([2, 4, 3], 1, Line("nearest", 4, 7, 4 / 7)),
        Case([4], 0, Line("reflect", 4, 8, start=-2)),
    ]
)
def resample(xp, input: Array, dim: int, line: Line):
    """A weighted gather along one dim: `line` says from how many inputs to how many outputs, and by
    which rule.

    Math:   out[i] = sum_t weight[t, i] input[index[t, i]];   d input = the transposed gather of g
    """
    index, weight = line.table(xp, input.dtype)
    if weight is None:
        return xp.take(input, index[0], axis=dim)
    weight = weight.astype(input.dtype).reshape(*weight.shape, *(1,) * (input.ndim - 1 - dim))
    out = xp.take(input, index[0], axis=dim)
    out *= weight[0]
    for place, share in zip(index[1:], weight[1:]):
        part = xp.take(input, place, axis=dim)
        part *= share
        out += part
    return out


resample.vjp(input=lambda F, g, dim, line: F.resample(g, dim, replace(line, back=not line.back)))
