"""The Markdown pages of the site, with their links turned from files into pages.

A document links to files of the repository. On the site a link to a document leads to its page, a
link to any other file to a page that shows that file, and the name of a file in `code` becomes a
link too.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)(```+|~~~+)[^\n]*\n.*?^\1\2 *$", re.M | re.S)
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)\s]+)\)")
CODE = re.compile(r"`[^`\n]+`")
FILE_NAME = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")
KINDS = {
    ".py": "python", ".pyi": "python", ".cu": "cuda", ".cuh": "cuda", ".cpp": "cpp", ".h": "cpp",
    ".hpp": "cpp", ".toml": "toml", ".json": "json", ".yml": "yaml", ".sh": "bash",
    ".md": "markdown", ".html": "html", ".css": "css", ".js": "javascript",
}  # fmt: skip
PICTURES = {".svg", ".png", ".jpg", ".gif", ".webp"}


@dataclass
class Pages:
    """The pages of one language on their way to the builder.

    `folder` gets the Markdown, `home` maps each document of the repository to (language, page), and
    `sources` collects the files that pages link to.
    """

    language: str
    folder: Path
    home: dict[Path, tuple[str, str]]
    sources: set[Path]
    names: list[str] = field(default_factory=list)

    def add(self, name: str, text: str, origin: Path) -> None:
        """Write a page, given as the text of `origin`, whose relative links it has."""
        self.write(name, self.relink(text, name, origin))

    def write(self, name: str, text: str) -> None:
        """Write a page whose links are those of the site already."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.names.append(name)

    # ---- links

    def relink(self, text: str, name: str, origin: Path) -> str:
        """The text with its links changed, outside of blocks of code."""
        pieces, end = [], 0
        for block in FENCE.finditer(text):
            pieces += [self.relink_prose(text[end : block.start()], name, origin), block[0]]
            end = block.end()
        return "".join([*pieces, self.relink_prose(text[end:], name, origin)])

    def relink_prose(self, text: str, name: str, origin: Path) -> str:
        kept: list[str] = []

        def keep(piece: str) -> str:
            kept.append(piece)
            return f"\0{len(kept) - 1}\0"

        def link(match: re.Match) -> str:
            target = self.target(match[2], name, origin)
            return keep(f"{match[1]}({target})")

        def file_name(match: re.Match) -> str:
            path = self.named(match[1])
            return keep(f"[{match[0]}]({self.way_to(path, name)})" if path else match[0])

        text = LINK.sub(link, text)
        text = FILE_NAME.sub(file_name, text)
        while "\0" in text:
            text = re.sub("\0(\\d+)\0", lambda m: kept[int(m[1])], text)
        return text

    def named(self, text: str) -> Path | None:
        """The file that a piece of code in the prose names, or None."""
        path = ROOT / text
        known = path.is_file() and (path.suffix in KINDS or path in self.home)
        return path if known else None

    def target(self, link: str, name: str, origin: Path) -> str:
        """A link of a document as a link of its page."""
        if re.match(r"[a-z]+:|#", link):
            return link
        file, _, anchor = link.partition("#")
        path = Path(os.path.normpath(origin.parent / file))
        if path.suffix in PICTURES and path.exists():
            return self.picture(path, name)
        way = self.way_to(path, name)
        return f"{way}#{anchor}" if anchor else way

    def way_to(self, path: Path, name: str) -> str:
        """The relative address of the page of a file, seen from the page `name`."""
        if path.is_dir() and (path / "README.md") in self.home:
            path = path / "README.md"
        if path in self.home:
            language, page = self.home[path]
        elif path.exists():
            self.sources.add(path)
            language, page = "en", source_page(path)
        else:
            return f"missing/{path.relative_to(ROOT)}"  # which the check of links reports
        return between((self.language, name), (language, page)).removesuffix(".md") + ".html"

    def picture(self, path: Path, name: str) -> str:
        """Copy a picture beside the pages; its relative address."""
        copy = Path("pictures") / path.relative_to(ROOT / "docs" if "docs" in path.parts else ROOT)
        (self.folder / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.folder / copy)
        return os.path.relpath(copy, Path(name).parent)


def between(start: tuple[str, str], end: tuple[str, str]) -> str:
    """The relative way from one (language, page) to another."""
    folders = {"en": Path("."), "zh": Path("zh")}
    here, there = folders[start[0]] / start[1], folders[end[0]] / end[1]
    return Path(os.path.relpath(there, here.parent)).as_posix()


# ---- pages that show a file ----------------------------------------------------------------------


def source_page(path: Path) -> str:
    return f"source/{path.relative_to(ROOT).as_posix()}{'/index' if path.is_dir() else ''}.md"


def source_text(path: Path) -> str:
    """A file or a folder as a page that the search leaves out."""
    shown = path.relative_to(ROOT).as_posix()
    head = f"---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n# {shown}\n\n"
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.name[0] not in "._")
        return head + "\n".join(f"- `{p.name}{'/' if p.is_dir() else ''}`" for p in found) + "\n"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return head + f"A binary file of {path.stat().st_size:,} bytes.\n"
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    kind = KINDS.get(path.suffix, "text")
    return f'{head}{fence}{{ .{kind} linenums="1" }}\n{text.rstrip()}\n{fence}\n'


def line_anchor(line: int) -> str:
    """The anchor of a line on a page that shows a file."""
    return f"#__codelineno-0-{line}"


def title_of(text: str) -> str:
    """The first heading of a Markdown text."""
    found = re.search(r"^# (.+)$", text, re.M)
    return re.sub(r"[`*]", "", found[1]).strip() if found else ""
