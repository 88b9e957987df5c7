"""Writing files that PyTorch's `torch.load` reads: a zip archive with a pickle of the structure and
one member of raw bytes for each storage.

Nothing is pickled by Python's own machinery: the instructions are written here, for the values
that the reader in `pickles` knows.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.arrays import address
from ..engine.device import Device
from ..engine.dtype import dtype as DType
from ..engine.errors import CheckpointError
from ..engine.tensor import Size, Tensor
from ..nn.parameter import Parameter
from .limits import DEEPEST
from .modules import class_name, function_name, state_of
from .structure import lost_type

ALIGNMENT = 64  # bytes: where each member begins, so that a memory map of it can be used as it is
TOP = "archive"  # the folder of all members
TOO_DEEP = f"save: nesting must be at most {DEEPEST} levels deep, got more. Flatten the structure."


def to_torch(obj: Any) -> bytes:
    """The file of PyTorch's format that holds `obj`."""
    writer = Writer()
    try:
        writer.put(obj, "")
    except RecursionError:
        raise CheckpointError(TOO_DEEP) from None
    members = {"data.pkl": writer.finished(), "byteorder": b"little", "version": b"3\n"}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            add(archive, file, f"{TOP}/{name}", data)
        for number, array in enumerate(writer.storages):
            add(archive, file, f"{TOP}/data/{number}", array.view(np.uint8).data)
    return file.getvalue()


def add(archive: zipfile.ZipFile, file: io.BytesIO, name: str, data: Any) -> None:
    """Add a member whose bytes begin at a multiple of ALIGNMENT: a field of zeros fills up."""
    info = zipfile.ZipInfo(name)
    start = file.tell() + 30 + len(name) + 4  # its header, its name, the field's own head
    fill = -start % ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", fill) + bytes(fill)
    archive.writestr(info, data)


