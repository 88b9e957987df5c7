"""From `.cu` text to a shared library: g++ with our header, each text compiled once and kept in the
user's cache folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ...engine.errors import KernelError
from ...files import write_atomically
from ..source import Source

SHIM = Path(__file__).parent / "shim"
DYNAMIC = re.compile(
    r"extern\s+__shared__\s+(?:__align__\(\d+\)\s*)?([\w:]+(?:\s+[\w:]+)*?)\s+(\w+)\s*\[\s*\]\s*;"
)
COMMON = (
    "-std=c++20",
    "-fPIC",
    "-g1",
    "-gdwarf-4",
    "-w",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-fno-strict-aliasing",
    "-fno-delete-null-pointer-checks",
    "-fno-threadsafe-statics",
    "-march=native",
    # a frame larger than a guard page touches the guard, not what lies below it
    "-fstack-clash-protection",
)
# As on the GPU a b + c may be one rounding; sums keep their order, so that an error is the kernel's
# and not the compiler's.
PLAIN = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
# `float` is a type that counts (shim/flops.h).
FLOPS = ("-O1", "-DEMU_FLOPS", "-ffp-contract=off")
# The compiler calls out at every access to memory, as for its thread sanitizer; shim/profile.cpp
# answers.
PROFILE = (
    "-O1",
    "-DEMU_PROFILE",
    "-fsanitize=thread",
    "-fno-tree-vectorize",
    "-fno-unroll-loops",
    "-fno-tree-sra",
    "-ffp-contract=off",
)
MODES = {"plain": PLAIN, "profile": PROFILE, "flops": FLOPS}


def cache_folder(kind: str = "emu") -> Path:
    """Where builds of a kind are kept: TINYGRAD_EDU_CACHE, else the user's cache folder. Belongs to
    the user alone, for what lies there is run.
    """
    given = os.environ.get("TINYGRAD_EDU_CACHE")
    base = (
        Path(given)
        if given
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinygrad_edu"
    )
    try:
        folder = base / kind
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
            return folder
    except OSError:
        pass
    return private_folder()


@lru_cache
def private_folder() -> Path:
    """A folder for this process, where the user's cannot be written."""
    return Path(tempfile.mkdtemp(prefix="tinygrad_edu-emu-"))


@lru_cache
def compiler() -> str:
    """The C++ compiler: CXX, else g++."""
    name = os.environ.get("CXX") or "g++"
    if shutil.which(name.split()[0]) is None:
        raise KernelError(
            f"emu: needs the C++ compiler {name}, got none on the PATH. Install g++ (apt install"
            " g++), set CXX, or use device='cpu'."
        )
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64", "arm64"):
        raise KernelError(
            f"emu: needs Linux on x86-64 or AArch64, got {platform.system()} on"
            f" {platform.machine()}. Use device='cpu'."
        )
    return name


