"""CUDA's errors, as errors that say what to do."""

from __future__ import annotations

import re

from ...engine.errors import KernelError

INSTALL = (
    "pip install 'tinygrad-edu[cuda]', which brings cupy-cuda13x (cupy-cuda12x for a driver of"
    " CUDA 12)"
)
ELSE = "or device='cpu' (`tinygrad-edu doctor` shows what is there)"

ADVICE = (  # (what CUDA calls the error, what the user can do about it)
    (
        r"(?i)captur",
        (
            "While a step is captured, do not look at values (item, tolist, print, if x:), do not"
            " copy to or from the CPU, leave out what cuBLAS and cuSOLVER compute (einsum, products"
            " of float64 and float16, linalg), and run the step once before."
        ),
    ),
    (
        r"ILLEGAL_ADDRESS|IllegalAddress|illegal memory",
        (
            "A kernel wrote outside its arrays: `with tinygrad_edu.profile():` on device='emu'"
            " finds the line. Start the process again."
        ),
    ),
    (
        r"MISALIGNED|misaligned",
        (
            "A vector load needs an address that is a multiple of its size: let `supports` ask for"
            " that. Start the process again."
        ),
    ),
    (
        r"OUT_OF_RESOURCES|OutOfResources",
        "Registers times threads do not fit: use smaller blocks, or __launch_bounds__.",
    ),
    (
        r"INVALID_VALUE|INVALID_CONFIGURATION|InvalidValue|InvalidConfiguration",
        (
            "A block has at most 1024 threads, a grid 2^31-1 x 65535 x 65535 blocks, shared memory"
            " a limit: split the work."
        ),
    ),
    (
        r"out of memory|OutOfMemory|MemoryAllocation",
        "Use smaller batches, free tensors that are not needed, or see device.memory().",
    ),
    (r"TIMEOUT|LaunchTimeout", "A GPU that drives a screen stops long kernels: split the work."),
    (
        r"NO_BINARY|NoKernelImage|INVALID_IMAGE|INVALID_PTX",
        "The compiler and the driver do not fit together: update the driver.",
    ),
    (r"libnvrtc|nvrtc", f"Install the compiler: {INSTALL}."),
)


def reworded(error: BaseException, what: str) -> KernelError:
    """CUDA's error as one that says what to do."""
    said = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    text = f"{type(error).__name__}: {said}"
    advice = next(
        (advice for pattern, advice in ADVICE if re.search(pattern, text)),
        "Try device='emu', which checks every access.",
    )
    return KernelError(f"{what}: must run without an error of CUDA, got {text}. {advice}")
