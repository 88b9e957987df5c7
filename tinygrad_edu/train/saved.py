"""What last.safetensors holds, and what there was to it: read back, checked, compared."""

from __future__ import annotations

import platform
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import storage
from ..devices.cpu.threads import known_num_threads
from .errors import UsageError
from .recipe import Recipe
from .state import State

FORMAT = 2  # of the content; the file's own format is the storage's
KINDS = {
    "recipe": str,
    "settings": dict,
    "fingerprint": dict,
    "made_with": dict,
    "device": str,
    "state": dict,
    "model": dict,
    "optimizer": dict,
}


def read_saved(path: Path, good: list[Path]) -> dict[str, Any]:
    """The content of a run's checkpoint.

    Args:
        good: older states, of which the newest can take the place of a damaged one.

    Raises:
        UsageError: it is damaged, or something else.
    """
    try:
        saved = storage.load(path)
        check_saved(saved)
    except (storage.CheckpointError, ValueError, TypeError, KeyError, RecursionError) as error:
        older = f"copy the last good state {good[-1].name} to {path.name}, " if good else ""
        raise UsageError(
            f"--out {str(path.parent)!r} must hold a {path.name} of a run, got one that cannot be"
            f" resumed: {error} Choose another --out, {older}or replace it with --overwrite."
        ) from error
    return saved


def check_saved(saved: Any) -> None:
    """Raise ValueError unless this is what `Run.save` wrote."""
    if not isinstance(saved, dict) or "state" not in saved or "recipe" not in saved:
        raise ValueError("it was not written by `tinygrad-edu train`.")
    if saved.get("format") != FORMAT:
        raise ValueError(
            f"it has format {str(saved.get('format', 1))[:20]}, this version reads {FORMAT}."
        )
    wrong = [name for name, kind in KINDS.items() if not isinstance(saved.get(name), kind)]
    if wrong:
        raise ValueError(f"its {', '.join(wrong)} is missing or of another kind.")
    try:
        State.from_saved(saved["state"])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{error}.") from error
    epochs = saved["settings"].get("epochs")
    if type(epochs) is not int or epochs < 1:
        raise ValueError("its settings must have a number of epochs.")


def check_settings(recipe: Recipe, settings: dict[str, Any]) -> None:
    """Raise ValueError unless the saved settings are such as the recipe has."""
    for name, usual in recipe.defaults().items():
        if name not in settings:
            raise ValueError(f"its settings lack {name}.")
        value, kind = settings[name], type(usual)
        may_be = (type(None), int) if usual is None else (int, float) if kind is float else (kind,)
        if not isinstance(value, may_be) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"its setting {name} is of another kind.")
    if settings["batch_size"] < 1 or settings["seed"] < 0:
        raise ValueError("its batch_size or seed is too small.")


# ---- what the bits of a result depend on ---------------------------------------------------------


def environment(device: Any) -> dict[str, str]:
    """What the bits of a result depend on beside the settings."""
    threads = known_num_threads()
    return {
        "tinygrad_edu": engine_version(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": "unknown" if threads is None else str(threads),
        "device": str(device),
    }


def engine_version() -> str:
    """The version, and a checksum of the code: a checkout changes without a new number."""
    from .. import __version__

    total, root = 0, Path(__file__).parents[1]
    for part in ("engine", "ops", "nn", "optim", "devices"):
        for path in sorted((root / part).rglob("*.py")):
            total = zlib.crc32(path.read_bytes(), total)
    return f"{__version__}+{total:08x}"


def what_changed(before: dict[str, Any], now: dict[str, str]) -> list[str]:
    return [
        f"{name} {before.get(name, 'unknown')} -> {value}"
        for name, value in now.items()
        if before.get(name) != value
    ]


def epochs_of(count: int) -> str:
    """So many epochs, in words."""
    return f"{count} epoch{'' if count == 1 else 's'}"
