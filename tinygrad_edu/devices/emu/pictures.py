"""Pictures of a profile as SVG: which lanes touch which sectors or banks, and the roofline."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Report, Row

BANDWIDTH, PEAK = 4.3e12, 67e12  # of an H200: measured copy, fp32 of its data sheet
LANE, CELL = 14, 14  # pixels


def access_picture(row: Row) -> str:
    """The fullest request of one access: lanes above, sectors of 32 bytes (or banks) below."""
    if not row.first:
        return ""
    shared = row.space == "shared"
    unit = 4 if shared else 32
    places = {lane: (at // unit) % 32 if shared else at // unit for lane, at in row.first}
    below = list(range(32)) if shared else sorted(set(places.values()))
    shown = {place: i for i, place in enumerate(below[:64])}
    width = max(32 * LANE, len(shown) * CELL) + 20
    parts = []
    for lane, place in places.items():
        if place in shown:
            x, to = 10 + lane * LANE + 6, 10 + shown[place] * CELL + 6
            parts.append(f'<line x1="{x}" y1="34" x2="{to}" y2="86" />')
    for lane in range(32):
        kind = "on" if lane in places else "off"
        parts.append(
            f'<rect class="{kind}" x="{10 + lane * LANE}" y="20" width="12" height="12" />'
        )
    for place, i in shown.items():
        used = sum(p == place for p in places.values())
        kind = "hot" if shared and len(distinct(row, place)) > 1 else "on" if used else "off"
        parts.append(f'<rect class="{kind}" x="{10 + i * CELL}" y="88" width="12" height="12" />')
    name = "banks of shared memory" if shared else f"sectors of {row.array}"
    what = f"{len(places)} lanes touch {len(set(places.values()))} {name}"
    return (
        f'<svg class="access" role="img" aria-label="{escape(what)}" viewBox="0 0 {width} 118"'
        f' width="{width}" height="118"><text x="10" y="14">lanes 0 to 31</text>{"".join(parts)}'
        f'<text x="10" y="114">{escape(what)}</text></svg>'
    )


def distinct(row: Row, bank: int) -> set[int]:
    """The words of one bank that the request asks for: more than one is a conflict."""
    return {at // 4 for _, at in row.first if (at // 4) % 32 == bank}


def roofline_picture(reports: list[Report]) -> str:
    """Where launches stand under the roof of an H200: FLOPs a byte, and what that allows."""
    points = [(r.kernel, r.intensity) for r in reports if r.intensity]
    low, high = -3, 9  # powers of two, FLOPs a byte

    def x(value: float) -> float:
        return 60 + (min(max(math.log2(value), low), high) - low) / (high - low) * 480

    def y(flops: float) -> float:
        bottom, top = math.log2(BANDWIDTH * 2.0**low), math.log2(PEAK * 2)
        return 250 - (math.log2(flops) - bottom) / (top - bottom) * 220

    def roof(value: float) -> float:
        return min(PEAK, BANDWIDTH * value)

    ridge = PEAK / BANDWIDTH
    line = " ".join(f"{x(v):.1f},{y(roof(v)):.1f}" for v in (2.0**low, ridge, 2.0**high))
    parts = [f'<polyline points="{line}" fill="none" class="roof" />']
    for power in range(low, high + 1, 2):
        label = f"{2.0**power:g}"
        parts.append(f'<text x="{x(2.0**power):.0f}" y="270" class="mid">{label}</text>')
    for i, (kernel, intensity) in enumerate(points):
        at, height = x(intensity), y(roof(intensity))
        ends = f'x1="{at:.1f}" y1="250" x2="{at:.1f}" y2="{height:.1f}"'
        parts.append(f'<line {ends} class="drop" />')
        parts.append(f'<circle cx="{at:.1f}" cy="{height:.1f}" r="5" />')
        named = f"{escape(kernel)}: {intensity:.2f}"
        parts.append(f'<text x="330" y="{150 + 14 * i}">{named}</text>')
    tall = max(300, 160 + 14 * len(points))
    said = "; ".join(f"{k}: {i:.2f} FLOPs a byte" for k, i in points) or "no FLOPs counted"
    return (
        f'<svg class="roofline" role="img" aria-label="Roofline. {escape(said)}"'
        f' viewBox="0 0 560 {tall}" width="560" height="{tall}"><text x="60" y="20">'
        "at most 67 TFLOP/s (fp32, data sheet) and"
        f" 4.3 TB/s (measured copy): an H200</text>{''.join(parts)}"
        '<text x="300" y="292" class="mid">FLOPs for each byte of global memory</text></svg>'
    )
