"""`save` writes PyTorch's own format, which `torch.load` reads; whole modules come back without
running any code of their classes.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import textwrap
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn, storage
from tinygrad_edu.storage import CheckpointError, load, save

ROOT = Path(__file__).parents[2]


def written(obj) -> io.BytesIO:
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return file


def test_the_name_decides_the_format(tmp_path):
    for name, start in {"a.pt": b"PK\3\4", "a.pth.tar": b"PK\3\4", "a.safetensors": b"{"}.items():
        save({"x": te.ones(2)}, tmp_path / name)
        data = (tmp_path / name).read_bytes()
        assert start in data[:9] and load(tmp_path / name)["x"].tolist() == [1, 1]


def test_torch_load_with_weights_only_reads_what_save_writes():
    torch = pytest.importorskip("torch")
    x = te.arange(12).float().reshape(3, 4)
    obj = {
        "views": [x, x.T, x[1:, ::2], x[0, 0], x[:0], x[:1].expand(5, 4)],
        "kinds": [x.to(d) for d in (te.float64, te.float16, te.int64, te.int32, te.int16, te.int8)],
        "bool": x > 3,
        "byte": x.to(te.uint8),
        "parameter": nn.Parameter(x),
        "plain": [
            1,
            -1,
            2**40,
            -(2**100),
            2.5,
            -0.0,
            True,
            None,
            "ü\n",
            b"\xff\0",
            bytearray(b"q"),
        ],
        "more": (1 - 2j, {1, "a"}, (), [], {}, Counter("aab"), OrderedDict(b=1, a=2)),
        "keys": {1: 2, (1, "a"): 3, 2.5: 4, None: 5},
        "dtype": te.float64,
        "device": te.device("cpu"),
        "numpy number": np.float32(1.5),
    }
    got = torch.load(written(obj), weights_only=True)
    for ours, theirs in zip(obj["views"] + obj["kinds"], got["views"] + got["kinds"]):
        assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert got["views"][0].data_ptr() == got["views"][1].data_ptr()
    assert got["bool"].dtype == torch.bool and got["byte"].dtype == torch.uint8
    assert type(got["parameter"]) is torch.nn.Parameter and got["parameter"].requires_grad
    for key in ("plain", "more", "keys"):
        assert got[key] == obj[key] and repr(got[key]) == repr(obj[key])
    assert got["dtype"] == torch.float64 and got["device"] == torch.device("cpu")
    assert got["numpy number"] == 1.5


def test_torch_takes_our_checkpoint_of_a_model_and_its_optimiser_and_goes_on_alike():
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    ours_optimiser = te.optim.AdamW(ours.parameters(), lr=0.1)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )
    optimiser = torch.optim.AdamW(theirs.parameters(), lr=0.1)
    data = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)

    def step(model, optimiser, x):
        optimiser.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    step(ours, ours_optimiser, te.tensor(data))
    saved = torch.load(
        written({"model": ours.state_dict(), "optimizer": ours_optimiser.state_dict()}),
        weights_only=True,
    )
    theirs.load_state_dict(saved["model"])
    optimiser.load_state_dict(saved["optimizer"])
    for _ in range(3):
        a = step(ours, ours_optimiser, te.tensor(data))
        b = step(theirs, optimiser, torch.tensor(data))
        assert a == pytest.approx(b, rel=1e-4)


def test_what_shares_memory_or_is_one_object_does_so_again():
    x, inner = te.zeros(4), [1]
    got = load(written({"whole": x, "part": x[1:3], "twice": [inner, inner], "same": x}))
    got["part"].add_(1)
    assert got["whole"].tolist() == [0, 1, 1, 0]
    assert got["twice"][0] is got["twice"][1] and got["whole"] is got["same"]


def test_gradients_are_wanted_again_and_the_graph_is_left_out():
    w = te.ones(2, requires_grad=True)
    got = load(written({"w": w, "y": w * 2, "p": nn.Parameter(te.ones(1), requires_grad=False)}))
    assert got["w"].requires_grad and got["w"].is_leaf and got["y"].is_leaf
    assert isinstance(got["p"], nn.Parameter) and not got["p"].requires_grad


def test_an_array_of_numpy_comes_back_as_one():
    obj = {"a": np.arange(6, dtype=np.uint64).reshape(2, 3), "b": np.zeros((0, 2), bool)}
    got = load(written(obj))
    for name, array in obj.items():
        assert got[name].dtype == array.dtype and np.array_equal(got[name], array)


def test_each_storage_begins_where_a_memory_map_can_use_it(tmp_path):
    save([te.ones(3), te.ones(5)], tmp_path / "x.pt")
    data, at = (tmp_path / "x.pt").read_bytes(), -1
    for values in (3, 5):
        at = data.index(np.ones(values, "<f4").tobytes(), at + 1)
        assert at % 64 == 0


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_with_mmap_the_numbers_stay_in_the_file_and_changes_do_not_reach_it(tmp_path, name):
    save({"x": te.arange(1000)}, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    x = load(tmp_path / name, mmap=True)["x"]
    x.add_(1)
    assert x[999].item() == 1000 and (tmp_path / name).read_bytes() == before


def test_an_empty_file_has_no_map_and_is_refused(tmp_path):
    (tmp_path / "x.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="it is empty"):
        load(tmp_path / "x.pt", mmap=True)


@pytest.mark.parametrize(
    "where", [None, "cpu", te.device("cpu"), lambda storage, name: storage, {"cuda:0": "cpu"}]
)
def test_map_location_is_what_scripts_give(where):
    assert load(written(te.ones(2)), map_location=where).tolist() == [1, 1]


def test_map_location_moves_tensors_and_what_they_share():
    x = te.arange(6).float()
    whole, turned = load(written([x.reshape(2, 3), x.reshape(2, 3).T]), map_location="emu")
    assert (whole.device.type, turned.tolist()) == ("emu", [[0, 3], [1, 4], [2, 5]])


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"a": [1, object()]}, "object at a.1"),
        ({"f": print}, "builtin_function_or_method at f"),
        ({float("nan"): 1}, "keys of a dict"),
        ({(1, object()): 1}, "keys of a dict"),
        ({te.ones(1)}, "keys of a dict"),
        (np.array(["text"]), "dtype must be"),
        (2**3000, "2,039 bits"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_its_place(obj, words):
    with pytest.raises(CheckpointError, match=words):
        save(obj, io.BytesIO())


def test_loops_and_endless_nesting_are_refused():
    loop: list = []
    loop.append(loop)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for obj, words in ((loop, "hold itself"), (deep, "levels deep")):
        with pytest.raises(CheckpointError, match=words):
            save(obj, io.BytesIO())


def test_the_deepest_nesting_that_is_written_is_read():
    deep: list = [1]
    for _ in range(100):
        deep = [deep]
    assert load(written(deep)) == deep


# ---- whole modules -------------------------------------------------------------------------------


class Net(nn.Module):
    started = 0

    def __init__(self, act=nn.functional.relu):
        super().__init__()
        type(self).started += 1
        self.body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 4)
        self.head.weight = (
            self.body[0].bias.unsqueeze(1).expand(4, 4) * 1.0
            if act is None
            else (nn.Parameter(te.ones(4, 4)))
        )
        self.tied, self.act, self.size = self.head.weight, act, (3, 4)
        self.register_buffer("mask", te.ones(4), persistent=False)

    def forward(self, x):
        return self.head(self.act(self.body(x))) * self.mask


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (Net, (2, 3)),
        (lambda: nn.LSTM(3, 4, num_layers=2), (2, 1, 3)),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 2), (3, 1, 8)),
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(18, 2)), (2, 1, 5, 5)),
    ],
)
def test_a_whole_module_comes_back_and_computes_the_same(model, shape):
    before = model().eval()
    x = te.randn(*shape)
    wanted = before(x)
    started = Net.started
    after = load(written(before), weights_only=False)
    assert type(after) is type(before) and repr(after) == repr(before) and Net.started == started
    got = after(x)
    for a, b in zip(*([v if isinstance(v, tuple) else (v,) for v in (wanted, got)])):
        np.testing.assert_array_equal(
            (a[0] if isinstance(a, tuple) else a).detach().numpy(),
            (b[0] if isinstance(b, tuple) else b).detach().numpy(),
        )
    after.train()
    assert [n for n, _ in after.named_parameters()] == [n for n, _ in before.named_parameters()]


def test_tied_weights_stay_tied():
    after = load(written(Net()), weights_only=False)
    assert after.tied is after.head.weight


def test_a_whole_module_is_refused_with_weights_only_and_the_way_out_is_named():
    with pytest.raises(CheckpointError, match="weights_only=False.*state_dict"):
        load(written(Net()))


def test_a_class_that_the_program_has_not_imported_is_not_imported(tmp_path):
    (tmp_path / "net.py").write_text(
        "from tinygrad_edu import nn\nprint('imported')\nclass Net(nn.Module): pass\n"
    )
    code = "import net, tinygrad_edu as te; te.save(net.Net(), 'x.pt')"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True, timeout=120)
    code = textwrap.dedent("""
        import tinygrad_edu as te
        try: te.load('x.pt', weights_only=False)
        except te.storage.CheckpointError as error: print(error)
    """)
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, timeout=120
    ).stdout.decode()
    assert "net.Net, which is not a subclass of nn.Module that the program has imported" in out
    assert not out.startswith("imported")


class Point:
    def __init__(self):
        self.x, self.more = 1, [2]


def test_classes_that_the_caller_lists_are_made_and_others_are_not():
    with storage.safe_globals([Point]):
        file = written({"p": Point()})
        got = load(file)
    assert type(got["p"]) is Point and (got["p"].x, got["p"].more) == (1, [2])
    assert storage.get_safe_globals() == []
    file.seek(0)
    with pytest.raises(CheckpointError, match="Point, which is never run"):
        load(file)
    file.seek(0)
    with pytest.raises(CheckpointError, match="not a subclass of nn.Module"):
        load(file, weights_only=False)
    with pytest.raises(CheckpointError, match="Point at p"):
        written({"p": Point()})


def test_arguments_of_a_script_come_back():
    args = argparse.Namespace(lr=0.1, cuda=False)
    assert load(written({"args": args}), weights_only=False) == {"args": args}


def test_modules_with_hooks_and_of_local_classes_are_refused():
    class Local(nn.Module):
        pass

    hooked = nn.Linear(1, 1)
    hooked.register_forward_hook(lambda *args: None)
    for module, words in ((Local(), "found by its name"), (hooked, "with hooks is not saved")):
        with pytest.raises(CheckpointError, match=words):
            written(module)


def test_a_functions_name_in_a_file_gives_only_functions_of_nn_functional():
    data = written(Net()).getvalue()
    for name in (b"sys", b"_r_", b"op"):
        changed = data.replace(
            b"tinygrad_edu.nn.functional\nrelu\n",
            b"tinygrad_edu.nn.functional\n" + name.ljust(4, b"_") + b"\n",
        )
        assert changed != data
        with pytest.raises(CheckpointError):
            load(io.BytesIO(changed), weights_only=False)
    lone = io.BytesIO()
    save(nn.functional.relu, lone)
    lone.seek(0)
    with pytest.raises(CheckpointError, match="stands where a value"):
        load(lone, weights_only=False)


def test_a_module_whose_tables_hold_something_else_is_refused():
    data = written(nn.Linear(2, 2)).getvalue()
    changed = data.replace(b"_rebuild_parameter\n", b"_rebuild_parameterx"[:18] + b"\n")
    for old, new in (
        (b"_parameters", b"_parameterz"),
        (b"_modules", b"_modulez"),
        (b"training", b"trainink"),
    ):
        changed = data.replace(old, new)
        with pytest.raises(CheckpointError):
            load(io.BytesIO(changed), weights_only=False)


Pair = namedtuple("Pair", "x y")


class Kind(IntEnum):
    A = 1


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Pair(1, 2), "Pair, a kind of tuple"),
        (Kind.A, "Kind, a kind of int"),
        (defaultdict(list, a=[1]), "defaultdict, a kind of dict"),
        ({Kind.A: 1}, "Kind, a kind of int"),
        (te.ones(3).max(0), "max, a kind of tuple"),
    ],
)
def test_a_value_whose_type_would_be_lost_is_refused_with_its_place(tmp_path, name, value, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        save({"outer": {"inner": value}}, tmp_path / name)
    assert "outer.inner" in str(caught.value) and not (tmp_path / name).exists()


def test_sizes_and_frozen_sets_come_back_as_what_they_are(tmp_path):
    for name, obj in (
        ("x.pt", [te.ones(2, 3).shape, frozenset({1})]),
        ("x.safetensors", [te.ones(2).shape]),
    ):
        save(obj, tmp_path / name)
        got = load(tmp_path / name)
        assert got == obj and [type(v) for v in got] == [type(v) for v in obj]


def test_torch_reads_a_size_of_ours_as_a_size():
    torch = pytest.importorskip("torch")
    got = torch.load(written({"shape": te.ones(2, 3).shape}), weights_only=True)
    assert type(got["shape"]) is torch.Size and got["shape"] == (2, 3)


def test_a_parametrized_module_is_refused_with_the_reason():
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match="parametrizations.*state_dict"):
        written(nn.Sequential(layer))
    nn.utils.parametrize.remove_parametrizations(layer, "weight")
    written(nn.Sequential(layer))


@pytest.mark.parametrize(("data", "words"), [(b"", "it is empty"), (b"hello world", "b'hello wo'")])
def test_a_pt_file_that_is_something_else_is_named_as_such(tmp_path, data, words):
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match="one of torch.save or a whole safetensors") as caught:
        load(tmp_path / "x.pt")
    assert words in str(caught.value)
