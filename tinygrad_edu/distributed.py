"""The names of `torch.distributed`, for one process: a group of one, whose collective calls give
back what they were given. More processes are refused.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from .engine.errors import TinygradEduError
from .engine.tensor import Tensor
from .left_out import explain_missing as _explain_missing


class DistributedError(TinygradEduError):
    """More than one process, or no group."""


ReduceOp = SimpleNamespace(SUM="sum", PRODUCT="product", MIN="min", MAX="max", AVG="avg")


class Group:
    """Whether `init_process_group` has been called."""

    started = False


def is_available() -> bool:
    """True: a group of one process can be made."""
    return True


def is_initialized() -> bool:
    """Whether `init_process_group` has been called."""
    return Group.started


def is_nccl_available() -> bool:
    """False: no backend for several processes is here."""
    return False


is_mpi_available = is_gloo_available = is_torchelastic_launched = is_nccl_available


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    **kwargs: Any,
) -> None:
    """Start a group of one process.

    Args: world_size, rank: how many processes, and the number of this one; by default those of
        the environment's WORLD_SIZE and RANK, or 1 and 0.
    Raises: DistributedError for more than one.
    """
    many = world_size if world_size > 0 else int(os.environ.get("WORLD_SIZE", 1))
    if many != 1:
        raise DistributedError(
            f"init_process_group: world_size must be 1, got {many}. This engine trains in one"
            " process; start the script once, without a launcher."
        )
    Group.started = True


def destroy_process_group(group: Any = None) -> None:
    """End the group."""
    Group.started = False


def needed(name: str) -> None:
    """Refuse a call without a group."""
    if not Group.started:
        raise DistributedError(f"{name}: needs a group, got none. Call init_process_group first.")


def get_rank(group: Any = None) -> int:
    """0, the number of the one process."""
    needed("get_rank")
    return 0


def get_world_size(group: Any = None) -> int:
    """1, the number of processes."""
    needed("get_world_size")
    return 1


def get_backend(group: Any = None) -> str:
    """The name of the backend."""
    needed("get_backend")
    return "gloo"


class Done:
    """The handle of a call that has ended already."""

    def wait(self, timeout: Any = None) -> bool:
        """True at once."""
        return True

    is_completed = is_success = wait


def all_reduce(tensor: Tensor, op: Any = None, group: Any = None, async_op: bool = False) -> Any:
    """Combine over all processes: one process's tensor is the result already."""
    needed("all_reduce")
    return Done() if async_op else None


def broadcast(tensor: Tensor, src: int = 0, group: Any = None, async_op: bool = False) -> Any:
    """Send to all processes: there is no other."""
    needed("broadcast")
    return Done() if async_op else None


def reduce(
    tensor: Tensor, dst: int = 0, op: Any = None, group: Any = None, async_op: bool = False
) -> Any:
    """Combine in one process: one process's tensor is the result already."""
    needed("reduce")
    return Done() if async_op else None


def all_gather(tensor_list: list, tensor: Tensor, group: Any = None, async_op: bool = False) -> Any:
    """Collect the tensors of all processes."""
    needed("all_gather")
    tensor_list[0].copy_(tensor)
    return Done() if async_op else None


def barrier(*args: Any, **kwargs: Any) -> None:
    """Wait for all processes: there is no other."""
    needed("barrier")


def all_gather_object(object_list: list, obj: Any, group: Any = None) -> None:
    """Collect the objects of all processes."""
    needed("all_gather_object")
    object_list[0] = obj


def broadcast_object_list(object_list: list, src: int = 0, group: Any = None) -> None:
    """Send to all processes: there is no other."""
    needed("broadcast_object_list")


def new_group(ranks: Any = None, *args: Any, **kwargs: Any) -> None:
    """A group of the same one process."""
    needed("new_group")


_explain_missing(__name__)
