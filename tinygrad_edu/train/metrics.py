"""metrics.jsonl, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files import write_atomically
from .errors import UsageError

Line = dict[str, Any]


class Metrics:
    """The open file of a run's events, one JSON object a line.

    Args:
        path: the file, which is replaced.
        lines: what it holds to begin with.
        board: TensorBoard's writer, or None.
    """

    def __init__(self, path: Path, lines: Iterable[Line], board: Any = None) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(os.fspath(path), text.encode())
        self.board = board
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115  # closed in `close`

    def write(self, line: Line, step: int) -> None:
        """Add an event; `step`: when it happened, for TensorBoard."""
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        if self.board is None:
            return
        for name, value in line.items():
            if isinstance(value, (int, float)) and name not in ("step", "epoch"):
                self.board.add_scalar(f"{line['event']}/{name}", value, line.get("step", step))

    def close(self) -> None:
        self.file.close()


def make_board(out: Path) -> Any:
    """TensorBoard's writer for the run in the folder `out`."""
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--tensorboard needs the package {error.name}, got none. Run: pip install tensorboardX"
        ) from error
    return SummaryWriter(os.fspath(out / "tensorboard"))


def read_lines(path: Path) -> list[Line]:
    """The whole lines of a metrics file; a kill may have cut the last one."""
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            found.append(line)
    return found


def lines_until(path: Path, step: int) -> list[Line]:
    """What a resumed run keeps: the events up to the step it resumes at."""
    if not path.exists():
        return []
    return [
        line
        for line in read_lines(path)
        if line.get("step", 0) <= step and line.get("event") != "end"
    ]
