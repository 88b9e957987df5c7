"""What was measured, summed up by function, op, module or line, and shown as a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.errors import ShapeError
from .times import OUTSIDE, Key, Sum, Times

COLUMNS: tuple[tuple[str, int, Callable[[Any], str]], ...] = (  # title, width, text of one row
    ("calls", 7, lambda a: f"{a.count}"),
    ("self", 10, lambda a: seconds(a.self_cpu_time_total)),
    ("total", 10, lambda a: seconds(a.cpu_time_total)),
    ("forward", 10, lambda a: seconds(a.forward_time)),
    ("backward", 10, lambda a: seconds(a.backward_time)),
    ("per call", 10, lambda a: seconds(a.cpu_time)),
    ("memory", 10, lambda a: size(a.cpu_memory_usage)),
)
GROUPS = ("function", "op", "module", "line")


class Average:
    """The calls of one function, op, module or line. Times are in microseconds, as in PyTorch, and
    memory is that of new results, in bytes.

    `forward_time` and `backward_time` make up `cpu_time_total`. `self_cpu_time_total` leaves out
    what runs inside: functions in a function, modules in a module.
    """

    def __init__(self, key: str, depth: int = 0):
        self.key, self.depth, self.count = key, depth, 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.forward_time = self.backward_time = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.cuda_time_total = self.device_time_total = self.self_device_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """Microseconds a call."""
        return self.cpu_time_total / max(self.count, 1)

    def add(self, found: Sum, backward: bool, inside: bool = False, nested: bool = False) -> None:
        """Count calls in. `inside`: those of a module in this one. `nested`: the seconds of what
        runs inside belong to this row alone (a function), and are not in another row of the sum.
        """
        total = 1e6 * (found.total if nested else found.seconds)
        self.cpu_time_total += total
        if backward:
            self.backward_time += total
        else:
            self.forward_time += total
        self.cpu_memory_usage += found.bytes
        if not inside:
            self.self_cpu_time_total += 1e6 * found.seconds
            self.self_cpu_memory_usage += found.bytes

    def __repr__(self) -> str:
        return f"<{self.key}: {self.count} calls, {self.cpu_time_total:.0f} us>"


class Averages(list):
    """One Average a row."""

    title = "Name"

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        **kwargs: Any,
    ) -> str:
        """The rows as text.

        Args: sort_by: an attribute of `Average`, the largest first, such as "cpu_time_total",
                "self_cpu_time_total", "backward_time", "cpu_memory_usage", "count". Without it
                modules stand in the order of their first call, and everything else by time.
            row_limit: most rows; -1 for all.
        Raises: ShapeError if no row has the attribute.
        """
        rows: list[Average] = list(self)
        tree = sort_by is None and self.title == "module"
        if not tree:
            rows.sort(key=self._by(sort_by or "self_cpu_time_total"), reverse=True)
        rows = rows[: row_limit if row_limit >= 0 else None]
        names = [shortened(a, tree, max_name_column_width) for a in rows]
        width = max(map(len, (self.title, *names)))
        heads = "".join(f"{title:>{w}}" for title, w, _ in COLUMNS)
        lines = [] if header is None else [header]
        lines += [f"{self.title:<{width}} {heads} {'share':>7}"]
        whole = sum(a.self_cpu_time_total for a in self) or 1.0
        for name, a in zip(names, rows):
            cells = "".join(f"{text(a):>{w}}" for _, w, text in COLUMNS)
            lines.append(f"{name:<{width}} {cells} {share(a, tree, whole):>6.1f}%")
        return "\n".join(lines)

    def _by(self, name: str) -> Callable[[Average], float]:
        if self and not isinstance(getattr(self[0], name, None), (int, float)):
            known = sorted(k for k, v in vars(self[0]).items() if isinstance(v, (int, float)))
            raise ShapeError(
                f"table: sort_by must be one of {', '.join(known)}, got {name!r}. Choose one."
            )
        return lambda a: getattr(a, name)

    def total_average(self) -> Average:
        """All rows in one."""
        total = Average("Total")
        for a in self:
            total.count += a.count
            total.cpu_time_total += a.self_cpu_time_total
            total.self_cpu_time_total += a.self_cpu_time_total
            total.forward_time += a.forward_time
            total.backward_time += a.backward_time
            total.cpu_memory_usage += a.self_cpu_memory_usage
            total.self_cpu_memory_usage += a.self_cpu_memory_usage
        return total


def averages(times: Times, group_by: str) -> Averages:
    """Sum up what was measured.

    Args: group_by: "function" (of the device's table), "op" (a function of the formula that runs on
            the way back counts for the formula's op), "module" (with what runs inside it), "line".
    """
    if group_by not in GROUPS:
        raise ShapeError(
            f"key_averages: group_by must be one of {', '.join(GROUPS)}, got {group_by!r}. Choose"
            " one."
        )
    rows: dict[str, Average] = {}
    for key, found in times.found.items():
        names = names_of(key, group_by)
        for depth, name in enumerate(names):
            row = rows.setdefault(name, Average(name, depth))
            if group_by != "op" or not key.backward:  # an op is called on the way forward only
                row.count += found.calls
            row.add(found, key.backward, depth < len(names) - 1, group_by == "function")
    result = Averages(rows.values())
    result.title = group_by
    return result


def names_of(key: Key, group_by: str) -> tuple[str, ...]:
    """The rows in which a call counts, the innermost last."""
    if group_by == "module":
        return tuple(dict.fromkeys(key.modules)) or (OUTSIDE,)
    return (str(getattr(key, group_by)),)


def share(row: Average, tree: bool, whole: float) -> float:
    """Percent of all time: with the modules inside if they stand below, else without."""
    return 100 * (row.cpu_time_total if tree else row.self_cpu_time_total) / whole


def shortened(row: Average, tree: bool, width: int) -> str:
    """The name, in a tree indented and without the names of what stands above."""
    name = row.key
    if tree and row.depth:
        name = "  " * row.depth + row.key.partition(".")[2]
    return name if len(name) <= width else "…" + name[1 - width :]


def seconds(microseconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, factor in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= factor:
            return f"{microseconds / factor:.2f} {unit}"
    return f"{microseconds:.1f} us"


def size(count: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"
