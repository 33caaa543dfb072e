"""The evidence behind the verdicts: charts, images and tables of each rule, the most telling
first where there is not room for all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.counts import verb
from pytest_detgate.evidence import ClipMap, Timeline
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.charts.draw import Drawing, drawing_of
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.counts import Count
from pytest_detgate.report.figures.detections import FrameFigure
from pytest_detgate.report.figures.findings import Figure, by_image
from pytest_detgate.report.figures.pairs import PairFigure
from pytest_detgate.report.figures.select import Figures, figures_of, own_threshold
from pytest_detgate.report.figures.strips import StripFigure
from pytest_detgate.report.headline import tiers
from pytest_detgate.report.page.finding_tables import (
    FindingTable,
    Numbers,
    findings_table,
    numbers_of,
)
from pytest_detgate.report.page.rule_rows import Judged, Row, Value, judged_of, values_of
from pytest_detgate.report.round_robin import fair_shares, in_rounds

# Rules with a separate section, the most urgent first.
SECTIONS = 120
# Findings listed for one rule, and on the whole page.
FINDINGS = 100
FINDINGS_ON_PAGE = 2000
CHARTS_ON_PAGE = 100
# Values without a limit beyond these start closed: some rules measure every class.
OPEN_VALUES = 12
_FINDINGS_FILE = re.compile(r"findings/[a-z0-9-]+\.json")
_DOCUMENT = re.compile(r"gx/[a-z0-9-]+\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Images that another rule shows already, and the row of that rule."""

    images: list[str]
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to see of one rule. `advice` is for one that did not hold.

    The words of `…_left_out` are empty where all is shown. `judged` are all values with limits
    where its row has not room for them. `maps` are charts of clips, which come before single
    images. `threshold` is the score threshold that its frames open at, `count` sums up what is on
    them.
    """

    row: Row
    open: bool
    advice: str
    left_out: list[str]
    judged: list[Judged]
    values: list[Value]
    values_open: bool
    maps: list[Drawing]
    charts: list[Drawing]
    charts_left_out: str
    frames: list[FrameFigure]
    frames_left_out: str
    frames_total: int
    threshold: float
    count: Count
    pairs: list[PairFigure]
    pairs_left_out: str
    strips: list[StripFigure]
    strips_left_out: str
    figures: list[Figure]
    figures_left_out: str
    repeated: list[Repeated]
    findings: FindingTable | None
    files: list[str]
    files_lack: int
    documents: list[str]
    tables: list[Numbers]


def evidence_of(
    rules: Sequence[RuleResult], rows: Sequence[Row], album: Album, threshold: float, lowest: float
) -> list[Evidence]:
    """Gather what rules show, which come in the order of urgency; spends the room for images.

    `threshold` is the score threshold the page opens with, `lowest` that of the slider.
    """
    drawings = figures_of(rules, album, threshold, lowest)
    drawn = _draw(rules, rows)
    room = _rows_of_findings(rules)
    return [
        _evidence(*item, rows, album, threshold)
        for item in zip(rules, rows, drawings, drawn, room, strict=True)
    ]


def _draw(rules: Sequence[RuleResult], rows: Sequence[Row]) -> list[list[Drawing]]:
    """Draw charts, in rounds over the rules as figures are."""
    drawn: list[list[Drawing]] = [[] for _ in rules]
    room = CHARTS_ON_PAGE
    for tier in tiers(rules):
        for index, chart in in_rounds([rules[index].evidence.charts for index in tier]):
            if room == 0:
                return drawn
            of_rule = drawn[tier[index]]
            of_rule.append(drawing_of(chart, f"chart-{rows[tier[index]].name}-{len(of_rule) + 1}"))
            room -= 1
    return drawn


def _rows_of_findings(rules: Sequence[RuleResult]) -> list[int]:
    """Share out the rows for findings, blocking rules first."""
    shares, room = [0] * len(rules), FINDINGS_ON_PAGE
    for tier in tiers(rules):
        wanted = [min(len(rules[index].findings), FINDINGS) for index in tier]
        for index, share in zip(tier, fair_shares(wanted, room), strict=True):
            shares[index] = share
            room -= share
    return shares


def _evidence(
    rule: RuleResult,
    row: Row,
    drawings: Figures,
    drawn: list[Drawing],
    room: int,
    rows: Sequence[Row],
    album: Album,
    threshold: float,
) -> Evidence:
    seen, values = rule.evidence, values_of(rule)
    maps = [isinstance(chart, (ClipMap, Timeline)) for chart in seen.charts[: len(drawn)]]
    images = 0 if seen.frames or seen.pairs or seen.strips else len(by_image(rule.findings))
    capped = rule.findings_total > len(rule.findings)
    advice = rule.advice if rule.verdict in ("failed", "warned") else ""
    return Evidence(
        row=row,
        open=rule.verdict not in ("passed", "waived") and (_visible(rule) or bool(advice)),
        advice=advice,
        left_out=rule.left_out,
        judged=judged_of(rule) if row.more else [],
        values=values,
        values_open=len(values) <= OPEN_VALUES,
        maps=[drawing for drawing, is_map in zip(drawn, maps, strict=True) if is_map],
        charts=[drawing for drawing, is_map in zip(drawn, maps, strict=True) if not is_map],
        charts_left_out=_charts_left_out(len(drawn), len(seen.charts)),
        frames=drawings.frames,
        frames_left_out=_left_out(
            len(drawings.frames),
            len(seen.frames),
            seen.frames_total,
            "frame",
            album,
            counted_above=True,
        ),
        frames_total=max(seen.frames_total, len(seen.frames)),
        threshold=own_threshold(rule, threshold),
        count=drawings.count,
        pairs=drawings.pairs,
        pairs_left_out=_left_out(
            len(drawings.pairs), len(seen.pairs), seen.pairs_total, "pair", album
        ),
        strips=drawings.strips,
        strips_left_out=_left_out(
            len(drawings.strips), len(seen.strips), seen.strips_total, "film strip", album
        ),
        figures=drawings.figures,
        figures_left_out=_left_out(
            len(drawings.figures), images, images, "image", album, " that the record names" * capped
        ),
        repeated=_repeated(drawings, rows),
        findings=findings_table(rule.findings, rule.findings_total, room),
        # Anybody may have written the record and its names: only a file of ours becomes a link.
        files=[name for name in rule.findings_files if _FINDINGS_FILE.fullmatch(name)],
        files_lack=rule.findings_not_written,
        documents=[name for name in rule.documents if _DOCUMENT.fullmatch(name)],
        tables=[numbers_of(title, table) for title, table in rule.tables.items()],
    )


def _repeated(drawings: Figures, rows: Sequence[Row]) -> list[Repeated]:
    """The images that other rules show, by rule."""
    by_rule: dict[int, list[str]] = {}
    for name, index in drawings.repeated:
        by_rule.setdefault(index, []).append(name)
    return [Repeated(images=names, row=rows[index]) for index, names in by_rule.items()]


def _charts_left_out(drawn: int, total: int) -> str:
    of = counted(total, "chart")
    return "" if drawn == total else f"This page has room for {drawn:,} of {of}."


def _visible(rule: RuleResult) -> bool:
    """Tell whether there is more to see than values."""
    seen = rule.evidence
    return bool(
        seen.charts or seen.frames or seen.pairs or seen.strips or rule.findings or rule.tables
    )


def _left_out(
    shown: int,
    recorded: int,
    total: int,
    noun: str,
    album: Album,
    note: str = "",
    *,
    counted_above: bool = False,
) -> str:
    """Say what is not shown and why; how many are shown may have been `counted_above`."""
    total = max(total, recorded)
    if shown == total:
        return ""
    text = []
    of = counted(total, noun) + note
    if not shown:
        text.append(f"{of} {verb(total, 'are')} not shown.")
    elif not counted_above:
        text.append(f"Showing {shown:,} of {of}.")
    if shown < recorded and album.full:
        text.append(f"The page's {number(album.megabytes)} MB for images are used up.")
    return " ".join(text)


def labels_of(evidence: Sequence[Evidence]) -> list[str]:
    """Name the classes of all boxes and findings that are shown."""
    labels = {
        outline.label for item in evidence for frame in item.frames for outline in frame.outlines
    }
    labels |= {row.label for item in evidence if item.findings for row in item.findings.rows}
    return sorted(labels - {""})
