"""Kill trainings at random moments, resume them, and compare them with trainings left alone.

    python tests/reliability/train_kills.py --kills 200 --out benchmarks/results/kills.json

Each recipe is trained once without a stop. Then it is trained again: kill -9 at a random moment,
look at every file, resume, kill again ... until it is done. In the end the weights, the optimiser,
the random generators, the losses, the best weights and the metrics must be equal in every bit, but
for what the clock decides. A session is a fork of this process, which runs the command's `main`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # forks are safe, and the bits are the same
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

import numpy as np
from support.cli import timeless

from tinygrad_edu import manual_seed, storage
from tinygrad_edu.cli import main
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.recipes import MODULES, get

SMALL = {  # flags that make a training of seconds; each epoch has at least 10 steps
    "mnist-cnn": ("--limit", "200", "--batch-size", "20"),
    "alexnet": ("--limit", "40", "--batch-size", "4"),
    "char-gpt": ("--limit", "4000", "--sample", "20", "--batch-size", "2"),
    "char-rnn": ("--limit", "16000", "--batch-size", "8", "--hidden", "16", "--sample", "20"),
    "names": ("--limit", "400", "--model", "gru", "--sample", "5"),
    "seq2seq": ("--limit", "400", "--batch-size", "100", "--hidden", "16"),
    "translate": ("--limit", "200", "--batch-size", "100", "--vocabulary", "300", "--beams", "2"),
    "sentiment": ("--limit", "400", "--batch-size", "20", "--model", "transformer"),
}
EQUAL = ("model", "optimizer", "order", "default_generator", "fingerprint", "settings")


def start(words: list[str]) -> int:
    """Run the command in a fork; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            manual_seed(0)
            code = main(words)
    finally:
        os._exit(code)


def finished(child: int) -> int | None:
    """The exit code of a session that has ended (negative: a signal), None while it runs."""
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def whole(words: list[str]) -> float:
    """Run to the end; returns the seconds it took."""
    begun, child = time.monotonic(), start(words)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"tinygrad-edu {' '.join(words)}: failed, exit code {status}")
    return time.monotonic() - begun


def killed(words: list[str], after: float) -> bool:
    """Run, and kill -9 after so many seconds. Returns whether it was still running."""
    child, until = start(words), time.monotonic() + after
    while time.monotonic() < until:
        code = finished(child)
        if code is not None:
            if code:
                raise SystemExit(f"tinygrad-edu {' '.join(words)}: failed, exit code {code}")
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def unreadable(run: Path) -> list[str]:
    """The files of a run that cannot be read after a kill."""
    found = []
    for path in run.glob("*.safetensors"):
        try:
            storage.load(path)
        except TinygradEduError as error:
            found.append(f"{path.name}: {error}")
    metrics = run / "metrics.jsonl"
    texts = metrics.read_text().splitlines() if metrics.exists() else []
    for text in texts[:-1]:  # the last line may be cut
        try:
            json.loads(text)
        except ValueError as error:
            found.append(f"metrics.jsonl: {error}")
    return found


def events(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def differences(one: Path, other: Path) -> list[str]:
    """What two finished runs do not have in common."""
    a, b = (storage.load(run / "last.safetensors") for run in (one, other))
    found = [name for name in EQUAL if not same(a[name], b[name])]
    found += [n for n in ("losses", "best", "epoch") if not same(a["state"][n], b["state"][n])]
    best = [storage.load(run / "best.safetensors") for run in (one, other)]
    found += ["best weights"] if not same(best[0]["model"], best[1]["model"]) else []
    lines = [timeless(events(run)) for run in (one, other)]
    found += ["metrics"] if lines[0] != lines[1] else []
    return found + [path.name for path in other.glob(".*")]


def same(a: object, b: object) -> bool:
    """Whether two structures are equal in every bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "shape") and hasattr(b, "shape"):
        x, y = (np.asarray(getattr(t, "array", t)) for t in (a, b))
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    return bool(a == b)


def torment(recipe: str, kills: int, folder: Path, seed: int) -> dict:
    """Train one recipe with so many kills; returns what was found."""
    rng, round_ = random.Random(f"{recipe} {seed}"), 0
    flags = ["train", recipe, *SMALL[recipe], "--epochs", "2", "--threads", "1"]
    alone = folder / "whole"
    seconds = whole([*flags, "--out", str(alone)])
    done, broken, different = 0, [], []
    while done < kills:
        run = folder / f"run{round_}"
        save_every = rng.choice(["0", "0.05", "1000"])
        end = ["--out", str(run), "--save-every", save_every]
        for _ in range(kills - done):
            resume = (run / "last.safetensors").exists()
            words = ["train", recipe, "--resume", "--threads", "1"] if resume else flags
            if not killed([*words, *end], rng.uniform(0.0, 0.6 * seconds)):
                break
            done += 1
            broken += unreadable(run)
            if rng.random() < 0.3:
                break
        resume = (run / "last.safetensors").exists()
        words = ["train", recipe, "--resume", "--threads", "1"] if resume else flags
        whole([*words, *end])
        different += differences(alone, run)
        round_ += 1
    return {"kills": done, "runs": round_, "unreadable": broken, "different": different}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="in all (default 200)")
    parser.add_argument("--recipes", nargs="+", choices=tuple(SMALL), default=tuple(SMALL))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    return parser.parse_args()


def command() -> int:
    flags = parse()
    for name in MODULES:
        get(name)  # once, before the forks
    rows: dict[str, dict] = {}
    for i, recipe in enumerate(flags.recipes):
        rest = flags.kills - sum(row["kills"] for row in rows.values())
        with tempfile.TemporaryDirectory() as folder:
            share = -(-rest // (len(flags.recipes) - i))
            rows[recipe] = torment(recipe, share, Path(folder), flags.seed)
        print(recipe, rows[recipe], flush=True)
    bad = [recipe for recipe, row in rows.items() if row["unreadable"] or row["different"]]
    result = {
        "what": "kill -9 at random moments of trainings, compared with trainings left alone",
        "command": f"python tests/reliability/train_kills.py --kills {flags.kills}",
        "kills": sum(row["kills"] for row in rows.values()),
        "runs": sum(row["runs"] for row in rows.values()),
        "unreadable": sum(len(row["unreadable"]) for row in rows.values()),
        "different": sum(len(row["different"]) for row in rows.values()),
        "recipes": rows,
    }
    print({name: result[name] for name in ("kills", "runs", "unreadable", "different")})
    if flags.out:
        flags.out.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(command())
