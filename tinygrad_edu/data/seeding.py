"""Random numbers inside a dataset: every item of an epoch has a seed of its own.

The DataLoader draws one number from its generator when an epoch begins. Item number k of the epoch
then gets a generator seeded with that number + k, so what an item draws depends neither on which
worker loads it, nor on how many there are, nor on the batch size. Transforms and datasets ask for
it with `current_generator()`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ..engine.device import Generator as Generator
from ..engine.device import current, default_generator
from ..engine.device import current_generator as current_generator


class _Item(threading.local):
    seed: int | None = None  # of the item this thread is loading; None outside a DataLoader
    generator: Generator | None = None
    # what `generator` was last seeded with: it is seeded only when an item asks for it
    seeded: int | None = None


_item = _Item()


def _of_item() -> Generator:
    if _item.generator is None:
        _item.generator = Generator()
    if _item.seeded != _item.seed:
        assert _item.seed is not None
        _item.generator.manual_seed(_item.seed)
        _item.seeded = _item.seed
    return _item.generator


def start_item(seed: int | None) -> None:
    """Make `seed` the seed of the item this thread loads next; None: the default generator's."""
    _item.seed, _item.seeded = seed, None
    current.find = None if seed is None else _of_item


def in_turn(indices: Iterable[Any]) -> Iterator[Any]:
    """The indices of a batch one after the other, moving on to the next item's seed after each."""
    for index in indices:
        yield index
        if _item.seed is not None:
            start_item(_item.seed + 1)


def check_generator(generator: Any, who: str) -> Generator | None:
    """`generator` itself, if it is one or None."""
    if generator is not None and not isinstance(generator, Generator):
        from ..engine.errors import DTypeError

        raise DTypeError(
            f"{who}: generator must be a Generator or None, got {type(generator).__name__}. Pass"
            " Generator().manual_seed(0)."
        )
    return generator


def own_or_fresh(generator: Generator | None) -> Generator:
    """The given generator, or a new one seeded by a single draw from the default generator."""
    return (
        generator
        if generator is not None
        else Generator().manual_seed(default_generator.next_key())
    )
