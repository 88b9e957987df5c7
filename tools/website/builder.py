"""Put the pages together and run the builder, once for each language.

MkDocs with the Material theme: plain Markdown as in the repository, search in the browser (Chinese
too), light and dark, narrow screens, and nothing loaded from elsewhere once its fonts are off. What
it lacks for the keyboard and for contrast, `theme/` and `assets/` add.
"""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build as run
from mkdocs.config import load_config
from pymdownx.slugs import slugify

from . import reference
from .course import course_pages
from .gallery import gallery_page, steppers
from .pages import ROOT, Pages, between, source_page, source_text, title_of

HERE = Path(__file__).parent
DOCS = ROOT / "docs"
NAMES = {"en": "English", "zh": "中文"}
LEADING = ["see-backprop", "gallery", "reading-order", "architecture"]
WORDS = {
    "en": {
        "start": "Start",
        "course": "Course",
        "guides": "Guides",
        "reference": "Reference",
        "light": "Use the light colours",
        "dark": "Use the dark colours",
    },
    "zh": {
        "start": "开始",
        "course": "教程",
        "guides": "指南",
        "reference": "参考",
        "light": "切换到浅色",
        "dark": "切换到深色",
    },
}
ABOUT = {
    "en": "An autograd engine with PyTorch's names, written to be read",
    "zh": "一个为阅读而写的自动求导引擎，接口名称与 PyTorch 一致",
}


def build(work: Path, out: Path, *, course: bool) -> None:
    """Write the whole site to `out`; `work` is a folder for what is made on the way."""
    home = homes()
    sources: set[Path] = set()
    books: dict[str, Any] = {}
    made = {lang: Pages(lang, work / lang, home, sources) for lang in NAMES}
    for lang, pages in made.items():
        documents(pages, lang)
        gallery_page(pages, lang)
        course_pages(pages, lang, work / "desk", books, run=course)
    steppers(work / "en" / "steppers")
    reference_pages(made["en"])
    navigation = {lang: nav(pages, lang) for lang, pages in made.items()}
    source_pages(made["en"])
    for lang in NAMES:
        shutil.copytree(HERE / "assets", work / lang / "assets", dirs_exist_ok=True)
        render(made, lang, out if lang == "en" else out / lang, navigation[lang])


# ---- documents -----------------------------------------------------------------------------------


def homes() -> dict[Path, tuple[str, str]]:
    """Where each document of the repository is on the site: {file: (language, page)}."""
    found = {ROOT / "README.md": ("en", "index.md"), ROOT / "README.zh-CN.md": ("zh", "index.md")}
    for name in ("CONTRIBUTING", "CHANGELOG"):
        found[ROOT / f"{name}.md"] = ("en", f"{name.lower()}.md")
    for path in sorted(DOCS.rglob("*.md")):
        inside = path.relative_to(DOCS)
        lang = "zh" if inside.parts[0] == "zh" else "en"
        page = inside.relative_to("zh") if lang == "zh" else inside
        name = "index.md" if page.name == "README.md" else page.name
        found[path] = (lang, (page.parent / name).as_posix())
    for path in sorted(DOCS.rglob("tutorial/[0-9][0-9]_*.py")):
        lang = "zh" if path.parent.parent.name == "zh" else "en"
        found[path] = (lang, f"tutorial/{path.stem}.md")
    return found


def documents(pages: Pages, lang: str) -> None:
    """The documents of the repository as pages."""
    for path, (language, name) in pages.home.items():
        if language == lang and path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            if path.parent == DOCS / "ops":
                text = reference.typeset_ops(text)
            pages.add(name, without_language_links(text), path)


def without_language_links(text: str) -> str:
    """Without the link to the other language, which stands in the head of each page here."""
    return re.sub(r"^\[(?:中文|English)\]\(README[^)]*\)\n+", "", text, flags=re.M)


def reference_pages(pages: Pages) -> None:
    for name, page in (
        ("reference/kernels.md", reference.kernels_page),
        ("reference/layers.md", reference.layers_page),
        ("reference/optimisers.md", reference.optimisers_page),
    ):
        pages.write(name, page(lambda path, name=name: pages.way_to(path, name)))


def source_pages(pages: Pages) -> None:
    for path in sorted(pages.sources):
        pages.write(source_page(path), source_text(path))


# ---- navigation ----------------------------------------------------------------------------------


