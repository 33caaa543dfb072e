"""XML text to elements, and values in them, with an error that says where."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from pytest_detgate.dataset.text.numbers import number_of
from pytest_detgate.errors import DataError


class _NoDocumentType(TreeBuilder):
    """Refuses document types: the entities that they declare may grow without limit."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ParseError("a document type, which no label file needs")


def parse_xml(content: bytes, root: str, path: Path) -> Element:
    """Return the root element of an XML text; `DataError` where it is no XML, or has another root
    than `root`."""
    parser = XMLParser(target=_NoDocumentType())
    try:
        parser.feed(content)
        element: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:  # an encoding that nobody knows
        raise DataError(f"{path}: not XML: {error}") from None
    if element.tag != root:
        raise DataError(f"{path}: expected <{root}>, found <{element.tag}>")
    return element


def plain_tag(tag: str) -> str:
    """Return a tag in small letters, without the namespace in front of it."""
    return tag.rpartition("}")[2].lower()


def require_tags(
    root: Element, path: Path, *, read: frozenset[str], once: frozenset[str] = frozenset()
) -> None:
    """Raise `DataError` for what would be left out without a word: a tag that differs only in
    letter case or by a namespace from one that is `read`, and a second element of one parent that
    is read `once`."""
    for parent in root.iter():
        tags = [child.tag for child in parent]
        for tag in tags:
            if tag not in read and plain_tag(tag) in read:
                raise DataError(f"{path}: expected <{plain_tag(tag)}>, found <{tag}>")
        if len(set(tags)) < len(tags):
            several = next((tag for tag in tags if tag in once and tags.count(tag) > 1), None)
            if several is not None:
                raise DataError(f"{path}: <{parent.tag}> has more than one <{several}>")


def numbers_of(texts: list[str | None], what: str, path: Path) -> list[float]:
    """Return finite numbers; `DataError` names what they are where one is none."""
    try:
        values = [number_of(text or "") for text in texts]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        shown = ", ".join(str(text).strip()[:20] for text in texts)
        raise DataError(f"{path}: {what}: expected numbers, found {shown}")
    return values
