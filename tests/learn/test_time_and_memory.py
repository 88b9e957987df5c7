"""The profiler: what it counts for each op, module and line, forward and backward, and the trace
that it writes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.profiler import Times, profile, record_function

ROOT = Path(tg.__file__).parents[1]


class Net(nn.Module):
    """Two layers; the first runs twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.first(self.first(x)))


def measured(**options):
    """One step of a net, and the profile of it."""
    net = Net()
    x = tg.ones(3, 4)
    with profile(**options) as prof:
        net(x).exp().sum().backward()
    return net, prof


def rows(prof, group_by):
    return {a.key: a for a in prof.key_averages(group_by=group_by)}


def test_ops_and_formulas_count_for_the_module_that_made_the_node():
    _, prof = measured()
    found = rows(prof, "module")
    assert set(found) == {
        "Net", "Net.first", "Net.first.0", "Net.first.1", "Net.last", "(outside modules)"
    }  # fmt: skip
    for a in found.values():
        assert a.forward_time > 0 and a.backward_time > 0
        assert a.cpu_time_total == pytest.approx(a.forward_time + a.backward_time)
    first, inner = found["Net.first"], [found["Net.first.0"], found["Net.first.1"]]
    assert first.cpu_time_total == pytest.approx(sum(a.cpu_time_total for a in inner))
    assert first.count == sum(a.count for a in inner) and first.self_cpu_time_total == 0
    calls = {(key.function, key.modules[-1:]): n.calls for key, n in prof.times.found.items()}
    assert calls["linear", ("Net.first.0",)] == 2 and calls["linear", ("Net.last",)] == 1
    assert calls["exp", ()] == 1
    # each second counts once: the rows without what runs inside them make up the whole
    whole = sum(a.self_cpu_time_total for a in found.values())
    assert whole < 1e6 * prof.times.total
    assert whole == pytest.approx(1e6 * sum(s.seconds for s in prof.times.found.values()))
    assert whole == pytest.approx(prof.self_cpu_time_total)


def test_what_a_formula_runs_counts_for_its_op():
    _, prof = measured()
    found = rows(prof, "op")
    assert found["linear"].count == 3 and found["tanh"].count == 2  # calls of the op itself
    assert found["linear"].backward_time > 0 and found["tanh"].backward_time > 0
    names = rows(prof, "function")  # tanh's formula is made of operators: its node is measured
    assert names["TanhBackward0"].count == 2 and names["LinearBackward0"].count == 3
    assert "matmul" not in found  # only formulas of linear call it
    assert rows(prof, "function")["matmul"].forward_time == 0


def test_a_backward_after_other_modules_ran_still_finds_the_makers():
    one, other = nn.Linear(2, 2), nn.Tanh()
    with Times() as times:
        loss = one(tg.ones(1, 2)).sum()
        other(tg.ones(1, 2))
        loss.backward()
    backward = {key.modules for key in times.found if key.backward and key.op == "linear"}
    assert backward == {("Linear",)}


def test_memory_is_that_of_new_results():
    x = tg.ones(1000)
    with profile(profile_memory=True) as prof:
        y = x.exp()  # 4,000 bytes
        y.view(10, 100)  # none
        y.mul_(2)  # none
        z = y.sin() + 1  # 4,000 twice, and sin's is gone at the end
    found = rows(prof, "function")
    assert found["exp"].cpu_memory_usage == found["sin"].cpu_memory_usage == 4000
    assert found["view"].cpu_memory_usage == 0
    assert prof.peak_memory == 12_000 and prof.times.live == 8000
    del y, z
    assert prof.times.live == 0


def test_the_table_sorts_by_what_is_asked_for():
    _, prof = measured()
    averages = prof.key_averages(group_by="module")
    text = averages.table()
    order = [line.split()[0] for line in text.splitlines()[1:-1]]
    assert order == ["Net", "first", "first.0", "first.1", "last"]  # as called, nested
    for column in ("count", "cpu_memory_usage", "backward_time", "self_cpu_time_total"):
        lines = averages.table(sort_by=column, row_limit=3).splitlines()
        best = sorted(averages, key=lambda a: -getattr(a, column))[:3]
        assert len(lines) == 4
        assert {line.split("  ")[0].strip() for line in lines[1:2]} <= {a.key for a in best}
    with pytest.raises(tg.ShapeError, match=r"sort_by must be one of .*cpu_time_total.*'size'"):
        averages.table(sort_by="size")
    with pytest.raises(tg.ShapeError, match=r"group_by must be one of .*module.*'layer'"):
        prof.key_averages(group_by="layer")


