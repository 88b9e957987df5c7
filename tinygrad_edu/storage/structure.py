"""How a nesting of tensors and plain values is written as JSON, and read back.

Tensors go into a table of arrays by name; the JSON text holds their names. What JSON lacks becomes
an object with one key that starts with `$`: `{"$tensor": name}`, `{"$array": name}`,
`{"$float": "nan"}`, `{"$tuple": [...]}`, `{"$size": [...]}`, `{"$dict": [[key, value], ...]}`. A
value of a type derived from a plain one, such as a named tuple, is refused: its type would be lost.
An OrderedDict is read as a dict.
"""

from __future__ import annotations

import math
import reprlib
from collections import OrderedDict
from typing import Any

import numpy as np

from ..engine.device import Device
from ..engine.dtype import of_numpy
from ..engine.errors import CheckpointError
from ..engine.tensor import Size, Tensor
from .limits import Room

DTYPES: dict[str, np.dtype] = {  # by their names in a safetensors file
    "BOOL": np.dtype("bool"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),  # NumPy has none: the upper half of a float32
}
Arrays = dict[str, np.ndarray]
SEQUENCES: dict[type, str] = {list: "", tuple: "$tuple", Size: "$size"}  # their tags


# ---- writing -------------------------------------------------------------------------------------


def pack(value: Any, arrays: Arrays, where: str = "", above: tuple = ()) -> Any:
    """`value` as JSON; its tensors are added to `arrays`.

    Args:
        where: the dotted path to `value`, for names and errors.
        above: the containers that hold `value`, to notice a loop.
    """
    if value is None or type(value) in (bool, str):
        return value
    if type(value) in (int, float) or isinstance(value, (np.bool_, np.number)):
        return pack_number(value)
    if isinstance(value, Tensor):
        return {"$tensor": put(value.device.to_host(value.array), where, arrays)}
    if isinstance(value, np.ndarray):
        return {"$array": put(value, where, arrays)}
    if any(value is one for one in above):
        raise CheckpointError(
            f"save: a structure must not hold itself, got a loop at {where or 'the top'}. Save its"
            " parts instead."
        )
    if type(value) in (dict, OrderedDict):
        return pack_dict(value, arrays, where, (*above, value))
    if type(value) in SEQUENCES:
        packed = [
            pack(one, arrays, below(where, i), (*above, value)) for i, one in enumerate(value)
        ]
        tag = SEQUENCES[type(value)]
        return {tag: packed} if tag else packed
    if isinstance(value, (str, int, float, list, tuple, dict)):
        raise lost_type(value, where)
    raise CheckpointError(
        "save: values must be tensors, arrays, numbers, strings, None, lists, tuples or dicts, got"
        f" {type(value).__name__} at {where or 'the top'}. Save its state_dict(), or turn it into"
        " one of those."
    )


def lost_type(value: Any, where: str) -> CheckpointError:
    """The error about a value whose own type a file would lose."""
    kind = next(
        k for k in (str, int, float, list, tuple, dict, set, frozenset) if isinstance(value, k)
    )
    return CheckpointError(
        f"save: values must be of plain types, got {type(value).__name__:.60}, a kind of"
        f" {kind.__name__}, at {where or 'the top'}. Give {kind.__name__}(value), which is what a"
        " file can hold."
    )


