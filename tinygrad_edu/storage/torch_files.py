"""Reading the `.pt` and `.pth` files that PyTorch's `torch.save` writes, without PyTorch and
without running anything in them.

Such a file is a zip archive with a pickle (`data.pkl`) that describes the structure, and one raw
file for each storage. A pickle is a small program; this reader runs only the few instructions that
build numbers, strings, lists, dicts and tensors, and refuses every name but those in `ALLOWED`. It
is written for Python's own unpickler in Python, whose memory the file's instructions cannot blow
up.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np

from ..engine.device import Device, get_device
from ..engine.errors import CheckpointError
from ..engine.tensor import Tensor

STORAGES = {  # PyTorch's name -> NumPy's
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
LARGEST_PICKLE = 100_000_000  # bytes


class Storage:
    """The raw numbers of one or more tensors: a flat array."""

    def __init__(self, array: np.ndarray):
        self.array = array


class Kind:
    """A storage class of PyTorch, by name."""

    def __init__(self, kind: str):
        self.kind = kind


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    """The tensor of that shape and strides (in elements) in a storage, as a copy of its own."""
    if not isinstance(storage, Storage) or not are_sizes(offset, size, stride):
        raise CheckpointError("a tensor's storage, offset, size and stride do not make sense")
    array = storage.array
    empty = not all(size)
    last = offset if empty else offset + sum((n - 1) * s for n, s in zip(size, stride))
    if offset > len(array) or (last >= len(array) and not empty):
        raise CheckpointError(
            f"a tensor of shape {size} reaches beyond its storage of {len(array)} elements"
        )
    if math.prod(size) > len(array):
        raise CheckpointError(
            f"a tensor of shape {size} is an expanded view of {len(array)} elements; clone() it"
            " before torch.save"
        )
    view = np.lib.stride_tricks.as_strided(
        array[offset:], size, tuple(s * array.itemsize for s in stride), writeable=False
    )
    return Tensor(np.array(view), get_device("cpu"))


def are_sizes(offset: Any, size: Any, stride: Any) -> bool:
    """Whether these are an offset, a shape and its strides."""
    if not isinstance(size, tuple) or not isinstance(stride, tuple):
        return False
    numbers = (offset, *size, *stride)
    return len(size) == len(stride) <= 32 and all(
        type(n) is int and 0 <= n < 2**48 for n in numbers
    )


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, *rest: Any) -> Any:
    return data


def torch_size(*args: Any) -> tuple:
    return tuple(*args)


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    ("torch", "Size"): torch_size,
    ("builtins", "set"): set,
    **{("torch", name): Kind(kind) for name, kind in STORAGES.items()},
}


# Python's own unpickler in Python: the one in C allocates what a hostile file asks for
PythonUnpickler: Any = pickle._Unpickler  # not in its stub


class Unpickler(PythonUnpickler):
    """Builds the structure; knows the names in ALLOWED and no others."""

    dispatch: dict[int, Any] = dict(PythonUnpickler.dispatch)

    def __init__(self, data: bytes, archive: dict[str, bytes]):
        super().__init__(io.BytesIO(data))
        self.archive = archive
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise CheckpointError(
                f"it asks for {module}.{name}, which is never run. If it is a whole model, save its"
                " state_dict() instead"
            )
        return ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        if (
            not isinstance(pid, tuple)
            or len(pid) != 5
            or pid[0] != "storage"
            or not isinstance(pid[1], Kind)
            or not isinstance(pid[2], str)
            or type(pid[4]) is not int
        ):
            raise CheckpointError("it names a storage in a way that is not PyTorch's")
        kind, key, count = pid[1].kind, pid[2], pid[4]
        if key not in self.storages:
            self.storages[key] = Storage(numbers(self.archive.get(f"data/{key}"), kind, key, count))
        return self.storages[key]


def numbers(raw: bytes | None, kind: str, key: str, count: int) -> np.ndarray:
    """The `count` numbers of the storage `key` in its file `raw`."""
    width = 2 if kind == "bf16" else np.dtype(kind).itemsize
    if raw is None or len(raw) != count * width:
        raise CheckpointError(
            f"storage {key!r} must have {count * width:,} bytes, got"
            f" {'none' if raw is None else f'{len(raw):,}'}"
        )
    if kind == "bf16":  # the upper half of a float32
        return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == "?" and max(raw, default=0) > 1:
        raise CheckpointError(f"storage {key!r} holds a bool that is neither 0 nor 1")
    return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).astype(np.dtype(kind), copy=False)


def refuse(unpickler: Any) -> None:
    raise CheckpointError("its pickle uses an instruction that torch.save never writes")


for _code in (
    pickle.BYTEARRAY8,
    pickle.NEXT_BUFFER,
    pickle.READONLY_BUFFER,
    pickle.EXT1,
    pickle.EXT2,
    pickle.EXT4,
    pickle.INST,
    pickle.OBJ,
    pickle.BUILD,
    pickle.NEWOBJ,
    pickle.NEWOBJ_EX,
):
    Unpickler.dispatch[_code[0]] = refuse


def load_build(unpickler: Any) -> None:
    """The OrderedDict of a `state_dict()` carries an attribute `_metadata`. It is dropped;
    setting other attributes is refused.
    """
    state, target = unpickler.stack.pop(), unpickler.stack[-1]
    if type(target) is not OrderedDict or not isinstance(state, dict):
        refuse(unpickler)


Unpickler.dispatch[pickle.BUILD[0]] = load_build


def from_torch(data: bytes, name: str, device: Device) -> Any:
    """The object in a file of torch.save. `name` is what errors call the file.

    Dtype: bfloat16 is read as float32, which holds each of its values exactly.
    Raises: CheckpointError for anything that is not plain data.
    """
    try:
        archive = open_archive(data)
        obj = Unpickler(archive["data.pkl"], archive).load()
    except CheckpointError as error:
        raise CheckpointError(
            f"load: the file must hold tensors and plain values saved by torch.save, got {name}:"
            f" {error}. Save it again with torch.save(model.state_dict(), path), or as safetensors."
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle raises anything: KeyError, struct.error ...
        raise CheckpointError(
            f"load: the file must be a whole file of torch.save, got {name}: {type(error).__name__}"
            " while reading it. Use another copy."
        ) from error
    return on_device(obj, device)


def open_archive(data: bytes) -> dict[str, bytes]:
    """The members by name, without the archive's top folder.

    Only stored members: nothing can swell while it is unpacked.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if any(m.compress_type != zipfile.ZIP_STORED for m in members) or sum(
                m.file_size for m in members
            ) > len(data):
                raise CheckpointError("its members are compressed, which torch.save never does")
            found = {m.filename.split("/", 1)[-1]: archive.read(m) for m in members}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise CheckpointError(f"it is no whole zip archive ({error})") from error
    if "data.pkl" not in found or len(found["data.pkl"]) > LARGEST_PICKLE:
        raise CheckpointError("it has no data.pkl (a TorchScript archive?)")
    if found.get("byteorder", b"little") != b"little":
        raise CheckpointError("it was written on a big-endian machine")
    return found


def on_device(obj: Any, device: Device) -> Any:
    """Tensors moved to `device`, also inside lists, tuples and dicts."""
    if isinstance(obj, Tensor):
        return obj if obj.device is device else Tensor(device.asarray(obj.array), device)
    if isinstance(obj, dict):
        return {key: on_device(value, device) for key, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return type(obj)(on_device(value, device) for value in obj)
    return obj
