"""Loading batches in background threads.

`Workers` are the threads, each with its own queue of jobs. An `Epoch` is one pass over the data: it
hands out numbered jobs, keeps at most `ahead` of them under way, and gives the results back in
order. The threads know neither the DataLoader nor the iterator, so these go away as soon as nobody
uses them, and the threads are stopped with them.
"""

from __future__ import annotations

import copy
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
# seconds to wait for a worker that is still busy when the loop is left; it stops after its batch
# anyway
PATIENCE = 5.0
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


_local = _Local()


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo of the worker this runs in; None in the main thread."""
    return _local.info


class LoaderTimeout(TinygradEduError, RuntimeError):
    """A batch did not come within the DataLoader's `timeout`."""


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
            return self.collate([dataset[i] for i in in_turn(index)])
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
            batch = [sample for _, sample in zip(in_turn(range(size)), self.samples)]
            if not batch or (self.drop_last and len(batch) < size):
                raise StopIteration
            return self.collate(batch)
        finally:
            start_item(None)


class Exhausted(Exception):
    """The iterable dataset of `worker` has come to its end."""

    def __init__(self, worker: int):
        self.worker = worker


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

    def stop(self) -> None:
        """End the threads after the batch they are busy with, and wait for that."""
        for jobs in self.queues:
            jobs.put(None)
        limit = time.monotonic() + PATIENCE
        for thread in self.threads:
            # the garbage collector may call this in a worker
            if thread is not threading.current_thread():
                thread.join(max(0.0, limit - time.monotonic()))


def _work(info: WorkerInfo, jobs: SimpleQueue, init: Callable[[int], Any] | None) -> None:
    _local.info = info
    failed: BaseException | None = None
    if init is not None:
        try:
            init(info.id)
        except BaseException as error:  # noqa: BLE001  # the reader must see it
            failed = error
    while (job := jobs.get()) is not None:
        work, number, task = job
        if not work.cancelled:
            try:
                if failed is not None:
                    raise failed
                if info.id not in work.fetchers:
                    work.fetchers[info.id] = work.make_fetcher(info.dataset)
                result: Result = (number, work.fetchers[info.id](task), None)
            except StopIteration:
                result = (number, None, Exhausted(info.id))
            except BaseException as error:  # noqa: BLE001  # the reader must see it
                error.add_note(
                    f"(in DataLoader worker {info.id}, batch {number}: {str(task[1])[:200]})"
                )
                result = (number, None, error)
            work.results.put(result)
            del result
        del job, work, task  # hold on to nothing while waiting


class Epoch:
    """One pass over the data through `Workers`: an iterator over batches, in order.

    However it is left (to the end, by break, an error or Ctrl-C), the workers are called off.

    Args:
        tasks: what to load, one task a batch; taken from in the reading thread only.
        ahead: how many batches may be under way or waiting.
        timeout: seconds to wait for a batch; 0: no limit.
        keep: leave the workers running for the next epoch.
    """

    def __init__(
        self,
        workers: Workers,
        make_fetcher: Callable,
        tasks: Iterator[Any],
        ahead: int,
        timeout: float,
        keep: bool,
    ):
        self.work, self.queues, self.tasks, self.timeout = (
            Pass(make_fetcher),
            workers.queues,
            tasks,
            timeout,
        )
        self.close = weakref.finalize(self, _call_off, self.work, None if keep else workers)
        self.active = set(range(len(self.queues)))  # workers whose data has not ended
        self.turn = self.sent = self.read = 0
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
            self.turn = (worker + 1) % len(self.queues)
        self.turn = (worker + 1) % len(self.queues)
        self.queues[worker].put((self.work, self.sent, task))
        self.sent += 1

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch, error = self._take()
        except BaseException:  # the end, a timeout or Ctrl-C
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
        while self.read < self.sent:
            batch, error = self._receive(self.read)
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
            try:
                arrived, batch, error = self.work.results.get(
                    timeout=min(POLL, max(0.0, limit - time.monotonic()))
                )
                self.waiting[arrived] = (batch, error)
            except Empty:
                if time.monotonic() >= limit:
                    raise LoaderTimeout(
                        f"DataLoader: batch {number} must come within timeout={self.timeout}"
                        " seconds, got nothing. Raise the timeout, or look for what blocks in the"
                        " dataset."
                    ) from None
        return self.waiting.pop(number)


def _call_off(work: Pass, workers: Workers | None) -> None:
    """Tell the workers that nobody waits for the rest of this pass; stop its own workers."""
    work.cancelled = True
    if workers is not None:
        workers.stop()