class Writer:
    """Turns an object into the instructions of a pickle of protocol 2."""

    def __init__(self) -> None:
        self.out = bytearray(pickle.PROTO + b"\x02")
        self.memo: dict[Any, int] = {}  # what was written already -> its number
        self.kept: list[Any] = []  # so that no id is used twice
        self.above: set[int] = set()  # the containers around the value at hand
        self.storages: list[np.ndarray] = []
        self.places: dict[int, int] = {}  # id of an array that owns memory -> number of its storage

    def finished(self) -> bytes:
        return bytes(self.out + pickle.STOP)

    # ---- any value ----

    def put(self, value: Any, where: str) -> None:
        """Write one value. `where`: the dotted path to it, for errors."""
        write = ATOMS.get(type(value))
        if write is not None:
            write(self, value)
        elif self.again(id(value)):
            return
        elif id(value) in self.above:
            raise CheckpointError(
                f"save: a structure must not hold itself, got a loop at {where or 'the top'}. Save"
                " its parts instead."
            )
        elif len(self.above) >= DEEPEST:
            raise CheckpointError(TOO_DEEP)
        else:
            self.above.add(id(value))
            self.put_container(value, where)
            self.above.discard(id(value))
            self.remember(id(value), value)

    def put_container(self, value: Any, where: str) -> None:
        write = EXACT.get(type(value)) or next((w for k, w in ARRAYS if isinstance(value, k)), None)
        if write is not None:
            write(self, value, where)
            return
        if isinstance(value, (str, int, float, list, tuple, dict, set, frozenset)):
            raise lost_type(value, where)
        if function := function_name(value):
            self.name(*function)
        elif cls := class_name(value, where):
            self.name(*cls)
            self.out += pickle.EMPTY_TUPLE + pickle.NEWOBJ
            self.put(state_of(value, where), where)
            self.out += pickle.BUILD
        else:
            raise CheckpointError(
                "save: values must be tensors, arrays, numbers, strings, None, lists, tuples,"
                f" dicts, sets or modules, got {type(value).__name__} at {where or 'the top'}."
                " Save its state_dict(), or turn it into one of those."
            )

    def again(self, key: Any) -> bool:
        """Whether a value was written already; then it is taken from the memo."""
        number = self.memo.get(key)
        if number is None:
            return False
        self.out += (
            pickle.BINGET + bytes([number])
            if number < 256
            else pickle.LONG_BINGET + struct.pack("<I", number)
        )
        return True

    def remember(self, key: Any, value: Any) -> None:
        """Keep what stands on top of the stack, to be taken again."""
        number = self.memo[key] = len(self.memo)
        self.kept.append(value)
        self.out += (
            pickle.BINPUT + bytes([number])
            if number < 256
            else pickle.LONG_BINPUT + struct.pack("<I", number)
        )

    # ---- small values ----

    def none(self, value: None) -> None:
        self.out += pickle.NONE

    def truth(self, value: Any) -> None:
        self.out += pickle.NEWTRUE if value else pickle.NEWFALSE

    def integer(self, value: int) -> None:
        if 0 <= value < 2**16:
            self.out += (
                pickle.BININT1 + bytes([value])
                if value < 256
                else pickle.BININT2 + struct.pack("<H", value)
            )
        elif -(2**31) <= value < 2**31:
            self.out += pickle.BININT + struct.pack("<i", value)
        else:
            data = pickle.encode_long(value)
            if len(data) > 255:
                raise CheckpointError(
                    f"save: an int must have at most 2,039 bits, got {value.bit_length():,}. Save"
                    " it as a text."
                )
            self.out += pickle.LONG1 + bytes([len(data)]) + data

    def float_(self, value: float) -> None:
        self.out += pickle.BINFLOAT + struct.pack(">d", value)

    def text(self, value: str) -> None:
        if self.again(("text", value)):
            return
        data = value.encode("utf-8", "surrogatepass")
        self.out += pickle.BINUNICODE + struct.pack("<I", len(data)) + data
        self.remember(("text", value), value)

    def complex_(self, value: complex) -> None:
        self.call("__builtin__", "complex", value.real, value.imag)

    def bytes_(self, value: bytes) -> None:
        self.call("_codecs", "encode", value.decode("latin1"), "latin1")

    def byte_array(self, value: bytearray) -> None:
        self.call("__builtin__", "bytearray", bytes(value))

    def dtype(self, value: DType) -> None:
        self.name("torch", value.name)

    def device(self, value: Device) -> None:
        kind = "cpu" if value.type == "emu" else value.type
        self.call("torch", "device", kind, *(() if value.index is None else (value.index,)))

    def numpy_dtype(self, value: np.dtype) -> None:
        self.call("numpy", "dtype", value.str[1:], False, True)
        order = value.str[0]
        self.put((3, order, None, None, None, -1, -1, 0), "")
        self.out += pickle.BUILD

    def name(self, module: str, name: str) -> None:
        if not self.again(("name", module, name)):
            self.out += pickle.GLOBAL + f"{module}\n{name}\n".encode()
            self.remember(("name", module, name), None)

    def call(self, module: str, name: str, *args: Any) -> None:
        """Write what a function makes of arguments."""
        self.name(module, name)
        self.tuple_(args, "")
        self.out += pickle.REDUCE

    # ---- containers ----

    def list_(self, value: list, where: str) -> None:
        self.out += pickle.EMPTY_LIST + pickle.MARK
        self.put_all(value, where)
        self.out += pickle.APPENDS

    def tuple_(self, value: tuple, where: str) -> None:
        self.out += pickle.MARK
        self.put_all(value, where)
        self.out += pickle.TUPLE

    def put_all(self, values: Any, where: str) -> None:
        for i, one in enumerate(values):
            self.put(one, below(where, i))

    def size(self, value: Size, where: str) -> None:
        self.call("torch", "Size", tuple(value))

    def set_(self, value: Any, where: str) -> None:
        for item in value:
            self.check_key(item, where)
        self.call("__builtin__", type(value).__name__, list(value))

    def dict_(self, value: dict, where: str) -> None:
        self.out += pickle.EMPTY_DICT
        self.items(value, where)

    def ordered_dict(self, value: OrderedDict, where: str) -> None:
        self.call("collections", "OrderedDict")
        self.items(value, where)

    def counter(self, value: Counter, where: str) -> None:
        self.call("collections", "Counter", dict(value))

    def items(self, value: dict, where: str) -> None:
        self.out += pickle.MARK
        for key, one in value.items():
            self.check_key(key, where)
            self.put(key, where)
            self.put(one, below(where, key))
        self.out += pickle.SETITEMS

    def check_key(self, key: Any, where: str) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        for part in parts:
            if part != part or not isinstance(part, (str, bytes, int, float, type(None), DType)):
                raise CheckpointError(
                    "save: keys of a dict must be str, int, float, bool, None or tuples of these,"
                    f" got {type(part).__name__} at {where or 'the top'}. Use its str()."
                )

    # ---- numbers ----

    def array(self, value: np.ndarray, where: str) -> None:
        check_numeric(value.dtype, where)
        value = np.ascontiguousarray(value).reshape(value.shape)
        self.name("numpy._core.multiarray", "_reconstruct")
        self.out += pickle.MARK
        self.name("numpy", "ndarray")
        self.put((0,), where)
        self.bytes_(b"b")
        self.out += pickle.TUPLE + pickle.REDUCE + pickle.MARK
        for part in (1, value.shape):
            self.put(part, where)
        self.numpy_dtype(value.dtype)
        self.truth(False)
        self.bytes_(value.tobytes())
        self.out += pickle.TUPLE + pickle.BUILD

    def scalar(self, value: np.generic, where: str) -> None:
        """A number of NumPy, as one of Python: PyTorch's weights_only refuses NumPy's."""
        check_numeric(value.dtype, where)
        self.put(value.item(), where)

    def parameter(self, value: Parameter, where: str) -> None:
        self.name("torch._utils", "_rebuild_parameter")
        self.out += pickle.MARK
        self.tensor(value, where)
        self.truth(value.requires_grad)
        self.call("collections", "OrderedDict")
        self.out += pickle.TUPLE + pickle.REDUCE

    def tensor(self, value: Tensor, where: str) -> None:
        storage, offset, strides = self.storage(value)
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.out += pickle.MARK + pickle.MARK
        self.text("storage")
        self.name("torch", f"{value.dtype.torch_class}Storage")
        location = "cpu" if value.device.type == "emu" else str(value.device)
        for part in (str(storage), location):
            self.text(part)
        self.integer(self.storages[storage].size)
        self.out += pickle.TUPLE + pickle.BINPERSID
        self.integer(offset)
        self.tuple_(tuple(value.shape), where)
        self.tuple_(strides, where)
        self.truth(value.requires_grad)
        self.call("collections", "OrderedDict")
        self.out += pickle.TUPLE + pickle.REDUCE

    def storage(self, value: Tensor) -> tuple[int, int, tuple[int, ...]]:
        """The storage of a tensor, by number, and offset and strides in it.

        Views of one tensor have one storage. What has no plain storage, for example an expanded
        view, gets one of its own.
        """
        array, owner = value.array, value.device.storage(value.array)
        width = array.itemsize
        shared = (
            getattr(owner, "dtype", None) == array.dtype
            and array.dtype.isnative
            and owner.flags.c_contiguous
            and math.prod(array.shape) <= owner.size
            and all(step >= 0 and step % width == 0 for step in array.strides)
        )
        if not shared:
            dense = np.array(value.device.to_host(array), order="C")
            dense = dense.astype(dense.dtype.newbyteorder("="), copy=False)
            strides = tuple(step // width for step in dense.strides)
            return self.place(dense, dense), 0, strides
        number = self.places.get(id(owner))
        if number is None:
            number = self.place(owner, value.device.to_host(owner))
        offset = (address(array) - address(owner)) // width if array.size else 0
        return number, offset, tuple(step // width for step in array.strides)

    def place(self, owner: Any, host: np.ndarray) -> int:
        self.places[id(owner)] = len(self.storages)
        self.kept.append(owner)
        flat = np.ascontiguousarray(host, host.dtype.newbyteorder("<"))
        self.storages.append(flat.reshape(-1))
        return len(self.storages) - 1


def below(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def check_numeric(dtype: np.dtype, where: str) -> None:
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise CheckpointError(
            f"save: dtype must be bool, an int or a float of at most 64 bits, got {dtype} at"
            f" {where or 'the top'}. Convert it first."
        )


ATOMS: dict[type, Callable[[Writer, Any], None]] = {
    type(None): Writer.none,
    bool: Writer.truth,
    int: Writer.integer,
    float: Writer.float_,
    complex: Writer.complex_,
    str: Writer.text,
    bytes: Writer.bytes_,
    bytearray: Writer.byte_array,
    DType: Writer.dtype,
    Device: Writer.device,
}
ARRAYS: tuple[tuple[Any, Callable[[Writer, Any, str], None]], ...] = (  # the first that fits
    (Parameter, Writer.parameter),
    (Tensor, Writer.tensor),
    (np.ndarray, Writer.array),
    (np.generic, Writer.scalar),
)
EXACT: dict[type, Callable[[Writer, Any, str], None]] = {  # a derived type would be lost
    list: Writer.list_,
    tuple: Writer.tuple_,
    Size: Writer.size,
    Counter: Writer.counter,
    OrderedDict: Writer.ordered_dict,
    dict: Writer.dict_,
    set: Writer.set_,
    frozenset: Writer.set_,
}
