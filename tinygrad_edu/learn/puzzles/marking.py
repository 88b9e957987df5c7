"""A learner's kernel beside the expected values, the checker, and the solution's counters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import east_asian_width

import numpy as np

from ...devices.emu.profile import Profile, profile
from ...devices.raw import RawKernel
from ...engine.device import get_device
from ...engine.errors import KernelError
from ..course.words import Words
from . import texts
from .puzzle import Case, Counters, Goal, Out, Puzzle, plain

NO_KERNEL = Words(
    "The file must hold a kernel `{name}`. Keep the first line of the start.",
    "文件中必须有核函数 `{name}`。请保留开头那一行。",
)
STOPPED = Words("With n = {n} the kernel stopped: {said}", "n = {n} 时核函数中止：{said}")
UNWRITTEN = Words(
    "With n = {n}: output {out} at {place} was not written, or is NaN; {want:g} is right.",
    "n = {n} 时：第 {out} 个输出在 {place} 处没有写入（或是 NaN），正确值是 {want:g}。",
)
WRONG = Words(
    "With n = {n}: output {out} at {place} is {got:g}; {want:g} is right"
    " ({bad} of {all} elements are wrong).",
    "n = {n} 时：第 {out} 个输出在 {place} 处是 {got:g}，正确值是 {want:g}"
    "（{all} 个元素中有 {bad} 个不对）。",
)
PROBLEM = Words(
    "With n = {n} the values are right, but not by right: {said}",
    "n = {n} 时结果碰巧正确，但程序有错：{said}",
)
FAR = Words(
    "The values are right. The goal is not reached yet: {said}",
    "结果正确，但还没有达到目标：{said}",
)
SECTORS = Words(
    "{got:.2f} sectors a request where {want:.2f} would do.",
    "每次请求 {got:.2f} 个扇区，而 {want:.2f} 个就够了。",
)
PASSES = Words(
    "requests to shared memory take {got:.2f} times the passes that would do (bank conflicts).",
    "对共享内存的请求用了理想趟数的 {got:.2f} 倍（存储体冲突）。",
)
ASKED = Words(
    "each byte of global memory is asked for {got:.1f} times; at most {most:.1f} are allowed.",
    "全局内存的每个字节被请求了 {got:.1f} 次，最多允许 {most:.1f} 次。",
)
LOADS = Words(
    "{got} requests to shared memory; the solution has {want}.",
    "对共享内存有 {got} 次请求，参考解只有 {want} 次。",
)
ATOMICS = Words(
    "{got} requests of global atomics; the solution has {want}.",
    "有 {got} 次全局原子操作请求，参考解只有 {want} 次。",
)
MUST = Words("the kernel must use {what}.", "核函数必须使用 {what}。")
BARRIERS = Words(
    "blocks meet at {got} barriers; with the solution at {want}.",
    "线程块共经过 {got} 次屏障，参考解只有 {want} 次。",
)


@dataclass
class Marked:
    """What the check says: whether the kernel is right, why not, and its counters."""

    solved: bool
    said: str = ""
    counters: Counters | None = None


def mark(puzzle: Puzzle, text: str) -> Marked:
    """Check a kernel: compile it, run it on all sizes under the checker, look at the goal."""
    if not re.search(rf"\b{puzzle.name}\s*\(", plain(text)):
        return Marked(False, NO_KERNEL.format(name=puzzle.name))
    kernel = RawKernel(text, puzzle.name)
    last: Profile | None = None
    for n in puzzle.sizes:
        case = puzzle.case(n)
        said, last = run(kernel, case, n)
        if said:
            return Marked(False, said)
    assert last is not None  # there are sizes
    counters = Counters.of(last.launches[0])
    missed = goal_missed(puzzle, counters, text)
    if missed:
        return Marked(False, FAR.format(said=missed), counters)
    return Marked(True, "", counters)


def run(kernel: RawKernel, case: Case, n: int) -> tuple[str, Profile]:
    """Run one case under the checker; what is wrong, or nothing."""
    emu = get_device("emu")
    args, outs = [], []
    for value in case.args:
        if isinstance(value, Out):
            given = blank(value) if value.start is None else value.start
            outs.append((value.want, emu.asarray(given)))
            args.append(outs[-1][1])
        else:
            args.append(emu.asarray(value) if isinstance(value, np.ndarray) else value)
    with profile(flops=False) as p:
        try:
            kernel(case.grid, case.block, args, case.shared)
        except KernelError as error:
            if "must compile" in str(error) or "braces closed" in str(error):
                return str(error), p
            said = p.problems[0] if p.problems else str(error)
            return STOPPED.format(n=n, said=said), p
    for i, (want, got) in enumerate(outs, 1):
        said = difference(want, got.host, n, i)
        if said:
            return said + ("\n" + p.problems[0] if p.problems else ""), p
    doubled = [note for note in p.launches[0].notes if "stores what" in note]
    if p.problems or doubled:
        return PROBLEM.format(n=n, said=[*p.problems, *doubled][0]), p
    return "", p


def blank(out: Out) -> np.ndarray:
    """What an output holds that was not written: NaN, or the least integer."""
    empty = np.nan if out.want.dtype.kind == "f" else np.iinfo(out.want.dtype).min
    return np.full(out.want.shape, empty, out.want.dtype)


def difference(want: np.ndarray, got: np.ndarray, n: int, out: int) -> str:
    """The first element that is wrong, in words; nothing if all are right."""
    right = got == want if want.dtype.kind != "f" else np.isclose(got, want, 1e-3, 1e-4)
    if right.all():
        return ""
    at = tuple(int(i) for i in np.argwhere(~right)[0])
    place = "[" + "][".join(map(str, at)) + "]"
    if np.isnan(got[at]) if want.dtype.kind == "f" else got[at] == np.iinfo(want.dtype).min:
        return UNWRITTEN.format(n=n, out=out, place=place, want=want[at])
    return WRONG.format(
        n=n, out=out, place=place, got=got[at], want=want[at], bad=(~right).sum(), all=want.size
    )


@cache
def reference(puzzle: Puzzle) -> Counters:
    """The solution's counters, on the last size."""
    n = puzzle.sizes[-1]
    said, p = run(RawKernel(texts.solution(puzzle), puzzle.name), puzzle.case(n), n)
    assert not said, said
    return Counters.of(p.launches[0])


