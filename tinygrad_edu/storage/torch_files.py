"""Reading the `.pt` and `.pth` files that PyTorch's `torch.save` writes, without PyTorch and
without running anything in them.

Such a file is a zip archive with a pickle (`data.pkl`) that describes the structure, and one raw
file for each storage; `torch_legacy` reads those of versions before 1.6. A pickle is a small
program; `pickles` runs only the few instructions that build numbers, strings, lists, dicts and
tensors, and knows no names but those of `torch_names`.
"""

from __future__ import annotations

import mmap as memory_map
import struct
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ..engine.device import Device
from ..engine.errors import CheckpointError
from .limits import LARGEST_PICKLE, Room
from .pickles import Machine, Name
from .torch_legacy import LegacyFile, is_legacy
from .torch_names import NAMES, Storage, Typed, claimed, width

LARGEST_DIRECTORY = 4_000_000  # bytes of the archive's list of members: some 40,000 of them
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


def from_torch(
    file: BinaryIO,
    name: str,
    place: Callable[[str], Device],
    find: Callable[[str, str], Name] | None = None,
    mmap: bool = False,
) -> Any:
    """The object in a file of torch.save.

    Args:
        name: what errors call the file.
        place: the device for tensors that were saved from the device of that name.
        find: makes a Name of a class that the caller trusts.
        mmap: leave the numbers in the file until they are read.

    Dtype: bfloat16 is read as float32, uint16 as int32, uint32 and uint64 as int64: each holds
           the values exactly.
    Raises: CheckpointError for anything that is not plain data.
    """
    try:
        if is_legacy(file):
            return LegacyFile(file, place, mmap).read(find)
        archive = Archive(file, mmap)
        pickled = archive.member("data.pkl")
        return Machine(pickled, NAMES, Room(archive.size), archive.storage(place), find).run()
    except CheckpointError as error:
        raise CheckpointError(
            f"load: the file must hold tensors and plain values saved by torch.save, got {name}:"
            f" {error}. Save it again with torch.save(model.state_dict(), path), or as safetensors."
        ) from None


class Archive:
    """The zip file, all of whose members are stored as they are: nothing swells when it is read."""

    def __init__(self, file: BinaryIO, mmap: bool) -> None:
        self.file, self.size = file, file.seek(0, 2)
        guarded: Any = Guarded(file)
        try:
            self.zip = zipfile.ZipFile(guarded)
        except BROKEN_ARCHIVE as error:
            raise CheckpointError(f"it is no whole zip archive ({error!s:.80})") from error
        guarded.limit = self.size
        self.members = self.checked(self.zip.infolist())
        self.map = None
        if mmap:
            self.map = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
        if self.member("byteorder", b"little") != b"little":
            raise CheckpointError("it was written on a big-endian machine")

    def checked(self, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """The members by name, without the one folder that holds them all."""
        if any(m.compress_type != zipfile.ZIP_STORED for m in members):
            raise CheckpointError("its members are compressed, which torch.save never does")
        if sum(m.file_size for m in members) > self.size:
            raise CheckpointError("its members overlap")
        folders = {m.filename.partition("/")[0] for m in members}
        if len(folders) != 1 or len({m.filename for m in members}) != len(members):
            raise CheckpointError("it must hold one folder, and each name once")
        found = {m.filename.partition("/")[2]: m for m in members}
        if "data.pkl" not in found or "constants.pkl" in found:
            raise CheckpointError("it has no data.pkl of torch.save (a TorchScript archive?)")
        if found["data.pkl"].file_size > LARGEST_PICKLE:
            raise CheckpointError(f"its data.pkl is larger than {LARGEST_PICKLE:,} bytes")
        return found

    def member(self, name: str, default: bytes | None = None) -> bytes:
        if name not in self.members and default is not None:
            return default
        try:
            return self.zip.read(self.members[name])
        except BROKEN_ARCHIVE as error:
            raise CheckpointError(f"its member {name} is damaged ({error!s:.80})") from error

    def storage(self, place: Callable[[str], Device]) -> Callable[[Any], Typed]:
        """What makes a storage of a persistent id, each storage once."""
        storages: dict[str, Storage] = {}

        def find(pid: Any) -> Typed:
            kind, key, location, count = claimed(pid)
            member = self.member_of(key, count * width(kind))
            if key not in storages:
                storages[key] = Storage(self.bytes_of(member), place(location))
            return Typed(storages[key], kind)

        return find

    def member_of(self, key: str, size: int) -> zipfile.ZipInfo:
        """The member with a storage, which must have that size."""
        member = self.members.get(f"data/{key}")
        if member is None or member.file_size != size:
            raise CheckpointError(
                f"storage {key[:40]!r} must have {size:,} bytes, got"
                f" {'none' if member is None else f'{member.file_size:,}'}"
            )
        return member

    def bytes_of(self, member: zipfile.ZipInfo) -> np.ndarray:
        """The bytes of a member: an array of its own, or a part of the memory map."""
        try:
            with self.zip.open(member) as opened:  # checks the member's own header too
                if self.map is not None:
                    start = self.start_of(member)
                    return np.frombuffer(self.map, np.uint8, member.file_size, start)
                array = np.empty(member.file_size, np.uint8)
                rest = array.data
                while count := opened.readinto(rest):  # type: ignore[attr-defined]
                    rest = rest[count:]
        except BROKEN_ARCHIVE as error:
            raise CheckpointError(f"a storage is damaged ({error!s:.80})") from error
        if len(rest):
            raise CheckpointError("a storage ends too early")
        return array

    def start_of(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes of a member begin: after its header, its name and its extra field."""
        self.file.seek(member.header_offset + 26)
        name, extra = struct.unpack("<HH", self.file.read(4))
        return member.header_offset + 30 + name + extra


class Guarded:
    """A file whose reads are limited while the archive's list of members is read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seek, self.tell, self.limit = file, file.seek, file.tell, LARGEST_DIRECTORY

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        if count > self.limit:
            raise zipfile.BadZipFile("its list of members is absurdly long")
        return self.file.read(count)
