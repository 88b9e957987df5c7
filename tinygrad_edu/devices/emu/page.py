"""A profile as one HTML page: sources with counters in the margin, pictures of the accesses."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .pictures import access_picture, roofline_picture
from .report import Report, Row, included

if TYPE_CHECKING:
    from .profile import Profile

LIMITS = (
    "Not known here: caches, latency, instruction issue. Counts are per access of the source; the"
    " GPU's compiler may merge or move loads. Requests are exact where the lanes of a warp take the"
    " same branches, approximate in loops of different lengths."
)
STYLE = """
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--line:#999;--on:#0b6bcb;--hot:#b00020}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181c;--on:#6db3ff;--hot:#ff7b8a}
tr.bad td{background:#4a1f26!important}tr.wide td.c{background:#453a12!important}}
body{font:15px/1.5 system-ui,sans-serif;margin:2em;color:var(--ink);background:var(--paper)}
.scroll{overflow-x:auto}svg{max-width:100%;height:auto}svg text{font:11px system-ui;fill:var(--ink)}
svg line{stroke:var(--line);stroke-width:.7}svg rect.on{fill:var(--on)}svg rect.hot{fill:var(--hot)}
svg rect.off{fill:none;stroke:var(--line)}svg .roof{stroke:var(--on);stroke-width:2}
svg circle{fill:var(--hot)}svg .mid{text-anchor:middle}summary{cursor:pointer}
@media(max-width:600px){body{margin:1em}}
table{border-collapse:collapse;font:13px/1.45 ui-monospace,monospace}
td{padding:0 .7em;vertical-align:top;white-space:pre}
td.n{text-align:right;color:#767676}td.c{text-align:right}
tr.bad td{background:#ffe3e3}tr.wide td.c{background:#fff1cc}
th{text-align:right;font-weight:600;padding:0 .7em}th:last-child{text-align:left}
p{max-width:60em}.problem{color:var(--hot)}
"""


def page(profile: Profile) -> str:
    """All launches as one HTML page."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Kernel"
        f" profile</title><style>{STYLE}</style><main><h1>Kernel profile</h1>"
    ]
    for report in profile.launches:
        parts.append(
            f"<h2>{escape(report.kernel)}</h2><p>grid {report.grid}, block {report.block}."
            f" {escape(report.totals())}. {escape(report.issued())}.</p>"
        )
        parts.append(f"<p><b>Look at:</b> {escape(report.advice())}</p>")
        parts += [
            f"<p class=problem>{escape(what)}: {escape(text)}</p>"
            for what, _, _, text in report.problems
        ]
        for file in dict.fromkeys([report.source.name, *(r.file for r in report.rows)]):
            parts.append(listing(report, file))
        parts.append(pictures(report))
    if any(report.intensity for report in profile.launches):
        parts += ["<h2>Roofline</h2>", roofline_picture(profile.launches)]
    return "\n".join([*parts, f"<p>{escape(LIMITS)}</p></main></html>"])


def pictures(report: Report) -> str:
    """Which lanes touch what, for each access, to be opened."""
    drawn = [(row, access_picture(row)) for row in report.rows if row.requests]
    parts = [
        f"<details><summary>Line {row.line}: {row.kind} {escape(row.array)}, lanes and"
        f" {'banks' if row.space == 'shared' else 'sectors'}</summary>"
        f"<div class=scroll tabindex=0 role=group aria-label='line {row.line}'>{svg}</div>"
        "</details>"
        for row, svg in drawn
        if svg
    ]
    return "\n".join(parts)


def listing(report: Report, file: str) -> str:
    """One source file as a table; of included files only the lines that were counted."""
    own = file == report.source.name
    lines = report.source.text.splitlines() if own else included(report.source, file)
    bad = {line for _, f, line, _ in report.problems if f == file}
    out = [
        f"<h3>{escape(file)}</h3><div class=scroll tabindex=0 role=group"
        f" aria-label='{escape(file)}'><table><tr><th>line<th>access<th>requests<th>lanes<th>per"
        " request<th>ideal<th>source</tr>"
    ]
    for number, text in enumerate(lines, 1):
        rows = [r for r in report.rows if r.file == file and r.line == number]
        if rows or own:
            out.append(line_of_page(number, text, rows, number in bad))
    return "".join([*out, "</table></div>"])


def line_of_page(number: int, text: str, rows: list[Row], bad: bool) -> str:
    """One line of a source with its counters."""
    wide = any(r.units > 1.2 * r.ideal for r in rows)
    columns = (
        [f"{r.kind} {r.array} {r.size} B" for r in rows],
        [f"{r.requests:,}" for r in rows],
        [f"{r.active:.1f}" for r in rows],
        [f"{r.per_request:.2f} {r.unit}" for r in rows],
        [f"{r.ideal_per_request:.2f}" for r in rows],
    )
    cells = "".join("<td class=c>" + "\n".join(column) for column in columns)
    kind = " class=bad" if bad else " class=wide" if wide else ""
    return f"<tr{kind}><td class=n>{number}{cells}<td>{escape(text)}</tr>"


def comparison(mine: Report, other: Report, names: tuple[str, str] = ("yours", "other")) -> str:
    """Two launches side by side, as lines of text: totals of what they did."""
    rows = [
        ("global requests", *(total(r, "global", "requests") for r in (mine, other))),
        ("sectors", *(total(r, "global", "units") for r in (mine, other))),
        ("sectors that would do", *(total(r, "global", "ideal") for r in (mine, other))),
        ("bytes asked for", mine.bytes_requested, other.bytes_requested),
        ("bytes at least", mine.bytes_touched, other.bytes_touched),
        ("shared requests", *(total(r, "shared", "requests") for r in (mine, other))),
        ("passes over banks", *(total(r, "shared", "units") for r in (mine, other))),
        ("FLOPs", mine.total_flops or 0, other.total_flops or 0),
    ]
    rows += [
        (f"{kind}s of warps", mine.instructions.get(kind, 0), other.instructions.get(kind, 0))
        for kind in ("barrier", "warp call", "atomic")
    ]
    lines = [f"{'':>22} {names[0]:>14} {names[1]:>14}"]
    lines += [f"{name:>22} {a:>14,} {b:>14,}" for name, a, b in rows if a or b]
    return "\n".join(lines)


def total(report: Report, space: str, counter: str) -> int:
    return sum(getattr(row, counter) for row in report.rows if row.space == space)
