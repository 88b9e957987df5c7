"""Sources of random numbers, and which one is in use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import DeviceError


class Generator:
    """A source of random numbers: NumPy's Philox, counter-based, so a seed gives the same numbers
    on any machine.

    Reference: J. Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """

    def __init__(self, device: Any = None):
        self.device = "cpu" if device is None else str(device)
        self.manual_seed(int(np.random.SeedSequence().entropy) % 2**63)  # type: ignore[arg-type]

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed` (any int; negative ones wrap as in PyTorch)."""
        self._seed = int(seed)
        self.numpy = np.random.Generator(np.random.Philox(key=self._seed % 2**64))
        return self

    def seed(self) -> int:
        """Start again from a seed drawn from the system, and return it."""
        return self.manual_seed(int(np.random.SeedSequence().entropy) % 2**63).initial_seed()  # type: ignore[arg-type]

    def initial_seed(self) -> int:
        return self._seed

    def next_key(self) -> int:
        """A fresh 63-bit key for an op that makes its own counter-based numbers (dropout)."""
        return int(self.numpy.integers(2**63))

    def get_state(self) -> np.ndarray:
        """Everything that decides the next numbers, as a uint8 array."""
        state: Any = self.numpy.bit_generator.state
        words = [
            *state["state"]["counter"],
            *state["state"]["key"],
            *state["buffer"],
            state["buffer_pos"],
            state["has_uint32"],
            state["uinteger"],
            self._seed % 2**64,
        ]
        return np.array(words, dtype=np.uint64).view(np.uint8)

    def set_state(self, state: Any) -> Generator:
        """Continue from a state that `get_state` returned."""
        words = np.array(getattr(state, "array", state), dtype=np.uint8)
        if words.shape != (112,):
            raise DeviceError(
                "Generator.set_state: needs the 112 bytes that get_state returned, got shape"
                f" {words.shape}. Save and restore it whole."
            )
        n = words.view(np.uint64)
        self._seed = int(n[13])
        self.numpy.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": n[0:4].copy(), "key": n[4:6].copy()},
            "buffer": n[6:10].copy(),
            "buffer_pos": int(n[10]),
            "has_uint32": int(n[11]),
            "uinteger": int(n[12]),
        }
        return self


default_generator = Generator()


class Current(threading.local):
    """Per thread: finds what takes the default generator's place while an item of a dataset is
    loaded (data/seeding.py).
    """

    find: Callable[[], Generator] | None = None


current = Current()


def current_generator() -> Generator:
    """The generator to draw from: the default one; inside a DataLoader that of the item being
    loaded.
    """
    return default_generator if current.find is None else current.find()
