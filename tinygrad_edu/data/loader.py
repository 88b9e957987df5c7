"""DataLoader: samples in batches, shuffled and loaded ahead, from any dataset."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from ..engine.device import Generator, default_generator
from ..engine.errors import DTypeError, ShapeError
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .seeding import check_generator
from .workers import PATIENCE, Epoch, FetcherMaker, Workers

FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader:
    """Iterate over a dataset in batches.

    Args:
        dataset: has `__getitem__` and `__len__`, or is an IterableDataset.
        batch_size: samples a batch; None: single samples, not joined.
        shuffle: a new random order every epoch.
        sampler: the order of the indices, instead of shuffle.
        batch_sampler: yields lists of indices, instead of batch_size, shuffle, sampler and
            drop_last.
        num_workers: background workers that load batches ahead; 0 loads in the thread that
            iterates.
        collate_fn: joins a list of samples to a batch; `default_collate` if None.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a batch from a worker; 0: no limit.
        worker_init_fn: called with the worker's number in each worker before it loads anything.
        generator: source of the order, and of the seeds of the items. None: the default generator.
        prefetch_factor: batches each worker may load ahead, 2 by default.
        persistent_workers: keep the workers between epochs.
        multiprocessing_context: None: the workers are threads. "spawn", "forkserver", "fork", or a
            context of `multiprocessing`: they are processes.
        pin_memory, pin_memory_device, in_order: accepted and ignored; batches always come in order.

    Note:
        Threads are the default: they start at once, need no `if __name__ == "__main__":`, copy
        nothing, and NumPy, Pillow and file reading release Python's lock while they work. Every
        thread has a shallow copy of the dataset; what that refers to is shared between them.

        Transforms in pure Python hold that lock, so threads make them no faster. Processes do not
        share it, but on the 2 cores where both were measured they gained nothing either: an epoch
        took 0.89 s without workers, 0.92 s with 2 threads and 0.92 to 0.94 s with 2 processes, and
        the first one up to 3.1 s (`benchmarks/results/data_loading.json`). Measure yours with
        `benchmarks/data_loading.py` before you choose processes. Their dataset, collate_fn and
        worker_init_fn must be picklable, but with "fork", which is quick to start and can hang
        where threads run. Batches come through anonymous shared memory, which no crash can leave
        behind.

        The same seed gives the same batches with any number of workers, also where transforms draw
        random numbers: each item of an epoch has its own seed (see `current_generator`). Leaving
        the loop early stops the workers. An error in a worker is raised where the batch would have
        come, with the traceback of the worker.
    """

    _ready = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable | None = None,
        batch_sampler: Iterable | None = None,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        _check_dataset(dataset)
        given = {"shuffle": shuffle, "sampler": sampler, "batch_sampler": batch_sampler}
        _check_order(given, iterable, batch_size, drop_last)
        check_generator(generator, "DataLoader")
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif iterable:
            BatchSampler((), 1 if batch_size is None else batch_size, drop_last)  # for its checks
        if not iterable:
            if sampler is None and shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            elif sampler is None:
                sampler = SequentialSampler(dataset)
            if batch_sampler is None and batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        batched = batch_size is not None or batch_sampler is not None
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self.num_workers, self.timeout = num_workers, timeout
        self.worker_init_fn = worker_init_fn
        self.pin_memory, self.generator = pin_memory, generator
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self._iterable, self._batched = iterable, batched
        self._workers: Any = None
        self._begun: list[Any] | None = None  # the generators' states when the present epoch began
        self._given = 0  # batches of it that were given out
        self._resume = False  # whether the next epoch is the rest of that one
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._ready and name in FIXED:
            raise ShapeError(
                f"DataLoader: {name} cannot be changed after construction, got {value!r}. Create a"
                " new DataLoader."
            )
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        """Batches in an epoch."""
        if not self._iterable:
            return len(self.batch_sampler if self._batched else self.sampler)  # type: ignore[arg-type]
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    # ---- the place in the data, for checkpoints ----

    def _generators(self) -> list[Generator]:
        """Whatever draws the order: the loader's generator, then those that its samplers have for
        themselves.
        """
        found = [self.generator or default_generator]
        for sampler in (
            self.batch_sampler,
            getattr(self.batch_sampler, "sampler", None),
            self.sampler,
        ):
            own = getattr(sampler, "generator", None)
            if isinstance(own, Generator) and all(own is not g for g in found):
                found.append(own)
        return found

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: enough to continue with the next batch after `load_state_dict`, in
        another process too.

        Returns: {"batches": given out in the present epoch, "generators": their states when it
                 began}, for `save`.
        """
        begun = self._begun
        return {
            "batches": 0 if begun is None else self._given,
            "generators": [g.get_state() for g in self._generators()] if begun is None else begun,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict()`: the next epoch is the rest of the saved one, in its order;
        later epochs follow as they would have.

        The batches before are not loaded again, but for an IterableDataset, which is read up to
        there. The default generator is put back to its present state after it made the order: save
        and restore it (`get_rng_state`) if other code draws from it.

        Raises: ShapeError if the state is not of such a loader
        """
        generators = self._generators()
        if (
            not isinstance(state, dict)
            or set(state) != {"batches", "generators"}
            or len(state["generators"]) != len(generators)
        ):
            raise ShapeError(
                "DataLoader.load_state_dict: must get what state_dict of a loader with"
                f" {len(generators)} generator(s) returned, got"
                f" {sorted(state) if isinstance(state, dict) else type(state).__name__}. Make the"
                " loader as it was then."
            )
        self._begun = [getattr(s, "array", s) for s in state["generators"]]
        self._given = int(state["batches"])
        self._resume = True

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch: draws one seed from the generator, then the order. After
        `load_state_dict` it continues the saved one.
        """
        generators, resume, now = self._generators(), self._resume, default_generator.get_state()
        skip = self._given if resume else 0
        if resume:
            for generator, saved in zip(generators, self._begun or ()):
                generator.set_state(saved)
        self._begun, self._given, self._resume = [g.get_state() for g in generators], skip, False
        batches = self._start(0 if self._iterable else skip)
        for _ in range(skip if self._iterable else 0):
            next(batches, None)
        if skip:
            default_generator.set_state(now)
        return Counted(self, batches)

    def _start(self, skip: int) -> Iterator[Any]:
        """The batches of a new epoch from number `skip` on."""
        seed = (self.generator or default_generator).next_key()
        make = self._fetcher_maker(seed)
        if self.num_workers == 0:
            return (_until_end if self._iterable else map)(make(self.dataset), self._tasks(skip))
        workers = self._workers or self._make_workers(seed)
        if workers.process != os.getpid():  # kept by the process that this one was forked from
            workers = self._make_workers(seed)
        if self.persistent_workers and workers is not self._workers:
            self._workers = workers
            weakref.finalize(self, workers.stop, PATIENCE)
        return Epoch(
            workers,
            make,
            self._tasks(skip),
            self.num_workers * (self.prefetch_factor or 2),
            self.timeout,
            keep=self.persistent_workers,
        )

    def _make_workers(self, seed: int) -> Any:
        context = self.multiprocessing_context
        if context is None:
            return Workers(self.num_workers, self.dataset, self.worker_init_fn, seed)
        from .processes import Processes

        return Processes(
            context, self.num_workers, self.dataset, self.worker_init_fn, seed, self.collate_fn
        )

    def _fetcher_maker(self, seed: int) -> FetcherMaker:
        flag = self.drop_last if self._iterable else self._batched
        return FetcherMaker(self._iterable, self.collate_fn, flag, seed)

    def _tasks(self, skip: int) -> Iterator[tuple[int, Any]]:
        """What to load, batch by batch, each with the number its first item has in the epoch,
        without the first `skip`. Draws the order at once.
        """
        if self._iterable:
            return ((batch * (self.batch_size or 1), self.batch_size) for batch in count())
        tasks: Iterator[tuple[int, Any]]
        if self.batch_sampler is not None:
            tasks = _numbered(iter(self.batch_sampler))
        else:
            tasks = enumerate(self.sampler or ())
        for _ in range(skip):
            next(tasks, None)
        return tasks


class Counted:
    """The batches of an epoch; tells the loader how many were given out, and when it has ended."""

    def __init__(self, loader: DataLoader, batches: Iterator[Any]):
        self.loader, self.batches, self.begun = loader, batches, loader._begun

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch = next(self.batches)
        except StopIteration:
            if self.loader._begun is self.begun:  # no other epoch has begun meanwhile
                self.loader._begun, self.loader._given = None, 0
            raise
        except BaseException:
            del self  # the traceback must not keep the epoch alive, and with it the workers
            raise
        if self.loader._begun is self.begun:
            self.loader._given += 1
        return batch


def _numbered(batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    first = 0
    for batch in batches:
        yield first, batch
        first += len(batch)


def _until_end(fetch: Callable, tasks: Iterator[Any]) -> Iterator[Any]:
    for task in tasks:
        try:
            batch = fetch(task)
        except StopIteration:
            return
        yield batch


def _check_dataset(dataset: Any) -> None:
    if not isinstance(dataset, IterableDataset) and not hasattr(dataset, "__getitem__"):
        raise DTypeError(
            "DataLoader: dataset must have __getitem__ and __len__, or be an IterableDataset, got"
            f" {type(dataset).__name__}. Derive it from Dataset."
        )


def _check_order(
    given: dict[str, Any], iterable: bool, batch_size: int | None, drop_last: bool
) -> None:
    """`given`: shuffle, sampler and batch_sampler, of which few go together."""
    shuffle, sampler = given["shuffle"], given["sampler"]
    own_batches = given["batch_sampler"] is not None
    if iterable and (shuffle or sampler is not None or own_batches):
        raise ShapeError(
            "DataLoader: an IterableDataset decides its own order, got shuffle, sampler or"
            " batch_sampler. Omit them."
        )
    if sampler is not None and shuffle:
        raise ShapeError("DataLoader: needs either sampler or shuffle, got both. Omit one.")
    if own_batches and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ShapeError(
            "DataLoader: batch_sampler takes the place of batch_size, shuffle, sampler and"
            " drop_last, got one of them too. Omit it."
        )
    if batch_size is None and drop_last:
        raise ShapeError("DataLoader: drop_last needs batches, got batch_size=None. Omit one.")


def _context(given: Any, num_workers: int) -> Any:
    """The context of `multiprocessing` that was asked for, None for threads."""
    if given is None:
        return None
    if num_workers == 0:
        raise ShapeError(
            "DataLoader: multiprocessing_context needs workers, got num_workers=0. Set num_workers,"
            " or omit it."
        )
    import multiprocessing

    known = multiprocessing.get_all_start_methods()
    if isinstance(given, str) and given in known:
        return multiprocessing.get_context(given)
    if hasattr(given, "Process") and hasattr(given, "Pipe"):
        return given
    raise ShapeError(
        f"DataLoader: multiprocessing_context must be None, one of {', '.join(known)}, or a context"
        f" of multiprocessing, got {given!r}. Correct it."
    )


def _check_workers(
    num_workers: Any, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ShapeError(
            f"DataLoader: num_workers must be a whole number >= 0, got {num_workers!r}. Use 0 to"
            " load without workers."
        )
    if timeout < 0:
        raise ShapeError(
            f"DataLoader: timeout must be >= 0 seconds, got {timeout}. Use 0 for no limit."
        )
    if num_workers == 0 and prefetch_factor is not None:
        raise ShapeError(
            f"DataLoader: prefetch_factor needs workers, got prefetch_factor={prefetch_factor} with"
            " num_workers=0. Set num_workers, or omit it."
        )
    if prefetch_factor is not None and (
        not isinstance(prefetch_factor, int) or prefetch_factor < 1
    ):
        raise ShapeError(
            f"DataLoader: prefetch_factor must be a whole number >= 1, got {prefetch_factor!r}."
            " Correct it."
        )
    if num_workers == 0 and persistent_workers:
        raise ShapeError(
            "DataLoader: persistent_workers needs workers, got num_workers=0. Set num_workers, or"
            " omit it."
        )
