"""C++ sources of the CPU kernels, kernels/<op>.cpp: their entry points and how they compile."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...engine.errors import KernelError
from ..build import built, cache_folder, compiler, digest, machine, run
from ..source import kernels_folder

ENTRY = re.compile(r"^ENTRY\s+(\w+)\s*\(([^)]*)\)", re.MULTILINE)
TYPES = {"long": ctypes.c_long, "int": ctypes.c_int, "float": ctypes.c_float}
# As the compiler may: a b + c in one rounding. Sums keep the order that the text gives them.
FLAGS = (
    "-std=c++17 -O3 -shared -fPIC -fvisibility=hidden -w"
    " -ffp-contract=fast -fno-math-errno -fno-trapping-math"
).split()


class CppSource:
    """One file of CPU kernels; `entries`: the C types of each entry point's parameters."""

    def __init__(self, path: Path):
        self.path, self.name, self.folder = path, path.name, path.parent
        self.text = path.read_text(encoding="utf-8")
        self.entries = {
            m[1]: list(map(parameter, m[2].split(","))) for m in ENTRY.finditer(self.text)
        }

    @property
    def header(self) -> str:
        """The text of what may be included: a change there must rebuild."""
        files = sorted(self.folder.glob("*.hpp"))
        return "".join(path.read_text(encoding="utf-8") for path in files)


def parameter(text: str) -> type:
    """The ctypes type of one parameter; a pointer is an address."""
    return ctypes.c_void_p if "*" in text else TYPES[text.split()[0]]


@lru_cache
def cpp_file(op: str, name: str) -> CppSource:
    """The source with the entry point `name`: kernels/<op>.cpp, or one of kernels/*.cpp."""
    folder = kernels_folder()
    for path in (folder / f"{op}.cpp", *sorted(folder.glob("*.cpp"))):
        if path.exists() and name in read(path).entries:
            return read(path)
    raise KernelError(
        f"{name}: must be an ENTRY of kernels/{op}.cpp, got none of that name. Check the spelling."
    )


read = lru_cache(CppSource)


def instructions() -> str:
    """What -march is given: $TINYGRAD_EDU_MARCH, else this machine's own."""
    return os.environ.get("TINYGRAD_EDU_MARCH") or "native"


@lru_cache
def library(source: CppSource, march: str) -> ctypes.CDLL:
    """The compiled file, loaded. Compiled once a machine, with a line on the screen of a person.

    Raises: KernelError if it does not compile
    """
    flags = [*FLAGS, f"-march={march}", *openmp()]
    told = digest(source.text, source.header, *compiler(), *flags, machine())
    name, folder = f"{source.path.stem}-{told}.so", cache_folder("cpu")
    command = [*compiler(), *flags, str(source.path), "-o"]

    def make(path: Path) -> None:
        if sys.stderr.isatty():
            print(f"Compiling kernels/{source.name} (once, a few seconds) …", file=sys.stderr)
        run([*command, str(path)], source.name)

    return ctypes.CDLL(str(built(folder, name, make)))


@lru_cache
def openmp() -> tuple[str, ...]:
    """The flag for threads, where the compiler has them."""
    try:
        run([*compiler(), "-fopenmp", "-E", "-x", "c++", os.devnull], "OpenMP")
    except KernelError:
        return ("-fopenmp-simd",)
    return ("-fopenmp",)


def entry(source: CppSource, name: str) -> Any:
    """The function of an entry point."""
    function = getattr(library(source, instructions()), name)
    function.argtypes, function.restype = source.entries[name], None
    return function
