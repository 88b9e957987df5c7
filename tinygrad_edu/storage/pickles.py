"""Reading a pickle as data: no code is run, and memory, time and nesting are bounded.

A pickle is a program for a small stack machine. `Machine` knows the instructions that build plain
values, and calls nothing but the few functions that it is given by name. It differs from Python's
own unpickler in three ways: lists, dicts and sets are changed only if they are exactly that; every
instruction is paid for from a budget of memory; and a name never comes back as a value.

Reference: the instructions are those of Python's module `pickle`, protocols 0 to 5, without those
           that build objects of other classes.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from ..engine.errors import CheckpointError
from .limits import Room, check_tree


class Inner:
    """Something that the machine works with and that is not data: it never comes back."""


class Name(Inner):
    """A function or class that a pickle asks for.

    Args:
        call: makes a value of the machine and the arguments, or is None if it is never called.
    """

    def __init__(self, text: str, call: Callable[..., Any] | None = None) -> None:
        self.text, self.call = text, call


class Class(Name):
    """A class that the caller trusts. Its objects are made without running any code of it.

    Args:
        fill: gives an object the attributes that the file holds.
    """

    def __init__(self, text: str, cls: type, fill: Callable[[Any, dict[str, Any]], None]) -> None:
        super().__init__(text)
        self.cls, self.fill = cls, fill


class Stateful(Inner):
    """Something of which a pickle sets the state after it has been made."""

    def set_state(self, machine: Machine, state: Any) -> None:
        raise NotImplementedError


Names = Mapping[tuple[str, str], Any]
TABLES = (dict, OrderedDict, Counter)
STEPS: dict[int, tuple[Callable[[Machine], None], int]] = {}  # by code: what to do, bytes it costs
BYTE, SHORT, INT, SIZE, LONG_SIZE, FLOAT = map(struct.Struct, ("<B", "<H", "<i", "<I", "<Q", ">d"))
SLOT = 24  # bytes: a place on the stack and one in the container it goes to
# what a damaged pickle leads to, besides our own errors
BROKEN = (IndexError, KeyError, OverflowError, TypeError, ValueError, struct.error)


class Machine:
    """Runs one pickle.

    Args:
        data: the pickle.
        names: what it may ask for, by module and name.
        room: the memory that its objects may take.
        persistent: makes a value of a persistent id.
        find: makes a Name of a module and name that `names` lacks, or raises.
        start: where the pickle begins in `data`.
        old_texts: read the texts of Python 2 as texts in UTF-8, not as bytes.
    """

    def __init__(
        self,
        data: bytes,
        names: Names,
        room: Room,
        persistent: Callable[[Any], Any] | None = None,
        find: Callable[[str, str], Name] | None = None,
        start: int = 0,
        old_texts: bool = False,
    ) -> None:
        self.data, self.at, self.names, self.room = data, start, names, room
        self.persistent, self.find = persistent or refuse, find or never_run
        self.old_texts = old_texts
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []  # the stacks below the marks
        self.memo: dict[int, Any] = {}
        self.objects: dict[int, tuple[Any, Class]] = {}  # of classes that the caller trusts, by id

    def run(self) -> Any:
        """The value that the pickle describes.

        Raises: CheckpointError for one that is damaged, too large, or not plain data
        """
        try:
            room = self.room
            while (code := self.data[self.at]) != pickle.STOP[0]:
                self.at += 1
                step, cost = STEPS.get(code, (refuse, 0))
                room.left -= cost
                if room.left < 0:
                    room.take(0)  # says so
                step(self)
            value = self.stack.pop()
        except CheckpointError:
            raise
        except BROKEN as error:
            raise CheckpointError(
                f"{type(error).__name__} while reading byte {self.at:,} of its pickle"
            ) from error
        check_tree(value, self.parts, check_data)
        return value

    def parts(self, value: Any) -> Collection:
        """The values in a container, keys included where they are containers themselves."""
        if isinstance(value, dict):
            return [*value.values(), *(key for key in value if isinstance(key, tuple))]
        if isinstance(value, (list, tuple, set, frozenset)):
            return value
        return vars(value).values() if id(value) in self.objects else ()

    # ---- what the instructions use ----

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise IndexError("past the end")
        self.at += count
        return piece

    def number(self, form: struct.Struct) -> Any:
        """The next number, of that format."""
        value = form.unpack_from(self.data, self.at)[0]
        self.at += form.size
        return value

    def text(self, count: int) -> str:
        self.room.take(4 * min(count, len(self.data)))  # a character takes up to 4 bytes
        return self.take(count).decode("utf-8", "surrogatepass")

    def paid(self, count: int) -> bytes:
        """The next `count` bytes, to become a value."""
        self.room.take(min(count, len(self.data)))
        return self.take(count)

    def old_text(self, count: int) -> str | bytes:
        return self.text(count) if self.old_texts else self.paid(count)

    def line(self) -> str:
        end = self.data.index(b"\n", self.at, self.at + 300)
        return self.take(end + 1 - self.at)[:-1].decode()

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.outer.pop()
        return items

    def store(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    def name(self, module: str, name: str) -> None:
        found = self.names.get((module, name))
        self.stack.append(found or self.find(module, name))

    def build(self, make: Any, args: Any) -> Any:
        """What a name makes of arguments."""
        if not isinstance(make, Name) or make.call is None or type(args) is not tuple:
            refuse()
        return make.call(self, *args)


def refuse(*_: Any) -> Any:
    raise CheckpointError("its pickle uses an instruction that torch.save never writes")


def never_run(module: str, name: str) -> Name:
    raise CheckpointError(
        f"it asks for {module[:80]}.{name[:80]}, which is never run. If it is a whole model, load"
        " it with weights_only=False after importing its class, or save its state_dict() instead"
    )


# ---- what may come back --------------------------------------------------------------------------


def check_data(value: Any) -> None:
    if isinstance(value, Inner):
        raise CheckpointError(f"{getattr(value, 'text', 'a storage')} stands where a value must be")


# ---- the instructions ----------------------------------------------------------------------------


def step(*codes: bytes, cost: int = 0) -> Callable[[Callable], Callable]:
    """Declare the instruction of these codes; it costs a slot and `cost` bytes of memory."""

    def declare(function: Callable[[Machine], None]) -> Callable[[Machine], None]:
        for code in codes:
            STEPS[code[0]] = (function, SLOT + cost)
        return function

    return declare


def constant(code: bytes, make: Callable[[], Any], cost: int = 0) -> None:
    """Declare an instruction that puts a new value on the stack."""
    step(code, cost=cost)(lambda machine: machine.stack.append(make()))


def read(code: bytes, value: Callable[[Machine], Any], cost: int = 0) -> None:
    """Declare an instruction that puts a value read from the pickle on the stack."""
    step(code, cost=cost)(lambda machine: machine.stack.append(value(machine)))


constant(pickle.NONE, lambda: None)
constant(pickle.NEWTRUE, lambda: True)
constant(pickle.NEWFALSE, lambda: False)
constant(pickle.EMPTY_TUPLE, tuple)
constant(pickle.EMPTY_LIST, list, cost=88)
constant(pickle.EMPTY_DICT, dict, cost=64)
constant(pickle.EMPTY_SET, set, cost=216)

read(pickle.BININT, lambda m: m.number(INT), cost=32)
read(pickle.BININT1, lambda m: m.number(BYTE))
read(pickle.BININT2, lambda m: m.number(SHORT), cost=32)
read(pickle.LONG1, lambda m: pickle.decode_long(m.paid(m.number(BYTE))), cost=32)
read(pickle.BINFLOAT, lambda m: m.number(FLOAT), cost=24)
read(pickle.BINUNICODE, lambda m: m.text(m.number(SIZE)), cost=80)
read(pickle.SHORT_BINUNICODE, lambda m: m.text(m.number(BYTE)), cost=80)
read(pickle.BINUNICODE8, lambda m: m.text(m.number(LONG_SIZE)), cost=80)
read(pickle.BINBYTES, lambda m: m.paid(m.number(SIZE)), cost=40)
read(pickle.SHORT_BINBYTES, lambda m: m.paid(m.number(BYTE)), cost=40)
read(pickle.BINBYTES8, lambda m: m.paid(m.number(LONG_SIZE)), cost=40)
# texts of Python 2
read(pickle.BINSTRING, lambda m: m.old_text(m.number(SIZE)), cost=80)
read(pickle.SHORT_BINSTRING, lambda m: m.old_text(m.number(BYTE)), cost=80)
read(pickle.BINGET, lambda m: m.memo[m.number(BYTE)])
read(pickle.LONG_BINGET, lambda m: m.memo[m.number(SIZE)])

step(pickle.PROTO)(lambda m: m.number(BYTE))
step(pickle.FRAME)(lambda m: m.number(LONG_SIZE))
step(pickle.BINPUT, cost=100)(lambda m: m.store(m.number(BYTE)))
step(pickle.LONG_BINPUT, cost=100)(lambda m: m.store(m.number(SIZE)))
step(pickle.MEMOIZE, cost=100)(lambda m: m.store(len(m.memo)))
step(pickle.POP)(lambda m: m.stack.pop() if m.stack else m.since_mark())
step(pickle.POP_MARK)(lambda m: m.since_mark())
step(pickle.GLOBAL)(lambda m: m.name(m.line(), m.line()))


@step(pickle.MARK, cost=120)
def mark(machine: Machine) -> None:
    machine.outer.append(machine.stack)
    machine.stack = []


@step(pickle.STACK_GLOBAL)
def stack_global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        refuse()
    machine.name(module, name)


@step(pickle.TUPLE, cost=48)
def tuple_of_marked(machine: Machine) -> None:
    items = machine.since_mark()
    machine.stack.append(tuple(items))


def short_tuple(code: bytes, count: int) -> None:
    @step(code, cost=72)
    def run(machine: Machine) -> None:
        items = tuple(machine.stack[-count:])
        if len(items) != count:
            raise IndexError("an empty stack")
        del machine.stack[-count:]
        machine.stack.append(items)


short_tuple(pickle.TUPLE1, 1)
short_tuple(pickle.TUPLE2, 2)
short_tuple(pickle.TUPLE3, 3)


@step(pickle.FROZENSET, cost=216)
def frozen_set(machine: Machine) -> None:
    items: set[Any] = set()
    add_all(machine, items, machine.since_mark())
    machine.stack.append(frozenset(items))


@step(pickle.APPEND)
def append(machine: Machine) -> None:
    value = machine.stack.pop()
    exactly(machine.stack[-1], list).append(value)


@step(pickle.APPENDS)
def append_marked(machine: Machine) -> None:
    items = machine.since_mark()
    exactly(machine.stack[-1], list).extend(items)


@step(pickle.SETITEM)
def set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    set_all(machine, exactly(machine.stack[-1], *TABLES), [key, value])


@step(pickle.SETITEMS)
def set_marked_items(machine: Machine) -> None:
    items = machine.since_mark()
    set_all(machine, exactly(machine.stack[-1], *TABLES), items)


@step(pickle.ADDITEMS)
def add_marked_items(machine: Machine) -> None:
    items = machine.since_mark()
    add_all(machine, exactly(machine.stack[-1], set), items)


@step(pickle.REDUCE)
def call(machine: Machine) -> None:
    args, make = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.build(make, args))


@step(pickle.BINPERSID)
def persistent_id(machine: Machine) -> None:
    machine.stack.append(machine.persistent(machine.stack.pop()))


@step(pickle.NEWOBJ, cost=500)
def new_object(machine: Machine) -> None:
    args, cls = machine.stack.pop(), machine.stack.pop()
    if not isinstance(cls, Class) or type(args) is not tuple or args:
        refuse()
    made = object.__new__(cls.cls)
    machine.objects[id(made)] = (made, cls)
    machine.stack.append(made)


@step(pickle.BUILD)
def set_state(machine: Machine) -> None:
    """Set the attributes of an object. An OrderedDict may have one, `_metadata`, which is dropped:
    a `state_dict()` of PyTorch carries it.
    """
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, Stateful):
        target.set_state(machine, state)
    elif type(target) is np.ndarray:
        set_array(machine, target, state)
    elif id(target) in machine.objects:
        if not all(type(name) is str for name in exactly(state, dict)):
            refuse()
        machine.objects[id(target)][1].fill(target, state)
    elif type(target) is not OrderedDict or type(state) is not dict:
        refuse()


def exactly(value: Any, *types: type) -> Any:
    """The value, which must be of one of the types and of no class made from them."""
    if type(value) not in types:
        refuse()
    return value


def set_all(machine: Machine, table: dict, items: list[Any]) -> None:
    """Put key, value, key, value ... into a table."""
    if len(items) % 2:
        refuse()
    machine.room.take(50 * len(items))
    for key, value in zip(items[::2], items[1::2]):
        machine.room.check_key(table, key)
        table[key] = value


def add_all(machine: Machine, table: set, items: list[Any]) -> None:
    machine.room.take(60 * len(items))
    for item in items:
        machine.room.check_key(table, item)
        table.add(item)


# ---- names that any pickle may use ---------------------------------------------------------------


def ordered_dict(machine: Machine, items: Any = ()) -> OrderedDict:
    machine.room.take(500)
    table: OrderedDict = OrderedDict()
    pairs = exactly(items, list, tuple)
    for pair in pairs:
        set_all(machine, table, list(exactly(pair, list, tuple)))
    return table


def counter(machine: Machine, counts: Any = None) -> Counter:
    machine.room.take(500)
    table: Counter = Counter()
    for key, count in ({} if counts is None else exactly(counts, dict)).items():
        set_all(machine, table, [key, count])
    return table


def make_set(machine: Machine, items: Any = ()) -> set:
    machine.room.take(216)
    table: set = set()
    add_all(machine, table, list(exactly(items, list, tuple)))
    return table


def make_frozenset(machine: Machine, items: Any = ()) -> frozenset:
    return frozenset(make_set(machine, items))


def encoded(machine: Machine, text: Any, encoding: Any) -> bytes:
    """Bytes, which protocol 2 writes as a text of one character a byte."""
    if exactly(encoding, str) != "latin1":
        refuse()
    machine.room.take(40 + len(exactly(text, str)))
    return text.encode("latin1")


def byte_array(machine: Machine, *given: Any) -> bytearray:
    """Of bytes, of a text and "latin-1", or of nothing."""
    value = encoded(machine, given[0], "latin1") if len(given) == 2 else (*given, b"")[0]
    machine.room.take(60 + len(exactly(value, bytes)))
    return bytearray(value)


def make_complex(machine: Machine, real: Any, imag: Any) -> complex:
    machine.room.take(32)
    return complex(exactly(real, float), exactly(imag, float))


NUMPY_TYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class NumpyType(Stateful):
    """A dtype of NumPy of fixed width, without fields and Python objects."""

    text = "a dtype of NumPy"

    def __init__(self, kind: Any) -> None:
        kind = as_text(kind)
        self.dtype = np.dtype(kind) if kind in NUMPY_TYPES else refuse()

    def set_state(self, machine: Machine, state: Any) -> None:
        order = as_text(exactly(state, tuple)[1])
        if order not in ("<", ">", "|", "="):
            refuse()
        self.dtype = self.dtype.newbyteorder(order)


def as_text(value: Any) -> str:
    """A text; those of Python 2 are bytes here."""
    return value.decode("ascii") if type(value) is bytes else exactly(value, str)


def numpy_type(machine: Machine, kind: Any, *_: Any) -> NumpyType:
    machine.room.take(200)
    return NumpyType(kind)


def numpy_scalar(machine: Machine, kind: Any, raw: Any) -> Any:
    dtype = exactly(kind, NumpyType).dtype
    if len(exactly(raw, bytes)) != dtype.itemsize:
        refuse()
    machine.room.take(40)
    return np.frombuffer(raw, dtype)[0]


def blank_array(machine: Machine, *_: Any) -> np.ndarray:
    """An array that BUILD fills."""
    machine.room.take(200)
    return np.empty(0, np.uint8)


def set_array(machine: Machine, array: np.ndarray, state: Any) -> None:
    """Give a blank array its shape, dtype and values."""
    _, shape, kind, fortran, raw = exactly(state, tuple)
    dtype = exactly(kind, NumpyType).dtype
    exactly(shape, tuple)
    count = 1
    for size in shape:
        if type(size) is not int or not 0 <= size < 2**48:
            refuse()
        count *= size
    if array.size or len(shape) > 32 or len(exactly(raw, bytes)) != count * dtype.itemsize:
        refuse()
    if exactly(fortran, bool, int) not in (False, True) or (
        dtype.kind == "b" and max(raw, default=0) > 1
    ):
        refuse()
    machine.room.take(len(raw))
    plain: Any = (1, shape, dtype, bool(fortran), raw)
    array.__setstate__(plain)


def both(*modules: str) -> Callable[[str, Callable], dict[tuple[str, str], Name]]:
    """Names that Python 2 and 3, or old and new NumPy, have in different modules."""

    def entry(name: str, call: Callable | None) -> dict[tuple[str, str], Name]:
        return {(module, name): Name(f"{module}.{name}", call) for module in modules}

    return entry


builtin = both("builtins", "__builtin__")
multiarray = both("numpy.core.multiarray", "numpy._core.multiarray")

PLAIN: dict[tuple[str, str], Name] = {
    ("collections", "OrderedDict"): Name("collections.OrderedDict", ordered_dict),
    ("collections", "Counter"): Name("collections.Counter", counter),
    ("_codecs", "encode"): Name("_codecs.encode", encoded),
    **builtin("set", make_set),
    **builtin("frozenset", make_frozenset),
    **builtin("bytearray", byte_array),
    **builtin("complex", make_complex),
    ("numpy", "dtype"): Name("numpy.dtype", numpy_type),
    ("numpy", "ndarray"): Name("numpy.ndarray"),
    **multiarray("_reconstruct", blank_array),
    **multiarray("scalar", numpy_scalar),
}


def plain_data(data: bytes) -> Any:
    """The plain values in a pickle that stands alone: numbers, texts, NumPy's numeric arrays, and
    lists, tuples, dicts and sets of these. Texts of Python 2 are bytes.

    Raises: CheckpointError for one that is damaged, too large, or not plain data
    """
    # an array is there twice: its bytes as they are read, and as it is kept
    return Machine(data, PLAIN, Room(2 * len(data))).run()
