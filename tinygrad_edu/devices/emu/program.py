"""Whole CUDA programs on the CPU: `program.cu` with its `main` becomes an executable.

    finished = run(Program([Path("program.cu")]), ["64"])      # its output goes where ours goes
    finished.code                                              # its exit code

The texts are copied with launches as function calls (text.py), compiled by g++ against our
`cuda_runtime.h` and linked with the emulator's runtime. Memory and launches are in
shim/host/program.cpp. With `watch` the launches are recorded, and `finished.profile` has them.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...engine.errors import KernelError
from ..build import LONGEST_BUILD, built, cache_folder, digest, log_lines, machine
from ..build import run as run_tool
from ..source import Source
from ..text import Kernel, edited, included, kernels, translated, with_shared
from . import profile as profiling
from .build import (
    COMMON,
    MODES,
    SHIM,
    WRAPPED,
    compiler,
    gather_shared,
    lines_of,
    runtime_object,
    shim_text,
)
from .launch import about_steps, in_step
from .ptx import with_ptx

HOST = SHIM / "host"
TEXTS = (".cu", ".cuh", ".h", ".hpp", ".inl", ".cc", ".cpp", ".cxx", ".c", ".hh")
# old programs are forgiven what nvcc forgives; a host function may end without `return`
LENIENT = ("-fpermissive", "-fno-strict-overflow")


@dataclass(frozen=True)
class Program:
    """Source files, and how to compile them.

    Args: files: `.cu` and C++ files; the first one's folder is where a report looks for lines
          folders: where else `#include` looks
          defines: as `-D` takes them: "N=64"
    """

    files: Sequence[Path]
    folders: Sequence[Path] = ()
    defines: Sequence[str] = ()

    def __post_init__(self) -> None:
        for path in (*self.files, *self.folders):
            if not path.exists():
                raise KernelError(
                    f"kernels run: {path} must be a file or folder that exists, got none. Check"
                    " the path."
                )


@dataclass
class Copied:
    """The texts of a program: each file with its translation, and the kernels in all of them."""

    texts: dict[Path, str] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)


def collected(program: Program) -> Copied:
    """All files of a program: those given and those that they include, from the user's folders."""
    found, waiting = Copied(), [path.resolve() for path in program.files]
    while waiting:
        path = waiting.pop()
        if path in found.texts:
            continue
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise KernelError(f"kernels run: {path} must be readable, got {error}.") from None
        found.texts[path] = text
        for name, kernel in kernels(text).items():
            known = found.kernels.setdefault(name, kernel)
            known.shapes |= kernel.shapes
        waiting += [p for *_, p in users_includes(text, path, program.folders)]
    return found


def users_includes(text: str, path: Path, folders: Sequence[Path]) -> list[tuple[int, int, Path]]:
    """The includes of a text that lie in the user's folders: where they stand, and the file.
    Names that CUDA has are left to our headers.
    """
    rows = []
    for start, stop, name, quoted in included(text):
        if (HOST / name).exists() or (SHIM / name).exists():
            continue
        places = [path.parent, *folders] if quoted else [*folders]
        file = next((p / name for p in places if (p / name).is_file()), None)
        if file is not None and file.suffix in TEXTS:
            rows.append((start, stop, file.resolve()))
    return rows


def written(program: Program, copied: Copied, folder: Path) -> list[Path]:
    """Write the translated texts into a folder; the paths of the files that were given."""
    places = {path: folder / f"{i}{path.suffix}" for i, path in enumerate(copied.texts)}
    for path, text in copied.texts.items():
        edits = [
            (start, stop, f'"{places[file]}"')
            for start, stop, file in users_includes(text, path, program.folders)
        ]
        body = with_shared(translated(edited(text, edits), copied.kernels))
        if "asm" in body:
            body = with_ptx(body)
        places[path].write_text(
            f'#line 1 "{shown(path)}"\n{body}', encoding="utf-8", errors="surrogateescape"
        )
    return [places[path.resolve()] for path in program.files]


