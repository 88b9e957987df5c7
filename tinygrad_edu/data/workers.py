"""Loading batches in the background.

`Workers` are threads, each with its own queue of jobs; `processes.Processes` are processes with the
same methods. An `Epoch` is one pass over the data: it
hands out numbered jobs, keeps at most `ahead` of them under way, and gives the results back in
order. The threads know neither the DataLoader nor the iterator, so these go away as soon as nobody
uses them, and the threads are stopped with them.
"""

from __future__ import annotations

import copy
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..engine.errors import ShapeError, TinygradEduError
from .seeding import in_turn, start_item

POLL = 1.0  # seconds: a wait without a limit cannot be interrupted with Ctrl-C on Windows
# seconds to wait for a worker that is still busy when the loop is left; it stops after its sample
# anyway
PATIENCE = 0.5
Result = tuple[int, Any, BaseException | None]  # number of the batch, the batch, what went wrong


@dataclass
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and its copy of the
    dataset.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Local(threading.local):
    info: WorkerInfo | None = None
    work: Any = None  # the pass that a thread loads for


_local = _Local()


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo of the worker this runs in; None in the main thread."""
    return _local.info


class LoaderTimeout(TinygradEduError, RuntimeError):
    """A batch did not come within the DataLoader's `timeout`."""


class CalledOff(Exception):
    """Nobody waits for this batch any more."""


def still_wanted(indices: Iterator[Any]) -> Iterator[Any]:
    """The indices, until the pass of this thread is called off."""
    for index in indices:
        if _local.work is not None and _local.work.cancelled:
            raise CalledOff
        yield index


class MapFetcher:
    """Loads the samples of given indices and joins them.

    A job is (number of its first item, indices).
    """

    def __init__(self, dataset: Any, collate: Callable, batched: bool, seed: int):
        self.dataset, self.collate, self.batched, self.seed = dataset, collate, batched, seed
        getitems = getattr(dataset, "__getitems__", None)
        self.getitems = getitems if callable(getitems) else None

    def __call__(self, job: tuple[int, Any]) -> Any:
        first, index = job
        start_item(self.seed + first)
        try:
            if not self.batched:
                return self.collate(self.dataset[index])
            if self.getitems is not None:
                return self.collate(self.getitems(index))
            dataset = self.dataset
            return self.collate([dataset[i] for i in still_wanted(in_turn(index))])
        except StopIteration as error:  # would end the epoch without a word
            raise ShapeError(
                "DataLoader: a dataset with numbered samples must not raise StopIteration, got it"
                f" at {index}. Raise IndexError there."
            ) from error
        finally:
            start_item(None)


class IterableFetcher:
    """Takes the next samples of an iterable dataset.

    A job is (number of its first item, how many; None: one, unbatched).
    """

    def __init__(self, dataset: Any, collate: Callable, drop_last: bool, seed: int):
        self.collate, self.drop_last, self.seed = collate, drop_last, seed
        start_item(seed)  # for what the dataset draws when its iteration begins
        try:
            self.samples = iter(dataset)
        finally:
            start_item(None)

    def __call__(self, job: tuple[int, int | None]) -> Any:
        first, size = job
        start_item(self.seed + first)
        try:
            if size is None:
                return self.collate(next(self.samples))
            places = still_wanted(in_turn(range(size)))
            batch = [sample for _, sample in zip(places, self.samples)]
            if not batch or (self.drop_last and len(batch) < size):
                raise StopIteration
            return self.collate(batch)
        finally:
            start_item(None)


class Exhausted(Exception):
    """The iterable dataset of `worker` has come to its end."""

    def __init__(self, worker: int):
        self.worker = worker


class LoaderError(TinygradEduError, RuntimeError):
    """A worker of a DataLoader has died."""


@dataclass
class FetcherMaker:
    """How each worker makes the fetcher of an epoch from its copy of the dataset."""

    iterable: bool
    collate: Any  # a function; None: the one that a process was started with
    flag: bool  # batched, or drop_last of an iterable dataset
    seed: int

    def __call__(self, dataset: Any) -> Callable:
        kind = IterableFetcher if self.iterable else MapFetcher
        return kind(dataset, self.collate, self.flag, self.seed)


