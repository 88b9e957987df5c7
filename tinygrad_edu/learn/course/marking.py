"""Running a learner's file, to see which of its exercises are right."""

from __future__ import annotations

import io
import linecache
import os
import re
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from . import learner
from .exercise import Report
from .texts import Cell, cells_of_file
from .words import Words

STOPPED = Words(
    "The file stops before its end: cell {cell}, line {line}, `{text}` raises {kind}: {message}",
    "文件没有运行到底：第 {cell} 个单元格第 {line} 行 `{text}` 抛出了 {kind}：{message}",
)


def mark(path: Path) -> tuple[list[Report], str]:
    """Run the cells of a file as a notebook does, its output hidden.

    Returns: what each `check` of it found, and why the run stopped early, or "".
    """
    cells = [cell for cell in cells_of_file(path) if cell.kind == "code"]
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures need no window
    learner.seen.clear()
    names: dict[str, Any] = {"__name__": "__main__"}
    stopped, hidden = "", io.StringIO()
    with chdir(path.resolve().parent), redirect_stdout(hidden), redirect_stderr(hidden):
        for number, cell in enumerate(cells, 1):
            file = f"<cell {number} of {path.name}>"
            try:
                run_cell(cell, file, names)
            except Exception as error:  # the learner's code may do anything
                stopped = why(error, file, number)
                break
    return list(learner.seen), stopped


def run_cell(cell: Cell, file: str, names: dict[str, Any]) -> None:
    """Run a cell; its lines stay known, for messages. Commands to the notebook are left out."""
    text = re.sub(r"^[%!].*$", "", cell.text, flags=re.M)
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    exec(compile(text, file, "exec"), names)


def why(error: Exception, file: str, number: int) -> str:
    """Where a cell failed, in the learner's own lines."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    line = getattr(error, "lineno", None) or (frames[-1].lineno if frames else 1) or 1
    message = " ".join(str(error).split())[:300]
    text, kind = linecache.getline(file, line).strip(), type(error).__name__
    return STOPPED.format(cell=number, line=line, text=text, kind=kind, message=message)
