"""Workers that die, hang, are forked or interrupted never keep the reader waiting; processes give
the batches that threads give, and leave nothing behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader, IterableDataset, TensorDataset, get_worker_info
from tinygrad_edu.data.seeding import current_generator

ROOT = Path(tg.__file__).parents[1]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


class Noise:
    """Pictures with random noise, large enough for shared memory."""

    def __len__(self):
        return 10

    def __getitem__(self, i):
        noise = tg.rand(64, 64, generator=current_generator())
        return {"x": noise + i, "y": i, "name": f"no {i}"}


class Stream(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        yield from range(first, 11, step)


class Bad:
    """Sample 5 does what it is told."""

    def __init__(self, does):
        self.does = does

    def __len__(self):
        return 12

    def __getitem__(self, i):
        if i == 5:
            return self.does(i)
        return i


def divide(i):
    return i / 0


def die(i):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(i):
    os._exit(3)


RELEASED = threading.Event()


def hang(i):
    RELEASED.wait(600)


class Stubborn(Exception):
    """Takes no notes and cannot be pickled."""

    def __init__(self, lock):
        self.lock = lock

    def add_note(self, note):
        raise RuntimeError("no notes")


def stubborn(i):
    raise Stubborn(threading.Lock())


class Unspeakable(int):
    def __str__(self):
        raise ValueError("no words")

    __repr__ = __str__


def loader(dataset, context="fork", size=2, **more):
    tg.manual_seed(3)
    return DataLoader(dataset, size, num_workers=2, multiprocessing_context=context, **more)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ---- the same batches ----------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_processes_give_the_batches_that_one_thread_gives(context):
    tg.manual_seed(3)
    wanted = list(DataLoader(Noise(), 4, shuffle=True))
    found = list(loader(Noise(), context, 4, shuffle=True))
    assert len(found) == len(wanted) == 3
    for a, b in zip(found, wanted):
        assert np.array_equal(a["x"].numpy(), b["x"].numpy())
        assert a["y"].tolist() == b["y"].tolist() and a["name"] == b["name"]
    found[0]["x"] += 1  # they can be written


def test_a_stream_is_shared_out_as_with_threads():
    a, b = ([x.tolist() for x in loader(Stream(), context)] for context in ("fork", None))
    assert a == b


def test_processes_stay_for_the_next_epoch_if_asked():
    kept = loader(Noise(), persistent_workers=True)
    first = [list(kept) for _ in range(2)]
    pids = {worker.pid for worker in kept._workers.workers}
    assert len(pids) == 2 and all(map(alive, pids))
    again = loader(Noise(), None)
    for one, two in zip(first, [list(again) for _ in range(2)]):
        assert [x["x"].tolist() for x in one] == [x["x"].tolist() for x in two]
    for _ in kept:
        break
    assert {worker.pid for worker in kept._workers.workers} == pids
    assert len(list(kept)) == 5  # an epoch that was left does not disturb the next
    del kept
    assert not any(map(alive, pids))


def test_each_process_knows_itself_and_runs_the_users_start():
    started = []

    class Who:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            info = get_worker_info()
            return info.id, info.num_workers, os.getpid(), len(started)

    ids, counts, pids, begun = (
        [t.item() for t in part]
        for part in zip(*loader(Who(), size=1, worker_init_fn=started.append))
    )
    assert ids == [0, 1, 0, 1] and set(counts) == {2} and set(begun) == {1}
    assert len(set(pids)) == 2 and os.getpid() not in pids and started == []


def test_a_tensor_dataset_goes_through_processes():
    data = TensorDataset(tg.arange(1000).reshape(10, 100), tg.arange(10))
    found = [x.tolist() for batch in loader(data) for x in batch]
    assert found == [x.tolist() for batch in loader(data, None) for x in batch]


# ---- nothing is left -----------------------------------------------------------------------------


def test_nothing_is_left_when_a_loop_is_done_or_left():
    before, threads = descriptors(), threading.active_count()
    names = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    for _ in range(3):
        for _ in loader(Noise()):
            break
        list(loader(Noise()))
    iterator = iter(loader(Noise()))
    pids = [worker.pid for worker in iterator.batches.workers.workers]
    next(iterator)
    del iterator
    assert not any(map(alive, pids))
    assert descriptors() == before and threading.active_count() == threads
    assert not names or set(os.listdir("/dev/shm")) <= names


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_workers_and_their_memory_go_when_the_program_is_killed(how):
    script = textwrap.dedent("""
        import os, sys, time
        from tinygrad_edu.data import DataLoader
        import tinygrad_edu as tg
        class D:
            def __len__(self): return 100
            def __getitem__(self, i):
                if i > 50: time.sleep(600)
                return tg.zeros(100, 100)
        it = iter(DataLoader(D(), 4, num_workers=2, multiprocessing_context="fork"))
        next(it)
        print(*(w.pid for w in it.batches.workers.workers), flush=True)
        if sys.argv[1] == "kill": time.sleep(600)
    """)
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    process = subprocess.Popen(
        [sys.executable, "-c", script, how], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    if how == "kill":
        process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 60
    while any(map(alive, pids)) and how == "exit":
        assert time.monotonic() < until
        time.sleep(0.05)
    for pid in pids:  # busy ones see it after their sample; these hang in it
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    assert not before or set(os.listdir("/dev/shm")) <= before


def test_idle_workers_end_when_their_reader_is_killed():
    script = textwrap.dedent("""
        import time
        from tinygrad_edu.data import DataLoader
        kept = DataLoader(range(8), 4, num_workers=2, multiprocessing_context="fork",
                          persistent_workers=True)
        list(kept)
        print(*(w.pid for w in kept._workers.workers), flush=True)
        time.sleep(600)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < until
        time.sleep(0.05)


