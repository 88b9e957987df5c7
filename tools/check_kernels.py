"""Compile every kernel for real GPUs without having one, and compare its registers with the
checked-in table.

    python tools/check_kernels.py             compile all, compare with kernels/registers.json;
                                              exit code 1 if anything differs
    python tools/check_kernels.py --write     compile all and write the table
    python tools/check_kernels.py softmax     only files whose name contains "softmax"

Needs NVRTC (`pip install .[nvrtc]`, 61 MB, no driver); without it the check is skipped with a
reason and exit code 0. Each kernels/**/*.cu is compiled for sm_75, 80, 90 and 100, or for what a
line `// arch: sm_80 sm_90 sm_100` or `// arch: sm_90a` in it says. What ptxas reports is compared:
registers a thread, static shared bytes a block, and spills, of which there must be none. Registers
belong to a compiler: with another version of NVRTC than the table's, only spills and shared memory
are compared.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KERNELS = ROOT / "kernels"
TABLE = KERNELS / "registers.json"
ARCHS = ("sm_75", "sm_80", "sm_90", "sm_100")
MARKER = re.compile(r"^//\s*arch:\s*(.+)$", re.M)


class Missing(Exception):
    """NVRTC is not on this machine."""


class Refused(Exception):
    """NVRTC did not compile a source: its log."""


def candidates() -> list[Path]:
    """Where libnvrtc may stand: wheels of CUDA 13 (nvidia/cu13) and 12 (nvidia/cuda_nvrtc), then a
    toolkit.
    """
    spec = importlib.util.find_spec("nvidia")
    folders = (
        [
            Path(p) / sub
            for p in spec.submodule_search_locations or []
            for sub in ("cu13/lib", "cuda_nvrtc/lib")
        ]
        if spec
        else []
    )
    folders += [
        Path(os.environ[v]) / "lib64" for v in ("CUDA_PATH", "CUDA_HOME") if v in os.environ
    ] + [Path("/usr/local/cuda/lib64")]
    return [
        path for folder in folders for path in sorted(folder.glob("libnvrtc.so*"), reverse=True)
    ]


class Nvrtc:
    """The compiler, by ctypes."""

    def __init__(self) -> None:
        found = next(iter(candidates()), None)
        name = str(found) if found else find_library("nvrtc")
        if name is None:
            raise Missing("NVRTC is not installed (pip install .[nvrtc])")
        try:
            self.library = ctypes.CDLL(name)
        except OSError as error:
            raise Missing(f"NVRTC cannot be loaded: {error}") from error
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        root = Path(name).parents[1] if found else None
        homes = [] if root is None else [root / "include", *(root.parent.glob("cuda_*/include"))]
        self.include = [str(folder) for folder in homes if folder.is_dir()]  # cuda_fp16.h, mma.h
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"
        count = ctypes.c_int()
        self.call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        archs = (ctypes.c_int * count.value)()
        self.call("nvrtcGetSupportedArchs", archs)
        self.archs = set(archs)

    def call(self, name: str, *args: Any) -> int:
        code = getattr(self.library, name)(*args)
        if code and name != "nvrtcCompileProgram":
            raise RuntimeError(f"{name}: {self.library.nvrtcGetErrorString(code).decode()}")
        return code

    def text(self, program: ctypes.c_void_p, what: str) -> str:
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{what}", program, buffer)
        return buffer.value.decode(errors="replace").strip()

    def compile(self, text: str, name: str, arch: str) -> str:
        """Compile to machine code; the log, in which ptxas tells what each kernel takes."""
        program = ctypes.c_void_p()
        self.call(
            "nvrtcCreateProgram", ctypes.byref(program), text.encode(), name.encode(), 0, None, None
        )
        options = [
            f"--gpu-architecture={arch}",
            "-std=c++17",
            "-lineinfo",
            "--ptxas-options=-v",
            f"-I{KERNELS}",
            *(f"-I{folder}" for folder in self.include),
        ]
        try:
            code = self.call(
                "nvrtcCompileProgram",
                program,
                len(options),
                (ctypes.c_char_p * len(options))(*(o.encode() for o in options)),
            )
            log = self.text(program, "ProgramLog")
            if code:
                raise Refused(log)
            size = ctypes.c_size_t()
            self.call("nvrtcGetCUBINSize", program, ctypes.byref(size))
            if not size.value:
                raise Refused(f"no machine code for {arch}\n{log}")
            return log
        finally:
            self.call("nvrtcDestroyProgram", ctypes.byref(program))


def usage(log: str) -> dict[str, dict[str, int]]:
    """What ptxas said of each kernel: registers, static shared bytes, bytes of the stack, bytes
    spilled.
    """
    found: dict[str, dict[str, int]] = {}
    for name, block in re.findall(
        r"Compiling entry function '(\w+)'.*?\n(.*?)(?=\n[^\n]*Compiling entry function|\Z)",
        log,
        re.S,
    ):

        def number(pattern: str, block: str = block) -> int:
            return sum(map(int, re.findall(pattern, block)))

        found[name] = {
            "registers": number(r"Used (\d+) registers"),
            "shared": number(r"(\d+) bytes smem"),
            "stack": number(r"(\d+) bytes stack frame"),
            "spills": number(r"(\d+) bytes spill"),
        }
    return found


def architectures(text: str) -> tuple[str, ...]:
    """What a source is compiled for: its marker line `// arch: sm_90a`, else all."""
    marker = MARKER.search(text)
    return tuple(re.findall(r"sm_\d+[af]?", marker[1])) if marker else ARCHS


def sources(containing: str = "") -> list[Path]:
    return [
        path
        for path in sorted(KERNELS.rglob("*.cu"))
        if containing in path.relative_to(KERNELS).as_posix()
    ]


def compile_all(
    nvrtc: Nvrtc, paths: list[Path], only: tuple[str, ...] = ()
) -> tuple[dict[str, dict[str, dict[str, int]]], list[str]]:
    """`kernel -> arch -> what it takes` of all kernels in these files, and what went wrong."""
    jobs = [
        (path, arch)
        for path in paths
        for arch in architectures(path.read_text(encoding="utf-8"))
        if int(re.sub(r"\D", "", arch)) in nvrtc.archs and (not only or arch in only)
    ]
    found: dict[str, dict[str, dict[str, int]]] = {}
    wrong = []

    def one(job: tuple[Path, str]) -> str | Refused:
        try:
            return nvrtc.compile(
                job[0].read_text(encoding="utf-8"), job[0].relative_to(KERNELS).as_posix(), job[1]
            )
        except Refused as error:
            return error

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for (path, arch), log in zip(jobs, pool.map(one, jobs)):
            if isinstance(log, Refused):
                lines = [line for line in str(log).splitlines() if "error" in line] or str(
                    log
                ).splitlines()
                wrong.append(
                    f"{path.relative_to(KERNELS)} does not compile for {arch}:\n"
                    + "\n".join(f"    {line}" for line in lines[:6])
                )
                continue
            for name, row in usage(log).items():
                found.setdefault(name, {})[arch] = row
                if row["spills"]:
                    wrong.append(
                        f"{name} spills {row['spills']} bytes on {arch}: it needs more registers"
                        " than a thread has. Use smaller tiles."
                    )
    return found, wrong


def read_table() -> dict[str, Any]:
    return (
        json.loads(TABLE.read_text(encoding="utf-8"))
        if TABLE.exists()
        else {"nvrtc": "", "kernels": {}}
    )


def as_rows(found: dict[str, dict[str, dict[str, int]]]) -> dict[str, dict[str, list[int]]]:
    """The table's form: kernel -> arch -> [registers, static shared bytes]."""
    return {
        name: {arch: [row["registers"], row["shared"]] for arch, row in found[name].items()}
        for name in sorted(found)
    }


