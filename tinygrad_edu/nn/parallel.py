"""Several GPUs or processes, of which one is used: the wrappers pass calls through.

So a script that wraps its model runs, and its state_dict has PyTorch's names ("module." in front).
"""

from __future__ import annotations

from typing import Any

from ..left_out import explain_missing as _explain_missing
from .module import Module


class DataParallel(Module):
    """`module` on one device; calls pass through.

    Args: device_ids, output_device, dim: accepted; one device is used.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ):
        super().__init__()
        self.module = module
        self.device_ids, self.output_device, self.dim = device_ids or [], output_device, dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(DataParallel):
    """`module` in the one process of `tinygrad_edu.distributed`; calls pass through.

    Raises: DistributedError without a group.
    """

    def __init__(self, module: Module, device_ids: Any = None, *args: Any, **kwargs: Any):
        from ..distributed import needed

        needed("DistributedDataParallel")
        super().__init__(module, device_ids)

    def no_sync(self) -> Any:
        """A block in which gradients stay in this process, as they do anyway."""
        from contextlib import nullcontext

        return nullcontext()


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict | None = None,
) -> Any:
    """`module(*inputs)` on one device."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*given, **(module_kwargs or {}))


_explain_missing(__name__)
