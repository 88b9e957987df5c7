"""Puzzles in CUDA C, from a map to flash attention: write a kernel, and the emulator checks it.

puzzle.py    what a puzzle is: its sizes, its data, what its counters must reach
catalog.py   the puzzles, in order
marking.py   a learner's kernel beside the expected values and beside the solution
texts.py     the texts in cuda/NN_name/: the task in two languages, a start, a solution
notebook.py  all of them as a notebook
"""

from __future__ import annotations

from .notebook import check

__all__ = ["check"]
