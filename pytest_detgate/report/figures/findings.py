"""Findings on images: one figure for each image, with all its findings on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_detgate.findings import Finding
from pytest_detgate.record.formatting import counted
from pytest_detgate.report.figures.album import Album, TakenImage
from pytest_detgate.report.figures.outlines import (
    Box,
    Outline,
    drawable,
    extent,
    font_size,
    numbers_of,
    outlines_of,
    view_of,
)

BOXES = 200
NAMED = 12
SCORES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeup:
    """One small box enlarged: the square of the image that `source` shows, and its box."""

    source: str
    view: Box
    box: Box
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A class on an image, its number in tags, and the scores of its boxes, highest first, cut off
    with a count."""

    label: str
    number: int | None
    scores: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One image with its boxes. `embedded` is None where the boxes are on a blank frame."""

    dataset: str
    image: str
    embedded: str | None
    problem: str
    width: float
    height: float
    view: Box
    font_size: float
    outlines: list[Outline]
    alt: str
    count: str
    closeups: list[Closeup]
    names: list[Named]


def by_image(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Group findings by image; the image with the highest score comes first."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=_score, reverse=True):
        if finding.dataset is not None and finding.image is not None:
            groups.setdefault((finding.dataset, finding.image), []).append(finding)
    return list(groups.values())


def figure_of(group: list[Finding], album: Album) -> Figure | None:
    """Draw the findings on one image; None where the album has no room for it, and where there
    is neither an image nor a box."""
    dataset, image = group[0].dataset, group[0].image
    assert dataset is not None
    assert image is not None
    boxes = [finding.box for finding in group if finding.box is not None]
    taken = album.take(dataset, image, boxes)
    if taken is None or (taken.name is None and not any(map(drawable, group))):
        return None
    return _figure(dataset, image, group, taken)


def _score(finding: Finding) -> float:
    score = finding.score
    return -1.0 if score is None or not math.isfinite(score) else score


def _figure(dataset: str, image: str, group: list[Finding], taken: TakenImage) -> Figure:
    boxed = [finding for finding in group if finding.box is not None]
    drawn = [finding for finding in boxed if drawable(finding)]
    shown = drawn[:BOXES]
    boxes = [finding.box for finding in shown if finding.box is not None]
    width, height = taken.size or extent(boxes)
    view = view_of((width, height), boxes)
    numbers = numbers_of(_label(finding) for finding in group)
    count = counted(len(drawn), "box") if drawn else counted(len(group), "finding")
    if len(shown) < len(drawn):
        count += f", the first {len(shown)} drawn"
    return Figure(
        dataset=dataset,
        image=image,
        embedded=taken.name,
        problem=_problem(taken, drawn),
        width=width,
        height=height,
        view=view,
        font_size=font_size(view),
        outlines=outlines_of(shown, view, numbers),
        alt=_alt(dataset, image, count, group),
        count=count,
        closeups=[
            _closeup(boxed[index], square, source) for index, square, source in taken.closeups
        ],
        names=_names(group, numbers),
    )


def _closeup(finding: Finding, square: Box, source: str) -> Closeup:
    assert finding.box is not None
    return Closeup(
        source=source,
        view=square,
        box=finding.box,
        alt=f"Enlarged: {_name(finding)}",
    )


def _problem(taken: TakenImage, drawn: list[Finding]) -> str:
    if taken.name is not None or not drawn:
        return taken.problem
    size = "" if taken.size else ", whose size is guessed from them"
    return f"{taken.problem} The boxes are on a blank frame{size}."


def _alt(dataset: str, image: str, count: str, group: list[Finding]) -> str:
    names = ", ".join(_name(finding) for finding in group[:NAMED])
    more = f" and {len(group) - NAMED:,} more" if len(group) > NAMED else ""
    return f"{dataset}: {image}, {count}: {names}{more}"


def _name(finding: Finding) -> str:
    if not finding.label:
        return finding.text
    return finding.label if finding.score is None else f"{finding.label} {finding.score:.2f}"


def _label(finding: Finding) -> str:
    """The class of a finding; one without a class speaks for itself."""
    return finding.label or finding.text


def _names(group: list[Finding], numbers: Mapping[str, int]) -> list[Named]:
    """Say what is on an image, by class and its number in tags."""
    scores: dict[str, list[str]] = {}
    for finding in group:
        text = scores.setdefault(_label(finding), [])
        if finding.score is not None:
            text.append(f"{finding.score:.2f}")
    names = []
    for label, text in list(scores.items())[:NAMED]:
        more = f" and {len(text) - SCORES:,} more" if len(text) > SCORES else ""
        names.append(
            Named(label=label, number=numbers.get(label), scores=" ".join(text[:SCORES]) + more)
        )
    return names
