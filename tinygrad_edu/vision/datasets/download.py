"""Fetching a file: from the first mirror that has it, continued after an interruption, checked
before it gets its name.
"""

from __future__ import annotations

import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .base import DatasetError

TIMEOUT = 30.0  # seconds without a byte
TRIES = 3  # how often a transfer that broke off is taken up again, per mirror
CHUNK = 1 << 16
NETWORK_ERRORS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


def fetch(urls: Sequence[str], target: Path, check: Callable[[Path], None]) -> Path:
    """Get `target` from the first of `urls` that gives what `check` accepts.

    The bytes go to `target` + ".part", which a later call continues (HTTP Range). It is checked,
    flushed to the disk and only then renamed, so a file called `target` is always whole.

    Args:
        check: raises DatasetError if the file is not the right one.

    Raises:
        DatasetError: no mirror gave the file; the message says for each one why.
    """
    part, reasons = target.with_name(target.name + ".part"), []
    for url in urls:
        for _ in range(TRIES):
            resumed = part.exists() and part.stat().st_size > 0
            try:
                whole = transfer(url, part, target.name)
            except NETWORK_ERRORS as error:
                reasons.append(
                    f"    {url}: {getattr(error, 'reason', None) or error or type(error).__name__}"
                )
                break
            except OSError as error:
                raise DatasetError(
                    f"    {part} could not be written: {error}. Make room on the disk, or choose"
                    " another folder."
                ) from error
            if not whole:
                reason = f"    {url}: the transfer broke off after {part.stat().st_size:,} bytes"
                if reason in reasons:  # no byte more than last time
                    break
                reasons.append(reason)
                continue
            try:
                check(part)
            except DatasetError as error:
                reasons.append(f"    {url}: sent a wrong file ({error})")
                part.unlink()
                if resumed:  # its beginning may have been what was wrong
                    continue
                break
            install(part, target)
            return target
    if target.exists():  # another process was quicker
        return target
    raise DatasetError("\n".join(reasons))


def transfer(url: str, part: Path, name: str) -> bool:
    """Append to `part` what is missing of `url`. Returns whether all of it has come."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(
        url,
        headers={"User-Agent": "tinygrad_edu"} | ({"Range": f"bytes={start}-"} if start else {}),
    )
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
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
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        done = start
        with open(part, "ab" if start else "wb") as file, progress(name, total) as show:
            while chunk := receive(response):
                file.write(chunk)
                done += len(chunk)
                show(done)
    return total is None or done == total


def receive(response: Any) -> bytes:
    """The next bytes; none at the end and where the line broke."""
    try:
        return response.read(CHUNK)
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
