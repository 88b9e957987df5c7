"""Files in the format of torch.save before version 1.6, written without PyTorch."""

from __future__ import annotations

import pickle
from typing import Any

from tinygrad_edu.storage.torch_writer import Writer

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
MACHINE = {
    "protocol_version": VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def legacy_file(obj: Any) -> bytes:
    return legacy_parts(*legacy_pickle(obj))


def legacy_pickle(obj: Any) -> tuple[bytes, dict]:
    """The pickle of an object, and its storages by number."""
    writer = Writer()
    writer.put(obj, "")
    # a persistent id has one more part than in a zip archive: None
    return writer.finished().replace(b"tQ", b"NtQ"), dict(enumerate(writer.storages))


def legacy_parts(pickled: bytes, storages: dict) -> bytes:
    """A file of the pickle of an object and its storages, arrays by key."""
    by_key = sorted((str(key), array) for key, array in storages.items())
    head = [pickle.dumps(value, 2) for value in (MAGIC, VERSION, MACHINE)]
    keys = pickle.dumps([key for key, _ in by_key], 2)
    numbers = [len(a).to_bytes(8, "little") + a.tobytes() for _, a in by_key]
    return b"".join([*head, pickled, keys, *numbers])
