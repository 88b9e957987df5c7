"""Loading batches in background processes, which do not share Python's lock. (Threads are the
default; on 2 cores processes were measured to be no faster: see `DataLoader`.)

A worker is sent tasks through a pipe and answers through it. The arrays of a large batch travel in
anonymous shared memory: its descriptor is sent along, the reader maps it, and it is gone with the
last array that uses it, or with the processes. It never has a name that a crash could leave behind.

Reference: PEP 574, pickle protocol 5 with out-of-band data.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection, parent_process, reduction
from queue import SimpleQueue
from typing import Any

from ..devices.cpu.threads import set_num_threads
from ..engine.device import default_generator
from ..engine.errors import DTypeError, TinygradEduError
from .workers import (
    Exhausted,
    FetcherMaker,
    LoaderError,
    Result,
    WorkerInfo,
    _local,
    load,
    start_worker,
)

SMALL = 1 << 16  # bytes; less goes through the pipe
ALIGNED = 64  # bytes
POLL = 1.0  # seconds between two looks at whether the parent still lives


class Pass:
    """One epoch, as the reading process knows it."""

    def __init__(self, number: int):
        self.number = number
        self.results: SimpleQueue[Result] = SimpleQueue()


class Processes:
    """`count` processes that load batches until `stop()`.

    Args:
        context: of `multiprocessing`: how a process is started.
        collate: joins samples. It goes along when a process starts, so a forked one takes any
            function; so does `init`.

    Raises:
        DTypeError: what a worker needs cannot be pickled.
    """

    def __init__(
        self,
        context: Any,
        count: int,
        dataset: Any,
        init: Callable[[int], Any] | None,
        seed: int,
        collate: Callable,
    ):
        self.process, self.count = os.getpid(), count
        self.spawned = context.get_start_method() != "fork"
        self.collate = collate
        self.passes: dict[int, Pass] = {}
        self.begun = 0
        self.stopping = False
        self.ours, self.workers = [], []
        for i in range(count):
            ours, theirs = context.Pipe()
            info = WorkerInfo(i, count, seed + i, dataset)
            worker = context.Process(
                target=work,
                args=(theirs, info, init, collate),
                name=f"DataLoader worker {i}",
                daemon=True,
            )
            try:
                worker.start()
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                self.stop(0.0)
                raise not_picklable(error) from error
            theirs.close()
            self.ours.append(ours)
            self.workers.append(worker)
        self.waking, self.wake = context.Pipe(duplex=False)
        # always reading, so that no worker waits to be read while it is written to
        self.reader = threading.Thread(target=self._read, name="DataLoader reader", daemon=True)
        self.reader.start()

    def begin(self, make_fetcher: FetcherMaker) -> Pass:
        if make_fetcher.collate is self.collate:  # the workers have it
            make_fetcher = replace(make_fetcher, collate=None)
        try:
            maker = pickle.dumps(make_fetcher)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            self.stop(0.0)
            raise not_picklable(error) from error
        self.begun += 1
        self.passes[self.begun] = new = Pass(self.begun)
        for worker in range(self.count):
            self._put(worker, ("begin", self.begun, maker))
        return new

    def send(self, worker: int, work: Pass, number: int, task: Any) -> None:
        self._put(worker, ("load", work.number, number, task))

    def _put(self, worker: int, message: tuple) -> None:
        with suppress(OSError):  # it is dead: `dead` says so
            self.ours[worker].send(message)

    def dead(self, worker: int) -> str:
        """Why the worker gives no more results; empty while it lives or has an answer under way."""
        process = self.workers[worker]
        if process.is_alive() or not self.ours[worker].closed:
            return ""
        code = process.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code > 0 and self.spawned:
            how += " (a script that starts processes needs `if __name__ == '__main__':`)"
        return f"its process {process.pid} {how}"

    def call_off(self, work: Pass) -> None:
        self.passes.pop(work.number, None)
        if self.process == os.getpid() and not self.stopping:
            for worker in range(self.count):
                self._put(worker, ("forget", work.number))

    def stop(self, patience: float) -> None:
        """End the processes; those that are still busy after `patience` seconds are killed."""
        if self.stopping or self.process != os.getpid():
            return
        self.stopping = True
        for worker in range(len(self.ours)):
            self._put(worker, ("end",))
        limit = time.monotonic() + patience
        for worker in self.workers:
            worker.join(max(0.0, limit - time.monotonic()))
            worker.kill()
            worker.join()
        if hasattr(self, "wake"):
            self.wake.close()
            if threading.current_thread() is not self.reader:
                self.reader.join()

    # ---- the reading thread ----

    def _read(self) -> None:
        """Take in what the workers answer, until their pipes are closed."""
        open_ = list(self.ours)
        pipe: Any  # wait() returns what it was given
        while open_:
            for pipe in connection.wait([*open_, self.waking]):
                if pipe is self.waking:  # `stop` has closed its other end
                    for one in open_:
                        one.close()
                    self.waking.close()
                    return
                try:
                    work, number, batch, error = receive(pipe)
                except (EOFError, OSError):  # the worker has died
                    open_.remove(pipe)
                    pipe.close()
                    continue
                if work in self.passes:
                    self.passes[work].results.put((number, batch, error))
                del batch, error


def not_picklable(error: Exception) -> DTypeError:
    return DTypeError(
        "DataLoader: dataset, collate_fn and worker_init_fn must be picklable for processes, got"
        f" {' '.join(str(error).split())}. Define them at the top of a module, or use threads"
        " (multiprocessing_context=None)."
    )


# ---- batches through shared memory ---------------------------------------------------------------


def send(pipe: Any, work: int, number: int, batch: Any, error: BaseException | None) -> None:
    """Answer a task."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        data = pickle.dumps((batch, error), 5, buffer_callback=buffers.append)
    except Exception as reason:  # noqa: BLE001  # what the user's collate_fn returned may be anything
        failed = DTypeError(
            "DataLoader: a batch from a process must be picklable, got"
            f" {type(batch).__name__} ({' '.join(str(reason).split())[:200]}). Return tensors,"
            " arrays and plain values."
        )
        data, buffers = pickle.dumps((None, failed)), []
    views = [buffer.raw() for buffer in buffers]
    sizes = [view.nbytes for view in views]
    if sum(sizes) < SMALL or not hasattr(reduction, "send_handle") or os.name == "nt":
        small = [bytes(view) for view in views]
        pipe.send_bytes(pickle.dumps((work, number, data, sizes, small)))
        return
    descriptor = shared_memory(starts(sizes)[-1])
    try:
        for start, view in zip(starts(sizes), views):
            put(descriptor, view, start)
        pipe.send_bytes(pickle.dumps((work, number, data, sizes, None)))
        reduction.send_handle(pipe, descriptor, os.getppid())
    finally:
        os.close(descriptor)


