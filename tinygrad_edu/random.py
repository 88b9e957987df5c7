"""The default generator, with the names of `torch.random`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import get_rng_state as get_rng_state
from . import initial_seed as initial_seed
from . import manual_seed as manual_seed
from . import seed as seed
from . import set_rng_state as set_rng_state
from .left_out import explain_missing as _explain_missing


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, device_type: str = "cuda"
) -> Iterator[None]:
    """A block after which the generator continues as if nothing had been drawn in it."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


_explain_missing(__name__)
