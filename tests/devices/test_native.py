"""The C++ kernels of the CPU against the generic forward: every rung, odd shapes, arrays that start
as NaN, any number of threads, other instruction sets, and machines without a compiler.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.native import DRAWN, agree, both, drawn, normal, results, rng

import tinygrad_edu as tg
import tinygrad_edu.optim  # declares the steps
from tinygrad_edu.devices.native import rungs as native_rungs
from tinygrad_edu.devices.native import source as native_source
from tinygrad_edu.devices.table import native_ladders
from tinygrad_edu.engine.device import cpu, functional, registry
from tinygrad_edu.engine.errors import KernelError

ROOT = Path(tg.__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the kernels need g++")
RUNGS = [pytest.param(op, r.label, id=r.name) for op, l in native_ladders().items() for r in l]


@pytest.fixture(autouse=True)
def new_arrays_are_nan(monkeypatch):
    """What a kernel does not write shows."""

    def empty(shape, like):
        out = np.empty(shape, getattr(like, "dtype", like))
        out.fill(np.nan if out.dtype.kind == "f" else 255)
        return out

    monkeypatch.setattr(native_rungs.Call, "empty", staticmethod(empty))


@pytest.fixture
def threads(monkeypatch):
    """A function that sets how many threads kernels use, without BLAS."""

    def use(n):
        monkeypatch.setattr(native_rungs.Call, "__call__", with_threads(n))

    return use


def with_threads(n):
    original = native_rungs.Call.__call__

    def call(self, *arguments):
        self.threads = lambda: n
        return original(self, *arguments)

    return call


# ---- every rung over the cases of its op ----


@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_a_rung_gives_the_generic_forwards_values_over_the_ops_cases(op, rung):
    if op not in registry or not getattr(registry[op], "cases", ()):
        pytest.skip("a step of an optimiser: tested below")
    taken = 0
    for case in registry[op].cases:
        args = [a.copy() if isinstance(a, np.ndarray) else a for a in case.make("float32")]
        try:
            with np.errstate(all="ignore"):
                agree(*both(op, rung, *args, **case.attrs))
        except KernelError as error:
            assert "must get arguments that the kernel takes" in str(error)
            continue
        taken += 1
    assert taken or op in DRAWN  # max_pool_spread's cases hold wide integers, others are too small


# ---- families over shapes drawn by chance ----


@pytest.mark.parametrize(("op", "rung"), [p for p in RUNGS if not p.values[0].endswith("_update")])
def test_a_rung_gives_the_generic_forwards_values_over_shapes_drawn_by_chance(op, rung):
    with np.errstate(all="ignore"):
        for seed in range(40):
            agree(*both(op, rung, *drawn(op, rung, rng(seed))))


@pytest.mark.parametrize(("op", "rung"), [p for p in RUNGS if not p.values[0].endswith("_update")])
def test_any_number_of_threads_gives_the_same_bits(op, rung, threads, monkeypatch):
    """Each result is computed by one thread in one order."""
    for seed in range(6):
        args = drawn(op, rung, rng(seed))
        if not op.startswith(("max_pool", "embed")):  # enough work for several threads
            args = [np.concatenate([a] * 40) if grows(op, i, a) else a for i, a in enumerate(args)]
        found = []
        for n in (1, 2, 5):
            threads(n)
            with tg.use_kernel(**{op: rung}):
                found.append(results(getattr(cpu.F, op)(*args)))
        for other in found[1:]:
            for a, b in zip(found[0], other):
                assert a.tobytes() == b.tobytes()


def grows(op, i, a):
    """Whether an argument has the batch in front, so that it may be repeated."""
    first = {"convolution": 1, "softmax": 1, "log_softmax": 1, "gelu": 1, "batch_normalization": 1}
    return isinstance(a, np.ndarray) and i < first.get(op, 0)


# ---- the optimiser's step ----


@pytest.mark.parametrize("rung", ["1", "2"])
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_a_step_of_adam_does_what_the_formulas_say(decoupled, amsgrad, rung):
    g = rng()
    state = [normal(g, 70, 3), normal(g, 70, 3), normal(g, 70, 3), np.abs(normal(g, 70, 3))]
    state.append(np.abs(normal(g, 70, 3)) if amsgrad else None)
    settings = (3, 0.01, 0.8, 0.9, 1e-6, 0.1, True, decoupled)
    there, here = ([None if a is None else a.copy() for a in state] for _ in range(2))
    with tg.use_kernel(adam_update=0):
        cpu.F.adam_update(*here, *settings)
    with tg.use_kernel(adam_update=rung):
        cpu.F.adam_update(*there, *settings)
    pairs = [(a, b) for a, b in zip(there, here) if a is not None]
    agree([a for a, _ in pairs], [b for _, b in pairs], rtol=2e-6)


@pytest.mark.parametrize("rung", ["1", "2"])
@pytest.mark.parametrize("settings", [(), (0.9,), (0.9, 0.3, 0.1), (0.8, 0.0, 0.0, True, True)])
def test_two_steps_of_gradient_descent_do_what_the_formulas_say(settings, rung):
    """The first of them makes the momentum's buffer, the second goes on with it."""
    g = rng()
    start, grads = normal(g, 70, 3), [normal(g, 70, 3), normal(g, 70, 3)]
    found = []
    for pin in (0, rung):
        param, buf = start.copy(), None
        with tg.use_kernel(sgd_update=pin):
            for grad in grads:
                buf = cpu.F.sgd_update(param, grad, buf, 0.1, *settings)
        found.append([a for a in (param, buf) if a is not None])
    agree(found[1], found[0], rtol=2e-6)


