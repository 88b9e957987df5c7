"""What was measured, as lines of JSON, as a table, and as a roofline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """One line a row, added to what the file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def shape_of(row: dict[str, Any]) -> str:
    return "x".join(map(str, row["shape"]))


def number(key: str, form: str, scale: float = 1.0) -> Callable[[dict[str, Any]], str]:
    return lambda row: (
        format(row[key] * scale, form) if isinstance(row.get(key), (int, float)) else "-"
    )


def median(key: str) -> Callable[[dict[str, Any]], str]:
    def show(row: dict[str, Any]) -> str:
        return f"{row[key][1]:.4g} ({row[key][0]:.4g}-{row[key][2]:.4g})" if key in row else "-"

    return show


def peer_share(row: dict[str, Any]) -> str:
    shares = row.get("share_of_peer", {})
    return ", ".join(f"{100 * share:.0f} % of {name}" for name, share in shares.items()) or "-"


def times(rows: list[dict[str, Any]]) -> tuple:
    """The columns of times: on a GPU the cold time comes first, on a CPU the hot one."""
    columns = [("cold ms (20-80 %)", median("cold_ms")), ("hot ms (20-80 %)", median("hot_ms"))]
    small = "cpu" in rows[0]
    return (
        *(reversed(columns) if small else columns),
        ("GB/s", number("gb_s", ".1f" if small else ".0f")),
        flop_column(rows),
        ("of limit", number("share_of_limit", ".0f", 100)),
        ("speed", peer_share),
    )


def flop_column(rows: list[dict[str, Any]]) -> tuple:
    unit, scale = unit_of(rows)
    return unit, number("tflop_s", ".2f" if scale == 1 else ".1f", scale)


def unit_of(rows: list[dict[str, Any]]) -> tuple[str, float]:
    """What arithmetic is given in, and how much of it is a TFLOP/s."""
    return ("GFLOP/s", 1e3) if "cpu" in rows[0] else ("TFLOP/s", 1.0)


