"""From `.cu` text to a shared library: g++ with our header, each text compiled once and kept in the
user's cache folder.
"""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path

from ...engine.errors import KernelError
from ..build import LONGEST_BUILD, built, cache_folder, digest, log_lines, machine, run
from ..build import compiler as cxx_compiler
from ..source import Source
from ..text import with_shared
from .ptx import with_ptx

SHIM = Path(__file__).parent / "shim"
END = 999999  # the line of what follows a source's text
# exit, abort and assert end a launch, not the process (runtime.cpp)
WRAPPED = "-Wl,--wrap=exit,--wrap=abort,--wrap=__assert_fail"
# what nvcc has without an include, and how to know that a text uses it
IMPLICIT = (("printf", "cstdio"), ("assert", "cassert"), ("clock(", "ctime"))
VIDEO = re.compile(r"\b__v[a-z]+[24]\b")  # names of shim/emu_video.h
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
    "--param=tsan-distinguish-volatile=1",
)
# The lanes of a warp go through accesses of `volatile` memory in step, as GPUs before Volta did.
LOCKSTEP = (
    "-O1",
    "-DEMU_LOCKSTEP",
    "-fsanitize=thread",
    "-ffp-contract=off",
    "--param=tsan-distinguish-volatile=1",
)
MODES = {"plain": PLAIN, "profile": PROFILE, "flops": FLOPS, "lockstep": LOCKSTEP}


@lru_cache
def compiler() -> tuple[str, ...]:
    """The C++ compiler, on a machine whose fibers the emulator can switch."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64", "arm64"):
        raise KernelError(
            f"emu: needs Linux on x86-64 or AArch64, got {platform.system()} on"
            f" {platform.machine()}. Use device='cpu'."
        )
    return cxx_compiler()


def unit(source: Source) -> tuple[str, str]:
    """The C++ of a source: its text, unchanged but for shared memory (text.py), and what includes
    it with one plain entry for each kernel.
    """
    body = with_shared(source.text)
    if "asm" in body:
        body = with_ptx(body)
    export = 'extern "C" __attribute__((visibility("default")))'
    # errors after the text are told as its end: an open brace shows there
    end = f'#line {END} "{Path(source.name).name}"\n'
    calls = [
        f"{end}{export} void emu_call_{i}(void** a) {{ emu::call({name}, a); }}\n"
        for i, name in enumerate(source.calls)
    ]
    first = "".join(f"#include <{name}>\n" for word, name in IMPLICIT if word in body)
    first += '#include "cuda_emu.h"\n'
    first += '#include "emu_ptx.h"\n' if "asm" in source.text else ""
    first += '#include "emu_video.h"\n' if VIDEO.search(source.text) else ""
    if source.named is not None:
        first += '#include "emu_signature.h"\n'
        calls += [
            f"{end}{export} const char* emu_signature_{i}() {{ return emu::signature({name}); }}\n"
            for i, name in enumerate(source.calls)
        ]
    return body, f'{first}#include "{Path(source.name).name}"\n{"".join(calls)}{end}'


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
        self.static_shared, self.constants = dict.fromkeys(source.calls, 0), {}
        self.shared_arrays: list[tuple[int, int]] = []  # place in their section, size
        for line in path.with_suffix(".symbols").read_text(encoding="utf-8").splitlines():
            name, size, offset = line.split()
            if name.startswith("="):
                self.constants[name[1:]] = int(size)
                continue
            self.shared_arrays.append((int(offset), int(size)))
            for kernel in source.calls:  # what a device function declares counts for every kernel
                if name in (re.split("[<(]", kernel)[0].split("::")[-1].strip(), "*"):
                    self.static_shared[kernel] += int(size)

    def lane(self, number: int) -> Library:
        """The same library once more, with shared memory and fibers of its own, to run blocks
        beside this one's.
        """
        if number not in self.copies:
            folder, name = self.path.parent, f"{self.path.stem}-{number}"
            for kind in (".symbols", ".so"):
                built(folder, name + kind, partial(shutil.copyfile, self.path.with_suffix(kind)))
            self.copies[number] = Library(folder / f"{name}.so", self.source, number)
        return self.copies[number]

    def set_constant(self, name: str, data: bytes) -> None:
        ctypes.memmove(ctypes.addressof(ctypes.c_char.in_dll(self.handle, name)), data, len(data))

    def entry(self, name: str) -> int:
        number = self.source.calls.index(name)
        return ctypes.cast(getattr(self.handle, f"emu_call_{number}"), ctypes.c_void_p).value or 0

    def signature(self, name: str) -> str:
        """The parameters of a kernel as the compiler knows them, one a line (emu_signature.h)."""
        tell = getattr(self.handle, f"emu_signature_{self.source.calls.index(name)}")
        tell.restype = ctypes.c_char_p
        return tell().decode()

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
    try:
        said = run(["addr2line", "-a", "-i", "-e", str(path), *map(hex, offsets)], "addr2line")
    except KernelError:  # the lines are a help, not more
        return ["?"] * len(offsets)
    frames = re.split(r"^0x[0-9a-f]+\n", said, flags=re.M)[1:]
    return [line_among(text.splitlines()) for text in frames]


def line_among(frames: list[str]) -> str:
    """`file:line` of the innermost frame that is not in the emulator's own headers."""
    lines = [frame.split(" ")[0] for frame in frames]
    users = [line for line in lines if "/emu/shim/" not in line]  # of whatever installation
    return (users or lines or ["?"])[0].rsplit("/", 1)[-1]


