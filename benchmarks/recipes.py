"""Collect what runs of `tinygrad-edu train` reached, for the table of recipes in the READMEs.

    tinygrad-edu train char-gpt --data download --out runs/char-gpt
    python benchmarks/recipes.py runs/char-gpt runs/translate ... [--out
    benchmarks/results/recipes.json]

Each run's own metrics.jsonl says its settings, its score and its time. A run that is not finished
is refused. Runs of the same command take the place of older ones in the result file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tinygrad_edu.files import write_atomically
from tinygrad_edu.recipes import get

USUAL = {"data": "embedded", "seed": 0, "limit": None, "patience": None}
SCORES = ("test_accuracy", "test_loss", "validation_accuracy", "validation_loss", "bleu", "exact")


def row(folder: Path) -> dict:
    """One run: the command without its folder, the scores, the time."""
    lines = [
        json.loads(line)
        for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    start, end = lines[0], lines[-1]
    if start["event"] != "start" or end["event"] != "end":
        raise SystemExit(
            f"{folder} must hold a finished run, got one that ends with {end['event']!r}. Finish it"
            " with --resume."
        )
    recipe = get(start["recipe"]).RECIPE
    defaults = {
        **USUAL,
        "epochs": recipe.epochs,
        "lr": recipe.lr,
        "batch_size": recipe.batch_size,
        **{o.name: o.default for o in recipe.options},
    }
    flags = [
        (
            f"--{name.replace('_', '-')} {start[name]:g}"
            if isinstance(start[name], float)
            else f"--{name.replace('_', '-')} {start[name]}"
        )
        for name, usual in defaults.items()
        if name in start and start[name] != usual and name not in ("sample", "data")
    ]
    if start["data"] != "embedded":
        flags.append(f"--data {'download' if start['data'] == 'download' else 'DIR'}")
    scores = {key: end[key] for key in SCORES if key in end}
    return {
        "recipe": recipe.name,
        "model": next(
            (start[o.name] for o in recipe.options if o.name in ("model", "size", "attention")), ""
        ),
        "data": start["about"].split(";")[0].removeprefix("Training on ").rstrip("."),
        "command": " ".join(["tinygrad-edu train", recipe.name, *flags]),
        **scores,
        "seconds": round(end["seconds"]),
        "threads": start.get("threads", 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "recipes.json"
    )
    args = parser.parse_args()
    rows = {
        (r["recipe"], r["model"], r["command"]): r
        for r in (json.loads(args.out.read_text())["rows"] if args.out.exists() else [])
    }
    for folder in args.runs:
        found = row(folder)
        rows[found["recipe"], found["model"], found["command"]] = found
        print(found)
    text = json.dumps(
        {
            "what": "scores and times of `tinygrad-edu train`, on a machine shared with other work",
            "rows": [rows[key] for key in sorted(rows)],
        },
        indent=1,
    )
    write_atomically(str(args.out), (text + "\n").encode())


if __name__ == "__main__":
    main()
