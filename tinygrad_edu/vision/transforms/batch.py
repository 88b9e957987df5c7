"""Whole batches at once, where a transform treats every pixel alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from .basic import Compose, ConvertImageDtype, Normalize, ToTensor


def batched(transform: Any) -> Callable | None:
    """What `transform` does, for uint8 arrays (N, H, W) at once; None if it has to see image by
    image.

    Only ToTensor, alone or followed by Normalize and ConvertImageDtype in a Compose, and only these
    classes themselves: a subclass may do anything.
    """
    steps: Sequence[Any] = transform.transforms if type(transform) is Compose else [transform]
    if not steps or type(steps[0]) is not ToTensor:
        return None
    if any(type(step) not in (Normalize, ConvertImageDtype) for step in steps[1:]):
        return None
    return lambda images: reduce(lambda x, step: step(x), steps[1:], steps[0].many(images))
