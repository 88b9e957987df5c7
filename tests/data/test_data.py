"""Datasets, samplers and the DataLoader: PyTorch's batches, the same with any number of workers,
and no thread left behind.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as te
from tinygrad_edu import arange, data, tensor
from tinygrad_edu.data import (
    DataLoader,
    IterableDataset,
    RandomSampler,
    TensorDataset,
    current_generator,
    get_worker_info,
)
from tinygrad_edu.engine.device import Generator, default_generator
from tinygrad_edu.engine.errors import ShapeError, TinygradEduError
from tinygrad_edu.engine.tensor import Tensor, as_tensor

ROOT = Path(__file__).parents[2]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def workers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    gc.collect()
    limit = time.monotonic() + 5
    while workers() and time.monotonic() < limit:
        time.sleep(0.01)
    assert not workers()


class Noisy(data.Dataset):
    """Item i with a random number of its own, loaded in a time that varies, so that workers
    overtake each other.
    """

    def __init__(self, n: int = 23):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        time.sleep(0.002 * (i % 3))
        return i, current_generator().numpy.random()


class Stream(data.IterableDataset):
    """0 .. n-1, shared out among the workers."""

    def __init__(self, n: int):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        yield from range(info.id if info else 0, self.n, info.num_workers if info else 1)


class Numbers(data.Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return i


def listed(loader) -> list:
    return [
        batch.tolist() if isinstance(batch, Tensor) else [part.tolist() for part in batch]
        for batch in loader
    ]


# ---- the same whatever the number of workers ----


@pytest.mark.parametrize("num_workers", [1, 2, 5])
@pytest.mark.parametrize("sampler", ["shuffle", "replacement", "weighted", "subset", "sequential"])
def test_same_seed_gives_same_batches_and_same_randomness_with_any_number_of_workers(
    num_workers, sampler
):
    def epochs(n):
        g = seeded(7)
        which = {
            "shuffle": None,
            "sequential": None,
            "replacement": data.RandomSampler(range(23), True, 40, g),
            "weighted": data.WeightedRandomSampler(np.arange(23) + 1, 30, generator=g),
            "subset": data.SubsetRandomSampler(range(3, 20), g),
        }[sampler]
        loader = DataLoader(
            Noisy(), 4, shuffle=sampler == "shuffle", sampler=which, num_workers=n, generator=g
        )
        return [listed(loader), listed(loader)], g.get_state().tolist()

    assert epochs(0) == epochs(num_workers)


def test_an_items_randomness_does_not_depend_on_the_batch_size_but_changes_from_epoch_to_epoch():
    def numbers(batch_size, epochs=1):
        loader = DataLoader(Noisy(), batch_size, generator=seeded(3))
        return [sum((r.tolist() for _, r in loader), []) for _ in range(epochs)]

    first, second = numbers(4, 2)
    assert first == numbers(7)[0] == numbers(1)[0]
    assert not set(first) & set(second)
    assert len(set(first)) == 23


@pytest.mark.parametrize("num_workers", [0, 2])
def test_randomness_in_a_subset_does_not_depend_on_workers_or_batches(num_workers):
    subset = data.Subset(Noisy(), [5, 3, 3, 20])
    values = [
        r
        for _, part in listed(DataLoader(subset, 3, generator=seeded(1), num_workers=num_workers))
        for r in part
    ]
    want = [r for _, part in listed(DataLoader(subset, 1, generator=seeded(1))) for r in part]
    assert values == want and len(set(values)) == 4


def test_without_a_generator_the_default_one_decides():
    def order():
        default_generator.manual_seed(11)
        return listed(DataLoader(Noisy(), 5, shuffle=True)), default_generator.get_state().tolist()

    assert order() == order()


def test_leaving_early_takes_the_same_from_the_generator_with_any_number_of_workers():
    states = []
    for num_workers in (0, 3):
        g = seeded(2)
        for _ in DataLoader(
            Noisy(),
            2,
            sampler=data.RandomSampler(range(23), replacement=True, generator=g),
            generator=g,
            num_workers=num_workers,
        ):
            break
        states.append(g.get_state().tolist())
    assert states[0] == states[1]


def test_the_order_of_an_epoch_is_drawn_when_the_iteration_begins():
    g = seeded(5)
    loader = DataLoader(Noisy(), 4, shuffle=True, generator=g)
    state = g.get_state()
    iterator = iter(loader)
    g.manual_seed(99)
    first = listed(iterator)
    g.set_state(state)
    assert listed(loader) == first


def test_outside_a_loader_the_default_generator_is_current_and_is_so_again_afterwards():
    assert current_generator() is default_generator
    for _ in DataLoader(Noisy(4), 2):
        assert current_generator() is default_generator
    with pytest.raises(ZeroDivisionError):
        list(DataLoader(Raising(0), 1))
    assert current_generator() is default_generator


def test_what_a_dataset_draws_with_rand_and_dropout_is_the_same_with_any_number_of_workers():
    from tinygrad_edu import functional as F

    class Drawing(Numbers):
        def __getitem__(self, i):
            return F.rand(2), F.dropout(as_tensor(np.ones(8, np.float32)))

    def run(n):
        state = default_generator.get_state().tolist()
        batches = listed(DataLoader(Drawing(20), 4, num_workers=n, generator=seeded(1)))
        assert default_generator.get_state().tolist() == state
        return batches

    assert run(0) == run(1) == run(3)


# ---- PyTorch's batches ----


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 30),
    batch_size=st.one_of(st.none(), st.integers(1, 9)),
    drop_last=st.booleans(),
    iterable=st.booleans(),
    num_workers=st.integers(0, 3),
)
def test_batches_and_lengths_are_pytorchs(n, batch_size, drop_last, iterable, num_workers):
    torch_data = pytest.importorskip("torch.utils.data")
    drop_last = drop_last and batch_size is not None

    class TorchStream(torch_data.IterableDataset):
        def __iter__(self):
            return iter(range(n))

    ours = DataLoader(
        Stream(n) if iterable else Numbers(n),
        batch_size,
        drop_last=drop_last,
        num_workers=num_workers,
    )
    theirs = torch_data.DataLoader(
        TorchStream() if iterable else Numbers(n), batch_size, drop_last=drop_last
    )
    got = list(ours)
    if iterable and num_workers > 1:
        kept = [
            x for batch in got for x in (batch.tolist() if isinstance(batch, Tensor) else [batch])
        ]
        assert len(set(kept)) == len(kept) and set(kept) <= set(range(n))
        assert drop_last or len(kept) == n
    else:
        assert [b.tolist() if isinstance(b, Tensor) else b for b in got] == [
            b.tolist() if hasattr(b, "tolist") else b for b in theirs
        ]
        if not iterable:
            assert len(ours) == len(theirs) == len(got)


def test_workers_take_turns_on_a_stream_as_in_pytorch():
    torch_data = pytest.importorskip("torch.utils.data")

    class TorchStream(torch_data.IterableDataset):
        def __iter__(self):
            info = torch_data.get_worker_info()
            yield from range(info.id, 23 - 10 * info.id, info.num_workers)

    class Uneven(data.IterableDataset):
        def __iter__(self):
            info = get_worker_info()
            yield from range(info.id, 23 - 10 * info.id, info.num_workers)

    assert listed(DataLoader(Uneven(), 3, num_workers=2)) == [
        b.tolist() for b in torch_data.DataLoader(TorchStream(), 3, num_workers=2)
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.BatchSampler(range(10), 4, False),
        lambda d: d.BatchSampler(range(10), 4, True),
        lambda d: d.BatchSampler(range(8), 4, True),
        lambda d: d.RandomSampler(range(10)),
        lambda d: d.RandomSampler(range(10), num_samples=25),
        lambda d: d.RandomSampler(range(10), True),
        lambda d: d.SequentialSampler(range(7)),
        lambda d: d.SubsetRandomSampler([4, 2, 9]),
        lambda d: d.WeightedRandomSampler([0.1, 3, 0], 12),
    ],
)
def test_samplers_have_pytorchs_lengths_and_index_counts(make):
    torch_data = pytest.importorskip("torch.utils.data")
    ours, theirs = make(data), make(torch_data)
    got, want = list(ours), list(theirs)
    assert len(ours) == len(theirs) == len(got) == len(want)
    assert all(type(i) is (list if isinstance(want[0], list) else int) for i in got)
    if isinstance(ours, data.BatchSampler | data.SequentialSampler):
        assert got == want
    elif not getattr(ours, "replacement", False):
        assert set(Counter(got[:20]).values()) == set(Counter(want[:20]).values())


def test_a_random_order_is_a_permutation_and_changes_every_epoch():
    loader = DataLoader(Numbers(50), 7, shuffle=True, generator=seeded())
    first, second = (sum(listed(loader), []) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50)) and first != second != list(range(50))


def test_a_weighted_sampler_draws_in_proportion_and_never_what_has_no_weight():
    counts = Counter(data.WeightedRandomSampler([1.0, 0.0, 3.0], 40_000, generator=seeded()))
    assert counts[1] == 0 and abs(counts[2] / counts[0] - 3) < 0.15
    assert sorted(
        data.WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False, generator=seeded())
    ) == [0, 2]


@pytest.mark.parametrize(
    "lengths", [[6, 4], [10, 0, 0], [0.33, 0.33, 0.34], [0.5, 0.5], [0.2, 0.7]]
)
def test_random_split_has_pytorchs_lengths_and_deals_every_sample_once(lengths):
    torch_data = pytest.importorskip("torch.utils.data")
    if lengths == [0.2, 0.7]:
        with pytest.raises(TinygradEduError, match="add up to"):
            data.random_split(range(10), lengths)
        return
    parts = data.random_split(range(10), lengths, generator=seeded(4))
    assert [len(p) for p in parts] == [len(p) for p in torch_data.random_split(range(10), lengths)]
    assert sorted(i for p in parts for i in p.indices) == list(range(10))
    assert [p.indices for p in parts] == [
        p.indices for p in data.random_split(range(10), lengths, generator=seeded(4))
    ]


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2],
        [1.5, 2.0],
        [True, False],
        ["a", "b"],
        [(1, "a"), (2, "b")],
        [[1, 2.0], [3, 4.0]],
        [{"a": 1, "b": [1.0]}, {"a": 2, "b": [2.0]}],
        [Point(1, 2.0), Point(3, 4.0)],
        [np.float32(1), np.float32(2)],
        [np.ones(3, np.float32), np.zeros(3, np.float32)],
        [np.array(1), np.array(2)],
        [b"a", b"b"],
        [(np.int64(3), (1, 2)), (np.int64(4), (3, 4))],
    ],
)
def test_default_collate_gives_pytorchs_types_dtypes_and_values(batch):
    torch = pytest.importorskip("torch")

    def plain(x):
        if isinstance(x, dict):
            return {k: plain(v) for k, v in x.items()}
        if isinstance(x, list | tuple):
            return type(x)(*map(plain, x)) if hasattr(x, "_fields") else type(x)(map(plain, x))
        return (
            (str(x.dtype).split(".")[-1], tuple(x.shape), x.tolist()) if hasattr(x, "tolist") else x
        )

    assert plain(data.default_collate(batch)) == plain(torch.utils.data.default_collate(batch))
    assert plain(data.default_convert(batch)) == plain(torch.utils.data.default_convert(batch))


def test_collate_stacks_tensors():
    x = data.default_collate([as_tensor(np.full((2, 3), i, np.float32)) for i in range(4)])
    assert x.shape == (4, 2, 3) and x.tolist()[2] == [[2.0] * 3] * 2


# ---- datasets ----


def test_a_tensor_dataset_gives_the_same_batches_fast_and_sample_by_sample():
    x, y = (
        as_tensor(np.random.default_rng(0).random((11, 2, 3), np.float32)),
        as_tensor(np.arange(11)),
    )

    class Slow(TensorDataset):
        def __getitem__(self, i):
            return super().__getitem__(i)

    for kwargs in ({}, {"shuffle": True}):
        fast, slow = (
            list(DataLoader(d(x, y), 4, generator=seeded(1), **kwargs))
            for d in (TensorDataset, Slow)
        )
        assert all(type(b) is list for b in fast)
        for (a, b), (c, d) in zip(fast, slow, strict=True):
            assert (
                a.dtype is c.dtype
                and (a.numpy() == c.numpy()).all()
                and (b.numpy() == d.numpy()).all()
            )


def test_a_collate_function_of_ones_own_gets_a_list_of_samples():
    seen = []
    dataset = TensorDataset(as_tensor(np.arange(6.0)), as_tensor(np.arange(6)))
    batches = list(
        DataLoader(
            dataset,
            4,
            collate_fn=lambda samples: seen.append(samples) or sum(int(y) for _, y in samples),
        )
    )
    assert batches == [6, 9] and [len(s) for s in seen] == [4, 2]
    assert (
        [y.item() for _, y in seen[0]] == [0, 1, 2, 3]
        and seen[0][-1][1].item() == 3
        and len(seen[0][1:3]) == 2
    )


@pytest.mark.parametrize("base", [TensorDataset, data.Subset])
def test_a_subclass_that_changes_getitem_is_asked_for_every_sample(base):
    class Changed(base):
        def __getitem__(self, i):
            return i * 100

    args = (
        (as_tensor(np.arange(3)),)
        if base is TensorDataset
        else (TensorDataset(as_tensor(np.arange(5))), [2, 1, 0])
    )
    assert listed(DataLoader(Changed(*args), 2)) == [[0, 100], [200]]


def test_getitems_of_a_dataset_is_called_once_a_batch():
    calls = []

    class Batched(Numbers):
        def __getitems__(self, indices):
            calls.append(indices)
            return [10 * i for i in indices]

    assert listed(DataLoader(Batched(5), 2)) == [[0, 10], [20, 30], [40]]
    assert listed(DataLoader(data.Subset(Batched(5), [4, 0]), 2)) == [[40, 0]]
    assert calls == [[0, 1], [2, 3], [4], [4, 0]]


def test_concat_chain_stack_and_subset_find_the_right_samples():
    both = Numbers(3) + Numbers(2)
    assert (
        isinstance(both, data.ConcatDataset)
        and [both[i] for i in range(-5, 5)] == [0, 1, 2, 0, 1] * 2
    )
    assert list(Stream(2) + Stream(3)) == [0, 1, 0, 1, 2]
    assert data.StackDataset(Numbers(3), Numbers(3))[1] == (1, 1) and data.StackDataset(
        a=Numbers(3), b=Numbers(3)
    )[2] == {"a": 2, "b": 2}
    assert data.Subset(Numbers(9), [8, 1])[-1] == 1
    with pytest.raises(IndexError):
        both[5]


# ---- workers ----


class Raising(Numbers):
    def __init__(self, at, n=20):
        super().__init__(n)
        self.at = at

    def __getitem__(self, i):
        return 1 / (i - self.at)


def test_an_error_in_a_worker_comes_with_the_workers_traceback_in_its_batchs_turn():
    seen = []
    with pytest.raises(ZeroDivisionError) as caught:
        for batch in DataLoader(Raising(9), 4, num_workers=3):
            seen.append(len(batch))
    text = "".join(traceback.format_exception(caught.value))
    assert seen == [4, 4]
    assert (
        "return 1 / (i - self.at)" in text
        and "DataLoader worker 2, batch 2: [8, 9, 10, 11]" in text
    )


@pytest.mark.parametrize("num_workers", [0, 2])
def test_after_an_error_the_next_batch_can_be_asked_for_as_in_pytorch(num_workers):
    iterator = iter(DataLoader(Raising(5), 4, num_workers=num_workers))
    next(iterator)
    with pytest.raises(ZeroDivisionError):
        next(iterator)
    assert next(iterator).shape == (4,)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_stop_iteration_in_a_dataset_is_an_error_not_a_short_epoch(num_workers):
    class Ends(Numbers):
        def __getitem__(self, i):
            return next(iter(())) if i == 5 else i

    with pytest.raises(TinygradEduError, match="StopIteration"):
        list(DataLoader(Ends(9), 2, num_workers=num_workers))


def test_leaving_the_loop_stops_the_workers_at_once():
    for batch in DataLoader(Noisy(1000), 2, num_workers=3):
        assert len(workers()) == 3 and len(batch) == 2
        break
    assert not workers()
    iterator = iter(DataLoader(Noisy(1000), 2, num_workers=3))  # never asked for a batch
    assert len(workers()) == 3
    del iterator
    assert not workers()


def test_an_error_in_the_loop_stops_the_workers():
    def train():
        for _ in DataLoader(Noisy(1000), 2, num_workers=3):
            raise KeyError("in the loop")

    with pytest.raises(KeyError):
        train()
    assert not workers()


def test_no_more_than_the_allowed_number_of_batches_is_loaded_ahead():
    loaded = []

    class Counting(Numbers):
        def __getitem__(self, i):
            loaded.append(i)
            return i

    iterator = iter(DataLoader(Counting(1000), 1, num_workers=2, prefetch_factor=3))
    for asked in range(1, 5):
        next(iterator)
        limit = time.monotonic() + 5
        while len(loaded) < asked + 6 and time.monotonic() < limit:
            time.sleep(0.001)
        time.sleep(0.02)  # time for one too many
        assert len(loaded) == asked + 6


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("where", ["waiting", "training"])
def test_ctrl_c_ends_the_program_and_its_workers(where):
    script = textwrap.dedent(f"""
        import signal, sys, threading, time
        from tinygrad_edu.data import DataLoader
        # a shell's background job starts with Ctrl-C ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        class Slow:
            def __len__(self): return 100
            def __getitem__(self, i):
                time.sleep({0.3 if where == "waiting" else 0})
                return i
        try:
            for i, batch in enumerate(DataLoader(Slow(), 4, num_workers=3)):
                print("ready", flush=True)
                time.sleep({0 if where == "waiting" else 60})
        except KeyboardInterrupt:
            print("left", [t.name for t in threading.enumerate()], flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert out.splitlines()[-1] == "left ['MainThread']" and process.returncode == 0


def test_a_program_ends_while_a_worker_hangs():
    script = (
        "import time\nfrom tinygrad_edu.data import DataLoader, workers\nworkers.PATIENCE = 0.2\n"
        "class D:\n  def __len__(self): return 9\n  def __getitem__(self, i): time.sleep(60)\n"
        "it = iter(DataLoader(D(), num_workers=2))\nprint('end')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=15
    )
    assert (done.stdout, done.returncode) == ("end\n", 0)


def test_a_batch_that_does_not_come_in_time_is_an_error(monkeypatch):
    monkeypatch.setattr(data.workers, "PATIENCE", 0.01)
    release = threading.Event()

    class Hangs(Numbers):
        def __getitem__(self, i):
            release.wait(10)

    with pytest.raises(RuntimeError, match="within timeout=0.2 seconds"):
        next(iter(DataLoader(Hangs(4), num_workers=1, timeout=0.2)))
    release.set()


def test_a_worker_knows_itself_and_has_its_own_copy_of_the_dataset():
    started = []

    class Told(Numbers):
        share = None

        def __getitem__(self, i):
            info = get_worker_info()
            return info.id, info.num_workers, info.seed, self.share

    def init(worker_id):
        info = get_worker_info()
        started.append(worker_id)
        info.dataset.share = worker_id * 10

    dataset = Told(4)
    rows = [
        [v.item() for v in batch]
        for batch in DataLoader(dataset, 1, num_workers=2, worker_init_fn=init, generator=seeded(1))
    ]
    seed = rows[0][2]
    assert rows == [[0, 2, seed, 0], [1, 2, seed + 1, 10]] * 2
    assert sorted(started) == [0, 1] and dataset.share is None and get_worker_info() is None


def test_an_error_in_worker_init_fn_reaches_the_loop():
    with pytest.raises(ZeroDivisionError):
        list(DataLoader(Numbers(4), num_workers=2, worker_init_fn=lambda i: 1 // 0))


def test_persistent_workers_serve_every_epoch_and_go_with_the_loader():
    started = []
    loader = DataLoader(
        Noisy(),
        4,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
        worker_init_fn=started.append,
        generator=seeded(1),
    )
    once = DataLoader(Noisy(), 4, shuffle=True, generator=seeded(1))
    assert listed(loader) == listed(once)
    threads = workers()
    assert len(threads) == 2
    for _ in loader:  # left early: what was on its way must not turn up in the next epoch
        break
    for _ in once:
        break
    assert listed(loader) == listed(once)
    a, b = iter(loader), iter(loader)  # two at once
    c, d = iter(once), iter(once)
    assert [listed([next(i) for _ in range(3)]) for i in (b, a, b)] == [
        listed([next(i) for _ in range(3)]) for i in (d, c, d)
    ]
    assert workers() == threads and sorted(started) == [0, 1]
    del loader, a, b
    gc.collect()
    assert not workers()


# ---- wrong arguments ----

D = Numbers(10)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: DataLoader(D, batch_size=0), "batch_size"),
        (lambda: DataLoader(D, batch_size=2.5), "batch_size"),
        (lambda: DataLoader(Stream(3), batch_size=-1), "batch_size"),
        (lambda: DataLoader(D, num_workers=-1), "num_workers"),
        (lambda: DataLoader(D, timeout=-1), "timeout"),
        (lambda: DataLoader(D, prefetch_factor=2), "prefetch_factor"),
        (lambda: DataLoader(D, num_workers=1, prefetch_factor=0), "prefetch_factor"),
        (lambda: DataLoader(D, persistent_workers=True), "persistent_workers"),
        (lambda: DataLoader(D, shuffle=True, sampler=[1]), "sampler or shuffle"),
        (lambda: DataLoader(D, batch_size=2, batch_sampler=[[1]]), "batch_sampler"),
        (lambda: DataLoader(D, batch_size=None, drop_last=True), "drop_last"),
        (lambda: DataLoader(Stream(3), shuffle=True), "IterableDataset"),
        (lambda: DataLoader(Stream(3), sampler=[1]), "IterableDataset"),
        (lambda: DataLoader(D, generator=3), "Generator"),
        (lambda: DataLoader(5), "__getitem__"),
        (lambda: DataLoader(Numbers(0), shuffle=True), "empty data set"),
        (lambda: setattr(DataLoader(D), "batch_size", 3), "cannot be changed"),
        (lambda: data.RandomSampler(D, num_samples=0), "num_samples"),
        (lambda: data.RandomSampler(D, 5), "replacement"),
        (lambda: data.WeightedRandomSampler([1, -1], 2), "weights"),
        (lambda: data.WeightedRandomSampler([0, 0], 2), "weights"),
        (lambda: data.WeightedRandomSampler([1, 0, 2], 3, replacement=False), "at most the 2"),
        (lambda: data.BatchSampler(D, 2, 1), "drop_last"),
        (lambda: TensorDataset(), "tensors"),
        (lambda: TensorDataset([1, 2]), "tensors"),
        (lambda: TensorDataset(as_tensor(np.ones(2)), as_tensor(np.ones(3))), "same size"),
        (lambda: data.ConcatDataset([]), "at least one"),
        (lambda: data.ConcatDataset([Stream(2)]), "ChainDataset"),
        (lambda: data.random_split(D, [3, 3]), "add up to"),
        (lambda: data.random_split(D, [1.5, -0.5]), "fractions"),
        (lambda: data.default_collate([None]), "NoneType"),
        (lambda: data.default_collate([]), "at least one"),
        (lambda: data.default_collate([(1, 2), (1,)]), "number of entries"),
        (lambda: data.default_collate([np.ones(2), np.ones(3)]), "one shape"),
        (
            lambda: list(DataLoader(TensorDataset(as_tensor(np.ones(3))), sampler=[1, 7])),
            "indices must lie from -3 to 2",
        ),
        (lambda: data.StackDataset(D, Numbers(3)), "same length"),
        (lambda: data.StackDataset(), "datasets by position"),
    ],
)
def test_wrong_arguments_are_refused_with_a_reason(call, says):
    with pytest.raises(TinygradEduError, match=says) as caught:
        call()
    assert ", got " in str(caught.value)


