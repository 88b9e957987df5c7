"""Counters and checks per source line of the kernels that run on `emu`.

    with tinygrad_edu.profile() as p:
        x.softmax(-1)
    print(p)                      # a table for each launch
    p.html("softmax.html")        # the source with the counters in the margin
    p.check()                     # raises KernelError if a problem was found

Problems are races, accesses outside of arrays and reads of what was never written. shim/profile.cpp
explains how they are found. The report is about the source as written; LIMITS says what it cannot
know.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from ...engine.errors import KernelError
from ...files import write_atomically
from ..source import Source
from .build import Library, build

LIMITS = (
    "Not known here: caches, latency, occupancy, instruction issue. Counts are per access of the"
    " source; the GPU's compiler may merge or move loads. Requests are exact where the lanes of a"
    " warp take the same branches, approximate in loops of different lengths."
)
LARGEST = 64 << 20  # bytes of an array that is watched for races; bounds are checked in all
KINDS = ("load", "store", "atomic")
FINDINGS = ("race", "out of bounds", "uninitialised", "misaligned", "shuffle", "same value")
# FLOPs a byte of an H200: 67 TFLOP/s fp32 (datasheet), 4.3 TB/s (device copy)
BALANCE = 67e12 / 4.3e12


class Site(ctypes.Structure):
    _fields_ = (
        [(n, ctypes.c_uint64) for n in ("pc", "requests", "lanes", "units", "ideal", "bytes")]
        + [(n, ctypes.c_uint32) for n in ("kind", "space", "size")]
        + [("array", ctypes.c_int32)]
    )


class Problem(ctypes.Structure):
    _fields_ = [
        ("pc", ctypes.c_uint64),
        ("other_pc", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("place", ctypes.c_int64),
        ("finding", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("thread", ctypes.c_uint32),
        ("other_thread", ctypes.c_uint32),
        ("block", ctypes.c_uint32 * 3),
        ("other_block", ctypes.c_uint32),
        ("array", ctypes.c_int32),
        ("size", ctypes.c_int32),
    ]


class Watched(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint64) for n in ("start", "size", "read_sectors", "written_sectors")]


class Row:
    """The accesses of one kind on one source line: how many requests of a warp, and sectors
    (global) or bank passes (shared) they took.
    """

    def __init__(self, file: str, line: int, kind: str, array: str, size: int):
        self.file, self.line, self.kind, self.array, self.size = file, line, kind, array, size
        self.space = "shared" if array == "shared" else "global"
        self.requests = self.units = self.ideal = self.bytes = 0

    @property
    def unit(self) -> str:
        return "sectors" if self.space == "global" else "wavefronts"

    @property
    def per_request(self) -> float:
        return self.units / self.requests

    @property
    def ideal_per_request(self) -> float:
        return self.ideal / self.requests


class Report:
    """One launch: `rows` of counters, `problems` in words, bytes and FLOPs."""

    def __init__(self, kernel: str, source: Source, grid: tuple, block: tuple):
        self.kernel, self.source, self.grid, self.block = kernel, source, grid, block
        self.rows: list[Row] = []
        self.problems: list[tuple[str, str, int, str]] = []  # (what, file, line, words)
        # of global memory: asked for by threads; each sector that is used counted once
        self.bytes_requested = self.bytes_touched = 0
        # adds, multiplies, divisions, functions; None: the kernel has no FLOP build
        self.flops: dict[str, int] | None = None
        self.failed = ""  # what ended the launch early
        self.notes: list[str] = []  # what is allowed, but worth knowing

    @property
    def total_flops(self) -> int | None:
        return None if self.flops is None else sum(self.flops.values())

    @property
    def intensity(self) -> float | None:
        """FLOPs a byte, if each sector travels once."""
        return (
            None
            if self.flops is None or not self.bytes_touched
            else sum(self.flops.values()) / self.bytes_touched
        )

    def advice(self) -> str:
        """What to look at first."""
        if self.problems:
            what, file, line, _ = self.problems[0]
            return (
                f"Correct line {line} of {file} first ({what}): until then the numbers mean little."
            )
        return self.scattered() or self.conflicting() or self.repeated()

    def worst(self, space: str) -> Row | None:
        """The line with the most requests beyond the ideal."""
        rows = [r for r in self.rows if r.requests and r.space == space]
        return max(rows, key=lambda r: r.units - r.ideal, default=None)

    def scattered(self) -> str:
        """Advice where a warp's addresses lie far apart in global memory."""
        rows = [r for r in self.rows if r.requests and r.space == "global"]
        spread, excess = self.worst("global"), sum(r.units - r.ideal for r in rows)
        if spread is None or excess <= 0.25 * sum(r.units for r in rows):
            return ""
        return (
            f"Line {spread.line}: a {spread.kind} takes {spread.per_request:.1f} sectors a"
            f" request where {spread.ideal_per_request:.1f} would do. Let neighbouring threads"
            " use neighbouring addresses."
        )

    def conflicting(self) -> str:
        """Advice where a warp's words fall into the same banks of shared memory."""
        banks = self.worst("shared")
        if banks is None or banks.units <= 1.2 * banks.ideal:
            return ""
        return (
            f"Line {banks.line}: a {banks.kind} takes {banks.per_request:.1f} passes over the"
            f" banks of shared memory where {banks.ideal_per_request:.1f} would do. Lay the"
            " array out so that a warp's words fall into 32 banks, for example with rows one"
            " longer."
        )

    def repeated(self) -> str:
        """Advice where all accesses are narrow: how often each byte is asked for."""
        again = self.bytes_requested / self.bytes_touched if self.bytes_touched else 1
        if self.intensity is None:
            return (
                f"Accesses are as narrow as they can be; each byte is asked for {again:.1f} times."
            )
        if self.intensity < BALANCE and again > 2:
            return (
                f"Accesses are narrow, but each byte is asked for {again:.1f} times: keep values in"
                " registers or shared memory."
            )
        side = "memory" if self.intensity < BALANCE else "arithmetic"
        return (
            f"Accesses are narrow. At {self.intensity:.2f} FLOPs a byte {side} is the limit (an"
            f" H200 has {BALANCE:.0f} FLOPs for each byte)."
        )

    def line(self, row: Row) -> str:
        lines = (
            self.source.text.splitlines()
            if row.file == self.source.name
            else included(self.source, row.file)
        )
        return lines[row.line - 1].strip() if 0 < row.line <= len(lines) else ""

    def totals(self) -> str:
        text = (
            f"global memory: {self.bytes_requested:,} bytes asked for, {self.bytes_touched:,} at"
            " least (each sector once)"
        )
        if self.flops is None:
            return text + "; FLOPs unknown: the kernel does not compile with a counting float"
        counts = ", ".join(f"{n:,} {kind}" for kind, n in self.flops.items() if n) or "none"
        return f"{text}; FLOPs: {counts}" + (
            f"; {self.intensity:.2f} a byte" if self.intensity is not None else ""
        )

    def text(self) -> str:
        out = [
            f"{self.kernel}  grid {self.grid}, block {self.block}",
            "  line  access                   requests  per request          ideal  source",
        ]
        for r in self.rows:
            where = str(r.line) if r.file == self.source.name else f"{r.file}:{r.line}"
            out.append(
                f"  {where:>4}  {r.kind:<6} {r.array:<8.8} {r.size:>2} B {r.requests:>13,} "
                f" {r.per_request:>7.2f} {r.unit:<11} {r.ideal_per_request:>6.2f} "
                f" {self.line(r)[:70]}"
            )
        out += [
            f"  {self.totals()}",
            *(f"  {what.upper()}: {words}" for what, _, _, words in self.problems),
            *([f"  FAILED: {self.failed}"] if self.failed else []),
            *(f"  NOTE: {words}" for words in self.notes),
            f"  Look at: {self.advice()}",
        ]
        return "\n".join(out)

    __str__ = text


