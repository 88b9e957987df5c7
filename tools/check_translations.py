"""Whether each Chinese page has the state of its English one.

A pair of pages has a line in docs/zh/translations.txt with a hash of both. Who changes one side
changes the other, looks at both, and notes their new hashes:

    python tools/check_translations.py            exit 1 if a page is missing or one side changed
    python tools/check_translations.py --write    note the pairs of which both sides changed
    python tools/check_translations.py --write docs/zh/reading-order.md
                                                  and this pair too, of which one side changed
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "zh" / "translations.txt"
GENERATED = re.compile(r"<!-- (\w+) -->\n.*?<!-- end of \1 -->", re.S)
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
HEADING = re.compile(r"^(#+) ", re.M)
ADVICE = "Translate the change, then run: python tools/check_translations.py --write"


def pairs() -> dict[Path, Path]:
    """{English page: Chinese page}, relative to the repository."""
    found = {Path("README.md"): Path("README.zh-CN.md")}
    for path in sorted((ROOT / "docs" / "zh").rglob("*")):
        if path.suffix in (".md", ".py") and "__pycache__" not in path.parts:
            inside = path.relative_to(ROOT / "docs" / "zh")
            found[Path("docs") / inside] = Path("docs/zh") / inside
    return found


def must_exist() -> list[Path]:
    """The Chinese pages that the site promises: the reading order and every chapter."""
    chapters = sorted((ROOT / "docs" / "tutorial").glob("[0-9][0-9]_*.py"))
    promised = ["docs/zh/reading-order.md", *(f"docs/zh/tutorial/{p.name}" for p in chapters)]
    return [Path(name) for name in promised]


def digest(path: Path) -> str:
    """A hash of a page without the tables that a program writes."""
    text = GENERATED.sub("", (ROOT / path).read_text(encoding="utf-8"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def noted() -> dict[Path, tuple[str, str]]:
    """{Chinese page: (hash of the English page, its own)} when the two were last compared."""
    found = {}
    if TABLE.exists():
        for line in TABLE.read_text(encoding="utf-8").splitlines():
            name, english, chinese = line.split()
            found[Path(name)] = (english, chinese)
    return found


def problems() -> list[str]:
    """What is wrong, one line for each page."""
    found = [f"{path} is missing" for path in must_exist() if not (ROOT / path).exists()]
    table = noted()
    for english, chinese in pairs().items():
        if not (ROOT / english).exists():
            found.append(f"{chinese} translates {english}, which does not exist")
            continue
        found += differences(english, chinese)
        if why := stale(english, chinese, table.get(chinese)):
            found.append(f"{chinese}: {why}. {ADVICE}")
    kept = {str(chinese) for chinese in pairs().values()}
    found += [
        f"{TABLE.name} names {name}, which does not exist"
        for name in map(str, table)
        if name not in kept
    ]
    return found


def stale(english: Path, chinese: Path, before: tuple[str, str] | None) -> str:
    """Why a pair must be looked at, or an empty text."""
    if before is None:
        return "not in the table"
    changed = [
        name
        for name, now, then in zip((english, chinese), (digest(english), digest(chinese)), before)
        if now != then
    ]
    return f"{' and '.join(map(str, changed))} changed" if changed else ""


def differences(english: Path, chinese: Path) -> list[str]:
    """Where two pages differ that should be alike: the levels of headings, and blocks of code."""
    if english.suffix != ".md":
        return []  # tests of the course compare chapters cell by cell
    ours, theirs = ((ROOT / p).read_text(encoding="utf-8") for p in (english, chinese))
    found = []
    if FENCE.findall(ours) != FENCE.findall(theirs):
        found.append(f"{chinese}: its blocks of code are not those of {english}")
    levels = [
        [len(mark) for mark in HEADING.findall(FENCE.sub("", text))] for text in (ours, theirs)
    ]
    if levels[0] != levels[1]:
        found.append(f"{chinese}: its headings are not those of {english}")
    return found


def write(forced: set[Path]) -> list[str]:
    """Note the hashes of all pairs of which not only one side changed; what was left out."""
    before, lines, left = noted(), [], []
    for english, chinese in pairs().items():
        then, now = before.get(chinese), (digest(english), digest(chinese))
        one_side = then is not None and (then[0] == now[0]) != (then[1] == now[1])
        if one_side and chinese not in forced:
            left.append(f"{chinese}: only {english if then[0] != now[0] else chinese} changed")
            now = then
        lines.append(f"{chinese.as_posix()} {now[0]} {now[1]}\n")
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text("".join(sorted(lines)), encoding="utf-8")
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether each Chinese page is up to date.")
    parser.add_argument("--write", action="store_true", help="note the pairs as compared")
    parser.add_argument("page", nargs="*", type=Path, help="Chinese pages to note in any case")
    flags = parser.parse_args()
    found = write(set(flags.page)) if flags.write else problems()
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