def test_an_empty_data_set_has_no_batches_unless_it_is_to_be_shuffled():
    assert (
        len(DataLoader(Numbers(0), 4)) == 0 and list(DataLoader(Numbers(0), 4, num_workers=2)) == []
    )
    assert list(DataLoader(TensorDataset(as_tensor(np.ones((0, 3)))), 4)) == []


# ---- a loader's place, saved and gone on from ----


class TwentyThree(IterableDataset):
    def __iter__(self):
        return iter(tensor(float(i)) for i in range(23))


PLACES = {
    "shuffled": lambda: DataLoader(
        TensorDataset(arange(23.0)), 4, shuffle=True, generator=Generator().manual_seed(5)
    ),
    "by the default generator": lambda: DataLoader(TensorDataset(arange(23.0)), 4, shuffle=True),
    "in order": lambda: DataLoader(TensorDataset(arange(23.0)), 4),
    "workers": lambda: DataLoader(
        TensorDataset(arange(23.0)),
        4,
        shuffle=True,
        num_workers=2,
        generator=Generator().manual_seed(5),
    ),
    "a sampler of its own": lambda: DataLoader(
        TensorDataset(arange(23.0)),
        4,
        sampler=RandomSampler(range(23), generator=Generator().manual_seed(9)),
    ),
    "single samples": lambda: DataLoader(
        TensorDataset(arange(23.0)), None, shuffle=True, generator=Generator().manual_seed(5)
    ),
    "iterable": lambda: DataLoader(TwentyThree(), 4),
}


