"""What is in the report's folder, by name."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.regular_file import open_regular

RECORD = "report.json"
PAGE = "index.html"
SUMMARY = "summary.md"
BADGE = "badge.svg"
BESIDE = (PAGE, SUMMARY, BADGE)
FINDINGS = "findings"
RUNNING_MARK = "## ⏳"
"""How the summary begins until the record is written."""
# Every findings file of ours begins so; a file that a person or a tool wrote there is left alone.
_OURS = b'{"info":{"description":"pytest-detgate: findings of '


def remove_findings(folder: Path) -> None:
    """Remove the findings files of earlier runs from the report's folder."""
    for path in (folder / FINDINGS).glob("*.json"):
        with open_regular(path) as file:
            if file.read(len(_OURS)) != _OURS:
                continue
        path.unlink()
