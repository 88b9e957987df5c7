"""PyTorch's own .pt files are read, and nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import random
import time
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu.storage import CheckpointError, load


def written(torch, obj) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file)
    return file.getvalue()


def archive(pickled: bytes, **members: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("archive/data.pkl", pickled)
        for name, data in members.items():
            z.writestr(f"archive/data/{name.removeprefix('s')}", data)
    file.seek(0)
    return file


def same(a, b) -> None:
    if isinstance(a, te.Tensor):
        assert (
            str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
            or str(b.dtype) == "torch.bfloat16"
        )
        np.testing.assert_array_equal(
            a.detach().numpy(),
            (b.float() if str(b.dtype) == "torch.bfloat16" else b).detach().numpy(),
        )
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert a == b


def test_models_optimisers_views_and_every_dtype_come_back_equal():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(3, 2)
    )
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 1, 5, 5)).sum().backward()
    optimiser.step()
    x = torch.arange(24.0).reshape(4, 6)
    kinds = [
        x.to(getattr(torch, k))
        for k in (
            "float64",
            "float32",
            "float16",
            "bfloat16",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint8",
        )
    ]
    obj = {
        "model": model.state_dict(),
        "optimizer": optimiser.state_dict(),
        "epoch": 3,
        "none": None,
        "views": [x.t(), x[1:, ::2], x[0, 0], x[:0]],
        "kinds": kinds,
        "bool": x > 3,
        "parameter": torch.nn.Parameter(x),
        "text": ("ü", 1.5, True),
        "size": x.shape,
    }
    got = load(io.BytesIO(written(torch, obj)))
    same(
        {k: v for k, v in got.items() if k != "size"}, {k: v for k, v in obj.items() if k != "size"}
    )
    assert got["size"] == (4, 6)


def test_a_torch_state_dict_goes_straight_into_a_module(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    torch.save(theirs.state_dict(), tmp_path / "m.pt")
    ours = te.nn.Sequential(te.nn.Linear(3, 4), te.nn.ReLU(), te.nn.Linear(4, 2))
    ours.load_state_dict(te.load(tmp_path / "m.pt"))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ours(te.tensor(x)).detach().numpy(),
        theirs(torch.tensor(x)).detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/tinygrad_edu_was_here",)


def test_code_in_a_file_is_never_run():
    with pytest.raises(CheckpointError, match=r"asks for (posix|nt)\.system, which is never run"):
        load(archive(pickle.dumps(Evil(), 2)))
    assert not os.path.exists("/tmp/tinygrad_edu_was_here")


def test_a_pickled_model_is_refused_with_the_way_to_save_it():
    torch = pytest.importorskip("torch")
    with pytest.raises(CheckpointError, match=r"save its state_dict\(\) instead"):
        load(io.BytesIO(written(torch, torch.nn.Linear(2, 2))))


def test_bare_pickles_are_refused():
    with pytest.raises(CheckpointError, match="pickles are never run"):
        load(io.BytesIO(pickle.dumps({"a": 1}, 2)))


def tensor_pickle(offset, size, stride, count=6, kind="FloatStorage", key="0") -> bytes:
    """The pickle of one tensor, as torch.save writes it, with claims of one's own."""

    def value(v):
        return pickle.dumps(v, 2)[2:-1]

    return (
        b"\x80\x02"
        + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + b"("
        + value("storage")
        + b"ctorch\n"
        + kind.encode()
        + b"\n"
        + value(key)
        + value("cpu")
        + value(count)
        + b"tQ"
        + value(offset)
        + value(size)
        + value(stride)
        + value(False)
        + b"ccollections\nOrderedDict\n)RtR."
    )


def test_a_tensor_written_by_hand_is_read():
    got = load(archive(tensor_pickle(1, (2, 2), (1, 2)), s0=np.arange(6, dtype="<f4").tobytes()))
    assert got.tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("pickled", "words"),
    [
        (tensor_pickle(0, (7,), (1,)), "beyond its storage"),
        (tensor_pickle(5, (2,), (1,)), "beyond its storage"),
        (tensor_pickle(0, (2, 3), (4, 1)), "beyond its storage"),
        (tensor_pickle(0, (10**6, 10**6), (0, 0)), "expanded view"),
        (tensor_pickle(-1, (2,), (1,)), "do not make sense"),
        (tensor_pickle(0, (2,), (-1,)), "do not make sense"),
        (tensor_pickle(0, (2.0,), (1,)), "do not make sense"),
        (tensor_pickle(0, (2,), (1, 1)), "do not make sense"),
        (tensor_pickle(0, (2**60,), (1,)), "do not make sense"),
        (tensor_pickle(0, (2,), (1,), count=7), "must have 28 bytes, got 24"),
        (tensor_pickle(0, (2,), (1,), key="1"), "got none"),
        (tensor_pickle(0, (2,), (1,), kind="QInt8Storage"), "never run"),
        (b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\x00\x00.", "never writes"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "while reading"),
        (b"\x80\x02X\xff\xff\xff\x7fabc.", "while reading"),
        (b"\x80\x02]q\x00h\x07.", "while reading"),
        (b"", "while reading"),
    ],
    ids=str,
)
def test_hostile_claims_are_refused_quickly_and_take_no_memory(pickled, words):
    file = archive(pickled, s0=np.arange(6, dtype="<f4").tobytes())
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(CheckpointError, match=words):
        load(file)
    assert time.process_time() - begun < 2
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_compressed_archives_are_refused_so_that_nothing_swells():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a/data.pkl", pickle.dumps([0] * 10**6, 2))
    with pytest.raises(CheckpointError, match="compressed"):
        load(io.BytesIO(file.getvalue()))


def test_files_with_changed_bytes_are_read_or_refused_but_never_crash_or_take_long():
    good = archive(
        tensor_pickle(1, (2, 2), (1, 2)), s0=np.arange(6, dtype="<f4").tobytes()
    ).getvalue()
    rng = random.Random(0)
    for _ in range(5000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        begun = time.process_time()
        try:
            load(io.BytesIO(bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])))
        except CheckpointError:
            pass
        assert time.process_time() - begun < 2


def test_an_ordered_dict_with_metadata_loses_only_the_metadata():
    torch = pytest.importorskip("torch")
    state = OrderedDict(a=torch.ones(2))
    state._metadata = {"": {"version": 1}}
    got = load(io.BytesIO(written(torch, state)))
    assert list(got) == ["a"] and got["a"].tolist() == [1, 1]
