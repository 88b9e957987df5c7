"""Save and load tensors, and all that a training run needs to go on, as safetensors files.

A file is a safetensors file any other tool can read: the tensors under dotted names
(`model.conv1.weight`), and in its metadata one JSON text that says how tensors, numbers, strings,
lists and dicts nest. Nothing in a file is ever executed, and nothing in it is believed: every
number in the header is checked before memory is touched.

Writing is atomic. A kill or a full disk at any moment leaves either the old file or the new one,
never half of one.
"""

from __future__ import annotations

import json
import math
import os
import stat
from importlib import import_module
from typing import Any

import numpy as np

from ..engine.device import Generator, default_generator, get_device
from ..engine.dtype import of_numpy
from ..engine.errors import CheckpointError
from ..engine.tensor import Tensor
from ..files import write_atomically

VERSION = 1
LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format
DTYPES: dict[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in (
        ("BOOL", "bool"),
        ("U8", "u1"),
        ("I8", "i1"),
        ("U16", "<u2"),
        ("I16", "<i2"),
        ("U32", "<u4"),
        ("I32", "<i4"),
        ("U64", "<u8"),
        ("I64", "<i8"),
        ("F16", "<f2"),
        ("F32", "<f4"),
        ("F64", "<f8"),
        ("BF16", "<u2"),
    )
}


class CheckpointNotFound(CheckpointError, FileNotFoundError):
    """No file of that name."""

    __str__ = Exception.__str__  # OSError would look for an errno


# ---- public --------------------------------------------------------------------------------------


def save(obj: Any, f: Any) -> None:
    """Write `obj` to the file `f`, whole or not at all.

    Args:
        obj: Tensors, NumPy arrays, numbers, strings, None, and any nesting of them in dicts (keys:
        str, int, float, bool,
            None), lists and tuples. Values are saved, not the graph: what comes back does not
            require gradients.
        f: a path, or an object with a `write` method. The folder must exist.

    Raises:
        CheckpointError: a value of another kind (nothing is pickled), or the file cannot be
        written. The file that
            was there before is then unchanged.
    """
    data = to_bytes(obj)
    if hasattr(f, "write"):
        f.write(data)
    else:
        write_atomically(os.fspath(f), data)


