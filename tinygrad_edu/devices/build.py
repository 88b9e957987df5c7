"""Compiled code in the user's cache folder: each text is compiled once, for every process.

folder = cache_folder("emu")
name = f"softmax-{digest(text, *command)}.so"      # a change of any of them makes a new file
library = built(folder, name, lambda path: run([*command, "-o", str(path)], "softmax.cu"))
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path

from ..engine.errors import KernelError

BUILDING = ".building-"  # how the folders begin in which builds are made
NEW = 60.0  # seconds in which a build may not have locked its folder yet
LONGEST_BUILD = 600.0  # seconds
SHOWN = 12  # lines of a compiler's log that an error shows


def cache_folder(kind: str) -> Path:
    """Where builds of a kind are kept: $TINYGRAD_EDU_CACHE, else the user's cache folder.

    What lies there is run, so the folder must belong to the user and be closed to others. Otherwise
    a new folder for this process is used.
    """
    given = os.environ.get("TINYGRAD_EDU_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(given) if given else Path(home) / "tinygrad_edu"
    folder = root / kind
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        for made in (root, folder):  # one by one: `parents` would open the upper one to a group
            made.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return private_folder(kind)
    opened = next((path for path in (root, folder) if not is_private(path)), None)
    if opened is not None:
        warn_open(opened)
        return private_folder(kind)
    return folder if os.access(folder, os.W_OK) else private_folder(kind)


def is_private(path: Path) -> bool:
    """Whether the file or folder is the user's own, and nobody else may write to it."""
    try:
        found = path.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):  # Windows: the user's folders are closed to others
        return True
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


@cache
def warn_open(path: Path) -> None:
    warnings.warn(
        f"kernels: the folder of compiled kernels must be yours and closed to others, got {path}."
        f" They are compiled again in each process. Run: chmod go-w {path}",
        stacklevel=3,
    )


@cache
def private_folder(kind: str) -> Path:
    """A folder for this process, removed at its end, where the user's cannot be used."""
    folder, owner = tempfile.mkdtemp(prefix=f"tinygrad_edu-{kind}-"), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a fork
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return Path(folder)


def digest(*parts: str) -> str:
    """A name for builds from these texts and options."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def built(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The file `name` of a folder, made by `make(path)` if it is not there or is damaged.

    It is made in a folder of its own and then renamed: two processes may build the same file at
    once, and a build that fails or is killed leaves nothing under that name. Beside it lies its
    sha256, by which damage is noticed.
    """
    final, sums = folder / name, folder / f"{name}.sha256"
    if is_whole(final, sums):
        return final
    remove_dead(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=BUILDING) as work, held(work):
        made, told = Path(work) / name, Path(work) / sums.name
        make(made)
        made.chmod(made.stat().st_mode & ~0o022)
        told.write_text(sha256_of(made), encoding="ascii")
        told.chmod(0o600)
        for path in (made, told):
            sync(path)
        os.replace(made, final)
        os.replace(told, sums)
    sync(folder)
    return final


def is_whole(final: Path, sums: Path) -> bool:
    """Whether a build is there, the user's own, and as it was made."""
    try:
        return (
            is_private(final)
            and is_private(sums)
            and sums.read_text(encoding="ascii", errors="replace") == sha256_of(final)
        )
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Force a file or folder to the disk."""
    if os.name == "nt":  # Windows opens no folders
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def held(folder: str | Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a folder, which ends with the process. Yields whether it is held."""
    try:
        import fcntl

        fd = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        mine = True
    except OSError:
        mine = False
    try:
        yield mine
    finally:
        os.close(fd)


def remove_dead(folder: Path) -> None:
    """Remove what builds left that were killed: folders that no process holds any more."""
    for work in folder.glob(f"{BUILDING}*"):
        with suppress(OSError), held(work, wait=False) as dead:
            if dead and time.time() - work.stat().st_mtime > NEW:
                shutil.rmtree(work, ignore_errors=True)


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
    version = run([*compiler(), "--version"], "the compiler").splitlines()[:1]
    return flags + "".join(version)


def run(command: Sequence[str], what: str) -> str:
    """Run a compiler; what it prints.

    Raises: KernelError with the lines of the log that name errors
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_BUILD
        )
    except subprocess.TimeoutExpired:
        raise KernelError(
            f"{what}: must compile in {LONGEST_BUILD:g} seconds, got no end. Check that"
            f" {command[0]} works."
        ) from None
    if done.returncode:
        raise KernelError(f"{what}: must compile, got\n{log_lines(done.stderr)}")
    return done.stdout


def log_lines(log: str) -> str:
    """The part of a compiler's log that an error shows, with the advice after it."""
    telling = ("error", "undefined reference", "multiple definition")
    lines = [line for line in log.splitlines() if any(word in line for word in telling)]
    lines = lines or log.splitlines()
    return "\n".join(f"    {line}" for line in lines[:SHOWN]) + "\nCorrect these lines."