class Pass:
    """What the workers need to know of one epoch: how to make a fetcher, where results go, whether
    it still matters.
    """

    def __init__(self, make_fetcher: Callable[[Any], Callable]):
        self.make_fetcher = make_fetcher
        self.fetchers: dict[int, Callable] = {}  # by worker; each makes its own
        self.results: SimpleQueue[Result] = SimpleQueue()
        self.cancelled = False


class Workers:
    """`count` threads that load batches until `stop()`."""

    def __init__(self, count: int, dataset: Any, init: Callable[[int], Any] | None, seed: int):
        self.process = os.getpid()
        self.count = count
        self.queues: list[SimpleQueue] = [SimpleQueue() for _ in range(count)]
        self.threads = []
        for i, jobs in enumerate(self.queues):
            info = WorkerInfo(i, count, seed + i, copy.copy(dataset))
            # daemon: a dataset that hangs must not keep the program from ending
            self.threads.append(
                threading.Thread(
                    target=_work,
                    args=(info, jobs, init),
                    name=f"DataLoader worker {i}",
                    daemon=True,
                )
            )
        for thread in self.threads:
            thread.start()

    def begin(self, make_fetcher: FetcherMaker) -> Pass:
        return Pass(make_fetcher)

    def send(self, worker: int, work: Pass, number: int, task: Any) -> None:
        self.queues[worker].put((work, number, task))

    def dead(self, worker: int) -> str:
        """Why the worker gives no more results; empty while it lives."""
        return "" if self.threads[worker].is_alive() else "its thread has ended"

    def call_off(self, work: Pass) -> None:
        work.cancelled = True

    def stop(self, patience: float) -> None:
        """End the threads after the sample they are busy with, and wait for that, at most
        `patience` seconds: then it is a sample that hangs.
        """
        for jobs in self.queues:
            jobs.put(None)
        limit = time.monotonic() + patience
        for thread in self.threads:
            # the garbage collector may call this in a worker
            if thread is not threading.current_thread() and self.process == os.getpid():
                thread.join(max(0.0, limit - time.monotonic()))


def _work(info: WorkerInfo, jobs: SimpleQueue, init: Callable[[int], Any] | None) -> None:
    _local.info = info
    failed = start_worker(info, init)
    while (job := jobs.get()) is not None:
        work, number, task = job
        if not work.cancelled:
            _local.work = work
            work.results.put(
                (number, *load(info, work.fetchers, work.make_fetcher, failed, number, task))
            )
        del job, work, task  # hold on to nothing while waiting
        _local.work = None


def start_worker(info: WorkerInfo, init: Callable[[int], Any] | None) -> BaseException | None:
    """Call the user's `worker_init_fn`. Returns its error."""
    try:
        if init is not None:
            init(info.id)
    except BaseException as error:  # noqa: BLE001  # the reader must see it
        return error
    return None


def load(
    info: WorkerInfo,
    fetchers: dict[int, Callable],
    make_fetcher: Callable[[Any], Callable],
    failed: BaseException | None,
    number: int,
    task: Any,
) -> tuple[Any, BaseException | None]:
    """The batch of a task, or what went wrong."""
    try:
        if failed is not None:
            raise failed
        if info.id not in fetchers:
            fetchers[info.id] = make_fetcher(info.dataset)
        return fetchers[info.id](task), None
    except StopIteration:
        return None, Exhausted(info.id)
    except BaseException as error:  # noqa: BLE001  # the reader must see it
        try:
            error.add_note(
                f"(in DataLoader worker {info.id}, batch {number}: {str(task[1])[:200]})"
            )
        except BaseException:  # noqa: BLE001  # the user's own classes: what they say may raise
            return None, LoaderError(
                f"DataLoader: a sample must not raise, got {type(error).__name__} in worker"
                f" {info.id}, batch {number}. Load the samples with num_workers=0 to see where."
            )
        return None, error


