"""The evidence behind the verdicts: charts, pictures and tables of each rule, the most telling
first where there is not room for all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pytest_detgate.audit.album import Album
from pytest_detgate.audit.charts.drawing import Drawing, drawing_of
from pytest_detgate.audit.frames import Count, FrameFigure, frame_figure, with_detections
from pytest_detgate.audit.gallery import Figure, by_image, figure_of, tones_of
from pytest_detgate.audit.headline import tiers
from pytest_detgate.audit.listing import FindingTable, Numbers, findings_table, numbers_of
from pytest_detgate.audit.outlines import drawable
from pytest_detgate.audit.pairs import PairFigure, pair_figure
from pytest_detgate.audit.record import RuleResult
from pytest_detgate.audit.rounds import fair_shares, in_rounds
from pytest_detgate.audit.rows import Judged, Row, Value, judged_of, values_of
from pytest_detgate.audit.words import counted, number

# Rules with a section of their own, the most urgent first.
SECTIONS = 120
# Findings listed for one rule, and on the whole page.
FINDINGS = 100
FINDINGS_ON_PAGE = 2000
# Figures of one rule, and on the whole page. Without boxes a picture says less.
FRAMES = 24
FIGURES = 24
FIGURES_WITHOUT_BOXES = 6
PAIRS = 12
FIGURES_ON_PAGE = 240
CHARTS_ON_PAGE = 100
# Values without a limit beyond these start closed: some rules measure every class.
OPEN_VALUES = 12
_FINDINGS_FILE = re.compile(r"findings/[a-z0-9-]+\.json")
Exhibit = Figure | FrameFigure | PairFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What there is to see of one rule. The words of `…_left_out` are empty where all is shown;
    `count` sums up the frames shown, `judged` are all values with limits where its row has not room
    for them."""

    row: Row
    open: bool
    judged: list[Judged]
    values: list[Value]
    values_open: bool
    charts: list[Drawing]
    charts_left_out: str
    frames: list[FrameFigure]
    frames_left_out: str
    count: Count
    pairs: list[PairFigure]
    pairs_left_out: str
    figures: list[Figure]
    figures_left_out: str
    findings: FindingTable | None
    files: list[str]
    tables: list[Numbers]


@dataclass(slots=True)
class _Hung:
    """The figures of one rule that found room."""

    frames: list[FrameFigure] = field(default_factory=list)
    pairs: list[PairFigure] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def add(self, exhibit: Exhibit) -> None:
        if isinstance(exhibit, FrameFigure):
            self.frames.append(exhibit)
        elif isinstance(exhibit, PairFigure):
            self.pairs.append(exhibit)
        else:
            self.figures.append(exhibit)


def evidence_of(
    rules: Sequence[RuleResult], rows: Sequence[Row], album: Album, threshold: float
) -> list[Evidence]:
    """Gather what rules show, which come in the order of urgency; spends the room for pictures.

    `threshold` is the score threshold the page opens with.
    """
    hung = _hang(rules, album, threshold)
    drawn = _draw(rules, rows)
    room = _rows_of_findings(rules)
    return [_evidence(*one, album) for one in zip(rules, rows, hung, drawn, room, strict=True)]


def _hang(rules: Sequence[RuleResult], album: Album, threshold: float) -> list[_Hung]:
    hung = [_Hung() for _ in rules]
    room = FIGURES_ON_PAGE
    for tier in tiers(rules):
        wishes = [_wishes(rules[at], album, threshold) for at in tier]
        for number_in_tier, wish in in_rounds(wishes):
            if room == 0:
                return hung
            exhibit = wish()
            if exhibit is not None:
                hung[tier[number_in_tier]].add(exhibit)
                room -= 1
    return hung


