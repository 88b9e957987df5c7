"""Save and load tensors, and all that a training run needs to continue.

Files are safetensors files (see `safetensors_file`) or PyTorch's (see `torch_files`, `torch_legacy`
and `torch_writer`). Writing is atomic: a kill or a full disk at any moment leaves either the old
file or the new one, never half of one.
"""

from __future__ import annotations

import io
import mmap as memory_map
import os
import stat
from collections.abc import Callable
from typing import Any

from ..engine.device import Device, Generator, default_generator, get_device
from ..engine.errors import CheckpointError
from ..files import write_atomically
from .modules import finder
from .safetensors_file import from_bytes, to_bytes
from .torch_files import from_torch
from .torch_legacy import is_legacy
from .torch_writer import to_torch

PROTOCOLS = (b"\2", b"\3", b"\4", b"\5")  # of pickles: the second byte


class CheckpointNotFound(CheckpointError, FileNotFoundError):
    """No file of that name."""

    __str__ = Exception.__str__  # OSError would look for an errno


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write `obj` to the file `f`, whole or not at all.

    A name that ends in `.safetensors` gives a safetensors file. Any other name, and a file object,
    gives the format of PyTorch's torch.save, which `torch.load` reads too. In that format, tensors
    that share memory share it again when they are loaded.

    Args:
        obj: Tensors, NumPy arrays, numbers, strings, None, and any nesting of them in dicts, lists
            and tuples. PyTorch's format also takes sets, bytes, complex numbers, dtypes, devices,
            an OrderedDict, a Counter, and whole modules (see `modules`).
        f: a path, or an object with a `write` method. The folder must exist.
        pickle_module, pickle_protocol, _use_new_zipfile_serialization: kept for PyTorch's
            signature. They change nothing.

    Raises:
        CheckpointError: a value of another kind, or the file cannot be written. The file that was
            there before is then unchanged.
    """
    is_file = hasattr(f, "write")
    path = "" if is_file else os.fspath(f)
    ending = os.path.splitext(os.fsdecode(path))[1]
    data = to_bytes(obj) if ending == ".safetensors" else to_torch(obj)
    if is_file:
        f.write(data)
    else:
        write_atomically(path, data)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What `save` wrote to the file `f`, equal in every bit.

    A safetensors file from elsewhere gives a flat dict of tensors. A file of PyTorch's torch.save
    (`.pt`, `.pth`), also of one before version 1.6, gives the structure in it. The file's content
    decides, not its name. No code in a file is ever run.

    Args:
        f: a path, or an object with a `read` method.
        map_location: the device to put tensors on, default the CPU; or a dict from the devices
            that they were saved from to those that they go to; or a function of a storage and its
            device's name, as PyTorch's scripts give, which stands for the CPU.
        pickle_module, pickle_load_args: kept for PyTorch's signature. They change nothing.
        weights_only: True (the default): tensors and plain values. False: also whole modules, whose
            classes must be imported already (see `modules`).
        mmap: leave the numbers in the file until they are read. Needs a path, and torch.save's
            format since version 1.6. The file must not be shortened while tensors of it are in use.

    Dtype: bfloat16 is read as float32, uint16 as int32, uint32 and uint64 as int64: each holds the
           values exactly.

    Raises:
        CheckpointError: the file is missing, damaged, or of a newer format.
    """
    place, trust = placing(map_location), finder(weights_only is not False)
    if hasattr(f, "read"):
        name, data = named(getattr(f, "name", "a file object")), f.read()
        return read(io.BytesIO(data), name, place, trust, mmap=False)
    name = named(os.fspath(f))
    with opened(os.fspath(f), name) as file:
        return read(file, name, place, trust, bool(mmap))


def named(path: Any) -> str:
    """A path as errors show it."""
    text = repr(path)
    return text if len(text) < 300 else f"{text[:140]} ... {text[-140:]}"


def read(file: Any, name: str, place: Callable[[str], Device], trust: Any, mmap: bool) -> Any:
    start = file.read(9)
    file.seek(0)
    if start[:4] == b"PK\x03\x04" or is_legacy(file):  # a zip archive, or older than those
        return from_torch(file, name, place, trust, mmap)
    # a bare pickle; with four zeros it is the length of a safetensors header
    if start[:1] == b"\x80" and start[1:2] in PROTOCOLS and start[4:8] != bytes(4):
        raise CheckpointError(
            f"load: pickles are never run, got {name}, which is one. Load it with the program that"
            " wrote it and save it with torch.save."
        )
    if start[8:9] != b"{" and not name.endswith(".safetensors'"):
        raise CheckpointError(
            f"load: the file must be one of torch.save or a whole safetensors file, got {name}:"
            f" it {f'begins with {start[:8]!r}' if start else 'is empty'}. Use another copy or an"
            " earlier checkpoint."
        )
    if mmap and start:  # an empty file has no map
        data: Any = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
    else:
        data = file.read()
    return from_bytes(data, name, place("cpu"))


def placing(map_location: Any) -> Callable[[str], Device]:
    """The device for tensors that were saved from the device of a name."""
    if isinstance(map_location, dict):
        table = {str(old): new for old, new in map_location.items()}
        return lambda name: get_device(table.get(name, "cpu"))
    device = get_device("cpu" if map_location is None or callable(map_location) else map_location)
    return lambda name: device


def opened(path: Any, name: str) -> Any:
    """The file, opened to be read."""
    try:
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise CheckpointError(
                f"load: must be a file, got {'the folder' if stat.S_ISDIR(kind) else 'the device'}"
                f" {name}. Give the path of a checkpoint."
            )
        return open(path, "rb")
    except FileNotFoundError:
        raise CheckpointNotFound(
            f"load: the file must exist, got {name}. Check the path, or save one first."
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"load: {name} must be readable, got {error.strerror or error}. Check its permissions."
        ) from error
    except ValueError as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"load: a path must not hold the character NUL, got {name}. Correct the path."
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