class Epoch:
    """One pass over the data through workers: an iterator over batches, in order.

    However it is left (to the end, by break, an error or Ctrl-C), the workers are called off.

    Args:
        workers: threads (`Workers`) or processes (`Processes`).
        tasks: what to load, one task a batch; taken from in the reading thread only.
        ahead: how many batches may be under way or waiting.
        timeout: seconds to wait for a batch; 0: no limit.
        keep: leave the workers running for the next epoch.
    """

    def __init__(
        self,
        workers: Any,
        make_fetcher: FetcherMaker,
        tasks: Iterator[Any],
        ahead: int,
        timeout: float,
        keep: bool,
    ):
        self.workers, self.tasks, self.timeout = workers, tasks, timeout
        self.work = workers.begin(make_fetcher)
        self.patience = [PATIENCE]
        self.close = weakref.finalize(self, _call_off, self.work, workers, not keep, self.patience)
        self.active = set(range(workers.count))  # workers whose data has not ended
        self.turn = self.sent = self.read = 0
        self.by: dict[int, int] = {}  # which worker has which batch
        self.waiting: dict[
            int, tuple[Any, BaseException | None]
        ] = {}  # results that came before their turn
        for _ in range(ahead):
            self._send()

    def _send(self) -> None:
        """Give the next task to the next worker that still has data."""
        if not self.active or (task := next(self.tasks, None)) is None:
            return
        while (worker := self.turn) not in self.active:
            self.turn = (worker + 1) % self.workers.count
        self.turn = (worker + 1) % self.workers.count
        self.workers.send(worker, self.work, self.sent, task)
        self.by[self.sent] = worker
        self.sent += 1

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch, error = self._take()
        except BaseException as reason:  # the end, a timeout, a dead worker or Ctrl-C
            if isinstance(reason, LoaderTimeout):
                self.patience[0] = 0.0  # it hangs: why wait?
            self.close()
            raise
        if error is None:
            return batch
        del self  # the traceback must not keep the epoch alive, and with it the workers
        try:
            raise error
        finally:
            del error

    def _take(self) -> tuple[Any, BaseException | None]:
        if self.workers.process != os.getpid():
            raise LoaderError(
                "DataLoader: an epoch must be read in the process that began it, got a forked"
                " child. Begin an epoch of its own there: iter(loader)."
            )
        while self.read < self.sent:
            batch, error = self._receive(self.read)
            del self.by[self.read]
            self.read += 1
            if isinstance(error, Exhausted):
                self.active.discard(error.worker)
            self._send()
            if not isinstance(error, Exhausted):
                return batch, error
        raise StopIteration

    def _receive(self, number: int) -> tuple[Any, BaseException | None]:
        limit = time.monotonic() + self.timeout if self.timeout > 0 else float("inf")
        while number not in self.waiting:
            died = self.workers.dead(
                self.by[number]
            )  # asked before the queue: a last result counts
            try:
                wait = 0.0 if died else min(POLL, max(0.0, limit - time.monotonic()))
                arrived, batch, error = self.work.results.get(timeout=wait)
                self.waiting[arrived] = (batch, error)
            except Empty:
                if died:
                    raise LoaderError(
                        f"DataLoader: worker {self.by[number]} must live until the epoch ends, but"
                        f" {died} before it gave batch {number}. Use num_workers=0 to see why."
                    ) from None
                if time.monotonic() >= limit:
                    raise LoaderTimeout(
                        f"DataLoader: batch {number} must come within timeout={self.timeout}"
                        " seconds, got nothing. Raise the timeout, or look for what blocks in the"
                        " dataset."
                    ) from None
        return self.waiting.pop(number)


def _call_off(work: Pass, workers: Any, stop: bool, patience: list[float]) -> None:
    """Tell the workers that nobody waits for the rest of this pass; stop them unless they serve the
    next one.
    """
    workers.call_off(work)
    if stop:
        workers.stop(patience[0])