def test_a_block_has_the_time_of_its_ops_and_its_own():
    with profile() as prof:
        with record_function("mine"):
            tg.ones(2000).exp().sum()
    found = rows(prof, "function")
    ops = sum(a.self_cpu_time_total for key, a in found.items() if key != "mine")
    mine = found["mine"]
    assert mine.count == 1 and mine.cpu_time_total >= ops
    assert mine.self_cpu_time_total == pytest.approx(mine.cpu_time_total - ops)


def test_the_trace_is_what_chrome_and_perfetto_read(tmp_path):
    _, prof = measured(record_shapes=True, profile_memory=True)
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    bars = [e for e in events if e["ph"] == "X"]
    for e in events:
        assert e["ph"] in "XCM" and isinstance(e["pid"], int) and isinstance(e["tid"], int)
    for e in bars:
        assert e["ts"] >= 0 and e["dur"] >= 0 and isinstance(e["name"], str)
    ops = [e for e in bars if e["cat"] in ("forward", "backward")]
    assert len(ops) == len(prof.events()) == sum(n.calls for n in prof.times.found.values())
    linear = next(e for e in ops if e["name"] == "linear")
    assert linear["args"]["module"] == "Net.first.0"
    assert linear["args"]["shapes"] == [[3, 4], [4, 4], [4]]
    assert any(e["ph"] == "C" and e["args"]["bytes"] > 0 for e in events)
    assert {"process_name", "thread_name"} <= {e["name"] for e in events if e["ph"] == "M"}


def test_bars_of_the_trace_nest(tmp_path):
    """A viewer stacks bars of a thread that lie in one another; they must not overlap else."""
    _, prof = measured()
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    bars = sorted((e["ts"], -e["dur"], e["name"]) for e in events if e["ph"] == "X")
    names = [name for *_, name in bars]
    assert {"Net", "Net.first.0", "Net backward", "Net.first.0 backward", "backward"} <= {*names}
    open_ends: list[float] = []
    for start, length, _ in bars:
        while open_ends and open_ends[-1] <= start + 1e-6:
            open_ends.pop()
        assert not open_ends or start - length <= open_ends[-1] + 1e-3
        open_ends.append(start - length)


def test_two_threads_have_a_line_each():
    with profile() as prof:
        threads = [threading.Thread(target=lambda: tg.ones(9).exp()) for _ in range(2)]
        for thread in threads:
            thread.start()
            thread.join()
        tg.ones(9).exp()
    assert len({e.thread for e in prof.events() if e.name == "exp"}) >= 2
    assert all(e.end >= e.start for e in prof.events())


def test_measuring_changes_no_number_and_leaves_nothing_behind():
    tg.manual_seed(1)
    net, x = Net(), tg.ones(3, 4)
    plain = tg.autograd.grad(net(x).sum(), list(net.parameters()))
    before = x.device.F
    with profile():
        seen = tg.autograd.grad(net(x).sum(), list(net.parameters()))
    assert x.device.F is before
    assert all(a.tolist() == b.tolist() for a, b in zip(plain, seen))


def test_the_time_of_noting_is_in_no_op(monkeypatch):
    """A formula calls functions that are measured too: looking up whose they are takes time."""
    import time

    look = Times.whose

    def slow(self, *args):
        time.sleep(0.02)
        return look(self, *args)

    monkeypatch.setattr(Times, "whose", slow)
    _, prof = measured()
    calls = sum(n.calls for n in prof.times.found.values())
    assert prof.times.total > 0.02 * calls
    assert prof.self_cpu_time_total < 1e6 * (prof.times.total - 0.02 * calls)


def test_run_writes_a_trace_and_prints_the_modules(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())\n"
        "model(torch.ones(4, 2)).sum().backward()\n"
    )
    command = [sys.executable, "-m", "tinygrad_edu", "run", "--profile", "--trace", "calls.json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "module " in done.stderr and "\n  0 " in done.stderr and "script.py:3" in done.stderr
    events = json.loads((tmp_path / "calls.json").read_text())["traceEvents"]
    assert {"linear", "tanh", "LinearBackward0", "Sequential.0"} <= {e["name"] for e in events}
    assert any(e["ph"] == "C" for e in events)