@pytest.mark.parametrize("rung", ["0", "1", "2"])
@pytest.mark.parametrize("wrong", [4, -5])
def test_a_row_outside_the_table_is_refused_before_anything_is_written(rung, wrong):
    with tg.use_kernel(embed_rows=rung), pytest.raises(IndexError):
        cpu.F.embed_rows(np.ones((2, 3), np.float32), np.array([0, wrong]), (4, 3))


# ---- whole networks, and which way runs ----


def network():
    return tg.nn.Sequential(
        tg.nn.Conv2d(2, 8, 3, stride=2, padding=1),
        tg.nn.BatchNorm2d(8),
        tg.nn.GELU(),
        tg.nn.MaxPool2d(2),
        tg.nn.Flatten(),
        tg.nn.LayerNorm(8 * 7 * 7),
        tg.nn.Linear(8 * 7 * 7, 4),
    )


def test_a_network_has_the_same_gradients_with_kernels_and_with_numpy():
    x, model = tg.randn(32, 2, 28, 28), network()
    grads = []
    for pins in ({}, dict.fromkeys(native_ladders(), 0)):
        model.zero_grad()
        with tg.use_kernel(**pins):
            (model(x).softmax(1) * tg.arange(4)).sum().backward()
        grads.append([p.grad.numpy().copy() for p in model.parameters()])
    for a, b in zip(*grads):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4 * max(1, np.abs(b).max()))


def test_small_arrays_and_other_dtypes_go_to_numpy():
    with pytest.raises(KernelError, match="must get arguments that the kernel takes"):
        with tg.use_kernel(softmax=2):
            tg.ones(3, 4, dtype=tg.float64).softmax(1)
    x = rng().standard_normal((100, 100))
    np.testing.assert_array_equal(cpu.F.softmax(x, -1), both("softmax", 0, x, -1)[1][0])


def test_an_op_whose_rungs_only_teach_costs_nothing_until_one_is_pinned():
    code = (
        "import tinygrad_edu as tg\n"
        "from tinygrad_edu.engine.device import cpu\n"
        "def name_of(f): return getattr(f, '__name__', 'forward')\n"
        "x = tg.ones(64, 64)\n"
        "tg.matmul(x, x)\n"
        "print(name_of(cpu.F.matmul), end=' ')\n"
        "with tg.use_kernel(matmul=1):\n"
        "    print(bool((x @ x == 64).all()), end=' ')\n"
        "print(name_of(cpu.F.matmul))\n"
    )
    said = run_python(code)
    assert said.stdout.split() == ["forward", "True", "slot"], said.stderr


def test_a_rung_runs_from_its_least_number_of_elements_on(monkeypatch):
    rung = native_ladders()["sum"][-1]
    ran = []
    monkeypatch.setattr(rung, "launcher", lambda fn, input, **attrs: ran.append(input.size))
    monkeypatch.delitem(cpu.F.__dict__, "sum", raising=False)
    try:
        for n in (rung.least - 1, rung.least):
            cpu.F.sum(np.ones(n, np.float32))
    finally:
        cpu.F.__dict__.pop("sum", None)
    assert ran == [rung.least]


def run_python(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        timeout=120,
    )


CODE = """
import tinygrad_edu as tg
import tinygrad_edu.optim  # declares the steps
x = tg.linspace(-1, 1, 8192).reshape(8, 1024)
print(round(tg.softmax(x, 1).square().sum().item(), 5))
"""


def test_numpy_does_the_work_where_no_compiler_is_or_kernels_are_switched_off():
    plain = run_python(CODE)
    for env in ({"CXX": "no-such-compiler"}, {"TINYGRAD_EDU_NATIVE": "0"}):
        done = run_python(CODE, **env)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert done.stdout == plain.stdout


def test_kernels_that_do_not_compile_are_named_once_and_numpy_does_the_work(tmp_path):
    code = CODE + "print(tg.softmax(x, 1).shape)\n"
    env = {"TINYGRAD_EDU_CACHE": str(tmp_path), "TINYGRAD_EDU_MARCH": "no-such-machine"}
    done = run_python(code, **env)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("softmax_2_vectors: NumPy runs instead") == 1
    assert done.stdout.splitlines()[0] == run_python(CODE).stdout.strip()


