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
from .page import LIMITS, comparison, page
from .pictures import roofline_picture
from .report import Report, Row

XMLNS = 'xmlns="http://www.w3.org/2000/svg" '
PLAIN = (  # for a picture that stands alone
    "<style>text{font:11px sans-serif}.mid{text-anchor:middle}.roof{stroke:#0b6bcb;stroke-width:2}"
    ".drop{stroke:#999}circle{fill:#b00020}</style>"
)
LARGEST = 64 << 20  # bytes of an array that is watched for races; bounds are checked in all
KINDS = ("load", "store", "atomic")
FINDINGS = ("race", "out of bounds", "uninitialised", "misaligned", "shuffle", "same value")


class Site(ctypes.Structure):
    _fields_ = [
        *((n, ctypes.c_uint64) for n in ("pc", "requests", "lanes", "units", "ideal", "bytes")),
        *((n, ctypes.c_uint32) for n in ("kind", "space", "size")),
        ("array", ctypes.c_int32),
        ("first_lanes", ctypes.c_uint32),
        ("first_lane", ctypes.c_int32 * 32),
        ("first", ctypes.c_uint64 * 32),
    ]


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

    def compare(self, other: Profile, names: tuple[str, str] = ("yours", "other")) -> str:
        """The launches of two profiles side by side, as text: `print(mine.compare(theirs))`."""
        pairs = zip(self.launches, other.launches)
        tables = (f"{a.kernel}\n{comparison(a, b, names)}" for a, b in pairs)
        return "\n\n".join(tables) or "No kernel ran on emu."

    def roofline(self, path: str | os.PathLike) -> Path:
        """Write the roofline of the launches as an SVG picture."""
        picture = roofline_picture(self.launches).replace("<svg ", "<svg " + XMLNS, 1)
        path = Path(path)
        write_atomically(path, picture.replace("</svg>", f"{PLAIN}</svg>").encode())
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
        report.counted = self.flops
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
        report.shared = shared + library.static_shared[name]
        report.events = events_of(handle)
        gone = ctypes.c_int()
        line = handle.emu_early(ctypes.byref(gone))
        if line:
            report.notes.append(early_exit(line, gone.value))
        self.launches.append(report)
        return library, report.failed


class Event(ctypes.Structure):
    _fields_ = [("line", ctypes.c_int), ("kind", ctypes.c_int), ("count", ctypes.c_ulonglong)]


def events_of(handle: Any) -> list[tuple[str, int, int]]:
    """How often blocks met at each barrier, and warps at each of their calls."""
    first = ctypes.c_void_p()
    count = handle.emu_events(ctypes.byref(first))
    found = table(Event, first.value, count)
    return [(("barrier", "warp call")[e.kind], e.line, e.count) for e in found]


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
        row.lanes += site.lanes
        if site.first_lanes > len(row.first):
            row.first = list(zip(site.first_lane[: site.first_lanes], site.first))
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
