"""What a training run shows: a bar that moves where there is a terminal and rich, plain lines
elsewhere.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any

from ..engine.html import table


@dataclass
class Step:
    """What is shown of one step."""

    epoch: int  # counted from 1
    epochs: int
    batch: int
    batches: int
    loss: float  # mean of the epoch so far
    accuracy: float | None  # the same; None where it is not counted
    speed: float  # examples a second
    left: float  # seconds


def clock(seconds: float) -> str:
    """75 -> '1:15'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def row(result: dict[str, Any], epochs: int, unit: str) -> list[tuple[str, str]]:
    """The columns of an epoch: (heading, cell)."""
    counted = "accuracy" in result
    columns = [
        ("epoch", f"{result['epoch']}/{epochs}"),
        ("    loss", f"{result['loss']:.4f}"),
        ("accuracy", percent(result["accuracy"]) if counted else ""),
        ("validation loss", f"{result['validation_loss']:.4f}"),
        ("validation accuracy", percent(result["validation_accuracy"]) if counted else ""),
        (f"{unit}/s", f"{result.get(f'{unit}_per_second', 0):,.0f}"),
        ("   time", clock(result["seconds"])),
    ]
    return [(heading, cell) for heading, cell in columns if cell]


class Screen:
    """Lines of text: one an epoch, and one every few seconds between them, so that a slow run does
    not look dead.
    """

    every = 5.0  # seconds

    def __init__(self, unit: str) -> None:
        self.unit, self.headed, self.last = unit, False, time.monotonic()

    def say(self, text: str = "", style: str = "") -> None:
        """Show a line. `style`: rich's name of a style."""
        try:
            self.put(text, style)
        except OSError as error:  # `| head`, a closed terminal, a full disk: the training matters
            go_on_unheard(error)

    def put(self, text: str, style: str) -> None:
        print(text, flush=True)

    def start(self, done: int, total: int) -> None:
        """The loop begins, with `done` of `total` steps done."""

    def step(self, step: Step) -> None:
        """A step has ended."""
        if time.monotonic() - self.last < self.every:
            return
        self.last = time.monotonic()
        accuracy = "" if step.accuracy is None else f", accuracy {percent(step.accuracy)}"
        self.say(
            f"  epoch {step.epoch}/{step.epochs}, batch {step.batch}/{step.batches}: loss"
            f" {step.loss:.4f}{accuracy}, {step.speed:,.0f} {self.unit}/s, {clock(step.left)} left"
        )

    def epoch(self, result: dict[str, Any], epochs: int, best: bool) -> None:
        """An epoch has ended. `best`: whether it is the best so far."""
        self.last = time.monotonic()
        cells = row(result, epochs, self.unit)
        widths = [len(heading) + 2 for heading, _ in cells]
        if not self.headed:
            self.headed = True
            headings = (heading.rjust(width) for (heading, _), width in zip(cells, widths))
            self.say("".join(headings), "bold")
        line = "".join(cell.rjust(width) for (_, cell), width in zip(cells, widths))
        self.say(line + ("  best" if best else ""), "green" if best else "")

    def stop(self) -> None:
        """The loop has ended, however it ended."""


class RichScreen(Screen):
    """The same lines above a bar that shows the current step."""

    def __init__(self, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(unit)
        self.console = Console(highlight=False, soft_wrap=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.fields[text]}"),
            console=self.console,
            transient=True,
            expand=True,
        )
        self.task = self.bar.add_task("", total=None, text="")

    def put(self, text: str, style: str) -> None:
        self.console.print(text, style=style or None, markup=False)

    def start(self, done: int, total: int) -> None:
        self.bar.update(self.task, total=total, completed=done)
        self.bar.start()

    def step(self, step: Step) -> None:
        accuracy = "" if step.accuracy is None else f"  acc {100 * step.accuracy:.1f} %"
        self.bar.update(
            self.task,
            completed=(step.epoch - 1) * step.batches + step.batch,
            description=f"epoch {step.epoch}/{step.epochs}",
            text=(
                f"{step.batch}/{step.batches}  loss {step.loss:.3f}{accuracy}"
                f"  {step.speed:,.0f} {self.unit}/s  {clock(step.left)} left"
            ),
        )

    def stop(self) -> None:
        self.bar.stop()


class NotebookScreen(Screen):
    """One output of a notebook's cell, which is written anew: a table, and a line that moves."""

    every = 0.5

    def __init__(self, unit: str) -> None:
        from IPython.display import HTML, display

        super().__init__(unit)
        self.html, self.now = HTML, ""
        self.texts: list[str] = []
        self.rows: list[list[tuple[str, str]]] = []
        self.handle = display(HTML(""), display_id=True)

    def put(self, text: str, style: str) -> None:
        self.texts.append(text)
        self.draw()

    def step(self, step: Step) -> None:
        if time.monotonic() - self.last < self.every:
            return
        self.last = time.monotonic()
        done = 100 * ((step.epoch - 1) * step.batches + step.batch) / (step.epochs * step.batches)
        self.now = (
            f"epoch {step.epoch}/{step.epochs}, batch {step.batch}/{step.batches}: loss"
            f" {step.loss:.4f}, {step.speed:,.0f} {self.unit}/s, {clock(step.left)} left"
            f" ({done:.0f} %)"
        )
        self.draw()

    def epoch(self, result: dict[str, Any], epochs: int, best: bool) -> None:
        self.rows.append([*row(result, epochs, self.unit), ("", "best" if best else "")])
        self.draw()

    def stop(self) -> None:
        self.now = ""
        self.draw()

    def draw(self) -> None:
        head = [name.strip() for name, _ in self.rows[0]] if self.rows else []
        cells = [[text for _, text in cells] for cells in self.rows]
        lines = "".join(f"<div>{escape(text)}</div>" for text in self.texts)
        self.handle.update(self.html(f"{lines}{table('', head, cells)}<div>{self.now}</div>"))


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def go_on_unheard(error: OSError) -> None:
    """Nothing can be shown any more: say so where errors go, and train on."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    with suppress(OSError):
        print(
            f"tinygrad-edu: the output cannot be written ({error.strerror}). The training goes on;"
            " see metrics.jsonl of the run.",
            file=sys.stderr,
            flush=True,
        )


def make_screen(unit: str) -> Screen:
    """A bar if someone is watching and rich is installed. `unit`: what the speed counts."""
    if in_notebook():
        return NotebookScreen(unit)
    # a command that a notebook starts with `!` seems to have a terminal, which cannot redraw
    if not sys.stdout.isatty() or "JPY_PARENT_PID" in os.environ:
        return Screen(unit)
    try:
        return RichScreen(unit)
    except ModuleNotFoundError:
        return Screen(unit)
