"""Fetching a file: from the first mirror that has it, continued after an interruption, checked
before it gets its name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .base import DatasetError

TIMEOUT = 30.0  # seconds without a byte
WHOLE = 1800.0  # seconds for one try, however busy the server is
LARGEST = 1_000_000_000  # bytes of a file, where the caller does not know better
TRIES = 3  # how often a transfer that broke off is taken up again, per mirror
CHUNK = 1 << 16
NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


def fetch(
    urls: Sequence[str], target: Path, check: Callable[[Path], None], limit: int = LARGEST
) -> Path:
    """Get `target` from the first of `urls` that gives what `check` accepts.

    The bytes go to `target` + ".part", which a later call continues (HTTP Range). It is checked,
    flushed to the disk and only then renamed, so a file called `target` is always whole. Of several
    processes one fetches the file, and the others wait for it.

    Args:
        check: raises DatasetError if the file is not the right one.
        limit: the most bytes that the file may have.

    Raises:
        DatasetError: no mirror gave the file; the message says for each one why.
    """
    part = target.with_name(target.name + ".part")
    reasons: list[str] = []
    with alone(part):
        try:
            if target.exists():  # another process was quicker
                return target
            if part.exists() and part.is_file() and part.stat().st_size > limit:
                os.truncate(part, 0)  # of another file
            for url in urls:
                if taken(url, part, target, check, limit, reasons):
                    return target
        finally:
            if part.exists() and part.stat().st_size == 0:
                part.unlink()
    raise DatasetError("\n".join(reasons))


def check_hash(path: Path, name: str, algorithm: str, expected: str) -> None:
    """Raise DatasetError unless the file has that hash: `algorithm` is "sha256" or "md5"."""
    found = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    if found.hexdigest() != expected:
        raise DatasetError(
            f"{name}: {path.name.removesuffix('.part')} must have the {algorithm} {expected}, got"
            f" {found.hexdigest()}. Delete it and get it again, for example with download=True."
        )


def taken(
    url: str,
    part: Path,
    target: Path,
    check: Callable[[Path], None],
    limit: int,
    reasons: list[str],
) -> bool:
    """Try one mirror. Returns whether `target` is there now, or adds to `reasons` why not."""
    for _ in range(TRIES):
        resumed = part.exists() and part.stat().st_size > 0
        try:
            whole = transfer(url, part, target.name, limit)
        except NETWORK_ERRORS as error:
            reason = getattr(error, "reason", None) or error or type(error).__name__
            reasons.append(f"    {url}: {str(reason)[:300]}")
            return False
        except OSError as error:
            raise DatasetError(
                f"    {part} could not be written: {error}. Make room on the disk, or choose"
                " another folder."
            ) from error
        if not whole:
            reason = f"    {url}: the transfer broke off after {part.stat().st_size:,} bytes"
            if reason in reasons:  # no byte more than last time
                return False
            reasons.append(reason)
            continue
        try:
            check(part)
        except DatasetError as error:
            reasons.append(f"    {url}: sent a wrong file ({error})")
            os.truncate(part, 0)
            if resumed:  # its beginning may have been what was wrong
                continue
            return False
        install(part, target)
        return True
    return False


@contextmanager
def alone(part: Path) -> Iterator[None]:
    """Hold the lock of the file `part`, which is made if it is not there. The lock ends with the
    process, however it ends.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        yield
        return
    while True:
        fd = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if is_same(fd, part):
                yield
                return
        finally:
            os.close(fd)


