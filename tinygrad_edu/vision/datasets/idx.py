"""The idx format of the MNIST files: four bytes (0, 0, type, number of dims), the sizes, then the
values, big-endian.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from .base import DatasetError

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
AGAIN = "Delete it and get it again, for example with download=True."


def read_content(path: Path, limit: int = 0) -> bytes:
    """The bytes of a file, unpacked if its name ends in .gz, and then at most `limit` of them (0:
    all).
    """
    try:
        raw = path.read_bytes()
        if not path.name.removesuffix(".part").endswith(".gz"):
            return raw
        unpacker = zlib.decompressobj(wbits=31)  # 31: with gzip's header and checksum
        content = unpacker.decompress(raw, limit)
        if unpacker.unused_data:
            raise zlib.error(f"{len(unpacker.unused_data)} bytes after its end")
    except zlib.error as error:
        raise DatasetError(
            f"idx: {path} must be a gzip file without errors, got a corrupt one ({error}). {AGAIN}"
        ) from None
    except OSError as error:
        raise DatasetError(
            f"idx: {path} must be readable, got {error}. Check the path, its permissions and the"
            " disk."
        ) from error
    if not unpacker.eof and not 0 < limit <= len(content):
        raise DatasetError(
            f"idx: {path} must be a whole gzip file, got one that ends too early (truncated)."
            f" {AGAIN}"
        )
    return content


def parse_idx(content: bytes, path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The array in `content`, checked. `shape`: what it has to be; `path` is for the messages."""
    kind, ndim = (content[2], content[3]) if len(content) >= 4 else (0, 0)
    if content[:2] != b"\0\0" or kind not in TYPES or not ndim:
        raise DatasetError(
            f"idx: {path} must begin with the magic number of an idx file, got"
            f" {content[:4].hex(' ') or 'an empty file'}. It is another kind of file. {AGAIN}"
        )
    header, dtype = 4 + 4 * ndim, np.dtype(TYPES[kind])
    sizes = tuple(
        int(n) for n in np.frombuffer(content[4:header][: len(content[4:header]) // 4 * 4], ">u4")
    )
    expected = header + dtype.itemsize * int(np.prod(sizes, dtype=object))
    if len(sizes) < ndim or len(content) != expected:
        what = (
            "is truncated"
            if len(sizes) < ndim or len(content) < expected
            else "has bytes left over"
        )
        raise DatasetError(
            f"idx: {path} must hold {expected:,} bytes for the sizes {sizes} in its header, got"
            f" {len(content):,}: it {what}. {AGAIN}"
        )
    if shape is not None and (sizes != shape or kind != 8):
        magic = int.from_bytes(content[:4], "big")
        raise DatasetError(
            f"idx: {path} must hold bytes of shape {shape} (magic {2048 + len(shape)}), got"
            f" {dtype.name} of shape {sizes} (magic {magic}). It is another file under this name."
            f" {AGAIN}"
        )
    return (
        np.frombuffer(content, dtype, offset=header).reshape(sizes).astype(dtype.newbyteorder("="))
    )


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, plain or gzipped: for digits of your own."""
    return parse_idx(read_content(Path(path)), Path(path))
