"""The pictures of one rule: one figure for each image, with all its findings on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_detgate.audit.outlines import (
    TONES,
    Box,
    Outline,
    drawable,
    extent,
    font_size,
    outlines_of,
    view_of,
)
from pytest_detgate.audit.pictures import Picture, PictureFolders
from pytest_detgate.audit.words import counted, number
from pytest_detgate.findings import Finding

FIGURES = 24
# Without boxes a picture says less, so fewer are enough.
FIGURES_WITHOUT_BOXES = 6
BOXES = 200
NAMED = 6
SCORES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeup:
    """One small box enlarged: the square of the picture that `source` shows, and its box."""

    source: str
    view: Box
    box: Box
    tone: int
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A class on a picture and the scores of its boxes, highest first, cut off with a count."""

    label: str
    tone: int | None
    scores: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One picture with its boxes. `source` is None where the boxes stand on a blank frame."""

    dataset: str
    image: str
    source: str | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The figures of a rule and, in words, what was left out."""

    figures: list[Figure]
    left_out: str


class Budget:
    """How much room the page still has for pictures."""

    def __init__(self, megabytes: float) -> None:
        self.megabytes = megabytes
        self._left = megabytes * 1e6

    def spend(self, size: int) -> bool:
        """Take room for one picture; False, and nothing taken, where it does not fit."""
        if size > self._left:
            return False
        self._left -= size
        return True


def gallery_of(
    findings: Sequence[Finding], folders: PictureFolders, budget: Budget, *, capped: bool
) -> Gallery | None:
    """Make the figures of one rule, the most telling first; None where no finding has an image.

    `capped` says that the rule found more than these findings.
    """
    images = _by_image(findings)
    if not images:
        return None
    boxed = any(drawable(finding) for group in images.values() for finding in group)
    most = FIGURES if boxed else FIGURES_WITHOUT_BOXES
    labels = sorted({finding.label for finding in findings if finding.label})
    tones = {label: index % TONES for index, label in enumerate(labels)}
    figures: list[Figure] = []
    unseen, full = 0, False
    for (dataset, image), group in list(images.items())[:most]:
        boxes = [finding.box for finding in group if finding.box is not None]
        picture = folders.picture(dataset, image, boxes)
        if not budget.spend(picture.weight):
            full = True
            break
        if picture.source is None and not boxed:
            unseen += 1  # neither a picture nor a box
            continue
        figures.append(_figure(dataset, image, group, picture, tones))
    total = counted(len(images), "image") + (" that the record names" if capped else "")
    left_out = "" if len(figures) == len(images) else _left_out(total, len(figures), unseen)
    if full:
        left_out += f" The page's {number(budget.megabytes)} MB for pictures are used up."
    return Gallery(figures=figures, left_out=left_out)


def _by_image(findings: Sequence[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Group findings by image; the image with the highest score comes first."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=_score, reverse=True):
        if finding.dataset is not None and finding.image is not None:
            groups.setdefault((finding.dataset, finding.image), []).append(finding)
    return groups


def _score(finding: Finding) -> float:
    score = finding.score
    return -1.0 if score is None or not math.isfinite(score) else score


def _figure(
    dataset: str, image: str, group: list[Finding], picture: Picture, tones: dict[str, int]
) -> Figure:
    boxed = [finding for finding in group if finding.box is not None]
    drawn = [finding for finding in boxed if drawable(finding)]
    shown = drawn[:BOXES]
    boxes = [finding.box for finding in shown if finding.box is not None]
    width, height = picture.size or extent(boxes)
    view = view_of((width, height), boxes)
    count = counted(len(drawn), "box") if drawn else counted(len(group), "finding")
    if len(shown) < len(drawn):
        count += f", the first {len(shown)} drawn"
    return Figure(
        dataset=dataset,
        image=image,
        source=picture.source,
        problem=_problem(picture, drawn),
        width=width,
        height=height,
        view=view,
        font_size=font_size(view),
        outlines=outlines_of(shown, tones, view),
        alt=_alt(dataset, image, count, group),
        count=count,
        closeups=[
            _closeup(boxed[index], square, source, tones)
            for index, square, source in picture.closeups
        ],
        names=_names(group, tones),
    )


def _closeup(finding: Finding, square: Box, source: str, tones: dict[str, int]) -> Closeup:
    assert finding.box is not None
    return Closeup(
        source=source,
        view=square,
        box=finding.box,
        tone=tones.get(finding.label or "", 0),
        alt=f"Enlarged: {_name(finding)}",
    )


def _problem(picture: Picture, drawn: list[Finding]) -> str:
    if picture.source is not None or not drawn:
        return picture.problem
    size = "" if picture.size else ", whose size is guessed from them"
    return f"{picture.problem} The boxes stand on a blank frame{size}."


def _alt(dataset: str, image: str, count: str, group: list[Finding]) -> str:
    names = ", ".join(_name(finding) for finding in group[:NAMED])
    more = f" and {len(group) - NAMED:,} more" if len(group) > NAMED else ""
    return f"{dataset}: {image}, {count}: {names}{more}"


def _name(finding: Finding) -> str:
    if not finding.label:
        return finding.text
    return finding.label if finding.score is None else f"{finding.label} {finding.score:.2f}"


def _names(group: list[Finding], tones: dict[str, int]) -> list[Named]:
    """Say what is on a picture, by class; a finding without a class speaks for itself."""
    scores: dict[str, list[str]] = {}
    for finding in group:
        said = scores.setdefault(finding.label or finding.text, [])
        if finding.score is not None:
            said.append(f"{finding.score:.2f}")
    names = []
    for label, said in list(scores.items())[:NAMED]:
        more = f" and {len(said) - SCORES:,} more" if len(said) > SCORES else ""
        names.append(
            Named(label=label, tone=tones.get(label), scores=" ".join(said[:SCORES]) + more)
        )
    return names


def _left_out(total: str, shown: int, unseen: int) -> str:
    if shown:
        missing = f" {unseen:,} more cannot be shown." if unseen else ""
        return f"Showing {shown:,} of {total}.{missing}"
    tried = f": {unseen:,} tried, none can be shown" if unseen else ""
    return f"Pictures of {total} are not shown{tried}."
