"""One row of the page for each rule, and the evidence behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_detgate.audit.gallery import Budget, Gallery, gallery_of
from pytest_detgate.audit.headline import VERDICT_WORDS
from pytest_detgate.audit.pictures import PictureFolders
from pytest_detgate.audit.record import RuleResult
from pytest_detgate.audit.scale import Scale, scale_of
from pytest_detgate.audit.words import (
    counted,
    ends_words,
    held_and_limit,
    limit_words,
    margin,
    method_words,
    number,
)
from pytest_detgate.findings import Finding, Interval, Measurement, Table, Verdict

FINDINGS = 100
TABLE_ROWS = 100
# A longer table of findings starts closed.
OPEN_FINDINGS = 12
_FINDINGS_FILE = re.compile(r"findings/[a-z0-9-]+\.json")
# Values without a limit beyond these start closed: some rules measure every class.
OPEN_VALUES = 6
Cell = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The ends of an interval in words, and how they were computed."""

    text: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A measurement that is only shown."""

    name: str
    value: str
    ends: Ends | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A measurement held against its limit, in words and as a scale.

    `held` is the number that was compared: the value or, where `bound` names one, that bound.
    """

    name: str
    value: str
    ends: Ends | None
    bound: str
    held: str
    exact: str
    limit: str
    margin: str
    passed: bool
    scale: Scale | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule in the table of rules.

    `name` is its id as a fragment name; `evidence` is empty where there is none to show.
    """

    id: str
    name: str
    about: str
    verdict: Verdict
    word: str
    message: str
    waiver: str
    judged: list[Judged]
    values: list[Value]
    more_values: list[Value]
    evidence: str


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
class Evidence:
    """What a rule found: pictures, and tables whose captions state their caps."""

    row: Row
    gallery: Gallery | None
    findings: list[FindingRow]
    columns: frozenset[str]
    caption: str
    open: bool
    files: list[str]
    tables: list[Numbers]


def row_of(rule: RuleResult, name: str) -> Row:
    """Say one rule's outcome."""
    values = [
        Value(name=m.name, value=number(m.value), ends=_ends(m.interval))
        for m in rule.measurements
        if m.limit is None
    ]
    first = len(values) if len(values) <= OPEN_VALUES + 1 else OPEN_VALUES
    total = max(rule.findings_total, len(rule.findings))
    return Row(
        id=rule.id,
        name=name,
        about=rule.about,
        verdict=rule.verdict,
        word=VERDICT_WORDS[rule.verdict],
        message=rule.message,
        waiver=rule.waiver or "",
        judged=[judged for m in rule.measurements if (judged := _judged(m)) is not None],
        values=values[:first],
        more_values=values[first:],
        evidence=_evidence_words(total, len(rule.tables)),
    )


def evidence_of(rule: RuleResult, row: Row, folders: PictureFolders, budget: Budget) -> Evidence:
    """Gather what one rule found; spends the page's room for pictures."""
    findings = rule.findings[:FINDINGS]
    capped = rule.findings_total > len(rule.findings)
    return Evidence(
        row=row,
        gallery=gallery_of(rule.findings, folders, budget, capped=capped),
        findings=[_finding_row(finding) for finding in findings],
        columns=_columns(findings),
        caption=_caption(len(findings), len(rule.findings), rule.findings_total),
        open=len(findings) <= OPEN_FINDINGS,
        # Whoever wrote the record wrote these names: nothing but a file of ours becomes a link.
        files=[name for name in rule.findings_files if _FINDINGS_FILE.fullmatch(name)],
        tables=[_numbers(title, table) for title, table in rule.tables.items()],
    )


def fragment_names(ids: Iterable[str]) -> list[str]:
    """Make a fragment name for each id: readable, lasting between runs, and never twice."""
    names: dict[str, None] = {}
    for rule_id in ids:
        name = base = re.sub(r"[^a-z0-9]+", "-", rule_id.lower()).strip("-") or "rule"
        copy = 1
        while name in names:
            copy += 1
            name = f"{base}--{copy}"
        names[name] = None
    return list(names)


def _judged(measurement: Measurement) -> Judged | None:
    if measurement.limit is None:
        return None
    held, limit = held_and_limit(measurement)
    return Judged(
        name=measurement.name,
        value=number(measurement.value),
        ends=_ends(measurement.interval),
        bound="" if measurement.bound == "point" else f"{measurement.bound} bound",
        held=held,
        exact=repr(measurement.held),
        limit=limit_words(measurement, limit),
        margin=margin(measurement),
        passed=bool(measurement.passed),
        scale=scale_of(measurement),
    )


def _ends(interval: Interval | None) -> Ends | None:
    if interval is None:
        return None
    return Ends(text=ends_words(interval), method=method_words(interval))


def _evidence_words(findings: int, tables: int) -> str:
    if findings:
        return counted(findings, "finding")
    return counted(tables, "table") if tables else ""


def _numbers(title: str, table: Table) -> Numbers:
    rows = table.rows[:TABLE_ROWS]
    shown = counted(len(rows), "row")
    if len(rows) < len(table.rows):
        shown = f"showing {len(rows):,} of {counted(len(table.rows), 'row')}"
    return Numbers(
        title=title,
        caption=f"{title} ({shown})",
        columns=table.columns,
        numeric=frozenset(
            at
            for at in range(len(table.columns))
            if all(_is_numeric(row[at]) for row in rows if at < len(row))
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
    return value if isinstance(value, str) else number(value)


def _finding_row(finding: Finding) -> FindingRow:
    return FindingRow(
        text=finding.text,
        dataset=finding.dataset or "",
        image=finding.image or "",
        label=finding.label or "",
        score="" if finding.score is None else f"{finding.score:.3f}",
        box="" if finding.box is None else " ".join(f"{side:.1f}" for side in finding.box),
    )


def _columns(findings: list[Finding]) -> frozenset[str]:
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
        return f"All {total:,} findings" if total > 1 else "The only finding"
    kept = f" (the record keeps {recorded:,})" if shown < recorded < total else ""
    return f"Showing {shown:,} of {total:,} findings{kept}"
