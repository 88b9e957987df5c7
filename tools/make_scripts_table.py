"""Write docs/scripts.md: the scripts of tests/scripts, with their losses here and on PyTorch.

python tools/make_scripts_table.py
"""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "scripts")]

from test_scripts import HERE, SCRIPTS, run

from tinygrad_edu.compat.names import look_up, read_all

PAGE = ROOT / "docs" / "scripts.md"
MARK = "<!-- losses -->"


def row(name: str) -> str:
    """One line of the table."""
    path = HERE / f"{name}.py"
    about = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").rstrip(".")
    uses, _ = read_all(str(path))
    missing = sum(bool(look_up(used)[1]) for used in uses)
    found = []
    for on_engine in (True, False):
        patch = pytest.MonkeyPatch()
        try:
            found.append(run(name, patch, on_engine)[0])
        except pytest.skip.Exception:
            found.append(None)
        patch.undo()
    cells = (f"[{name}](../tests/scripts/{name}.py)", about, len(uses), missing, *compared(*found))
    return "| " + " | ".join(map(str, cells)) + " |"


def compared(ours: np.ndarray, theirs: np.ndarray | None) -> tuple:
    """How many numbers there are, their mean here and on PyTorch, and the largest difference."""
    if theirs is None:
        return len(ours), f"{ours.mean():.6g}", "not run", ""
    apart = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1)
    return len(ours), f"{ours.mean():.6g}", f"{theirs.mean():.6g}", f"{apart.max():.1e}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    lines = [
        "| script | what it trains | names | missing | numbers | mean here | on PyTorch | apart |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
        *map(row, SCRIPTS),
    ]
    PAGE.write_text(head + MARK + "\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