def differences(
    found: dict[str, dict[str, dict[str, int]]], table: dict[str, Any], version: str
) -> list[str]:
    """Where the compiler and the table disagree, one line each."""
    same = table["nvrtc"] == version
    wrong = []
    for name, archs in as_rows(found).items():
        for arch, (registers, shared) in archs.items():
            was = table["kernels"].get(name, {}).get(arch)
            if was is None:
                wrong.append(
                    f"{name} on {arch} is not in kernels/registers.json. Run tools/check_kernels.py"
                    " --write."
                )
            elif was[1] != shared or same and was[0] != registers:
                wrong.append(
                    f"{name} on {arch} takes {registers} registers and {shared} shared bytes, the"
                    f" table says {was[0]} and {was[1]}. Run tools/check_kernels.py --write if that"
                    " is meant."
                )
    return wrong


def write_table(rows: dict[str, dict[str, list[int]]], version: str) -> None:
    """One line a kernel, so that a change shows as one line."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows))
    TABLE.write_text(
        '{\n "what": "kernel: architecture: [registers a thread, static shared bytes a block], by'
        f' ptxas; written by tools/check_kernels.py --write",\n "nvrtc": {json.dumps(version)},\n'
        f' "kernels": {{\n{lines}\n }}\n}}\n',
        encoding="utf-8",
    )


def show(found: dict[str, dict[str, dict[str, int]]]) -> None:
    archs = sorted(
        {a for row in found.values() for a in row}, key=lambda a: int(re.sub(r"\D", "", a))
    )
    wide = max([len(name) for name in found] + [6])
    print(
        f"{'registers':{wide}s}  "
        + "".join(f"{a:>8s}" for a in archs)
        + f"{'shared B':>10s}{'stack B':>9s}"
    )
    for name in sorted(found):
        row = found[name]
        most = {key: max(r[key] for r in row.values()) for key in ("shared", "stack")}
        print(
            f"{name:{wide}s}  "
            + "".join(f"{row[a]['registers'] if a in row else '-':>8}" for a in archs)
            + f"{most['shared']:>10}{most['stack']:>9}"
        )


def compare(found: dict[str, dict[str, dict[str, int]]], version: str, whole: bool) -> list[str]:
    """Where the table and the compiler disagree; `whole`: all sources were compiled."""
    table = read_table()
    wrong = differences(found, table, version)
    if table["nvrtc"] != version:
        print(
            f"kernels/registers.json is of NVRTC {table['nvrtc'] or '(none)'}: registers are"
            " not compared"
        )
    if whole:
        wrong += [
            f"{name} is in kernels/registers.json but in no source. Run tools/check_kernels.py"
            " --write."
            for name in sorted(table["kernels"].keys() - found.keys())
        ]
    return wrong


def update_table(
    found: dict[str, dict[str, dict[str, int]]], version: str, containing: str
) -> list[str]:
    """Write the table, keeping the rows of files that were not compiled; what forbids it."""
    table = read_table()
    kept = {name: row for name, row in table["kernels"].items() if containing and name not in found}
    if kept and table["nvrtc"] != version:
        return [
            f"kernels/registers.json is of NVRTC {table['nvrtc']}, this one is {version}."
            " Write it whole, without a name."
        ]
    write_table(kept | as_rows(found), version)
    return []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "containing", nargs="?", default="", help="compile only files with this in their name"
    )
    parser.add_argument("--write", action="store_true", help="write kernels/registers.json")
    flags = parser.parse_args()
    try:
        nvrtc = Nvrtc()
    except Missing as reason:
        print(f"Kernels are not compiled: {reason}.")
        return 0
    paths = sources(flags.containing)
    found, wrong = compile_all(nvrtc, paths)
    show(found)
    print(
        f"{len(found)} kernels of {len(paths)} files, NVRTC {nvrtc.version}, for {', '.join(ARCHS)}"
        " where a file does not say otherwise"
    )
    if not flags.write:
        wrong += compare(found, nvrtc.version, whole=not flags.containing)
    elif not wrong:
        wrong += update_table(found, nvrtc.version, flags.containing)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