def included(source: Source, name: str) -> list[str]:
    path = source.folder / name
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


class Profile:
    """What `profile()` collects: a Report for each launch, in order."""

    strict = False  # whether a problem is raised as soon as its launch ends

    def __init__(self, flops: bool = True):
        self.launches: list[Report] = []
        self.flops = flops

    @property
    def problems(self) -> list[str]:
        return [words for report in self.launches for _, _, _, words in report.problems]

    def check(self) -> None:
        """Raises: KernelError that lists what is wrong, if anything is"""
        if self.problems:
            raise KernelError(
                "profile: kernels must have no problems, got\n"
                + "\n".join(f"    {words}" for words in self.problems)
                + "\nCorrect these lines."
            )

    def text(self) -> str:
        """A table for each launch, and what the numbers do not say."""
        return (
            "\n\n".join([*(report.text() for report in self.launches), LIMITS])
            if self.launches
            else "No kernel ran on emu."
        )

    __str__ = text

    def html(self, path: str | os.PathLike) -> Path:
        """Write one page: each kernel's source with the counters in the margin."""
        path = Path(path)
        write_atomically(path, page(self).encode())
        return path

    def _repr_html_(self) -> str:
        """The page for a notebook, in a frame of its own: its styles stay in it."""
        text = escape(page(self), quote=True)
        return f'<iframe srcdoc="{text}" style="width:100%;height:480px;border:0"></iframe>'

    # ---- called by launch.py ----

    def watch(
        self,
        name: str,
        source: Source,
        grid: tuple,
        block: tuple,
        arrays: list,
        shared: int,
        go: Callable[[Library], str],
    ) -> tuple[Library, str]:
        """Run a launch in the FLOP build, on memory that is put back, and in the profile build."""
        report = Report(name, source, grid, block)
        report.flops = count_flops(source, [a for _, a in arrays], go) if self.flops else None
        library = build(source, "profile")
        handle, n = library.handle, len(arrays)
        starts, sizes = (
            (ctypes.c_uint64 * n)(*(a.ctypes.data for _, a in arrays)),
            (ctypes.c_uint64 * n)(*(a.nbytes for _, a in arrays)),
        )
        if not handle.emu_profile_begin(
            starts,
            sizes,
            n,
            ctypes.c_size_t(shared),
            ctypes.c_size_t(LARGEST),
            int("__threadfence" in source.text),
        ):
            raise KernelError(
                f"{name}: the profile needs more memory than there is. Profile a smaller shape."
            )
        offsets, widths = zip(*library.shared_arrays) if library.shared_arrays else ((), ())
        count = len(offsets)
        handle.emu_profile_shared(
            (ctypes.c_uint64 * count)(*offsets), (ctypes.c_uint64 * count)(*widths), count
        )
        try:
            report.failed = go(library)
        finally:
            counts, tables = (ctypes.c_int * 2)(), (ctypes.c_void_p * 3)()
            handle.emu_profile_end(counts, tables)
        fill(report, library, counts, tables, arrays)
        gone = ctypes.c_int()
        line = handle.emu_early(ctypes.byref(gone))
        if line:
            report.notes.append(early_exit(line, gone.value))
        self.launches.append(report)
        return library, report.failed


