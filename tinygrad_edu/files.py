"""Writing files so that a crash at any moment leaves the old content or the new, and nothing
between; and unpacking gzip files that may be hostile.
"""

from __future__ import annotations

import glob
import os
import stat
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .engine.errors import CheckpointError

SPARE = 20_000_000  # bytes that a gzip file may unpack to, and as many more as 20 times its size
SWELLING = 20
PIECE = 1 << 14  # bytes that are unpacked at once
PATIENCE = 10.0  # seconds to wait for another writer of the same folder before writing beside it


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Put `data` into the file `path` so that after a crash at any moment either the old or the new
    content is there. A file that was there keeps its permissions.

    The data goes to a temporary file in the same folder, is forced to the disk, takes the name of
    the old file, and then the folder is forced to the disk too. Writers of one folder take turns,
    so a temporary file found on arrival was left behind by a kill and is removed.
    """
    path = os.path.realpath(path)  # a symbolic link stays, the file it points to is replaced
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.saving")
    try:
        with locked(folder) as (folder_fd, alone):
            for stale in (
                glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.saving"))
                if alone
                else ()
            ):
                os.unlink(stale)
            mode = mode_of(path)
            try:
                fd = os.open(
                    temporary,
                    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0),
                    0o666 if mode is None else mode & 0o600,
                )
                try:
                    if mode is not None and hasattr(os, "fchmod"):
                        os.fchmod(fd, mode)
                    rest = memoryview(data)
                    while rest:
                        rest = rest[os.write(fd, rest) :]
                    os.fsync(fd)
                finally:
                    os.close(fd)
                os.replace(temporary, path)
            except BaseException:  # Ctrl-C included: never leave half a file behind
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            if folder_fd is not None:
                os.fsync(folder_fd)
    except OSError as error:
        before = "The file that was there is unchanged. " if os.path.exists(path) else ""
        raise CheckpointError(
            f"save: {path!r} must be writable, got {error.strerror or error}. {before}"
            "Check that the folder exists, is writable and has free space."
        ) from error


def mode_of(path: str) -> int | None:
    """The permissions of the file that is there already; None if there is none."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None


@contextmanager
def locked(folder: str) -> Iterator[tuple[int | None, bool]]:
    """Yield a descriptor of the folder to fsync, and whether its lock is ours.

    The lock ends with the process, however it ends.
    """
    try:
        import fcntl
    except ImportError:  # Windows: folders can be neither locked nor fsynced
        yield None, False
        return
    fd = os.open(folder, os.O_RDONLY)
    alone, until = False, time.monotonic() + PATIENCE
    try:
        while not alone and time.monotonic() < until:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = True
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:  # some network file systems have no locks
                break
        yield fd, alone
    finally:
        os.close(fd)


def gunzip(raw: bytes, limit: int | None = None) -> bytes:
    """The content of a gzip file.

    Args:
        limit: stop after that many bytes. None: read all of it, and refuse more than a file of this
            size may unpack to (20 MB and 20 times its size).

    Raises: ValueError for a file that is damaged, ends too early, or unpacks to too much
    """
    most = SPARE + SWELLING * len(raw)
    stop = most + 1 if limit is None else min(limit, most + 1)
    content, at = bytearray(), 0
    while at < len(raw) or not raw:  # a file may have several parts
        unpacker = zlib.decompressobj(wbits=31)  # 31: with gzip's header and checksum
        while not unpacker.eof:
            piece = raw[at : at + PIECE]  # small, because what is left of it is copied
            try:
                content += unpacker.decompress(piece, stop - len(content))
            except zlib.error as error:
                raise ValueError(f"a corrupt gzip file ({error})") from None
            if limit is not None and len(content) >= limit:
                return bytes(content)
            if len(content) > most:
                raise ValueError(f"a gzip file of {len(raw):,} bytes with more than {most:,} in it")
            if not piece and not unpacker.eof:
                raise ValueError("a gzip file that ends too early (truncated)")
            at += len(piece) - len(unpacker.unused_data) - len(unpacker.unconsumed_tail)
    return bytes(content)
