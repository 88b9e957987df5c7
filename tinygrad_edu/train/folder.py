"""The folder of a run, and whether a run may use it.

last.safetensors   all that is needed to continue, bit for bit: weights, optimiser, random
                   numbers, place in the epoch
step-N.safetensors the last good states, which have the same content: the loss that follows (or, at
                   an epoch's end, the validation) was finite. The newest is often the same file as
                   last.safetensors, under a second name
best.safetensors   the weights of the epoch with the best validation accuracy (or, where there is
                   none, validation loss)
metrics.jsonl      one JSON object a line: start, step, epoch, end
curves.png, mistakes.png, attention.png, digit.png (a test image)
previous-best-N.safetensors   the best weights of a run that was replaced with --overwrite, until a
                   run does better
run.lock           while a run goes on
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import storage
from .errors import UsageError
from .lock import Lock
from .metrics import read_lines
from .saved import epochs_of, read_saved
from .state import ACCURACY, LOSS, is_better, is_result

FILES = (
    "last.safetensors",
    "best.safetensors",
    "metrics.jsonl",
    "curves.png",
    "mistakes.png",
    "attention.png",
    "digit.png",
)


class Folder:
    """The folder `path`, which need not exist yet.

    Args:
        keep: how many good states stay.
    """

    def __init__(self, path: Path, keep: int = 3) -> None:
        self.path, self.keep = path, keep
        self.last, self.best = path / "last.safetensors", path / "best.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.lock: Lock | None = None
        self.made: list[Path] = []  # folders that were not there before

    def __str__(self) -> str:
        return str(self.path)

    def present(self) -> list[str]:
        """The names of a run's files that are there."""
        named = [name for name in FILES if (self.path / name).exists()]
        return named + [path.name for path in (*self.good(), *self.previous())]

    def good(self) -> list[Path]:
        """The good states, oldest first."""
        return self.numbered(r"step-(\d+)\.safetensors")

    def previous(self) -> list[Path]:
        """The best weights of runs that were replaced."""
        return self.numbered(r"previous-best-(\d+)\.safetensors")

    def numbered(self, pattern: str) -> list[Path]:
        if not self.path.is_dir():
            return []
        found = [(re.fullmatch(pattern, path.name), path) for path in self.path.iterdir()]
        return [path for _, path in sorted((int(m[1]), path) for m, path in found if m)]

    # ---- changes ----

    def take(self) -> None:
        """Make the folder, and lock it for one run.

        Raises:
            UsageError: it cannot be written, or another run goes on in it.
        """
        self.must_be_a_folder()
        try:
            self.made = [p for p in (self.path, *self.path.parents) if not p.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = Lock(self.path / "run.lock")
        except OSError as error:
            raise UsageError(
                f"--out must be a folder that can be written, got {str(self)!r}"
                f" ({error.strerror}). Give another one."
            ) from error

    def leave(self) -> None:
        """Unlock the folder. One that was made in vain goes."""
        if self.lock is not None:
            self.lock.release()
            self.lock = None
        for path in self.made:
            with suppress(OSError):  # not empty
                path.rmdir()

    def clear(self) -> None:
        """Remove the files of a run; its best weights are set aside."""
        if self.best.exists():
            numbers = [int(path.stem.rsplit("-", 1)[1]) for path in self.previous()]
            name = f"previous-best-{max(numbers, default=0) + 1}.safetensors"
            os.replace(self.best, self.path / name)
        for path in (*(self.path / name for name in FILES), *self.good()):
            path.unlink(missing_ok=True)

    def mark_good(self, step: int) -> None:
        """Keep last.safetensors, which was written after `step` steps, among the good states."""
        target = self.path / f"step-{step}.safetensors"
        target.unlink(missing_ok=True)
        try:
            os.link(self.last, target)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.last, target)
        for path in self.good()[: -self.keep]:
            path.unlink(missing_ok=True)

    def drop_beaten(self, best: dict[str, Any]) -> list[str]:
        """Remove set-aside weights that `best`, the content of best.safetensors, outdoes on the
        same data. Returns the names of the others.
        """
        left = []
        for path in self.previous():
            with suppress(storage.CheckpointError):
                old = storage.load(path)
                if is_result(old) and comparable(old, best) and is_better(best, old):
                    path.unlink(missing_ok=True)
                    continue
            left.append(path.name)
        return left

    # ---- may a run use it? ----

    def saved_to_resume(self, recipe: str, settings: dict[str, Any]) -> dict[str, Any]:
        """The run in the folder, for `--resume`. Settings that are None are taken from it; the
        others must be the same, but that the number of epochs may change.
        """
        saved = read_saved(self.last, self.good())
        for name, value in settings.items():
            if value is None:
                settings[name] = saved["settings"].get(name)
        self.must_agree(saved, recipe, settings, "Omit these flags to resume the run", {"epochs"})
        done = saved["state"]["epoch"]
        if settings["epochs"] < done:
            raise UsageError(
                f"--epochs must be at least the {done} epochs that the run in {str(self)!r} has"
                f" done, got {settings['epochs']}. Give more, or omit it."
            )
        return saved

    def must_have_a_run(self) -> None:
        self.must_be_a_folder()
        if not self.last.exists():
            raise UsageError(
                f"--resume needs a run in {str(self)!r}, got none (no last.safetensors there)."
                " Start it without --resume."
            )

    def must_be_free(self, recipe: str, settings: dict[str, Any]) -> None:
        """Make sure that a new run deletes nothing."""
        if not self.last.exists():
            return self.must_be_without_results()
        saved = read_saved(self.last, self.good())
        advice = "Give --resume alone to resume the run, --overwrite to replace it"
        self.must_agree(saved, recipe, settings, advice, set())
        done, epochs = saved["state"]["epoch"], saved["settings"]["epochs"]
        if done < epochs and not saved["state"]["stopped"]:
            raise UsageError(
                f"--out {str(self)!r} holds an unfinished run of the same settings ({done} of"
                f" {epochs_of(epochs)}). Resume it with --resume, start again with --overwrite, or"
                f" choose another --out, such as {self.free_neighbour()}."
            )
        raise UsageError(
            f"--out {str(self)!r} holds a finished run of the same settings: {epochs_of(done)},"
            f" {told(saved['state']['best'])}. Show it with --resume, train longer with --resume"
            f" --epochs {done + epochs}, keep it and choose another --out, such as"
            f" {self.free_neighbour()}, or replace it with --overwrite."
        )

    def must_be_without_results(self) -> None:
        """A folder without last.safetensors may hold what is left of a run all the same."""
        there = self.present()
        if there == ["metrics.jsonl"] and not any(
            line["event"] in ("step", "epoch") for line in read_lines(self.metrics)
        ):
            return  # a run that was killed before its first save
        if there:
            raise UsageError(
                f"--out {str(self)!r} holds files of a run ({', '.join(there)}), but no"
                f" last.safetensors to resume from. Choose another --out, such as"
                f" {self.free_neighbour()}, or replace them with --overwrite."
            )

    def free_neighbour(self) -> str:
        """The next numbered folder beside this one that does not exist."""
        base = re.sub(r"-\d+$", "", str(self)) if re.search(r"-\d+$", str(self)) else str(self)
        number = 2
        while Path(f"{base}-{number}").exists():
            number += 1
        return f"{base}-{number}"

    def must_be_a_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(
                f"--out must be a folder, got the file {str(self)!r}. Give another one."
            )

    def must_agree(
        self,
        saved: dict[str, Any],
        recipe: str,
        settings: dict[str, Any],
        advice: str,
        but: set[str],
    ) -> None:
        """Make sure that the saved run is of the same recipe and settings, those in `but` aside."""
        theirs = saved["settings"]
        differ = [
            f"{name} {theirs.get(name)} -> {value}"
            for name, value in settings.items()
            if theirs.get(name) != value and name not in but
        ]
        if saved["recipe"] != recipe:
            differ.insert(0, f"recipe {saved['recipe']} -> {recipe}")
        if differ:
            raise UsageError(
                f"--out {str(self)!r} holds a run of other settings ({', '.join(differ)})."
                f" {advice}, or choose another --out, such as {self.free_neighbour()}."
            )


def comparable(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two best weights were measured in the same way on the same data."""
    same = ("recipe", "held_out")
    return all(one.get(name) == other.get(name) for name in same) and (
        (ACCURACY in one) == (ACCURACY in other)
    )


def told(best: dict[str, Any] | None) -> str:
    """A few words on the best epoch."""
    if not best:
        return "no result"
    if ACCURACY in best:
        return f"best validation accuracy {100 * best[ACCURACY]:.2f} % in epoch {best['epoch']}"
    return f"best validation loss {best[LOSS]:.4f} in epoch {best['epoch']}"
