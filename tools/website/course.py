"""The course's chapters as pages, with the outputs and pictures of their code.

Each chapter is executed once, in a kernel of its own, as its reader would run it. A cell that
raises, because a number no longer holds, ends the build. A Chinese chapter has the same code, so it
shows the same outputs.
"""

from __future__ import annotations

import base64
import html
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from make_notebooks import executed

from tinygrad_edu.learn.course.texts import Chapter, chapters, notebook

from .pages import Pages

ANSI = re.compile(r"\x1b\[[0-9;]*m")
ALT = {"en": "A picture made by the code above", "zh": "上面的代码画出的图"}
HEAD = {
    "en": """# Course

From the slope of x² to a Transformer and a CUDA kernel, in {count} chapters. You need Python and
school calculus. Each chapter uses only what came before it, and its exercises are checked by a
function that says what is wrong.

`tinygrad-edu course` lists the chapters with your progress. `tinygrad-edu course open 01` copies a
chapter into your folder.

""",
    "zh": """# 教程

共 {count} 章，从 x² 的斜率讲到 Transformer 和 CUDA 核函数。只需要会 Python 和中学微积分。
每一章只用到前面讲过的内容，练习由函数检查，并说明错在哪里。

`tinygrad-edu course` 列出各章和你的进度，`tinygrad-edu course open 01` 把一章复制到当前目录。

""",
}


def page_of(chapter: Chapter) -> str:
    return f"tutorial/{chapter.path.stem}.md"


def course_pages(pages: Pages, lang: str, desk: Path, books: dict[str, Any], *, run: bool) -> None:
    """All chapters of a language, and a page that lists them."""
    listed = list(chapters(lang))

    def made(chapter: Chapter) -> Any:
        plain = notebook(chapter.cells)
        if chapter.number in books:
            return with_outputs(plain, books[chapter.number])
        folder = desk / lang / chapter.number
        folder.mkdir(parents=True)
        return executed(plain, chapter, lang, folder) if run else plain

    with ThreadPoolExecutor(2) as pool:
        for chapter, book in zip(listed, pool.map(made, listed)):
            books[chapter.number] = book
            pages.add(page_of(chapter), chapter_text(pages, chapter, book, lang), chapter.path)
    lines = [
        f"- [{chapter.number} {chapter.title}]({chapter.path.stem}.html)" for chapter in listed
    ]
    pages.write("tutorial/index.md", HEAD[lang].format(count=len(listed)) + "\n".join(lines) + "\n")


def with_outputs(plain: dict[str, Any], book: dict[str, Any]) -> dict[str, Any]:
    """A notebook with the outputs of its twin in the other language."""
    for cell, twin in zip(plain["cells"], book["cells"]):
        if cell["cell_type"] == "code":
            cell["outputs"] = twin["outputs"]
    return plain


def chapter_text(pages: Pages, chapter: Chapter, book: dict[str, Any], lang: str) -> str:
    pieces = []
    for at, cell in enumerate(book["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            pieces.append(source)
            continue
        pieces.append(f"```python\n{source}\n```")
        for number, output in enumerate(cell.get("outputs", ())):
            name = f"{chapter.path.stem}-{at}-{number}"
            pieces.append(shown(pages, output, name, lang))
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def shown(pages: Pages, output: dict[str, Any], name: str, lang: str) -> str:
    """One output of a cell as Markdown."""
    if output["output_type"] == "stream":
        return text_block("".join(output["text"]))
    data = output.get("data", {})
    if "text/html" in data:
        return stashed(pages, "".join(data["text/html"]), name)
    if "image/svg+xml" in data:
        return stashed(pages, "".join(data["image/svg+xml"]), name)
    if "image/png" in data:
        path = pages.folder / "tutorial" / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode("".join(data["image/png"])))
        return f'<img class="plot" src="pictures/{name}.png" alt="{ALT[lang]}" loading="lazy">'
    return text_block("".join(data.get("text/plain", "")))


def text_block(text: str) -> str:
    """Printed text as a block that looks unlike code."""
    text = ANSI.sub("", text).strip("\n")
    if not text:
        return ""
    lines = html.escape(text).replace("\n", "&#10;")  # one line: Markdown leaves it alone
    return f'<div class="output"><pre tabindex="0">{lines}</pre></div>'


def stashed(pages: Pages, text: str, name: str) -> str:
    """Put HTML aside until Markdown is done; hooks.py brings it back."""
    folder = pages.folder.parent / "outputs"
    folder.mkdir(exist_ok=True)
    (folder / f"{pages.language}-{name}.html").write_text(text, encoding="utf-8")
    return f'<div class="output" data-output="{pages.language}-{name}"></div>'
