"""metrics.jsonl, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..engine.errors import CheckpointError
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
        try:
            write_atomically(os.fspath(path), b"".join(map(encoded, lines)))
        except CheckpointError as error:
            raise cannot_write(path, error.__cause__ or error) from error
        self.path, self.board = path, board
        # without a buffer: what could not be written is not tried again at the close
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115  # closed in `close`

    def write(self, line: Line, step: int) -> None:
        """Add an event; `step`: when it happened, for TensorBoard."""
        rest = memoryview(encoded(line))
        try:
            while rest:
                rest = rest[self.file.write(rest) :]
        except OSError as error:
            raise cannot_write(self.path, error) from error
        if self.board is None:
            return
        for name, value in line.items():
            if isinstance(value, (int, float)) and name not in ("step", "epoch"):
                self.board.add_scalar(f"{line['event']}/{name}", value, line.get("step", step))

    def sync(self) -> None:
        """Force what was written to the disk."""
        try:
            os.fsync(self.file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        self.file.close()


def encoded(line: Line) -> bytes:
    """The line as JSON, which knows no nan and no inf: they become null."""
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in line.items()
    }
    return (json.dumps(plain, allow_nan=False) + "\n").encode()


def cannot_write(path: Path, error: BaseException) -> UsageError:
    reason = getattr(error, "strerror", None) or error
    return UsageError(
        f"--out must be a folder that can be written, got an error at {str(path)!r}: {reason}. Make"
        " room or change its permissions, then continue with --resume: what was saved before is"
        " intact."
    )


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
    """The whole events of a metrics file; a kill may have cut the last one."""
    if not path.exists():
        return []
    found = []
    try:
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(
            f"--out must hold a metrics.jsonl that can be read, got {str(path)!r}"
            f" ({error.strerror}). Move it away."
        ) from error
    for text in texts:
        try:
            line = json.loads(text, parse_constant=lambda name: None)
        except (ValueError, RecursionError):
            continue
        if is_event(line):
            found.append(line)
    if not found and any(text.strip() for text in texts):
        raise UsageError(
            f"--out must hold the metrics.jsonl of a run, got {str(path)!r} without any event of"
            " one. Move it away."
        )
    return found


def is_event(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and isinstance(line.get("event"), str)
        and all(type(line.get(name, 0)) is int for name in ("step", "epoch"))
    )


def lines_until(path: Path, step: int, epochs: int) -> list[Line]:
    """What a resumed run keeps: the events up to the step it resumes at, and of the epochs those
    that are finished.
    """
    return [
        line
        for line in read_lines(path)
        if line.get("step", 0) <= step
        and line["event"] != "end"
        and (line["event"] != "epoch" or line.get("epoch", 0) <= epochs)
    ]
