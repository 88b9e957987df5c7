"""Find what a built site links to and does not have: pages, anchors, pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Document(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {key: value for key, value in attrs if value}
        self.anchors |= {named[key] for key in ("id", "name") if key in named}
        self.links += [named[key] for key in ("href", "src") if key in named]


def read(path: Path) -> Document:
    document = Document()
    document.feed(path.read_text(encoding="utf-8"))
    return document


def broken(site: Path) -> list[str]:
    """Each link inside the site that leads nowhere, as "page: link"."""
    documents = {path: read(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, document in documents.items():
        if path.name == "404.html":  # its addresses start at the root of the server
            continue
        for link in dict.fromkeys(document.links):
            if not leads_somewhere(link, path, site, documents):
                found.append(f"{path.relative_to(site)}: {link}")
    return found


def leads_somewhere(link: str, path: Path, site: Path, documents: dict[Path, Document]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = path
    if parts.path:
        target = Path(os.path.normpath(path.parent / unquote(parts.path)))
        if target.is_dir():
            target /= "index.html"
        if not target.is_file() or site not in target.parents:
            return False
    anchor = unquote(parts.fragment)
    return not anchor or target not in documents or anchor in documents[target].anchors


def outside(site: Path) -> Iterator[str]:
    """What pages would load from other machines: scripts, styles, pictures, frames."""
    for path in sorted(site.rglob("*.html")):
        loader = Loads()
        loader.feed(path.read_text(encoding="utf-8"))
        for address in loader.addresses:
            yield f"{path.relative_to(site)}: {address}"


class Loads(HTMLParser):
    """The addresses of other machines from which a page loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        links = [named.get("src")]
        if tag == "link" and named.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            links.append(named.get("href"))
        self.addresses += [link for link in links if link and urlsplit(link).netloc]
