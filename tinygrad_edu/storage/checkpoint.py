"""Save and load tensors, and all that a training run needs to continue.

Files are safetensors files (see `safetensors_file`); `load` also reads PyTorch's (see
`torch_files`). Writing is atomic: a kill or a full disk at any moment leaves either the old file or
the new one, never half of one.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from ..engine.device import Generator, default_generator, get_device
from ..engine.errors import CheckpointError
from ..files import write_atomically
from .safetensors_file import from_bytes, to_bytes
from .torch_files import from_torch


class CheckpointNotFound(CheckpointError, FileNotFoundError):
    """No file of that name."""

    __str__ = Exception.__str__  # OSError would look for an errno


def save(obj: Any, f: Any) -> None:
    """Write `obj` to the file `f`, whole or not at all.

    Args:
        obj: Tensors, NumPy arrays, numbers, strings, None, and any nesting of them in dicts (keys:
            str, int, float, bool, None), lists and tuples. Values are saved, not the graph: what
            comes back does not require gradients.
        f: a path, or an object with a `write` method. The folder must exist.

    Raises:
        CheckpointError: a value of another kind (nothing is pickled), or the file cannot be
            written. The file that was there before is then unchanged.
    """
    data = to_bytes(obj)
    if hasattr(f, "write"):
        f.write(data)
    else:
        write_atomically(os.fspath(f), data)


def load(f: Any, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What `save` wrote to the file `f`, equal in every bit.

    A safetensors file from elsewhere gives a flat dict of tensors. A file of PyTorch's torch.save
    (`.pt`, `.pth`) gives the structure of tensors and plain values in it.

    Args:
        f: a path, or an object with a `read` method.
        map_location: the device to put tensors on, default the CPU.
        weights_only: kept for PyTorch's signature. Nothing is ever executed, whichever is given.

    Dtype: bfloat16 is read as float32, which holds each of its values exactly.

    Raises:
        CheckpointError: the file is missing, damaged, or of a newer format.
    """
    name = repr(getattr(f, "name", f) if hasattr(f, "read") else os.fspath(f))
    data = f.read() if hasattr(f, "read") else read_file(os.fspath(f), name)
    device = get_device("cpu" if map_location is None else map_location)
    if data[:4] == b"PK\x03\x04":  # a zip archive
        return from_torch(data, name, device)
    if data[:2] == b"\x80\x02":  # a bare pickle
        raise CheckpointError(
            f"load: pickles are never run, got {name}, which is one (torch.save's format before"
            " version 1.6). Load it with PyTorch and save it again with torch.save."
        )
    return from_bytes(data, name, device)


def read_file(path: str, name: str) -> bytes:
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise CheckpointError(
                f"load: must be a file, got {'the folder' if stat.S_ISDIR(kind) else 'the device'}"
                f" {name}. Give the path of a checkpoint."
            )
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise CheckpointNotFound(
            f"load: the file must exist, got {name}. Check the path, or save one first."
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"load: {name} must be readable, got {error.strerror or error}. Check its permissions."
        ) from error


def save_checkpoint(f: Any, **parts: Any) -> None:
    """Save all that a run needs to continue.

    Args:
        f: as for `save`.
        parts: what to save, by name: a model, optimizer or scheduler (its `state_dict()` is saved),
            a Generator (its state), or a value (epoch, history ...). The state of the default
            generator is saved with them.
    """
    state = {"default_generator": default_generator.get_state()}
    for name, part in parts.items():
        if isinstance(part, Generator):
            state[name] = part.get_state()
        else:
            state[name] = part.state_dict() if hasattr(part, "state_dict") else part
    save(state, f)


def load_checkpoint(f: Any, **parts: Any) -> dict:
    """Put the saved states back into `parts` (given by the names they were saved under) and into
    the default generator.

    Returns the rest: the plain values, and the states of parts that were not given.

    Raises:
        CheckpointError: the file is damaged, or lacks one of the parts.
    """
    state = load(f)
    name = repr(getattr(f, "name", f))
    if not isinstance(state, dict) or "default_generator" not in state:
        raise CheckpointError(
            f"load_checkpoint: needs a file that save_checkpoint wrote, got {name}. Use load for"
            " other files."
        )
    missing = sorted(parts.keys() - state.keys())
    if missing:
        raise CheckpointError(
            f"load_checkpoint: {name} must hold {', '.join(missing)}, got only"
            f" {', '.join(sorted(state))}. Ask for the parts that were saved."
        )
    default_generator.set_state(state.pop("default_generator"))
    for key, part in parts.items():
        saved = state.pop(key)
        if isinstance(part, Generator):
            part.set_state(saved)
        else:
            part.load_state_dict(saved)
    return state
