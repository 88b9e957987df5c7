"""Training steps of small models beside PyTorch: the same lines for each library, each in a process
of its own, in turns.

    python benchmarks/models.py [--only b,c,j] [--threads 1,2] [--rounds 7] [--compiled] [--jax]

Three ways run: this engine with its C++ kernels, this engine with NumPy alone, and PyTorch; with
--compiled also torch.compile, with --jax also JAX, a step one jitted function (workloads_jax.py).
A process is pinned to as many cores as it has threads, and only one works at a time. In each round
each way does the same number of steps; a figure is the median over the rounds of the ratio to
PyTorch's time in that round. The result file is written after each workload.

losses: all ways start from the same weights. "losses_differ_by" is the largest relative difference
from PyTorch's losses over ten steps, in float32; "losses_are_off_by" is that from the losses of
PyTorch in float64, for PyTorch too: no library can be closer than its rounding allows;
"losses_in_float64_differ_by" compares both libraries in float64.
MiB: the most memory of two steps beyond what the process holds after the import and one small
tensor, once ten steps are done; what the compilers of JAX and torch.compile keep is part of it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "models.json"
ABOUT = {
    "a": "40 operations on 16 numbers, forward and backward",
    "b": "CNN of two 3x3 convolutions on MNIST digits, batch 64",
    "c": "convolutions 1-32-64 with pools, batch 128",
    "d": "MLP 784-256-10, batch 128",
    "e": "character LSTM 64/128, 64 steps, batch 32",
    "f": "GPT of 4 layers of 128, 64 tokens, batch 12, AdamW",
    "g": "Transformer 2+2 layers of 128, 32 tokens, batch 32",
    "h": "200 tokens one by one with a key/value cache",
    "j": "residual network with batch norm, 32x32x3, batch 32",
    "k": "character GRU 64/128, 64 steps, batch 32",
    "n": "MLP 784-1024-1024-10, batch 256",
}
LIBRARIES = {
    "kernels": "tinygrad_edu",
    "numpy": "tinygrad_edu",
    "torch": "torch",
    "compiled": "torch",
    "jax": "jax",
}
NOT_COMPILED = {"a", "h"}  # no module, and shapes that grow with each token


# ---- one process per library ---------------------------------------------------------------------


def pinned(threads: int) -> None:
    """Let this process run on as many cores as it has threads; before libraries count cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def memory(line: str) -> float:
    """MiB of this process by /proc/self/status: VmRSS now, VmHWM the most since `forget_peak`."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith(line)) / 1024


def forget_peak() -> None:
    """Set VmHWM to VmRSS (man 5 proc: clear_refs). getrusage's peak can't be set back, and starts
    with that of the process which started this one."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_of(step: Callable[[], Any], before: float) -> float | None:
    """MiB beyond `before` that two steps need at most; None on a system that does not tell."""
    try:
        forget_peak()
        for _ in range(2):
            step()
        return round(memory("VmHWM") - before, 1)
    except OSError:
        return None


def prepared(way: str, name: str, threads: int, weights: Path, dtype: str) -> tuple[Any, Callable]:
    """(the library, a function that makes the step)"""
    lib = importlib.import_module(LIBRARIES[way])
    if way == "jax":
        from workloads_jax import trainer as jax_trainer

        lib.numpy.ones(3).block_until_ready()
        return lib, lambda: jax_trainer(name, weights)
    importlib.import_module(f"{lib.__name__}.nn")
    from workloads import trainer

    lib.set_num_threads(threads)
    lib.set_default_dtype(getattr(lib, dtype))
    lib.ones(3, requires_grad=True).sum().backward()
    return lib, lambda: trainer(lib, name, weights, way == "compiled")


def work(way: str, name: str, threads: int, weights: Path, dtype: str) -> None:
    """Answer each line "N" with the seconds of N steps; first tell the losses of ten."""
    pinned(threads)
    lib, make = prepared(way, name, threads, weights, dtype)
    before = memory("VmRSS") if Path("/proc/self/status").exists() else 0.0
    step = make()
    told: dict[str, Any] = {"version": lib.__version__}
    told["losses"] = [float(step().item()) for _ in range(1 if name == "h" else 10)]
    told["MiB"] = peak_of(lambda: step().item(), before)
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        begun = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        loss.item()  # JAX answers before it has computed
        print(time.perf_counter() - begun, flush=True)


def environment(way: str, threads: int = 1) -> dict[str, str]:
    env = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    env |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return env | ({"TINYGRAD_EDU_NATIVE": "0"} if way == "numpy" else {})


class Worker:
    """A process of its own that waits for work."""

    def __init__(self, way: str, name: str, threads: int, weights: Path, dtype: str = "float32"):
        command = [sys.executable, __file__, "--worker", way, "--only", name, "--dtype", dtype]
        command += ["--threads", str(threads), "--weights", str(weights)]
        pipe, env = subprocess.PIPE, environment(way, threads)
        self.process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True)
        self.told = json.loads(self.answer())

    def answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"models: the process ended, exit code {self.process.wait()}.")
        return line

    def seconds(self, steps: int) -> float:
        print(steps, file=self.process.stdin, flush=True)
        return float(self.answer())

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


# ---- comparing -----------------------------------------------------------------------------------


