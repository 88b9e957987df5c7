"""What the builder does to each page: LaTeX becomes MathML, so that no script is needed."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.S)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.S)


OUTPUT = re.compile(r'<div class="output" data-output="([\w-]+)"></div>')


def on_page_content(content: str, config: Any, **_: Any) -> str:
    """Replace the formulas that pymdownx.arithmatex marked, and bring back outputs of chapters."""
    aside = Path(config["docs_dir"]).parent / "outputs"
    content = OUTPUT.sub(lambda m: output((aside / f"{m[1]}.html").read_text("utf-8")), content)
    content = INLINE.sub(lambda m: convert(html.unescape(m[1])), content)
    return BLOCK.sub(lambda m: formula(convert(html.unescape(m[1]), display="block")), content)


def output(text: str) -> str:
    """An output that is HTML itself; it scrolls where the screen is narrow."""
    return f'<div class="output" tabindex="0" role="group" aria-label="output">{text}</div>'


def formula(mathml: str) -> str:
    """A formula on a line of its own, which scrolls where the screen is narrow."""
    return f'<div class="formula" tabindex="0" role="group" aria-label="formula">{mathml}</div>'
