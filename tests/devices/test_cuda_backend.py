"""The device `cuda`: on a stand-in for CuPy, which needs no GPU, and, marked `cuda`, on a GPU."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from support import fake_cupy

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.devices.cuda.arrays import Module
from tinygrad_edu.devices.cuda.compile import architecture, machine_code, whole
from tinygrad_edu.devices.cuda.errors import reworded
from tinygrad_edu.devices.source import Source, kernels_folder
from tinygrad_edu.engine.device import get_device
from tinygrad_edu.engine.errors import DeviceError, GraphError, IndexOutOfRange, KernelError

F = nn.functional
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: the stand-in cannot run kernels"
)
SCALE = """#include "common.cuh"
extern "C" __global__ void scale_1_one(float* out, const float* x, const int* key,
        float by, int n, long long offset, bool flip, unsigned seed) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = (flip ? -by : by) * x[i] + (key ? key[i] : 0) + offset + seed;
}
"""


def use(monkeypatch, **options):
    fake = fake_cupy.make(**options)
    fake_cupy.install(monkeypatch, fake)
    return fake


@pytest.fixture
def fake(monkeypatch):
    return use(monkeypatch)


@pytest.fixture
def device(fake):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the stand-in cannot run kernels")
    return get_device("cuda")


# ---- which devices there are ----


def test_cuda_and_cuda_0_are_one_device(fake):
    assert get_device("cuda") is get_device("cuda:0") is get_device("cuda", 0)
    assert str(get_device("cuda")) == "cuda:0"
    assert tg.ones(2, device="cuda").is_cuda
    assert tg.ones(2).cuda().get_device() == 0


def test_a_gpu_that_is_not_there_is_refused(fake):
    with pytest.raises(DeviceError, match="one of the 1 GPUs.*got 'cuda:3'"):
        get_device("cuda:3")
    with pytest.raises(DeviceError, match="got 'cuda:x'"):
        get_device("cuda:x")


def test_without_cupy_the_error_names_the_extra(monkeypatch):
    fake_cupy.install(monkeypatch, None)
    with pytest.raises(DeviceError, match=r"needs CuPy.*tinygrad-edu\[cuda\].*cupy-cuda13x"):
        get_device("cuda")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(gpus=0), "needs an NVIDIA GPU, got none"),
        (dict(driver=0), "needs an NVIDIA GPU, got no NVIDIA driver"),
        (
            dict(driver=12040),
            (
                "needs a driver of CUDA 13.2, got one of CUDA 12.4. Update the NVIDIA driver, or"
                " install cupy-cuda12x"
            ),
        ),
    ],
    ids=["no GPU", "no driver", "old driver"],
)
def test_without_a_gpu_the_error_says_what_is_missing(monkeypatch, options, said):
    use(monkeypatch, **options)
    with pytest.raises(DeviceError) as error:
        get_device("cuda")
    assert said in str(error.value)


@needs_compiler
def test_two_gpus_are_two_devices_and_do_not_mix(monkeypatch):
    fake = use(monkeypatch, gpus=2)
    a, b = tg.ones(3, device="cuda:0"), tg.ones(3, device="cuda:1")
    assert a.device is not b.device
    assert fake.state.current == 1
    with pytest.raises(DeviceError, match="cuda:0.*cuda:1"):
        a + b
    a * 2
    assert fake.state.current == 0, "a call on cuda:0 must run there"
    with pytest.raises(DeviceError, match="must be on cuda:0, got one on cuda:1"):
        a.device.asarray(b.array)


def test_cpu_and_cuda_do_not_mix(device):
    with pytest.raises(
        DeviceError, match=r"add: inputs must be on one device, got .*cpu.*cuda:0.*\.to\(device\)"
    ):
        tg.ones(2) + tg.ones(2, device="cuda")
    with pytest.raises(DeviceError, match=r"x\.cpu\(\)\.numpy\(\)"):
        tg.ones(2, device="cuda").numpy()


# ---- arrays ----


def test_numbers_go_to_the_gpu_and_back(device):
    x = tg.randn(3, 4)
    assert np.array_equal(x.to("cuda").cpu().numpy(), x.numpy())
    assert tg.tensor([1.5], device="cuda").item() == 1.5
    assert tg.arange(3, device="cuda").tolist() == [0, 1, 2]
    assert "device='cuda:0'" in repr(x.cuda())


def test_gradients_on_cuda_equal_those_on_the_cpu(device):
    x, w = tg.randn(5, 4), tg.randn(4, 3)
    grads = {}
    for name in ("cpu", "cuda"):
        a, b = x.to(name).detach().requires_grad_(), w.to(name).detach().requires_grad_()
        F.log_softmax((a @ b).tanh(), -1).square().mean().backward()
        grads[name] = [a.grad.cpu().numpy(), b.grad.cpu().numpy()]
    for ours, theirs in zip(grads["cuda"], grads["cpu"]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_in_place_writes_work_and_are_noticed(device):
    x = tg.ones(3, device="cuda", requires_grad=True)
    y = x * 2
    z = y * y
    y += 1
    assert y.tolist() == [3, 3, 3]
    with pytest.raises(GraphError, match="mul"):
        z.sum().backward()
    t = tg.zeros(4, device="cuda")
    t[1:3].fill_(5)
    assert t.tolist() == [0, 5, 5, 0]


def test_dropout_draws_the_same_mask_on_cuda_and_cpu(device):
    x = tg.ones(100)
    tg.manual_seed(3)
    ours = F.dropout(x.cuda(), 0.3)
    tg.manual_seed(3)
    assert np.array_equal(ours.cpu().numpy(), F.dropout(x, 0.3).numpy())


def test_memory_is_shared_with_other_libraries_without_a_copy(device):
    x = tg.arange(4.0, device="cuda")
    assert x.__dlpack_device__() == (2, 0)
    y = tg.from_dlpack(x)
    assert y.device is device
    assert y.data_ptr() == x.data_ptr()
    assert x.__cuda_array_interface__["data"] == (x.data_ptr(), False)
    assert x.__cuda_array_interface__["shape"] == (4,)
    with pytest.raises(GraphError, match="detach"):
        tg.ones(1, device="cuda", requires_grad=True).__cuda_array_interface__
    assert not hasattr(tg.ones(1), "__cuda_array_interface__")


def test_dlpack_from_the_cpu_still_shares_memory():
    x = np.arange(3.0)
    t = tg.from_dlpack(x)
    x[0] = 7
    assert t.device is get_device("cpu")
    assert t[0].item() == 7


# ---- kernels ----


@needs_compiler
@pytest.mark.parametrize("rung", [1, 2, 3, 4, 5])
def test_each_rung_is_launched_through_cupy_with_numbers_of_the_kernels_types(fake, device, rung):
    x = tg.randn(5, 33)
    with tg.use_kernel(softmax=rung):
        y = F.softmax(x.cuda(), -1)
    np.testing.assert_allclose(y.cpu().numpy(), F.softmax(x, -1).numpy(), rtol=1e-5)
    name, _, _, args, shared = fake.launches[-1]
    assert name.startswith(f"softmax_{rung}")
    assert [type(a) for a in args[2:]] == [np.int32, np.int32]
    assert shared == 0


@needs_compiler
def test_a_source_is_compiled_once_for_the_architecture_of_the_gpu(
    fake, device, tmp_path, monkeypatch
):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    source = Source(SCALE, "scale.cu", kernels_folder())
    device.kernel(source, "scale_1_one"), device.kernel(source, "scale_1_one")
    assert [name for name, _ in fake.state.compiled] == ["scale.cu"]
    options = fake.state.compiled[0][1]
    assert "--gpu-architecture=sm_90a" in options
    assert f"-I{kernels_folder()}" in options
    assert list((tmp_path / "cuda").glob("scale-sm_90a-*.cubin"))
    # another process: the machine code is there
    other = Source(SCALE, "scale.cu", kernels_folder())
    device.kernel(other, "scale_1_one")
    assert len(fake.state.compiled) == 1


def test_a_marker_chooses_the_instruction_set_of_one_chip():
    plain, marked = (
        Source(SCALE, "a.cu", kernels_folder()),
        Source("// arch: sm_90a\n" + SCALE, "a.cu", kernels_folder()),
    )
    assert architecture(plain, "90") == "sm_90a", "what this very chip has may be used"
    assert architecture(plain, "89") == "sm_89"
    assert architecture(marked, "90") == "sm_90a"
    assert (
        architecture(Source("// arch: sm_80 sm_90\n" + SCALE, "a.cu", kernels_folder()), "89")
        == "sm_89"
    )
    with pytest.raises(KernelError, match="needs a GPU of sm_90a, got sm_80"):
        architecture(marked, "80")


def test_what_does_not_compile_is_told_with_its_line(device, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    with pytest.raises(
        KernelError, match=r"(?s)bad.cu: must compile for sm_90a, got.*bad.cu\(2\): error"
    ):
        device.kernel(Source("//\n#error\n" + SCALE, "bad.cu", kernels_folder()), "scale_1_one")


@pytest.fixture
def scale(device):
    return device.kernel(Source(SCALE, "scale.cu", kernels_folder()), "scale_1_one")


@needs_compiler
def test_arguments_become_the_types_of_the_signature(fake, device, scale):
    x = device.asarray(np.arange(5, dtype=np.float32))
    out = device.empty((5,), np.float32)
    scale((1,), (32,), (out, x, None, 2, 5, 10, True, np.uint32(1)))
    assert device.to_host(out).tolist() == [11, 9, 7, 5, 3]
    assert [type(a) for a in fake.launches[-1][3][2:]] == [
        np.uintp,
        np.float32,
        np.int32,
        np.int64,
        np.bool_,
        np.uint32,
    ]


@needs_compiler
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({0: "host"}, "must get an array of cuda or None, got ndarray"),
        ({1: "float64"}, "must get an array of float32, got float64"),
        ({1: "strided"}, "must get an array in row-major order"),
        ({3: np.float64(2)}, "must get a number of type float32, got np.float64"),
        ({3: True}, "must get a number of type float32, got True"),
        ({4: 2.5}, "must get a number of type int32, got 2.5"),
        ({4: 2**31}, "must get a whole number that fits into int32"),
        ({4: "array"}, "must get a number of type int32"),
        ({7: -1}, "must get a whole number that fits into uint32"),
    ],
    ids=str,
)
def test_an_argument_that_does_not_fit_is_refused(device, scale, change, said):
    arrays = {
        "host": np.zeros(5, np.float32),
        "float64": device.empty((5,), np.float64),
        "strided": device.empty((5, 2), np.float32)[:, 0],
        "array": device.empty((1,), np.int32),
    }
    args = [
        device.empty((5,), np.float32),
        device.empty((5,), np.float32),
        None,
        1.0,
        5,
        0,
        False,
        0,
    ]
    for at, value in change.items():
        args[at] = arrays[value] if isinstance(value, str) else value
    with pytest.raises(KernelError) as error:
        scale((1,), (32,), tuple(args))
    assert said in str(error.value)


@needs_compiler
def test_a_wrong_number_of_arguments_is_refused(device, scale):
    with pytest.raises(KernelError, match=r"takes 8 arguments \(float\* out, .*, got 1"):
        scale((1,), (32,), (device.empty((5,), np.float32),))


@needs_compiler
def test_large_shared_memory_is_opted_into_and_refused_by_the_gpu_with_advice(fake, device, scale):
    x, out = (device.asarray(np.ones(5, np.float32)) for _ in range(2))
    args = (out, x, None, 1.0, 5, 0, False, 0)
    scale((1,), (32,), args, 100 << 10)
    assert scale.function.max_dynamic_shared_size_bytes == 100 << 10
    with pytest.raises(
        KernelError,
        match=r"scale_1_one \(grid \(1,\).*CUDA_ERROR_INVALID_VALUE.*shared memory a limit",
    ):
        scale((1,), (32,), args, 300 << 10)
    with pytest.raises(KernelError, match="at most 1024 threads"):
        scale((1,), (2048,), args)


@needs_compiler
def test_static_and_dynamic_shared_memory_together_are_opted_into(device):
    text = """extern "C" __global__ void fill_1_x(float* out) {
        __shared__ float a[2560]; extern __shared__ float b[]; int t = threadIdx.x;
        a[t] = b[t] = 3; __syncthreads(); out[t] = a[31 - t] + b[t]; }"""
    fill, out = (
        device.kernel(Source(text, "fill.cu", kernels_folder()), "fill_1_x"),
        device.empty((32,), np.float32),
    )
    fill((1,), (32,), (out,), 40 << 10)  # with 10 KB of static memory more than 48 KB
    assert fill.function.max_dynamic_shared_size_bytes == 40 << 10
    assert device.to_host(out).tolist() == [6] * 32


def test_errors_of_cuda_come_with_advice():
    for said, advice in (
        ("cudaErrorIllegalAddress: an illegal memory access was encountered", "finds the line"),
        (
            "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: too many resources requested for launch",
            "smaller blocks",
        ),
        ("Out of memory allocating 1,000 bytes", "smaller batches"),
        ("Failed to find libnvrtc", "tinygrad-edu[cuda]"),
    ):
        text = str(
            reworded(
                RuntimeError(said) if "Out of" not in said else fake_cupy.OutOfMemoryError(said),
                "here",
            )
        )
        assert said in text
        assert advice in text


# ---- time, graphs ----


def test_events_measure_milliseconds(device):
    start, stop = device.event(), device.event()
    start.record()
    stop.record()
    assert device.elapsed(start, stop) == 0.5


def test_memory_and_kind_of_the_gpu_are_told(device):
    assert device.memory() == {"free": 60 << 30, "total": 141 << 30, "used": 1024, "held": 4096}
    assert device.info()["capability"] == "90"
    assert device.info()["name"] == "a stand-in"


@needs_compiler
def test_a_captured_kernel_runs_at_replay_on_what_the_input_holds_then(fake, device):
    x = tg.randn(4, 7, device="cuda")
    F.softmax(x, -1)
    with device.capture() as graph:
        y = F.softmax(x, -1)
        assert fake.state.allocators == [graph.pool.malloc], "memory of a graph must be its own"
    assert not fake.state.allocators
    x.copy_(tg.zeros(4, 7, device="cuda"))
    graph.replay()
    np.testing.assert_allclose(y.cpu().numpy(), np.full((4, 7), 1 / 7), rtol=1e-6)


def test_looking_at_a_value_while_capturing_is_an_error_with_advice_and_ends_the_capture(
    fake, device
):
    x = tg.ones(3, device="cuda")
    with pytest.raises(KernelError, match="capturing.*do not look at values"):
        with device.capture() as graph:
            (x * 2).sum().item()
    assert fake.state.capturing is None
    with pytest.raises(KernelError, match="must have ended"):
        graph.replay()
    with pytest.raises(KernelError, match="do not look at values"):
        with device.capture():
            x + tg.ones(3).cuda()
    assert (x * 2).sum().item() == 6


def test_checks_that_look_at_values_are_back_after_a_capture(device):
    scores, labels = tg.randn(2, 3, device="cuda"), tg.tensor([0, 5], device="cuda")
    with device.capture():
        pass
    with pytest.raises(IndexOutOfRange, match="Check the labels"):
        F.cross_entropy(scores, labels)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.lstm, self.out = (
            nn.Embedding(11, 6),
            nn.LSTM(6, 5, batch_first=True),
            nn.Linear(5, 11),
        )

    def forward(self, tokens):
        return self.out(self.lstm(self.table(tokens))[0]).reshape(-1, 11)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.place, self.out = (
            nn.Embedding(11, 8),
            nn.Parameter(tg.randn(7, 8)),
            nn.Linear(8, 11),
        )
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(
                8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            ),
            1,
        )
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(7))

    def forward(self, tokens):
        return self.out(self.layers(self.table(tokens) + self.place, mask=self.mask)).reshape(
            -1, 11
        )


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 7 * 7, 11),
    )


@needs_compiler
@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("make", [convolutional, Recurrent, Transformer])
def test_a_training_step_looks_at_no_value_and_copies_nothing_so_that_it_can_be_captured(
    device, make, kind
):
    model = make().to("cuda")
    optimizer = (
        optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        if kind == "sgd"
        else optim.AdamW(model.parameters(), lr=tg.tensor(0.01).cuda(), capturable=True)
    )
    x, y = (
        (tg.randn(2, 1, 14, 14), tg.tensor([1, 2]))
        if make is convolutional
        else (tg.randint(0, 11, (2, 7)), tg.randint(0, 11, (14,)))
    )
    x, y = x.cuda(), y.cuda()

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    def places():
        return [
            (p.data_ptr(), *(value.data_ptr() for value in optimizer.state[p].values()))
            for p in model.parameters()
        ]

    first = step().item()
    assert step().item() < first
    before = places()
    with device.capture():
        step()
        model[0].weight.grad.zero_() if make is convolutional else None
    assert places() == before, "a replay must find weights and buffers where they were"


# ---- CuPy itself, without a GPU ----


def test_cupy_has_every_function_that_the_ops_call():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    import re

    folder = Path(tg.__file__).parent
    calls = {
        name
        for sub in ("ops", "core", "base")
        for path in (folder / sub).glob("*.py")
        for name in re.findall(r"\bxp\.([a-z_][\w.]*)", path.read_text(encoding="utf-8"))
    }
    module, missing = Module(cupy), []
    for call in sorted(calls - {"f"}):
        place = module
        for name in call.rstrip(".").split("."):
            if not hasattr(place, name):
                missing.append(call)
                break
            place = getattr(place, name)
    assert not missing


def test_cupy_takes_the_arguments_that_the_ops_give(monkeypatch):
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    import inspect

    from support.ops import CASES, RANDOM, results

    from tinygrad_edu.devices.emu import array

    functions, methods = {}, {}
    find, call, wrapped = array.Proxy.__getattr__, array.Proxy.__call__, array.wrapped

    def find_and_name(self, name):
        value = find(self, name)
        if isinstance(value, array.Proxy):
            value.__dict__["path"] = f"{self.__dict__.get('path', '')}.{name}".strip(".")
        return value

    def note(self, *args, **kwargs):
        functions.setdefault(self.__dict__["path"], set()).add((len(args), tuple(sorted(kwargs))))
        return call(self, *args, **kwargs)

    def note_method(function):
        def method(*args, **kwargs):
            methods.setdefault(function.__name__, set()).add((len(args), tuple(sorted(kwargs))))
            return wrapped(function)(*args, **kwargs)

        return method

    monkeypatch.setattr(array.Proxy, "__getattr__", find_and_name)
    monkeypatch.setattr(array.Proxy, "__call__", note)
    monkeypatch.setattr(array, "wrapped", note_method)
    emu = get_device("emu")
    monkeypatch.setattr(emu, "xp", array.Module())
    monkeypatch.setattr(emu, "F", type(emu.F)(emu))
    for name, case in (c.values for c in CASES if c.values[0] not in RANDOM):
        try:
            results(name, case, "emu")
        except tg.KernelError:  # no compiler
            continue
    module, wrong = Module(cupy), []
    for path, variants in functions.items():
        function = module
        for name in path.split("."):
            function = getattr(function, name)
        for count, names in variants:
            if isinstance(getattr(function, "function", function), cupy.ufunc):
                unknown = set(names) - {"out", "dtype", "casting"}
            else:
                try:
                    inspect.signature(function).bind(*[None] * count, **dict.fromkeys(names))
                    unknown = set()
                except TypeError as error:
                    unknown = {str(error)}
                except ValueError:  # compiled: its docstring begins with the signature
                    unknown = {name for name in names if name not in (function.__doc__ or "")}
            wrong += [f"xp.{path}: {u}" for u in unknown]
    for name, variants in methods.items():
        text = getattr(cupy.ndarray, name).__doc__ or ""
        wrong += [f"x.{name}: {key}" for _, names in variants for key in names if key not in text]
    assert len(functions) > 100
    assert not wrong


def test_the_stand_in_has_no_name_that_cupy_lacks(monkeypatch):
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    assert cupy is not sys.modules.get("support.fake_cupy")
    fake = fake_cupy.make()
    for name in ("Device", "Stream", "Event", "MemoryPool"):
        stand_in, real = getattr(fake.cuda, name), getattr(cupy.cuda, name)
        assert not [
            n
            for n in vars(stand_in)
            if not n.startswith("_") and n not in ("id", "clock", "tick") and not hasattr(real, n)
        ]
    for name in vars(fake.cuda.runtime):
        assert hasattr(cupy.cuda.runtime, name)
    for name in ("using_allocator", "get_elapsed_time"):
        assert hasattr(cupy.cuda, name)
    assert hasattr(cupy.cuda.driver, "CUDADriverError")
    assert hasattr(cupy.cuda.compiler, "CompileException")
    assert hasattr(cupy.cuda.memory, "OutOfMemoryError")
    from cupy.cuda import nvrtc

    assert not [
        n
        for n in vars(
            type(fake.cuda.nvrtc) if not isinstance(fake.cuda.nvrtc, type) else fake.cuda.nvrtc
        )
        if not n.startswith("_") and not hasattr(nvrtc, n)
    ]
    assert hasattr(cupy.RawKernel, "max_dynamic_shared_size_bytes")


def test_cupys_nvrtc_makes_machine_code_without_a_gpu(tmp_path, monkeypatch):
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from cupy.cuda import nvrtc

    try:
        nvrtc.getVersion()
    except Exception as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    source = Source(SCALE, "scale.cu", kernels_folder())
    path = machine_code(nvrtc, source, "sm_90a")
    assert path.read_bytes()[:4] == b"\x7fELF"
    with pytest.raises(
        KernelError, match=r"(?s)bad.cu: must compile for sm_90.*bad.cu\(1\): error"
    ):
        machine_code(nvrtc, Source("int x = y;\n" + SCALE, "bad.cu", kernels_folder()), "sm_90")


# ---- on a GPU ----


@pytest.mark.cuda
def test_on_a_gpu_each_rung_of_softmax_equals_the_generic_forward():
    x = tg.randn(37, 301, device="cuda")
    with tg.use_kernel(softmax=0):
        expected = F.softmax(x, -1).cpu().numpy()
    for rung in range(1, 6):
        with tg.use_kernel(softmax=rung):
            np.testing.assert_allclose(
                F.softmax(x, -1).cpu().numpy(), expected, rtol=1e-5, atol=1e-7
            )


@pytest.mark.cuda
def test_on_a_gpu_a_captured_training_step_does_what_the_step_does():
    def losses(captured):
        tg.manual_seed(0)
        model = convolutional().to("cuda")
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = tg.randn(8, 1, 14, 14).cuda(), tg.randint(0, 11, (8,)).cuda()

        def step():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        found = [step().item() for _ in range(2)]
        if not captured:
            return found + [step().item() for _ in range(4)]
        with get_device("cuda").capture() as graph:
            loss = step()
        for _ in range(4):
            graph.replay()
            found.append(loss.item())
        return found

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-4)


@pytest.mark.cuda
def test_on_a_gpu_memory_is_shared_with_cupy():
    import cupy

    x = tg.arange(4.0, device="cuda")
    theirs = cupy.from_dlpack(x)
    theirs[0] = 9
    assert x[0].item() == 9
    assert cupy.asarray(x).data.ptr == x.data_ptr()


@pytest.mark.cuda
def test_on_a_gpu_events_tell_the_time():
    device = get_device("cuda")
    start, stop = device.event(), device.event()
    start.record()
    tg.randn(1000, 1000, device="cuda") @ tg.randn(1000, 1000, device="cuda")
    stop.record()
    assert device.elapsed(start, stop) > 0


def test_constant_memory_is_filled_through_the_module(device):
    text = (
        '__constant__ float by[2];\nextern "C" __global__ void f(float* y, int n) {\n    int i ='
        " threadIdx.x;\n    if (i < n) y[i] = by[i % 2];\n}"
    )
    kernel, y = tg.RawKernel(text, "f", device="cuda"), tg.zeros(4, device="cuda")
    kernel.set_constant("by", [2, 3])
    kernel((1,), (4,), (y, 4))
    assert y.cpu().tolist() == [2, 3, 2, 3]
    with pytest.raises(KernelError, match="must get its 8 bytes, got 4"):
        kernel.set_constant("by", [2])


def test_a_template_is_named_as_cxx_does_and_found_by_its_lowered_name(device):
    text = (
        "template <int N, typename T> __global__ void f(T* y, const T* x, float by, size_t n) {\n"
        "    int i = threadIdx.x;\n    if (i < n) y[i] = by * x[i] + N;\n}"
    )
    x, y = tg.arange(4.0, device="cuda"), tg.zeros(4, device="cuda")
    kernel = tg.RawKernel(text, "f<7, float>", device="cuda")
    kernel((1,), (32,), (y, x, 2.0, np.uint64(4)))
    assert y.cpu().tolist() == [7, 9, 11, 13]
    assert [p.text for p in kernel.entry.parameters] == [
        "T* y",
        "const T* x",
        "float by",
        "size_t n",
    ]
    with pytest.raises(KernelError, match=r"'size_t n' must get .* NumPy scalar"):
        kernel((1,), (32,), (y, x, 2.0, 4))  # CuPy would pass bytes of another type
    with pytest.raises(KernelError, match="must be an entry point"):
        tg.RawKernel(text, "g<7>", device="cuda")


# ---- where CuPy does less than NumPy ----


@pytest.mark.parametrize("n", [1, 2, 5, 8, 13])
@pytest.mark.parametrize("name", ["maximum", "minimum", "logaddexp"])
def test_running_results_are_numpys(fake, n, name):
    x = np.random.default_rng(0).standard_normal((3, n, 2)).astype(np.float32)
    xp, device = Module(fake), get_device("cuda")
    found = getattr(xp, name).accumulate(device.asarray(x), axis=1)
    np.testing.assert_allclose(
        device.to_host(found), getattr(np, name).accumulate(x, axis=1), rtol=1e-6
    )


def test_a_running_maximum_keeps_a_nan(fake):
    x = np.array([1, np.nan, 3, 2], np.float32)
    device = get_device("cuda")
    found = device.to_host(device.xp.maximum.accumulate(device.asarray(x), axis=0))
    np.testing.assert_array_equal(found, np.maximum.accumulate(x))


@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_products_of_repeated_places_are_numpys(fake, count):
    rng = np.random.default_rng(1)
    x, rows, values = (
        rng.standard_normal((4, 3)).astype(np.float32),
        rng.integers(0, 4, count),
        rng.standard_normal((count, 3)).astype(np.float32),
    )
    device = get_device("cuda")
    ours = device.asarray(x)
    device.xp.multiply.at(ours, device.asarray(rows), device.asarray(values))
    np.multiply.at(x, rows, values)
    np.testing.assert_allclose(device.to_host(ours), x, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("add", "bool"), ("add", "int8"), ("add", "int16"), ("add", "uint8"), ("maximum", "float16")],
)
def test_narrow_types_are_added_up_as_numpy_does(fake, name, dtype):
    x = np.array([0, 1, 0], dtype)
    rows, values = np.array([0, 2, 2, 0, 0]), np.array([1, 1, 0, 1, 0], dtype)
    device = get_device("cuda")
    ours = device.asarray(x)
    getattr(device.xp, name).at(ours, device.asarray(rows), device.asarray(values))
    getattr(np, name).at(x, rows, values)
    assert device.to_host(ours).tolist() == x.tolist()


@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("name", ["sum", "amax", "argmin", "all", "prod", "flip"])
def test_an_array_without_dims_may_be_reduced_along_dim_0(fake, name, dim):
    device = get_device("cuda")
    found = getattr(device.xp, name)(device.asarray(np.float32(3)), dim)
    assert found.shape == ()
    expected = 3.0 if name == "flip" else getattr(np, name)(np.float32(3), 0)
    assert float(device.to_host(found)) == expected


def test_machine_code_is_padded_to_the_end_of_its_program_headers():
    header = bytearray(64)
    header[:4] = b"\x7fELF"
    header[32:40], header[54:58] = (64).to_bytes(8, "little"), b"\x38\x00\x02\x00"  # 2 of 56 bytes
    full = bytes(header) + b"\1" * 111 + b"\0"
    assert whole(full) == full
    assert whole(full[:-1]) == full
    assert whole(b"no ELF") == b"no ELF"


def test_a_library_product_in_a_capture_is_an_error_with_advice(device):
    x = device.asarray(np.ones((2, 2), np.float64))
    with pytest.raises(KernelError, match="leave out what cuBLAS"), device.capture():
        device.matmul(x, x)


def test_the_size_of_constant_memory_follows_from_its_declaration():
    source = Source(
        "__constant__ float4 a[2][3];\n__constant__ double b;\n__constant__ int c[N];",
        "c.cu",
        kernels_folder(),
    )
    assert source.constant_bytes("a") == 96
    assert source.constant_bytes("b") == 8
    with pytest.raises(KernelError, match="dims written as numbers"):
        source.constant_bytes("c")
