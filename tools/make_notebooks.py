"""Make notebooks of the course's chapters, executed, with their outputs and pictures.

    python tools/make_notebooks.py --out site/notebooks            English and Chinese, executed
    python tools/make_notebooks.py --out notebooks --no-run 01     as `tinygrad-edu course open`

Needs `pip install -e ".[docs]"` to execute. The notebooks go to OUT/en and OUT/zh.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tinygrad_edu.learn.course.texts import Chapter, chapters, notebook
from tinygrad_edu.learn.course.words import LANGUAGES

LIMIT = 300  # seconds for one cell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="chapters (default: all)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--language", choices=LANGUAGES, help="(default: both)")
    parser.add_argument("--no-run", action="store_true", help="without outputs")
    flags = parser.parse_args()
    for language in [flags.language] if flags.language else LANGUAGES:
        folder = flags.out / language
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as desk:
            for chapter in chapters(language):
                if not flags.numbers or chapter.number in flags.numbers:
                    made = notebook(chapter.cells)
                    if not flags.no_run:
                        made = executed(made, chapter, language, Path(desk))
                    target = folder / chapter.path.with_suffix(".ipynb").name
                    text = json.dumps(made, indent=1, ensure_ascii=False)
                    target.write_text(text + "\n", encoding="utf-8")
                    print(target, flush=True)
    return 0


def executed(made: dict[str, Any], chapter: Chapter, language: str, desk: Path) -> dict[str, Any]:
    """The notebook with its outputs. A cell that raises ends the program with its traceback."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["TINYGRAD_EDU_LANGUAGE"] = language
    os.environ["TINYGRAD_EDU_STATE"] = str(desk / "state")
    node = nbformat.reads(json.dumps(made), as_version=4)
    client = NotebookClient(
        node, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": str(desk)}}
    )
    client.execute()
    for cell in node.cells:  # the times of the run would change the file every time
        cell.metadata.pop("execution", None)
    return node


if __name__ == "__main__":
    sys.exit(main())
