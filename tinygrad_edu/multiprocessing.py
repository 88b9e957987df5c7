"""Python's multiprocessing, with the names that `torch.multiprocessing` adds to it.

Note: a Tensor that is sent to another process is copied, unless `share_memory_()` has put it in
    memory that both see.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing import *  # noqa: F403  # all of Python's own
from typing import Any

from .data import sharing as sharing
from .engine.errors import TinygradEduError
from .left_out import explain_missing as _explain_missing


class ProcessRaisedException(TinygradEduError):
    """A process that `spawn` started ended with an error."""


class ProcessContext:
    """The processes that `spawn` started."""

    def __init__(self, processes: list):
        self.processes = processes

    def pids(self) -> list:
        """Their ids."""
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None) -> bool:
        """Wait for all of them; an error in one ends the others and is raised here."""
        for number, p in enumerate(self.processes):
            p.join(timeout)
            if p.exitcode:
                for other in self.processes:
                    other.terminate()
                raise ProcessRaisedException(
                    f"multiprocessing.spawn: every process must end with code 0, got {p.exitcode}"
                    f" from process {number}. Its own message stands above."
                )
        return all(p.exitcode == 0 for p in self.processes)


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Call `fn(i, *args)` in each of `nprocs` new processes.

    Args: join: wait for them; otherwise a ProcessContext comes back.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for p in processes:
        p.start()
    started = ProcessContext(processes)
    if not join:
        return started
    started.join()
    return None


def get_all_sharing_strategies() -> set[str]:
    """How PyTorch would share memory; here Tensors are copied."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """PyTorch's default."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted; Tensors are copied."""


_explain_missing(__name__)
