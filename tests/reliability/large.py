"""The files that once killed the interpreter, never ended or took all memory, in full size."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterator

from tinygrad_edu import storage

PROTO = b"\x80\x02"
META = {"format": "tinygrad_edu", "version": "1"}


def archive(pickled: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", pickled)
    return file.getvalue()


def header(table: dict) -> bytes:
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text


def keys(numbers) -> bytes:
    encoded = (pickle.encode_long(n) for n in numbers)
    return b"".join(b"\x8a" + bytes([len(data)]) + data + b"K\x00" for data in encoded)


def doubled(levels: int) -> bytes:
    """Lists, each of which holds the one before twice."""
    steps = (
        b"]q" + bytes([n + 1]) + b"(h" + bytes([n]) * 1 + b"h" + bytes([n]) + b"e"
        for n in range(levels)
    )
    return PROTO + b"]q\x00" + b"".join(steps) + b"."


def files() -> Iterator[tuple[str, bytes]]:
    same_hash = [5 + n * (2**61 - 1) for n in range(20_000)]
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    pickles = {
        "40 lists, each holding the one before twice": doubled(40),
        "tuples 1,000,000 deep": PROTO + b")" + b"\x85" * 1_000_000 + b".",
        "tuples 200,000 deep as a key": PROTO + b"})" + b"\x85" * 200_000 + b"K\x01s.",
        "20,000 ints of one hash as keys": PROTO + b"}(" + keys(same_hash) + b"u.",
        "1,000,000 empty sets": PROTO + b"](" + b"\x8f" * 1_000_000 + b"e.",
        "500,000 OrderedDicts": (
            PROTO + b"ccollections\nOrderedDict\nq\x00](" + b"h\x00)R" * 500_000 + b"e."
        ),
        "10,000,000 instructions": PROTO + b"N0" * 5_000_000 + b"N.",
        "5,000,000 marks": PROTO + b"(" * 5_000_000 + b".",
        "a list of 1,000,000 floats, which is read": (
            PROTO + b"](" + b"G?\xe0\0\0\0\0\0\0" * 1_000_000 + b"e."
        ),
    }
    yield from ((f".pt: {name}", archive(code)) for name, code in pickles.items())
    lists = META | {"structure": "[" + "[]," * 3_300_000 + "[]]"}
    pairs = META | {"structure": json.dumps({"$dict": [[n, 0] for n in same_hash]})}
    yield "safetensors: 3,300,000 empty lists", header({"__metadata__": lists})
    yield "safetensors: 200,000 tensors", header({str(n): entry for n in range(200_000)})
    yield (
        "safetensors: 50,000 tensors, which are read",
        header({str(n): entry for n in range(50_000)}),
    )
    yield "safetensors: 20,000 ints of one hash as keys", header({"__metadata__": pairs})


def load(data: bytes):
    return storage.load(io.BytesIO(data))
