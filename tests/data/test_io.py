"""Saving and loading: exact, atomic, and safe on any file whatsoever."""

from __future__ import annotations

import contextlib
import io as stdio
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinygrad_edu import files
from tinygrad_edu import storage as io
from tinygrad_edu.engine.device import Generator, cpu, default_generator
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.storage import limits, safetensors_file
from tinygrad_edu.storage.safetensors_file import to_bytes
from tinygrad_edu.storage.torch_writer import to_torch

pytest.importorskip("safetensors")
import safetensors.numpy  # noqa: E402  # after the skip

ROOT = Path(__file__).parents[2]


def tensor(values, dtype=np.float32) -> Tensor:
    return Tensor(np.array(values, dtype), cpu)


def same(a, b) -> bool:
    """Equal in type, structure and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return same(a.array, b.array)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return (
            list(a) == list(b)
            and [type(k) for k in a] == [type(k) for k in b]
            and all(same(a[k], b[k]) for k in a)
        )
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        # NaN is NaN, whatever its payload
        return struct.pack("d", a) == struct.pack("d", b) or a != a and b != b
    return a == b


def file_with(header: object, data: bytes = b"", raw: bytes | None = None) -> bytes:
    text = json.dumps(header).encode() if raw is None else raw
    return len(text).to_bytes(8, "little") + text + data


def entry(shape=(2,), start=0, end=8, dtype="F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


# ---- what goes in comes out ----------------------------------------------------------------------


def test_a_nested_structure_comes_back_equal_in_every_bit(tmp_path):
    obj = {
        "model": {
            "conv1.weight": tensor([[1.5, -0.0], [np.inf, np.nan]]),
            "n": tensor(3, np.int64),
            "empty": tensor(np.zeros((0, 4))),
        },
        "optimizer": {
            "state": {0: {"step": 7, "exp_avg": tensor([1e-40, 2])}, 1: {}},
            "param_groups": [{"lr": 0.1 + 0.2, "betas": (0.9, 0.999)}],
        },
        "rng": np.arange(5, dtype=np.uint64),
        "nan": float("nan"),
        "inf": -float("inf"),
        "minus zero": -0.0,
        "big": 2**70,
        "none": None,
        "yes": True,
        "text": "é \ud800 \x00 $",
        "list": [1, [2.0, ()], {}],
        "$tensor": "not a tensor",
        "odd": {"$tuple": [1]},
        "keys": {None: 1, True: 2, 2.5: 3, "x": 4, -3: 5},
    }
    io.save(obj, tmp_path / "x.safetensors")
    assert same(io.load(tmp_path / "x.safetensors"), obj)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2), (1, 1, 1)])
def test_every_dtype_and_shape_comes_back_equal(dtype, shape):
    x = tensor(np.random.default_rng(0).integers(0, 2, shape), dtype)
    assert same(round_trip(x), x)


def round_trip(obj):
    return io.load(stdio.BytesIO(to_bytes(obj)))


def test_views_that_are_not_contiguous_are_saved_as_what_they_show():
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    for view in (
        base.T,
        base[:, ::2],
        base[::-1],
        np.broadcast_to(base[0], (2, 4)),
        base.astype(">f4"),
    ):
        assert np.array_equal(round_trip(Tensor(view, cpu)).array, view)


def test_what_was_loaded_is_the_callers_own_and_needs_no_gradient():
    x = tensor([1, 2])
    x.requires_grad_(True)
    y = round_trip({"x": x})["x"]
    assert not y.requires_grad
    y.array[0] = 9
    assert x.array[0] == 1


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.builds(
        lambda n, d: tensor(np.arange(n), d),
        st.integers(0, 4),
        st.sampled_from(["bool", "int64", "float16", "float32"]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(["$tensor", "$dict", "a.b", "a", "0", "__metadata__"])
            | st.integers(),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("written", [to_bytes, to_torch])
@settings(max_examples=100, deadline=None)
@given(nested)
def test_any_structure_comes_back_equal(written, obj):
    assert same(io.load(stdio.BytesIO(written(obj))), obj)


def test_a_header_whose_length_looks_like_a_pickle_is_read():
    text = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.ljust(0x0280)
    file = stdio.BytesIO(file_with(0, b"\0" * 8, raw=text))
    assert io.load(file)["a"].tolist() == [0, 0]


def test_paths_that_read_alike_do_not_collide():
    obj = {
        "a": {"b": tensor([1]), "b#2": tensor([2])},
        "a.b": tensor([3]),
        "a.b#2": tensor([4]),
        "\ud800x": tensor([5]),
        chr(0xDFFF): tensor([6]),
        "__metadata__": tensor([7]),
        "": tensor([8]),
    }
    assert same(round_trip(obj), obj)


def test_other_tools_read_our_files_and_we_read_theirs(tmp_path):
    weights = {"fc.weight": np.eye(2, dtype=np.float32), "fc.bias": np.zeros(2, np.float32)}
    io.save(
        {name: Tensor(array, cpu) for name, array in weights.items()}, tmp_path / "ours.safetensors"
    )
    theirs = safetensors.numpy.load_file(tmp_path / "ours.safetensors")
    assert theirs.keys() == weights.keys() and all(
        np.array_equal(theirs[k], weights[k]) for k in weights
    )
    safetensors.numpy.save_file(weights, tmp_path / "theirs", metadata={"format": "np"})
    ours = io.load(tmp_path / "theirs")
    assert ours.keys() == weights.keys() and all(
        np.array_equal(ours[k].array, weights[k]) for k in weights
    )


def test_bfloat16_is_read_as_float32_exactly(tmp_path):
    halves = np.arange(2**16, dtype=np.uint16)  # every bfloat16 there is
    (tmp_path / "x").write_bytes(
        file_with({"x": entry((2**16,), 0, 2**17, "BF16")}, halves.tobytes())
    )
    x = io.load(tmp_path / "x")["x"].array
    assert x.dtype == np.float32 and np.array_equal(
        x.view(np.uint32), halves.astype(np.uint32) << 16
    )


@pytest.mark.parametrize(
    "obj, words",
    [
        ({"a": [1, object()]}, "object at a.1"),
        ({"a": {(1, 2): 3}}, "tuple at a"),
        ({"f": print}, "builtin_function_or_method at f"),
        (b"bytes", "bytes at the top"),
        ({1: 1j}, "complex at 1"),
        ({float("nan"): 1}, "keys of a dict"),
        ({"s": {1, 2}}, "set at s"),
        (np.array(["text"]), "dtype"),
        (np.array([1j]), "complex128"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_its_place(obj, words, tmp_path):
    with pytest.raises(io.CheckpointError, match=words):
        io.save(obj, tmp_path / "x.safetensors")
    assert os.listdir(tmp_path) == []


def test_a_structure_that_holds_itself_or_nests_without_end_is_refused():
    loop: dict = {"a": []}
    loop["a"].append(loop)
    with pytest.raises(io.CheckpointError, match="a loop at a.0"):
        to_bytes(loop)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(io.CheckpointError, match="levels deep"):
        to_bytes(deep)


# ---- whole-training checkpoints ------------------------------------------------------------------


class Part:
    """Anything with a state: a model, an optimiser, a scheduler."""

    def __init__(self, value):
        self.value = tensor(value)

    def state_dict(self):
        return {"value": self.value, "steps": {0: 1}}

    def load_state_dict(self, state):
        self.value = state["value"]


def test_a_checkpoint_restores_parts_generators_and_values(tmp_path):
    model, order = Part([1, 2]), Generator().manual_seed(5)
    order.numpy.random(3)
    default_generator.manual_seed(11)
    io.save_checkpoint(tmp_path / "c", model=model, order=order, epoch=3, history=[{"loss": 0.5}])
    expected = order.numpy.random(), default_generator.numpy.random()
    other, fresh = Part([0, 0]), Generator()
    default_generator.manual_seed(12)
    rest = io.load_checkpoint(tmp_path / "c", model=other, order=fresh)
    assert rest == {"epoch": 3, "history": [{"loss": 0.5}]}
    assert (
        np.array_equal(other.value.array, [1, 2])
        and (fresh.numpy.random(), default_generator.numpy.random()) == expected
    )


def test_a_checkpoint_without_a_part_that_is_asked_for_is_refused(tmp_path):
    io.save_checkpoint(tmp_path / "c", model=Part([1]))
    with pytest.raises(io.CheckpointError, match="must hold optimizer"):
        io.load_checkpoint(tmp_path / "c", model=Part([1]), optimizer=Part([1]))
    io.save({"model": 1}, tmp_path / "d")
    with pytest.raises(io.CheckpointError, match="save_checkpoint wrote"):
        io.load_checkpoint(tmp_path / "d", model=Part([1]))


# ---- faults while writing ------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    io.save({"a": 1}, path)
    write, calls = os.write, []

    def full(fd, data):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, data[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(io.CheckpointError, match="No space left on device.*unchanged"):
        io.save({"a": 2}, path)
    monkeypatch.undo()
    assert io.load(path) == {"a": 1} and os.listdir(tmp_path) == ["x.safetensors"]


def test_a_real_limit_on_file_size_leaves_the_old_file(tmp_path):
    code = """
        import resource, signal, sys, numpy as np
        from tinygrad_edu import storage as io
        io.save({"a": 1}, sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            io.save({"a": np.zeros(10**6)}, sys.argv[1])
        except io.CheckpointError as error:
            print(error)
    """
    path = tmp_path / "x"
    out = run(code, path)
    assert "must be writable" in out and io.load(path) == {"a": 1} and os.listdir(tmp_path) == ["x"]


def run(code: str, *args) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_or_ctrl_c_at_any_step_of_writing_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = tmp_path / "x"
    io.save(1, path)
    for error in (OSError(5, "Input/output error"), KeyboardInterrupt()):

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(os, step, fail)
        with pytest.raises((io.CheckpointError, KeyboardInterrupt)):
            io.save(2, path)
        monkeypatch.undo()
        assert io.load(path) == 1 and os.listdir(tmp_path) == ["x"]


def test_the_file_and_then_its_folder_are_forced_to_the_disk(tmp_path, monkeypatch):
    log = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (
            log.append("folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file"),
            fsync(fd),
        ),
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (log.append("rename"), replace(a, b)))
    io.save(1, tmp_path / "x")
    assert log == ["file", "rename", "folder"]


SAVE_FOR_EVER = """
    import sys, numpy as np
    from tinygrad_edu import storage as io
    n = int(sys.argv[2])
    while True:
        n += 1
        io.save({"n": n, "a": np.full(400_000, n)}, sys.argv[1])
        print(n, flush=True)
"""


def test_kill_9_at_any_moment_leaves_a_whole_file_and_the_next_save_tidies_up(tmp_path):
    path, n, left = tmp_path / "x", 0, 0
    rng = np.random.default_rng(0)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SAVE_FOR_EVER), str(path), str(n)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()  # at least one save is done
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        state = io.load(path)
        assert state["n"] >= max([n + 1, *map(int, said)]) and (state["a"] == state["n"]).all()
        n, left = state["n"], left + len(os.listdir(tmp_path)) - 1
        io.save(state, path)
        assert os.listdir(tmp_path) == ["x"]
    (tmp_path / ".x.999.saving").write_bytes(b"left by a kill")
    (tmp_path / ".y.999.saving").write_bytes(b"of another file")
    io.save(1, path)
    assert sorted(os.listdir(tmp_path)) == [".y.999.saving", "x"]


def test_writers_of_one_file_at_the_same_time_leave_one_whole_file(tmp_path):
    path = tmp_path / "x"
    code = (
        "import sys, numpy as np\nfrom tinygrad_edu import storage as io\nfor i in"
        " range(40): io.save({'n': int(sys.argv[2]), 'a': np.full(50_000, int(sys.argv[2]))},"
        " sys.argv[1])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), str(n)], cwd=ROOT, stderr=subprocess.PIPE
        )
        for n in range(3)
    ]
    assert [p.communicate()[1].decode() for p in processes] == ["", "", ""]
    state = io.load(path)
    assert (state["a"] == state["n"]).all() and os.listdir(tmp_path) == ["x"]


def test_a_folder_that_someone_else_keeps_locked_delays_a_save_but_does_not_hang_it(
    tmp_path, monkeypatch
):
    import fcntl

    monkeypatch.setattr(files, "PATIENCE", 0.1)
    (tmp_path / ".x.1.saving").write_bytes(b"of a writer that is perhaps at work")
    fd = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    io.save(1, tmp_path / "x")
    os.close(fd)
    assert io.load(tmp_path / "x") == 1 and (tmp_path / ".x.1.saving").exists()


def test_a_symbolic_link_stays_and_the_file_behind_it_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "x")
    io.save(1, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and io.load(tmp_path / "real" / "x") == 1


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "x"
    io.save(1, path)
    path.chmod(mode)
    io.save(2, path)
    assert path.stat().st_mode & 0o777 == mode and io.load(path) == 2


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(io.CheckpointError, match="Check that the folder exists"):
        io.save(1, tmp_path / "no" / "x")
    with pytest.raises(io.CheckpointError, match="must be writable"):
        io.save(1, tmp_path)


# ---- files that are not what they say ------------------------------------------------------------

X8 = b"\0" * 8
META = {"format": "tinygrad_edu", "version": "1"}
BAD = {
    "empty": (b"", "is empty"),
    "short": (b"abc", "only 3 bytes"),
    "pickle": (
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        "not a safetensors file",
    ),
    "header beyond file": ((500).to_bytes(8, "little") + b"{}", "500 bytes but only 2"),
    "header of 2**64-1 bytes": (b"\xff" * 8 + b"{}", "not a safetensors file"),
    "not json": (file_with(0, raw=b"{hello"), "not valid JSON"),
    "not utf-8": (file_with(0, raw=b'{"\xff":1}'), "not valid JSON"),
    "nested deep": (file_with(0, raw=b"[" * 100_000), "not valid JSON"),
    "huge number": (file_with(0, raw=b'{"a":' + b"9" * 10_000 + b"}"), "not valid JSON"),
    "a list": (file_with([1]), "not a JSON object"),
    "duplicate tensor": (
        file_with(
            0,
            X8,
            raw=b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}',
        ),
        "'a' is there twice",
    ),
    "duplicate field": (
        file_with(
            0, X8, raw=b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
        ),
        "'dtype' is there twice",
    ),
    "duplicate metadata": (
        file_with(0, raw=b'{"__metadata__":{},"__metadata__":{}}'),
        "'__metadata__' is there twice",
    ),
    "missing field": (
        file_with({"a": {"dtype": "F32", "shape": [2]}}, X8),
        "dtype, shape and data_offsets",
    ),
    "extra field": (file_with({"a": entry() | {"code": "print(1)"}}, X8), "no more"),
    "entry not a table": (file_with({"a": 5}, X8), "dtype, shape and data_offsets"),
    "overlap": (file_with({"a": entry(), "b": entry((2,), 4, 12)}, b"\0" * 12), "overlaps"),
    "same bytes twice": (file_with({"a": entry(), "b": entry()}, X8), "overlaps"),
    "gap": (file_with({"a": entry(), "b": entry((2,), 12, 20)}, b"\0" * 20), "a gap"),
    "gap at start": (file_with({"a": entry((2,), 4, 12)}, b"\0" * 12), "a gap"),
    "truncated": (file_with({"a": entry()}, b"\0" * 7), "cut off"),
    "trailing bytes": (file_with({"a": entry()}, b"\0" * 9), "9 are there"),
    "unknown dtype": (file_with({"a": entry(dtype="F8_E4M3")}, X8), "dtype of 'a'"),
    "dtype not text": (file_with({"a": entry(dtype=["F32"])}, X8), "dtype of 'a'"),
    "size and shape": (file_with({"a": entry((3,))}, X8), "needs 12 bytes but has 8"),
    "negative size": (file_with({"a": entry((-1, -2))}, X8), "list of sizes"),
    "absurd size": (file_with({"a": entry((2**62, 4), 0, 0)}), "list of sizes"),
    "overflow": (file_with({"a": entry((2**40, 2**40, 0), 0, 0)}), "absurd"),
    "too many dims": (file_with({"a": entry((1,) * 1000 + (2,))}, X8), "absurd"),
    "size as float": (file_with({"a": entry((2.0,))}, X8), "list of sizes"),
    "size as bool": (file_with({"a": entry((True, 2))}, X8), "list of sizes"),
    "size NaN": (
        file_with(0, X8, raw=b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}'),
        "NaN",
    ),
    "backward offsets": (file_with({"a": entry((2,), 8, 0)}, X8), "start and end"),
    "three offsets": (file_with({"a": entry() | {"data_offsets": [0, 4, 8]}}, X8), "start and end"),
    "negative offset": (file_with({"a": entry((2,), -8, 0)}, X8), "list of sizes"),
    "bool of 7": (file_with({"a": entry((2,), 0, 2, "BOOL")}, b"\1\7"), "neither 0 nor 1"),
    "metadata not text": (file_with({"__metadata__": {"a": 1}}), "table of texts"),
    "metadata a list": (file_with({"__metadata__": []}), "table of texts"),
    "no structure": (file_with({"__metadata__": META}), "not valid JSON"),
    "no version": (
        file_with({"__metadata__": META | {"version": "x", "structure": "1"}}),
        "format version",
    ),
    "newer version": (
        file_with({"__metadata__": META | {"version": "2", "structure": "1"}}),
        "Upgrade",
    ),
    "tensor not there": (
        file_with({"__metadata__": META | {"structure": '{"$tensor": "a"}'}}),
        "its structure holds",
    ),
    "tensor used twice": (
        file_with(
            {
                "__metadata__": META | {"structure": '[{"$tensor": "a"}, {"$tensor": "a"}]'},
                "a": entry(),
            },
            X8,
        ),
        "its structure holds",
    ),
    "tensor not mentioned": (
        file_with({"__metadata__": META | {"structure": "1"}, "a": entry()}, X8),
        "does not mention 'a'",
    ),
    "unknown tag": (
        file_with({"__metadata__": META | {"structure": '{"$eval": "1"}'}}),
        "its structure holds",
    ),
    "bad float": (
        file_with({"__metadata__": META | {"structure": '{"$float": "1"}'}}),
        "its structure holds",
    ),
    "bad dict": (
        file_with({"__metadata__": META | {"structure": '{"$dict": [[[1], 2]]}'}}),
        "its structure holds",
    ),
    "duplicate in dict": (
        file_with({"__metadata__": META | {"structure": '{"$dict": [[1, 2], [1, 3]]}'}}),
        "its structure holds",
    ),
    "bad tuple": (
        file_with({"__metadata__": META | {"structure": '{"$tuple": 1}'}}),
        "its structure holds",
    ),
    "duplicate in structure": (
        file_with({"__metadata__": META | {"structure": '{"a": 1, "a": 2}'}}),
        "'a' is there twice",
    ),
    "tag body unhashable": (
        file_with({"__metadata__": META | {"structure": '{"$float": []}'}}),
        "its structure holds",
    ),
    "dtype without a tensor": (file_with({"a": entry((4,), 0, 8, "U16")}, X8), "uint16"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_file_is_refused_with_its_name_the_reason_and_a_remedy(case, tmp_path):
    data, words = BAD[case]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    with pytest.raises(io.CheckpointError) as caught:
        io.load(path)
    text = str(caught.value)
    assert (
        words in text
        and "broken.safetensors" in text
        and text.endswith(".")
        and text.count(". ") >= 1
    )
    assert isinstance(caught.value, TinygradEduError) and isinstance(caught.value, ValueError)


def test_a_file_cut_at_any_byte_is_refused():
    data = to_bytes({"a": tensor([1, 2]), "b": [tensor([3], np.int64)]})
    for n in range(len(data)):
        with pytest.raises(io.CheckpointError):
            io.load(stdio.BytesIO(data[:n]))


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="must exist.*nothing'.*Check the path"):
        io.load(tmp_path / "nothing")
    with pytest.raises(io.CheckpointError, match="the folder"):
        io.load(tmp_path)
    with pytest.raises(io.CheckpointError, match="the device"):
        io.load("/dev/zero")


def test_a_huge_claimed_tensor_takes_no_memory():
    data = file_with({"a": entry((2**40,), 0, 2**42)}, X8)
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(io.CheckpointError, match="cut off"):
        io.load(stdio.BytesIO(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - limit < 100_000


def test_a_header_pays_for_its_lists_and_tables_before_they_are_made(monkeypatch):
    monkeypatch.setattr(limits, "SPARE", limits.SPARE // 20)
    lists = {"__metadata__": META | {"structure": "[" + "[]," * 100_000 + "[]]"}}
    tables = {str(i): {} for i in range(20_000)}
    for header in (lists, tables):
        data = file_with(header)
        tracemalloc.start()
        with pytest.raises(io.CheckpointError, match="more than .* bytes of memory"):
            io.load(stdio.BytesIO(data))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < limits.SPARE + 3 * len(data)


def test_a_header_with_too_many_tensors_is_refused(monkeypatch):
    monkeypatch.setattr(safetensors_file, "MOST_TENSORS", 100)
    data = file_with({str(i): entry((0,), 0, 0) for i in range(101)})
    with pytest.raises(io.CheckpointError, match="101 tensors"):
        io.load(stdio.BytesIO(data))


def test_keys_of_one_hash_do_not_cost_quadratic_time():
    pairs = [[i * (2**61 - 1) + 5, 0] for i in range(2000)]
    data = file_with({"__metadata__": META | {"structure": json.dumps({"$dict": pairs})}})
    with pytest.raises(io.CheckpointError, match="share a hash"):
        io.load(stdio.BytesIO(data))


def test_error_messages_are_short_whatever_a_file_holds():
    long = "n" * 1_000_000
    for header in (
        {long: entry((3,))},
        {long: 5},
        {"a": entry() | {"shape": long}},
        {"a": entry() | {"dtype": [long] * 3}},
        {"a": entry() | {"shape": [long]}},
        {"__metadata__": META | {"structure": json.dumps({"$tensor": long})}},
        {"__metadata__": META | {"structure": json.dumps({"$dict": [long]})}},
        {"__metadata__": META | {"structure": "1"}, long: entry()},
    ):
        with pytest.raises(io.CheckpointError) as caught:
            io.load(stdio.BytesIO(file_with(header, X8)))
        assert len(str(caught.value)) < 1000


def test_plain_values_too_large_for_a_header_are_refused_by_save(monkeypatch):
    monkeypatch.setattr(safetensors_file, "LARGEST_STRUCTURE", 1000)
    with pytest.raises(io.CheckpointError, match="Keep long lists of numbers as arrays"):
        to_bytes({"losses": [0.5] * 1000})


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2),
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "BOOL", "U8", "BF16", "X"]) | odd,
        "shape": st.lists(st.integers(0, 4), max_size=3) | odd,
        "data_offsets": st.lists(st.integers(0, 16), min_size=2, max_size=2) | odd,
    }
)
structures = st.sampled_from(
    [
        '{"$tensor": "a"}',
        '{"$dict": [[1, 2]]}',
        '{"a": {"$array": "b"}}',
        "[",
        "1",
        '{"$float": "nan"}',
    ]
) | st.text(max_size=8)
metadata = (
    st.fixed_dictionaries(
        {
            "format": st.just("tinygrad_edu"),
            "version": st.sampled_from(["1", "2", "", "²"]),
            "structure": structures,
        }
    )
    | odd
)
headers = st.dictionaries(st.sampled_from(["a", "b", "c"]), entries | odd, max_size=3) | st.builds(
    lambda meta, rest: {"__metadata__": meta, **rest},
    metadata,
    st.dictionaries(st.sampled_from(["a", "b"]), entries, max_size=2),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers, st.binary(max_size=24))
def test_any_header_is_either_refused_clearly_or_read_as_safetensors_reads_it(header, data):
    whole = file_with(header, data)
    try:
        obj = io.load(stdio.BytesIO(whole))
    except io.CheckpointError:
        return
    # what we take, the format's own library takes too
    entries = dict(safetensors.deserialize(whole))
    if isinstance(obj, dict) and obj.keys() == entries.keys():
        for name, value in obj.items():
            assert list(value.array.shape) == entries[name]["shape"]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_good_file_with_changed_bytes_is_read_or_refused_but_never_crashes(data):
    whole = bytearray(to_bytes({"a": tensor([1, 2]), "n": 1, "t": (1, 2.5)}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(io.CheckpointError):
        io.load(stdio.BytesIO(bytes(whole)))


def test_whatever_the_formats_own_library_refuses_is_refused():
    for case, (data, _) in BAD.items():
        try:
            safetensors.deserialize(data)
        except safetensors.SafetensorError:
            with pytest.raises(io.CheckpointError):
                io.load(stdio.BytesIO(data))
        else:
            assert case not in ("overlap", "gap", "truncated")


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    headers,
    st.binary(max_size=24),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=3),
)
def test_ten_thousand_hostile_files_are_refused_or_read_quickly_and_in_little_memory(
    header, data, changes
):
    whole = bytearray(file_with(header, data))
    for place, byte in changes:
        whole[place % len(whole)] = byte
    tracemalloc.start()
    begun = time.process_time()
    try:
        with contextlib.suppress(io.CheckpointError):
            io.load(stdio.BytesIO(bytes(whole)))
        seconds, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 5  # a header that costs its square would take minutes
    assert peak < 500_000 + 100 * len(whole)
