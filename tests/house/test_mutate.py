"""The mutation tester tells what a test command notices from what it does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

MUTATE = Path(__file__).parents[2] / "tools" / "mutate.py"
SOURCE = '''"""A module + docstring."""

LIMIT: "1 + 1" = 3


def grade(points: int) -> bool:
    """Says 1 + 1."""
    if points < 0:
        raise ValueError(f"grade: points must be at least {0 + 0}, got {points - 1}.")
    return points + 1 > LIMIT


def unseen(a):
    return a * 2
'''
RAISE = next(line.strip() for line in SOURCE.splitlines() if "raise" in line)
TEST = """
from engine import grade

assert [grade(n) for n in (0, 2, 3)] == [False, False, True]
try:
    grade(-1)
except ValueError:
    pass
else:
    raise SystemExit(1)
"""


@pytest.fixture(scope="module")
def mutate():
    sys.modules.pop("mutate", None)
    sys.path.insert(0, str(MUTATE.parent))
    try:
        import mutate
    finally:
        sys.path.remove(str(MUTATE.parent))
    return mutate


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tests"  # one of the folders that are copied
    folder.mkdir()
    (folder / "engine.py").write_text(SOURCE)
    (folder / "check.py").write_text(TEST)
    return tmp_path


def test_each_mutant_is_one_change_of_code_that_runs(mutate):
    found = {(m.old, m.new) for m in mutate.mutants("engine.py", SOURCE)}
    assert found == {
        ("3", "(4)"),
        (RAISE, "pass"),
        ("points < 0", "not (points < 0)"),
        ("points < 0", "(points <= 0)"),
        ("0", "(1)"),
        ("return points + 1 > LIMIT", "pass"),
        ("points + 1 > LIMIT", "(points + 1 >= LIMIT)"),
        ("points + 1", "(points - 1)"),
        ("1", "(2)"),
        ("return a * 2", "pass"),
        ("a * 2", "(a / 2)"),
        ("2", "(3)"),
    }


def test_mutants_that_no_check_notices_survive(mutate, tree, tmp_path, capsys):
    out = tmp_path / "mutants.json"
    words = ["--files", "tests/engine.py", "--out", str(out), "--timeout", "60"]
    assert mutate.main([*words, "--", sys.executable, "tests/check.py"], root=tree) == 0
    results = json.loads(out.read_text())
    survived = {row["old"] for row in results if row["result"] == "survived"}
    assert "a * 2" in survived and "return a * 2" in survived
    killed = {row["old"] for row in results if row["result"] == "killed"}
    assert {"points + 1", "points + 1 > LIMIT", "3"} <= killed
    assert "survived  tests/engine.py:14: a * 2  ->  (a / 2)" in capsys.readouterr().out
    assert (tree / "tests/engine.py").read_text() == SOURCE


def test_a_further_command_judges_survivors_alone(mutate, tree, tmp_path):
    (tree / "tests" / "slow.py").write_text("from engine import unseen\nassert unseen(3) == 6\n")
    out = tmp_path / "mutants.json"
    words = ["--files", "tests/engine.py", "--out", str(out), "--then"]
    words += [f"{sys.executable} tests/slow.py", "--", sys.executable, "tests/check.py"]
    assert mutate.main(words, root=tree) == 0
    by = {(row["old"], row["result"], row["stage"]) for row in json.loads(out.read_text())}
    assert ("a * 2", "killed", 2) in by and ("points + 1", "killed", 1) in by
    assert ("0", "killed", 2) not in by and ("a * 2", "survived", 2) not in by


def test_the_sample_depends_on_the_seed_alone(mutate, tree):
    draws = [mutate.drawn(tree, ["tests/engine.py"], 4, seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 4


def test_an_endless_mutant_is_stopped(mutate, tmp_path):
    assert mutate.passes([sys.executable, "-c", "while True: pass"], tmp_path, 0.5) is None


def test_a_command_that_fails_on_the_unchanged_tree_is_an_error(mutate, tree):
    words = ["--files", "tests/engine.py", "--", sys.executable, "-c", "raise SystemExit(1)"]
    with pytest.raises(SystemExit, match="must pass on the unchanged tree"):
        mutate.main(words, root=tree)