def load(f: Any, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What `save` wrote to the file `f`, equal in every bit. A safetensors file from elsewhere
    gives a flat dict of tensors, a file of PyTorch's torch.save (`.pt`, `.pth`) the structure of
    tensors and plain values in it.

    Args:
        f: a path, or an object with a `read` method.
        map_location: the device to put tensors on, default the CPU.
        weights_only: kept for PyTorch's signature. Nothing is ever executed, whichever is given.

    Dtype: bfloat16 is read as float32, which holds each of its values exactly.

    Raises:
        CheckpointError: the file is missing, damaged, or of a newer format.
    """
    name = repr(getattr(f, "name", f) if hasattr(f, "read") else os.fspath(f))
    data = f.read() if hasattr(f, "read") else read_file(os.fspath(f), name)
    device = get_device("cpu" if map_location is None else map_location)
    if data[:4] == b"PK\x03\x04":  # a zip archive
        from .torch_files import from_torch

        return from_torch(data, name, device)
    if data[:2] == b"\x80\x02":  # a bare pickle
        raise CheckpointError(
            f"load: pickles are never run, got {name}, which is one (torch.save's format before"
            " version 1.6). Load it with PyTorch and save it again with torch.save."
        )
    return from_bytes(data, name, device)


def save_checkpoint(f: Any, **parts: Any) -> None:
    """Save all that a run needs to go on: for each part its `state_dict()` (model, optimizer,
    scheduler …), its state if it is a Generator, or the value itself (epoch, history …); and the
    state of the default generator.
    """
    state = {"default_generator": default_generator.get_state()}
    for name, part in parts.items():
        state[name] = (
            part.get_state()
            if isinstance(part, Generator)
            else part.state_dict()
            if hasattr(part, "state_dict")
            else part
        )
    save(state, f)


def load_checkpoint(f: Any, **parts: Any) -> dict:
    """Put the saved states back into `parts` (given by the names they were saved under) and into
    the default generator.

    Returns the rest: the plain values, and the states of parts that were not given.

    Raises:
        CheckpointError: the file is damaged, or lacks one of the parts.
    """
    state = load(f)
    name = repr(getattr(f, "name", f))
    if not isinstance(state, dict) or "default_generator" not in state:
        raise CheckpointError(
            f"load_checkpoint: needs a file that save_checkpoint wrote, got {name}. Use load for"
            " other files."
        )
    missing = sorted(parts.keys() - state.keys())
    if missing:
        raise CheckpointError(
            f"load_checkpoint: {name} must hold {', '.join(missing)}, got only"
            f" {', '.join(sorted(state))}. Ask for the parts that were saved."
        )
    default_generator.set_state(state.pop("default_generator"))
    for key, part in parts.items():
        saved = state.pop(key)
        part.set_state(saved) if isinstance(part, Generator) else part.load_state_dict(saved)
    return state


# ---- writing -------------------------------------------------------------------------------------


def to_bytes(obj: Any) -> bytes:
    """The safetensors file that holds `obj`."""
    arrays: dict[str, np.ndarray] = {}
    try:
        structure = pack(obj, "", arrays, ())
    except RecursionError:
        raise CheckpointError(
            "save: nesting must be less than a few hundred levels deep, got more. Flatten the"
            " structure."
        ) from None
    return need("safetensors.numpy").save(
        arrays,
        {"format": "tinygrad_edu", "version": str(VERSION), "structure": json.dumps(structure)},
    )


def pack(value: Any, where: str, arrays: dict[str, np.ndarray], above: tuple) -> Any:
    """`value` as JSON.

    Tensors go into `arrays`, and what JSON lacks becomes an object with one key that starts with
    `$`.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.number)) and not isinstance(value, (int, float)):
        value = value.item()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": str(float(value))}
    if isinstance(value, (Tensor, np.ndarray)):
        return {"$tensor" if isinstance(value, Tensor) else "$array": put(value, where, arrays)}
    if any(value is one for one in above):
        raise CheckpointError(
            f"save: a structure must not hold itself, got a loop at {where or 'the top'}. Save its"
            " parts instead."
        )
    if isinstance(value, dict):
        items = [
            (
                pack_key(key, where),
                pack(one, f"{where}.{key}" if where else str(key), arrays, (*above, value)),
            )
            for key, one in value.items()
        ]
        plain = all(isinstance(key, str) for key in value) and not (
            len(value) == 1 and items[0][0].startswith("$")
        )
        return dict(items) if plain else {"$dict": [list(item) for item in items]}
    if isinstance(value, (list, tuple)):
        packed = [
            pack(one, f"{where}.{i}" if where else str(i), arrays, (*above, value))
            for i, one in enumerate(value)
        ]
        return packed if isinstance(value, list) else {"$tuple": packed}
    raise CheckpointError(
        "save: values must be tensors, arrays, numbers, strings, None, lists, tuples or dicts, got"
        f" {type(value).__name__} at {where or 'the top'}. Save its state_dict(), or turn it into"
        " one of those."
    )


def pack_key(key: Any, where: str) -> Any:
    if key is None or isinstance(key, (bool, int, str)):
        return key
    if isinstance(key, float) and math.isfinite(key):
        return float(key)
    raise CheckpointError(
        f"save: keys of a dict must be str, int, float, bool or None, got {type(key).__name__} at"
        f" {where or 'the top'}. Use its str()."
    )


def put(value: Tensor | np.ndarray, where: str, arrays: dict[str, np.ndarray]) -> str:
    """Add an array under the dotted path to it, made unique where two paths read alike, and return
    the name used.
    """
    array = value.device.to_host(value.array) if isinstance(value, Tensor) else value
    kind = array.dtype.newbyteorder("<")
    if kind not in DTYPES.values():
        raise CheckpointError(
            f"save: dtype must be one of {', '.join(sorted({str(d) for d in DTYPES.values()}))},"
            f" got {array.dtype} at {where or 'the top'}. Convert it first."
        )
    # half a surrogate pair is a str but not UTF-8
    where = where.encode("utf-8", "replace").decode() or "tensor"
    name, n = where, 2
    while name in arrays or name == "__metadata__":
        name, n = f"{where}#{n}", n + 1
    # dense, as the file stores it; 0-d stays 0-d
    arrays[name] = np.asarray(array, dtype=kind, order="C")
    return name


