"""What a training run shows: a bar that moves where there is a terminal and rich, plain lines
elsewhere.
"""

from __future__ import annotations

import sys
import time
from typing import Any


def clock(seconds: float) -> str:
    """75 -> '1:15'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def row(e: dict[str, Any], epochs: int, unit: str) -> list[tuple[str, str]]:
    """The columns of an epoch: (heading, cell)."""
    accuracy = [("accuracy", percent(e["accuracy"]))] if "accuracy" in e else []
    test_accuracy = [("test accuracy", percent(e["test_accuracy"]))] if "accuracy" in e else []
    return [
        ("epoch", f"{e['epoch']}/{epochs}"),
        ("    loss", f"{e['loss']:.4f}"),
        *accuracy,
        ("test loss", f"{e['test_loss']:.4f}"),
        *test_accuracy,
        (f"{unit}/s", f"{e[f'{unit}_per_second']:,.0f}"),
        ("   time", clock(e["seconds"])),
    ]


class Plain:
    """Lines of text: one an epoch, and one every few seconds between them so that a slow run does
    not look dead.
    """

    every = 5.0  # seconds

    def __init__(self, unit: str) -> None:
        self.unit, self.headed, self.last = unit, False, time.monotonic()

    def say(self, text: str = "", style: str = "") -> None:
        print(text, flush=True)

    def start(self, done: int, total: int) -> None: ...

    def step(
        self,
        epoch: int,
        epochs: int,
        batch: int,
        batches: int,
        loss: float,
        accuracy: float | None,
        speed: float,
        left: float,
    ) -> None:
        if time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            right = "" if accuracy is None else f", accuracy {percent(accuracy)}"
            self.say(
                f"  epoch {epoch}/{epochs}, batch {batch}/{batches}: loss {loss:.4f}{right},"
                f" {speed:,.0f} {self.unit}/s, {clock(left)} left"
            )

    def epoch(self, e: dict[str, Any], epochs: int, best: bool) -> None:
        self.last = time.monotonic()
        cells = row(e, epochs, self.unit)
        if not self.headed:
            self.headed = True
            self.say("".join(heading.rjust(len(heading) + 2) for heading, _ in cells), "bold")
        self.say(
            "".join(cell.rjust(len(heading) + 2) for heading, cell in cells)
            + ("  best" if best else ""),
            "green" if best else "",
        )

    def stop(self) -> None: ...


class Rich(Plain):
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
        self.task: Any = None

    def say(self, text: str = "", style: str = "") -> None:
        self.console.print(text, style=style or None, markup=False)

    def start(self, done: int, total: int) -> None:
        self.task = self.bar.add_task("", total=total, completed=done, text="")
        self.bar.start()

    def step(
        self,
        epoch: int,
        epochs: int,
        batch: int,
        batches: int,
        loss: float,
        accuracy: float | None,
        speed: float,
        left: float,
    ) -> None:
        right = "" if accuracy is None else f"  acc {100 * accuracy:.1f} %"
        text = (
            f"{batch}/{batches}  loss {loss:.3f}{right}  {speed:,.0f} {self.unit}/s  {clock(left)}"
            " left"
        )
        self.bar.update(
            self.task,
            completed=(epoch - 1) * batches + batch,
            description=f"epoch {epoch}/{epochs}",
            text=text,
        )

    def stop(self) -> None:
        self.bar.stop()


def make_screen(unit: str) -> Plain:
    """A bar if someone is watching and rich is installed. `unit`: what the speed counts."""
    if not sys.stdout.isatty():
        return Plain(unit)
    try:
        return Rich(unit)
    except ModuleNotFoundError:
        return Plain(unit)
