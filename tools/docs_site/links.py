"""Check of every link in a folder of HTML pages: its file and its anchor must be there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Page:
    """What a page can be linked to by, and what it links to."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.page.ids.add(value)
            elif name in ("href", "src") and value:
                self.page.links.append(value)


def read_page(path: Path) -> Page:
    """Read the ids and links of an HTML file."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def broken_links(folder: Path) -> Iterator[str]:
    """Each link within `folder` that leads nowhere, as text; links to other sites are skipped."""
    pages = {path.resolve(): read_page(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                yield f"{path.relative_to(folder.resolve())}: {link}: no such file"
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].ids
            ):
                yield f"{path.relative_to(folder.resolve())}: {link}: no such anchor"


if __name__ == "__main__":
    found = list(broken_links(Path(sys.argv[1])))
    print("\n".join(found) or "every link leads somewhere")
    sys.exit(bool(found))