@lru_cache
def machine() -> str:
    """What -march=native means here: a cache in a shared home must not hand one machine's code to
    another.
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        text = platform.processor()
    flags = "\n".join(
        line
        for line in text.splitlines()
        if line.startswith(("flags", "Features", "model name", "CPU part"))
    )
    version = subprocess.run(
        [*compiler().split(), "--version"], capture_output=True, text=True, check=False
    ).stdout.splitlines()[:1]
    return flags + "".join(version)


def unit(source: Source) -> tuple[str, str]:
    """The C++ of a source: its text, unchanged but for dynamic shared memory, and what includes it
    with one plain entry for each kernel.
    """
    body = DYNAMIC.sub(r"\1* \2 = (\1*)emu::dynamic_shared;", source.text)
    calls = "".join(
        f'extern "C" __attribute__((visibility("default"))) void emu_call_{name}(void** a) {{'
        f" emu::call({name}, a); }}\n"
        for name in source.entries
    )
    return body, f'#include "cuda_emu.h"\n#include "{Path(source.name).name}"\n{calls}'


def run(command: list[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        lines = [
            line for line in done.stderr.splitlines() if "error" in line
        ] or done.stderr.splitlines()
        raise KernelError(
            f"emu: {what} must compile, got\n"
            + "\n".join(f"    {line}" for line in lines[:12])
            + "\nCorrect these lines."
        )
    return done.stdout


class Library:
    """A compiled source: `launch`, an entry for each kernel, and how much static shared memory each
    declares.
    """

    memories: dict[int, int] = {}  # per lane the stacks, one set for all libraries

    def __init__(self, path: Path, source: Source, lane: int = 0):
        self.path, self.source, self.copies = path, source, {lane: self}
        self.handle = ctypes.CDLL(str(path))
        self.handle.emu_memory.restype, self.handle.emu_memory.argtypes = (
            ctypes.c_void_p,
            [ctypes.c_void_p],
        )
        memory = self.handle.emu_memory(Library.memories.get(lane))
        if memory is None:
            raise KernelError(
                "emu: needs 70 MB of address space for the threads' stacks, got none. Free some"
                " memory."
            )
        Library.memories[lane] = memory
        self.arm, self.disarm, self.launch = (
            self.handle.emu_arm,
            self.handle.emu_disarm,
            self.handle.emu_launch,
        )
        self.launch.restype = ctypes.c_char_p
        self.launch.argtypes = [ctypes.c_void_p] * 4 + [
            ctypes.c_size_t,
            ctypes.c_double,
            ctypes.c_ulonglong,
            ctypes.c_ulonglong,
        ]
        self.static_shared, self.constants = dict.fromkeys(source.entries, 0), {}
        for line in path.with_suffix(".symbols").read_text(encoding="utf-8").splitlines():
            name, size = line.split()
            if name.startswith("="):
                self.constants[name[1:]] = int(size)
                continue
            for kernel in source.entries:  # what a device function declares counts for every kernel
                if name in (kernel, "*"):
                    self.static_shared[kernel] += int(size)

    def lane(self, number: int) -> Library:
        """The same library once more, with shared memory and fibers of its own, to run blocks
        beside this one's.
        """
        if number not in self.copies:
            path = self.path.with_name(f"{self.path.stem}-{number}.so")
            for made in (path.with_suffix(".symbols"), path):
                if not made.exists():
                    write_atomically(made, self.path.with_suffix(made.suffix).read_bytes())
            self.copies[number] = Library(path, self.source, number)
        return self.copies[number]

    def set_constant(self, name: str, data: bytes) -> None:
        ctypes.memmove(ctypes.addressof(ctypes.c_char.in_dll(self.handle, name)), data, len(data))

    def entry(self, name: str) -> int:
        return ctypes.cast(getattr(self.handle, f"emu_call_{name}"), ctypes.c_void_p).value or 0

    def line_of(self, address: int) -> str:
        """`file:line` of an address in this library, as far as the debug information goes."""
        return self.lines_of([address])[0]

    def lines_of(self, addresses: list[int]) -> list[str]:
        base = next(
            (
                int(line.split("-")[0], 16)
                for line in Path("/proc/self/maps").read_text().splitlines()
                if line.endswith(str(self.path))
            ),
            0,
        )
        return lines_of(self.path, [max(address - base, 0) for address in addresses])


def lines_of(path: Path, offsets: list[int]) -> list[str]:
    """`file:line` for offsets into a library."""
    if shutil.which("addr2line") is None or not offsets:
        return ["?"] * len(offsets)
    said = subprocess.run(
        ["addr2line", "-e", str(path), *map(hex, offsets)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    return [line.split(" ")[0].rsplit("/", 1)[-1] for line in said]


def symbols(path: Path, constants: Iterable[str]) -> str:
    """`kernel bytes` for each shared array, `*` where a device function declares it; `=name bytes`
    for each variable in constant memory.
    """
    start = stop = 0
    rows = []
    for line in run(["nm", "-S", "--defined-only", str(path)], "the symbols").splitlines():
        parts = line.split()
        if parts[-1] == "__start_emu_shared":
            start = int(parts[0], 16)
        elif parts[-1] == "__stop_emu_shared":
            stop = int(parts[0], 16)
        elif len(parts) == 4:
            rows.append((int(parts[0], 16), int(parts[1], 16), parts[3]))
    found = [f"={symbol} {size}" for _, size, symbol in rows if symbol in constants]
    for at, size, symbol in rows:
        if start <= at < stop:
            owner = re.match(r"_ZZ(?:L)?(\d+)", symbol)
            name = symbol[owner.end() : owner.end() + int(owner[1])] if owner else "*"
            found.append(
                f"{name if symbol[owner.end() + int(owner[1])] == 'E' else '*'} {size}"
                if owner
                else f"* {size}"
            )
    return "\n".join(found)


@lru_cache
def shim_text() -> str:
    return "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(SHIM.iterdir())
        if path.suffix in (".h", ".cpp")
    )


def digest(*texts: str) -> str:
    return hashlib.sha256("\0".join([*texts, machine()]).encode()).hexdigest()[:20]


@lru_cache
def runtime_object(mode: str) -> Path:
    """The emulator's runtime, compiled once: every library is linked with it."""
    command = [
        *compiler().split(),
        *COMMON,
        "-O2",
        *(["-DEMU_PROFILE"] if mode == "profile" else []),
        "-I",
        str(SHIM),
    ]
    final = cache_folder() / f"runtime-{digest(shim_text(), *command)}.o"
    if not final.exists():
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=".runtime-") as folder:
            made = Path(folder) / "runtime.o"
            run(
                [*command, "-c", str(SHIM / "runtime.cpp"), "-o", str(made)],
                "the emulator's runtime",
            )
            os.replace(made, final)
    return final


