"""From `.cu` text to machine code: NVRTC, each text compiled once and kept in the user's cache
folder.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...engine.errors import KernelError
from ..build import built, cache_folder, digest, log_lines
from ..source import Source

# `// arch: sm_90a`: for this chip alone; `// arch: sm_80 sm_90`: for sm_80 and later
MARKER = re.compile(r"^//\s*arch:\s*(.+)$", re.M)


@lru_cache
def toolkit_headers() -> tuple[str, ...]:
    """Folders with cuda_fp16.h and mma.h: of NVIDIA's wheels, or of an installed toolkit."""
    folders: list[Path] = []
    spec = find_spec("nvidia")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folders += Path(place).glob("cu*/include")
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if variable in os.environ:
            folders.append(Path(os.environ[variable]) / "include")
    nvcc = shutil.which("nvcc")
    if nvcc:
        folders.append(Path(nvcc).resolve().parents[1] / "include")
    folders.append(Path("/usr/local/cuda/include"))
    return tuple(str(folder) for folder in folders if folder.is_dir())


def architecture(source: Source, capability: str) -> str:
    """What to compile a source for on a GPU of that compute capability: "80" is sm_80, "90" is
    sm_90a, with the instructions of that chip alone.
    """
    marker = MARKER.search(source.text)
    wanted = re.findall(r"sm_(\d+)([af]?)", marker[1]) if marker else []
    if wanted and not any(
        number == capability or not suffix and int(number) <= int(capability)
        for number, suffix in wanted
    ):
        raise KernelError(
            f"{source.name}: needs a GPU of"
            f" {', '.join(f'sm_{number}{suffix}' for number, suffix in wanted)}, got"
            f" sm_{capability}. Choose another rung with use_kernel."
        )
    return f"sm_{capability}{'a' if int(capability) >= 90 else ''}"


def machine_code(nvrtc: Any, source: Source, arch: str) -> Path:
    """The cubin of a source, compiled if no one did yet.

    CuPy's own cache would not notice a change in common.cuh, and flushes denormals to 0.
    """
    options = (
        f"--gpu-architecture={arch}",
        "-std=c++17",
        "-lineinfo",
        f"-I{source.folder}",
        *(f"-I{folder}" for folder in toolkit_headers()),
    )
    version = ".".join(map(str, nvrtc.getVersion()))
    key = digest("whole", source.text, source.header, version, *options)
    stem = re.sub(r"\W", "_", source.name.removesuffix(".cu"))
    return built(
        cache_folder("cuda"),
        f"{stem}-{arch}-{key}.cubin",
        lambda path: path.write_bytes(whole(compiled(nvrtc, source, arch, options))),
    )


def compiled(nvrtc: Any, source: Source, arch: str, options: tuple[str, ...]) -> bytes:
    """What NVRTC makes of a source."""
    program = nvrtc.createProgram(source.text, source.name, [], [])
    try:
        nvrtc.compileProgram(program, options)
        return nvrtc.getCUBIN(program)
    except Exception as error:
        log = log_lines(nvrtc.getProgramLog(program) or str(error))
        raise KernelError(f"{source.name}: must compile for {arch}, got\n{log}") from error
    finally:
        nvrtc.destroyProgram(program)


def whole(code: bytes) -> bytes:
    """Machine code up to the end of its program header table.

    CuPy's getCUBIN takes the last byte for the end of a string and drops it; the ELF header says
    where the file must end.
    """
    if code[:4] != b"\x7fELF" or len(code) < 64:
        return code
    (start,) = struct.unpack_from("<Q", code, 32)  # e_phoff
    size, count = struct.unpack_from("<HH", code, 54)  # e_phentsize, e_phnum
    return code.ljust(start + size * count, b"\0")
