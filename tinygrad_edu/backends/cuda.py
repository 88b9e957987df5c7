"""How the GPU computes products: in full float32, whatever these switches say."""

from types import SimpleNamespace


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
