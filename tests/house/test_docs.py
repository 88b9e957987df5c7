"""The generated documents are current, and every op says what it computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.op import Full

ROOT = Path(__file__).parents[2]
PUBLIC = sorted(
    {op.name: op for op in registry.values() if not isinstance(op, Full) and op.cases}.items()
)


def test_the_generated_documents_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "op"), PUBLIC)
def test_every_op_has_a_summary_and_its_formula(name, op):
    first = " ".join(op.doc.split("\n\n")[0].split())
    assert first.rstrip().endswith((".", ":", ").")), (
        f"{name}: the summary must be a sentence, got {first!r}"
    )
    assert not first.startswith("Math"), f"{name}: needs a summary before its formula"
    assert "Math:" in op.doc, f"{name}: needs a Math: line"