# ---- reading -------------------------------------------------------------------------------------


def read_file(path: str, name: str) -> bytes:
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise CheckpointError(
                f"load: must be a file, got {'the folder' if stat.S_ISDIR(kind) else 'the device'}"
                f" {name}. Give the path of a checkpoint."
            )
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise CheckpointNotFound(
            f"load: the file must exist, got {name}. Check the path, or save one first."
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"load: {name} must be readable, got {error.strerror or error}. Check its permissions."
        ) from error


def from_bytes(data: bytes, name: str, device: Any) -> Any:
    """The object in the safetensors file `data`. `name` is what errors call the file."""
    metadata, entries = read_header(data, name)
    safetensors = need("safetensors")
    try:
        arrays = {
            key: (
                entries[key],
                np.frombuffer(one["data"], DTYPES[one["dtype"]]).reshape(one["shape"]),
            )
            for key, one in safetensors.deserialize(data)
        }
    except safetensors.SafetensorError as error:  # stricter than we are
        raise damaged(name, str(error)) from error
    for key, (kind, array) in arrays.items():
        if kind == "BF16":  # the upper half of a float32
            arrays[key] = kind, (array.astype(np.uint32) << 16).view(np.float32)
        elif kind == "BOOL" and array.size and array.view(np.uint8).max() > 1:
            raise damaged(name, f"{key!r} holds a bool that is neither 0 nor 1")
    plain = {key: array for key, (_, array) in arrays.items()}
    if metadata.get("format") != "tinygrad_edu":
        return {key: tensor_of(array, name, key, device) for key, array in plain.items()}
    version = metadata.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 9 and int(version) >= 1):
        raise damaged(name, f"its format version is {version[:20]!r}")
    if int(version) > VERSION:
        raise CheckpointError(
            f"load: format version must be at most {VERSION}, got {version} in {name}. Upgrade: pip"
            " install -U tinygrad_edu."
        )
    unused = set(plain)
    try:
        obj = unpack(parse(metadata.get("structure", ""), name), plain, unused, name, device)
    except RecursionError:
        raise damaged(name, "its structure nests too deep") from None
    if unused:
        raise damaged(name, f"its structure does not mention {sorted(unused)[0]!r}")
    return obj


def read_header(data: bytes, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Check every claim of the header against the file.

    Returns the metadata and the dtype of each tensor by name.
    """
    if not data:
        raise damaged(name, "it is empty")
    if len(data) < 8:
        raise damaged(name, f"it has only {len(data)} bytes")
    length = int.from_bytes(data[:8], "little")
    if length > LARGEST_HEADER:
        raise damaged(
            name,
            f"it is not a safetensors file (its first 8 bytes would mean a header of {length:,}"
            " bytes)",
        )
    if length > len(data) - 8:
        raise damaged(
            name,
            f"its header should have {length:,} bytes but only {len(data) - 8:,} are there, so it"
            " is cut off or not a safetensors file",
        )
    header = parse(data[8 : 8 + length], name)
    if not isinstance(header, dict):
        raise damaged(name, "its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise damaged(name, "its metadata is not a table of texts")
    spans = [(*check_entry(key, entry, name), key) for key, entry in header.items()]
    end = 0
    for start, stop, key in sorted(spans):
        if start != end:
            raise damaged(
                name,
                f"the data of {key!r} starts at byte {start:,} where {end:,} was due"
                f" ({'a gap' if start > end else 'it overlaps another tensor'})",
            )
        end = stop
    if end != len(data) - 8 - length:
        raise damaged(
            name,
            f"its tensors take {end:,} bytes but {len(data) - 8 - length:,} are there"
            + (", so it is cut off" if end > len(data) - 8 - length else ""),
        )
    return metadata, {key: entry["dtype"] for key, entry in header.items()}


def check_entry(key: str, entry: Any, name: str) -> tuple[int, int]:
    """The byte range of one tensor, after its dtype, shape and range have been found to agree."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise damaged(
            name, f"the entry of {key!r} must have dtype, shape and data_offsets and no more"
        )
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise CheckpointError(
            f"load: dtype of {key!r} in {name} must be one of {', '.join(DTYPES)}, got"
            f" {str(kind)[:40]!r}. Convert the tensor with the program that wrote it."
        )
    for what, numbers in (("shape", shape), ("data_offsets", offsets)):
        if not isinstance(numbers, list) or not all(
            type(n) is int and 0 <= n < 2**48 for n in numbers
        ):
            raise damaged(
                name, f"the {what} of {key!r} must be a list of sizes, not {str(numbers)[:60]}"
            )
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise damaged(name, f"the data_offsets of {key!r} must be start and end, not {offsets[:4]}")
    size = DTYPES[kind].itemsize * math.prod(shape)
    if len(shape) > 32 or DTYPES[kind].itemsize * math.prod(n for n in shape if n) >= 2**63:
        raise damaged(name, f"the shape of {key!r} is absurd: {str(shape)[:60]}")
    if size != offsets[1] - offsets[0]:
        raise damaged(
            name,
            f"{key!r} of dtype {kind} and shape {shape} needs {size:,} bytes but has"
            f" {offsets[1] - offsets[0]:,}",
        )
    return offsets[0], offsets[1]


