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
    names: list[str]
    more: str


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
    findings: Sequence[Finding], folders: PictureFolders, budget: Budget
) -> Gallery | None:
    """Make the figures of one rule, the most telling first; None where no finding has an image."""
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
        picture = folders.picture(dataset, image)
        if picture.source is not None and not budget.spend(len(picture.source)):
            full = True
            break
        if picture.source is None and not boxed:
            unseen += 1  # neither a picture nor a box
            continue
        figures.append(_figure(dataset, image, group, picture, tones))
    reason = f" {unseen:,} cannot be shown." if unseen else ""
    if full:
        reason += f" The page's {number(budget.megabytes)} MB for pictures are used up."
    return Gallery(figures=figures, left_out=_left_out(len(images), len(figures), reason))


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
    drawn = [finding for finding in group if drawable(finding)]
    shown = drawn[:BOXES]
    boxes = [finding.box for finding in shown if finding.box is not None]
    width, height = picture.size or extent(boxes)
    view = view_of((width, height), boxes)
    names = [_name(finding) for finding in group]
    count = counted(len(drawn), "box") if drawn else counted(len(group), "finding")
    if len(shown) < len(drawn):
        count += f", the first {len(shown)} drawn"
    said = ", ".join(names[:NAMED])
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
        alt=f"{dataset}: {image}, {count}: {said}{' and more' if len(names) > NAMED else ''}",
        count=count,
        names=names[:NAMED],
        more=f"and {len(names) - NAMED:,} more" if len(names) > NAMED else "",
    )


def _problem(picture: Picture, drawn: list[Finding]) -> str:
    if picture.source is not None or not drawn:
        return picture.problem
    size = "" if picture.size else ", whose size is guessed from them"
    return f"{picture.problem} The boxes stand on a blank frame{size}."


def _name(finding: Finding) -> str:
    if not finding.label:
        return finding.text
    return finding.label if finding.score is None else f"{finding.label} {finding.score:.2f}"


def _left_out(images: int, shown: int, reason: str) -> str:
    if shown == images:
        return ""
    if shown == 0:
        return f"No picture of {counted(images, 'image')} is shown.{reason}"
    return f"Showing {shown:,} of {images:,} images.{reason}"