def flat(batches):
    return [
        [float(v) for v in (b[0] if isinstance(b, (list, tuple)) else b).reshape(-1)]
        for b in batches
    ]


@pytest.mark.parametrize("taken", [0, 1, 3, 6, 8])
@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES)
def test_a_saved_place_goes_on_with_the_very_next_batch_and_the_epochs_after(make, taken, tmp_path):
    pytest.importorskip("safetensors")

    def epochs(loader, count):
        return [flat(loader) for _ in range(count)]

    te.manual_seed(1)
    whole = [batch for epoch in epochs(make(), 4) for batch in epoch]
    te.manual_seed(1)
    loader, seen = make(), []
    while len(seen) < taken:
        for batch in loader:
            seen += flat([batch])
            if len(seen) == taken:
                break
        else:
            continue
        if len(seen) == taken:
            state, rng = loader.state_dict(), te.get_rng_state()
    if not taken:
        state, rng = loader.state_dict(), te.get_rng_state()
    te.save({"loader": state}, tmp_path / "place.safetensors")
    te.manual_seed(77)  # another process
    other = make()
    te.rand(3)
    te.set_rng_state(rng)
    other.load_state_dict(te.load(tmp_path / "place.safetensors")["loader"])
    rest = [batch for epoch in epochs(other, 4) for batch in epoch]
    assert seen + rest[: len(whole) - taken] == whole


def test_a_place_is_none_between_epochs_and_a_left_epoch_is_not_gone_on_with():
    loader = PLACES["shuffled"]()
    assert loader.state_dict()["batches"] == 0
    next(iter(loader))
    assert loader.state_dict()["batches"] == 1
    assert len(flat(loader)) == 6, "a new epoch, whole"
    assert loader.state_dict()["batches"] == 0


def test_a_state_of_another_kind_is_refused():
    loader = PLACES["shuffled"]()
    with pytest.raises(ShapeError, match="state_dict of a loader with 1 generator"):
        loader.load_state_dict({"batch": 3})
    with pytest.raises(ShapeError, match="state_dict of a loader"):
        loader.load_state_dict(PLACES["a sampler of its own"]().state_dict())


def test_random_sampler_of_very_many_draws_a_piece_at_a_time():
    sampler = data.RandomSampler(range(5), replacement=True, num_samples=10**10)
    loader = data.DataLoader(te.arange(5), sampler=sampler, batch_size=4, num_workers=2)
    assert len(loader) == 25 * 10**8
    te.manual_seed(3)
    first = next(iter(loader)).tolist()
    assert all(0 <= i < 5 for i in first)
    te.manual_seed(3)
    assert next(iter(loader)).tolist() == first
