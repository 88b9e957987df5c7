"""What a .pt file may ask for: every claim of a hostile one is refused quickly and in little
memory, and only plain data ever comes back.
"""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu.storage import CheckpointError, limits, load
from tinygrad_edu.storage.pickles import plain_data

PROTO = b"\x80\x02"
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00K\x06\x85K\x01\x85\x89"
    b"ccollections\nOrderedDict\n)RtR"
)
SIX = np.arange(6, dtype="<f4").tobytes()


def archive(pickled: bytes, folder: str = "archive", **members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr(f"{folder}/data.pkl", pickled)
        for name, data in {"s0": SIX, **members}.items():
            z.writestr(f"{folder}/data/{name.removeprefix('s')}", data)
    return file.getvalue()


def read(pickled: bytes):
    return load(io.BytesIO(archive(pickled)))


def longs(numbers) -> bytes:
    """A key, value, key, value ... for each number."""
    encoded = [pickle.encode_long(n) for n in numbers]
    return b"".join(b"\x8a" + bytes([len(data)]) + data + b"K\x00" for data in encoded)


def shared_lists(levels: int) -> bytes:
    """Lists, each of which holds the one before twice."""
    code = PROTO + b"]q\x00"
    for level in range(levels):
        code += b"]q" + bytes([level + 1]) + b"(h" + bytes([level]) + b"h" + bytes([level]) + b"e"
    return code + b"."


def shared_tuples(levels: int) -> bytes:
    """The same of tuples, as a key."""
    code = PROTO + b"}K\x01\x85q\x00"
    for level in range(levels):
        code += b"0h" + bytes([level]) + b"h" + bytes([level]) + b"\x86q" + bytes([level + 1])
    code += b"0"
    return code + b"h" + bytes([levels]) + b"K\x01s."


HOSTILE = {
    "40 lists, each holding the one before twice": (shared_lists(40), None),
    "300 lists, the same": (
        PROTO
        + b"]"
        + b"".join(
            b"r"
            + struct.pack("<I", i)
            + b"](j"
            + struct.pack("<I", i) * 1
            + b"j"
            + struct.pack("<I", i)
            + b"e"
            for i in range(300)
        )
        + b".",
        "levels deep",
    ),
    "a list that holds itself": (PROTO + b"]q\x00h\x00a.", "holds itself"),
    "lists 5,000 deep": (PROTO + b"]" * 5_000 + b"a" * 4_999 + b".", "levels deep"),
    "tuples 50,000 deep": (PROTO + b")" + b"\x85" * 50_000 + b".", "memory|levels deep"),
    "tuples 10,000 deep as a key": (PROTO + b"})" + b"\x85" * 10_000 + b"K\x01s.", "short tuple"),
    "40 tuples of tuples as a key": (shared_tuples(40), "short tuple"),
    "ADDITEMS on a tensor": (PROTO + TENSOR + b"(" + TENSOR + b"\x90.", "never writes"),
    "SETITEM on a tensor": (PROTO + TENSOR + b"K\x00K\x07s.", "never writes"),
    "SETITEM on a list": (PROTO + b"]K\x01aK\x00K\x07s.", "never writes"),
    "APPEND to a tensor": (PROTO + TENSOR + b"K\x01a.", "never writes"),
    "APPEND to a set": (PROTO + b"\x8fK\x01a.", "never writes"),
    "200 ints of one hash as keys": (
        PROTO + b"}(" + longs(i * (2**61 - 1) + 5 for i in range(200)) + b"u.",
        "hash",
    ),
    "200 ints of one hash in a set": (
        PROTO + b"\x8f(" + longs(i * (2**61 - 1) + 5 for i in range(200)) + b"\x90.",
        "hash",
    ),
    "300 large ints as keys": (
        PROTO + b"}(" + longs(2**40 + i for i in range(300)) + b"u.",
        "keys",
    ),
    "a class as a value": (PROTO + b"ctorch\nFloatStorage\n.", "stands where a value"),
    "a function as a value": (PROTO + b"]ctorch._utils\n_rebuild_tensor_v2\na.", "stands where"),
    "a set class as a value": (PROTO + b"}K\x01cbuiltins\nset\ns.", "stands where"),
    "a storage as a value": (
        PROTO + b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
        b"X\x03\x00\x00\x00cpuK\x06tQ.",
        "stands where",
    ),
    "a function as a key": (PROTO + b"}cbuiltins\nset\nK\x01s.", "a key must be"),
    "a tensor as a key": (PROTO + b"}" + TENSOR + b"K\x01s.", "a key must be"),
    "50,000 empty sets": (PROTO + b"](" + b"\x8f" * 50_000 + b"e.", "memory"),
    "25,000 OrderedDicts": (
        PROTO + b"ccollections\nOrderedDict\nq\x00](" + b"h\x00)R" * 25_000 + b"e.",
        "memory",
    ),
    "500,000 instructions": (PROTO + b"N0" * 250_000 + b"N.", "memory"),
    "250,000 marks": (PROTO + b"(" * 250_000 + b".", "memory"),
    "a complex tensor": (
        PROTO + TENSOR.replace(b"FloatStorage", b"ComplexFloatStorage") + b".",
        "complex numbers",
    ),
    "one storage as two dtypes": (
        PROTO + TENSOR + TENSOR.replace(b"FloatStorage", b"IntStorage") + b"\x86.",
        "different dtypes",
    ),
    "NEWOBJ": (PROTO + b"cbuiltins\nset\n)\x81.", "never writes"),
    "INST": (PROTO + b"(ibuiltins\nset\n.", "never writes"),
    "BUILD on a set": (PROTO + b"\x8f}b.", "never writes"),
    "an array of objects": (PROTO + b"cnumpy\ndtype\n(X\x01\x00\x00\x00OI00\nI01\ntR.", "."),
    "no STOP": (PROTO + b"]", "while reading"),
    "a stack that is empty": (PROTO + b"\x86.", "while reading"),
    "no mark": (PROTO + b"t.", "while reading"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_pickle_is_refused_or_read_in_little_time_and_memory(case, monkeypatch):
    # a twentieth of what `reliability.large` holds, with as much smaller limits
    monkeypatch.setattr(limits, "SPARE", limits.SPARE // 20)
    monkeypatch.setattr(limits, "RARE_KEYS", limits.RARE_KEYS // 100)
    pickled, words = HOSTILE[case]
    data = archive(pickled)
    tracemalloc.start()
    begun = time.process_time()
    try:
        if words is None:
            load(io.BytesIO(data))
        else:
            with pytest.raises(CheckpointError, match=words) as caught:
                load(io.BytesIO(data))
            assert len(str(caught.value)) < 1000
        seconds, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 30  # it is a hundredth where nothing else runs; without limits it has no end
    assert peak < 2 * len(data) + 60_000_000 // 20


def test_500_tensors_on_one_storage_share_it():
    count = 2**18
    one = TENSOR.replace(b"K\x06tQ", b"J" + struct.pack("<i", count) + b"tQ").replace(
        b"K\x06\x85", b"J" + struct.pack("<i", count) + b"\x85"
    )
    data = archive(PROTO + b"](" + one * 500 + b"e.", s0=bytes(4 * count))
    tracemalloc.start()
    got = load(io.BytesIO(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    got[0][5] = 7
    assert len(got) == 500 and got[499][5].item() == 7
    assert peak < len(data) + 10_000_000


def test_views_of_one_tensor_come_back_as_views():
    torch = pytest.importorskip("torch")
    file, x = io.BytesIO(), torch.arange(6.0).reshape(2, 3)
    torch.save([x, x.t(), x[1]], file)
    file.seek(0)
    whole, turned, row = load(file)
    whole.add_(1)
    assert turned.tolist() == [[1, 4], [2, 5], [3, 6]] and row.tolist() == [4, 5, 6]


@pytest.mark.parametrize("names", [("a/data.pkl", "a/data.pkl"), ("a/data.pkl", "b/data.pkl")])
def test_two_pickles_or_two_top_folders_are_refused(names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z, pytest.warns() if names[0] == names[1] else nothing():
        for name in names:
            z.writestr(name, pickle.dumps({"a": 1}, 2))
    with pytest.raises(CheckpointError, match="one folder, and each name once"):
        load(io.BytesIO(file.getvalue()))


def nothing():
    from contextlib import nullcontext

    return nullcontext()


def test_a_list_of_members_that_is_absurdly_long_is_refused():
    entry = b"PK\1\2" + bytes(42)
    directory = entry * 100_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFE, 0xFFFE, len(directory), 30, 0)
    with pytest.raises(CheckpointError, match="list of members"):
        load(io.BytesIO(b"PK\3\4" + bytes(26) + directory + end))


def test_a_path_with_a_nul_and_a_very_long_one_are_refused_in_few_words():
    with pytest.raises(CheckpointError, match="NUL"):
        load("a\0b")
    with pytest.raises(CheckpointError) as caught:
        load("a" * 100_000)
    assert len(str(caught.value)) < 1000


def test_what_weights_only_of_pytorch_reads_is_read():
    torch = pytest.importorskip("torch")
    obj = {
        "set": {1, "a"},
        "bytes": b"\xff\x00",
        "bytearray": bytearray(b"ab"),
        "complex": 1 - 2j,
        "counter": Counter("aab"),
        "ordered": OrderedDict(b=1, a=2),
        "size": torch.Size([2, 3]),
        "big": -(2**100),
        "tuple": {(1, "a"): 2.5},
    }
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    got = load(file)
    assert got == {**obj, "size": (2, 3)} and type(got["size"]) is te.Size
    assert [type(v) for v in got.values()][:6] == [type(v) for v in obj.values()][:6]


def test_dtypes_devices_and_unsigned_tensors_of_pytorch_are_read():
    torch = pytest.importorskip("torch")
    most = {"uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**63 - 1}
    obj = {name: torch.tensor([0, n], dtype=getattr(torch, name)) for name, n in most.items()}
    obj |= {"dtype": torch.float64, "cpu": torch.device("cpu"), "gpu": torch.device("cuda:7")}
    file = io.BytesIO()
    torch.save(obj, file)
    file.seek(0)
    got = load(file)
    assert {name: got[name].tolist() for name in most} == {n: [0, m] for n, m in most.items()}
    assert [got[name].dtype for name in most] == [te.int32, te.int64, te.int64]
    assert (got["dtype"], got["cpu"], got["gpu"]) == (te.float64, te.device("cpu"), "cuda:7")


@pytest.mark.parametrize("kind", ["complex64", "float8_e4m3fn", "sparse", "quantized", "too large"])
def test_tensors_without_a_counterpart_are_refused_by_name(kind):
    torch = pytest.importorskip("torch")
    x = torch.ones(2, 2)
    made = {
        "complex64": lambda: x.to(torch.complex64),
        "float8_e4m3fn": lambda: x.to(torch.float8_e4m3fn),
        "sparse": lambda: x.to_sparse(),
        "quantized": lambda: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
        "too large": lambda: torch.tensor([2**63], dtype=torch.uint64),
    }[kind]()
    file = io.BytesIO()
    torch.save(made, file)
    file.seek(0)
    with pytest.raises(CheckpointError, match="complex|float8|sparse|quantized|2\\^63|QU"):
        load(file)


def test_numpys_numbers_and_arrays_in_a_pickle_are_read_and_those_of_objects_refused():
    values = {
        "loss": np.float64(0.5),
        "x": np.arange(6, dtype=">i4").reshape(2, 3),
        "y": np.bool_(1),
    }
    got = read(pickle.dumps(values, 2))
    assert got["loss"] == 0.5 and got["y"] and got["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for wrong in (np.array([{}]), np.array(["a"]), np.zeros(1, "i4,i4"), np.datetime64(1, "s")):
        with pytest.raises(CheckpointError):
            read(pickle.dumps(wrong, 2))


def test_every_protocol_of_a_pickle_inside_is_read():
    obj = {
        "a": [1, 2.5, "ü", b"x", None],
        "b": ({1, 2}, frozenset([3]), -1, 2**40, bytearray(b"q")),
    }
    for protocol in (2, 3, 4):
        assert read(pickle.dumps(obj, protocol)) == obj


def test_a_pickle_of_python_2_with_an_array_is_read_as_plain_data():
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06abcdeftb"
    )
    got = plain_data(PROTO + b"}(U\x04data" + array + b"U\x06labels](K\x01K\x02eu.")
    assert got[b"labels"] == [1, 2] and got[b"data"].tolist() == [[97, 98, 99], [100, 101, 102]]
    with pytest.raises(CheckpointError, match="which is never run"):
        plain_data(pickle.dumps(print, 2))
