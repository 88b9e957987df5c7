"""The folder of a run, and whether a run may use it.

last.safetensors   all that is needed to continue, bit for bit: weights, optimiser, random
                   numbers, place in the epoch
best.safetensors   the weights of the epoch with the best test accuracy (or, where there is
                   none, test loss)
metrics.jsonl      one JSON object a line: start, step, epoch, end
curves.png, mistakes.png, attention.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import storage
from .errors import UsageError

FILES = (
    "last.safetensors",
    "best.safetensors",
    "metrics.jsonl",
    "curves.png",
    "mistakes.png",
    "attention.png",
)


class Folder:
    """The folder `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last, self.best = path / "last.safetensors", path / "best.safetensors"
        self.metrics = path / "metrics.jsonl"

    def __str__(self) -> str:
        return str(self.path)

    def present(self) -> list[str]:
        """The names of a run's files that are there."""
        return [name for name in FILES if (self.path / name).exists()]

    def clear(self) -> None:
        """Make the folder, and remove the files of a run in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (self.path / name).unlink(missing_ok=True)

    # ---- may a run use it? ----

    def saved_to_resume(self, recipe: str, settings: dict[str, Any]) -> dict[str, Any]:
        """The run in the folder, for `--resume`. Settings that are None are taken from it; the
        others must be the same.
        """
        self.must_be_a_folder()
        if not self.last.exists():
            raise UsageError(
                f"--resume needs a run in {str(self)!r}, got none (no last.safetensors there)."
                " Start it without --resume."
            )
        saved = self.read()
        for name, value in settings.items():
            if value is None:
                settings[name] = saved["settings"].get(name)
        self.must_agree(saved, recipe, settings, "Omit these flags to resume the run")
        return saved

    def must_be_free(self, recipe: str, settings: dict[str, Any]) -> None:
        """Make sure that a new run replaces nothing but a finished run of the same settings."""
        self.must_be_a_folder()
        if not self.last.exists():
            return
        saved = self.read()
        advice = "Give --resume alone to resume the run, --overwrite to replace it"
        self.must_agree(saved, recipe, settings, advice)
        done, epochs = saved["state"]["epoch"], saved["settings"]["epochs"]
        if done < epochs and not saved["state"].get("stopped"):
            raise UsageError(
                f"--out {str(self)!r} holds an unfinished run of the same settings ({done} of"
                f" {epochs} epochs). Resume it with --resume, start again with --overwrite, or"
                " choose another --out."
            )

    def must_be_a_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(
                f"--out must be a folder, got the file {str(self)!r}. Give another one."
            )

    def read(self) -> dict[str, Any]:
        """What last.safetensors holds."""
        try:
            saved = storage.load(self.last)
            # a file of another program lacks these
            saved["settings"]["epochs"], saved["recipe"], saved["state"]["epoch"]
        except (storage.CheckpointError, KeyError, TypeError) as error:
            raise UsageError(
                f"--out {str(self)!r} holds a last.safetensors that cannot be resumed: {error}"
                " Choose another --out, or replace it with --overwrite."
            ) from error
        return saved

    def must_agree(
        self, saved: dict[str, Any], recipe: str, settings: dict[str, Any], advice: str
    ) -> None:
        """Make sure that the saved run is of the same recipe and settings."""
        theirs = saved["settings"]
        differ = [
            f"{name} {theirs.get(name)} -> {value}"
            for name, value in settings.items()
            if theirs.get(name) != value
        ]
        if saved["recipe"] != recipe:
            differ.insert(0, f"recipe {saved['recipe']} -> {recipe}")
        if differ:
            raise UsageError(
                f"--out {str(self)!r} holds a run of other settings ({', '.join(differ)})."
                f" {advice}, or choose another --out."
            )