def symbols(path: Path, constants: Iterable[str]) -> str:
    """`kernel bytes place` for each shared array, `*` where a device function or a template
    declares it; `=name bytes 0` for each variable in constant memory.
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
    found = [f"={symbol} {size} 0" for _, size, symbol in rows if symbol in constants]
    found += [
        f"{owner(symbol)} {size} {at - start}"
        for at, size, symbol in rows
        if start <= at < stop and "shared_tail" not in symbol
    ]
    return "\n".join(found)


def owner(symbol: str) -> str:
    """The kernel that declares a variable of that mangled name, `*` if it cannot be told."""
    found = re.match(r"_ZZL?(\d+)", symbol)
    if found is None:
        return "*"
    stop = found.end() + int(found[1])
    return symbol[found.end() : stop] if symbol[stop : stop + 1] == "E" else "*"


@lru_cache
def shim_text() -> str:
    return "".join(
        path.read_text(encoding="utf-8")
        for path in sorted(SHIM.rglob("*"))
        if path.suffix in (".h", ".cpp", ".cuh", "") and path.is_file()
    )


@lru_cache
def runtime_object(mode: str) -> Path:
    """The emulator's runtime, compiled once: every library is linked with it."""
    defines = {"profile": ["-DEMU_PROFILE"], "lockstep": ["-DEMU_LOCKSTEP"]}.get(mode, [])
    command = [*compiler(), *COMMON, "-O2", *defines, "-I", str(SHIM)]
    name = f"runtime-{digest(shim_text(), *command, machine())}.o"
    text = str(SHIM / "runtime.cpp")

    def make(path: Path) -> None:
        run([*command, "-c", text, "-o", str(path)], "emu: the emulator's runtime")

    return built(cache_folder("emu"), name, make)


@lru_cache
def build(source: Source, mode: str = "plain") -> Library:
    """The library of a source, compiled if no one did yet; mode is plain, profile or flops."""
    flags = [*COMMON, *MODES[mode], *source.options]
    body, entries = unit(source)
    key = digest(
        source.name, body, entries, source.header, shim_text(), *compiler(), *flags, machine()
    )
    stem = re.sub(r"\W", "_", source.name.removesuffix(".cu"))
    name, folder = f"{stem}-{mode}-{key}", cache_folder("emu")
    library = built(folder, f"{name}.so", lambda path: compile_library(source, mode, flags, path))
    built(
        folder,
        f"{name}.symbols",
        lambda path: path.write_text(symbols(library, source.constants), encoding="utf-8"),
    )
    return Library(library, source)


# a `__shared__` variable in a compiler's assembly: it has a section of its own, marked R by its
# attribute `retain` (cuda_emu.h)
SHARED = re.compile(r'^\s*\.section\s+\.(?:bss|data)\.[^,\n]+,\s*"(\w*R\w*)"(.*)$', re.M)
BETWEEN = (
    128  # bytes between shared arrays in the profile build, which see an index that is too large
)


def gather_shared(assembly: Path, mode: str) -> None:
    """Put all shared variables of an assembly text into the section emu_shared, whose bounds the
    runtime knows. g++ ignores attribute `section` on variables of templates.
    """

    gap = f"\n\t.skip {BETWEEN}" if mode == "profile" else ""

    def moved(match: re.Match[str]) -> str:
        flags, rest = match[1].replace("R", ""), match[2].replace("nobits", "progbits")
        return f'\t.section\temu_shared,"{flags}"{rest}{gap}'

    text = assembly.read_text(encoding="utf-8")
    assembly.write_text(SHARED.sub(moved, text), encoding="utf-8")


def compile_library(source: Source, mode: str, flags: list[str], path: Path) -> None:
    """Compile a source and the runtime beside each other, and link them."""
    body, entries = unit(source)
    work = path.parent
    (work / Path(source.name).name).write_text(body, encoding="utf-8")
    (work / "unit.cpp").write_text(entries, encoding="utf-8")
    include = ["-I", str(work), "-I", str(SHIM), "-I", str(source.folder)]
    kernels = subprocess.Popen(
        [*compiler(), *flags, *include, "-S", str(work / "unit.cpp"), "-o", str(work / "unit.s")],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        runtime = runtime_object(mode)
        said = kernels.communicate(timeout=LONGEST_BUILD)[1]
    except subprocess.TimeoutExpired:
        raise KernelError(
            f"{source.name}: must compile in {LONGEST_BUILD:g} seconds, got no end. Make it"
            " shorter."
        ) from None
    finally:
        if kernels.poll() is None:
            kernels.kill()
            kernels.communicate()
    if kernels.returncode:
        log = log_lines(said.replace(f"{work}/", ""))
        at_end = f":{END}:" in log and not re.search(rf":(?!{END}:)\d+:\d+: error", log)
        log = log.replace(f":{END}:", ":end:")
        if at_end:
            names = ", ".join(source.calls)
            raise KernelError(
                f"{source.name}: must have all braces closed, and a kernel for each of {names},"
                f" got\n{log.rsplit(chr(10), 1)[0]}\nName a template with all its arguments."
            )
        raise KernelError(f"{source.name}: must compile, got\n{log}")
    gather_shared(work / "unit.s", mode)
    objects = [str(work / "unit.s"), str(runtime)]
    options = ["-Wl,-z,noexecstack", WRAPPED, "-lrt"]
    run([*compiler(), "-shared", *objects, "-o", str(path), *options], source.name)