def shown(path: Path) -> str:
    """A path as messages name it: from the working folder if it lies there."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


# ---- compile -------------------------------------------------------------------------------------


@lru_cache
def device_object(mode: str) -> Path:
    """shim/host/program.cpp, compiled once."""
    sizes = [
        f"-DEMU_{name}={ctypes.sizeof(kind)}"
        for name, kind in (
            ("SITE", profiling.Site),
            ("PROBLEM", profiling.Problem),
            ("WATCHED", profiling.Watched),
        )
    ]
    defines = [*sizes, *(["-DEMU_PROFILE"] if mode == "profile" else [])]
    command = [*compiler(), *COMMON, "-O3", *defines, "-I", str(HOST), "-I", str(SHIM)]
    name = f"program-{digest(host_text(), shim_text(), *command, machine())}.o"

    def make(path: Path) -> None:
        run_tool([*command, "-c", str(HOST / "program.cpp"), "-o", str(path)], "emu: the device")

    return built(cache_folder("emu"), name, make)


@lru_cache
def host_text() -> str:
    files = sorted(p for p in HOST.rglob("*") if p.suffix in (".h", ".cpp"))
    return "".join(p.read_text(encoding="utf-8") for p in files)


def executable(program: Program, mode: str = "plain") -> Path:
    """The program, compiled if no one did yet; mode is plain or profile."""
    copied = collected(program)
    options = [
        *COMMON,
        *MODES[mode],
        *LENIENT,
        *(f"-D{define}" for define in program.defines),
        *("-I", str(HOST), "-I", str(SHIM)),
        *(word for folder in program.folders for word in ("-I", str(folder))),
        *(word for path in program.files for word in ("-I", str(path.resolve().parent))),
        *("-include", "cuda_runtime.h"),
        *(["-include", "emu_ptx.h"] if any("asm" in t for t in copied.texts.values()) else []),
    ]
    texts = [part for path, text in copied.texts.items() for part in (shown(path), text)]
    safe = [text.encode("utf-8", "surrogateescape").hex() for text in texts]
    objects = [runtime_object(mode), device_object(mode)]
    key = digest(*safe, *options, *map(str, objects), *compiler(), machine())
    stem = re.sub(r"\W", "_", program.files[0].stem)

    def make(path: Path) -> None:
        sources = written(program, copied, path.parent)
        compiled = [
            one(source, given, options, mode) for source, given in zip(sources, program.files)
        ]
        link = [*compiler(), *map(str, (*compiled, *objects)), "-o", str(path)]
        run_tool(
            [*link, "-lrt", "-ldl", "-lpthread", "-Wl,-z,noexecstack", WRAPPED], f"{stem}: linking"
        )

    return built(cache_folder("emu"), f"{stem}-{mode}-{key}", make)


def one(source: Path, given: Path, options: list[str], mode: str) -> Path:
    """One file of a program, compiled to assembly."""
    to = source.with_suffix(".s")
    command = [*compiler(), *options, "-x", "c++", "-S", str(source), "-o", str(to)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_BUILD
        )
    except subprocess.TimeoutExpired:
        raise KernelError(
            f"{shown(given)}: must compile in {LONGEST_BUILD:g} seconds, got no end. Make it"
            " shorter."
        ) from None
    if done.returncode:
        missing = re.search(r"fatal error: ([^:]+): No such file", done.stderr)
        if missing:
            raise KernelError(
                f"{shown(given)}: all headers must be known, got no {missing[1]} for"
                f"\n{log_lines(done.stderr).rsplit(chr(10), 1)[0]}\nName its folder with -I, or"
                " take what needs it out of the program."
            )
        raise KernelError(f"{shown(given)}: must compile, got\n{log_lines(done.stderr)}")
    gather_shared(to, mode)
    return to


# ---- run -----------------------------------------------------------------------------------------


@dataclass
class Finished:
    """A program that has ended: its exit code (below 0: the signal that ended it), and what was
    recorded of its launches.
    """

    code: int
    profile: profiling.Profile


def run(
    program: Program,
    arguments: Sequence[str] = (),
    watch: bool = False,
    launches: int = 1,
    **streams: Any,
) -> Finished:
    """Compile and run a program; its input and output are ours.

    Args: arguments: the program's own
          watch: record what its launches do to memory
          launches: how many launches of each line are recorded; 0: all
          streams: as for `subprocess.run`
    """
    file = executable(program, "profile" if watch else "lockstep" if in_step() else "plain")
    if not watch and not in_step():
        for path, text in collected(program).texts.items():
            said = about_steps(shown(path), text)
            if said:
                warnings.warn(said, stacklevel=2)
    with tempfile.TemporaryDirectory(prefix="tinygrad_edu-") as folder:
        records = Path(folder) / "records"
        told = os.environ | ({"TINYGRAD_EDU_EMU_RECORDS": str(records)} if watch else {})
        told["TINYGRAD_EDU_EMU_LAUNCHES"] = str(launches or 2**31 - 1)
        told |= blas()
        done = subprocess.run([str(file), *arguments], env=told, check=False, **streams)
        data = records.read_bytes() if records.exists() else b""
    return Finished(done.returncode, reports(program, file, data))


def blas() -> dict[str, str]:
    """Where cuBLAS's calls find NumPy's own BLAS, where it lies beside NumPy."""
    found = sorted((Path(np.__file__).parents[1] / "numpy.libs").glob("libscipy_openblas64*.so"))
    return {"TINYGRAD_EDU_EMU_BLAS": str(found[0])} if found else {}


class Reader:
    """Reads the records that a program left."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, layout: str) -> tuple:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def text(self) -> str:
        return self.take(self.numbers("=I")[0]).decode(errors="replace")

    def structures(self, kind: Any, count: int) -> list:
        size = ctypes.sizeof(kind)
        return [kind.from_buffer_copy(self.take(size)) for _ in range(count)]