def early_exit(line: int, gone: int) -> str:
    """A note on threads that had ended before a barrier."""
    return (
        f"line {line}: {gone} threads of a block had exited before this barrier. CUDA counts the"
        " others only; a barrier that all threads reach is easier to get right."
    )


def table(kind: Any, address: Any, count: int) -> list:
    return list((kind * count).from_address(address)) if count else []


def rows_of(
    report: Report, sites: list, lines: list[str], arrays: list, place: Callable
) -> list[Row]:
    """The counters of all accesses, added up for each line, kind and array."""
    rows: dict[tuple, Row] = {}
    for site, at in zip(sites, lines):
        if not site.requests:
            continue
        array = "shared" if site.array < 0 else arrays[site.array][0].name
        key = (*place(at), KINDS[site.kind], array, site.size)
        row = rows.setdefault(key, Row(*key))
        row.requests += site.requests
        row.units += site.units
        row.ideal += site.ideal
        row.bytes += site.bytes
    own = report.source.name
    return sorted(rows.values(), key=lambda r: (r.file != own, r.file, r.line, r.kind, r.array))


def fill(report: Report, library: Library, counts: Any, tables: Any, arrays: list) -> None:
    """Turn the shim's tables into rows and words."""
    sizes = (*counts, len(arrays))
    kinds = (Site, Problem, Watched)
    fill_tables(report, library, list(map(table, kinds, tables, sizes)), arrays)


