"""Everything that needs a GPU, in one call of less than ten minutes.

    python benchmarks/gpu_run.py --out results                      all parts on cuda
    python benchmarks/gpu_run.py --out results --parts ladders      one part, or several: a,b,c
    python benchmarks/gpu_run.py --out /tmp/x --device emu --quick  a trial run on the emulator

The parts are warm_up, tests, ladders, training, sanitizer, ncu, compile. Each is a process (or
several) with a time limit of its own, and writes OUT/<part>.json while it runs, so that what was
measured before the limit is kept. A part that fails stops no other. OUT/log.txt holds what all of
them printed. Exit code 0: all parts passed, or were skipped with a reason.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
TOTAL = 515  # seconds for all parts; stopping a part may take 6 s more each

# The share of the limit (of cuBLAS for matmul) that the best rung is to reach on an H200: our
# estimates, to be replaced by what is measured.
TARGETS = {
    "matmul": 0.88,
    "softmax": 0.88,
    "layer_normalization": 0.88,
    "sum": 0.92,
    "clone_contiguous": 0.85,
    "class_cross_entropy": 0.65,
    "take_rows": 0.85,
    "amax": 0.92,
    "gelu": 0.93,
    "rms_normalization": 0.88,
    "layer_normalization_backward": 0.70,
    "embed_rows": 0.60,
    "argmax": 0.88,
    "topk": 0.60,
}
OF_CUBLAS = {"matmul"}
FOR_SANITIZER = (
    "softmax_5_registers",
    "softmax_6_vectors",
    "sum",
    "clone_contiguous",
    "matmul_7_warp",
    "matmul_9_mma",
    "matmul_10_hopper",
    "attention",
    "attention_backward",
    "layer_normalization",
    "class_cross_entropy",
    "take_rows",
    "embed_rows",
    "topk",
    "adam_update",
)
NOT_HERE = r"Device not supported|not supported on this|Unable to find injection library"
FOR_NCU = (
    ("softmax_1_naive", "4096x1024"),
    ("softmax_5_registers", "4096x1024"),
    ("clone_contiguous_1_naive", "2048x2048"),
    ("clone_contiguous_3_padded", "2048x2048"),
    ("matmul_3_shared", "512x512x512"),
)
METRICS = {
    "load_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "load_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum",
    "store_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum",
    "store_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_st.sum",
    "shared_conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum",
    "dram_bytes": "dram__bytes.sum",
}

COUNTERS = (
    "counted_bytes",
    "counted_flops",
    "sectors_per_request",
    "ideal_sectors",
    "wavefronts_per_request",
    "counters",
    "skipped",
)


class Part:
    """A part's surroundings: where results go, how much time is left, how to run a command."""

    def __init__(self, name: str, flags: argparse.Namespace, seconds: float, log: Path):
        self.name, self.flags, self.seconds, self.log = name, flags, seconds, log
        self.device, self.quick, self.end = flags.device, flags.quick, time.monotonic() + seconds
        self.result: dict[str, Any] = {
            "part": name,
            "device": flags.device,
            "quick": flags.quick,
            "budget_s": round(seconds, 1),
            "state": "running",
        }

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def save(self, **more: Any) -> None:
        self.result |= more
        path = self.flags.out / f"{self.name}.json"
        path.with_suffix(".part").write_text(
            json.dumps(self.result, indent=1) + "\n", encoding="utf-8"
        )
        os.replace(path.with_suffix(".part"), path)

    def run(self, *command: Any, seconds: float | None = None, **env: str) -> dict[str, Any]:
        """Run a command until it ends or its time is over. Then it gets Ctrl-C, so that it can
        report, and 4 s later it is killed.
        """
        limit, begun = max(1.0, min(self.left, seconds or self.left)), time.monotonic()
        words = [str(word) for word in command]
        with self.log.open("ab") as log:
            log.write(f"\n==== {self.name}: {' '.join(words)}\n".encode())
            log.flush()
            start = log.tell()
            path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
            process = subprocess.Popen(
                words,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | env,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            late = False
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                late = True
                for sign, patience in ((signal.SIGINT, 4), (signal.SIGKILL, 2)):
                    try:
                        # its own session: this command and what it started
                        os.killpg(process.pid, sign)
                        process.wait(patience)
                        break
                    except (subprocess.TimeoutExpired, ProcessLookupError):
                        continue
        with self.log.open("rb") as log:
            log.seek(start)
            said = log.read().decode(errors="replace")
        return {
            "command": " ".join(words[1:]),
            "code": process.returncode,
            "timed_out": late,
            "seconds": round(time.monotonic() - begun, 1),
            "said": said,
        }

    def python(self, *words: Any, **options: Any) -> dict[str, Any]:
        return self.run(sys.executable, *words, **options)


def pytest_counts(said: str) -> dict[str, int]:
    """`12 passed, 1 failed` of pytest's last line."""
    lines = [
        line for line in said.splitlines() if re.search(r"\d+ (passed|failed|skipped|error)", line)
    ]
    return (
        {
            what: int(n)
            for n, what in re.findall(
                r"(\d+) (passed|failed|skipped|errors?|deselected)", lines[-1]
            )
        }
        if lines
        else {}
    )


# ---- the parts -----------------------------------------------------------------------------------


def warm_up(part: Part) -> None:
    """Compile every kernel, so that no other part waits for a compiler."""
    if part.device == "emu":
        part.save(state="skipped", note="on emu each kernel is compiled when it first runs")
        return
    done = part.python(HERE / "smoke.py", "--device", part.device, "--compile-only")
    part.save(state=state_of(done), seconds=done["seconds"], tail=done["said"][-4000:])


def state_of(done: dict[str, Any]) -> str:
    return "out of time" if done["timed_out"] else "failed" if done["code"] else "passed"


def tests(part: Part) -> None:
    """The tests that need a GPU."""
    words = ["-m", "cuda", "tests/devices/test_cuda_backend.py" if part.quick else "tests"]
    if importlib.util.find_spec("xdist") and not part.quick:
        words += ["-n", str(min(12, os.cpu_count() or 1))]
    report = f"--junitxml={part.flags.out / 'tests.xml'}"
    options = ["-p", "no:cacheprovider", "--tb=short", "-rfE", report]
    done = part.python("-m", "pytest", *options, *words)
    failed = [line for line in done["said"].splitlines() if line.startswith(("FAILED", "ERROR"))]
    nothing_to_run = done["code"] == 5
    part.save(
        state="passed" if nothing_to_run else state_of(done),
        counts=pytest_counts(done["said"]),
        failed=failed[:100],
        seconds=done["seconds"],
        command=done["command"],
        tail=done["said"][-4000:],
    )


def ladders(part: Part) -> None:
    """Times of each ladder beside its limit and peers (on emu: counters), and the targets.

    One process measures all, the ladders with targets first; each shape is written when it is done.
    """
    sys.path.insert(0, str(ROOT))
    from tinygrad_edu.devices.launch import ladders as there

    targets = list(TARGETS)
    names = sorted(there, key=lambda op: (targets.index(op) if op in TARGETS else 99, op))
    names = names[:1] if part.quick else names
    lines = part.flags.out / "ladders.jsonl"
    lines.unlink(missing_ok=True)
    options = ["--device", part.device, "--out", lines, "--no-plot"]
    options += ["--quick", "--seconds", "0"] if part.quick else ["--seconds", "0.5"]
    done = part.python(HERE / "kernels.py", *names, *options)
    text = lines.read_text(encoding="utf-8") if lines.exists() else ""
    rows = [json.loads(line) for line in text.splitlines()]
    measured = {row["op"] for row in rows}
    wrong = sorted({row["op"] for row in rows if row.get("right") is False and "peer" not in row})
    part.save(
        rows=rows,
        targets=reached(rows),
        wrong=wrong,
        left_out=[name for name in names if name not in measured],
        seconds=done["seconds"],
        tail=done["said"][-6000:],
        state="failed" if wrong else state_of(done),
    )
    lines.unlink(missing_ok=True)  # what it held is in the part's result


def reached(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The best rung of each op with a target, on the shape where it is best."""
    found = {}
    for op, target in TARGETS.items():
        # a rung that rounds its inputs is no match for a float32 product
        mine = [
            row
            for row in rows
            if row["op"] == op and "cold_ms" in row and "peer" not in row and "coarse" not in row
        ]
        shares = [
            (
                (
                    row["share_of_peer"].get("cuBLAS (CuPy)", 0)
                    if op in OF_CUBLAS
                    else row.get("share_of_limit", 0)
                ),
                row["kernel"],
                row["shape"],
            )
            for row in mine
        ]
        if shares:
            share, kernel, shape = max(shares)
            found[op] = {
                "share": share,
                "target": target,
                "reached": share >= target,
                "kernel": kernel,
                "shape": shape,
                "of": "cuBLAS" if op in OF_CUBLAS else "the limit",
            }
    return found


def training(part: Part) -> None:
    """Steps of three models, beside PyTorch."""
    rows, codes = [], {}
    for i, model in enumerate(("cnn", "lstm", "gpt")):
        path = part.flags.out / ".steps"
        path.unlink(missing_ok=True)
        done = part.python(
            HERE / "training_steps.py",
            model,
            "--device",
            part.device,
            "--out",
            path,
            *(["--quick"] if part.quick else ["--seconds", "2"]),
            seconds=part.left / (3 - i),
        )
        if path.exists():
            rows.append(json.loads(path.read_text(encoding="utf-8")))
            path.unlink()
        codes[model] = "out of time" if done["timed_out"] else done["code"]
        part.save(
            rows=rows,
            codes=codes,
            **({f"tail_{model}": done["said"][-3000:]} if codes[model] else {}),
        )
    part.save(state="passed" if not any(codes.values()) else "failed")


def sanitizer(part: Part) -> None:
    """Memory errors, races in shared memory and reads of what was never written, found by NVIDIA's
    tool over some kernels; without the tool, all kernels run alone (these few in a quick trial).
    """
    smoke = [HERE / "smoke.py", "--device", part.device]
    tool = find_tool("compute-sanitizer")
    if part.device == "emu" or tool is None:
        why = "is not for emu" if part.device == "emu" else "is not installed"
        done = part.python(*smoke, *(["--only", *FOR_SANITIZER] if part.quick else []))
        part.save(
            state=state_of(done),
            note=f"compute-sanitizer {why}: the kernels ran without it",
            seconds=done["seconds"],
            tail=done["said"][-4000:],
        )
        return
    found: dict[str, Any] = {}
    states = []
    for kind, share in (("memcheck", 0.5), ("racecheck", 0.7), ("initcheck", 1.0)):
        command = [tool, "--tool", kind, "--error-exitcode", "9", sys.executable, *smoke, "--bare"]
        done = part.run(*command, "--only", *FOR_SANITIZER, seconds=share * part.left)
        if re.search(NOT_HERE, done["said"]):
            said = done["said"][-300:]
            note = f"compute-sanitizer does not run on this machine: {said}"
            part.save(state="skipped", note=note)
            return
        states.append(state_of(done))
        found[kind] = {
            "code": done["code"],
            "state": states[-1],
            "seconds": done["seconds"],
            "summary": re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", done["said"])[-1:],
            "tail": done["said"][-3000:] if done["code"] else "",
        }
        part.save(tools=found)
    part.save(state=next((s for s in ("failed", "out of time") if s in states), "passed"))


def ncu(part: Part) -> None:
    """What the hardware counts beside what the emulator counts, for five kernels."""
    sys.path.insert(0, str(ROOT))
    from tinygrad_edu.devices.launch import ladders as all_ladders

    there = {rung.name for rungs in all_ladders.values() for rung in rungs}
    wanted = [(kernel, shape) for kernel, shape in FOR_NCU if kernel in there]
    wanted = wanted[:1] if part.quick else wanted
    tool = None if part.device == "emu" else find_tool("ncu")
    rows: list[dict[str, Any]] = []
    for i, (kernel, full) in enumerate(wanted):
        shape = "32x64" if part.quick else full
        share = part.left / (len(wanted) - i)
        row: dict[str, Any] = {"kernel": kernel, "shape": shape}
        if tool is not None:
            row["hardware"] = counted_by_hardware(part, tool, kernel, shape, share / 2)
        row["emulator"] = counted_by_emulator(part, kernel, shape, share / 2)
        rows.append(row)
        part.save(rows=rows)
    why = "is not for emu" if part.device == "emu" else "is not installed"
    part.save(
        state="failed" if any("failed" in row.get("hardware", {}) for row in rows) else "passed",
        note="" if tool else f"ncu {why}: the emulator's counters alone",
    )


def counted_by_hardware(
    part: Part, tool: str, kernel: str, shape: str, seconds: float
) -> dict[str, Any]:
    options = ["--csv", "--print-units", "base", "--clock-control", "none"]
    options += ["--metrics", ",".join(METRICS.values()), "--kernel-name", kernel]
    smoke = [HERE / "smoke.py", "--device", part.device, "--only", kernel, "--shape", shape]
    command = [tool, *options, "--launch-count", "1", sys.executable, *smoke]
    done = part.run(*command, seconds=seconds)
    return read_ncu(done["said"]) or {"failed": done["said"][-500:]}


def counted_by_emulator(part: Part, kernel: str, shape: str, seconds: float) -> dict[str, Any]:
    lines = part.flags.out / ".counters"
    lines.unlink(missing_ok=True)
    options = ["--device", "emu", "--shape", shape, "--out", lines]
    part.python("-m", "tinygrad_edu", "bench", kernel, *options, seconds=seconds)
    if not lines.exists():
        return {}
    told = json.loads(lines.read_text(encoding="utf-8").splitlines()[0])
    lines.unlink()
    return {key: value for key, value in told.items() if key in COUNTERS}


def read_ncu(said: str) -> dict[str, float]:
    """The metrics of the first kernel in ncu's CSV, and sectors a request."""
    lines = [line for line in said.splitlines() if line.startswith('"')]
    ours = {theirs: name for name, theirs in METRICS.items()}
    found = {
        ours[row["Metric Name"]]: float(row["Metric Value"].replace(",", ""))
        for row in csv.DictReader(io.StringIO("\n".join(lines)))
        if row.get("Metric Name") in ours
    }
    for kind in ("load", "store"):
        if found.get(f"{kind}_requests"):
            found[f"{kind}_sectors_per_request"] = round(
                found[f"{kind}_sectors"] / found[f"{kind}_requests"], 3
            )
    return found


def compiling(part: Part) -> None:
    """The registers that the kernels take, against the table."""
    done = part.python(ROOT / "tools" / "check_kernels.py")
    part.save(
        state="passed" if done["code"] == 0 else "failed",
        seconds=done["seconds"],
        tail=done["said"][-6000:],
    )


# name: (what it does, its seconds), the most wanted first
PARTS: dict[str, tuple[Callable[[Part], None], int]] = {
    "warm_up": (warm_up, 50),
    "tests": (tests, 180),
    "ladders": (ladders, 150),
    "training": (training, 60),
    "sanitizer": (sanitizer, 40),
    "ncu": (ncu, 25),
    "compile": (compiling, 10),
}


def find_tool(name: str) -> str | None:
    """On the PATH or in an installed toolkit."""
    return shutil.which(name) or next(
        (
            str(p)
            for root in ("/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer")
            if (p := Path(root) / name).exists()
        ),
        None,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}, in the order to run"
    )
    parser.add_argument(
        "--seconds", type=float, default=TOTAL, help=f"for all parts together (default {TOTAL})"
    )
    flags = parser.parse_args()
    names = [name for name in flags.parts.split(",") if name]
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"--parts must be of {', '.join(PARTS)}, got {unknown[0]!r}")
    flags.out = flags.out.resolve()
    flags.out.mkdir(parents=True, exist_ok=True)
    log, end, states = flags.out / "log.txt", time.monotonic() + flags.seconds, {}
    for name in names:
        do, seconds = PARTS[name]
        left = end - time.monotonic()
        part = Part(name, flags, max(0.0, min(seconds, left)), log)
        begun = time.monotonic()
        if left < 5:
            part.save(state="left out: no time")
        else:
            part.save()
            try:
                do(part)
            except Exception as error:  # noqa: BLE001  # the other parts must run
                part.save(state="failed", error=f"{type(error).__name__}: {error}")
        states[name] = part.result["state"]
        print(
            f"{name:10s} {states[name]:12s} {time.monotonic() - begun:6.1f} s of {seconds} "
            f" {summary(part.result)}",
            flush=True,
        )
    return 1 if "failed" in states.values() else 0


def summary(result: dict[str, Any]) -> str:
    if "counts" in result:
        return ", ".join(f"{n} {what}" for what, n in result["counts"].items())
    if result.get("targets"):
        return ", ".join(
            f"{op} {100 * t['share']:.0f} %"
            f" ({'reached' if t['reached'] else 'target ' + format(100 * t['target'], '.0f')})"
            for op, t in result["targets"].items()
        )
    return result.get("note") or result.get("error") or ""


if __name__ == "__main__":
    sys.exit(main())
