"""One backward pass for several inputs."""

from __future__ import annotations


class Once:
    """Lets the formulas of several inputs share one backward pass: the first to ask computes all
    parts, each part is given out once.

    A second backward (retain_graph) finds its first part gone and computes anew: parts once given
    belong to the leaves, which add to them in place.
    """

    def __init__(self):
        self.parts = {}

    def __call__(self, k, compute):
        if k not in self.parts:
            self.parts = dict(enumerate(compute()))
        return self.parts.pop(k)
