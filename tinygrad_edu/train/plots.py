"""The pictures of a run, with matplotlib (an extra)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from ..engine.tensor import Tensor

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
PLAIN = StrMethodFormatter("{x:g}")  # 0.5, not 5 × 10⁻¹
History = list[dict[str, Any]]  # one entry an epoch


def curves(path: Any, history: History, losses: list[float]) -> None:
    """Loss, and accuracy where there is one, over the epochs.

    Args:
        losses: of every step, shown as a running mean.
    """
    counted = "accuracy" in history[-1]
    figure = Figure(figsize=(10 if counted else 6, 4.2), dpi=110, layout="constrained")
    left, *others = figure.subplots(1, 1 + counted, squeeze=False)[0]
    draw_losses(left, history, losses)
    for right in others:
        draw_accuracies(right, history)
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3 if counted else 2,
        frameon=False,
    )
    figure.savefig(path)


def draw_losses(axes: Axes, history: History, losses: list[float]) -> None:
    window = min(20, len(losses))
    smooth = np.convolve(losses, np.full(window, 1 / window), "valid")
    at = np.arange(window, len(losses) + 1) * (history[-1]["epoch"] / len(losses))
    label = f"training, mean of {window} steps"
    axes.plot(at, smooth, color=TRAIN, alpha=0.35, linewidth=1, label=label)
    draw(axes, history, "loss", TRAIN, "training, mean of the epoch")
    draw(axes, history, "validation_loss", TEST, "validation")
    axes.set(title="Loss (cross entropy)", xlabel="epoch")
    low, high = axes.dataLim.intervaly
    if low > 0 and high > 5 * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(PLAIN)
        axes.yaxis.set_minor_formatter(NullFormatter() if high > 20 * low else PLAIN)


def draw_accuracies(axes: Axes, history: History) -> None:
    """Training accuracy is counted in training: with dropout and augmentation, if any."""
    draw(axes, history, "accuracy", TRAIN, "training", 100)
    draw(axes, history, "validation_accuracy", TEST, "validation", 100)
    last = history[-1]
    axes.annotate(
        f"{100 * last['validation_accuracy']:.2f} %",
        (last["epoch"], 100 * last["validation_accuracy"]),
        textcoords="offset points",
        xytext=(8, 0),
        va="center",
        color=TEST,
        fontweight="bold",
    )
    missing = 100 - 100 * min(e["validation_accuracy"] for e in history)
    axes.set(
        title="Accuracy (%)",
        xlabel="epoch",
        ylim=(max(0, 100 - 1.6 * missing - 1), 100 + 0.15 * missing + 0.2),
    )


def draw(
    axes: Axes, history: History, what: str, color: str, label: str, factor: float = 1.0
) -> None:
    """A line with a dot for each epoch."""
    epochs = [e["epoch"] for e in history]
    values = [factor * e[what] for e in history]
    axes.plot(epochs, values, color=color, marker="o", markersize=4, label=label)
    axes.set_xlim(0, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def mistakes(
    path: Any,
    images: Tensor,
    labels: Tensor,
    probabilities: Tensor,
    most: int = 24,
    names: Sequence[str] | None = None,
) -> None:
    """The wrong answers given with the most confidence: the picture, what it is, what was said.

    Args:
        images: bytes (N, H, W).
        most: how many to show.
        names: of the classes, default numbers.
    """
    x, y, p = images.cpu().numpy(), labels.cpu().numpy(), probabilities.detach().cpu().numpy()
    said = p.argmax(1)
    wrong = np.flatnonzero(said != y)
    worst = wrong[np.argsort(-p[wrong, said[wrong]], kind="stable")][:most]
    columns = 8
    rows = max(1, -(-len(worst) // columns))
    figure = Figure(figsize=(1.2 * columns, 1.6 * rows + 0.45), dpi=110, layout="constrained")
    title = f"{len(wrong):,} of {len(y):,} test images are classified wrongly"
    title += f"; the {len(worst)} most confident mistakes:" if len(worst) else "."
    figure.suptitle(title)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, i in zip(cells, worst):
        axes.imshow(x[i], cmap="gray_r", vmin=0, vmax=255)
        if names is None:
            answer, size = f"true {y[i]}, read as {said[i]}", 8
        else:
            answer, size = f"true: {names[y[i]]}\nread as: {names[said[i]]}", 7
        confidence = f"{100 * p[i, said[i]]:.0f} % confident"
        axes.set_title(f"{answer}\n{confidence}", fontsize=size, color="#333333")
    figure.savefig(path)


def attention(path: Any, pictures: list[tuple[list[str], list[str], np.ndarray]]) -> None:
    """For each (words read, words written, weights): dark where a written word looked at a word
    read.
    """
    figure = Figure(figsize=(3.6 * len(pictures) + 0.8, 3.8), dpi=110, layout="constrained")
    cells = figure.subplots(1, len(pictures), squeeze=False)[0]
    for axes, (read, written, weights) in zip(cells, pictures):
        shades = axes.imshow(weights[: len(written), : len(read)], cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(read)), read, rotation=45, ha="right")
        axes.set_yticks(range(len(written)), written)
        axes.set_xlabel("word read")
        axes.grid(False)
    cells[0].set_ylabel("word written")
    figure.colorbar(shades, ax=list(cells), label="share of the attention (a row sums to 1)")
    figure.savefig(path)


def digit(path: Any, image: Tensor) -> None:
    """One picture of bytes (H, W), pixel for pixel."""
    imsave(path, image.cpu().numpy(), cmap="gray", vmin=0, vmax=255, format="png")


PLOTS: dict[str, Callable[..., None]] = {  # by the name of the file
    "curves": curves,
    "mistakes": mistakes,
    "attention": attention,
    "digit": digit,
}
