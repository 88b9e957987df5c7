"""The safetensors format: bytes of a file from an object, and back.

A file is one any other tool can read: the tensors under dotted names (`model.conv1.weight`), and in
its metadata one JSON text that says how tensors, numbers, strings, lists and dicts nest. Nothing in
a file is ever executed, and nothing in it is believed: every number in the header is checked before
memory is touched.
"""

from __future__ import annotations

import json
import math
from importlib import import_module
from typing import Any

import numpy as np

from ..engine.device import Device
from ..engine.errors import CheckpointError
from .limits import Room
from .structure import DTYPES, Arrays, Unpacker, damaged, pack, short, shown, tensors_of

VERSION = 1
LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format
LARGEST_STRUCTURE = 20_000_000  # bytes; more plain values would take too long to read
MOST_TENSORS = 50_000  # in one file


def need(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise CheckpointError(
            "save, load: need the package safetensors, got none. Run: pip install safetensors"
        ) from None


# ---- writing -------------------------------------------------------------------------------------


def to_bytes(obj: Any) -> bytes:
    """The safetensors file that holds `obj`."""
    arrays: Arrays = {}
    try:
        structure = pack(obj, arrays)
    except RecursionError:
        raise CheckpointError(
            "save: nesting must be less than a few hundred levels deep, got more. Flatten the"
            " structure."
        ) from None
    text = json.dumps(structure)
    if len(text) > LARGEST_STRUCTURE:
        raise CheckpointError(
            f"save: plain values must take at most {LARGEST_STRUCTURE:,} bytes as JSON, got"
            f" {len(text):,}. Keep long lists of numbers as arrays or tensors."
        )
    return need("safetensors.numpy").save(
        arrays, {"format": "tinygrad_edu", "version": str(VERSION), "structure": text}
    )


# ---- reading -------------------------------------------------------------------------------------


def from_bytes(data: Any, file: str, device: Device) -> Any:
    """The object in the safetensors file `data` (bytes, or a memory map, in which the numbers then
    stay). `file` is what errors call it.
    """
    room = Room(len(data))
    metadata, entries, start = read_header(data, file, room)
    arrays = {name: read_array(data, start, name, entry, file) for name, entry in entries.items()}
    if metadata.get("format") != "tinygrad_edu":
        return tensors_of(arrays, file, device)
    check_version(metadata.get("version", ""), file)
    unpacker = Unpacker(arrays, file, device, room)
    try:
        obj = unpacker.unpack(parse(metadata.get("structure", ""), file, room))
    except RecursionError:
        raise damaged(file, "its structure nests too deep") from None
    if unpacker.unused:
        raise damaged(file, f"its structure does not mention {short(sorted(unpacker.unused)[0])}")
    return obj


def read_array(data: Any, start: int, name: str, entry: dict[str, Any], file: str) -> np.ndarray:
    """The numbers of one tensor, after its entry has been checked."""
    kind, shape = DTYPES[entry["dtype"]], entry["shape"]
    place = start + entry["data_offsets"][0]
    array = np.frombuffer(data, kind, math.prod(shape), place).reshape(shape)
    if entry["dtype"] == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    if entry["dtype"] == "BOOL" and array.size and array.view(np.uint8).max() > 1:
        raise damaged(file, f"{short(name)} holds a bool that is neither 0 nor 1")
    # an array of its own, unless it may stay in a memory map
    return array if array.flags.writeable and array.flags.aligned else array.copy()


def check_version(version: str, file: str) -> None:
    if not (version.isascii() and version.isdigit() and len(version) < 9 and int(version) >= 1):
        raise damaged(file, f"its format version is {version[:20]!r}")
    if int(version) > VERSION:
        raise CheckpointError(
            f"load: format version must be at most {VERSION}, got {version} in {file}. Upgrade: pip"
            " install -U tinygrad_edu."
        )


def read_header(data: Any, file: str, room: Room) -> tuple[dict[str, str], dict[str, Any], int]:
    """Check every claim of the header against the file.

    Returns the metadata, the entry of each tensor by name, and where the numbers start.
    """
    length = header_length(data, file)
    header = parse(data[8 : 8 + length], file, room)
    if not isinstance(header, dict):
        raise damaged(file, "its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise damaged(file, "its metadata is not a table of texts")
    if len(header) > MOST_TENSORS:
        raise damaged(file, f"it has {len(header):,} tensors, more than {MOST_TENSORS:,}")
    spans = [(*check_entry(name, entry, file), name) for name, entry in header.items()]
    check_spans(sorted(spans), len(data) - 8 - length, file)
    return metadata, header, 8 + length


def header_length(data: bytes, file: str) -> int:
    if not data:
        raise damaged(file, "it is empty")
    if len(data) < 8:
        raise damaged(file, f"it has only {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > LARGEST_HEADER:
        raise damaged(
            file,
            "it is not a safetensors file (its first 8 bytes would mean a header of"
            f" {length:,} bytes)",
        )
    if length > len(data) - 8:
        raise damaged(
            file,
            f"its header should have {length:,} bytes but only {len(data) - 8:,} are there, so it"
            " is cut off or not a safetensors file",
        )
    return length


def check_spans(spans: list[tuple[int, int, str]], size: int, file: str) -> None:
    """Make sure that the tensors' byte ranges (start, stop, name) fill `size` bytes without gaps
    and overlaps.
    """
    end = 0
    for start, stop, name in spans:
        if start != end:
            raise damaged(
                file,
                f"the data of {short(name)} starts at byte {start:,} where {end:,} was due"
                f" ({'a gap' if start > end else 'it overlaps another tensor'})",
            )
        end = stop
    if end != size:
        cut = ", so it is cut off" if end > size else ""
        raise damaged(file, f"its tensors take {end:,} bytes but {size:,} are there{cut}")


def check_entry(name: str, entry: Any, file: str) -> tuple[int, int]:
    """The byte range of one tensor, after its dtype, shape and range have been found to agree."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise damaged(
            file, f"the entry of {short(name)} must have dtype, shape and data_offsets and no more"
        )
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise CheckpointError(
            f"load: dtype of {short(name)} in {file} must be one of {', '.join(DTYPES)}, got"
            f" {shown(kind)}. Convert the tensor with the program that wrote it."
        )
    check_sizes("shape", shape, name, file)
    check_sizes("data_offsets", offsets, name, file)
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise damaged(
            file, f"the data_offsets of {short(name)} must be start and end, not {offsets[:4]}"
        )
    width = DTYPES[kind].itemsize
    if len(shape) > 32 or width * math.prod(n for n in shape if n) >= 2**63:
        raise damaged(file, f"the shape of {short(name)} is absurd: {shown(shape)}")
    needed, there = width * math.prod(shape), offsets[1] - offsets[0]
    if needed != there:
        raise damaged(
            file,
            f"{short(name)} of dtype {kind} and shape {str(shape)[:100]} needs {needed:,} bytes but"
            f" has {there:,}",
        )
    return offsets[0], offsets[1]


def check_sizes(what: str, numbers: Any, name: str, file: str) -> None:
    if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 2**48 for n in numbers):
        raise damaged(
            file, f"the {what} of {short(name)} must be a list of sizes, not {shown(numbers)}"
        )


def parse(text: str | bytes, file: str, room: Room) -> Any:
    """JSON without its laxities: no duplicate keys, no NaN, UTF-8 only."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        table: dict[str, Any] = {}
        for key, value in pairs:
            if key in table:
                raise damaged(file, f"the key {short(key)} is there twice")
            table[key] = value
        return table

    def refuse(constant: str) -> None:
        raise damaged(file, f"its header holds {constant}")

    try:
        charge(text, room)
    except CheckpointError as error:
        raise damaged(file, str(error)) from None
    try:
        return json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=unique,
            parse_constant=refuse,
        )
    except CheckpointError:
        raise
    except (ValueError, RecursionError):
        # not JSON, not UTF-8, a number of thousands of digits, nested too deep
        raise damaged(
            file, "its header is not valid JSON, so it is not a safetensors file"
        ) from None


def charge(text: str | bytes, room: Room) -> None:
    """Pay for what a JSON text makes before it is read: each list, dict and value has its mark."""
    marks = {"[": 88, "{": 232, ",": 40, ":": 60}
    room.take(len(text))
    for mark, size in marks.items():
        room.take(size * text.count(mark if isinstance(text, str) else mark.encode()))  # type: ignore[arg-type]