def receive(pipe: Any) -> tuple[int, int, Any, BaseException | None]:
    """The next answer of a worker. Its arrays lie in the shared memory, which they keep."""
    work, number, data, sizes, small = pickle.loads(pipe.recv_bytes())
    buffers: list[Any]
    if small is not None:
        buffers = [bytearray(one) for one in small]
    else:
        descriptor = reduction.recv_handle(pipe)
        try:
            memory = memoryview(mmap.mmap(descriptor, starts(sizes)[-1]))
        finally:
            os.close(descriptor)
        buffers = [memory[start : start + size] for start, size in zip(starts(sizes), sizes)]
    try:
        return work, number, *pickle.loads(data, buffers=buffers)
    except Exception as error:  # noqa: BLE001  # a class that this process cannot import
        return work, number, None, error


def put(descriptor: int, view: memoryview, start: int) -> None:
    """Write into the memory at `start`: quicker than through a map, whose every page faults."""
    while view:
        count = os.pwrite(descriptor, view, start)
        view, start = view[count:], start + count


def starts(sizes: list[int]) -> list[int]:
    """Where each buffer begins, and the size of all."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + -(-size // ALIGNED) * ALIGNED)
    return found


def shared_memory(size: int) -> int:
    """A descriptor of memory without a name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("batch")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


# ---- in the worker's process ---------------------------------------------------------------------


def work(pipe: Any, info: WorkerInfo, init: Callable[[int], Any] | None, collate: Callable) -> None:
    """Load batches until told to end, or until the reading process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the reader's, who ends the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    seed_everything(info.seed)
    _local.info = info
    failed = start_worker(info, init)
    inbox: deque[tuple] = deque()
    makers: dict[int, FetcherMaker] = {}
    fetchers: dict[int, dict[int, Callable]] = {}  # by pass
    with suppress(EOFError, OSError):  # the reader is gone
        while True:
            while not inbox or pipe.poll():
                wait_for_reader(pipe)
                inbox.append(pipe.recv())
            kind, *rest = inbox.popleft()
            if kind == "end" or ("end",) in inbox:
                return
            if kind == "begin":
                maker = pickle.loads(rest[1])
                makers[rest[0]] = replace(maker, collate=maker.collate or collate)
                fetchers[rest[0]] = {}
            elif kind == "forget":
                makers.pop(rest[0], None), fetchers.pop(rest[0], None)
            elif ("forget", rest[0]) not in inbox:
                number, task = rest[1:]
                batch, error = load(info, fetchers[rest[0]], makers[rest[0]], failed, number, task)
                send(pipe, rest[0], number, batch, for_the_journey(error))
                del batch, error


def wait_for_reader(pipe: Any) -> None:
    """Return when there is a message.

    Raises:
        EOFError: the reading process is gone.
    """
    parent = parent_process()
    watched = [pipe] if parent is None else [pipe, parent.sentinel]
    ancestor = os.getppid()
    while not (ready := connection.wait(watched, POLL)):
        # processes forked later keep the parent's end of this pipe open
        if os.getppid() != ancestor:
            raise EOFError
    if pipe not in ready:
        raise EOFError


def seed_everything(seed: int) -> None:
    """Other numbers in each worker, as PyTorch does it. (Items have generators of their own.)"""
    import random

    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    default_generator.manual_seed(seed)
    with suppress(ModuleNotFoundError):
        set_num_threads(1)  # the workers together use the cores


def for_the_journey(error: BaseException | None) -> BaseException | None:
    """The error with its traceback as a note, or one that can be pickled in its place."""
    if error is None or isinstance(error, Exhausted):
        return error
    trace = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"the worker's traceback:\n{trace}")
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:  # noqa: BLE001  # an error of the user's own class may be anything
        pass
    if isinstance(error, TinygradEduError):
        return error
    return LoaderError(
        f"DataLoader: a sample must not raise, got {type(error).__name__} in a worker process. Its"
        f" traceback:\n{trace}"
    )
