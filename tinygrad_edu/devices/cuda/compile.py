"""From `.cu` text to machine code: NVRTC, each text compiled once and kept in the user's cache
folder.
"""

from __future__ import annotations

import json
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
    stem, options = stem_of(nvrtc, source, arch)
    return built(
        cache_folder("cuda"),
        f"{stem}.cubin",
        lambda path: path.write_bytes(whole(compiled(nvrtc, source, arch, options)[0])),
    )


def lowered_names(nvrtc: Any, source: Source, arch: str) -> dict[str, str]:
    """For each kernel that a source names as C++ does, its name in the machine code."""
    stem, options = stem_of(nvrtc, source, arch)
    path = built(
        cache_folder("cuda"),
        f"{stem}.names",
        lambda path: path.write_text(json.dumps(compiled(nvrtc, source, arch, options)[1])),
    )
    return json.loads(path.read_text(encoding="utf-8"))


def stem_of(nvrtc: Any, source: Source, arch: str) -> tuple[str, tuple[str, ...]]:
    """How the files of a build begin, and the compiler's options."""
    options = (
        f"--gpu-architecture={arch}",
        "-std=c++17",
        "-lineinfo",
        f"-I{source.folder}",
        *(f"-I{folder}" for folder in toolkit_headers()),
        *source.options,
    )
    version = ".".join(map(str, nvrtc.getVersion()))
    named = source.named or ()
    key = digest("whole", source.text, source.header, version, *options, *named)
    return f"{re.sub(r'[^0-9A-Za-z_]', '_', source.name.removesuffix('.cu'))}-{arch}-{key}", options


@lru_cache(8)  # the code and the names of one build are asked for one after another
def compiled(
    nvrtc: Any, source: Source, arch: str, options: tuple[str, ...]
) -> tuple[bytes, dict[str, str]]:
    """What NVRTC makes of a source: machine code, and the names in it of what C++ names."""
    program = nvrtc.createProgram(source.text, source.name, [], [])
    try:
        for name in source.named or ():
            nvrtc.addAddNameExpression(program, name)
        nvrtc.compileProgram(program, options)
        names = {name: nvrtc.getLoweredName(program, name) for name in source.named or ()}
        return nvrtc.getCUBIN(program), names
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
