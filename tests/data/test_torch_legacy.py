"""Files of torch.save before version 1.6 are read, and nothing in them is run."""

from __future__ import annotations

import gc
import io
import pickle
import random
import tracemalloc
import weakref

import numpy as np
import pytest
from reliability.legacy import MACHINE, MAGIC, VERSION, legacy_file, legacy_parts

import tinygrad_edu as te
from tinygrad_edu import nn
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.storage import CheckpointError, load, torch_legacy

SIX = np.arange(6, dtype="<f4")
PROTO = b"\x80\x02"


def part(kind=b"FloatStorage", key=b"0", count=6, view=b"N", module=b"torch") -> bytes:
    """The instructions that make a storage; `view` are those of the id's last part."""
    name = b"c%b\n%b\n" % (module, kind)
    number = b"\x8a\x08" + count.to_bytes(8, "little", signed=True)
    texts = [b"X%b%b" % (len(t).to_bytes(4, "little"), t) for t in (b"storage", key, b"cpu")]
    return b"(" + texts[0] + name + texts[1] + texts[2] + number + view + b"tQ"


def tensor(storage: bytes, offset=0, size=6, make=b"_rebuild_tensor_v2") -> bytes:
    end = b"\x89ccollections\nOrderedDict\n)R" if make == b"_rebuild_tensor_v2" else b""
    shape = b"K%bK%b\x85K\x01\x85" % (bytes([offset]), bytes([size]))
    return b"ctorch._utils\n%b\n(%b%b%btR" % (make, storage, shape, end)


def read(pickled: bytes, storages=None, **options):
    data = legacy_parts(PROTO + pickled + b".", {"0": SIX} if storages is None else storages)
    return load(io.BytesIO(data), **options)


def equal(a, b) -> None:
    """Whether what was read is what was written, by PyTorch or here."""
    if isinstance(a, te.Tensor):
        kind = str(b.dtype).split(".")[1]
        wide = {"bfloat16": "float32", "uint16": "int32", "uint32": "int64", "uint64": "int64"}
        assert str(a.dtype).split(".")[1] == wide.get(kind, kind)
        assert a.requires_grad == b.requires_grad
        b = b.detach()
        b = b.float() if kind == "bfloat16" else b
        np.testing.assert_array_equal(a.detach().numpy(), b.numpy())
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b)
        for key in a:
            equal(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b):
            equal(x, y)
    else:
        assert type(a) is type(b) and a == b


# ---- files that PyTorch writes -------------------------------------------------------------------


def written(torch, obj, **options) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=False, **options)
    file.seek(0)
    return file


def both(torch, obj, **options):
    equal(load(written(torch, obj, **options)), obj)


