"""A Chinese page that no longer says what its English one says is found."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "check_translations.py"

pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="needs a checkout")


def test_every_chinese_page_has_the_state_of_its_english_one():
    done = subprocess.run([sys.executable, TOOL], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def small(tmp_path):
    """The tool in a repository of two pairs that agree."""
    for name, text in {
        "README.md": "# Title\n\n```sh\nrun\n```\n",
        "README.zh-CN.md": "# 标题\n\n```sh\nrun\n```\n",
        "docs/reading-order.md": "# Order\n",
        "docs/zh/reading-order.md": "# 顺序\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tool = runpy.run_path(str(TOOL))
    for function in ("pairs", "write"):
        space = tool[function].__globals__
        space |= {"ROOT": tmp_path, "TABLE": tmp_path / "docs/zh/translations.txt"}
    assert tool["write"](set()) == [] and tool["problems"]() == []
    return tool


@pytest.mark.parametrize("name", ["docs/reading-order.md", "docs/zh/reading-order.md"])
def test_a_side_that_changes_alone_is_found_and_not_noted(small, tmp_path, name):
    (tmp_path / name).write_text("# Changed\n", encoding="utf-8")
    assert name in small["problems"]()[0]
    assert name in small["write"](set())[0]
    assert small["problems"]()


def test_two_sides_that_changed_can_be_noted(small, tmp_path):
    for name in ("docs/reading-order.md", "docs/zh/reading-order.md"):
        (tmp_path / name).write_text("# Both\n", encoding="utf-8")
    assert small["problems"]()
    assert small["write"](set()) == [] and small["problems"]() == []


def test_a_misprint_on_one_side_is_noted_by_name(small, tmp_path):
    (tmp_path / "docs/zh/reading-order.md").write_text("# 次序\n", encoding="utf-8")
    assert small["write"]({Path("docs/zh/reading-order.md")}) == [] and small["problems"]() == []


def test_other_code_and_other_headings_are_found(small, tmp_path):
    page = tmp_path / "README.zh-CN.md"
    page.write_text(page.read_text("utf-8").replace("run", "walk") + "## 更多\n", "utf-8")
    found = " ".join(small["problems"]())
    assert "blocks of code" in found and "headings" in found


def test_a_missing_page_is_found(small, tmp_path):
    (tmp_path / "docs/zh/reading-order.md").unlink()
    assert "docs/zh/reading-order.md is missing" in small["problems"]()