def below(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def pack_number(value: Any) -> Any:
    if not isinstance(value, (int, float)):  # one of NumPy's
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if math.isfinite(value) else {"$float": str(float(value))}


def pack_dict(value: dict, arrays: Arrays, where: str, above: tuple) -> dict:
    items = [
        (pack_key(key, where), pack(one, arrays, below(where, key), above))
        for key, one in value.items()
    ]
    like_a_tag = len(items) == 1 and str(items[0][0]).startswith("$")
    if all(isinstance(key, str) for key in value) and not like_a_tag:
        return dict(items)
    return {"$dict": [list(item) for item in items]}


def pack_key(key: Any, where: str) -> Any:
    if key is None or type(key) in (bool, int, str):
        return key
    if isinstance(key, (int, str)):
        raise lost_type(key, where)
    if isinstance(key, float) and math.isfinite(key):
        return float(key)
    raise CheckpointError(
        f"save: keys of a dict must be str, int, float, bool or None, got {type(key).__name__} at"
        f" {where or 'the top'}. Use its str()."
    )


def put(array: np.ndarray, where: str, arrays: Arrays) -> str:
    """Add an array under the dotted path to it, made unique where two paths read alike, and return
    the name used.
    """
    dtype = array.dtype.newbyteorder("<")
    if dtype not in DTYPES.values():
        raise CheckpointError(
            f"save: dtype must be one of {', '.join(sorted({str(d) for d in DTYPES.values()}))},"
            f" got {array.dtype} at {where[:200] or 'the top'}. Convert it first."
        )
    # half a surrogate pair is a str but not UTF-8
    where = where.encode("utf-8", "replace").decode() or "tensor"
    name, n = where, 2
    while name in arrays or name == "__metadata__":
        name, n = f"{where}#{n}", n + 1
    # dense, as the file stores it; 0-d stays 0-d
    arrays[name] = np.asarray(array, dtype=dtype, order="C")
    return name


# ---- reading -------------------------------------------------------------------------------------


class Unpacker:
    """Builds the object that `pack` wrote, and refuses JSON that `pack` cannot have written.

    Args:
        arrays: what the file holds, by name.
        file: what errors call the file.
        device: where tensors go.
        room: for keys that a table can be slow with.
    """

    def __init__(self, arrays: Arrays, file: str, device: Device, room: Room) -> None:
        self.arrays, self.file, self.device, self.room = arrays, file, device, room
        self.unused = set(arrays)

    def unpack(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.unpack(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)).startswith("$"):
            ((tag, body),) = value.items()
            return self.unpack_tag(tag, body)
        return {key: self.unpack(one) for key, one in value.items()}

    def unpack_tag(self, tag: str, body: Any) -> Any:
        if tag == "$float" and body in ("nan", "inf", "-inf"):
            return float(body)
        if tag in ("$tensor", "$array") and isinstance(body, str) and body in self.unused:
            self.unused.remove(body)
            array = self.arrays[body]
            return array if tag == "$array" else tensor_of(array, self.file, body, self.device)
        if tag in ("$tuple", "$size") and isinstance(body, list):
            return (tuple if tag == "$tuple" else Size)(self.unpack(one) for one in body)
        if tag == "$dict" and isinstance(body, list) and all(map(is_item, body)):
            table: dict[Any, Any] = {}
            for key, one in body:
                self.check_key(table, key)
                table[key] = self.unpack(one)
            if len(table) == len(body):
                return table
        raise damaged(self.file, f"its structure holds {shown({tag: body})}")

    def check_key(self, table: dict, key: Any) -> None:
        try:
            self.room.check_key(table, key)
        except CheckpointError as error:
            raise damaged(self.file, str(error)) from None


def is_item(item: Any) -> bool:
    """Whether `item` is the [key, value] of a dict."""
    return isinstance(item, list) and len(item) == 2 and not isinstance(item[0], (list, dict))


def tensor_of(array: np.ndarray, file: str, name: str, device: Device) -> Tensor:
    if array.dtype not in of_numpy:
        raise CheckpointError(
            f"load: tensors must be of one of {', '.join(str(d) for d in of_numpy)}, got"
            f" {array.dtype} for {short(name)} in {file}. Convert it with the program that wrote"
            " it."
        )
    return Tensor(device.asarray(array), device)


def tensors_of(arrays: Arrays, file: str, device: Device) -> dict[str, Tensor]:
    """The flat table of a safetensors file that another program wrote."""
    return {name: tensor_of(array, file, name, device) for name, array in arrays.items()}


def short(name: str) -> str:
    """A name of a file as errors show it."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def shown(value: Any) -> str:
    """The beginning of a value of a file, as errors show it."""
    return reprlib.repr(value)[:80]


def damaged(file: str, why: str) -> CheckpointError:
    """The error of a file that is not what it should be. `file` is what errors call it."""
    return CheckpointError(
        f"load: the file must be a whole safetensors file, got {file}: {why}. Use another copy or"
        " an earlier checkpoint."
    )
