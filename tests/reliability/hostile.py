"""Files that are wrong: good ones of each kind with changed bytes, cut ends, moved parts and odd
numbers, and what is made to look like a file of that kind.

Each kind is a generator of trials: a function that reads one wrong file, and the file's size.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as te
from tinygrad_edu import nn, storage
from tinygrad_edu.models import llama
from tinygrad_edu.storage.pickles import STEPS
from tinygrad_edu.storage.safetensors_file import to_bytes
from tinygrad_edu.storage.torch_writer import to_torch
from tinygrad_edu.text import BPETokenizer, CharTokenizer, TokenWindows, WordTokenizer
from tinygrad_edu.train.sources.files import read as read_text
from tinygrad_edu.vision.datasets.folder import pil_loader
from tinygrad_edu.vision.datasets.idx import read_idx
from tinygrad_edu.vision.read_digit import read_digit

from .legacy import legacy_parts, legacy_pickle

Trial = tuple[Callable[[], Any], int]
ODD = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**64 - 1)


# ---- changes -------------------------------------------------------------------------------------


def changed(data: bytes, rng: random.Random) -> bytes:
    """The data with one to six changes of any kind."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if out:
            rng.choice(CHANGES)(out, rng.randrange(len(out)), rng)
    return bytes(out)


def flip(out: bytearray, at: int, rng: random.Random) -> None:
    out[at] ^= 1 << rng.randrange(8)


def overwrite(out: bytearray, at: int, rng: random.Random) -> None:
    out[at] = rng.randrange(256)


def number(out: bytearray, at: int, rng: random.Random) -> None:
    """An odd number of 1 to 8 bytes over what was there."""
    width, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
    out[at : at + width] = (rng.choice(ODD) % 256**width).to_bytes(width, order)


def cut(out: bytearray, at: int, rng: random.Random) -> None:
    del out[at:]


def remove(out: bytearray, at: int, rng: random.Random) -> None:
    del out[at : at + rng.randint(1, 16)]


def repeat(out: bytearray, at: int, rng: random.Random) -> None:
    out[at:at] = out[at : at + rng.randint(1, 64)] * rng.randint(1, 8)


def move(out: bytearray, at: int, rng: random.Random) -> None:
    piece = out[at : at + rng.randint(1, 32)]
    to = rng.randrange(len(out))
    out[to : to + len(piece)] = piece


CHANGES = (flip, overwrite, overwrite, number, number, cut, remove, repeat, move)


# ---- good files ----------------------------------------------------------------------------------


def structures() -> list[Any]:
    x = te.arange(12).float().reshape(3, 4)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    return [
        {"a": x, "n": 1, "t": (1, 2.5, None), "s": "text", "keys": {1: 2, 2.5: 3}},
        [x, x.T, x[1:, ::2], x > 3, te.arange(3), x.to(te.float16)],
        {"model": model.state_dict(), "epoch": 3, "history": [{"loss": 0.5}] * 4},
    ]


def more_structures() -> list[Any]:
    """What only PyTorch's format holds."""
    return [
        {"set": {1, "a"}, "bytes": b"ab", "c": 1j, "o": OrderedDict(a=1), "n": Counter("aab")},
        [np.arange(6).reshape(2, 3), te.float32, te.device("cpu"), bytearray(b"q"), 2**70],
        nn.Parameter(te.ones(2)),
        nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
    ]


