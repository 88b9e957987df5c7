"""The normal distribution of angles."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from .. import special
from ..autograd import no_grad
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import Number, broadcast_all, open_uniform


class VonMises(Distribution):
    """Angles round a direction.

    Math:   p(x) = e^(k cos(x - loc)) / (2 pi I_0(k)), k = concentration, x in radians
    Shape:  batch_shape: that of loc and concentration, broadcast; event_shape: ()
    Note:   samples lie in [-pi, pi). `variance` is the circular one, 1 - I_1(k) / I_0(k)
    Reference: D. Best, N. Fisher, 1979, "Efficient simulation of the von Mises distribution"
               (sample)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Number, concentration: Number, validate_args: bool | None = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(tuple(self.loc.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _pull(self) -> Tensor:
        """E[cos(x - loc)]."""
        return special.i1e(self.concentration) / special.i0e(self.concentration)

    @property
    def variance(self) -> Tensor:
        return 1 - self._pull()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        bend = k * (F.cos(value - self.loc) - 1)
        return bend - math.log(2 * math.pi) - special.i0e(k).log()

    def entropy(self) -> Tensor:
        k = self.concentration
        return k * (1 - self._pull()) + math.log(2 * math.pi) + special.i0e(k).log()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            angle = angles(self.concentration.double().expand(*shape)).to(self.loc.dtype)
            return (angle + self.loc + math.pi) % (2 * math.pi) - math.pi


def angles(k: Tensor) -> Tensor:
    """One angle round 0 for each concentration: tries from a wrapped Cauchy distribution are
    taken as often as the two densities' ratio says.
    """
    tau = 1 + (1 + 4 * k * k).sqrt()
    rho = 2 * k / (tau + (2 * tau).sqrt())  # (tau - sqrt(2 tau)) / (2 k), without cancellation
    r = (1 + rho * rho) / (2 * rho)
    found, waiting = F.zeros_like(k), F.ones_like(k, dtype="bool")
    while bool(waiting.any()):
        u, level, side = (open_uniform(tuple(k.shape), k) for _ in range(3))
        z = F.cos(math.pi * u)
        f = ((1 + r * z) / (r + z)).clamp(-1.0, 1.0)
        c = k * (r - f)
        taken = waiting & ((c * (2 - c) > level) | ((c / level).log() + 1 - c >= 0))
        found = F.where(taken, (side - 0.5).sign() * F.acos(f), found)
        waiting = waiting & ~taken
    return found
