"""Figures for the rules of a page: what each would like to show, and what finds room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.detections import (
    Count,
    FrameFigure,
    frame_figure,
    lowest_score,
    with_detections,
)
from pytest_detgate.report.figures.findings import Figure, by_image, figure_of, tones_of
from pytest_detgate.report.figures.outlines import drawable
from pytest_detgate.report.figures.pairs import PairFigure, pair_figure
from pytest_detgate.report.headline import tiers
from pytest_detgate.report.round_robin import in_rounds

# Figures of one rule, and on the whole page. Without boxes a picture says less.
FRAMES = 24
FIGURES = 24
FIGURES_WITHOUT_BOXES = 6
PAIRS = 12
FIGURES_ON_PAGE = 240
AnyFigure = Figure | FrameFigure | PairFigure


@dataclass(slots=True)
class Figures:
    """The figures of one rule that found room."""

    frames: list[FrameFigure] = field(default_factory=list)
    pairs: list[PairFigure] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: AnyFigure) -> None:
        if isinstance(figure, FrameFigure):
            self.frames.append(figure)
        elif isinstance(figure, PairFigure):
            self.pairs.append(figure)
        else:
            self.figures.append(figure)

    @property
    def count(self) -> Count:
        """What stands on all the frames together."""
        counts = [figure.count for figure in self.frames]
        return Count(
            detections=sum(one.detections for one in counts),
            false=sum(one.false for one in counts),
            truth=sum(one.truth for one in counts),
            missed=sum(one.missed for one in counts),
        )


def figures_of(
    rules: Sequence[RuleResult], album: Album, threshold: float, lowest: float = 0.0
) -> list[Figures]:
    """Make figures for the rules in rounds, those that block first; spends the album's room.

    `threshold` is the score threshold the page opens with, `lowest` that of the slider.
    """
    selected = [Figures() for _ in rules]
    room = FIGURES_ON_PAGE
    for tier in tiers(rules):
        candidates = [_candidates(rules[at], album, threshold, lowest) for at in tier]
        for number_in_tier, candidate in in_rounds(candidates):
            if room == 0:
                return selected
            figure = candidate()
            if figure is not None:
                selected[tier[number_in_tier]].add(figure)
                room -= 1
    return selected


def lowest_threshold(rules: Sequence[RuleResult], threshold: float) -> float:
    """Return how far down the slider goes for what the page shows of these rules."""
    frames = (frame for rule in rules for frame in rule.evidence.frames[:FRAMES])
    return lowest_score(frames, threshold)


def _candidates(
    rule: RuleResult, album: Album, threshold: float, lowest: float
) -> list[Callable[[], AnyFigure | None]]:
    """What a rule would like to show, the most telling first, as the record has them.

    Where it has frames, these show what its findings would.
    """
    candidates: list[Callable[[], AnyFigure | None]] = []
    detected = with_detections(rule.evidence.frames)
    for frame in rule.evidence.frames[:FRAMES]:
        candidates.append(
            partial(frame_figure, frame, album, threshold, detected=detected, lowest=lowest)
        )
    for pair in rule.evidence.pairs[:PAIRS]:
        candidates.append(partial(pair_figure, pair, album))
    if rule.evidence.frames or rule.evidence.pairs:
        return candidates
    tones = tones_of(rule.findings)
    most = FIGURES if any(map(drawable, rule.findings)) else FIGURES_WITHOUT_BOXES
    for group in by_image(rule.findings)[:most]:
        candidates.append(partial(figure_of, group, album, tones))
    return candidates
