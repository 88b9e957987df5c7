"""Compiled code in the user's cache folder: each text is compiled once, for every process.

folder = cache_folder("emu")
name = f"softmax-{digest(text, *command)}.so"      # a change of any of them makes a new file
library = built(folder, name, lambda path: run([*command, "-o", str(path)], "softmax.cu"))
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path

from ..engine.errors import KernelError

SHOWN = 12  # lines of a compiler's log that an error shows


def cache_folder(kind: str) -> Path:
    """Where builds of a kind are kept: $TINYGRAD_EDU_CACHE, else the user's cache folder.

    The folder must belong to the user alone, because what lies there is run. Otherwise a new folder
    for this process is used.
    """
    given = os.environ.get("TINYGRAD_EDU_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = (Path(given) if given else Path(home) / "tinygrad_edu") / kind
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
            return folder
    except OSError:
        pass
    return private_folder(kind)


@cache
def private_folder(kind: str) -> Path:
    """A folder for this process, used where the user's cannot be written."""
    return Path(tempfile.mkdtemp(prefix=f"tinygrad_edu-{kind}-"))


def digest(*parts: str) -> str:
    """A name for builds from these texts and options."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def built(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The file `name` of a folder, made by `make(path)` if it is not there.

    It is made in a folder of its own and then renamed: two processes may build the same file at
    once, and a build that fails or is killed leaves nothing under that name.
    """
    final = folder / name
    if not final.exists():
        with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as work:
            made = Path(work) / name
            make(made)
            os.replace(made, final)
    return final


@lru_cache
def compiler() -> tuple[str, ...]:
    """The command of the C++ compiler: $CXX, else g++."""
    words = (os.environ.get("CXX") or "g++").split()
    if shutil.which(words[0]) is None:
        raise KernelError(
            f"kernels: need the C++ compiler {words[0]}, got none on the PATH. Install g++ (apt"
            " install g++), set CXX, or use device='cpu'."
        )
    return tuple(words)


@lru_cache
def machine() -> str:
    """What -march=native means here. It belongs into every digest: a cache in a shared home
    directory must not hand code for one machine to another.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        text = platform.processor()
    told = ("flags", "Features", "model name", "CPU part")
    flags = "\n".join(line for line in text.splitlines() if line.startswith(told))
    version = subprocess.run(
        [*compiler(), "--version"], capture_output=True, text=True, check=False
    ).stdout.splitlines()[:1]
    return flags + "".join(version)


def run(command: Sequence[str], what: str) -> str:
    """Run a compiler; what it prints.

    Raises: KernelError with the lines of the log that name errors
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise KernelError(f"{what}: must compile, got\n{log_lines(done.stderr)}")
    return done.stdout


def log_lines(log: str) -> str:
    """The part of a compiler's log that an error shows, with the advice after it."""
    lines = [line for line in log.splitlines() if "error" in line] or log.splitlines()
    return "\n".join(f"    {line}" for line in lines[:SHOWN]) + "\nCorrect these lines."
