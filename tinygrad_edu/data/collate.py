"""From a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .. import functional as F
from ..engine.dtype import float64
from ..engine.errors import DTypeError, ShapeError
from ..engine.tensor import Tensor, as_tensor


class Rows(Sequence):
    """The rows of tensors that lie together, seen as a list of samples `(a[i], b[i], ...)`.

    A dataset that fetches a batch with one index operation hands this out: `default_collate` takes
    the columns as they are, and any other collate function sees the list of samples it expects.
    """

    def __init__(self, columns: tuple[Tensor, ...], sample: Callable[..., tuple] | None = None):
        # `sample` makes of a row what the dataset hands out
        self.columns, self.sample = columns, sample or (lambda *row: row)

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"Rows: index must lie in a batch of {len(self)} samples, got {i}.")
        return self.sample(*(column[i] for column in self.columns))

    def __iter__(self) -> Iterator[tuple]:
        return map(self.sample, *self.columns)


def default_collate(batch: Any) -> Any:
    """Join a list of equal samples into one batch.

    Tensors and NumPy arrays are stacked along a new first dim; Python ints become int64, floats
    float64 and bools bool tensors; text stays a list; dicts, named tuples, tuples and lists are
    joined entry by entry. Containers keep their type, except that a tuple becomes a list, as in
    PyTorch.

    Raises:
        DTypeError: a sample of another type (None, for example).
        ShapeError: samples whose sizes differ, or no sample at all.
    """
    if type(batch) is Rows:
        return list(batch.columns)
    if not len(batch):
        raise ShapeError(
            "default_collate: needs at least one sample, got an empty batch. Check what the batch"
            " sampler yields."
        )
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack(batch)
    if isinstance(first, np.ndarray):
        return _stack([as_tensor(sample) for sample in batch])
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, np.generic):
        return as_tensor(np.array(batch))
    if isinstance(first, float):
        return as_tensor(batch, dtype=float64)
    if isinstance(first, int):  # bool too
        return as_tensor(batch)
    if isinstance(first, Mapping):
        return _like(
            first, {key: default_collate([sample[key] for sample in batch]) for key in first}
        )
    if isinstance(first, Sequence):
        return _join_entries(first, batch)
    raise DTypeError(
        "default_collate: samples must hold tensors, NumPy arrays, numbers, text, dicts, tuples or"
        f" lists, got {type(first).__name__}. Convert it in the dataset or a transform (ToTensor"
        " for images), or give the DataLoader a collate_fn."
    )


def _join_entries(first: Any, batch: Any) -> Any:
    """A batch of sequences, of which `first` is one, joined entry by entry."""
    sizes = {len(sample) for sample in batch}
    if len(sizes) > 1:
        raise ShapeError(
            "default_collate: all samples of a batch must have the same number of entries, got"
            f" {sorted(sizes)}. Pad them, or give the DataLoader a collate_fn."
        )
    columns = [default_collate(column) for column in zip(*batch)]
    if hasattr(first, "_fields"):  # a named tuple
        return type(first)(*columns)
    return columns if isinstance(first, tuple) else _like(first, columns)


def default_convert(data: Any) -> Any:
    """One sample with its NumPy arrays turned into tensors: what a DataLoader does when
    batch_size is None.
    """
    if isinstance(data, Rows):
        return [default_convert(sample) for sample in data]
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SU" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [default_convert(value) for value in data])
    return data


def _stack(tensors: Sequence[Tensor]) -> Tensor:
    shapes = {tuple(t.shape) for t in tensors}
    if len(shapes) > 1:
        raise ShapeError(
            f"default_collate: all samples of a batch must have one shape, got {sorted(shapes)}. "
            "Resize, crop or pad them, or give the DataLoader a collate_fn."
        )
    return F.stack(list(tensors))


def _like(example: Any, content: Any) -> Any:
    """`content` in a container of the example's type; a plain dict or list if that type takes other
    arguments.
    """
    try:
        return type(example)(content)
    except TypeError:
        return content
