"""What one launch did, by source line: counters, problems, advice."""

from __future__ import annotations

import math

from ...engine.errors import KernelError
from ..occupancy import Occupancy, occupancy, registers_of
from ..source import Source

# FLOPs a byte of an H200: 67 TFLOP/s fp32 (datasheet), 4.3 TB/s (device copy)
BALANCE = 67e12 / 4.3e12


class Row:
    """The accesses of one kind on one source line: how many requests of a warp, and sectors
    (global) or bank passes (shared) they took.
    """

    def __init__(self, file: str, line: int, kind: str, array: str, size: int):
        self.file, self.line, self.kind, self.array, self.size = file, line, kind, array, size
        self.space = "shared" if array == "shared" else "global"
        self.requests = self.lanes = self.units = self.ideal = self.bytes = 0
        self.first: list[tuple[int, int]] = []  # lanes and addresses of the fullest request

    @property
    def unit(self) -> str:
        return "sectors" if self.space == "global" else "wavefronts"

    @property
    def per_request(self) -> float:
        return self.units / self.requests

    @property
    def ideal_per_request(self) -> float:
        return self.ideal / self.requests

    @property
    def active(self) -> float:
        """Lanes that take part in a request; 32 without divergence."""
        return self.lanes / self.requests


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
        self.counted = False  # whether FLOPs were asked for
        self.failed = ""  # what ended the launch early
        self.notes: list[str] = []  # what is allowed, but worth knowing
        self.shared = 0  # bytes of a block, static and dynamic
        # what happened, at which line, how often: blocks at barriers, warps at their calls
        self.events: list[tuple[str, int, int]] = []

    def occupancy(self, registers: int | None = None, capability: str = "9.0") -> Occupancy:
        """How many blocks fit onto a multiprocessor.

        Args: registers: of a thread, as a compiler tells (`nvcc -Xptxas -v`); None: as measured
              for a kernel of this project, else 32
              capability: of the GPU, such as "8.6"
        """
        known = registers or registers_of(self.kernel, capability) or 32
        return occupancy(math.prod(self.block), self.shared, known, capability)

    @property
    def instructions(self) -> dict[str, int]:
        """How many instructions of each kind warps issued, as far as the source shows."""
        found = dict.fromkeys(("load", "store", "atomic", "barrier", "warp call"), 0)
        for row in self.rows:
            found[row.kind] += row.requests
        for kind, _, count in self.events:
            found[kind] += count * (self.warps if kind == "barrier" else 1)
        return {kind: count for kind, count in found.items() if count}

    @property
    def warps(self) -> int:
        """Warps of a block."""
        return -(-math.prod(self.block) // 32)

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
        return self.scattered() or self.conflicting() or self.divergent() or self.repeated()

    def divergent(self) -> str:
        """Advice where few lanes of a warp take part, in most requests."""
        rows = [r for r in self.rows if r.requests and r.kind != "atomic"]
        total = sum(r.requests for r in rows)
        worst = min(rows, key=lambda r: r.active, default=None)
        if worst is None or worst.requests < 0.2 * total or worst.active > 12:
            return ""
        if self.warps == 1 and math.prod(self.block) < 16:
            return ""
        return (
            f"Line {worst.line}: only {worst.active:.1f} of 32 lanes take part in a {worst.kind}."
            " Let whole warps take the same branch."
        )

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
            why = "unknown: the kernel does not compile with a counting float"
            return f"{text}; FLOPs {why if self.counted else 'not counted'}"
        counts = ", ".join(f"{n:,} {kind}" for kind, n in self.flops.items() if n) or "none"
        return f"{text}; FLOPs: {counts}" + (
            f"; {self.intensity:.2f} a byte" if self.intensity is not None else ""
        )

    def issued(self) -> str:
        """Instructions by kind, barriers by line, and the occupancy, in one sentence."""
        kinds = ", ".join(f"{n:,} {kind}s" for kind, n in self.instructions.items()) or "none"
        blocks = math.prod(self.grid)
        waits = ", ".join(
            f"line {line} {count / blocks:g} times"
            for kind, line, count in self.events
            if kind == "barrier"
        )
        text = f"a warp's instructions: {kinds}"
        text += f"; barriers of a block: {waits}" if waits else ""
        try:
            return f"{text}; {self.occupancy()} at {self.known_registers()} (capability 9.0)"
        except KernelError:  # too much shared memory for any block
            return text

    def known_registers(self) -> str:
        known = registers_of(self.kernel)
        return f"{known or 32} registers a thread{'' if known else ' (a guess)'}"

    def text(self) -> str:
        out = [
            f"{self.kernel}  grid {self.grid}, block {self.block}",
            "  line  access                   requests  lanes  per request          ideal  source",
        ]
        for r in self.rows:
            where = str(r.line) if r.file == self.source.name else f"{r.file}:{r.line}"
            out.append(
                f"  {where:>4}  {r.kind:<6} {r.array:<8.8} {r.size:>2} B {r.requests:>13,} "
                f" {r.active:>5.1f}  {r.per_request:>7.2f} {r.unit:<11}"
                f" {r.ideal_per_request:>6.2f}  {self.line(r)[:70]}"
            )
        out += [
            f"  {self.totals()}",
            f"  {self.issued()}",
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