# ---- what goes wrong -----------------------------------------------------------------------------


def test_an_error_in_a_process_comes_with_its_traceback_in_its_batchs_turn():
    seen = []
    with pytest.raises(ZeroDivisionError) as caught:
        for batch in loader(Bad(divide)):
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3]]
    notes = "".join(caught.value.__notes__)
    assert "return i / 0" in notes and "DataLoader worker 0, batch 2: [4, 5]" in notes


@pytest.mark.parametrize("context", [None, "fork"])
def test_an_error_that_takes_no_notes_is_an_error_all_the_same(context):
    with pytest.raises(RuntimeError, match="Stubborn"):
        list(loader(Bad(stubborn), context))


def test_an_index_that_cannot_be_shown_is_no_endless_wait():
    order = [Unspeakable(5), Unspeakable(6)]
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(loader(Bad(divide), None, sampler=order))


@pytest.mark.parametrize("does, says", [(die, "ended by signal 9"), (leave, "exit code 3")])
def test_a_process_that_dies_is_an_error_that_says_how(does, says):
    seen = []
    with pytest.raises(RuntimeError, match=says):
        for batch in loader(Bad(does)):
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3]]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_an_error(monkeypatch):
    from tinygrad_edu.data import workers

    def broken(*args):
        raise SystemExit

    monkeypatch.setattr(workers, "load", broken)
    with pytest.raises(RuntimeError, match="its thread has ended"):
        list(loader(Noise(), None))


@pytest.mark.parametrize("context", [None, "fork"])
def test_a_sample_that_hangs_costs_the_timeout_and_no_more(context, monkeypatch):
    from tinygrad_edu.data import workers

    monkeypatch.setattr(workers, "PATIENCE", 600.0)  # what is waited for would be seen
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="within timeout=0.2 seconds"):
        list(loader(Bad(hang), context, timeout=0.2))
    assert time.monotonic() - begun < 300
    RELEASED.set()  # let the thread go
    RELEASED.clear()


@pytest.mark.parametrize("context", ["None", "'fork'"])
def test_ctrl_c_and_the_end_of_a_program_do_not_wait_for_a_sample_that_hangs(context):
    script = textwrap.dedent(f"""
        import signal, time
        from tinygrad_edu.data import DataLoader
        signal.signal(signal.SIGINT, signal.default_int_handler)
        class Hangs:
            def __len__(self): return 9
            def __getitem__(self, i): time.sleep(600)
        try:
            it = iter(DataLoader(Hangs(), num_workers=2, multiprocessing_context={context}))
            print("ready", flush=True)
            next(it)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=300)
    assert out == "interrupted\n" and process.returncode == 0


def in_child(what) -> str:
    """What a forked child finds."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = repr(what())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


@pytest.mark.parametrize("context", [None, "fork"])
def test_after_a_fork_a_kept_loader_works_in_both_and_an_iterator_says_whose_it_is(context):
    kept = loader(range(8), context, persistent_workers=True)
    wanted = [batch.tolist() for batch in kept]
    assert in_child(lambda: [batch.tolist() for batch in kept]) == repr(wanted)
    iterator = iter(kept)
    next(iterator)
    assert "must be read in the process that began it" in in_child(lambda: next(iterator))
    assert [batch.tolist() for batch in iterator] == wanted[1:]


def test_what_cannot_be_pickled_is_refused_with_advice():
    before = threading.active_count()
    for more in ({"collate_fn": lambda batch: batch}, {"worker_init_fn": lambda i: None}):
        with pytest.raises(TypeError, match="must be picklable") as caught:
            list(loader(range(8), "spawn", **more))
        assert "multiprocessing_context=None" in str(caught.value)
    assert threading.active_count() == before


def unpicklable(batch):
    return threading.Lock()


def test_a_batch_that_cannot_be_pickled_is_an_error():
    with pytest.raises(TypeError, match="a batch from a process must be picklable, got lock"):
        list(loader(range(8), collate_fn=unpicklable))


@pytest.mark.parametrize("context, says", [("thread", "fork"), (3, "got 3")])
def test_an_unknown_context_is_refused(context, says):
    with pytest.raises(tg.TinygradEduError, match=says):
        loader(range(8), context)
    with pytest.raises(tg.TinygradEduError, match="needs workers"):
        DataLoader(range(8), multiprocessing_context="fork")


def test_forked_workers_take_any_collate_fn_and_worker_init_fn():
    seen = loader(range(4), collate_fn=lambda items: sum(items), worker_init_fn=lambda i: None)
    assert list(seen) == [1, 5] and list(seen) == [1, 5]
