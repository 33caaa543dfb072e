"""Figures for the rules of a page: what each would like to show, and what finds room."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pytest_detgate.findings import Finding
from pytest_detgate.record.project_files.approved import SCORE_THRESHOLD
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.counts import Count, with_detections
from pytest_detgate.report.figures.detections import FrameFigure, frame_figure, lowest_score
from pytest_detgate.report.figures.findings import Figure, by_image, figure_of
from pytest_detgate.report.figures.outlines import Box, drawable
from pytest_detgate.report.figures.pairs import PairFigure, pair_figure
from pytest_detgate.report.figures.strips import StripFigure, strip_figure
from pytest_detgate.report.headline import tiers
from pytest_detgate.report.round_robin import in_rounds

# Figures of one rule, and on the whole page. Without boxes an image says less.
FRAMES = 24
FIGURES = 24
FIGURES_WITHOUT_BOXES = 6
PAIRS = 12
STRIPS = 12
FIGURES_ON_PAGE = 240
AnyFigure = Figure | FrameFigure | PairFigure | StripFigure


@dataclass(slots=True)
class Figures:
    """The figures of one rule that found room. `repeated` are images that another rule, given by
    its index, shows with the same boxes."""

    frames: list[FrameFigure] = field(default_factory=list)
    pairs: list[PairFigure] = field(default_factory=list)
    strips: list[StripFigure] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    repeated: list[tuple[str, int]] = field(default_factory=list)

    def add(self, drawing: AnyFigure) -> None:
        if isinstance(drawing, FrameFigure):
            self.frames.append(drawing)
        elif isinstance(drawing, PairFigure):
            self.pairs.append(drawing)
        elif isinstance(drawing, StripFigure):
            self.strips.append(drawing)
        else:
            self.figures.append(drawing)

    @property
    def count(self) -> Count:
        """What is on all the frames together."""
        counts = [drawing.count for drawing in self.frames]
        return Count(
            detections=sum(count.detections for count in counts),
            false=sum(count.false for count in counts),
            truth=sum(count.truth for count in counts),
            missed=sum(count.missed for count in counts),
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A figure that a rule would show. Two with the same `content` look the same."""

    name: str
    content: Hashable
    make: Callable[[], AnyFigure | None]


def figures_of(
    rules: Sequence[RuleResult], album: Album, threshold: float, lowest: float = 0.0
) -> list[Figures]:
    """Make figures for the rules in rounds, those that block first; spends the album's room.

    `threshold` is the score threshold the page opens with, `lowest` that of the slider. What
    another rule shows already is not shown again.
    """
    selected = [Figures() for _ in rules]
    shown_by: dict[Hashable, int] = {}
    room = FIGURES_ON_PAGE
    for tier in tiers(rules):
        candidates = [_candidates(rules[index], album, threshold, lowest) for index in tier]
        for number_in_tier, candidate in in_rounds(candidates):
            index = tier[number_in_tier]
            if shown_by.get(candidate.content, index) != index:
                selected[index].repeated.append((candidate.name, shown_by[candidate.content]))
                continue
            if room == 0:
                return selected
            drawing = candidate.make()
            if drawing is not None:
                shown_by[candidate.content] = index
                selected[index].add(drawing)
                room -= 1
    return selected


def lowest_threshold(rules: Sequence[RuleResult], threshold: float) -> float:
    """Return how far down the slider goes for what the page shows of these rules."""
    frames = (frame for rule in rules for frame in rule.evidence.frames[:FRAMES])
    return min(lowest_score(frames, threshold), *(own_threshold(rule, 1.0) for rule in rules), 1.0)


def own_threshold(rule: RuleResult, threshold: float) -> float:
    """Return the score threshold that a rule has measured at, where it says so."""
    stated = (
        measurement.value
        for measurement in rule.measurements
        if measurement.name == SCORE_THRESHOLD
    )
    return float(next(stated, threshold))


def _candidates(
    rule: RuleResult, album: Album, threshold: float, lowest: float
) -> list[_Candidate]:
    """What a rule would like to show, the most telling first, as the record has them.

    Where it has frames, these show what its findings would.
    """
    seen = rule.evidence
    if not seen.frames and not seen.pairs and not seen.strips:
        return _finding_candidates(rule, album)
    threshold = own_threshold(rule, threshold)
    detected = with_detections(seen.frames)
    boxes_of_image = _found_boxes(rule.findings)
    candidates = []
    for frame in seen.frames[:FRAMES]:
        boxes = boxes_of_image.get((frame.dataset, frame.image), [])
        make = partial(
            frame_figure,
            frame,
            album,
            threshold,
            detected=detected,
            lowest=lowest,
            found_boxes=[] if detected else boxes,
        )
        content = (frame.dataset, frame.image, tuple(frame.boxes), threshold, tuple(boxes))
        candidates.append(_Candidate(f"{frame.dataset}: {frame.image}", content, make))
    for pair in seen.pairs[:PAIRS]:
        names = f"{pair.one.image} and {pair.other.image}"
        candidates.append(
            _Candidate(names, (pair.one, pair.other), partial(pair_figure, pair, album))
        )
    for strip in seen.strips[:STRIPS]:
        make_strip = partial(strip_figure, strip, album)
        images = tuple(frame.image for frame in strip.frames)
        candidates.append(_Candidate(strip.text, (strip.text, images), make_strip))
    return candidates


def _finding_candidates(rule: RuleResult, album: Album) -> list[_Candidate]:
    most = FIGURES if any(map(drawable, rule.findings)) else FIGURES_WITHOUT_BOXES
    return [
        _Candidate(
            f"{group[0].dataset}: {group[0].image}",
            (
                group[0].dataset,
                group[0].image,
                *((finding.box, finding.label) for finding in group),
            ),
            partial(figure_of, group, album),
        )
        for group in by_image(rule.findings)[:most]
    ]


def _found_boxes(findings: Sequence[Finding]) -> dict[tuple[str | None, str | None], list[Box]]:
    """The boxes of findings by dataset and image."""
    boxes: dict[tuple[str | None, str | None], list[Box]] = {}
    for finding in findings:
        if finding.box is not None:
            boxes.setdefault((finding.dataset, finding.image), []).append(finding.box)
    return boxes
