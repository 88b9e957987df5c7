"""Random numbers inside a dataset: every item of an epoch has a seed of its own.

The DataLoader draws one number from its generator when an epoch begins. Item number k of the epoch then gets a generator
seeded with that number + k, so what an item draws depends neither on which worker loads it, nor on how many there are,
nor on the batch size. Transforms and datasets ask for it with `current_generator()`.
"""
from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ..core.device import Generator, default_generator


class _Current(threading.local):
    seed: int | None = None  # of the item this thread is loading; None outside a DataLoader
    generator: Generator | None = None
    seeded: int | None = None  # what `generator` was last seeded with: it is seeded only when an item asks for it


_current = _Current()


def current_generator() -> Generator:
    """The generator to draw from while an item is loaded: the item's own inside a DataLoader, else the default generator.

    `current_generator().numpy` is a NumPy Generator: `current_generator().numpy.random() < 0.5`.
    """
    seed = _current.seed
    if seed is None:
        return default_generator
    if _current.generator is None:
        _current.generator = Generator()
    if _current.seeded != seed:
        _current.generator.manual_seed(seed)
        _current.seeded = seed
    return _current.generator


def start_item(seed: int | None) -> None:
    """Make `seed` the seed of the item this thread loads next; None: back to the default generator."""
    _current.seed, _current.seeded = seed, None


def in_turn(indices: Iterable[Any]) -> Iterator[Any]:
    """The indices of a batch one after the other, moving on to the next item's seed after each."""
    for index in indices:
        yield index
        if _current.seed is not None:
            start_item(_current.seed + 1)


def check_generator(generator: Any, who: str) -> Generator | None:
    """`generator` itself, if it is one or None."""
    if generator is not None and not isinstance(generator, Generator):
        from ..core.errors import DTypeError

        raise DTypeError(f"{who}: generator must be a Generator or None, got {type(generator).__name__}. Pass Generator().manual_seed(0).")
    return generator


def own_or_fresh(generator: Generator | None) -> Generator:
    """The given generator, or a new one seeded by a single draw from the default generator."""
    return generator if generator is not None else Generator().manual_seed(default_generator.next_key())