def furthest(losses: list[float], others: list[float]) -> float:
    """The largest relative difference."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, others, strict=True))


def exact_losses(name: str, weights: Path) -> tuple[list[float], list[float]]:
    """Ten losses in float64: (this engine's, PyTorch's)."""
    workers = [Worker(way, name, 1, weights, "float64") for way in ("numpy", "torch")]
    for worker in workers:
        worker.end()
    return workers[0].told["losses"], workers[1].told["losses"]


def turns(workers: dict[str, Worker], rounds: int) -> tuple[int, dict[str, list[float]]]:
    """(steps a round, seconds a step of each way in each round)"""
    steps = max(1, round(0.3 / workers["torch"].seconds(1)))
    times: dict[str, list[float]] = {way: [] for way in workers}
    for _ in range(rounds):
        for way, worker in workers.items():
            times[way].append(worker.seconds(steps) / steps)
    return steps, times


def measured(name: str, ways: list[str], threads: int, rounds: int) -> dict[str, Any]:
    """One row of the result file."""
    ways = [way for way in ways if way != "compiled" or name not in NOT_COMPILED]
    workers: dict[str, Worker] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.npz"  # the first worker writes it
        try:
            for way in ways:
                workers[way] = Worker(way, name, threads, weights)
            steps, times = turns(workers, rounds)
        finally:
            for worker in workers.values():
                worker.end()
        ours, exact = exact_losses(name, weights)
    told = {way: worker.told for way, worker in workers.items()}
    others = [way for way in ways if way != "torch"]
    return {
        "about": ABOUT[name],
        "ms": {way: 1e3 * statistics.median(t) for way, t in times.items()},
        "ratio": {
            way: statistics.median(a / b for a, b in zip(times[way], times["torch"]))
            for way in others
        },
        "steps_a_round": steps,
        "rounds": rounds,
        "losses_differ_by": {
            way: furthest(told[way]["losses"], told["torch"]["losses"]) for way in others
        },
        "losses_are_off_by": {way: furthest(told[way]["losses"], exact) for way in ways},
        "losses_in_float64_differ_by": furthest(ours, exact),
        "MiB": {way: told[way]["MiB"] for way in ways},
    }


def import_seconds(libraries: list[str], rounds: int = 5) -> dict[str, float]:
    """The median time of an import in a fresh process, in turns."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    times: dict[str, list[float]] = {lib: [] for lib in libraries}
    for _ in range(rounds):
        for lib, seconds in times.items():
            command = [sys.executable, "-c", code.format(lib)]
            said = subprocess.run(
                command, env=environment(lib), capture_output=True, text=True, check=True
            )
            seconds.append(float(said.stdout))
    return {lib: statistics.median(seconds) for lib, seconds in times.items()}


def means(rows: dict[str, Any]) -> dict[str, float]:
    """The geometric mean of the ratios of b to n, for each way that all of them have."""
    ratios = [row["ratio"] for letter, row in rows.items() if letter != "a"]
    ways = [way for way in (ratios[0] if ratios else ()) if all(way in r for r in ratios)]
    return {way: statistics.geometric_mean(r[way] for r in ratios) for way in ways}


def machine(libraries: list[str]) -> dict[str, Any]:
    from importlib.metadata import version

    found = {"python": platform.python_version()}
    found |= {lib: version(lib) for lib in ("numpy", *libraries) if lib != "tinygrad_edu"}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if "model name" in line]
        found |= {"cpu": lines[0].split(": ")[1], "avx512": "avx512f" in text}
    except (OSError, IndexError):
        found["cpu"] = platform.processor()
    return found


def run(flags: argparse.Namespace) -> None:
    from tinygrad_edu.files import write_atomically

    ways = ["kernels", "numpy", "torch"]
    ways += [way for way in ("compiled", "jax") if getattr(flags, way)]
    libraries = list(dict.fromkeys(LIBRARIES[way] for way in ways))
    result: dict[str, Any] = {"machine": machine(libraries)}
    result["import_seconds"] = import_seconds(libraries)
    print("import  ", *(f"{lib} {s:.2f} s " for lib, s in result["import_seconds"].items()))
    for threads in map(int, flags.threads.split(",")):
        # "models": those of one thread; "models_2_threads" and so on
        key = "models" if threads == 1 else f"models_{threads}_threads"
        rows = result[key] = {}
        print(f"{threads} thread{'s'[: threads - 1]}")
        for name in flags.only.split(","):
            row = rows[name] = measured(name, ways, threads, flags.rounds)
            shown = "  ".join(f"{way} {ratio:.2f}" for way, ratio in row["ratio"].items())
            print(f"{name}  torch {row['ms']['torch']:9.2f} ms   {shown}   {row['about']}")
            write_atomically(flags.out, (json.dumps(result, indent=1) + "\n").encode())
        print("geometric means of b to n ", {k: round(v, 3) for k, v in means(rows).items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(ABOUT), help="workloads, by letter")
    parser.add_argument("--threads", default="1", help="numbers of threads, such as 1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compiled", action="store_true", help="torch.compile too")
    parser.add_argument("--jax", action="store_true", help="JAX too")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--worker", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float32", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    sys.stdout.reconfigure(line_buffering=True)
    if flags.worker:
        work(flags.worker, flags.only, int(flags.threads), flags.weights, flags.dtype)
    else:
        run(flags)


if __name__ == "__main__":
    main()
