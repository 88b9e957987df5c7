"""cuDNN, which is not used: the switches are accepted and change nothing."""

from contextlib import nullcontext
from typing import Any

enabled = True
benchmark = deterministic = False
allow_tf32 = False


def is_available() -> bool:
    """False: convolutions are this engine's own kernels."""
    return False


def version() -> None:
    """None: there is no cuDNN here."""


def flags(*args: Any, **kwargs: Any) -> Any:
    """A block that changes nothing."""
    return nullcontext()