def reports(program: Program, file: Path, data: bytes) -> profiling.Profile:
    """The launches that a program recorded, as a Profile."""
    found, reader = profiling.Profile(flops=False), Reader(data)
    copied = collected(program) if data else Copied()
    while reader.take(4) == b"EMU1":
        found.launches.append(report(program, copied, file, reader))
    return found


def report(program: Program, copied: Copied, file: Path, reader: Reader) -> profiling.Report:
    """One launch of the records."""
    name, failed = reader.text(), reader.text()
    line, sites, problems, arrays = reader.numbers("=4I")
    shape, (base,) = reader.numbers("=6I"), reader.numbers("=Q")
    arguments = reader.numbers(f"={arrays}i")
    tables = [
        reader.structures(kind, count)
        for kind, count in (
            (profiling.Site, sites),
            (profiling.Problem, problems),
            (profiling.Watched, arrays),
        )
    ]
    first = program.files[0].resolve()
    source = Source("", shown(first), first.parent)
    source.text = copied.texts[first]
    made = profiling.Report(name, source, shape[:3], shape[3:])
    made.failed = failed
    kernel = copied.kernels.get(name.split("<")[0].split("::")[-1].strip())
    names = kernel.names if kernel else []
    watched = [
        (SimpleNamespace(name=array_name(names, argument, i)), SimpleNamespace(nbytes=w.size))
        for i, (argument, w) in enumerate(zip(arguments, tables[2]))
    ]
    library = SimpleNamespace(
        lines_of=lambda pcs: lines_of(file, [max(pc - base, 0) for pc in pcs])
    )
    profiling.fill_tables(made, library, tables, watched)
    return made


def array_name(names: list[str], argument: int, number: int) -> str:
    """What a report calls an array: the kernel's parameter, or its number."""
    if 0 <= argument < len(names) and names[argument]:
        return names[argument]
    return f"array {number}" if argument < 0 else f"argument {argument + 1}"
