"""The idx format of the MNIST files: four bytes (0, 0, type, number of dims), the sizes, then the
values, big-endian.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from ...files import SPARE, SWELLING, gunzip
from .base import DatasetError

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
MOST_DIMS = 32
AGAIN = "Delete it and get it again, for example with download=True."


def read_raw(path: Path) -> bytes:
    """The bytes of a file as they are."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"idx: {path} must be readable, got {error}. Check the path, its permissions and the"
            " disk."
        ) from error


def read_content(path: Path) -> bytes:
    """The bytes of an idx file, unpacked if its name ends in .gz, and then only as many as its
    header tells, and one more.
    """
    raw = read_raw(path)
    if not path.name.removesuffix(".part").endswith(".gz"):
        return raw
    try:
        start = gunzip(raw, 4 + 4 * MOST_DIMS)
        expected = expected_size(start, path)
        if expected <= SPARE + SWELLING * len(raw):
            content = gunzip(raw, expected + 1)
            return content if len(content) > expected else gunzip(raw)  # checks its checksum
        raise ValueError(f"a gzip file of {len(raw):,} bytes that would unpack to {expected:,}")
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"idx: {path} must be a whole gzip file, got {error}. {AGAIN}") from None


def header_of(content: bytes, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    """The dtype and the sizes that the header tells."""
    kind, ndim = (content[2], content[3]) if len(content) >= 4 else (0, 0)
    if content[:2] != b"\0\0" or kind not in TYPES or not 0 < ndim <= MOST_DIMS:
        raise DatasetError(
            f"idx: {path} must begin with the magic number of an idx file, got"
            f" {content[:4].hex(' ') or 'an empty file'}. It is another kind of file. {AGAIN}"
        )
    if len(content) < 4 + 4 * ndim:
        raise DatasetError(
            f"idx: {path} must have {ndim} sizes in its header, got {len(content)} bytes: it is"
            f" truncated. {AGAIN}"
        )
    return np.dtype(TYPES[kind]), struct.unpack_from(f">{ndim}I", content, 4)


def expected_size(content: bytes, path: Path) -> int:
    """How many bytes the file has by its header."""
    dtype, sizes = header_of(content, path)
    return 4 + 4 * len(sizes) + dtype.itemsize * math.prod(sizes)


def parse_idx(content: bytes, path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The array in `content`, checked.

    Args:
        path: for the messages.
        shape: what it has to be, but for the first size: how many there are, the file tells.
    """
    dtype, sizes = header_of(content, path)
    expected = expected_size(content, path)
    if len(content) != expected:
        what = "is truncated" if len(content) < expected else "has bytes left over"
        raise DatasetError(
            f"idx: {path} must hold {expected:,} bytes for the sizes {sizes} in its header, got"
            f" {len(content):,}: it {what}. {AGAIN}"
        )
    if shape is not None and (
        sizes[1:] != shape[1:] or len(sizes) != len(shape) or content[2] != 8
    ):
        wanted = ", ".join(["N", *map(str, shape[1:])])
        raise DatasetError(
            f"idx: {path} must hold bytes of shape ({wanted}) (magic {2048 + len(shape)}), got"
            f" {dtype.name} of shape {sizes} (magic {int.from_bytes(content[:4], 'big')}). It is"
            f" another file under this name. {AGAIN}"
        )
    array = np.frombuffer(content, dtype, offset=4 + 4 * len(sizes))
    return array.reshape(sizes).astype(dtype.newbyteorder("="))


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, plain or gzipped: for digits of your own."""
    return parse_idx(read_content(Path(path)), Path(path))