def goal_missed(puzzle: Puzzle, got: Counters, text: str) -> str:
    """The first part of the goal that is not reached, in words."""
    goal: Goal = puzzle.goal
    if goal.must and not re.search(goal.must[0], plain(text)):
        return MUST.format(what=goal.must[1])
    if goal.scattered and got.sectors > goal.scattered * got.wanted:
        return SECTORS.format(got=got.sectors, want=got.wanted)
    if goal.passes and got.passes > goal.passes:
        return PASSES.format(got=got.passes)
    if goal.asked and got.asked > goal.asked:
        return ASKED.format(got=got.asked, most=goal.asked)
    if goal.loads and got.loads > goal.loads * reference(puzzle).loads:
        return LOADS.format(got=got.loads, want=reference(puzzle).loads)
    if goal.atomics and got.atomics > goal.atomics * reference(puzzle).atomics:
        return ATOMICS.format(got=got.atomics, want=reference(puzzle).atomics)
    if goal.barriers and got.barriers > goal.barriers * reference(puzzle).barriers:
        return BARRIERS.format(got=got.barriers, want=reference(puzzle).barriers)
    return ""


ROWS = (
    ("sectors", Words("sectors a request", "每次请求的扇区数"), "{:.2f}"),
    ("wanted", Words("sectors that would do", "理想的扇区数"), "{:.2f}"),
    ("asked", Words("times each byte is asked for", "每个字节被请求的次数"), "{:.2f}"),
    ("passes", Words("passes over the banks, of the ideal", "存储体趟数与理想之比"), "{:.2f}"),
    ("loads", Words("requests to shared memory", "对共享内存的请求数"), "{}"),
    ("atomics", Words("requests of global atomics", "全局原子操作请求数"), "{}"),
    ("barriers", Words("barriers of all blocks", "全部线程块的屏障次数"), "{}"),
)


def beside(puzzle: Puzzle, mine: Counters) -> str:
    """Your counters beside the solution's, as a small table."""
    theirs: Any = reference(puzzle)
    heads = (str(Words("yours", "你的")), str(Words("solution", "参考解")))
    lines = [" " * 36 + right(heads[0], 9) + right(heads[1], 10)]
    for name, words, form in ROWS:
        a, b = getattr(mine, name), getattr(theirs, name)
        if a or b:
            lines.append(right(str(words), 36) + f"{form.format(a):>9}{form.format(b):>10}")
    return "\n".join(lines)


def right(text: str, width: int) -> str:
    """The text at the right of a column; Chinese characters take two places."""
    taken = sum(2 if east_asian_width(c) in "WF" else 1 for c in text)
    return " " * (width - taken) + text
