"""Sequences of different lengths: padded into one tensor, or packed step by step without the
padding.
"""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ... import functional as F
from ...engine.border import public
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from ...left_out import explain_missing as _explain_missing

_Fields = namedtuple("_Fields", ("data", "batch_sizes", "sorted_indices", "unsorted_indices"))


class PackedSequence(_Fields):
    """Sequences without padding: `data` holds step 0 of all, then step 1 of those that have one,
    and so on.

    Made by `pack_padded_sequence` or `pack_sequence`, longest sequence first; taken by RNN, LSTM
    and GRU. data (sum of lengths, *), batch_sizes (longest): how many sequences have each step,
    sorted_indices, unsorted_indices (B) or None.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same sequences in another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        indices = [
            None if i is None else i.to(data.device)
            for i in (self.sorted_indices, self.unsorted_indices)
        ]
        return PackedSequence(data, self.batch_sizes, *indices)

    def double(self) -> PackedSequence:
        return self.to(self.data.double().dtype)

    def float(self) -> PackedSequence:
        return self.to(self.data.float().dtype)

    def cpu(self) -> PackedSequence:
        return self.to("cpu")

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda


@public
def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one."""
    return None if permutation is None else F.argsort(permutation)


def places(batch_sizes: Tensor) -> tuple[list[int], list[int]]:
    """(step, sequence) of each row of packed data."""
    sizes = batch_sizes.tolist()
    return [t for t, n in enumerate(sizes) for _ in range(n)], [b for n in sizes for b in range(n)]


@public
def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Drop the padding of a batch of sequences.

    Shape:  input (T, B, *), or (B, T, *) if batch_first
    Args:   lengths: of each sequence; falling, unless enforce_sorted=False
    """
    if batch_first:
        input = F.transpose(input, 0, 1)
    sizes = [int(n) for n in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]
    if len(sizes) != input.shape[1] or not sizes or min(sizes) < 1 or max(sizes) > input.shape[0]:
        raise ShapeError(
            f"pack_padded_sequence: lengths must be {input.shape[1]} numbers from 1 to"
            f" {input.shape[0]}, got {sizes}. Check batch_first."
        )
    order = sorted(range(len(sizes)), key=lambda i: -sizes[i])
    sorted_indices = None
    if enforce_sorted and any(a < b for a, b in itertools.pairwise(sizes)):
        raise ShapeError(
            f"pack_padded_sequence: lengths must fall, got {sizes}. Sort the batch, or pass"
            " enforce_sorted=False."
        )
    if not enforce_sorted:
        sorted_indices = F.tensor(order, device=input.device)
        input, sizes = F.index_select(input, 1, sorted_indices), [sizes[i] for i in order]
    batch_sizes = F.tensor([sum(n > t for n in sizes) for t in range(sizes[0])])
    steps, sequences = places(batch_sizes)
    return PackedSequence(
        input[F.tensor(steps, device=input.device), F.tensor(sequences, device=input.device)],
        batch_sizes,
        sorted_indices,
    )


@public
def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(padded sequences (T, B, *), their lengths): what pack_padded_sequence took, padded to the
    longest or to total_length.
    """
    sizes = sequence.batch_sizes.tolist()
    longest = len(sizes) if total_length is None else total_length
    if longest < len(sizes):
        raise ShapeError(
            f"pad_packed_sequence: total_length must be at least the longest length {len(sizes)},"
            f" got {total_length}. Make it larger."
        )
    steps, sequences = places(sequence.batch_sizes)
    data, device = sequence.data, sequence.data.device
    empty = F.full(
        (longest, sizes[0], *data.shape[1:]), padding_value, dtype=data.dtype, device=device
    )
    padded = F.index_put(
        empty, (F.tensor(steps, device=device), F.tensor(sequences, device=device)), data
    )
    lengths = F.tensor([sum(n > b for n in sizes) for b in range(sizes[0])])
    if sequence.unsorted_indices is not None:
        padded, lengths = (
            F.index_select(padded, 1, sequence.unsorted_indices),
            lengths[sequence.unsorted_indices.cpu()],
        )
    return F.transpose(padded, 0, 1) if batch_first else padded, lengths


@public
def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Tensors of different first sizes as one, (T, B, *) or (B, T, *), padded to the longest."""
    many = list(sequences)
    if not many or any(s.shape[1:] != many[0].shape[1:] or not s.ndim for s in many):
        raise ShapeError(
            "pad_sequence: needs tensors that differ in their first size only, got shapes"
            f" {[tuple(s.shape) for s in many]}. Reshape them."
        )
    if padding_side not in ("left", "right"):
        raise ShapeError(
            f"pad_sequence: padding_side must be 'left' or 'right', got {padding_side!r}. Choose"
            " one."
        )
    longest = max(s.shape[0] for s in many)
    padded = []
    for s in many:
        rest = F.full(
            (longest - s.shape[0], *s.shape[1:]), padding_value, dtype=s.dtype, device=s.device
        )
        padded.append(F.cat([s, rest] if padding_side == "right" else [rest, s]))
    return F.stack(padded, 0 if batch_first else 1)


@public
def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each of its own length."""
    if not batch_first:
        padded_sequences = F.transpose(padded_sequences, 0, 1)
    return [s[: int(n)] for s, n in zip(padded_sequences, lengths)]


@public
def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack tensors of different first sizes."""
    return pack_padded_sequence(
        pad_sequence(sequences), [s.shape[0] for s in sequences], enforce_sorted=enforce_sorted
    )


@public
def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


_explain_missing(__name__)