def parse(text: str | bytes, name: str) -> Any:
    """JSON without its laxities: no duplicate keys, no NaN, UTF-8 only."""

    def unique(pairs: list[tuple[str, Any]]) -> dict:
        table = dict(pairs)
        if len(table) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise damaged(name, f"the key {twice[:80]!r} is there twice")
        return table

    def refuse(constant: str) -> None:
        raise damaged(name, f"its header holds {constant}")

    try:
        return json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=unique,
            parse_constant=refuse,
        )
    except CheckpointError:
        raise
    except (
        ValueError,
        RecursionError,
    ):  # not JSON, not UTF-8, a number of thousands of digits, nested too deep
        raise damaged(
            name, "its header is not valid JSON, so it is not a safetensors file"
        ) from None


def unpack(
    value: Any, arrays: dict[str, np.ndarray], unused: set[str], name: str, device: Any
) -> Any:
    """The inverse of `pack`."""

    def inner(one: Any) -> Any:
        return unpack(one, arrays, unused, name, device)

    if isinstance(value, list):
        return [inner(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not next(iter(value)).startswith("$"):
        return {key: inner(one) for key, one in value.items()}
    ((tag, body),) = value.items()
    if tag in ("$tensor", "$array") and isinstance(body, str) and body in unused:
        unused.remove(body)
        return tensor_of(arrays[body], name, body, device) if tag == "$tensor" else arrays[body]
    if tag == "$float" and body in ("nan", "inf", "-inf"):
        return float(body)
    if tag == "$tuple" and isinstance(body, list):
        return tuple(inner(one) for one in body)
    if (
        tag == "$dict"
        and isinstance(body, list)
        and all(
            isinstance(item, list) and len(item) == 2 and not isinstance(item[0], (list, dict))
            for item in body
        )
    ):
        table = {key: inner(one) for key, one in body}
        if len(table) == len(body):
            return table
    raise damaged(name, f"its structure holds {str(value)[:80]}")


def tensor_of(array: np.ndarray, name: str, key: str, device: Any) -> Tensor:
    if array.dtype not in of_numpy:
        raise CheckpointError(
            f"load: tensors must be of one of {', '.join(str(d) for d in of_numpy)}, got"
            f" {array.dtype} for {key!r} in {name}. Convert it with the program that wrote it."
        )
    return Tensor(device.asarray(array), device)


def damaged(name: str, why: str) -> CheckpointError:
    return CheckpointError(
        f"load: the file must be a whole safetensors file, got {name}: {why}. Use another copy or"
        " an earlier checkpoint."
    )


def need(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise CheckpointError(
            "save, load: need the package safetensors, got none. Run: pip install safetensors"
        ) from None
