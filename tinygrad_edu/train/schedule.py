"""Learning rates over a run."""

from __future__ import annotations

import math


def one_cycle(progress: float) -> float:
    """The learning rate's factor: up in a straight line for a quarter of the run, then down along a
    cosine to 0.

    Args:
        progress: the share of the run that is done, from 0 to 1.

    Reference: L. N. Smith, 2018, "Super-convergence".
    """
    if progress < 0.25:
        return 0.04 + 0.96 * progress / 0.25
    return 0.5 + 0.5 * math.cos(math.pi * (progress - 0.25) / 0.75)
