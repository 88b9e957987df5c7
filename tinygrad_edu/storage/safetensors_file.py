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
from .structure import DTYPES, Arrays, Unpacker, damaged, pack, tensors_of

VERSION = 1
LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format


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
    return need("safetensors.numpy").save(
        arrays,
        {"format": "tinygrad_edu", "version": str(VERSION), "structure": json.dumps(structure)},
    )


# ---- reading -------------------------------------------------------------------------------------


def from_bytes(data: bytes, file: str, device: Device) -> Any:
    """The object in the safetensors file `data`. `file` is what errors call it."""
    metadata, dtypes = read_header(data, file)
    arrays = read_arrays(data, dtypes, file)
    if metadata.get("format") != "tinygrad_edu":
        return tensors_of(arrays, file, device)
    check_version(metadata.get("version", ""), file)
    unpacker = Unpacker(arrays, file, device)
    try:
        obj = unpacker.unpack(parse(metadata.get("structure", ""), file))
    except RecursionError:
        raise damaged(file, "its structure nests too deep") from None
    if unpacker.unused:
        raise damaged(file, f"its structure does not mention {sorted(unpacker.unused)[0]!r}")
    return obj


def read_arrays(data: bytes, dtypes: dict[str, str], file: str) -> Arrays:
    safetensors = need("safetensors")
    try:
        entries = dict(safetensors.deserialize(data))
    except safetensors.SafetensorError as error:  # stricter than we are
        raise damaged(file, str(error)) from error
    arrays = {}
    for name, entry in entries.items():
        array = np.frombuffer(entry["data"], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if dtypes[name] == "BF16":  # the upper half of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        elif dtypes[name] == "BOOL" and array.size and array.view(np.uint8).max() > 1:
            raise damaged(file, f"{name!r} holds a bool that is neither 0 nor 1")
        arrays[name] = array
    return arrays


def check_version(version: str, file: str) -> None:
    if not (version.isascii() and version.isdigit() and len(version) < 9 and int(version) >= 1):
        raise damaged(file, f"its format version is {version[:20]!r}")
    if int(version) > VERSION:
        raise CheckpointError(
            f"load: format version must be at most {VERSION}, got {version} in {file}. Upgrade: pip"
            " install -U tinygrad_edu."
        )


def read_header(data: bytes, file: str) -> tuple[dict[str, str], dict[str, str]]:
    """Check every claim of the header against the file.

    Returns the metadata, and the dtype of each tensor by name.
    """
    length = header_length(data, file)
    header = parse(data[8 : 8 + length], file)
    if not isinstance(header, dict):
        raise damaged(file, "its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise damaged(file, "its metadata is not a table of texts")
    spans = [(*check_entry(name, entry, file), name) for name, entry in header.items()]
    check_spans(sorted(spans), len(data) - 8 - length, file)
    return metadata, {name: entry["dtype"] for name, entry in header.items()}


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
                f"the data of {name!r} starts at byte {start:,} where {end:,} was due"
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
            file, f"the entry of {name!r} must have dtype, shape and data_offsets and no more"
        )
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise CheckpointError(
            f"load: dtype of {name!r} in {file} must be one of {', '.join(DTYPES)}, got"
            f" {str(kind)[:40]!r}. Convert the tensor with the program that wrote it."
        )
    check_sizes("shape", shape, name, file)
    check_sizes("data_offsets", offsets, name, file)
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise damaged(
            file, f"the data_offsets of {name!r} must be start and end, not {offsets[:4]}"
        )
    width = DTYPES[kind].itemsize
    if len(shape) > 32 or width * math.prod(n for n in shape if n) >= 2**63:
        raise damaged(file, f"the shape of {name!r} is absurd: {str(shape)[:60]}")
    needed, there = width * math.prod(shape), offsets[1] - offsets[0]
    if needed != there:
        raise damaged(
            file,
            f"{name!r} of dtype {kind} and shape {shape} needs {needed:,} bytes but has {there:,}",
        )
    return offsets[0], offsets[1]


def check_sizes(what: str, numbers: Any, name: str, file: str) -> None:
    if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < 2**48 for n in numbers):
        raise damaged(
            file, f"the {what} of {name!r} must be a list of sizes, not {str(numbers)[:60]}"
        )


def parse(text: str | bytes, file: str) -> Any:
    """JSON without its laxities: no duplicate keys, no NaN, UTF-8 only."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        table: dict[str, Any] = {}
        for key, value in pairs:
            if key in table:
                raise damaged(file, f"the key {key[:80]!r} is there twice")
            table[key] = value
        return table

    def refuse(constant: str) -> None:
        raise damaged(file, f"its header holds {constant}")

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
