"""How many blocks of a kernel fit onto one multiprocessor of a GPU at once, and what limits them.

    occupancy(threads=256, shared=8192, registers=40, capability="9.0")

The limits are those of NVIDIA's CUDA C++ programming guide, table "Technical Specifications per
Compute Capability". Registers are given to warps in units of 256, shared memory to blocks in units
of 128 bytes; from capability 8.0 each block takes 1 KB of shared memory for the system.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache

from ..engine.errors import KernelError
from .source import kernels_folder

REGISTERS = 65536  # of a multiprocessor, of all capabilities here


@dataclass(frozen=True)
class Limits:
    """What one multiprocessor has."""

    threads: int
    blocks: int
    shared: int  # bytes
    shared_block: int  # bytes that one block may have
    reserved: int = 1024  # bytes of each block's shared memory


LIMITS = {
    "7.0": Limits(2048, 32, 96 << 10, 96 << 10, 0),
    "7.5": Limits(1024, 16, 64 << 10, 64 << 10, 0),
    "8.0": Limits(2048, 32, 164 << 10, 163 << 10),
    "8.6": Limits(1536, 16, 100 << 10, 99 << 10),
    "8.9": Limits(1536, 24, 100 << 10, 99 << 10),
    "9.0": Limits(2048, 32, 228 << 10, 227 << 10),
    "10.0": Limits(2048, 32, 228 << 10, 227 << 10),
    "12.0": Limits(1536, 24, 100 << 10, 99 << 10),
}


@dataclass(frozen=True)
class Occupancy:
    """Blocks on a multiprocessor: how many, the warps that they have, and what limits them."""

    blocks: int
    warps: int
    most: int  # warps that a multiprocessor may have
    limit: str  # "threads", "blocks", "registers" or "shared memory"

    @property
    def share(self) -> float:
        return self.warps / self.most

    def __str__(self) -> str:
        return (
            f"{self.blocks} blocks a multiprocessor, {self.warps} of {self.most} warps"
            f" ({self.share:.0%}), limited by {self.limit}"
        )


def up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def occupancy(
    threads: int, shared: int = 0, registers: int = 32, capability: str = "9.0"
) -> Occupancy:
    """How many blocks of that kind fit.

    Args: threads: of a block, 1 to 1024
          shared: bytes of shared memory of a block, static and dynamic
          registers: of a thread, 1 to 255
          capability: of the GPU, such as "9.0"
    Raises: KernelError if a block cannot run at all
    """
    if capability not in LIMITS:
        raise KernelError(
            f"occupancy: the capability must be one of {', '.join(LIMITS)}, got {capability!r}."
            " Look it up for your GPU."
        )
    has = LIMITS[capability]
    if not 1 <= threads <= 1024 or not 1 <= registers <= 255 or not shared >= 0:
        raise KernelError(
            "occupancy: must get 1 to 1024 threads, 1 to 255 registers and no negative shared"
            f" memory, got {threads}, {registers} and {shared}. Correct them."
        )
    warps = up(threads, 32) // 32
    fits = {
        "blocks": has.blocks,
        "threads": has.threads // (warps * 32),
        "registers": REGISTERS // (up(registers * 32, 256) * warps),
        "shared memory": has.shared // up(shared + has.reserved, 128) if shared else has.blocks,
    }
    limit = min(fits, key=lambda name: fits[name])
    if shared > has.shared_block or not fits[limit]:
        raise KernelError(
            f"occupancy: a block must fit onto a multiprocessor of {capability}, got {threads}"
            f" threads, {shared} bytes of shared memory and {registers} registers a thread. Use"
            " less."
        )
    return Occupancy(fits[limit], fits[limit] * warps, has.threads // 32, limit)


@cache
def measured_registers() -> dict[str, dict[str, list[int]]]:
    """The registers of the project's kernels, as NVRTC counted them, for each architecture."""
    lines = (kernels_folder() / "registers.json").read_text(encoding="utf-8")
    return json.loads(lines)["kernels"]


def registers_of(kernel: str, capability: str = "9.0") -> int | None:
    """The registers of a kernel of this project on that GPU, None if they are not known."""
    chip = "sm_" + capability.replace(".", "")
    found = measured_registers().get(re.split(r"[<(]", kernel)[0], {}).get(chip)
    return found[0] if found else None
