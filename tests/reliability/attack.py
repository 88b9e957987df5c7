"""Read very many wrong files, and see that nothing bad comes of it.

    python -m tests.reliability.attack --safetensors 200000 --pt 200000 --pth 20000 \
        --pictures 50000 --others 50000 --large 1

For each file either plain data comes back or an error of the package's own; no program is started
and no connection made; it takes at most 0.1 s of CPU time and 50 MB more memory than the file has.
Each kind runs in a process of its own, so that a crash of the interpreter is seen. The figures go
to benchmarks/results/attacks.json. A trial is repeated by its number: `--seed` and `--only`.
"""

from __future__ import annotations

import argparse
import datetime
import faulthandler
import json
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.engine.device import Device
from tinygrad_edu.engine.dtype import dtype
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn import Module

from . import large
from .hostile import KINDS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "attacks.json"
SECONDS, BYTES = 0.1, 50_000_000  # a file's limits: CPU time; memory beyond its size
HANGS = 30  # seconds
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn")
FORBIDDEN = (*PROGRAMS, "socket.connect", "os.remove", "os.rename", "os.mkdir", "ctypes.dlopen")
PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, Tensor, np.ndarray)
PLAIN += (np.generic, dtype, Device)


class Hang(BaseException):
    """A trial that does not end."""


class Watch:
    """Notes what the interpreter is asked to do while a trial runs."""

    def __init__(self) -> None:
        self.active, self.seen = False, Counter()
        sys.addaudithook(self.note)

    def note(self, event: str, args: tuple) -> None:
        if self.active and event in FORBIDDEN:
            self.seen[event] += 1


watch = Watch()


def run(kind: str, count: int, seed: int = 0, only: int | None = None) -> dict[str, Any]:
    """Read `count` wrong files of a kind; what came of it."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, stop)
    report: dict[str, Any] = {"files": 0, "read": 0, "refused": 0, "slowest_s": 0.0, "wrong": []}
    watch.seen.clear()
    with tempfile.TemporaryDirectory() as folder:
        for n, trial in enumerate(trials(kind, seed, Path(folder))):
            if n == min(count, 50):  # after what is imported and kept at first use
                reset_peak()
                base = peak()
            if n == count:
                break
            if only in (None, n):
                attempt(trial, n, report)
            if n >= 50:
                report["memory_mb"] = round((peak() - base) / 1e6, 1)
    report["programs"] = sum(watch.seen[name] for name in PROGRAMS)
    report["forbidden"] = dict(watch.seen)
    return report


def trials(kind: str, seed: int, folder: Path) -> Any:
    """Each trial has its own random numbers, so that it can be repeated alone."""
    made = KINDS[kind](rng := random.Random(seed), folder)
    for n in range(10**9):
        rng.seed(f"{seed} {n}")
        yield next(made)


def attempt(trial: Any, n: int, report: dict[str, Any]) -> None:
    read, size = trial
    report["files"] += 1
    before = peak()
    seconds, outcome = measured(read)
    for _ in range(2):  # a busy machine is not the file's fault
        if seconds > SECONDS:
            seconds = min(seconds, measured(read)[0])
    report["slowest_s"] = max(report["slowest_s"], round(seconds, 4))
    report["read" if outcome == "read" else "refused"] += 1
    if outcome not in ("read", "refused"):
        report["wrong"].append(f"{n}: {outcome}")
    if seconds > SECONDS:
        report["wrong"].append(f"{n}: {seconds:.2f} s of CPU time")
    if before and peak() > before + BYTES + size:
        report["wrong"].append(f"{n}: {(peak() - before) / 1e6:.0f} MB for {size:,} bytes")
    if report["wrong"] and len(report["wrong"]) > 100:
        raise SystemExit(json.dumps(report))


def measured(read: Any) -> tuple[float, str]:
    """The CPU time of one trial, and what came of it."""
    begun, watch.active = time.process_time(), True
    signal.alarm(HANGS)
    try:
        value = read()
        outcome = "read"
    except TinygradEduError as error:
        value, outcome = None, "refused" if len(str(error)) <= 1000 else "a long message"
    except (Exception, Hang) as error:
        value, outcome = None, f"{type(error).__name__}: {error!s:.100}"
    finally:
        signal.alarm(0)
        watch.active = False
    return time.process_time() - begun, outcome if is_plain(value) else "not plain data"


def stop(*_: Any) -> None:
    raise Hang(f"no end after {HANGS} s")


def is_plain(value: Any) -> bool:
    """Whether it is made of data alone: no class, no function, no object of the readers."""
    rest, seen = [value], set()
    while rest:
        one = rest.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            rest += [*one, *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            rest += one
        elif isinstance(one, Module):
            rest += vars(one).values()
        elif not isinstance(one, PLAIN) and not type(one).__module__.startswith("PIL."):
            return False
    return True


def reset_peak() -> None:
    """Forget the highest memory use so far (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak() -> int:
    """The highest memory use in bytes; 0 where it is not told."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return 1024 * int(text.split("VmHWM:")[1].split()[0])


def run_large() -> dict[str, Any]:
    """What the large files cost: seconds of CPU time, and memory in MB beyond the file's size."""
    signal.signal(signal.SIGALRM, stop)
    report: dict[str, Any] = {"files": {}, "wrong": []}
    for name, data in large.files():
        reset_peak()
        before = peak()
        seconds, outcome = measured(lambda data=data: large.load(data))
        extra = max(0, peak() - before - len(data))
        row = {"mb": len(data) / 1e6, "cpu_s": seconds, "memory_mb": extra / 1e6}
        report["files"][name] = {k: round(v, 3) for k, v in row.items()} | {"outcome": outcome}
        if outcome not in ("read", "refused") or outcome == "refused" and extra > BYTES:
            report["wrong"].append(name)
    return report


# ---- the command ---------------------------------------------------------------------------------


def in_child(kind: str, count: int, seed: int) -> dict[str, Any]:
    """`run` in another process; a crash becomes part of the report."""
    command = [sys.executable, "-m", "tests.reliability.attack", f"--{kind}", str(count)]
    done = subprocess.run(
        [*command, "--seed", str(seed), "--child"], cwd=ROOT, capture_output=True, text=True
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()
    if done.returncode == 0:
        return {"crashes": 0, **json.loads(lines[-1])}
    return {"crashes": 1, "exit": done.returncode, "wrong": [done.stderr[-3000:]]}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for kind in KINDS:
        parser.add_argument(
            f"--{kind}", type=int, default=0, metavar="N", help="files of this kind"
        )
    parser.add_argument("--large", type=int, default=0, metavar="1", help="the largest attacks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="this trial alone, in this process")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    counts = {kind: getattr(flags, kind) for kind in (*KINDS, "large") if getattr(flags, kind)}
    if flags.child or flags.only is not None:
        faulthandler.enable()
        ((kind, count),) = counts.items()
        report = run_large() if kind == "large" else run(kind, count, flags.seed, flags.only)
        print(json.dumps(report))
        return 0
    about = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "seed": flags.seed,
        "limits": {"cpu_s": SECONDS, "bytes_over_the_file": BYTES},
    }
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    for kind, count in counts.items():
        found[kind] = in_child(kind, count, flags.seed)
        print(f"{kind}: {json.dumps(found[kind])}", flush=True)
        flags.out.write_text(json.dumps({**about, "kinds": found}, indent=1) + "\n")
    return int(any(report["wrong"] or report.get("programs") for report in found.values()))


if __name__ == "__main__":
    sys.exit(main())
