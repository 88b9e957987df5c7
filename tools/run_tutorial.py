"""Run the course as its reader does: the chapters in order, each in its own process, in one folder.

A chapter whose numbers no longer hold fails.

    python tools/run_tutorial.py                  all chapters, with this Python
    python tools/run_tutorial.py 01 04            some of them
    python tools/run_tutorial.py --fresh          in a new environment, where only what the chapters
                                                  tell their reader to install gets installed
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tinygrad_edu.learn.course.texts import Chapter, chapters

LIMIT = 300.0  # seconds for one chapter, on a machine that does other work too


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", metavar="NN", help="chapters (default: all)")
    parser.add_argument("--fresh", action="store_true", help="install only what the text tells")
    flags = parser.parse_args()
    chosen = [c for c in chapters() if not flags.numbers or c.number in flags.numbers]
    with tempfile.TemporaryDirectory() as work:
        python = fresh_python(Path(work) / "venv") if flags.fresh else Path(sys.executable)
        desk = Path(work) / "desk"
        desk.mkdir()
        for chapter in chosen:
            if flags.fresh:
                install_what_it_tells(chapter, python)
            if not run(chapter, python, desk, import_from_here=not flags.fresh):
                return 1
    return 0


def fresh_python(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def install_what_it_tells(chapter: Chapter, python: Path) -> None:
    """Run the `pip install` commands of a chapter's text, which start in the checkout."""
    for cell in chapter.cells:
        if cell.kind == "markdown":
            for words in re.findall(r"^pip install (.+)$", cell.text, re.M):
                command = [str(python), "-m", "pip", "install", *words.replace('"', "").split()]
                subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def run(chapter: Chapter, python: Path, desk: Path, import_from_here: bool) -> bool:
    """Run a chapter in the reader's folder, tell how long it took, show its output if it fails."""
    env = os.environ | {"MPLBACKEND": "Agg", "TINYGRAD_EDU_STATE": str(desk / "state")}
    if import_from_here:
        env["PYTHONPATH"] = str(ROOT)
    started = time.perf_counter()
    done = subprocess.run(
        [str(python), str(chapter.path)],
        cwd=desk,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    seconds = time.perf_counter() - started
    print(f"{chapter.number}  {seconds:5.1f} s  {chapter.title}", flush=True)
    if done.returncode:
        print(done.stdout, f"{chapter.path} ended with exit code {done.returncode}.", sep="\n")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
