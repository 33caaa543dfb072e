"""A dossier as Markdown, and as a page that prints well."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_detgate.publishing.dossier.sections import Document, Grid, Section
from pytest_detgate.record.markdown import plain
from pytest_detgate.report.rendering import render_plain

_LONGEST = 2000


def as_markdown(document: Document) -> str:
    """Return the document in Markdown as GitHub and pandoc read it."""
    lines = [f"# {plain(document.title, _LONGEST)}", ""]
    for index, section in enumerate(document.sections, start=1):
        lines += [f"## {index}. {section.title}", "", *_section(section)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section) -> Iterator[str]:
    for paragraph in section.paragraphs:
        yield plain(paragraph, _LONGEST, begins=True)
        yield ""
    for entry in section.entries:
        yield f"- {plain(entry, _LONGEST, begins=True)}"
    if section.entries:
        yield ""
    for grid in section.grids:
        yield from _grid(grid)
        yield ""


def _grid(grid: Grid) -> Iterator[str]:
    yield f"| {' | '.join(grid.columns)} |"
    yield f"| {' | '.join('---' for _ in grid.columns)} |"
    for row in grid.rows:
        yield f"| {' | '.join(plain(cell, _LONGEST) or ' ' for cell in row)} |"


def as_html(document: Document) -> str:
    """Return the document as one page that loads nothing."""
    return render_plain("dossier.html.j2", document=document)
