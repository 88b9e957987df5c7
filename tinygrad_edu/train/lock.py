"""One run at a time in a folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .errors import UsageError

HELD: set[int] = set()  # descriptors of locks; a forked child must not keep them alive


class Lock:
    """The file `path`, locked until `release` or the end of the process, however it ends.

    Note: Windows and some network file systems have no such lock. There a second run is not
          noticed.

    Raises:
        UsageError: another run holds the lock.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = self.take()
        HELD.add(self.descriptor)

    def take(self) -> int:
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                lock(descriptor)
            except BlockingIOError:
                owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                raise UsageError(
                    f"--out must be a folder in which no other run is going on, got"
                    f" {str(self.path.parent)!r}, in use by process {owner}. Wait for it, or choose"
                    " another --out."
                ) from None
            if same_file(descriptor, self.path):
                os.truncate(descriptor, 0)
                os.write(descriptor, b"%d\n" % os.getpid())
                return descriptor
            os.close(descriptor)  # the run before removed its file just now

    def release(self) -> None:
        if self.descriptor not in HELD:
            return
        HELD.discard(self.descriptor)
        with suppress(OSError):
            self.path.unlink()  # while it is still ours
        os.close(self.descriptor)


def lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return


def same_file(descriptor: int, path: Path) -> bool:
    """Whether `path` still leads to the open file."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def forget_in_child() -> None:
    for descriptor in HELD:
        os.close(descriptor)
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_in_child)
