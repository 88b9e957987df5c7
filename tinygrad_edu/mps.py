"""Apple's GPUs, which are not used."""

from .backends.mps import is_available as is_available


def manual_seed(seed: int) -> None:
    """Nothing: there is no such GPU."""


def empty_cache() -> None:
    """Nothing: there is no such GPU."""


def device_count() -> int:
    """0: there is no such GPU."""
    return 0


def synchronize() -> None:
    """Nothing: there is no such GPU."""
