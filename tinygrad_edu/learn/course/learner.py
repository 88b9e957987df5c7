"""What a learner calls in a chapter: check, hint, solution."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from ...engine.errors import TinygradEduError
from . import progress
from .exercise import Report, assess, hint_text
from .exercises import find
from .words import Words

SOLVED = Words("✓ {id} {title}: right.", "✓ {id} {title}：正确。")
NOT_YET = Words("✗ {id} {title}: not yet. {said}", "✗ {id} {title}：还不对。{said}")
STUCK = Words('  hint("{id}") helps.', '  需要帮助？运行 hint("{id}")。')
STUCK_AT_THE_COMMAND = Words(
    "  `tinygrad-edu course hint {id}` helps.", "  需要帮助？运行 `tinygrad-edu course hint {id}`。"
)
LAST = Words(
    'That was the last hint. solution("{id}") shows one way.',
    '这是最后一条提示。solution("{id}") 给出一种写法。',
)
MORE = Words('hint("{id}") again tells more.', '再次运行 hint("{id}") 会说得更多。')
LAST_AT_THE_COMMAND = Words(
    "That was the last hint. `tinygrad-edu course solution {id}` shows one way.",
    "这是最后一条提示。`tinygrad-edu course solution {id}` 给出一种写法。",
)
MORE_AT_THE_COMMAND = Words(
    "`tinygrad-edu course hint {id}` again tells more.",
    "再次运行 `tinygrad-edu course hint {id}` 会说得更多。",
)
NOT_KEPT = Words("  (The progress could not be kept: {error})", "  （进度未能保存：{error}）")

seen: list[Report] = []  # what this process checked, for `tinygrad-edu course check`


def check(id: str, attempt: Any) -> None:
    """Judge what you wrote for an exercise, and print what is wrong, or that it is right.

    Args:
        id: the exercise, such as "01.2"
        attempt: the function or class that you wrote

    Raises: TinygradEduError if there is no such exercise
    """
    report = assess(find(id), attempt)
    seen.append(report)
    print(told(report))
    if report.solved:
        try:
            progress.mark_solved(id)
        except TinygradEduError as error:
            print(NOT_KEPT.format(error=error))


def told(report: Report, stuck: Words = STUCK) -> str:
    """The report as the learner reads it; `stuck` says how to ask for a hint."""
    e = report.exercise
    if report.solved:
        return SOLVED.format(id=e.id, title=e.title)
    said = NOT_YET.format(id=e.id, title=e.title, said=report.text)
    return f"{said}\n{stuck.format(id=e.id)}"


def hint(id: str) -> None:
    """Print the hints of an exercise: one more each time you ask."""
    print(hinted(id))


def hinted(id: str, last: Words = LAST, more: Words = MORE) -> str:
    """The hints of an exercise, one more each time; `last` and `more` say how to go on."""
    exercise = find(id)
    try:
        shown = progress.next_hint(id, len(exercise.hints))
    except TinygradEduError:  # nowhere to remember what was shown: show all
        shown = len(exercise.hints)
    following = last if shown == len(exercise.hints) else more
    return f"{hint_text(exercise, shown)}\n{following.format(id=id)}"


def solution(id: str) -> None:
    """Print one solution of an exercise."""
    print(textwrap.dedent(inspect.getsource(find(id).solution)).rstrip())
