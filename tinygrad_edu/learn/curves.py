"""The curves of a watched training, with Matplotlib (an extra)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from matplotlib import colormaps
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from .watch import Health, Step

MOST = 12  # lines of a panel; of more layers, evenly chosen ones are shown


def curves(health: Health, path: Any) -> None:
    """Four panels over the steps; one colour a layer, from the first (dark) to the last."""
    figure = Figure(figsize=(11, 7.6), dpi=110, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).ravel()
    layers, weights = list(health.kinds), [n for n, s in health.shapes.items() if len(s) > 1]
    draw(panels[0], health, layers, "Outputs (RMS)", lambda s, n: s.layers[n].rms)
    draw(
        panels[1], health, layers, "Gradients at outputs (norm)", lambda s, n: s.layers[n].grads[-1]
    )
    draw(panels[2], health, weights, "Change of weights in a step / weights", change)
    panels[2].axhspan(1e-4, 1e-2, color="#2a9d8f", alpha=0.12, label="usual")
    draw(panels[3], health, layers, "Outputs that are 0", lambda s, n: s.layers[n].zeros, log=False)
    for panel in panels[2:]:
        panel.set_xlabel("step")
    for panel in (panels[1], panels[2]):
        panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path)


def change(step: Step, name: str) -> float:
    numbers = step.weights[name]
    return numbers.update / numbers.rms if numbers.rms else math.nan


def draw(
    panel: Any, health: Health, names: list[str], title: str, number: Callable, log: bool = True
) -> None:
    """One line for each name."""
    names = [n for n in names if any(known(number, step, n) is not None for step in health.steps)]
    chosen = names[:: math.ceil(len(names) / MOST)] if names else []
    for i, name in enumerate(chosen):
        points = [(s.number, known(number, s, name)) for s in health.steps]
        points = [(at, y) for at, y in points if y is not None and (y > 0 or not log)]
        ink = colormaps["viridis"](0.9 * i / max(len(chosen) - 1, 1))
        kind = health.kinds.get(name, "")
        panel.plot(
            *zip(*points or [(0, math.nan)]), color=ink, lw=1.2, label=f"{name} {kind}".strip()
        )
    panel.set_title(title, fontsize=10)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    if log:
        panel.set_yscale("log")
    else:
        panel.set_ylim(-0.02, 1.02)


def known(number: Callable, step: Step, name: str) -> float | None:
    """A number of a step, None where it is missing or not finite."""
    try:
        found = number(step, name)
    except (KeyError, IndexError):
        return None
    return found if math.isfinite(found) else None
