"""A training step, recorded once and replayed as one call.

with device.capture() as graph:     # device = tinygrad_edu.device("cuda")
    step()                          # recorded, not run; it may not look at a value
graph.replay()                      # the whole step again by one call
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...engine.arrays import capture as capturing
from ...engine.errors import KernelError, TinygradEduError
from .errors import reworded

if TYPE_CHECKING:
    from .device import CudaDevice


class Graph:
    """A captured sequence of launches, with the memory it works in."""

    def __init__(self, device: CudaDevice, pool: Any):
        self.device, self.pool, self.graph = device, pool, None

    def replay(self) -> None:
        """Start all of it again, on the current stream."""
        if self.graph is None:
            raise KernelError(
                "Graph.replay: the capture must have ended, got one that still runs or has failed."
                " Replay after the with block."
            )
        try:
            self.graph.launch()
        except self.device.errors as error:
            raise reworded(error, "Graph.replay") from error


@contextmanager
def captured(device: CudaDevice) -> Iterator[Graph]:
    """Record the launches of the block; see CudaDevice.capture."""
    device.synchronize()
    cuda = device.cupy.cuda
    graph, stream = Graph(device, cuda.MemoryPool()), device.stream()
    with cuda.using_allocator(graph.pool.malloc), stream:
        stream.begin_capture()
        capturing.active = True
        try:
            yield graph
        except BaseException as error:
            with suppress(*device.errors):
                stream.end_capture()  # else the stream could not be used again
            if refused(error, device):
                raise reworded(error, "capture") from error
            raise
        finally:
            capturing.active = False
        try:
            graph.graph = stream.end_capture()
        except device.errors as error:
            raise reworded(error, "capture") from error


def refused(error: BaseException, device: CudaDevice) -> bool:
    """Whether an error says that something cannot be captured.

    CUDA raises errors of its own; CuPy raises a RuntimeError for copies and a NotImplementedError
    for library calls; an op may have reworded any of these.
    """
    if isinstance(error, KernelError):
        return False
    if isinstance(error, device.errors):
        return True
    kinds = (TinygradEduError, RuntimeError, NotImplementedError)
    return isinstance(error, kinds) and "captur" in str(error).lower()
