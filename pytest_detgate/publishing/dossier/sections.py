"""Parts of a document, before it is Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; every cell is plain text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with paragraphs, then a list, then tables."""

    title: str
    paragraphs: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole document; its sections are numbered from 1."""

    title: str
    sections: tuple[Section, ...]
