"""An exercise, and how an attempt at it is judged.

The attempt and the solution are called with the same arguments. If they differ, the attempt is
compared with the usual mistakes: the one that gives the same numbers is what went wrong.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...engine.tensor import Tensor
from .shown import shown
from .words import Words


@dataclass(frozen=True)
class Mistake:
    """A usual wrong attempt, and what to say to someone who made it."""

    attempt: Any
    says: Words


@dataclass(frozen=True)
class Exercise:
    """What is asked, how it is checked, and what helps.

    Args:
        id: chapter and number, such as "01.2"
        name: of the function or class that the learner writes
        title: a few words
        cases: calls, as Python expressions, whose results are compared with those of the solution;
            the report shows them with the values or shapes of their data
        solution: the right function or class
        mistakes: usual wrong attempts, the most particular first
        hints: from a nudge to nearly the answer
        names: what the cases may name; usually `globals()`
        rtol, atol: how near the results must be
    """

    id: str
    name: str
    title: Words
    cases: tuple[str, ...]
    solution: Any
    mistakes: tuple[Mistake, ...]
    hints: tuple[Words, ...]
    names: Mapping[str, Any] = field(repr=False)
    rtol: float = 1e-6
    atol: float = 1e-9


@dataclass(frozen=True)
class Report:
    """Whether an attempt is right, and what to tell the learner."""

    exercise: Exercise
    solved: bool
    text: str


@dataclass(frozen=True)
class Raised:
    """A call that ended with an error, instead of a result."""

    error: Exception


NOTHING = Words(
    "`{name}` returns None. Either nothing is written yet, or a `return` is missing.",
    "`{name}` 返回了 None：可能还没有动笔，也可能漏写了 `return`。",
)
NOT_CALLABLE = Words(
    "`check` needs the function itself, got {given}. Write `check({id!r}, {name})`, without calling"
    " it.",
    "`check` 需要函数本身，得到的却是 {given}。请写 `check({id!r}, {name})`，不要调用它。",
)
RAISES = Words(
    "`{case}` raises {kind}: {message}{where}", "`{case}` 抛出了 {kind}：{message}{where}"
)
LINE = Words(" (your line {line}: `{text}`)", "（你的第 {line} 行：`{text}`）")
SHAPE = Words(
    "`{case}` must have the shape {wanted}, got {given}.",
    "`{case}` 的形状应为 {wanted}，得到的却是 {given}。",
)
COUNT = Words(
    "`{case}` must give {wanted} results, got {given}.",
    "`{case}` 应给出 {wanted} 个结果，得到的却是 {given} 个。",
)
NO_NUMBER = Words(
    "`{case}` must give numbers, got {given}.", "`{case}` 应给出数值，得到的却是 {given}。"
)
VALUE = Words(
    "`{case}` must be {wanted}{place}, got {given}{count}.",
    "`{case}`{place} 应为 {wanted}，得到的却是 {given}{count}。",
)
PLACE = Words(" at {index}", " 在 {index} 处")
COUNTED = Words(" (the worst of {count} wrong entries)", "（共 {count} 处不对，这里误差最大）")
SEEN_AT = Words("{says} It shows at: {difference}", "{says}可以从这里看出：{difference}")


def assess(exercise: Exercise, attempt: Any) -> Report:
    """Judge an attempt: right, a usual mistake, or where its first result differs."""
    if not callable(attempt):
        said = NOT_CALLABLE.format(given=repr(attempt)[:60], id=exercise.id, name=exercise.name)
        return Report(exercise, False, said)
    given = run(exercise, attempt)
    wanted = run(exercise, exercise.solution)
    said = first_difference(exercise, given, wanted)
    if not said:
        return Report(exercise, True, "")
    if all(g is None or g is ... for g in given):
        return Report(exercise, False, NOTHING.format(name=exercise.name))
    for mistake in exercise.mistakes:
        if is_same(exercise, given, run(exercise, mistake.attempt)):
            return Report(exercise, False, SEEN_AT.format(says=mistake.says, difference=said))
    return Report(exercise, False, said)


def first_difference(exercise: Exercise, given: list[Any], wanted: list[Any]) -> str:
    """Where the results first differ, in the learner's terms; "" if they do not."""
    for case, g, w in zip(exercise.cases, given, wanted):
        if difference(case, g, w, exercise):
            return difference(shown(case, exercise.name, exercise.names), g, w, exercise)
    return ""