def _wishes(rule: RuleResult, album: Album, threshold: float) -> list[Callable[[], Exhibit | None]]:
    """What a rule would like to show, the most telling first, as the record has them.

    Where it has frames, these show what its findings would.
    """
    wishes: list[Callable[[], Exhibit | None]] = []
    detected = with_detections(rule.evidence.frames)
    for frame in rule.evidence.frames[:FRAMES]:
        wishes.append(partial(frame_figure, frame, album, threshold, detected=detected))
    for pair in rule.evidence.pairs[:PAIRS]:
        wishes.append(partial(pair_figure, pair, album))
    if rule.evidence.frames or rule.evidence.pairs:
        return wishes
    tones = tones_of(rule.findings)
    most = FIGURES if any(map(drawable, rule.findings)) else FIGURES_WITHOUT_BOXES
    for group in by_image(rule.findings)[:most]:
        wishes.append(partial(figure_of, group, album, tones))
    return wishes


def _draw(rules: Sequence[RuleResult], rows: Sequence[Row]) -> list[list[Drawing]]:
    """Draw charts, in rounds over the rules as figures are."""
    drawn: list[list[Drawing]] = [[] for _ in rules]
    room = CHARTS_ON_PAGE
    for tier in tiers(rules):
        for at, chart in in_rounds([rules[at].evidence.charts for at in tier]):
            if room == 0:
                return drawn
            of_rule = drawn[tier[at]]
            of_rule.append(drawing_of(chart, f"chart-{rows[tier[at]].name}-{len(of_rule) + 1}"))
            room -= 1
    return drawn


def _rows_of_findings(rules: Sequence[RuleResult]) -> list[int]:
    """Share out the rows for findings, blocking rules first."""
    shares, room = [0] * len(rules), FINDINGS_ON_PAGE
    for tier in tiers(rules):
        wanted = [min(len(rules[at].findings), FINDINGS) for at in tier]
        for at, share in zip(tier, fair_shares(wanted, room), strict=True):
            shares[at] = share
            room -= share
    return shares


def _evidence(
    rule: RuleResult, row: Row, hung: _Hung, charts: list[Drawing], room: int, album: Album
) -> Evidence:
    seen, values = rule.evidence, values_of(rule)
    images = 0 if seen.frames or seen.pairs else len(by_image(rule.findings))
    capped = rule.findings_total > len(rule.findings)
    return Evidence(
        row=row,
        open=rule.verdict not in ("passed", "waived") and _visible(rule),
        judged=judged_of(rule) if row.more else [],
        values=values,
        values_open=len(values) <= OPEN_VALUES,
        charts=charts,
        charts_left_out=(
            ""
            if len(charts) == len(seen.charts)
            else f"This page has room for {len(charts):,} of {counted(len(seen.charts), 'chart')}."
        ),
        frames=hung.frames,
        frames_left_out=_left_out(
            len(hung.frames), len(seen.frames), seen.frames_total, "frame", album
        ),
        count=Count(
            detections=sum(figure.count.detections for figure in hung.frames),
            false=sum(figure.count.false for figure in hung.frames),
            truth=sum(figure.count.truth for figure in hung.frames),
            missed=sum(figure.count.missed for figure in hung.frames),
        ),
        pairs=hung.pairs,
        pairs_left_out=_left_out(len(hung.pairs), len(seen.pairs), seen.pairs_total, "pair", album),
        figures=hung.figures,
        figures_left_out=_left_out(
            len(hung.figures), images, images, "image", album, " that the record names" * capped
        ),
        findings=findings_table(rule.findings, rule.findings_total, room),
        # Whoever wrote the record wrote these names: nothing but a file of ours becomes a link.
        files=[name for name in rule.findings_files if _FINDINGS_FILE.fullmatch(name)],
        tables=[numbers_of(title, table) for title, table in rule.tables.items()],
    )


def _visible(rule: RuleResult) -> bool:
    """Tell whether there is more to see than values."""
    seen = rule.evidence
    return bool(seen.charts or seen.frames or seen.pairs or rule.findings or rule.tables)


def _left_out(
    shown: int, recorded: int, total: int, noun: str, album: Album, note: str = ""
) -> str:
    total = max(total, recorded)
    if shown == total:
        return ""
    of = counted(total, noun) + note
    said = f"Showing {shown:,} of {of}." if shown else f"Pictures of {of} are not shown."
    if shown < recorded and album.full:
        said += f" The page's {number(album.megabytes)} MB for pictures are used up."
    return said
