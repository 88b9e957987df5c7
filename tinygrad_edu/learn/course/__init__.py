"""The course: chapters to read and run, exercises that say what is wrong.

In a chapter the learner writes a function and calls `check("01.2", the_function)`. `hint("01.2")`
helps a little more each time, `solution("01.2")` shows one way. What is solved is kept in the
user's state folder. `tinygrad-edu course` lists the chapters and the progress.

    texts.py      finds the chapters and splits them into cells
    exercise.py   an exercise, and how an attempt is judged
    exercises/    the exercises of each chapter: cases, usual mistakes, hints
    solutions/    one solution of each exercise, apart
    progress.py   what is solved, in a file of the user
"""

from __future__ import annotations

from .learner import check, hint, solution

__all__ = ["check", "hint", "solution"]
