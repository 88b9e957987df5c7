"""The pictures of a run, with matplotlib (an extra)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

matplotlib.rcParams.update(
    {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
    }
)
TRAIN, TEST = "#2563a8", "#d1495b"


def curves(path: Path, history: list[dict], losses: list[float]) -> None:
    """Loss, and accuracy where there is one, over the epochs.

    `losses`: of every step, shown as a running mean.
    """
    last = history[-1]
    counted = "accuracy" in last
    figure = Figure(figsize=(10 if counted else 5.5, 4), dpi=110, layout="constrained")
    left, *others = figure.subplots(1, 1 + counted, squeeze=False)[0]
    epochs = [e["epoch"] for e in history]
    window = min(20, len(losses))
    smooth = np.convolve(losses, np.full(window, 1 / window), "valid")
    at = np.arange(window, len(losses) + 1) * (last["epoch"] / len(losses))
    left.plot(
        at, smooth, color=TRAIN, alpha=0.35, linewidth=1, label=f"training, mean of {window} steps"
    )
    left.plot(
        epochs,
        [e["loss"] for e in history],
        color=TRAIN,
        marker="o",
        markersize=4,
        label="training, mean of the epoch",
    )
    left.plot(
        epochs,
        [e["test_loss"] for e in history],
        color=TEST,
        marker="o",
        markersize=4,
        label="test",
    )
    left.set(title="Loss (cross entropy)", xlabel="epoch", yscale="log")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(frameon=False, loc="upper right")
    for right in others:
        right.plot(
            epochs,
            [100 * e["accuracy"] for e in history],
            color=TRAIN,
            marker="o",
            markersize=4,
            label="training (with dropout and changed inputs, if any)",
        )
        right.plot(
            epochs,
            [100 * e["test_accuracy"] for e in history],
            color=TEST,
            marker="o",
            markersize=4,
            label="test",
        )
        right.annotate(
            f"{100 * last['test_accuracy']:.2f} %",
            (last["epoch"], 100 * last["test_accuracy"]),
            textcoords="offset points",
            xytext=(2, 7),
            ha="right",
            color=TEST,
            fontweight="bold",
        )
        lowest = 100 * min(e["test_accuracy"] for e in history)
        right.set(
            title="Accuracy (%)",
            xlabel="epoch",
            ylim=(max(0, lowest - 0.6 * (100 - lowest) - 1), 100 + 0.15 * (100 - lowest) + 0.2),
        )
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.legend(frameon=False, loc="lower right")
    figure.savefig(path)


def mistakes(
    path: Path, images: Any, labels: Any, probabilities: Any, most: int = 24, names: Any = None
) -> None:
    """The wrong answers given with the most confidence: the picture, what it is, what was said.
    `names`: of the classes, default numbers.
    """
    x, y, p = images.cpu().numpy(), labels.cpu().numpy(), probabilities.detach().cpu().numpy()
    said = p.argmax(1)
    wrong = np.flatnonzero(said != y)
    worst = wrong[np.argsort(-p[wrong, said[wrong]], kind="stable")][:most]
    columns = 8
    rows = max(1, -(-len(worst) // columns))
    figure = Figure(figsize=(1.2 * columns, 1.6 * rows + 0.45), dpi=110, layout="constrained")
    figure.suptitle(
        f"{len(wrong):,} of {len(y):,} test images are read wrongly"
        + (f"; the {len(worst)} surest mistakes:" if len(worst) else ".")
    )
    for n, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis("off")
        if n < len(worst):
            i = worst[n]
            axes.imshow(x[i], cmap="gray_r", vmin=0, vmax=255)
            answer = (
                f"a {y[i]}, read as {said[i]}"
                if names is None
                else f"{names[y[i]]},\nnot {names[said[i]]}"
            )
            axes.set_title(
                f"{answer}\n{100 * p[i, said[i]]:.0f} % sure",
                fontsize=8 if names is None else 7,
                color="#333333",
            )
    figure.savefig(path)


def attention(path: Path, pictures: list[tuple[list[str], list[str], Any]]) -> None:
    """For each (words read, words written, weights): dark where a written word looked at a word
    read.
    """
    figure = Figure(figsize=(3.4 * len(pictures), 3.4), dpi=110, layout="constrained")
    for axes, (read, written, weights) in zip(
        figure.subplots(1, len(pictures), squeeze=False)[0], pictures
    ):
        axes.imshow(weights[: len(written), : len(read)], cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(read)), read, rotation=45, ha="left")
        axes.set_yticks(range(len(written)), written)
        axes.xaxis.tick_top()
        axes.grid(False)
    figure.savefig(path)
