"""Which items of `froc`, `miss-rate` and `olrp` may pass; see `split_rules`."""

from __future__ import annotations

import math

from tests.campaign.oracle.labels import Annotation
from tests.campaign.oracle.metrics import match, overlap
from tests.campaign.oracle.model_rules import (
    evaluated,
    found_of_class,
    of_class,
    require_draws,
    require_support,
    unless_bound,
)
from tests.campaign.oracle.reading import NotLookedAtError, number
from tests.campaign.oracle.result_rows import Detection
from tests.campaign.oracle.split_rules import Check, within
from tests.campaign.oracle.view import Table, View

_MISS_RATE_AT = tuple(10 ** (-2 + step / 4) for step in range(9))
_FROC_AT = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)


class _Class:
    """The matches of a class, and what stands at each score threshold."""

    def __init__(self, view: View, table: Table, name: str) -> None:
        truth, detections, self.images = evaluated(view)
        require_draws(view, table)
        own = of_class(name, truth)
        require_support(table, own)
        self.total = len([box for box in own if not box.crowd])
        if not self.total:
            raise NotLookedAtError(f"{name} has no objects")
        self.ranked: list[tuple[float, float | None]] = []
        """Score of each detection, and the IoU of a true one; None for a false one."""
        for row in range(self.images):
            pairs = match(_on(own, row), _found_on(found_of_class(name, detections), row), 0.5)
            for detection, annotation in pairs:
                if annotation is None:
                    self.ranked.append((detection.score, None))
                elif not annotation.crowd and annotation.box is not None:
                    self.ranked.append((detection.score, overlap(detection.box, annotation.box)))

    def points(self) -> list[tuple[int, list[float]]]:
        """The number of false boxes, and the IoU of the true ones, over each threshold; the
        highest threshold first, over which there is nothing."""
        made: list[tuple[int, list[float]]] = [(0, [])]
        for level in sorted({score for score, _ in self.ranked}, reverse=True):
            remaining = [iou for score, iou in self.ranked if score >= level]
            made.append((remaining.count(None), [iou for iou in remaining if iou is not None]))
        return made


def _on(truth: list[Annotation], row: int) -> list[Annotation]:
    return [truth_box for truth_box in truth if truth_box.image == row]


def _found_on(detections: list[Detection], row: int) -> list[Detection]:
    return [detection for detection in detections if detection.image == row]


def _limit(table: Table, key: str, name: str) -> Table:
    own = table.get("classes")
    limit = own.get(name) if isinstance(own, dict) else None
    return {key: table.get(key) if limit is None else limit}


def _froc(view: View, table: Table, label: str) -> bool | None:
    first = _Class(view, table, label)
    scans = first.images
    if table.get("per", "image") == "clip":
        clips = view.clips(view.evaluated, view.table("scoring").get("clip-field"))
        if None in clips:
            return None
        scans = len(set(clips))
    points = [(false / scans, len(true) / first.total) for false, true in first.points()]
    low = high = 0.0
    for rate in _FROC_AT:
        low += max(point for false, point in points if false <= rate + 1e-12)
        # On the way to the next point the curve may rise as far as that.
        edge = min((false for false, _ in points if false >= rate), default=points[-1][0])
        high += max(point for false, point in points if false <= max(edge, rate) + 1e-12)
    floor = _limit(table, "min", label)
    if not within(high / len(_FROC_AT), floor):
        return False
    return unless_bound(table, True) if within(low / len(_FROC_AT), floor) else None


def _miss_rate(view: View, table: Table, label: str) -> bool | None:
    first = _Class(view, table, label)
    points = [(false / first.images, 1 - len(true) / first.total) for false, true in first.points()]
    logs = []
    for rate in _MISS_RATE_AT:
        missed = [miss for false, miss in points if false <= rate + 1e-12][-1]
        logs.append(math.log(max(missed, 1e-10)))
    limits = _limit(table, "max", label)
    is_within = [] if limits["max"] is None else [within(math.exp(sum(logs) / 9), limits)]
    if table.get("max-fppi") is not None:
        over = view.threshold(table)
        false_boxes = sum(1 for score, iou in first.ranked if iou is None and score > over)
        is_within.append(false_boxes / first.images <= number(table["max-fppi"]) + 1e-9)
    return unless_bound(table, bool(is_within) and all(is_within))


def _olrp(view: View, table: Table, label: str) -> bool | None:
    first = _Class(view, table, label)
    errors = []
    for false, true in first.points():
        missed = first.total - len(true)
        away = sum((1 - iou) / 0.5 for iou in true)
        errors.append((away + false + missed) / (len(true) + false + missed))
    return unless_bound(table, within(min(errors), _limit(table, "max", label)))


def _weak_slices(view: View, table: Table, label: str) -> bool:
    """A slice needs 15 boxes in 4 clips in either half, and no project here has so many."""
    truth, _, images = evaluated(view)
    if len(truth) < 60 or images < 16:
        raise NotLookedAtError("no slice is large enough")
    return True


def _trivial_baseline(view: View, table: Table, label: str) -> bool | None:
    evaluated(view)
    return None if {"min-margin", "max"} & table.keys() else False


CLASS_RULES: dict[str, Check] = {"froc": _froc, "miss-rate": _miss_rate, "olrp": _olrp}
SINGLE_RULES: dict[str, Check] = {
    "weak-slices": _weak_slices,
    "trivial-baseline": _trivial_baseline,
}
CODES = frozenset((*CLASS_RULES, *SINGLE_RULES))
