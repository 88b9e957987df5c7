"""Samplers decide the order of the indices in an epoch.

A random sampler draws the whole order when its iteration begins, so what it takes from its
generator does not depend on how far ahead a DataLoader reads, or on where the reader stops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np

from ..engine.device import Generator, default_generator
from ..engine.errors import DTypeError, ShapeError
from ..left_out import explain_missing as _explain_missing
from .seeding import check_generator, own_or_fresh


class Sampler:
    """An order of indices.

    A subclass gives `__iter__()`, and `__len__()` where the length is known.
    """

    def __class_getitem__(cls, item: Any) -> type:  # Sampler[int] in annotations
        return cls

    def __init__(self, data_source: Any = None):
        pass

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            f"{type(self).__name__}: a sampler must define __iter__(), got none. Define it in the"
            " subclass."
        )


class SequentialSampler(Sampler):
    """0, 1, 2, ... in order."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


AT_ONCE = 1 << 20  # indices


class RandomSampler(Sampler):
    """The indices in random order.

    Args:
        replacement: draw each index from all of them, so that one may come twice.
        num_samples: how many to draw, by default as many as there are. Without replacement, more
        than that means one
            shuffled pass after another.
        generator: source of the order. None: one seeded by a single draw from the default
        generator.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        if not isinstance(replacement, bool):
            raise DTypeError(
                f"RandomSampler: replacement must be True or False, got {replacement!r}. Pass"
                " num_samples by name."
            )
        self.data_source, self.replacement, self._num_samples = (
            data_source,
            replacement,
            num_samples,
        )
        self.generator = check_generator(generator, "RandomSampler")
        if num_samples is None and len(data_source) == 0:
            raise ShapeError(
                "RandomSampler: needs at least one sample to shuffle, got an empty data set. Check"
                " the path or the filter that made it."
            )
        _check_count("RandomSampler", self.num_samples)

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, source = len(self.data_source), own_or_fresh(self.generator)
        if self.num_samples <= max(AT_ONCE, n):  # in one go, so that the source is free again
            return iter([*self.drawn(n, source)])
        return self.drawn(n, Generator().manual_seed(source.next_key()))

    def drawn(self, n: int, source: Generator) -> Iterator[int]:
        """The indices, a piece at a time: a training without epochs asks for 10^10 of them."""
        left = self.num_samples
        while left > 0:
            piece = (
                source.numpy.integers(n, size=min(left, AT_ONCE))
                if self.replacement
                else source.numpy.permutation(n)[:left]
            )
            yield from piece.tolist()
            left -= len(piece)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order, each once."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices, self.generator = indices, check_generator(generator, "SubsetRandomSampler")

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or default_generator).numpy.permutation(len(self.indices)).tolist()
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Index i with a probability proportional to `weights[i]`, for example to balance classes.

    Args:
        weights: not negative, not all zero; they need not add up to 1.
        num_samples: how many to draw.
        replacement: if False, no index comes twice, and num_samples weights must be above 0.
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        _check_count("WeightedRandomSampler", num_samples)
        if not isinstance(replacement, bool):
            raise DTypeError(
                f"WeightedRandomSampler: replacement must be True or False, got {replacement!r}."
                " Correct it."
            )
        self.weights = np.asarray(getattr(weights, "array", weights), dtype=np.float64)
        w = self.weights
        if w.ndim != 1 or not w.size or not np.isfinite(w).all() or (w < 0).any() or not w.any():
            raise ShapeError(
                "WeightedRandomSampler: weights must be a row of finite numbers >= 0, not all 0,"
                f" got {np.array2string(w, threshold=8)}. Correct them."
            )
        if not replacement and num_samples > np.count_nonzero(w):
            raise ShapeError(
                "WeightedRandomSampler: without replacement num_samples must be at most the"
                f" {np.count_nonzero(w)} weights above 0, got {num_samples}. Draw fewer."
            )
        self.num_samples, self.replacement, self.generator = (
            num_samples,
            replacement,
            check_generator(generator, "WeightedRandomSampler"),
        )

    def __iter__(self) -> Iterator[int]:
        rng = (self.generator or default_generator).numpy
        return iter(
            rng.choice(
                len(self.weights),
                self.num_samples,
                self.replacement,
                self.weights / self.weights.sum(),
            ).tolist()
        )

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices from another sampler; the last one may be shorter, or is left
    out with `drop_last`.
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ShapeError(
                f"BatchSampler: batch_size must be a whole number above 0, got {batch_size!r}."
                " Correct it."
            )
        if not isinstance(drop_last, bool):
            raise DTypeError(
                f"BatchSampler: drop_last must be True or False, got {drop_last!r}. Correct it."
            )
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list]:
        return self._batches(iter(self.sampler))

    def _batches(self, indices: Iterator[Any]) -> Iterator[list]:
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _check_count(who: str, num_samples: Any) -> None:
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
        raise ShapeError(
            f"{who}: num_samples must be a whole number above 0, got {num_samples!r}. Correct it."
        )


_explain_missing(__name__)
