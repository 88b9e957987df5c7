"""Dropout: random zeros in training, nothing in evaluation."""

from __future__ import annotations

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import functional as F
from .declared import Declared


class _Dropout(Declared):
    p: float = 0.5
    inplace: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ShapeError(
                f"{self._get_name()}: p must be a probability from 0 to 1, got {self.p}."
                " Correct it."
            )

    def forward(self, input: Tensor) -> Tensor:
        return getattr(F, self.function)(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zeroes each element with probability p and scales the rest by 1 / (1 − p).

    Reference: N. Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from
               overfitting".
    """

    function = "dropout"


class Dropout1d(_Dropout):
    """Dropout of whole channels. Shape: (N, C, L) or (C, L)."""

    function = "dropout1d"


class Dropout2d(_Dropout):
    """Dropout of whole channels. Shape: (N, C, H, W) or (C, H, W)."""

    function = "dropout2d"


class Dropout3d(_Dropout):
    """Dropout of whole channels. Shape: (N, C, D, H, W) or (C, D, H, W)."""

    function = "dropout3d"


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, for networks with SELU.

    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks".
    """

    function = "alpha_dropout"


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels (dim 1).

    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks".
    """

    function = "feature_alpha_dropout"