def fill_tables(report: Report, library: Any, tables: list[list], arrays: list) -> None:
    """Turn sites, problems and watched arrays into rows and words.

    Args: library: tells the lines of addresses
          arrays: for each watched one its parameter, and the array
    """
    sites, problems, watched = tables
    lines = library.lines_of(
        [s.pc for s in sites] + [p.pc for p in problems] + [p.other_pc for p in problems]
    )

    def place(text: str) -> tuple[str, int]:
        file, _, line = text.rpartition(":")
        return (report.source.name if file == report.source.name.rsplit("/", 1)[-1] else file), (
            int(line) if line.isdigit() else 0
        )

    report.rows = rows_of(report, sites, lines, arrays, place)
    report.bytes_requested = sum(r.bytes for r in report.rows if r.space == "global")
    report.bytes_touched = 32 * sum(w.read_sectors + w.written_sectors for w in watched)
    seen: dict[tuple, Problem] = {}
    for i, p in enumerate(problems):
        (file, line), (_, other) = (
            place(lines[len(sites) + i]),
            place(lines[len(sites) + len(problems) + i]),
        )
        what = FINDINGS[p.finding]
        first = seen.setdefault(
            (
                what,
                file,
                frozenset((line, other)) if what in ("race", "same value") else line,
                p.array,
            ),
            p,
        )
        if first is not p:  # other instructions of the same lines
            continue
        p.count = sum(
            q.count
            for j, q in enumerate(problems)
            if FINDINGS[q.finding] == what
            and q.array == p.array
            and {place(lines[len(sites) + j])[1], place(lines[len(sites) + len(problems) + j])[1]}
            == {line, other}
        )
        told = words(report, what, file, line, other, p, arrays)
        if what == "same value":  # does no harm
            report.notes.append(told)
        else:
            report.problems.append((what, file, line, told))


def words(
    report: Report, what: str, file: str, line: int, other: int, p: Problem, arrays: list
) -> str:
    """One problem: kernel, line, thread and block, and what to do."""
    by = f"{report.kernel}: {file} line {line}: thread {p.thread} of block {tuple(p.block)}"
    target = (
        ("its shared array" if what == "out of bounds" else "shared memory")
        if p.array < 0
        else f"{arrays[p.array][0].name}, byte {p.place}"
        + (f" of {arrays[p.array][1].nbytes}" if what == "out of bounds" else "")
    )
    times = f" ({p.count:,} times)" if p.count > 1 else ""
    verb = ("reads", "writes", "updates")[p.kind]
    if what == "shuffle":
        return (
            f"{by} reads lane {p.place} in a shuffle whose mask does not have that lane{times}. The"
            " value is undefined: name all lanes that are read in the mask, or do not use it."
        )
    if what == "same value":
        return (
            f"{by} stores what thread {p.other_thread} stored on line {other} to the same place of"
            f" {target}{times}. The values are equal, so it does no harm; one thread is enough."
        )
    if what == "race":
        block = p.block[0] + report.grid[0] * (p.block[1] + report.grid[1] * p.block[2])
        whose = f"thread {p.other_thread}" + (
            "" if p.other_block == block + 1 else f" of block number {p.other_block - 1}"
        )
        same_block, one_line = p.other_block == block + 1, line == other
        cure = (
            "Give each block elements of its own, or use an atomic."
            if not same_block
            else "Use an atomic, or give each thread elements of its own."
            if one_line and p.array >= 0
            else "Put __syncthreads() between them."
        )
        return (
            f"{by} {verb} {target}, which {whose} uses on line {other} with nothing between"
            f" them{times}. {cure}"
        )
    if what == "out of bounds":
        return f"{by} {verb} outside {target}{times}. Check the index against the size."
    if what == "uninitialised":
        return (
            f"{by} reads shared memory that no thread of the block has written{times}. Fill it"
            " first, up to its last element."
        )
    return (
        f"{by} {verb} {p.size} bytes at an address that is no multiple of {p.size}{times}. Use such"
        " wide accesses only where the index and the array's start allow it."
    )


