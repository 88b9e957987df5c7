"""Datasets: things with a length and numbered samples, or things to iterate over."""

from __future__ import annotations

import bisect
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..engine.device import Generator, default_generator
from ..engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ..engine.tensor import Tensor
from ..left_out import explain_missing as _explain_missing
from .collate import Rows
from .seeding import check_generator, in_turn


class Dataset:
    """Samples by number. A subclass gives `__getitem__(index)` and `__len__()`.

    It may also give `__getitems__(indices)`, which returns the list of samples of a whole batch;
    the DataLoader then calls that once per batch.
    """

    def __class_getitem__(cls, item: Any) -> type:  # Dataset[tuple[Tensor, int]] in annotations
        return cls

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: a dataset must define __getitem__(index), got none. Define it"
            " in the subclass."
        )

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples in the order in which they come, for streams. A subclass gives `__iter__()`.

    With several workers each one iterates over its own shallow copy; `get_worker_info()` tells them
    apart, so that each can take its share of the samples.
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            f"{type(self).__name__}: an iterable dataset must define __iter__(), got none. Define"
            " it in the subclass."
        )

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Sample i is the tuple of row i of each tensor.

    The quickest way to train on data that fits in memory: the DataLoader fetches a batch with one
    index operation per tensor.

    Args:
        tensors: tensors with the same size of the first dim.
    """

    def __init__(self, *tensors: Tensor):
        wrong = [type(t).__name__ for t in tensors if not isinstance(t, Tensor)]
        if wrong or not tensors:
            raise DTypeError(
                f"TensorDataset: needs one or more tensors, got {wrong or 'nothing'}. Convert"
                " arrays with from_numpy or tensor."
            )
        if any(t.ndim == 0 for t in tensors) or len({t.shape[0] for t in tensors}) > 1:
            raise ShapeError(
                "TensorDataset: all tensors must have the same size of the first dim, got shapes"
                f" {[tuple(t.shape) for t in tensors]}. Cut them to the same number of rows."
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __getitems__(self, indices: Sequence[int]) -> Any:
        # a subclass hands out something else
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return [self[i] for i in in_turn(indices)]
        rows = np.asarray(indices, dtype=np.int64)
        return Rows(tuple(_take(t, rows) for t in self.tensors))

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


def _take(tensor: Tensor, rows: np.ndarray) -> Tensor:
    if tensor.requires_grad:
        return tensor[rows]
    try:
        return Tensor(tensor.array.take(tensor.device.asarray(rows), axis=0), tensor.device)
    except IndexError as error:
        raise IndexOutOfRange(
            f"TensorDataset: indices must lie from {-len(tensor)} to {len(tensor) - 1}, got"
            f" {int(rows.min())} to {int(rows.max())}. Check the sampler."
        ) from error


class StackDataset(Dataset):
    """Several datasets side by side: sample i is the tuple (or the dict, for keyword arguments) of
    their samples i.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if bool(args) == bool(kwargs):
            raise DTypeError(
                f"StackDataset: needs datasets by position or by name, not both, got {len(args)} by"
                f" position and {len(kwargs)} by name. Choose one."
            )
        self.datasets: Any = args or kwargs
        sizes = {len(d) for d in args or kwargs.values()}
        if len(sizes) > 1:
            raise ShapeError(
                f"StackDataset: all datasets must have the same length, got {sorted(sizes)}. Cut"
                " them with Subset."
            )
        self._length = sizes.pop()

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset):
    """Several datasets one after the other."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ShapeError(
                "ConcatDataset: needs at least one dataset, got none. Pass a list of datasets."
            )
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise DTypeError(
                "ConcatDataset: must not hold an IterableDataset, which has no numbered samples,"
                " got one. Use ChainDataset."
            )
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexOutOfRange(
                f"ConcatDataset: index must lie from {-len(self)} to {len(self) - 1}, got {index}."
                " Check the sampler."
            )
        which = bisect.bisect_right(self.cumulative_sizes, i)
        return self.datasets[which][i - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Several iterable datasets one after the other."""

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise DTypeError(
                    f"ChainDataset: must hold IterableDatasets only, got {type(dataset).__name__}."
                    " Use ConcatDataset."
                )
            yield from dataset

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class Subset(Dataset):
    """The samples of `dataset` with the given indices, in that order."""

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        if type(self).__getitem__ is not Subset.__getitem__:  # a subclass hands out something else
            return [self[i] for i in in_turn(indices)]
        wanted = [self.indices[i] for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(wanted)
        return [self.dataset[i] for i in in_turn(wanted)]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Deal the samples out at random into Subsets that do not overlap.

    Args:
        lengths: sizes that add up to len(dataset), or fractions that add up to 1. Fractions are
            rounded down; the samples left over go to the first parts, one each.
        generator: source of the random order; the default generator if None.
    """
    check_generator(generator, "random_split")
    size = len(dataset)
    sizes: Any = list(lengths)
    if math.isclose(sum(sizes), 1) and sum(sizes) <= 1:
        sizes = _sizes_of(sizes, size)
    if sum(sizes) != size or any(int(length) != length or length < 0 for length in sizes):
        raise ShapeError(
            f"random_split: lengths must be whole numbers that add up to the {size} samples, or"
            f" fractions that add up to 1, got {list(lengths)}. Correct them."
        )
    order = (generator or default_generator).numpy.permutation(size).tolist()
    ends = list(accumulate(int(length) for length in sizes))
    return [Subset(dataset, order[end - int(length) : end]) for end, length in zip(ends, sizes)]


def _sizes_of(fractions: list[float], size: int) -> list[int]:
    """How many of `size` samples each fraction is."""
    if any(not 0 <= fraction <= 1 for fraction in fractions):
        raise ShapeError(
            f"random_split: fractions must lie from 0 to 1, got {fractions}. Correct them."
        )
    sizes = [math.floor(size * fraction) for fraction in fractions]
    for i in range(size - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, length in enumerate(sizes):
        if length == 0:
            warnings.warn(
                f"random_split: part {i} is empty: {fractions[i]} of {size} samples is less than"
                " one",
                stacklevel=3,
            )
    return sizes


_explain_missing(__name__)
