"""docs/reading-order.md is followed: what it names is visited, in that order and in those files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "reading-order.md"

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="docs/ is part of a checkout only")

STOP = re.compile(r"^\| \d+ \| `([^`]+)` \| `([^`]+)` \|", re.M)


def guide() -> str:
    return GUIDE.read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```", guide(), re.M | re.S)[1]


def stops() -> list[tuple[str, str]]:
    """(file, function) of each row of the guide's table."""
    return STOP.findall(guide())


def place(code) -> tuple[str, str] | None:
    """(file, function) of a running function of ours, as the guide names it."""
    name = code.co_qualname.split(".<locals>.")[-1].replace("<lambda>", "lambda")
    if re.fullmatch(r"<(\w+) of op \1>", code.co_filename):  # text that call.py wrote
        return "tinygrad_edu/engine/call.py", name
    path = Path(code.co_filename)
    return (path.relative_to(ROOT).as_posix(), name) if ROOT in path.parents else None


def visited() -> list[tuple[str, str]]:
    """Every function of ours that the guide's script calls, in order."""
    code = compile(block("python"), "multiply.py", "exec")
    seen: list = []

    def trace(frame, event, arg):
        if event == "call":
            seen.append(place(frame.f_code))

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        exec(code, {})
    finally:
        sys.settrace(before)
    return [found for found in seen if found]


def test_the_functions_are_visited_in_the_order_of_the_guide(capsys):
    calls = iter(visited())
    for stop in stops():
        assert stop in calls, f"{stop} is not reached after the stops before it"
    assert capsys.readouterr().out.split() == block("python").split("# prints ")[1].split()


def test_the_way_leads_through_at_most_eight_functions_in_five_files():
    assert len(stops()) == len(set(stops())) == 8
    assert len({file for file, _ in stops()}) <= 5


def test_every_file_of_the_list_exists():
    named = re.findall(r"`(tinygrad_edu/[^`]*|examples/[^`]*)`", guide())
    assert named and all((ROOT / name).exists() for name in named), named


def test_the_breakpoints_stop_where_the_guide_says(tmp_path):
    script = tmp_path / "multiply.py"
    script.write_text(block("python"), encoding="utf-8")
    commands = block("text") + "where\ncontinue\n" * 12 + "quit\n"
    done = subprocess.run(
        [sys.executable, "-m", "pdb", script],
        input=commands,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "***" not in done.stdout, done.stdout  # pdb's mark of an error
    heads = iter(re.findall(r"^> .*?(\w+)\(\)", done.stdout, re.M))
    for _, function in stops():
        name = function.rsplit(".")[-1]
        if name != "lambda":
            assert name in heads, done.stdout
