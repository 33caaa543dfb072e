"""What is in the report's folder, by name."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.regular_file import read_beginning

RECORD = "report.json"
PAGE = "index.html"
SUMMARY = "summary.md"
BADGE = "badge.svg"
BESIDE = (PAGE, SUMMARY, BADGE)
FINDINGS = "findings"
DOCUMENTS = ("gx",)
"""Folders of results in the form of another tool."""
RUNNING_MARK = "## ⏳"
"""How the summary begins until the record is written."""
# Every findings file of ours begins so; a file that a person or a tool wrote there is left alone.
_OURS = b'{"info":{"description":"pytest-detgate: findings of '
OUR_DOCUMENT = b'{"meta":{"pytest-detgate":'
"""How each of those results begins."""
_BLANKS = b"\xef\xbb\xbf \t\r\n"


def is_other_file(content: bytes) -> bool:
    """Return whether the content of a file that is named like a record is JSON of another kind,
    such as annotations; what is left of a damaged record is not."""
    begins = content.lstrip(_BLANKS)[:1]
    return begins in (b"{", b"[") and b'"verdict"' not in content


def remove_findings(folder: Path) -> None:
    """Remove the findings files of earlier runs from the report's folder, and their results in the
    form of other tools."""
    _remove_ours(folder / FINDINGS, _OURS)
    for name in DOCUMENTS:
        _remove_ours(folder / name, OUR_DOCUMENT)


def _remove_ours(folder: Path, head: bytes) -> None:
    for path in folder.glob("*.json"):
        if read_beginning(path, len(head)) == head:
            path.unlink()
