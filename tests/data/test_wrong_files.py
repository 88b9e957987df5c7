"""Files of texts, tokens, tokenizers and language models that are wrong: one clear error of ours
each, and no memory before the sizes are known to be right.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import files
from tinygrad_edu.engine.errors import CheckpointError, ShapeError, TinygradEduError
from tinygrad_edu.models import llama
from tinygrad_edu.text import BPETokenizer, CharTokenizer, TokenWindows, WordTokenizer
from tinygrad_edu.train.errors import UsageError
from tinygrad_edu.train.sources.files import read

# ---- gzip ----

TEXT = ("".join(random.Random(0).choices("abcdefgh \n", k=3000))).encode()
PACKED = gzip.compress(TEXT, mtime=0)


def test_a_gzip_file_of_several_parts_is_read():
    assert files.gunzip(PACKED + gzip.compress(b"more")) == TEXT + b"more"
    assert files.gunzip(gzip.compress(b"") * 1000 + gzip.compress(b"a") * 1000) == b"a" * 1000
    large = random.Random(0).randbytes(100_000)
    assert files.gunzip(gzip.compress(large) * 2) == large * 2


def test_a_limit_gives_the_beginning():
    assert files.gunzip(PACKED, 10) == TEXT[:10]


def test_every_cut_and_every_changed_byte_is_noticed_or_changes_nothing():
    for n in range(0, len(PACKED), 7):
        with pytest.raises(ValueError, match="ends too early|corrupt"):
            files.gunzip(PACKED[:n])
    for place in range(len(PACKED)):
        data = bytearray(PACKED)
        data[place] ^= 0x55
        try:
            assert files.gunzip(bytes(data)) == TEXT  # a byte of the header that says nothing
        except ValueError:
            pass


def test_a_gzip_file_that_swells_is_refused_in_little_memory(monkeypatch):
    monkeypatch.setattr(files, "SPARE", 1_000_000)
    bomb = gzip.compress(bytes(20_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="with more than"):
        files.gunzip(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "content",
    [PACKED[:-5], PACKED[:60] + b"\0\0\0" + PACKED[63:], gzip.compress(b"\xff\xfe", mtime=0), b""],
)
def test_a_text_file_that_is_damaged_is_one_clear_error(tmp_path, content):
    (tmp_path / "a.txt.gz").write_bytes(content)
    with pytest.raises(UsageError, match="must hold readable UTF-8 text"):
        read(tmp_path / "a.txt.gz")


# ---- tokens in files ----


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


GOOD = npy(np.arange(100, dtype=np.uint16))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an array",
        GOOD[:30],
        GOOD[:-1],
        GOOD.replace(b"(100,)", b"(10**9,)"[:6]),
        GOOD.replace(b"'shape': (100,), ", b"'shape': (9000000000,)"[:17]),
        GOOD.replace(b"<u2", b"<Q9"),
        GOOD.replace(b"{'descr'", b"(((((((("),
        pytest.param(None, id="an array of objects"),
        pytest.param("npz", id="an npz file"),
    ],
)
def test_a_wrong_npy_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "tokens.npy"
    if content is None:
        np.save(path, np.array([{}, 1], object), allow_pickle=True)
    elif content == "npz":
        np.savez(tmp_path / "t.npz", a=np.arange(3))
        (tmp_path / "t.npz").rename(path)
    else:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="TokenWindows: tokens must be a .npy file"):
        TokenWindows(path, 4)


def test_missing_files_devices_and_odd_sizes_are_one_clear_error(tmp_path):
    (tmp_path / "odd.bin").write_bytes(b"abc")
    (tmp_path / "empty.bin").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo.bin")
    for path in ("none.npy", "none.bin", "odd.bin", "empty.bin", "fifo.bin", "."):
        with pytest.raises(CheckpointError):
            TokenWindows(tmp_path / path, 4)
    with pytest.raises(CheckpointError):
        TokenWindows(tmp_path / "odd.bin", 4, dtype="no such dtype")


# ---- states of tokenizers ----

BPE = BPETokenizer([(97, 98), (256, 99)]).state_dict()
WORD = WordTokenizer(["a b c"]).state_dict()
CHAR = CharTokenizer("abc").state_dict()


def test_states_that_were_saved_are_taken():
    assert BPETokenizer.from_state_dict(BPE).encode("abc") == [257]
    assert WordTokenizer.from_state_dict(WORD).encode("b") == [5]
    assert CharTokenizer.from_state_dict(CHAR).encode("cb") == [2, 1]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        *((kind, {}) for kind in (BPETokenizer, WordTokenizer, CharTokenizer)),
        *((kind, None) for kind in (BPETokenizer, WordTokenizer, CharTokenizer)),
        *((kind, [1]) for kind in (BPETokenizer, WordTokenizer, CharTokenizer)),
        (BPETokenizer, BPE | {"merges": [[97, 300]]}),
        (BPETokenizer, BPE | {"merges": [[-1, 0]]}),
        (BPETokenizer, BPE | {"merges": [[97]]}),
        (BPETokenizer, BPE | {"merges": [["a", "b"]]}),
        (BPETokenizer, BPE | {"merges": [[97.5, 98]]}),
        (BPETokenizer, BPE | {"merges": [None]}),
        (BPETokenizer, BPE | {"merges": "abc"}),
        (BPETokenizer, BPE | {"merges": [[97, 97]] + [[256 + i, 256 + i] for i in range(41)]}),
        (BPETokenizer, BPE | {"specials": ["<pad>", "<pad>"]}),
        (BPETokenizer, BPE | {"specials": [1]}),
        (WordTokenizer, WORD | {"words": ["a", "b"]}),
        (WordTokenizer, WORD | {"words": [*WORD["words"], "a"]}),
        (WordTokenizer, WORD | {"words": [*WORD["words"], 7]}),
        (WordTokenizer, WORD | {"words": {"a": 1}}),
        (WordTokenizer, WORD | {"lower": "yes"}),
        (CharTokenizer, {"characters": 5}),
        (CharTokenizer, {"characters": ["ab"]}),
        (CharTokenizer, {"characters": "aa"}),
    ],
)
def test_other_states_are_refused_with_an_error_of_ours(kind, state):
    tracemalloc.start()
    with pytest.raises((CheckpointError, ShapeError), match=kind.__name__) as caught:
        kind.from_state_dict(state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000 and str(caught.value).endswith(".")


# ---- language models ----


def model_file(dim=8, hidden=8, layers=1, heads=2, kv=1, vocabulary=4, context=16) -> bytes:
    config = llama.Config(dim, hidden, layers, heads, kv, vocabulary, context)
    count = sum(np.prod(shape) for shape in llama.layout(config).values())
    numbers = np.zeros(int(count) + context * dim // heads, "<f4")
    return (
        struct.pack("<7i", dim, hidden, layers, heads, kv, vocabulary, context) + numbers.tobytes()
    )


def test_a_small_model_file_is_read(tmp_path):
    (tmp_path / "m.bin").write_bytes(model_file())
    assert llama.load(tmp_path / "m.bin").config.context == 16


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("value", [-1, 0, 3, 10**8, 2**31 - 1, -(2**31)])
def test_a_wrong_number_in_the_header_is_refused_in_little_memory(tmp_path, place, value):
    data = bytearray(model_file())
    data[4 * place : 4 * place + 4] = struct.pack("<i", value)
    (tmp_path / "m.bin").write_bytes(data)
    tracemalloc.start()
    try:
        llama.load(tmp_path / "m.bin")
    except CheckpointError:
        pass
    else:
        assert value == 3  # sizes that happen to fit
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_very_many_thin_layers_are_refused(tmp_path):
    (tmp_path / "m.bin").write_bytes(model_file(1, 1, 5000, 1, 1))
    with pytest.raises(CheckpointError, match="layers=5000"):
        llama.load(tmp_path / "m.bin")


def test_a_missing_model_or_tokenizer_is_one_clear_error(tmp_path):
    with pytest.raises(CheckpointError, match="must be a file that can be read"):
        llama.load(tmp_path / "none.bin")
    with pytest.raises(CheckpointError, match="must be a file that can be read"):
        llama.Pieces(Path(tmp_path), 5)


def test_damaged_token_files_are_refused_or_read(tmp_path):
    good = struct.pack("<i", 9) + b"".join(
        struct.pack("<fi", 0.5, len(p)) + p for p in (b"<unk>", b"<s>", b" ", b"a")
    )
    rng = random.Random(0)
    for _ in range(200):
        data = bytearray(good)
        data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "t.bin").write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        try:
            llama.Pieces(tmp_path / "t.bin", 4).encode("aa")
        except TinygradEduError:
            pass
