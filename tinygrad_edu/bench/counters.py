"""What the emulator counts: bytes, sectors a request, bank conflicts, FLOPs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..devices.emu.profile import Report, profile


def counted(call: Callable[[], Any]) -> list[Report]:
    """One report a launch of what `call` starts on `emu`."""
    with profile() as watcher:
        call()
    return watcher.launches


def ratio(report: Report, space: str, ideal: bool = False) -> float | None:
    """Sectors (global) or passes over the banks (shared) per request, over all lines."""
    rows = [r for r in report.rows if r.space == space]
    requests = sum(r.requests for r in rows)
    return sum(r.ideal if ideal else r.units for r in rows) / requests if requests else None


def summed(reports: list[Report]) -> dict[str, Any]:
    """The counters of all launches of one call: bytes and FLOPs added up, ratios from the launch
    with the most bytes.
    """
    if not reports:
        return {"counters": "not available"}
    most = max(reports, key=lambda r: r.bytes_requested)
    flops = [r.total_flops for r in reports]
    found = {
        "counted_bytes": sum(r.bytes_requested for r in reports),
        # what travels: whole sectors of 32 bytes
        "sector_bytes": 32
        * sum(row.units for r in reports for row in r.rows if row.space == "global"),
        "counted_flops": None if None in flops else sum(f for f in flops if f is not None),
        "sectors_per_request": ratio(most, "global"),
        "ideal_sectors": ratio(most, "global", True),
        "wavefronts_per_request": ratio(most, "shared"),
        "ideal_wavefronts": ratio(most, "shared", True),
    }
    return {"launches": len(reports)} | {k: v for k, v in found.items() if v is not None}
