"""NVIDIA GPUs, with the names of `torch.cuda`. On a machine without one, `is_available()` is False,
questions have the answer of such a machine, and only what needs a GPU is an error.

Note: one GPU is used, and one stream a GPU, so streams are accepted and change nothing.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

from ..engine.device import Device, default_generator, get_device
from ..engine.dtype import float16, float32, float64, int8, int16, int32, int64, uint8
from ..engine.errors import DeviceError
from ..engine.generator import Generator
from ..left_out import explain_missing as _explain_missing
from ..named import typed
from . import amp as amp
from . import nvtx as nvtx

FloatTensor, DoubleTensor = (
    typed("FloatTensor", float32, "cuda"),
    typed("DoubleTensor", float64, "cuda"),
)
HalfTensor, ByteTensor = typed("HalfTensor", float16, "cuda"), typed("ByteTensor", uint8, "cuda")
CharTensor, ShortTensor = typed("CharTensor", int8, "cuda"), typed("ShortTensor", int16, "cuda")
IntTensor, LongTensor = typed("IntTensor", int32, "cuda"), typed("LongTensor", int64, "cuda")


# ---- which GPUs there are ------------------------------------------------------------------------


def device_count() -> int:
    """How many GPUs this machine has that CuPy can use."""
    from ..devices.cuda import gpus

    try:
        return gpus("cuda")[1]
    except DeviceError:
        return 0


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return device_count() > 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether tensors can be bfloat16: they cannot."""
    return False


def is_initialized() -> bool:
    """Whether the GPU has been used."""
    from ..devices.cuda import found

    return bool(found)


def init() -> None:
    """Open the GPU now and not at its first use."""
    get_device("cuda")


def current_device() -> int:
    """The number of the GPU in use."""
    return get_device("cuda").index or 0


def set_device(device: Any) -> None:
    """Make it the GPU in use; only GPU 0 can be."""
    where = get_device(f"cuda:{device}" if isinstance(device, int) else device)
    if where.index:
        raise DeviceError(
            f"cuda.set_device: must be GPU 0, got {where}. Set CUDA_VISIBLE_DEVICES to choose one."
        )


def properties(device: Any = None) -> dict:
    """What the driver says about a GPU."""
    where = gpu(device)
    return where.xp.cuda.runtime.getDeviceProperties(where.index or 0)


def get_device_properties(device: Any = None) -> SimpleNamespace:
    """name, total_memory (bytes), major, minor and multi_processor_count of a GPU."""
    found = properties(device)
    return SimpleNamespace(
        name=found["name"].decode(),
        total_memory=found["totalGlobalMem"],
        major=found["major"],
        minor=found["minor"],
        multi_processor_count=found["multiProcessorCount"],
    )


def get_device_name(device: Any = None) -> str:
    """The name of a GPU."""
    return properties(device)["name"].decode()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU: (9, 0) for an H100."""
    found = properties(device)
    return found["major"], found["minor"]


def gpu(device: Any = None) -> Device:
    """The GPU of that number, name or Device."""
    name = "cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device
    return get_device(name)


# ---- randomness: one generator serves all devices ------------------------------------------------


def manual_seed(seed: int) -> None:
    """Start the generator again. One generator serves all devices, so this is
    `tinygrad_edu.manual_seed`; without a GPU it does nothing, as in PyTorch.
    """
    if is_available():
        default_generator.manual_seed(seed)


manual_seed_all = manual_seed


def initial_seed() -> int:
    """The seed that the generator started from."""
    return default_generator.initial_seed()


# ---- time and memory -----------------------------------------------------------------------------


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done what it was given."""
    gpu(device).synchronize()


def pool(device: Any = None) -> Any:
    """CuPy's memory pool."""
    gpu(device)
    import cupy

    return cupy.get_default_memory_pool()


def empty_cache() -> None:
    """Give memory that is not in use back to the driver."""
    if is_initialized():
        pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes of arrays on the GPU; 0 without one."""
    return pool(device).used_bytes() if is_initialized() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes taken from the driver; 0 without a GPU."""
    return pool(device).total_bytes() if is_initialized() else 0


def max_memory_allocated(device: Any = None) -> int:
    """Bytes of arrays on the GPU now: the pool does not remember its peak."""
    return memory_allocated(device)


max_memory_reserved = memory_reserved


def reset_peak_memory_stats(device: Any = None) -> None:
    """Accepted: the pool does not remember its peak."""


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """How much memory is in use, in words."""
    return f"{memory_allocated(device):,} bytes in arrays, {memory_reserved(device):,} reserved"


def ipc_collect() -> None:
    """Nothing: memory is not shared between processes."""


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of the GPU."""
    gpu(device)
    import cupy

    return cupy.cuda.runtime.memGetInfo()


class Event:
    """A moment on the GPU. `elapsed_time` is measured on the host after the GPU has caught up."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False):
        self.at: float | None = None

    def record(self, stream: Any = None) -> None:
        """Note the present moment."""
        synchronize()
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        """Wait until the moment has come."""
        synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this moment to another."""
        if self.at is None or end_event.at is None:
            raise DeviceError("Event.elapsed_time: both events must be recorded. Call record().")
        return 1000 * (end_event.at - self.at)


class Stream:
    """A queue of the GPU's work. There is one, so all streams are the same."""

    def __init__(self, device: Any = None, priority: int = 0):
        self.device = device

    def synchronize(self) -> None:
        """Wait until the GPU has done what it was given."""
        synchronize(self.device)

    def wait_stream(self, stream: Any) -> None:
        """Nothing: work is done in the order in which it was given."""

    wait_event = wait_stream

    def record_event(self, event: Event | None = None) -> Event:
        """Note the present moment."""
        event = event or Event()
        event.record()
        return event


def current_stream(device: Any = None) -> Stream:
    """The one stream."""
    return Stream(device)


default_stream = current_stream


def stream(stream: Any) -> Any:
    """A block whose work goes to a stream: there is one."""
    return nullcontext()


class device:  # noqa: N801  # PyTorch's name
    """In a `with` block: the GPU in use."""

    def __init__(self, device: Any):
        self.device = device

    def __enter__(self) -> None:
        if self.device is not None and is_available():
            set_device(self.device)

    def __exit__(self, *exc: object) -> None:
        pass


def _generator(device: Any = None) -> Generator:
    return default_generator


def get_rng_state(device: Any = None) -> Any:
    """State of the one generator, a uint8 tensor."""
    from .. import functional as F

    return F.from_numpy(_generator(device).get_state())


def set_rng_state(new_state: Any, device: Any = None) -> None:
    """Continue from a state that `get_rng_state` returned."""
    _generator(device).set_state(new_state)


def get_rng_state_all() -> list:
    """One state a GPU; all are that of the one generator."""
    return [get_rng_state()] * device_count()


def set_rng_state_all(new_states: Any) -> None:
    """Continue from what `get_rng_state_all` returned."""
    for state in new_states:
        set_rng_state(state)


class OutOfMemoryError(DeviceError):
    """Raised by PyTorch when a GPU's memory is full; here that is a DeviceError."""


max_memory_cached, memory_cached = max_memory_reserved, memory_reserved
reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats

_explain_missing(__name__)
