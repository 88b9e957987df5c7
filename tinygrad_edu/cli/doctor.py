"""tinygrad-edu doctor: look at the machine."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from ..devices.cpu.threads import IDLE_SPIN, get_num_threads, usable_cores
from ..engine.errors import TinygradEduError
from .parser import Parser
from .versions import version

NAME = "doctor"
HELP = "show versions, devices, BLAS, threads, and what is missing"

CUPY = "cupy-cuda13x"
EXTRAS = (  # (module, pip name, what it gives)
    ("safetensors", "safetensors", "saving and loading checkpoints"),
    ("threadpoolctl", "threadpoolctl", "choosing the number of threads"),
    ("rich", "rich", "a progress bar that moves"),
    ("matplotlib", "matplotlib", "curves.png and mistakes.png"),
    ("PIL", "pillow", "predict, which reads images"),
    ("cupy", CUPY, "training on an NVIDIA GPU"),
)


def add_arguments(parser: Parser) -> None:
    parser.description = "Look at the machine. Never fails."
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(flags: argparse.Namespace) -> int:
    looks: dict[str, Callable[[], str]] = {
        "tinygrad-edu": lambda: version("tinygrad_edu") or "from a checkout",
        "python": python,
        "system": platform.platform,
        "numpy": lambda: version("numpy") or "missing",
        "BLAS": blas,
        "cores": cores,
        "threads": threads,
        "C++ kernels": native,
        "devices": devices,
        "cache": cache,
    }
    found = {name: carefully(look) for name, look in looks.items()}
    extras = {package: installed(module, package) for module, package, _ in EXTRAS}
    missing = [package for package, there in extras.items() if there is None]
    if flags.json:
        print(json.dumps({**found, "packages": extras}, indent=1))
        return 0
    for name, text in found.items():
        print(f"{name:<13} {text}")
    for _, package, gives in EXTRAS:
        print(f"{package:<13} {extras[package] or f'missing: {gives}'}")
    if missing:
        print()
    wanted = [package for package in missing if package != CUPY]
    if wanted:
        print(f"Install what is missing: pip install {' '.join(wanted)}")
    if CUPY in missing:
        print(f"With an NVIDIA GPU:      pip install {CUPY}")
    return 0


def carefully(look: Callable[[], str]) -> str:
    """What `look` finds, or why it finds nothing."""
    try:
        return look()
    except Exception as error:  # whatever is broken, the report on the rest must come
        return f"unknown: {type(error).__name__}: {error}"


def installed(module: str, package: str) -> str | None:
    """The version of a package that is not needed everywhere; None where it is missing."""
    if importlib.util.find_spec(module) is None:
        return None
    return version(package) or "installed"


def python() -> str:
    return f"{platform.python_version()} at {sys.executable}"


def blas() -> str:
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    library = found["Build Dependencies"]["blas"]
    return f"{library['name']} {library.get('version', '')}".strip()


def cores() -> str:
    return f"{usable_cores()} usable of {os.cpu_count()}"


def threads() -> str:
    names = (
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        *IDLE_SPIN,
    )
    given = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    try:
        now = f"{get_num_threads()} for matrix products (--threads N, set_num_threads)"
    except ModuleNotFoundError:
        now = "as many as cores (threadpoolctl, which could tell, is not installed)"
    return "; ".join([now, *given])


def native() -> str:
    """Whether the CPU's kernels run, and what it costs if they do not."""
    from ..devices.build import compiler
    from ..devices.cpu.table import why_not

    reason = why_not()
    if not reason:
        return f"compiled at first use with {' '.join(compiler())}"
    slower = "convolutions, pooling, norms and LSTMs take two to five times as long"
    if "TINYGRAD_EDU_NATIVE" in reason:
        return f"off: {reason}; {slower}"
    return f"off: no C++ compiler; {slower}. Install g++ (apt install g++)"


def cache() -> str:
    """Where compiled kernels and downloads lie; an uninstall leaves them there."""
    from ..devices.build import cache_folder

    return str(cache_folder("emu").parent)


def devices() -> str:
    from ..engine.device import BACKENDS, get_device

    found = ["cpu"]
    for name in BACKENDS:
        try:
            get_device(name)
            found.append(name)
        except (TinygradEduError, ImportError, OSError) as error:
            found.append(f"{name} not available ({str(error).split('.')[0]})")
    return "; ".join(found)