def test_models_optimisers_and_nested_containers_of_pytorch_come_back_equal():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    states = [model.state_dict()]
    for kind in (torch.optim.Adam, torch.optim.SGD):
        optimiser = kind(model.parameters(), lr=0.1)
        model(torch.randn(2, 1, 5, 5)).sum().backward()
        optimiser.step()
        states.append(optimiser.state_dict())
    both(torch, {"states": states, "epoch": 3, "more": ({"a": [1, (2.5, None)]}, {"ü"}, b"b", 1j)})
    both(torch, {"parameter": torch.nn.Parameter(torch.arange(3.0)), "nothing": torch.zeros(0, 3)})
    both(torch, [1, "no tensor"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_dtype_and_every_view_of_pytorch_comes_back_equal(protocol):
    torch = pytest.importorskip("torch")
    x = torch.arange(24.0).reshape(4, 6)
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool"
    views = [
        x.t(),
        x[1:, ::2],
        x[2, 3],
        x[:0],
        x[3:].expand(5, 6),
        x.bfloat16()[2:].expand(7, 2, 6),
    ]
    both(torch, [x.to(getattr(torch, k)) for k in names.split()] + views, pickle_protocol=protocol)


@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64"])
def test_unsigned_tensors_of_pytorch_are_read_in_a_wider_dtype(name):
    torch = pytest.importorskip("torch")
    both(torch, {"a": torch.tensor([0, 1, 2**15 + 1], dtype=getattr(torch, name))})


def test_tensors_of_pytorch_that_share_a_storage_share_it_again():
    torch = pytest.importorskip("torch")
    x = torch.arange(24.0).reshape(4, 6)
    layer = torch.nn.Linear(3, 3)
    a, b, c, d = load(written(torch, [x, x[1:, ::2], layer.weight, layer.weight.data[1:]]))
    a[1, 0] = 100.0
    assert b[0, 0].item() == 100.0
    with te.no_grad():
        c[1, 1] = 7.0
    assert d[0, 1].item() == 7.0


def test_a_state_dict_goes_from_a_file_of_pytorch_into_a_module(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Linear(3, 4)
    torch.save(theirs.state_dict(), tmp_path / "m.pth", _use_new_zipfile_serialization=False)
    ours = nn.Linear(3, 4)
    ours.load_state_dict(te.load(tmp_path / "m.pth"))
    equal(ours.weight, theirs.weight)
    with pytest.raises(CheckpointError, match="mmap=True needs the format"):
        te.load(tmp_path / "m.pth", mmap=True)


def test_a_whole_model_and_complex_numbers_of_pytorch_are_refused_by_name():
    torch = pytest.importorskip("torch")
    with pytest.raises(CheckpointError, match=r"save its state_dict\(\) instead"):
        load(written(torch, torch.nn.ReLU()))
    with pytest.raises(CheckpointError, match="complex numbers"):
        load(written(torch, torch.ones(2, dtype=torch.complex64)))


def test_a_file_written_here_by_hand_is_one_that_pytorch_reads():
    torch = pytest.importorskip("torch")
    data = legacy_file({"a": te.arange(3), "b": te.ones(2, 2) > 0})
    equal(load(io.BytesIO(data)), torch.load(io.BytesIO(data)))
    whole, piece = b"N", b"(X\x01\x00\x00\x009K\x02K\x03t"
    data = legacy_parts(
        PROTO + b"]" + tensor(part(view=whole)) + b"a" + tensor(part(view=piece), 1, 2) + b"a.",
        {"0": SIX},
    )
    equal(load(io.BytesIO(data)), torch.load(io.BytesIO(data)))


# ---- files written without PyTorch ---------------------------------------------------------------


def content():
    x = te.arange(24).float().reshape(4, 6)
    kinds = [x.to(kind) for kind in (te.float64, te.float16, te.int32, te.uint8, te.bool)]
    state = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).state_dict()
    return {"x": x, "views": [x.T, x[1:, ::2]], "kinds": kinds, "state": dict(state), "n": (1, "ü")}


@pytest.mark.parametrize("device", ["cpu", "emu"])
def test_a_file_is_read_on_every_device_and_shares_what_was_shared(device, tmp_path):
    wanted = content()
    (tmp_path / "a.pth").write_bytes(legacy_file(wanted))
    got = load(tmp_path / "a.pth", map_location=device)
    assert got["x"].device.type == device
    equal(on_cpu(got), wanted)
    got["x"][1, 0] = 100.0
    assert got["views"][1][0, 0].item() == 100.0 == got["views"][0][0, 1].item()


def on_cpu(value):
    if isinstance(value, te.Tensor):
        return value.cpu()
    if isinstance(value, dict):
        return {k: on_cpu(v) for k, v in value.items()}
    return type(value)(map(on_cpu, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("device", ["cpu", "emu"])
def test_an_expanded_view_and_bfloat16_get_the_numbers_that_come_after_the_pickle(device):
    rows = tensor(part()).replace(b"K\x06\x85K\x01\x85", b"K\x03K\x06\x86K\x00K\x01\x86")
    got = read(rows, map_location=device)
    np.testing.assert_array_equal(got.cpu().numpy(), [SIX] * 3)
    halves = (SIX.view("<u4") >> 16).astype("<u2")
    got = read(tensor(part(b"BFloat16Storage")), {"0": halves}, map_location=device)
    np.testing.assert_array_equal(got.cpu().numpy(), SIX)


def test_what_old_versions_and_python_2_wrote_is_read():
    """Storages of a GPU's class, tensors of four arguments, texts of bytes, parts of storages."""
    old = tensor(part(module=b"torch.cuda"), make=b"_rebuild_tensor")
    old = old.replace(b"X\x07\x00\x00\x00", b"U\x07").replace(b"X\x01\x00\x00\x00", b"U\x01")
    got = read(b"}U\x03\xc3\xbca" + old + b"s")
    assert list(got) == ["üa"]
    np.testing.assert_array_equal(got["üa"].numpy(), SIX)
    piece = tensor(part(view=b"(X\x01\x00\x00\x009K\x02K\x03t"), 1, 2)
    whole, some = read(b"]" + tensor(part()) + b"a" + piece + b"a")
    assert some.tolist() == [3.0, 4.0]
    whole[3] = 9.0
    assert some.tolist() == [9.0, 4.0]


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)


def test_the_class_of_a_whole_module_is_asked_for_like_every_class():
    code = b"(X\x06\x00\x00\x00modulec%b\nSmall\nNNtQ)\x81" % __name__.encode()
    state = pickle.dumps(dict.fromkeys(["a"], 1), 2)[2:-1]
    with pytest.raises(CheckpointError, match=r"test_torch_legacy.Small, which is never run"):
        read(code + state + b"b")
    with te.serialization.safe_globals([Small]):
        got = read(code + state + b"b", {})
    assert type(got) is Small and vars(got) == {"a": 1}


def test_the_pickles_are_out_of_memory_before_the_numbers_are_read(monkeypatch):
    made = []

    class Noted(torch_legacy.Machine):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(weakref.ref(self))

    class File(torch_legacy.LegacyFile):
        def fill(self, keys):
            assert len(made) == 5 and not any(machine() for machine in made)
            super().fill(keys)

    monkeypatch.setattr(torch_legacy, "Machine", Noted)
    gc.disable()
    try:
        file = io.BytesIO(legacy_file(content()))
        got = File(file, lambda name: te.device("cpu"), mmap=False).read(None)
    finally:
        gc.enable()
    assert got["x"][0, 1].item() == 1.0


# ---- files that are wrong ------------------------------------------------------------------------

WRONG = {
    "a name as data": (b"ctorch\nFloatStorage\n", "stands where a value must be"),
    "a storage as data": (part(), "stands where a value must be"),
    "code": (b"cos\nsystem\n", "never run"),
    "code as a class": (b"(X\x06\x00\x00\x00modulecos\nsystem\nNNtQ", "never run"),
    "a text as a class": (b"(X\x06\x00\x00\x00moduleK\x01NNtQ", "never writes"),
    "an id of another length": (part(view=b"NN"), "never writes"),
    "a huge storage": (tensor(part(count=2**55)), "claim more bytes than the file has"),
    "a negative one": (tensor(part(count=-1)), "claim more bytes than the file has"),
    "two sizes": (b"]" + tensor(part()) + b"a" + tensor(part(count=5), 0, 5) + b"a", "two sizes"),
    "too short": (tensor(part(count=5), 0, 5), "must have 20 bytes"),
    "beyond its end": (tensor(part(), 1), "reaches beyond its storage"),
    "a part without a key": (tensor(part(view=b"(NK\x02K\x05t")), "never writes"),
    "a long part": (
        tensor(part(view=b"(X\x01\x00\x00\x009K\x02K\x05t"), 0, 1),
        "a part of a storage reaches beyond",
    ),
    "no such key": (tensor(part(key=b"1")), "must name each storage"),
    "a list that holds itself": (b"]q\x00h\x00a", "holds itself"),
    "a deep list": (b"]" * 300 + b"a" * 299, "levels deep"),
    "a damaged bool": (tensor(part(b"BoolStorage", count=24), 0, 24), "neither 0 nor 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_lies_is_one_clear_error_and_takes_no_memory(case):
    pickled, words = WRONG[case]
    storages = {"0": np.full(24, 2, np.uint8)} if "bool" in case else None
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=words) as error:
        read(pickled, storages)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert str(error.value).startswith("load: the file must hold tensors and plain values")


def test_many_storages_cannot_claim_the_same_bytes_of_the_file():
    claims = b"".join(tensor(part(key=b"%d" % i, count=40), 0, 40) + b"a" for i in range(9))
    with pytest.raises(CheckpointError, match="claim more bytes than the file has"):
        read(b"]" + claims, {"0": np.zeros(40, "<f4")})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((MAGIC, VERSION + 1, MACHINE), "version 1001"),
        ((MAGIC, [], MACHINE), "version 1001"),
        ((MAGIC, VERSION, {**MACHINE, "little_endian": False}), "little-endian"),
        ((MAGIC, VERSION, 3), "little-endian"),
        ((MAGIC, VERSION, MACHINE, 5, "no list"), "list of texts"),
        ((MAGIC, VERSION, MACHINE, 5, ["0"]), "must name each storage"),
        ((MAGIC, VERSION, MACHINE, 5), "while reading byte"),
    ],
)
def test_the_parts_around_the_object_are_checked(values, words):
    with pytest.raises(CheckpointError, match=words):
        load(io.BytesIO(b"".join(pickle.dumps(value, 2) for value in values)))


def test_a_file_that_ends_anywhere_too_early_is_refused():
    data = legacy_file({"a": te.arange(4), "b": te.ones(3)})
    for end in range(40, len(data), 7):
        with pytest.raises(CheckpointError):
            load(io.BytesIO(data[:end]))


def test_files_with_changed_bytes_are_read_or_refused_with_an_error_of_ours():
    good, rng = legacy_file(content()), random.Random(0)
    read_whole = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.choice((1, 2, 5))):
            data[rng.randrange(30, len(data))] = rng.randrange(256)
        try:
            load(io.BytesIO(bytes(data)), weights_only=False)
            read_whole += 1
        except TinygradEduError as error:
            assert len(str(error)) < 1000
    assert 0 < read_whole < 300
