"""Draw benchmarks/results/models.json: bars of each workload's time as a share of PyTorch's.

python benchmarks/models_picture.py [--out docs/pictures/models.svg]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib
from readme_table import MODELS, model_columns

RESULT = Path(__file__).parent / "results" / "models.json"
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "models.svg"
COLOURS = {"kernels": "#1f77b4", "numpy": "#9ecae1", "compiled": "#f4a261", "jax": "#8ab17d"}


def draw(found: dict, path: Path) -> None:
    """One panel for each number of threads; PyTorch is the line at 1."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "models"  # the same file from the same figures
    from matplotlib import pyplot

    columns = model_columns(found)
    counts = list(dict.fromkeys(threads for threads, _, _ in columns))
    figure, panels = pyplot.subplots(
        1, len(counts), figsize=(5.5 * len(counts), 6), sharey=True, squeeze=False
    )
    letters = list(found["models"])
    for panel, count in zip(panels[0], counts):
        shown = [(way, ratios) for threads, way, ratios in columns if threads == count]
        high = 0.8 / len(shown)
        for i, (way, ratios) in enumerate(shown):
            at = [letters.index(letter) + (i - (len(shown) - 1) / 2) * high for letter in ratios]
            label = MODELS["README.md"][way]
            panel.barh(at, list(ratios.values()), high, color=COLOURS[way], label=label)
        panel.axvline(1, color="black", linewidth=1)
        panel.set_title(f"{count} thread" + "s" * (count != "1"))
        panel.set_xlabel("time / PyTorch's time; below 1 is quicker")
        panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_yticks(
        range(len(letters)), [f"{k}: {found['models'][k]['about']}" for k in letters]
    )
    panels[0][0].invert_yaxis()
    panels[0][0].legend(frameon=False, loc="lower right")  # it has all ways
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE)
    draw(json.loads(RESULT.read_text(encoding="utf-8")), parser.parse_args().out)
