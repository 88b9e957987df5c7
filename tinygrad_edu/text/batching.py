"""Batches of sequences: windows of one long text, and sentences of like length padded to one
shape.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from tokenize import TokenError
from typing import Any

import numpy as np

from ..data import DataLoader, Dataset, Sampler, TensorDataset
from ..engine.device import Generator, default_generator
from ..engine.errors import CheckpointError, DTypeError, ShapeError
from ..engine.tensor import Tensor
from ..functional import from_numpy

WRONG_FILE = (  # what NumPy raises for a header that is damaged
    EOFError,
    MemoryError,
    OSError,
    OverflowError,
    RecursionError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
)


class TokenWindows(Dataset):
    """Every window of `length` tokens of one long text, with the window one further as its target:
    what a language model learns from.

    Args: tokens: a 1-d integer tensor or array, or the path of a `.npy` file or of a raw
          little-endian file with `dtype`, which is then read in place through a memory map, so that
          it may be larger than memory; length: of a window; stride: between window starts. Item:
          (x, y), both int64 of shape (length,), y[i] the token after x[i].
    Raises: CheckpointError for a file that is missing or is not what its name says; DTypeError for
            tokens that are not 1-d integers; ShapeError for a text that is too short.
    """

    def __init__(self, tokens: Any, length: int, stride: int = 1, dtype: str = "uint16"):
        if isinstance(tokens, (str, os.PathLike)):
            self.tokens = mapped(os.fspath(tokens), dtype)
        else:
            self.tokens = tokens.numpy() if isinstance(tokens, Tensor) else np.asarray(tokens)
        if self.tokens.ndim != 1 or self.tokens.dtype.kind not in "iu":
            raise DTypeError(
                f"TokenWindows: tokens must be 1-d integers, got {self.tokens.ndim}-d"
                f" {self.tokens.dtype}. Pass the encoded text."
            )
        if length < 1 or stride < 1 or len(self.tokens) <= length:
            raise ShapeError(
                "TokenWindows: length and stride must be at least 1 and the text longer than one"
                f" window, got length {length}, stride {stride} and {len(self.tokens)} tokens. Use"
                " a shorter window, or more text."
            )
        self.length, self.stride = length, stride

    def __len__(self) -> int:
        return (len(self.tokens) - self.length - 1) // self.stride + 1

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= i < len(self):
            raise IndexError(
                f"TokenWindows: index must be from 0 to {len(self) - 1}, got {i}. Use one of these."
            )
        start = (i % len(self)) * self.stride
        piece = self.tokens[start : start + self.length + 1].astype(np.int64)
        return from_numpy(piece[:-1]), from_numpy(piece[1:])

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (from_numpy(np.ascontiguousarray(self.tokens)),)


def mapped(path: str, dtype: str) -> np.ndarray:
    """The array in a `.npy` file, or in a raw file of that dtype, as a memory map."""
    try:
        if not os.path.isfile(path):
            raise FileNotFoundError("no file of that name")
        if path.endswith(".npy"):  # never a pickle: open_memmap refuses arrays of objects
            return np.lib.format.open_memmap(path, mode="r")
        return np.memmap(path, np.dtype(dtype).newbyteorder("<"), mode="r")
    except WRONG_FILE as error:
        reason = f"{error or type(error).__name__!s:.200}"
        raise CheckpointError(
            f"TokenWindows: tokens must be a .npy file or a raw file of {dtype} numbers, got"
            f" {path!r:.200} ({reason}). Check the path, and write the tokens again."
        ) from error


def pad_batch(sequences: Sequence[Sequence[int]], pad: int = 0) -> tuple[Tensor, Tensor]:
    """Sequences of different lengths as one int64 tensor (N, longest), filled up with `pad`, and
    their lengths (N,).
    """
    lengths = np.array([len(s) for s in sequences], np.int64)
    out = np.full((len(sequences), int(lengths.max(initial=0))), pad, np.int64)
    for row, sequence in zip(out, sequences):
        row[: len(sequence)] = sequence
    return from_numpy(out), from_numpy(lengths)


class BucketBatchSampler(Sampler):
    """Batches of indices of sequences of like length, so that little is padding. The order of
    batches, and who is with whom, is random.

    Args: lengths: of all sequences; batch_tokens: the most tokens (with padding) in a batch;
          generator: of the random order.
    Note: how many batches there are depends on the lengths alone, so it is the same in every epoch.
    """

    def __init__(
        self, lengths: Iterable[int], batch_tokens: int, generator: Generator | None = None
    ):
        self.lengths = np.asarray(list(lengths), np.int64)
        if not len(self.lengths) or batch_tokens < int(self.lengths.max()):
            raise ShapeError(
                "BucketBatchSampler: batch_tokens must hold the longest sequence"
                f" ({int(self.lengths.max(initial=0))} tokens), got {batch_tokens}. Use a larger"
                " batch, or cut the sequences."
            )
        self.batch_tokens, self.generator = batch_tokens, generator
        self.cuts = self._cuts(np.sort(self.lengths))

    def _cuts(self, ordered: np.ndarray) -> list[int]:
        """Where a batch ends in the order of length."""
        cuts, start = [0], 0
        for i, n in enumerate(ordered):
            if (i + 1 - start) * int(n) > self.batch_tokens:
                cuts.append(i)
                start = i
        return [*cuts, len(ordered)]

    def __len__(self) -> int:
        return len(self.cuts) - 1

    def __iter__(self) -> Iterator[list[int]]:
        rng = (self.generator or default_generator).numpy
        # by length, chance among equals
        order = np.lexsort((rng.random(len(self.lengths)), self.lengths))
        batches = [order[a:b] for a, b in zip(self.cuts, self.cuts[1:])]
        return iter([batches[i].tolist() for i in rng.permutation(len(batches))])


def pair_loader(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    pad: int,
    batch_tokens: int,
    generator: Generator,
) -> DataLoader:
    """Batches (sources, targets) of sentence pairs of like length.

    All batches have the width of the longest sentence: `trim_padding` narrows them in the loop.

    Args:
        batch_tokens: the most tokens in a batch, raised where a single sentence has more.
    """
    data = TensorDataset(pad_batch(sources, pad)[0], pad_batch(targets, pad)[0])
    lengths = [max(len(s), len(t)) for s, t in zip(sources, targets)]
    sampler = BucketBatchSampler(lengths, max(batch_tokens, *lengths), generator)
    return DataLoader(data, batch_sampler=sampler, generator=generator)


def trim_padding(tokens: Tensor, pad: int) -> Tensor:
    """The tokens (B, T) without the columns at the end that are all padding; one stays."""
    return tokens[:, : max(1, int((tokens != pad).sum(1).max()))]