def run(exercise: Exercise, attempt: Any) -> list[Any]:
    """The result of each case with the attempt in its place; a Raised where it fails."""
    results = []
    for case in exercise.cases:
        try:
            results.append(eval(case, {**exercise.names, exercise.name: attempt}))
        except Exception as error:  # a learner's code may do anything; the report tells what
            results.append(Raised(error))
    return results


def is_same(exercise: Exercise, given: list[Any], other: list[Any]) -> bool:
    """Whether two attempts did the same: equal results, or errors of one kind."""
    for case, g, o in zip(exercise.cases, given, other):
        if isinstance(g, Raised) or isinstance(o, Raised):
            if type(getattr(g, "error", None)) is not type(getattr(o, "error", None)):
                return False
        elif difference(case, g, o, exercise):
            return False
    return True


def difference(case: str, given: Any, wanted: Any, exercise: Exercise) -> str:
    """How a result differs from the wanted one; "" if it does not."""
    if isinstance(given, Raised):
        return raised(case, given.error, exercise)
    if given is None or given is ...:
        return NOTHING.format(name=exercise.name)
    if isinstance(wanted, (tuple, list)) and not is_row(wanted):
        if not isinstance(given, (tuple, list)) or len(given) != len(wanted):
            count = len(given) if isinstance(given, (tuple, list)) else 1
            return COUNT.format(case=case, wanted=len(wanted), given=count)
        parts = (
            difference(f"{case}[{i}]", g, w, exercise)
            for i, (g, w) in enumerate(zip(given, wanted))
        )
        return next(filter(None, parts), "")
    if isinstance(wanted, str):
        same = given == wanted
        return (
            "" if same else VALUE.format(case=case, wanted=wanted, given=given, place="", count="")
        )
    return difference_of_numbers(case, given, as_numbers(wanted), exercise)


def is_row(value: Any) -> bool:
    """Whether a list or tuple is one row of plain numbers."""
    return bool(value) and all(isinstance(v, (int, float)) for v in value)


def as_numbers(value: Any) -> Any:
    """A number, list, array or tensor as a float64 array; None if it is none of them."""
    if isinstance(value, Tensor):
        value = value.device.to_host(value.array)
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # a tuple of tensors in a graph: RuntimeError
        return None


def difference_of_numbers(case: str, given: Any, wanted: Any, exercise: Exercise) -> str:
    found = as_numbers(given)
    if found is None:
        return NO_NUMBER.format(case=case, given=f"{type(given).__name__} {str(given)[:60]}")
    if found.shape != wanted.shape:
        return SHAPE.format(case=case, wanted=wanted.shape, given=found.shape)
    close = np.isclose(found, wanted, exercise.rtol, exercise.atol, equal_nan=True)
    if close.all():
        return ""
    off = np.where(close, -1.0, np.nan_to_num(np.abs(found - wanted), nan=np.inf))
    worst = np.unravel_index(int(off.argmax()), off.shape)
    index, wrong = list(map(int, worst)), int((~close).sum())
    return VALUE.format(
        case=case,
        wanted=f"{wanted[worst]:.8g}",
        given=f"{found[worst]:.8g}",
        place=PLACE.format(index=index) if index else "",
        count=COUNTED.format(count=wrong) if wrong > 1 else "",
    )


def raised(case: str, error: Exception, exercise: Exercise) -> str:
    """What was raised, and in which line of the learner, if it is known."""
    where = ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        text = linecache.getline(frame.filename, frame.lineno or 0).strip()
        if text and "tinygrad_edu" not in frame.filename:
            where = LINE.format(line=frame.lineno, text=text)
            break
    kind, message = type(error).__name__, " ".join(str(error).split())
    return RAISES.format(case=case, kind=kind, message=message[:300], where=where)


def hint_text(exercise: Exercise, shown: int) -> str:
    """The first hints, numbered."""
    return "\n".join(f"{i + 1}. {hint}" for i, hint in enumerate(exercise.hints[:shown]))
