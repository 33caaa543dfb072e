"""Findings and numbers as tables of text, whose captions state what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.findings import Finding, Table
from pytest_detgate.record.formatting import counted, number, with_minus

TABLE_ROWS = 100
# A longer table of findings starts closed.
OPEN_FINDINGS = 12
Cell = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One finding in words; a column is empty where the finding says nothing."""

    text: str
    dataset: str
    image: str
    label: str
    score: str
    box: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A table of numbers behind a verdict, as text; its caption states its cap.

    `numeric` are the columns to align as numbers.
    """

    title: str
    caption: str
    columns: list[str]
    numeric: frozenset[int]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingTable:
    """Findings as a table: `columns` are those that tell something."""

    rows: list[FindingRow]
    columns: frozenset[str]
    caption: str
    open: bool


def findings_table(findings: Sequence[Finding], total: int, room: int) -> FindingTable | None:
    """List the first `room` of the findings that the record keeps, of `total` that there are."""
    if not findings:
        return None
    shown = findings[:room]
    return FindingTable(
        rows=[_finding_row(finding) for finding in shown],
        columns=_columns(shown),
        caption=_caption(len(shown), len(findings), total),
        open=len(shown) <= OPEN_FINDINGS,
    )


def numbers_of(title: str, table: Table) -> Numbers:
    """Lay out a table of numbers."""
    rows = table.rows[:TABLE_ROWS]
    shown = counted(len(rows), "row")
    if len(rows) < len(table.rows):
        shown = f"showing {len(rows):,} of {counted(len(table.rows), 'row')}"
    return Numbers(
        title=title,
        caption=f"{title} ({shown})",
        columns=table.columns,
        numeric=frozenset(
            index
            for index in range(len(table.columns))
            if all(_is_numeric(row[index]) for row in rows if index < len(row))
        ),
        rows=[[_cell(value) for value in row] for row in rows],
    )


def _is_numeric(value: Cell) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else with_minus(number(value))


def _finding_row(finding: Finding) -> FindingRow:
    return FindingRow(
        text=finding.text,
        dataset=finding.dataset or "",
        image=finding.image or "",
        label=finding.label or "",
        score="" if finding.score is None else f"{finding.score:.3f}",
        box="" if finding.box is None else " ".join(f"{side:.1f}" for side in finding.box),
    )


def _columns(findings: Sequence[Finding]) -> frozenset[str]:
    """Choose the columns that tell something the text does not."""
    columns = set()
    for finding in findings:
        if finding.dataset or finding.image:
            columns.add("image")
        if finding.label and finding.label not in finding.text:
            columns.add("label")
        if finding.score is not None and f"{finding.score:.2f}" not in finding.text:
            columns.add("score")
        if finding.box is not None:
            columns.add("box")
    return frozenset(columns)


def _caption(shown: int, recorded: int, total: int) -> str:
    total = max(total, recorded)
    if shown == total:
        return f"All {counted(total, 'finding')}" if total > 1 else "The only finding"
    in_record = f"; report.json has {recorded:,}" if shown < recorded else ""
    return f"Showing {shown:,} of {counted(total, 'finding')}{in_record}"