COUNTERS = (
    ("launches", number("launches", ".0f")),
    ("bytes", number("counted_bytes", ".0f")),
    ("by sector", number("sector_bytes", ".0f")),
    ("least bytes", number("bytes", ".0f")),
    ("FLOPs", number("counted_flops", ".0f")),
    ("sectors/request", number("sectors_per_request", ".2f")),
    ("ideal", number("ideal_sectors", ".2f")),  # 16 where a thread takes a float4
    ("wavefronts/request", number("wavefronts_per_request", ".2f")),
    ("ideal", number("ideal_wavefronts", ".2f")),
)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of one run, a block of lines for each shape."""
    shapes = dict.fromkeys(shape_of(row) for row in rows)
    return "\n\n".join(block([r for r in rows if shape_of(r) == shape]) for shape in shapes)


def block(rows: list[dict[str, Any]]) -> str:
    """The rows of one shape, under their titles."""
    columns = [
        ("kernel", lambda row: row["kernel"]),
        ("max error", number("max_error", ".1e")),
        *([("registers", number("registers_sm_90", ".0f"))] if "cpu" not in rows[0] else []),
        *(times(rows) if any("cold_ms" in row for row in rows) else COUNTERS),
    ]
    titles = [title for title, _ in columns]
    lines = [titles, *([show(row) for _, show in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    texts = [aligned(line, widths) for line in lines]
    for i, row in enumerate(rows, 1):
        if "skipped" in row:
            why = row["skipped"]
            if "arguments that the kernel takes" in why:
                why = "it does not take these arguments"
            texts[i] = f"{row['kernel']:{widths[0]}s}  not measured: {why}"
    first = rows[0]
    head = f"{first['op']} {shape_of(first)} float32 on {where(first)}"
    return "\n".join([head, *texts, *notes_of(rows)])


def where(row: dict[str, Any]) -> str:
    """The machine of a row."""
    if "cpu" in row:
        return f"{row['cpu']}, {row['threads']} thread{'s' if row['threads'] > 1 else ''}"
    return row.get("gpu", row["device"])


def aligned(line: list[str], widths: list[int]) -> str:
    """The name to the left, figures to the right."""
    figures = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
    return "  ".join([line[0].ljust(widths[0]), *figures]).rstrip()


def notes_of(rows: list[dict[str, Any]]) -> list[str]:
    """What stands under a block."""
    notes = []
    if any("counters" in row for row in rows):
        notes.append("counters not available: no kernel of this package was launched")
    timed = next((row for row in rows if "limits" in row), None)
    if timed:
        notes.append(f"limits, measured in this run: {roof(timed)}; of limit: in %")
    return notes


def roof(row: dict[str, Any]) -> str:
    """The limits of a row, in words."""
    limits = row["limits"]
    if "cpu" not in row:
        return (
            f"copy {limits['copy_gb_s']:.0f} GB/s, fp32 {limits['fp32_tflop_s']:.1f} TFLOP/s"
            " (cuBLAS, TF32 off)"
        )
    level = limits["level"]
    return (
        f"multiply-adds {1e3 * limits['fp32_tflop_s']:.0f} GFLOP/s; {size_of(limits['bytes'])},"
        f" {'larger than the caches' if level == 'memory' else f'which fit {level}'}: read"
        f" {limits['read_gb_s']:.0f}, copy {limits['copy_gb_s']:.0f}, update"
        f" {limits['update_gb_s']:.0f} GB/s; here {row['limited_by']}"
    )


def size_of(nbytes: int) -> str:
    """`8.4 MB`."""
    return f"{nbytes / 1e6:.3g} MB" if nbytes >= 1e6 else f"{nbytes / 1e3:.3g} kB"


def roofline(rows: list[dict[str, Any]], path: Path) -> bool:
    """The timed rows under the roof of the machine: intensity (least bytes) against FLOPs a second;
    where an op has no FLOPs, GB/s of each rung. False: nothing was timed.
    """
    timed = [row for row in rows if "cold_ms" in row and "limits" in row]
    if not timed:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5.5), layout="constrained")
    (under_the_roof if all(row["flops"] for row in timed) else as_bars)(axes, timed)
    axes.set_title(f"{timed[0]['op']} on {where(timed[0])}")
    axes.legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return True


def under_the_roof(axes: Any, timed: list[dict[str, Any]]) -> None:
    """A point for each row. On a CPU each shape has a roof of its own: arrays that fit a cache
    move faster.
    """
    unit, scale = unit_of(timed)
    intensities = [row["flops"] / row["bytes"] for row in timed]
    roofs = {(row["limits"]["copy_gb_s"], row["limits"]["fp32_tflop_s"]): row for row in timed}
    ridges = [1e3 * top / copy for copy, top in roofs]
    low, high = min(*intensities, *ridges) / 8, 8 * max(*intensities, *ridges)
    for (copy, top), row in roofs.items():
        ridge = 1e3 * top / copy
        axes.loglog(
            [low, ridge, high],
            [scale * y for y in (low * copy / 1e3, top, top)],
            color="black",
            linestyle="-" if len(roofs) == 1 else "--",
            label=f"limit{f' {shape_of(row)}' if len(roofs) > 1 else ''}: copy {copy:.0f} GB/s,"
            f" {scale * top:.3g} {unit}",
        )
    for row, intensity in zip(timed, intensities):
        axes.plot(
            intensity,
            scale * row["tflop_s"],
            "s" if row.get("peer") else "o",
            label=f"{row['kernel']} {shape_of(row)}: {100 * row['share_of_limit']:.0f} %",
        )
    axes.set_xlabel("FLOPs per byte (each byte moved once)")
    axes.set_ylabel(unit)


def as_bars(axes: Any, timed: list[dict[str, Any]]) -> None:
    """A bar for each row."""
    axes.barh(
        [f"{row['kernel']} {shape_of(row)}" for row in timed],
        [row["gb_s"] for row in timed],
        color=["grey" if row.get("peer") else "tab:blue" for row in timed],
    )
    copy = timed[0]["limits"]["copy_gb_s"]
    axes.axvline(copy, color="black", label=f"limit: copy {copy:.0f} GB/s")
    axes.invert_yaxis()
    axes.set_xlabel("GB/s (each byte moved once)")
