"""What a learner has solved, kept in one small file of the user's state folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...engine.errors import TinygradEduError
from ...files import locked, write_atomically

EMPTY = {"version": 1, "solved": {}, "hints": {}, "language": ""}


def state_folder() -> Path:
    """$TINYGRAD_EDU_STATE, else the folder where the system keeps the state of programs."""
    if given := os.environ.get("TINYGRAD_EDU_STATE"):
        return Path(given)
    if os.name == "nt":
        home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "tinygrad_edu"


def progress_file() -> Path:
    return state_folder() / "course" / "progress.json"


def read() -> dict[str, Any]:
    """The progress; nothing is solved if the file is missing or damaged."""
    try:
        found = json.loads(progress_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        found = {}
    kept = {key: found[key] for key in EMPTY if isinstance(found.get(key), type(EMPTY[key]))}
    return json.loads(json.dumps(EMPTY)) | kept


def change(edit: Callable[[dict[str, Any]], None]) -> None:
    """Read, edit and write the progress. Processes take turns, and a crash leaves the old file.

    Raises: TinygradEduError if the folder cannot be written
    """
    file = progress_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(str(file.parent.parent)):
            progress = read()
            edit(progress)
            text = json.dumps(progress, indent=1, ensure_ascii=False)
            write_atomically(file, text.encode())
    except OSError as error:
        raise TinygradEduError(
            f"course: the state folder must be writable, got {error}. Set TINYGRAD_EDU_STATE to a"
            " folder of yours."
        ) from error


def mark_solved(exercise: str) -> None:
    """Note the day on which an exercise was first solved."""
    today = time.strftime("%Y-%m-%d")
    if exercise not in read()["solved"]:
        change(lambda progress: progress["solved"].setdefault(exercise, today))


def next_hint(exercise: str, hints: int) -> int:
    """How many of the hints to show: one more each time."""
    shown = min(number(read()["hints"].get(exercise)) + 1, hints)
    change(lambda progress: progress["hints"].__setitem__(exercise, shown))
    return shown


def number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def chosen_language() -> str:
    return read()["language"]


def choose_language(language: str) -> None:
    change(lambda progress: progress.__setitem__("language", language))
