"""Reading the files that `torch.save` wrote before version 1.6, as many published ones are.

Such a file is a row of pickles: a magic number, the version of the format, facts about the machine,
the object, and the list of its storages' keys. Then comes each storage: its number of elements in
8 bytes, and the elements. So tensors are made before their numbers are read, on storages of zeros,
and the numbers are read into these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ..engine.device import Device
from ..engine.errors import CheckpointError
from .limits import LARGEST_PICKLE, Room
from .pickles import Machine, Name, Names, refuse
from .torch_names import NAMES, Storage, Typed, claimed, width

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


def is_legacy(file: BinaryIO) -> bool:
    """Whether a file, at whose start it stands, begins with the pickled magic number."""
    start = file.read(32)
    file.seek(0)
    return start[:1] == b"\x80" and MAGIC.to_bytes(10, "little") in start


class LegacyFile:
    """A file of `torch.save` before version 1.6.

    Args:
        place: the device for tensors that were saved from the device of that name.
    """

    def __init__(self, file: BinaryIO, place: Callable[[str], Device], mmap: bool) -> None:
        if mmap:
            raise CheckpointError(
                "mmap=True needs the format that torch.save has since version 1.6"
            )
        self.file, self.place, self.at = file, place, 0
        self.size = file.seek(0, 2)
        self.room = Room(self.size)
        self.claimed = 0  # bytes
        self.storages: dict[str, tuple[Storage, int]] = {}  # by key; with the bytes of an element

    def read(self, find: Callable[[str, str], Name] | None) -> Any:
        """The object in the file. `find` makes a Name of a class that the caller trusts.

        Raises: CheckpointError for a file that is damaged, too large, or not plain data
        """
        self.file.seek(0)
        head = self.file.read(LARGEST_PICKLE)
        number, version, machine = (self.next(head, {}) for _ in range(3))
        if type(version) is not int or (number, version) != (MAGIC, VERSION):
            raise CheckpointError(f"its format must be version {VERSION} of torch.save's old one")
        if type(machine) is not dict or machine.get("little_endian") is not True:
            raise CheckpointError("it does not say that a little-endian machine wrote it")
        value = self.next(head, NAMES, self.storage, find)
        keys = self.next(head, {})
        del head  # before memory is filled with numbers
        self.fill(keys)
        return value

    def next(
        self,
        head: bytes,
        names: Names,
        persistent: Callable[[Any], Any] | None = None,
        find: Callable[[str, str], Name] | None = None,
    ) -> Any:
        """The value of the next pickle."""
        machine = Machine(head, names, self.room, persistent, find, self.at, old_texts=True)
        value = machine.run()
        self.at = machine.at + 1
        return value

    def storage(self, pid: Any) -> Any:
        """What a persistent id stands for: a storage, a part of one, or the class of a module."""
        if type(pid) is not tuple or len(pid) not in (4, 6):
            refuse()
        if len(pid) == 4:  # "module", the class, and its source, which is ignored
            return pid[1] if isinstance(pid[1], Name) else refuse()
        kind, key, location, count = claimed(pid[:5])
        size = count * width(kind)
        if key not in self.storages:
            self.storages[key] = Storage(self.blank(size), self.place(location)), width(kind)
        storage = self.storages[key][0]
        if storage.raw.size != size:
            raise CheckpointError(f"storage {key[:40]!r} has two sizes")
        return Typed(storage, kind, 0 if pid[5] is None else start_of(pid[5], count))

    def blank(self, size: int) -> np.ndarray:
        """Zeros for a storage of that many bytes, which the rest of the file must have."""
        self.room.take(600)
        self.claimed += 8 + size
        if size < 0 or self.claimed > self.size - self.at:
            raise CheckpointError("its storages claim more bytes than the file has")
        return np.zeros(size, np.uint8)

    def fill(self, keys: Any) -> None:
        """Read the numbers of all storages, which come in the order of the keys."""
        if type(keys) is not list or not all(type(key) is str for key in keys):
            raise CheckpointError("its list of storages must be a list of texts")
        if sorted(keys) != sorted(self.storages):
            raise CheckpointError("its list of storages must name each storage of its tensors once")
        self.file.seek(self.at)
        for key in keys:
            storage, element = self.storages[key]
            count, wanted = self.file.read(8), storage.raw.size
            if int.from_bytes(count, "little") * element != wanted:
                raise CheckpointError(f"storage {key[:40]!r} must have {wanted:,} bytes")
            if self.file.readinto(storage.raw.data) != wanted:  # type: ignore[attr-defined]
                raise CheckpointError("a storage ends too early")
            storage.renew()


def start_of(view: Any, count: int) -> int:
    """Where the part of a storage of `count` elements begins: (key, first element, elements)."""
    if type(view) is not tuple or [*map(type, view)] != [str, int, int]:
        refuse()
    _, start, length = view
    if min(start, length) < 0 or start + length > count:
        raise CheckpointError(f"a part of a storage reaches beyond its {count} elements")
    return start
