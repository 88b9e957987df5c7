"""How the GPU computes products: in full float32, whatever these switches say."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any


def is_built() -> bool:
    """Whether this version knows GPUs: every one does, through CuPy."""
    return True


matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
)


def flash_sdp_enabled() -> bool:
    """Whether attention may use the fused kernel."""
    return True


mem_efficient_sdp_enabled = math_sdp_enabled = flash_sdp_enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Accepted; use `use_kernel` to choose a kernel."""


enable_mem_efficient_sdp = enable_math_sdp = enable_flash_sdp


def sdp_kernel(*args: Any, **kwargs: Any) -> Any:
    """A block that changes nothing; `use_kernel(attention=...)` chooses a kernel."""
    return nullcontext()