def count_flops(
    source: Source, arrays: list, go: Callable[[Library], str]
) -> dict[str, int] | None:
    """The float operations of a launch; None where the kernel does not compile with a float that
    counts. Leaves the arrays as they were.
    """
    try:
        library = build(source, "flops")
    except KernelError:
        return None
    before = [a.host.copy() for a in arrays]
    library.handle.emu_flop_counts.restype = ctypes.POINTER(ctypes.c_uint64)
    counts = library.handle.emu_flop_counts()
    for i in range(4):
        counts[i] = 0
    said = go(library)
    for a, values in zip(arrays, before):
        a.host[...] = values
    return None if said else dict(zip(("adds", "multiplies", "divisions", "functions"), counts[:4]))


# ---- which profile a launch belongs to ----


class Active(threading.local):
    """Per thread: the profiles that are open."""

    def __init__(self) -> None:
        self.stack: list[Profile] = []


active_profiles = Active()


def active() -> Profile | None:
    """The innermost open profile; with TINYGRAD_EDU_EMU=profile one that raises on the first
    problem.
    """
    if active_profiles.stack:
        return active_profiles.stack[-1]
    return Strict() if os.environ.get("TINYGRAD_EDU_EMU") == "profile" else None


class Strict(Profile):
    """Checks one launch and raises on a problem."""

    strict = True

    def __init__(self) -> None:
        super().__init__(flops=False)


@contextmanager
def profile(flops: bool = True) -> Iterator[Profile]:
    """Count and check every kernel that runs on `emu` inside: `with profile() as p: ...`, then
    `print(p)`.

    Args: flops: count float operations too, by a second run on memory that is put back
    """
    p = Profile(flops)
    active_profiles.stack.append(p)
    try:
        yield p
    finally:
        active_profiles.stack.pop()


# ---- the page ----

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
table{border-collapse:collapse;font:13px/1.45 ui-monospace,monospace}
td{padding:0 .7em;vertical-align:top;white-space:pre}
td.n{text-align:right;color:#999}td.c{text-align:right}
tr.bad td{background:#ffe3e3}tr.wide td.c{background:#fff1cc}
th{text-align:right;font-weight:600;padding:0 .7em}th:last-child{text-align:left}
p{max-width:60em}.problem{color:#b00020}
"""


def page(profile: Profile) -> str:
    """All launches as one HTML page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Kernel"
        f" profile</title><style>{STYLE}</style><h1>Kernel profile</h1>"
    ]
    for report in profile.launches:
        parts.append(
            f"<h2>{escape(report.kernel)}</h2><p>grid {report.grid}, block {report.block}."
            f" {escape(report.totals())}.</p>"
        )
        parts.append(f"<p><b>Look at:</b> {escape(report.advice())}</p>")
        parts += [
            f"<p class=problem>{escape(what)}: {escape(text)}</p>"
            for what, _, _, text in report.problems
        ]
        for file in dict.fromkeys([report.source.name, *(r.file for r in report.rows)]):
            parts.append(listing(report, file))
    return "\n".join([*parts, f"<p>{escape(LIMITS)}</p></html>"])


def listing(report: Report, file: str) -> str:
    """One source file as a table; of included files only the lines that were counted."""
    own = file == report.source.name
    lines = report.source.text.splitlines() if own else included(report.source, file)
    bad = {line for _, f, line, _ in report.problems if f == file}
    out = [
        f"<h3>{escape(file)}</h3><table><tr><th>line<th>access<th>requests<th>per"
        " request<th>ideal<th>source</tr>"
    ]
    for number, text in enumerate(lines, 1):
        rows = [r for r in report.rows if r.file == file and r.line == number]
        if rows or own:
            out.append(line_of_page(number, text, rows, number in bad))
    return "".join([*out, "</table>"])


def line_of_page(number: int, text: str, rows: list[Row], bad: bool) -> str:
    """One line of a source with its counters."""
    wide = any(r.units > 1.2 * r.ideal for r in rows)
    columns = (
        [f"{r.kind} {r.array} {r.size} B" for r in rows],
        [f"{r.requests:,}" for r in rows],
        [f"{r.per_request:.2f} {r.unit}" for r in rows],
        [f"{r.ideal_per_request:.2f}" for r in rows],
    )
    cells = "".join("<td class=c>" + "\n".join(column) for column in columns)
    kind = " class=bad" if bad else " class=wide" if wide else ""
    return f"<tr{kind}><td class=n>{number}{cells}<td>{escape(text)}</tr>"
