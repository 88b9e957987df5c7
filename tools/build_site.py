"""Build the site: documents, course, reference, gallery, in English and Chinese.

python tools/build_site.py --out site        then: python -m http.server -d site

The build fails on a broken link or anchor, on a missing or stale translation, on a page that would
load something from another machine, and on a chapter whose code no longer runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two chapters run side by side
os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # a note of the theme about another tool
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from check_translations import problems
from website.builder import build
from website.links import broken, outside


def complain(title: str, lines: list[str]) -> int:
    """Print what is wrong; 1 if anything is."""
    if lines:
        print(f"{title}:", *lines, sep="\n  ", file=sys.stderr)
    return int(bool(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("--out", type=Path, default=Path("site"), help="folder (default: site)")
    parser.add_argument("--no-course", action="store_true", help="leave the chapters unexecuted")
    flags = parser.parse_args()
    began = time.perf_counter()
    if complain("translations that are missing or not up to date", problems()):
        return 1
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "site"
        build(Path(folder), made, course=not flags.no_course)
        failed = complain("links that lead nowhere", broken(made))
        failed |= complain("loaded from other machines", list(outside(made)))
        if flags.out.exists():
            shutil.rmtree(flags.out)
        shutil.copytree(made, flags.out)
    pages = len(list(flags.out.rglob("*.html")))
    print(f"{pages} pages in {flags.out}, {time.perf_counter() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
