"""`tinygrad-edu bench`: counters on the emulator, and the way of times on a stand-in for a GPU
(whose clock ticks as it is told: no figure here is real).
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from support import fake_cupy

import tinygrad_edu as tg
from tinygrad_edu.bench import counters, ladder, on_cpu, on_cuda, report, results, timing, works
from tinygrad_edu.bench.works.work import size as work_size
from tinygrad_edu.cli import main
from tinygrad_edu.devices import launch as kernels
from tinygrad_edu.devices.native import source as native_source
from tinygrad_edu.devices.table import all_ladders, native_ladders
from tinygrad_edu.engine.errors import DeviceError

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: emu cannot run kernels"
)
LIMITS = {"copy_gb_s": 4000.0, "fp32_tflop_s": 50.0, "fp16_tflop_s": 700.0}


@pytest.fixture
def cuda(monkeypatch):
    fake = fake_cupy.make()
    fake_cupy.install(monkeypatch, fake)
    return fake


def bench(capsys, *words):
    code = main(["bench", *words])
    return code, *capsys.readouterr()


# ---- without a GPU ----


def test_on_emu_each_rung_is_checked_and_counted(capsys, tmp_path):
    code, out, err = bench(
        capsys,
        "softmax",
        "--device",
        "emu",
        "--shape",
        "5x7",
        "--out",
        str(tmp_path / "rows.jsonl"),
    )
    assert (code, err) == (0, "")
    assert "softmax 5x7 float32 on emu" in out
    assert "ms" not in out
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["kernel"] for row in rows] == [r.name for r in kernels.ladders["softmax"]]
    rows = [row for row in rows if "skipped" not in row]  # a rung need not take rows of 7
    assert len(rows) > 2
    assert all(
        row["right"]
        and row["max_error"] < 1e-6
        and row["bytes"] == 2 * 4 * 35
        and "cold_ms" not in row
        for row in rows
    )
    assert all(
        row["launches"] == 1
        and row["counted_bytes"] >= row["bytes"]
        and row["sector_bytes"] >= row["bytes"]  # whole sectors travel
        and row["sectors_per_request"] >= 1
        and row["counted_flops"] > 0
        for row in rows
    )


def test_counters_of_several_launches_are_added_up_and_none_says_so():
    x = tg.randn(4, 32).to("emu")
    one, two = (
        counters.summed(counters.counted(lambda n=n: [tg.exp(x) for _ in range(n)])) for n in (1, 2)
    )
    assert (
        one["counted_bytes"] == 2 * 4 * 128
        and two["counted_bytes"] == 2 * one["counted_bytes"]
        and two["launches"] == 2
    )
    assert one["sector_bytes"] == 2 * 16 * 32  # 4 warps, 4 sectors each, read and written
    assert one["counted_flops"] == 128 and one["sectors_per_request"] == one["ideal_sectors"]
    assert counters.summed(counters.counted(lambda: None)) == {"counters": "not available"}


def test_a_rung_that_does_not_take_the_shape_is_named_and_the_others_are_measured(capsys):
    code, out, _ = bench(capsys, "softmax", "--device", "emu", "--shape", "2x1500")
    assert code == 0
    assert "softmax_5_registers not measured: it does not take these arguments" in " ".join(
        out.split()
    )
    assert "softmax_3_warp not measured" not in " ".join(out.split())


def test_a_wrong_kernel_is_not_timed_and_the_exit_code_tells(cuda, capsys, monkeypatch):
    rung = kernels.ladders["softmax"][0]
    monkeypatch.setattr(rung, "launcher", lambda fn, x, /, dim, dtype=None: x * float("nan"))
    code, out, _ = bench(capsys, "softmax_1_naive", "--quick", "--shape", "5x7")
    assert code == 1
    assert "softmax_1_naive not measured: wrong result: not timed" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing", "--device", "emu"], "KERNEL must be an op with kernels"),
        (["softmax", "--device", "mps"], "--device must be cuda, cpu or emu"),
        (["softmax_3_warp", "--device", "cpu"], "KERNEL must be an op with kernels"),
        (["softmax", "--device", "emu", "--threads", "2"], "--threads must stand with"),
        (
            ["softmax", "--device", "emu", "--shape", "5by7"],
            "--shape of softmax must look like 16384x8192",
        ),
        (["softmax"], "'cuda' needs"),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(capsys, monkeypatch, words, said):
    fake_cupy.install(monkeypatch, None)
    code, _, err = bench(capsys, *words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_every_entry_of_the_table_of_works_makes_what_its_op_takes():
    for op in works.works:
        work = works.works[op]
        for shape in work.quick:
            args = work.make(np.random.default_rng(0), *shape)
            out = results.outputs(results.forward_of(op)(np, *args, **work.attrs))[0]
            assert np.isfinite(out).all()
            assert work.flops(*shape) >= 0
            assert work.tolerance(*shape) < 5e-3


def test_an_op_without_an_entry_is_measured_on_its_largest_case():
    work = works.works_of("cumsum")
    assert work_size(work.make(None, *work.full[0])) == max(
        work_size(c.make()) for c in tg.functional.cumsum.op.cases
    )


# ---- the way of times ----


def test_times_have_cold_and_hot_quantiles_the_limit_and_the_peers(cuda, capsys, tmp_path):
    code, out, _ = bench(
        capsys,
        "softmax",
        "--quick",
        "--shape",
        "5x7",
        "--seconds",
        "0",
        "--out",
        str(tmp_path / "rows.jsonl"),
        "--plot",
        str(tmp_path / "a" / "roof.png"),
    )
    assert code == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert rows[-1]["kernel"] == "generic (CuPy)" and rows[-1]["peer"]
    for row in (row for row in rows if "skipped" not in row):
        assert row["cold_ms"] == row["hot_ms"] == [0.5, 0.5, 0.5]
        assert row["gpu"] == "a stand-in" and row["tf32"] is False and row["commit"]
        assert row["limited_by"] == "memory"
        assert row["share_of_limit"] == pytest.approx(row["limit_ms"] / 0.5, abs=1e-4)
        assert row["graph_of"] == 1
    assert rows[0]["share_of_peer"] == {"generic (CuPy)": 1.0}
    assert "% of generic (CuPy)" in out
    assert "limits, measured in this run" in out
    pytest.importorskip("matplotlib")
    assert (tmp_path / "a" / "roof.png").stat().st_size > 1000


def test_short_kernels_are_timed_as_a_graph_of_many(cuda):
    cuda.cuda.Event.tick = 0.01
    device = tg.device("cuda")
    rows = list(
        ladder.measure("softmax_3_warp", device, (5, 7), quick=True, seconds=0, limits=LIMITS)
    )
    assert rows[0]["graph_of"] == 40
    assert rows[0]["hot_ms"][1] == pytest.approx(0.01 / 40)
    assert rows[0]["cold_ms"][1] == pytest.approx(0.01)


def test_contenders_take_turns_and_the_cache_is_scrubbed_before_cold_samples(cuda):
    order = []
    clock = on_cuda.CudaClock(tg.device("cuda"), quick=True)
    clock.scrub = lambda: order.append("scrub")
    clock.race(
        [timing.Contender(name, lambda name=name: order.append(name), None) for name in "ab"], 0
    )
    timed = order[32:]  # after one, ten of warm-up and five of estimate for each
    assert timed[:20] == ["a"] * 5 + ["scrub", "a"] * 5 + ["b"] * 5


def test_quantiles_are_the_middle_and_the_fifths():
    assert timing.quantiles([5, 1, 2, 3, 4, 6]) == [2, 3.5, 5]


def test_a_nan_is_wrong_unless_one_belongs_there():
    device = tg.device("emu")
    good, bad = (device.asarray(np.array(v, np.float32)) for v in ([1.0, 2.0], [1.0, np.nan]))
    expected = [device.asarray(np.array([1.0, 2.0]))]
    assert results.error_of(device, good, expected, 1e-6) == (0, True)
    assert results.error_of(device, bad, expected, 1e-6)[1] is False
    assert results.error_of(device, bad, [device.asarray(np.array([1.0, np.nan]))], 1e-6) == (
        0,
        True,
    )
    assert (
        results.error_of(device, good, [device.asarray(np.array([1.0, np.inf]))], 1e-6)[1] is False
    )


def test_a_roofline_without_times_is_not_drawn(tmp_path):
    assert report.roofline([{"kernel": "a", "shape": [1]}], tmp_path / "x.png") is False


def test_every_op_with_kernels_can_be_measured():
    for op in kernels.ladders:
        assert works.works_of(op).full, op
    for op in native_ladders():
        assert works.works_of(op).cpu, op


def test_a_contender_that_cannot_be_captured_is_timed_call_by_call(cuda):
    cuda.cuda.Event.tick = 0.01
    try:
        rows = list(
            ladder.measure("matmul_7_warp", tg.device("cuda"), (64, 64, 64), True, 0, LIMITS)
        )
    finally:
        cuda.cuda.Event.tick = 0.5
    peer = next(row for row in rows if row["kernel"] == "cuBLAS (CuPy)")
    assert peer["graph_of"] == 1 and peer["hot_ms"][1] == pytest.approx(0.01)
    assert rows[0]["graph_of"] > 1


def test_a_contender_that_fails_leaves_the_race_to_the_others(cuda):
    def fail():
        raise RuntimeError("no memory")

    clock = on_cuda.CudaClock(tg.device("cuda"), quick=True)
    bad, good = (timing.Contender(n, call, None) for n, call in (("a", fail), ("b", lambda: 0)))
    clock.race([bad, good], 0, (RuntimeError,))
    assert bad.failed == "no memory" and not bad.cold
    assert good.cold and not good.failed


def test_a_slow_call_is_timed_a_few_times_only(cuda):
    cuda.cuda.Event.tick = 60.0
    try:
        calls = []
        clock = on_cuda.CudaClock(tg.device("cuda"), quick=True)
        slow = timing.Contender("slow", lambda: calls.append(1), None)
        clock.race([slow], 5)
    finally:
        cuda.cuda.Event.tick = 0.5
    assert len(slow.hot) == len(slow.cold) == timing.FEW
    assert len(calls) == 1 + 2 * timing.FEW


def test_what_is_measured_stands_in_the_file_named_as_the_launchers():
    for op, work in works.works.items():
        launcher = (all_ladders().get(op) or native_ladders()[op])[0].launcher
        family = getattr(launcher, "__module__").rsplit(".", 1)[-1]
        assert work.make is works.work.one or work.make.__module__.endswith(f".{family}"), op


# ---- on the CPU ----


def test_on_the_cpu_each_rung_is_checked_timed_and_compared(capsys, tmp_path):
    words = ["softmax", "--device", "cpu", "--quick", "--shape", "64x256", "--seconds", "0"]
    files = ["--out", str(tmp_path / "rows.jsonl"), "--plot", str(tmp_path / "roof.png")]
    code, out, err = bench(capsys, *words, *files)
    assert (code, err) == (0, "")
    assert "1 thread" in out and "limits, measured in this run: multiply-adds" in out
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    names = [row["kernel"] for row in rows]
    assert names[: len(native_ladders()["softmax"])] == [
        rung.name for rung in native_ladders()["softmax"]
    ]
    assert "NumPy" in names
    for row in rows:
        assert row["right"] and row["max_error"] < 2e-5
        assert 0 < row["hot_ms"][0] <= row["hot_ms"][1] <= row["hot_ms"][2]
        assert row["threads"] == 1 and row["cpu"] and row["limits"]["bytes"] == 2 * 4 * 64 * 256
        expected = row["limit_ms"] / row["hot_ms"][1]
        assert row["share_of_limit"] == pytest.approx(expected, rel=1e-2, abs=1e-4)
    assert set(rows[0]["share_of_peer"]) == {row["kernel"] for row in rows if "peer" in row}
    pytest.importorskip("matplotlib")
    assert (tmp_path / "roof.png").stat().st_size > 1000


def test_without_a_compiler_bench_says_what_to_install(monkeypatch):
    monkeypatch.setattr(on_cpu, "why_not", lambda: "kernels: need the C++ compiler g++. Install it")
    with pytest.raises(DeviceError, match="must have a C.. compiler.*apt install g"):
        on_cpu.OnCpu(tg.device("cpu"))


def test_without_threadpoolctl_bench_says_what_to_install(monkeypatch):
    def missing(threads):
        raise ModuleNotFoundError("set_num_threads: needs the package threadpoolctl")

    monkeypatch.setattr(on_cpu, "set_num_threads", missing)
    with pytest.raises(DeviceError, match="threadpoolctl"):
        with on_cpu.using_threads(1):
            pytest.fail("the block ran")


@pytest.mark.parametrize("op", [op for op, work in works.works.items() if work.torch])
def test_what_pytorch_is_timed_on_is_the_same_work(op):
    torch = pytest.importorskip("torch")
    work = works.works[op]
    args = [np.array(a) if isinstance(a, np.ndarray) else a for a in made(work, op)]
    expected = results.outputs(
        results.forward_of(op)(np, *map(results.widened, args), **work.attrs)
    )
    theirs = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in args]
    found = results.outputs(work.torch(torch, *theirs, **work.attrs))
    assert found or op == "dropout_keyed"  # whose random numbers differ
    error, right = results.error_of(
        tg.device("cpu"), [f.numpy() for f in found], expected, work.tolerance(*work.quick[0])
    )
    assert right, error


def made(work, op):
    args = work.make(np.random.default_rng(0), *work.quick[0])
    return [work.view(a) for a in args] if work.view else args


def test_the_number_of_threads_is_that_of_the_flag_inside_and_as_before_after():
    pytest.importorskip("threadpoolctl")
    before = tg.get_num_threads()
    with on_cpu.using_threads(1):
        assert tg.get_num_threads() == on_cpu.native_threads() == 1
    assert tg.get_num_threads() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_the_kernels_of_limits_do_what_their_speeds_count(threads):
    kernel = {
        name: native_source.entry(on_cpu.read(on_cpu.kernels_folder() / "limits.cpp"), name)
        for name in ("limit_fma", "limit_read", "limit_copy", "limit_update")
    }
    out, x = np.zeros(threads + 1, np.float32), np.arange(1024 * threads, dtype=np.float32)
    kernel["limit_fma"](out.ctypes.data, 5, threads)
    assert np.isfinite(out).all() and out[threads] >= 2 * 4 * 12  # 12 chains of 4 lanes
    kernel["limit_read"](out.ctypes.data, x.ctypes.data, x.size, 2, threads)
    assert out[:threads].sum() == pytest.approx(2 * x.sum(), rel=1e-5)
    y = np.full_like(x, np.nan)
    kernel["limit_copy"](y.ctypes.data, x.ctypes.data, x.size, 1, threads)
    np.testing.assert_array_equal(x, y)
    kernel["limit_update"](y.ctypes.data, 2.0, x.size, 2, threads)
    np.testing.assert_array_equal(4 * x, y)


def test_what_is_written_costs_what_a_copy_takes_beyond_reading():
    speed = {"read": 4.0, "copy": 2.0, "update": 3.0}
    seconds = {
        "a sum": (on_cpu.Moved(8, 0, False), 2.0),
        "a copy": (on_cpu.Moved(8, 8, False), 8.0),
        "an update": (on_cpu.Moved(9, 9, True), 6.0),
    }
    for what, (moved, expected) in seconds.items():
        assert on_cpu.memory_seconds(moved, speed) == expected, what


def test_a_rate_counts_all_rounds_of_the_fastest_sample():
    now, slow = [0.0], iter([1, 1, 1, 3, 2, 5])

    def run(rounds):
        now[0] += rounds * 1e-3 * next(slow)

    assert on_cpu.best_rate(50.0, run, lambda: now[0], 2) == pytest.approx(50e3)


def test_limits_keep_the_best_that_was_seen(monkeypatch):
    limits = on_cpu.Limits(1, 1)
    rates = iter([5.0, 4.0, 3.0, 2.0, 1.0, 9.0, 9.0, 9.0])
    monkeypatch.setattr(limits, "measured", lambda amount, run: next(rates))
    limits.look(1024)
    limits.look(1024)
    found = [limits.rate("fp32"), *(limits.rate(n, 1024) for n in ("read", "copy", "update"))]
    assert found == [5.0, 9.0, 9.0, 9.0]


def test_one_thread_is_timed_by_its_own_clock():
    begun = on_cpu.now_of(1)()
    timing.time.sleep(0.05)
    assert on_cpu.now_of(1)() - begun < 0.04 or on_cpu.now_of(1) is timing.time.perf_counter
    assert on_cpu.now_of(2) is timing.time.perf_counter


def test_an_optimisers_step_is_checked_on_copies_of_its_arguments():
    pytest.importorskip("threadpoolctl")
    rows = list(ladder.measure("adam_update", tg.device("cpu"), (5000,), quick=True, seconds=0))
    assert all(row["right"] and row["max_error"] < 1e-5 for row in rows)