def test_a_forked_process_runs_kernels_by_itself():
    code = CODE + (
        "import os\n"
        "tg.set_num_threads(2)\n"
        "y = tg.softmax(tg.randn(512, 512), 1)\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    y = tg.softmax(tg.randn(512, 512), 1)\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    assert run_python(code).stdout.split()[-1] == "7"


# ---- other instruction sets ----

X86 = platform.machine() in ("x86_64", "AMD64")


@pytest.mark.skipif(not X86, reason="these instruction sets belong to x86-64")
@pytest.mark.parametrize("march", ["x86-64", "x86-64-v3"])
@pytest.mark.parametrize(
    "op",
    [
        "attention",
        "attention_backward",
        "convolution",
        "convolution_input",
        "convolution_weight",
        "max_pool",
        "lstm_sequence",
        "matmul",
        "sum",
        "clone_contiguous",
    ],
)
def test_kernels_are_right_with_narrower_vectors(op, march, monkeypatch):
    """Lanes and tiles follow the instruction set: 4 lanes of SSE, 8 of AVX2."""
    flags = Path("/proc/cpuinfo").read_text()
    if march == "x86-64-v3" and not ("avx2" in flags and "fma" in flags):
        pytest.skip("this machine has no AVX2")
    rung = native_ladders()[op][-1]
    function = getattr(native_source.library(rung.source, march), rung.name)
    function.argtypes, function.restype = rung.source.entries[rung.name], None
    monkeypatch.setattr(native_rungs, "entry", lambda source, name: function)
    for seed in range(10):
        args = drawn(op, rung.label, rng(seed))
        with tg.use_kernel(**{op: 0}):
            expected = results(getattr(cpu.F, op)(*args))
        call = native_rungs.Call(rung, lambda: 1)
        agree(results(rung.launcher(call, *args)), expected)


# ---- attention ----


def heads(seed, *, T=70, S=90, D=16):
    """Queries, keys and values of 3 heads, split from features: (B, T, H, D) in memory."""
    g = rng(seed)
    made = (tg.from_numpy(normal(g, 2, n, 3, D)).transpose(1, 2) for n in (T, S, S))
    return [x.detach().requires_grad_() for x in made]


def masks():
    g = rng(5)
    open_ = tg.from_numpy(g.random((70, 90)) < 0.7)
    open_[3] = False  # a query that may look nowhere
    padding = tg.zeros(2, 1, 1, 90)
    padding[1, :, :, 60:] = -np.inf
    return {"none": None, "boolean": open_, "padding": padding, "causal": "causal"}


@pytest.mark.parametrize("kind", masks())
def test_fused_attention_has_pytorchs_values_and_gradients(kind):
    torch = pytest.importorskip("torch")
    mask, q, k, v = masks()[kind], *heads(1)
    weights, found = normal(rng(2), 2, 3, 70, 16), []
    for lib in (tg, torch):
        given = [lib.from_numpy(x.detach().numpy()).requires_grad_() for x in (q, k, v)]
        if kind == "causal":
            out = lib.nn.functional.scaled_dot_product_attention(*given, is_causal=True)
        else:
            put = None if mask is None else lib.from_numpy(mask.numpy())
            out = lib.nn.functional.scaled_dot_product_attention(*given, put)
        (out * lib.from_numpy(weights)).sum().backward()
        found.append([x.detach().numpy() for x in (out, *(x.grad for x in given))])
    agree(*found)


def test_fused_attention_runs_and_keeps_no_weights():
    """A matrix of 1024 x 1024 weights would be 4 MiB a head."""
    q, k, v = heads(3, T=1024, S=1024)
    out = tg.nn.functional.scaled_dot_product_attention(q, k, v)
    out.sum().backward()  # compiles, and has its scratch memory from now on
    tracemalloc.start()
    out = tg.nn.functional.scaled_dot_product_attention(q, k, v)
    out.sum().backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * q.numel() * 4


def test_fused_attention_has_right_gradients_of_both_orders_with_a_mask():
    """In float64 the generic forward and backward run, which the kernels are compared with."""
    g = rng(4)
    q, k, v = (tg.from_numpy(g.standard_normal((2, n, 3))).requires_grad_() for n in (3, 4, 4))
    mask = tg.tensor([[0.0, -np.inf, 0.5, 0.0], [-np.inf] * 4, [0.1, 0.0, 0.0, -1.0]]).double()

    def attention(*x):
        return functional.attention(*x, mask, 0.6)

    assert tg.autograd.gradcheck(attention, (q, k, v))
    assert tg.autograd.gradgradcheck(attention, (q, k, v))


def test_a_mask_that_learns_gets_its_gradient():
    q, k, v = heads(6)
    mask = tg.zeros(70, 90, requires_grad=True)
    tg.nn.functional.scaled_dot_product_attention(q, k, v, mask).square().sum().backward()
    assert mask.grad.abs().sum() > 0


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_is_right_to_a_millionth_far_out_and_near_zero(approximate):
    torch = pytest.importorskip("torch")
    x = np.linspace(-9, 9, 20_001, dtype=np.float32)
    out, gate = cpu.F.gelu(x, approximate=approximate)
    exact = torch.nn.functional.gelu(torch.from_numpy(x).double(), approximate=approximate).numpy()
    np.testing.assert_allclose(out, exact, rtol=3e-7, atol=1.5e-6)
    assert gate.min() >= 0 and gate.max() <= 1