def nav(pages: Pages, lang: str) -> list[dict[str, Any]]:
    """The tree of pages: what leads, then the rest in order."""
    words = WORDS[lang]
    left = [name for name in pages.names if name != "index.md"]

    def take(wanted: list[str]) -> list[dict[str, str]]:
        found = [name for name in wanted if name in left]
        for name in found:
            left.remove(name)
        return [{title(pages, name): name} for name in found]

    tree: list[dict[str, Any]] = [{words["start"]: "index.md"}]
    tree += take([f"{name}.md" for name in LEADING])
    if chapters := take(sorted(name for name in left if name.startswith("tutorial/"))):
        tree.insert(1, {words["course"]: [chapters[-1], *chapters[:-1]]})
    ops = take([name for name in left if name.startswith("ops/")])
    shown = [{"Ops": ops}] if ops else []
    shown += take([name for name in left if name.startswith("reference/")]) + take(["coverage.md"])
    if guides := take(sorted(left)):
        tree.append({words["guides"]: guides})
    if shown:
        tree.append({words["reference"]: shown})
    if lang != "en":
        tree.append({words["reference"] + "（英文）": english(pages)})
    return tree


def english(pages: Pages) -> list[dict[str, str]]:
    """Links from the pages of another language to the reference."""
    names = {
        "算子": "ops/index.html",
        "层": "reference/layers.html",
        "优化器": "reference/optimisers.html",
        "核函数": "reference/kernels.html",
        "PyTorch 名称对照": "coverage.html",
    }
    return [{name: f"../{page}"} for name, page in names.items()]


def title(pages: Pages, name: str) -> str:
    return title_of((pages.folder / name).read_text(encoding="utf-8")).removeprefix("Ops: ")


# ---- the builder ---------------------------------------------------------------------------------


def render(made: dict[str, Pages], lang: str, out: Path, navigation: list[dict[str, Any]]) -> None:
    """Run MkDocs for one language."""
    config = made[lang].folder.parent / f"{lang}.yml"
    config.write_text("site_name: tinygrad_edu\n", encoding="utf-8")
    logging.getLogger("mkdocs").setLevel(logging.WARNING)
    run(load_config(str(config), **settings(made, lang, out, navigation)))


def twins(made: dict[str, Pages], lang: str) -> dict[str, str]:
    """{page: the address of the same page in the other language}, from this language's root."""
    other = "zh" if lang == "en" else "en"
    both = set(made[lang].names) & set(made[other].names)
    return {
        name: between((lang, "index.md"), (other, name)).removesuffix(".md") + ".html"
        for name in both
    }


def settings(
    made: dict[str, Pages], lang: str, out: Path, navigation: list[dict[str, Any]]
) -> dict[str, Any]:
    other = "zh" if lang == "en" else "en"
    return {
        "docs_dir": str(made[lang].folder),
        "site_dir": str(out),
        "site_description": ABOUT[lang],
        "use_directory_urls": False,
        "nav": navigation,
        "theme": theme(lang),
        "extra_css": ["assets/site.css"],
        "extra_javascript": ["assets/site.js"],
        "extra": {
            "generator": False,
            "alternate": True,  # the link stands in theme/partials/alternate.html
            "twins": twins(made, lang),
            "other": {
                "lang": other,
                "name": NAMES[other],
                "start": "zh/index.html" if lang == "en" else "../index.html",
            },
        },
        "hooks": [str(HERE / "hooks.py")],
        "plugins": [{"search": {"lang": ["en"] if lang == "en" else ["zh", "en"]}}],
        "markdown_extensions": extensions(),
        "validation": {"omitted_files": "ignore", "absolute_links": "ignore",
                       "unrecognized_links": "ignore", "not_found": "ignore", "anchors": "ignore"},
    }  # fmt: skip


def theme(lang: str) -> dict[str, Any]:
    words = WORDS[lang]
    scheme = {"primary": "custom", "accent": "custom"}
    return {
        "name": "material",
        "custom_dir": str(HERE / "theme"),
        "language": lang,
        "font": False,
        "icon": {"logo": "material/function-variant"},
        "features": ["navigation.footer", "navigation.sections", "navigation.top",
                     "content.code.copy", "toc.follow", "search.highlight"],
        "palette": [
            {"media": "(prefers-color-scheme: light)", "scheme": "default", **scheme,
             "toggle": {"icon": "material/weather-night", "name": words["dark"]}},
            {"media": "(prefers-color-scheme: dark)", "scheme": "slate", **scheme,
             "toggle": {"icon": "material/weather-sunny", "name": words["light"]}},
        ],
    }  # fmt: skip


def extensions() -> list[Any]:
    """Markdown as GitHub reads it, and LaTeX. The builder empties the list that it gets."""
    return [
        "tables", "attr_list", "md_in_html", "admonition", "footnotes", "pymdownx.superfences",
        "pymdownx.details",
        {"toc": {"slugify": slugify(case="lower"), "permalink": False, "toc_depth": 3}},
        {"pymdownx.highlight": {"line_anchors": "__codelineno", "anchor_linenums": True}},
        {"pymdownx.arithmatex": {"generic": True}},
    ]  # fmt: skip