def is_same(fd: int, path: Path) -> bool:
    """Whether `path` still names the open file: the one before may have renamed it."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def transfer(url: str, part: Path, name: str, limit: int) -> bool:
    """Append to `part` what is missing of `url`. Returns whether all of it has come."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(
        url,
        headers={"User-Agent": "tinygrad_edu"} | ({"Range": f"bytes={start}-"} if start else {}),
    )
    with Watch(WHOLE) as watch:
        try:
            response = watch.open(request)
        except urllib.error.HTTPError as error:
            # nothing after `start`: the part is whole (or too long, then its check fails)
            if error.code == 416 and start:
                return True
            raise
        with response:
            if start and not (
                response.status == 206
                and (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-")
            ):
                start = 0  # this server sends the file from its beginning
            total = total_of(response, start, limit)
            done = start
            with open(part, "ab" if start else "wb") as file, progress(name, total) as show:
                while chunk := receive(response):
                    done += len(chunk)
                    if done > limit:
                        raise Refused(f"sent more than {limit:,} bytes")
                    file.write(chunk)
                    show(done)
        if watch.over:
            raise Refused(f"took more than {WHOLE:g} seconds")
    return total is None or done == total


def total_of(response: Any, start: int, limit: int) -> int | None:
    """How many bytes the whole file has by the server's word; None if it does not tell."""
    length = response.headers.get("Content-Length")
    if length is None:
        return None
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise Refused(f"sent the Content-Length {length[:20]!r}, which is not a size")
    if start + int(length) > limit:
        raise Refused(f"would send {start + int(length):,} bytes, more than {limit:,}")
    return start + int(length)


class Watch:
    """Opens addresses, and cuts the connections when the time is over: also those of a server that
    sends a byte now and then.
    """

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.sockets: list[socket.socket] = []
        self.timer = threading.Timer(seconds, self.cut)
        self.timer.daemon = True

    def __enter__(self) -> Watch:
        self.timer.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.timer.cancel()
        for connection in self.sockets:
            connection.close()

    def open(self, request: urllib.request.Request) -> Any:
        handlers = (Handler(self), SecureHandler(self), Redirects())
        try:
            return urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT)
        except NETWORK_ERRORS as error:
            if self.over:
                raise Refused(f"took more than {WHOLE:g} seconds") from error
            raise

    def connect(self, *args: Any, **options: Any) -> socket.socket:
        made = socket.create_connection(*args, **options)
        self.sockets.append(made.dup())  # a handle of its own: TLS takes the other one over
        return made

    def cut(self) -> None:
        self.over = True
        for connection in self.sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def connection(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **options: Any) -> Any:
            made = kind(*args, **options)
            made._create_connection = self.connect
            return made

        return make


class Handler(urllib.request.HTTPHandler):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def http_open(self, req: Any) -> Any:
        return self.do_open(self.watch.connection(http.client.HTTPConnection), req)


class SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def https_open(self, req: Any) -> Any:
        return self.do_open(self.watch.connection(http.client.HTTPSConnection), req)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows what a server says, but not from https to an address that anyone can change."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise Refused("leads from https to an address without it")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Refused(urllib.error.URLError):
    """What a server does is not accepted."""


def receive(response: Any) -> bytes:
    """The next bytes; none at the end and where the line broke."""
    try:
        return response.read1(CHUNK)
    except (http.client.HTTPException, OSError):
        return b""


def install(part: Path, target: Path) -> None:
    """Give a checked file its name, such that a crash leaves either no `target` or a whole one."""
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    # the name itself reaches the disk with its folder; Windows has no way to ask for that
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def progress(name: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows how many bytes have come: a bar where rich is installed and someone watches, else a few
    lines on stderr.
    """
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
    except ModuleNotFoundError:
        rich_here = False
    else:
        rich_here = sys.stderr.isatty()
    if rich_here:
        columns: list[Any] = [
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        ]
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(name, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    shown = time.monotonic()
    last = 0

    def show(done: int) -> None:
        nonlocal shown, last
        last = done
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            print(f"{name}: {describe(done, total)}", file=sys.stderr, flush=True)

    print(
        f"{name}: fetching{f' {total / 1e6:.1f} MB' if total else ''}", file=sys.stderr, flush=True
    )
    try:
        yield show
    finally:
        print(f"{name}: {describe(last, total)}", file=sys.stderr, flush=True)


def describe(done: int, total: int | None) -> str:
    return (
        f"{done / 1e6:.1f} MB"
        if not total
        else f"{done / 1e6:.1f} of {total / 1e6:.1f} MB ({100 * done // total} %)"
    )
