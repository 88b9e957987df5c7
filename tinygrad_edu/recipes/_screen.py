"""What a training run shows: a bar that moves where there is a terminal and rich, plain lines elsewhere."""
from __future__ import annotations

import sys
import time
from typing import Any

COLUMNS = (("epoch", 7), ("loss", 9), ("accuracy", 10), ("test loss", 11), ("test accuracy", 15), ("images/s", 10), ("time", 8))


def clock(seconds: float) -> str:
    """75 -> '1:15'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def row(*cells: str) -> str:
    return "".join(cell.rjust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True))


class Plain:
    """Lines of text: one an epoch, and one every few seconds between them so that a slow run does not look dead."""

    every = 5.0  # seconds

    def __init__(self) -> None:
        self.last = time.monotonic()

    def say(self, text: str = "", style: str = "") -> None:
        print(text, flush=True)

    def header(self) -> None:
        self.say(row(*(name for name, _ in COLUMNS)), "bold")

    def start(self, done: int, total: int) -> None: ...

    def step(self, epoch: int, epochs: int, batch: int, batches: int, loss: float, accuracy: float, speed: float, left: float) -> None:
        if time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            self.say(f"  epoch {epoch}/{epochs}, batch {batch}/{batches}: loss {loss:.4f}, accuracy {percent(accuracy)}, {speed:,.0f} images/s, {clock(left)} left")

    def epoch(self, e: dict[str, Any], epochs: int, best: bool) -> None:
        self.last = time.monotonic()
        self.say(row(f"{e['epoch']}/{epochs}", f"{e['loss']:.4f}", percent(e["accuracy"]), f"{e['test_loss']:.4f}", percent(e["test_accuracy"]),
                     f"{e['images_per_second']:,.0f}", clock(e["seconds"])) + ("  best" if best else ""), "green" if best else "")

    def stop(self) -> None: ...


class Rich(Plain):
    """The same lines above a bar that shows the current step."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__()
        self.console = Console(highlight=False, soft_wrap=True)
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan"),
                            TextColumn("{task.fields[text]}"), console=self.console, transient=True, expand=True)
        self.task: Any = None

    def say(self, text: str = "", style: str = "") -> None:
        self.console.print(text, style=style or None, markup=False)

    def start(self, done: int, total: int) -> None:
        self.task = self.bar.add_task("", total=total, completed=done, text="")
        self.bar.start()

    def step(self, epoch: int, epochs: int, batch: int, batches: int, loss: float, accuracy: float, speed: float, left: float) -> None:
        text = f"{batch}/{batches}  loss {loss:.3f}  acc {100 * accuracy:.1f} %  {speed:,.0f} images/s  {clock(left)} left"
        self.bar.update(self.task, completed=(epoch - 1) * batches + batch, description=f"epoch {epoch}/{epochs}", text=text)

    def stop(self) -> None:
        self.bar.stop()


def make_screen() -> Plain:
    """A bar if someone is watching and rich is installed."""
    if not sys.stdout.isatty():
        return Plain()
    try:
        return Rich()
    except ModuleNotFoundError:
        return Plain()
