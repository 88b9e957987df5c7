"""CUDA C sources: where they stand, what they include, and the signatures of their entry points."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..engine.errors import KernelError

PACKAGE = Path(__file__).parents[1]
# in an installed package; in a checkout
FOLDERS = (PACKAGE / "kernels", PACKAGE.parent / "kernels")
ENTRY = re.compile(
    r"__global__\s+(?:void\s+)?(?:__launch_bounds__\s*\([^)]*\)\s*)?(?:void\s+)?(\w+)\s*\(([^)]*)\)"
)
CONSTANT = re.compile(r"__constant__\s+([\w ]+?)\s+(\w+)\s*((?:\[[^\]]*\]\s*)*)(?=[;=])")
NUMPY = {
    "float": "float32",
    "double": "float64",
    "int": "int32",
    "long long": "int64",
    "unsigned": "uint32",
    "unsigned int": "uint32",
    "unsigned long long": "uint64",
    "unsigned char": "uint8",
    "bool": "bool",
    "__half": "float16",
    "half": "float16",
    "float4": "float32",
    "__nv_bfloat16": "uint16",
}


class Parameter:
    """One parameter of an entry point: its C type, the NumPy dtype that goes with it, whether it is
    a pointer, and to const.

    Attributes:
        size: bytes of a value that is passed; 0 where only the dtype tells
    """

    size = 0

    def __init__(self, text: str):
        self.text = " ".join(text.split())
        self.pointer, self.const = "*" in text, "const" in text
        words = re.sub(r"\b(const|__restrict__)\b|\*", " ", text).split()
        self.name, self.kind = words[-1], " ".join(words[:-1])

    @property
    def dtype(self) -> str | None:
        """The NumPy dtype; None: any array will do.

        Raises: KernelError if no array has the type
        """
        if self.kind not in NUMPY:
            raise KernelError(
                f"kernel: the parameter {self.text!r} must have a type that arrays have"
                f" ({', '.join(NUMPY)}), got {self.kind!r}. Use one of these."
            )
        return NUMPY[self.kind]


class Source:
    """A piece of CUDA C: its text, a name for messages, and the folder of its includes.

    Args: calls: the kernels to be called, as C++ names them: "sgemm<64, 64>"; None: all whose
          signature can be read off the text
          options: for the compiler: "-DN=64", "-Ifolder"
    """

    def __init__(
        self,
        text: str,
        name: str,
        folder: Path,
        calls: tuple[str, ...] | None = None,
        options: tuple[str, ...] = (),
    ):
        self.text, self.name, self.folder = text, name, folder
        self.named, self.options = calls, options
        # comments blanked, lines kept
        plain = re.sub(
            r"//[^\n]*|/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S
        )
        self.entries = {
            m[1]: [Parameter(p) for p in m[2].split(",") if p.strip()]
            for m in ENTRY.finditer(plain)
        }
        # what lies in constant memory: name -> dtype, and name -> its C type and dims as written
        found = list(CONSTANT.finditer(plain))
        self.constants = {m[2]: NUMPY.get(m[1]) for m in found}
        self.declared = {m[2]: (m[1], re.findall(r"\[\s*([^\]]*?)\s*\]", m[3])) for m in found}

    @property
    def calls(self) -> tuple[str, ...]:
        """The kernels that a build has an entry for."""
        return tuple(self.entries) if self.named is None else self.named

    def constant_bytes(self, name: str) -> int:
        """The size of a `__constant__` variable, from its declaration."""
        kind, dims = self.declared.get(name, ("", []))
        if kind not in NUMPY or not all(n.isdecimal() for n in dims):
            raise KernelError(
                f"{self.name}: a __constant__ variable that is filled must have a type that arrays"
                f" have and dims written as numbers, got {kind} {name}{dims}. Write the numbers."
            )
        vector = 4 if kind == "float4" else 1
        return math.prod(map(int, dims)) * vector * np.dtype(NUMPY[kind]).itemsize

    @property
    def header(self) -> str:
        """The text of what may be included: a change there must rebuild."""
        return "".join(
            path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("*.cuh"))
        )


@lru_cache
def kernels_folder() -> Path:
    for folder in FOLDERS:
        if folder.is_dir():
            return folder
    raise KernelError(
        "kernels: the folder of CUDA sources must be beside the package, got nothing at"
        f" {FOLDERS[0]}. Install tinygrad_edu again."
    )


@lru_cache
def read(path: Path) -> Source:
    folder = kernels_folder()
    return Source(path.read_text(encoding="utf-8"), path.relative_to(folder).as_posix(), folder)


def kernel_file(op: str, name: str) -> Source:
    """The source with the entry point `name`: kernels/<op>.cu, one of kernels/<op>/*.cu, or for
    `<op>_backward` the file of its forward.
    """
    folder = kernels_folder()
    for path in (
        folder / f"{op}.cu",
        *sorted((folder / op).glob("*.cu")),
        folder / f"{op.removesuffix('_backward')}.cu",
    ):
        if path.exists() and name in read(path).entries:
            return read(path)
    raise KernelError(
        f"{name}: must be a kernel in kernels/{op}.cu or kernels/{op}/, got no entry point of that"
        " name. Check the spelling."
    )
