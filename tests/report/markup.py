"""A small reader of HTML for the tests: elements with their attributes and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# Elements that a browser sets apart, so that their texts do not run together.
BLOCKS = {"p", "div", "li", "dt", "dd", "td", "th", "h1", "h2", "h3", "summary"}
VOID = {"meta", "link", "img", "br", "hr", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def all(self, tag: str = "", css_class: str = "") -> list[Element]:
        """Give the elements below this one, in document order."""
        collected = []
        for child in self.children:
            if (not tag or child.tag == tag) and (not css_class or css_class in child.classes):
                collected.append(child)
            collected.extend(child.all(tag, css_class))
        return collected

    def only(self, tag: str = "", css_class: str = "") -> Element:
        result = self.all(tag, css_class)
        assert len(result) == 1, f"{len(result)} of <{tag} class={css_class}>"
        return result[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.top = Element("", {})
        self._open = self.top

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.tag == tag, f"</{tag}> closes <{self._open.tag}>"
        assert self._open.parent is not None
        if tag in BLOCKS:
            self.handle_data(" ")
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self._open
        while element is not None:
            element.pieces.append(data)
            element = element.parent


def read(html: str) -> Element:
    """Read a page; a tag that is not closed where it should be fails the test."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader._open is reader.top, f"<{reader._open.tag}> is not closed"
    return reader.top
