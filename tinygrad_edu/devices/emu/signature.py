"""The parameters of a kernel, as the compiler knows them.

A RawKernel may be any kernel of a text, named by a C++ expression: "sgemm<64, 64, 8>". What it
takes cannot be read off the text then, so the library tells it (shim/emu_signature.h).
"""

from __future__ import annotations

import re

from ..source import Parameter, Source
from ..text import kernels
from .build import Library

TYPES = {  # of C++ as g++ and clang spell it
    "float": "float32",
    "double": "float64",
    "bool": "bool",
    "char": "int8",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "unsigned short": "uint16",
    "int": "int32",
    "unsigned": "uint32",
    "long": "int64",
    "unsigned long": "uint64",
    "__half": "float16",
    "__nv_bfloat16": "uint16",
}
SHORT = {"uint": "unsigned", "uchar": "unsigned char", "ushort": "unsigned short"}
SHORT |= {"ulong": "unsigned long", "longlong": "long", "ulonglong": "unsigned long"}


class Compiled(Parameter):
    """One parameter: its type from a line of the library's, its name from the text."""

    def __init__(self, line: str, name: str):
        size, pointer, const, target, kind = line.split(" ", 4)
        found = re.search(r"T = (.*)\]", kind)
        self.kind = found[1] if found else kind
        self.pointer, self.const = pointer == "1", const == "1"
        self.size, self.target, self.name = int(size), int(target), name
        star = "*" if self.pointer else ""
        self.text = f"{'const ' if self.const else ''}{self.kind}{star} {name}".strip()

    @property
    def dtype(self) -> str | None:
        """None for structs and void: any array will do, and any bytes of the right size."""
        return dtype_of(self.kind)


def dtype_of(kind: str) -> str | None:
    """The NumPy dtype of a C++ type, for a vector that of its elements."""
    vector = re.fullmatch(r"(__half|__nv_bfloat16|[a-z]+)([1-4])", kind)
    if vector and vector[1] in ("__nv_bfloat16", "__half", *SHORT, *TYPES):
        return dtype_of(SHORT.get(vector[1], vector[1]))
    words = sorted(kind.replace("long long", "long").split())
    if len(words) > 1 and "int" in words:
        words.remove("int")
    plain = " ".join(sorted(words, key=lambda w: w not in ("signed", "unsigned")))
    return TYPES.get({"unsigned int": "unsigned"}.get(plain, plain))


def parameters(source: Source, name: str, library: Library) -> list[Parameter]:
    """The parameters of a kernel of a source that was compiled."""
    if source.named is None:
        return source.entries[name]
    lines = library.signature(name).splitlines()
    written = kernels(source.text).get(name.split("<")[0].split("::")[-1].strip())
    names = written.names if written else []
    names = names if len(names) == len(lines) else [""] * len(lines)
    return [
        Compiled(line, given or f"argument {i}")
        for i, (line, given) in enumerate(zip(lines, names), 1)
    ]