@lru_cache
def build(source: Source, mode: str = "plain") -> Library:
    """The library of a source, compiled if no one did yet; mode is plain, profile or flops. Written
    beside and then renamed, so that two processes may build at once.
    """
    cxx = compiler().split()
    flags = [*COMMON, *MODES[mode]]
    body, entries = unit(source)
    key = digest(source.name, body, entries, source.header, shim_text(), *cxx, *flags)
    stem = re.sub(r"\W", "_", source.name.removesuffix(".cu"))
    final = cache_folder() / f"{stem}-{mode}-{key}.so"
    if not (final.exists() and final.with_suffix(".symbols").exists()):
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{stem}-") as folder:
            work = Path(folder)
            (work / Path(source.name).name).write_text(body, encoding="utf-8")
            (work / "unit.cpp").write_text(entries, encoding="utf-8")
            include = ["-I", str(work), "-I", str(SHIM), "-I", str(source.folder)]
            kernels = subprocess.Popen(
                [*cxx, *flags, *include, "-c", str(work / "unit.cpp"), "-o", str(work / "unit.o")],
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                runtime = runtime_object(mode)
            finally:
                said = kernels.communicate()[1]
            if kernels.returncode:
                lines = [
                    line.replace(f"{work}/", "") for line in said.splitlines() if "error" in line
                ] or said.splitlines()
                raise KernelError(
                    f"{source.name}: must compile, got\n"
                    + "\n".join(f"    {line}" for line in lines[:12])
                    + "\nCorrect these lines."
                )
            run(
                [
                    *cxx,
                    "-shared",
                    str(work / "unit.o"),
                    str(runtime),
                    "-o",
                    str(work / "done.so"),
                    "-Wl,-z,noexecstack",
                    "-lrt",
                ],
                source.name,
            )
            (work / "done.symbols").write_text(
                symbols(work / "done.so", source.constants), encoding="utf-8"
            )
            os.replace(work / "done.symbols", final.with_suffix(".symbols"))
            os.replace(work / "done.so", final)
    return Library(final, source)
