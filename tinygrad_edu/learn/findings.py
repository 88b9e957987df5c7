"""What the numbers of a training mean: findings in plain words, with what to try.

Each finding has a threshold with a name, at the top. They are wide on purpose: a healthy training
has no finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .watch import Health, Step

ENOUGH = 5  # measured steps before anything but NaN is said
WINDOW = 20  # last measured steps that count
DEAD = 0.25  # share of a layer's units without a gradient in the window
FLAT = 0.5  # share of a layer's outputs where tanh or sigmoid hardly reacts
FADES = 1e-4  # norm of the gradient at the first layer to that at the last
GROWS = 1e4
FADES_IN_TIME = 1e-6  # the same, of the first call of a layer in a step to its last
SPIKE = 100.0  # largest norm of all gradients in the window to its median
HUGE = 1e4  # RMS of a layer's outputs
TOO_FAST, TOO_SLOW = 0.3, 1e-6  # change of a weight matrix in a step to the weights themselves
KEPT = 0.3  # share of .grad that is from earlier steps


@dataclass
class Finding:
    """`kind` is one word; `where` the layer, parameter or ""; the rest is for reading."""

    kind: str
    where: str
    says: str
    to_try: str

    def __str__(self) -> str:
        return f"{self.says}\n   Try: {self.to_try}"


class Report:
    """A table and the findings. `print(report)` shows it; `report.findings` is a list."""

    def __init__(self, title: str, rows: list[list[str]], findings: list[Finding]):
        self.title, self.rows, self.findings = title, rows, findings

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        lines = [self.title, ""]
        for row in self.rows:
            cells = [
                f"{c:<{w}}" if i < 1 else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths))
            ]
            lines.append("  ".join(cells).rstrip())
        lines += ["", "Nothing stands out." if not self.findings else "What stands out:"]
        lines += [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def report(health: Health) -> Report:
    """The report of all steps so far."""
    name, measured = type(health.model).__name__, len(health.steps)
    title = f"Health of {name}: {health.count} steps, {measured} measured"
    return Report(title, [HEAD, *rows(health)], findings(health))


# ---- the table -----------------------------------------------------------------------------------

HEAD = ["layer", "output", "zeros", "gradient", "weight", "its gradient", "change/weight"]


def rows(health: Health) -> Iterator[list[str]]:
    """For each layer the medians over the last steps."""
    steps = health.steps[-WINDOW:]
    for name, kind in health.kinds.items():
        seen = [step.layers[name] for step in steps if name in step.layers]
        if not seen:
            continue
        gradients = [g for numbers in seen for g in numbers.grads[-1:]]
        own = [n for n in health.shapes if n.rpartition(".")[0] == name]
        own = sorted(own, key=lambda n: -math.prod(health.shapes[n]))[:1]
        weights = [step.weights[n] for step in steps for n in own if n in step.weights]
        yield [
            f"{name} {kind}".strip(),
            text(middle(n.rms for n in seen)),
            f"{100 * (middle(n.zeros for n in seen) or 0):.0f} %",
            text(middle(gradients)),
            text(middle(w.rms for w in weights)),
            text(middle(w.grad for w in weights if w.grad is not None)),
            text(middle(w.update / w.rms for w in weights if w.rms)),
        ]


def text(x: float | None) -> str:
    return "" if x is None else f"{x:.2g}"


def middle(numbers: Iterable[float]) -> float | None:
    """The median of the numbers that are finite; NaN if none is."""
    known = list(numbers)
    finite = [x for x in known if math.isfinite(x)]
    return median(finite) if finite else (math.nan if known else None)


# ---- the findings --------------------------------------------------------------------------------


def findings(health: Health) -> list[Finding]:
    """What stands out, the most urgent first."""
    found = list(not_numbers(health))
    broken = next((i for i, step in enumerate(health.steps) if is_broken(step)), len(health.steps))
    sound = health.steps[:broken]
    found += without_optimizer(health)
    if len(sound) < ENOUGH:
        return found
    last = sound[-WINDOW:]
    for look in (
        leftover,
        exploding,
        in_depth,
        in_time,
        large,
        without_gradient,
        units,
        flat,
        pace,
    ):
        found += look(health, last)
    return found


def is_broken(step: Step) -> bool:
    weights = step.weights.values()
    lost = any(w.grad is not None and not math.isfinite(w.grad) for w in weights)
    return lost or any(w.bad for w in weights) or any(n.bad for n in step.layers.values())


def not_numbers(health: Health) -> Iterator[Finding]:
    step = next((step for step in health.steps if is_broken(step)), None)
    if step is None:
        return
    outputs = [name for name, numbers in step.layers.items() if numbers.bad]
    grads = [n for n, w in step.weights.items() if w.grad is not None and not math.isfinite(w.grad)]
    weights = [name for name, w in step.weights.items() if w.bad]
    if outputs:
        where, what = outputs[0], f"in the output of {layer(health, outputs[0])}"
    elif grads:
        where, what = grads[-1], f"in the gradient of {grads[-1]}, with finite outputs"
    else:
        where, what = weights[0], f"in {weights[0]} after the update, with finite gradients"
    yield Finding(
        "nan",
        where,
        f"NaN or infinity appears in step {step.number}, first {what}.",
        "a learning rate 10 times smaller; nn.utils.clip_grad_norm_(model.parameters(), 1.0) before"
        " step(); a look at the data for NaN. autograd.detect_anomaly() names the op that makes the"
        " first NaN; log, division and sqrt of 0 are the usual ones.",
    )


def without_optimizer(health: Health) -> Iterator[Finding]:
    for name in health.left_out()[:1]:
        rest = len(health.left_out()) - 1
        yield Finding(
            "left out",
            name,
            f"{name}{f' and {rest} more' if rest else ''} requires a gradient but the optimizer"
            " does not have it, so it stays as it is.",
            "optimizer = optim.SGD(model.parameters(), ...) after all layers are there, or"
            " requires_grad_(False) if it is meant to stay.",
        )


def leftover(health: Health, last: list[Step]) -> Iterator[Finding]:
    share = median(step.kept for step in last)
    if share > KEPT:
        yield Finding(
            "not zeroed",
            "",
            f"Gradients of earlier steps are still in .grad: {100 * share:.0f} % of what the step"
            " uses did not arrive in that step.",
            "optimizer.zero_grad() before each backward().",
        )


def total(step: Step, health: Health) -> float:
    """The norm of all gradients."""
    return math.sqrt(
        sum(w.grad**2 * math.prod(health.shapes[n]) for n, w in step.weights.items() if w.grad)
    )


def exploding(health: Health, last: list[Step]) -> Iterator[Finding]:
    sizes = [total(step, health) for step in last]
    usual, most = median(sizes), max(sizes)
    if usual > 0 and most > SPIKE * usual:
        at = last[sizes.index(most)].number
        yield Finding(
            "exploding",
            "",
            f"Gradients explode at times: their norm is {most:.2g} in step {at}, {most / usual:.0f}"
            f" times the usual {usual:.2g}.",
            "nn.utils.clip_grad_norm_(model.parameters(), max_norm) with a max_norm near the usual"
            " one; a smaller learning rate.",
        )


def ends(health: Health, last: list[Step]) -> tuple[str, str, float] | None:
    """(first layer, last layer, gradient at the first / at the last), medians over the steps."""
    names = [n for n in last[-1].layers if any(g > 0 for g in last[-1].layers[n].grads)]
    if len(names) < 2:
        names = [n for n in last[-1].layers if last[-1].layers[n].grads]
    if len(names) < 2:
        return None
    sizes = [middle(step.layers[n].grads[-1] for step in last if n in step.layers) for n in
             (names[0], names[-1])]  # fmt: skip
    return (names[0], names[-1], sizes[0] / sizes[1]) if all(sizes) else None  # type: ignore


def in_depth(health: Health, last: list[Step]) -> Iterator[Finding]:
    found = ends(health, last)
    if found is None:
        return
    first, end, ratio = found
    if ratio < FADES:
        yield Finding(
            "vanishing",
            first,
            f"Gradients vanish on their way back: at {layer(health, first)} they are {ratio:.1g} of"
            f" those at {layer(health, end)}. The first layers hardly learn.",
            "ReLU or GELU in the place of sigmoid or tanh; nn.init.kaiming_normal_ (ReLU) or"
            " xavier_uniform_ (tanh); a normalisation layer; connections that skip layers,"
            " x + f(x); fewer layers.",
        )
    if ratio > GROWS:
        yield Finding(
            "exploding",
            first,
            f"Gradients grow on their way back: at {layer(health, first)} they are {ratio:.1g}"
            f" times those at {layer(health, end)}.",
            "smaller initial weights (nn.init.kaiming_normal_); a normalisation layer;"
            " nn.utils.clip_grad_norm_.",
        )


def in_time(health: Health, last: list[Step]) -> Iterator[Finding]:
    """Layers that are called several times a step, such as the cell of a recurrent network."""
    for name in last[-1].layers:
        calls = [step.layers[name].grads for step in last if name in step.layers]
        calls = [grads for grads in calls if len(grads) > 2 and grads[-1] > 0]
        ratio = middle(grads[0] / grads[-1] for grads in calls)
        if ratio is None or math.isnan(ratio) or FADES_IN_TIME <= ratio <= 1 / FADES_IN_TIME:
            continue
        fades = ratio < 1
        yield Finding(
            "vanishing" if fades else "exploding",
            name,
            f"Gradients {'vanish' if fades else 'grow'} through time: at the first of"
            f" {len(calls[-1])} calls of {layer(health, name)} they are {ratio:.1g} times those at"
            " the last.",
            "nn.LSTM or nn.GRU; shorter sequences; attention."
            if fades
            else "nn.utils.clip_grad_norm_; a recurrent weight that starts orthogonal; nn.LSTM.",
        )


def large(health: Health, last: list[Step]) -> Iterator[Finding]:
    for name in last[-1].layers:
        size = middle(step.layers[name].rms for step in last if name in step.layers)
        if size is not None and size > HUGE:
            yield Finding(
                "large outputs",
                name,
                f"The outputs of {layer(health, name)} are large: {size:.2g} (RMS).",
                "inputs with mean 0 and deviation 1; smaller initial weights; a normalisation"
                " layer; a smaller learning rate.",
            )
            return


def without_gradient(health: Health, last: list[Step]) -> Iterator[Finding]:
    silent = [
        name
        for name in last[-1].weights
        if all(not step.weights[name].grad for step in last if name in step.weights)
    ]
    if silent:
        rest = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        never = last[-1].weights[silent[0]].grad is None
        yield Finding(
            "no gradient",
            silent[0],
            f"{'No gradient reaches' if never else 'Only zeros reach'} {silent[0]}{rest} in the"
            f" last {len(last)} steps.",
            "tinygrad_edu.draw(lambda: loss) to see where the path from the loss ends. Usual ends:"
            " .detach(), .item(), .numpy(), no_grad(), argmax, round, a layer that forward() does"
            " not call, a ReLU whose inputs are all negative.",
        )


def units(health: Health, last: list[Step]) -> Iterator[Finding]:
    """Units without a gradient for all inputs of the window."""
    for name, quiet in health.quiet.items():
        share = float(np.mean(quiet >= len(last)))
        silent = not any(step.weights[name].grad for step in last if name in step.weights)
        if share > DEAD and not silent:  # a layer without any gradient has a finding of its own
            where = health.rows[name]
            yield Finding(
                "dead units",
                where,
                f"{100 * share:.0f} % of the {len(quiet)} units of {layer(health, where)} are dead:"
                f" no input of the last {len(last)} steps gave them a gradient.",
                "a smaller learning rate; nn.LeakyReLU or nn.GELU in the place of nn.ReLU;"
                " nn.init.kaiming_normal_ and biases that start at 0; inputs with mean 0.",
            )


def flat(health: Health, last: list[Step]) -> Iterator[Finding]:
    for name in last[-1].layers:
        share = middle(step.layers[name].flat for step in last if name in step.layers)
        if share is not None and share > FLAT:
            yield Finding(
                "saturated",
                name,
                f"{100 * share:.0f} % of the outputs of {layer(health, name)} are at their limit,"
                " where the derivative is close to 0.",
                "smaller initial weights (nn.init.xavier_uniform_); inputs with mean 0 and"
                " deviation 1; a smaller learning rate; a normalisation layer before it.",
            )


def pace(health: Health, last: list[Step]) -> Iterator[Finding]:
    """How far a step moves the weight matrices."""
    ratios: dict[str, float] = {}
    for name, shape in health.shapes.items():
        found = [step.weights[name] for step in last if name in step.weights]
        ratio = middle(w.update / w.rms for w in found if w.rms > 0 and w.grad)
        if len(shape) > 1 and ratio is not None and math.isfinite(ratio):
            ratios[name] = ratio
    if not ratios:
        return
    fastest, slowest = max(ratios, key=lambda n: ratios[n]), max(ratios.values())
    if ratios[fastest] > TOO_FAST:
        yield Finding(
            "steps too large",
            fastest,
            f"A step changes {fastest} by {100 * ratios[fastest]:.0f} % of its size; 0.01 to 1 %"
            " is usual.",
            "a learning rate 10 times smaller; clipping the gradients; a warm-up of the rate.",
        )
    elif slowest < TOO_SLOW:
        yield Finding(
            "steps too small",
            fastest,
            f"The weights hardly move: a step changes none by more than {slowest:.1g} of its size;"
            " 0.0001 to 0.01 is usual.",
            "a learning rate 10 times larger, until the loss falls; a look at whether the loss is"
            " divided by a large number.",
        )


def layer(health: Health, name: str) -> str:
    kind = health.kinds.get(name, "")
    return f"{name} ({kind})" if name and kind else name or kind