def archive(pickled: bytes, source: bytes) -> bytes:
    """A zip archive like `source` with another pickle, so that its checksums are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


# ---- the kinds -----------------------------------------------------------------------------------


def loading(data: bytes, **options: Any) -> Trial:
    return lambda: storage.load(io.BytesIO(data), **options), len(data)


def safetensors(rng: random.Random, folder: Path) -> Iterator[Trial]:
    good = [to_bytes(obj) for obj in structures()]
    good.append(flat())
    while True:
        data = rng.choice(good)
        length = int.from_bytes(data[:8], "little")
        if rng.random() < 0.5:  # a header of another length that says so
            header = changed(data[8 : 8 + length], rng)
            yield loading(len(header).to_bytes(8, "little") + header + data[8 + length :])
        else:
            yield loading(changed(data, rng))


def flat() -> bytes:
    """A safetensors file of another program."""
    header, at = {}, 0
    for name, kind, width in (("a", "F32", 4), ("b", "BF16", 2), ("c", "BOOL", 1), ("d", "I64", 8)):
        header[name] = {"dtype": kind, "shape": [2], "data_offsets": [at, at + 2 * width]}
        at += 2 * width
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


def pt(rng: random.Random, folder: Path) -> Iterator[Trial]:
    good = [to_torch(obj) for obj in structures() + more_structures()]
    pickles = [zipfile.ZipFile(io.BytesIO(data)).read("archive/data.pkl") for data in good]
    pickles += [pickle.dumps({"a": [1, (2.5, "x")], b"k": {1, 2}}, n) for n in (2, 3, 4, 5)]
    while True:
        source = rng.choice(good)
        chance = rng.random()
        if chance < 0.2:
            yield loading(changed(source, rng))
        elif chance < 0.7:
            yield loading(archive(changed(rng.choice(pickles), rng), source), weights_only=False)
        else:
            yield loading(archive(program(rng, pickles), source), weights_only=rng.random() < 0.5)


def pth(rng: random.Random, folder: Path) -> Iterator[Trial]:
    """Files of torch.save before version 1.6."""
    good = [legacy_pickle(obj) for obj in structures() + more_structures()]
    pickles = [pickled for pickled, _ in good]
    while True:
        pickled, storages = rng.choice(good)
        chance = rng.random()
        if chance < 0.4:
            yield loading(changed(legacy_parts(pickled, storages), rng), weights_only=False)
        elif chance < 0.8:
            yield loading(legacy_parts(changed(pickled, rng), storages), weights_only=False)
        else:
            yield loading(legacy_parts(program(rng, pickles), storages))


def program(rng: random.Random, pickles: list[bytes]) -> bytes:
    """Instructions in any order, with pieces of good pickles among them."""
    code = bytearray(b"\x80\x02")
    for _ in range(rng.randint(1, 60)):
        if rng.random() < 0.3:
            piece = rng.choice(pickles)
            at = rng.randrange(len(piece))
            code += piece[at : at + rng.randint(1, 80)]
        else:
            code.append(rng.choice(INSTRUCTIONS))
            code += bytes(rng.choice((0, 0, 1, 2, 7)) for _ in range(rng.choice((0, 0, 1, 4))))
    return bytes(code + b".")


INSTRUCTIONS = sorted(STEPS) + [pickle.STOP[0], pickle.INST[0], pickle.OBJ[0], pickle.EXT1[0]]


def pictures(rng: random.Random, folder: Path) -> Iterator[Trial]:
    good = picture_files()
    path = folder / "a.png"
    while True:
        path.write_bytes(changed(rng.choice(good), rng))
        reader = rng.choice((pil_loader, read_digit))
        yield (lambda reader=reader: reader(str(path))), path.stat().st_size


def picture_files() -> list[bytes]:
    """Pictures of all formats that are read, and of those that must not be tried."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    colours = Image.fromarray(pixels)
    found = []
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "EPS", "ICO", "PCX", "TGA"):
        for mode in ("RGB", "L", "P", "RGBA", "1", "CMYK", "I;16"):
            file = io.BytesIO()
            try:
                colours.convert("I" if mode == "I;16" else mode).convert(mode).save(file, kind)
            except (OSError, ValueError):  # a mode that the format lacks
                continue
            found.append(file.getvalue())
    return found


def others(rng: random.Random, folder: Path) -> Iterator[Trial]:
    makers = [*map(file_trial, FILES()), state_trial]
    while True:
        yield rng.choice(makers)(rng, folder)


def FILES() -> list[tuple[str, bytes, Callable[[Path], Any]]]:
    """By the end of the name: a good file and what reads it."""
    idx = struct.pack(">4B2I", 0, 0, 8, 2, 5, 7) + bytes(35)
    wide = struct.pack(">4BI", 0, 0, 14, 1, 5) + bytes(40)
    config = llama.Config(8, 8, 1, 2, 1, 4, 16)
    count = sum(int(np.prod(shape)) for shape in llama.layout(config).values()) + 64
    model = struct.pack("<7i", 8, 8, 1, 2, 1, 4, 16) + np.zeros(count, "<f4").tobytes()
    words = (b"<unk>", b"<s>", b" ", b"a")
    token = struct.pack("<i", 9) + b"".join(struct.pack("<fi", 0.5, len(w)) + w for w in words)
    npy = io.BytesIO()
    np.save(npy, np.arange(50, dtype=np.uint16))
    return [
        ("idx", idx, read_idx),
        ("idx", wide, read_idx),
        ("idx.gz", gzip.compress(idx), read_idx),
        ("txt.gz", gzip.compress(b"some text\r\n" * 20), read_text),
        ("bin", model, lambda path: list(llama.load(path).state_dict())),
        ("bin", token, lambda path: llama.Pieces(path, 4).encode("aa")),
        ("npy", npy.getvalue(), lambda path: TokenWindows(path, 4)[0]),
        ("raw", bytes(100), lambda path: TokenWindows(path, 4)[0]),
    ]


def file_trial(kind: tuple[str, bytes, Callable]) -> Callable[[random.Random, Path], Trial]:
    ending, good, reader = kind

    def make(rng: random.Random, folder: Path) -> Trial:
        path = folder / f"a.{ending}"
        if ending.endswith(".gz") and rng.random() < 0.5:  # a good checksum around wrong content
            path.write_bytes(gzip.compress(changed(gzip.decompress(good), rng), 1))
        else:
            path.write_bytes(changed(good, rng))
        return (lambda: reader(path)), path.stat().st_size

    return make


TOKENIZERS = (
    BPETokenizer([(97, 98), (256, 99), (257, 257)]),
    WordTokenizer(["a b c"]),
    CharTokenizer("abc"),
)


def state_trial(rng: random.Random, folder: Path) -> Trial:
    """The state of a tokenizer with changes in its JSON text that leave it JSON."""
    tokenizer = rng.choice(TOKENIZERS)
    text = json.dumps(tokenizer.state_dict()).encode()
    while True:
        try:
            state = json.loads(changed(text, rng))
            break
        except ValueError:
            pass
    return (lambda: type(tokenizer).from_state_dict(state).encode("abc")), len(text)


KINDS = {"safetensors": safetensors, "pt": pt, "pth": pth, "pictures": pictures, "others": others}
