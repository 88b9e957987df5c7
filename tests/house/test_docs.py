"""The generated documents are current, every op says what it computes, and every room of the house
has its paragraph.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.op import Declared

ROOT = Path(__file__).parents[2]
PUBLIC = {op.name: op for op in registry.values() if isinstance(op, Declared) and not op.is_piece}
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="needs a checkout")


def test_the_generated_documents_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_op_has_a_summary_and_its_formula(name):
    doc = PUBLIC[name].doc
    first = " ".join(doc.split("\n\n")[0].split())
    assert first.endswith((".", ":")), f"{name}: the summary must be a sentence, got {first!r}"
    assert not first.startswith("Math"), f"{name}: needs a summary before its formula"
    assert "Math:" in doc, f"{name}: needs a Math: line"


def test_every_public_op_has_a_section_and_a_link_in_the_index():
    index = (ROOT / "docs" / "ops" / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\[`(\w+)`\]", index))
    pages = (ROOT / "docs" / "ops").glob("*.md")
    sections = {n for p in pages for n in re.findall(r"^### (\w+)$", p.read_text("utf-8"), re.M)}
    assert linked == sections == set(PUBLIC)


def test_every_room_of_the_house_is_drawn_and_described():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = (ROOT / "docs" / "pictures" / "architecture.svg").read_text(encoding="utf-8")
    drawn = re.findall(r"<g><title>(\w+):", picture)
    described = {room for line in re.findall(r"^## (.+)$", text, re.M) for room in line.split(", ")}
    package = ROOT / "tinygrad_edu"
    rooms = {p.stem for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    rooms -= {"__init__", "__main__"}
    assert rooms == described
    assert sorted(rooms) == sorted(drawn) and "](pictures/architecture.svg)" in text


def test_the_pictures_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_pictures.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def links(document: Path) -> list[str]:
    """Relative links of a document, without anchors and outside code blocks."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"`[^`\n]*`", "", text))
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(document):
    missing = [link for link in links(document) if not (document.parent / link).exists()]
    assert not missing


def test_a_public_op_that_gets_no_section_would_be_noticed():
    make_docs = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))
    shown = {op.name for ops in make_docs["families"]().values() for op in ops if not op.is_piece}
    assert shown == set(PUBLIC)


# ---- CONTRIBUTING.md -----------------------------------------------------------------------------


def test_the_op_that_contributing_adds_does_what_its_comments_say():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.search(r"^```python\n(.*?)^```", text, re.M | re.S)[1]
    if "cubed" in PUBLIC:
        pytest.skip("the exercise of CONTRIBUTING is done in this checkout")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# prints (.+)$", code, re.M)
    assert len(promised) == 6
    assert done.stdout.splitlines() == promised


def test_every_python_block_of_contributing_can_be_parsed():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 5
    for code in blocks:
        compile(code, "CONTRIBUTING.md", "exec")


def test_every_file_that_contributing_names_exists_or_is_created_by_it():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tinygrad_edu|tests|kernels|tools|docs)/[\w/.]+)`", text))
    created = set(re.findall(r"Create (?:the launcher )?`([\w/.]+)`", text))
    assert len(created) == 2
    assert not {name for name in named - created if not (ROOT / name).exists()}
