"""Kernels compiled for another instruction set, run in a process of their own under an emulator.

The program holds one file of kernels and a loop: it reads calls from its input, runs them, and
writes back the arrays. So the launchers here drive code for a machine that is not here.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import struct
import subprocess

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinygrad_edu.devices.native.source import FLAGS

COMPILER, EMULATOR = "aarch64-linux-gnu-g++", ("qemu-aarch64-static", "qemu-aarch64")
WITHOUT = {"-shared", "-fPIC", "-fvisibility=hidden"}  # the program is whole, not a library
ENTRY = re.compile(r"^ENTRY\s+(\w+)\s*\(([^)]*)\)", re.MULTILINE)
GUARD = bytes(range(64))  # behind each array: a kernel that writes past the end shows

PROGRAM = """
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

struct Call {
    std::vector<std::vector<char>> arrays;
    static void take(void* to, long bytes) {
        if (bytes && fread(to, 1, bytes, stdin) != (size_t)bytes) exit(0);
    }
    template <class T> T number() { T value; take(&value, sizeof value); return value; }
    char* array() {  // null where the length is -1
        long bytes = number<long>(), at = number<long>();
        arrays.emplace_back(bytes < 0 ? 0 : bytes);
        if (bytes < 0) return nullptr;
        take(arrays.back().data(), bytes);
        return arrays.back().data() + at;
    }
};

int main() {
    for (;;) {
        Call call;
        long length = call.number<long>();
        std::string name(length, ' ');
        call.take(&name[0], length);
        if (false) {}
%s
        else return 1;
        for (auto& array : call.arrays) fwrite(array.data(), 1, array.size(), stdout);
        fflush(stdout);
    }
}
"""


def emulator() -> str | None:
    """The emulator, where it and the compiler are here."""
    found = next(filter(None, map(shutil.which, EMULATOR)), None)
    return found if shutil.which(COMPILER) else None


def branch(name: str, parameters: str) -> str:
    """The lines that read the arguments of one entry point, in order, and run it."""
    reads, given = [], []
    for i, text in enumerate(parameters.split(",")):
        kind = text.rsplit(maxsplit=1)[0] if "*" not in text else text[: text.index("*") + 1]
        value = f"({kind})call.array()" if "*" in text else f"call.number<{kind}>()"
        reads.append(f"auto a{i} = {value};")
        given.append(f"a{i}")
    return f'        else if (name == "{name}") {{ {" ".join(reads)} {name}({", ".join(given)}); }}'


def memory(array) -> tuple[int, bytes]:
    """(where the first element is, the bytes of all), with the gaps of a view between them."""
    low, high = byte_bounds(array)
    return array.ctypes.data - low, ctypes.string_at(low, high - low)


class Program:
    """One file of kernels for AArch64, compiled into `folder` and waiting for calls."""

    def __init__(self, source, folder):
        branches = "\n".join(branch(m[1], m[2]) for m in ENTRY.finditer(source.text))
        text, path = f'#include "{source.path}"\n' + PROGRAM % branches, folder / source.path.stem
        flags = [flag for flag in FLAGS if flag not in WITHOUT]
        subprocess.run(
            [COMPILER, *flags, "-fopenmp", "-static", "-x", "c++", "-", "-o", str(path)],
            input=text.encode(),
            check=True,
            timeout=300,
        )
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([emulator(), str(path)], stdin=pipe, stdout=pipe)

    def call(self, name: str, types: list, arguments: tuple) -> None:
        """Run an entry point; arrays are changed in place, as by a library."""
        sent, arrays = [struct.pack("=q", len(name)), name.encode()], []
        for kind, value in zip(types, arguments, strict=True):
            if kind is ctypes.c_void_p:
                at, data = (0, None) if value is None else memory(value)
                size = -1 if data is None else len(data) + len(GUARD)
                sent += [struct.pack("=qq", size, at), b"" if data is None else data + GUARD]
                arrays += [] if data is None else [(value, at, size)]
            else:
                sent.append(bytes(kind(value)))  # wraps a key of 64 bits as a call does
        self.process.stdin.write(b"".join(sent))
        self.process.stdin.flush()
        for array, at, size in arrays:
            data = self.process.stdout.read(size)
            assert data.endswith(GUARD), f"{name} wrote past the end of an array"
            if array.flags.writeable:
                array[...] = np.ndarray(array.shape, array.dtype, data, at, array.strides)

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
