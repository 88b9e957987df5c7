"""Images as columns of patches, and back."""

from __future__ import annotations

from typing import Any

from .declared import Declared


class Unfold(Declared):
    """The patches of images as columns (im2col).

    Shape: (N, C, H, W) → (N, C KH KW, P), P the number of windows.
    """

    function = "unfold"
    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1


class Fold(Declared):
    """Columns added up where their patches were: the transpose of Unfold. Shape: (N, C KH KW, P) →
    (N, C, *output_size).
    """

    function = "fold"
    output_size: Any
    kernel_size: Any
    dilation: Any = 1
    padding: Any = 0
    stride: Any = 1
