"""Which objects one model finds and another misses, one by one, and which false boxes are new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.false_boxes import MATCH_IOU
from pytest_detgate.scoring.matching import AREAS, Matches, candidates_of, match
from pytest_detgate.scoring.score_card import threshold_number


@dataclass(frozen=True, slots=True, eq=False)
class ObjectChange:
    """The G objects of a split that are to be found, and which of two models finds each.

    `box` (G,) are their rows in the table of boxes, `image`, `category` and `area` (G,) theirs.
    `score` and `before` (G,) are the scores of the detections that find each one, of the gated
    model and of the baseline, NaN where none does at any score. `found_after` and `found_before`
    (G,) say whether that score is above the operating point of each.
    """

    classes: tuple[str, ...]
    box: NDArray[np.int64]
    image: NDArray[np.int64]
    category: NDArray[np.int64]
    area: NDArray[np.float64]
    score: NDArray[np.float64]
    before: NDArray[np.float64]
    found_after: NDArray[np.bool_]
    found_before: NDArray[np.bool_]

    @property
    def lost(self) -> NDArray[np.bool_]:
        """(G,) objects that the baseline finds and the gated model misses."""
        return self.found_before & ~self.found_after

    @property
    def gained(self) -> NDArray[np.bool_]:
        """(G,) objects that the baseline misses and the gated model finds."""
        return self.found_after & ~self.found_before

    def lost_first(self) -> NDArray[np.int64]:
        """The indices of lost objects, the one that the baseline was surest of first."""
        lost = np.flatnonzero(self.lost)
        surest: NDArray[np.int64] = np.lexsort((lost, -self.before[lost]))
        return lost[surest]

    def gained_first(self) -> NDArray[np.int64]:
        """The indices of gained objects, the one that the gated model is surest of first."""
        gained = np.flatnonzero(self.gained)
        surest: NDArray[np.int64] = np.lexsort((gained, -self.score[gained]))
        return gained[surest]

    def net_losses(self, units: Units) -> tuple[list[str], NDArray[np.float64]]:
        """Groups of objects by name, and the losses less the gains of each in each unit, (S,
        units): all objects, each class if there are several, each of COCO's ranges of size.
        Groups in which nothing changed are left out, except the first. Those that only gained
        stay: without them the test would not be exact."""
        names, rows = ["all objects"], []
        net = np.subtract(self.lost, self.gained, dtype=np.float64)
        unit = units.of_image[self.image]
        rows.append(np.bincount(unit, net, minlength=units.count))
        for name, inside in self._groups():
            if (net[inside] != 0).any():
                names.append(name)
                rows.append(np.bincount(unit, net * inside, minlength=units.count))
        return names, np.array(rows)

    def _groups(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        if len(self.classes) > 1:
            for number, name in enumerate(self.classes):
                yield name, self.category == number
        for size, (low, high) in AREAS.items():
            if size != "all":
                yield f"{size} objects", (self.area >= low) & (self.area <= high)


def object_change(
    matches: Matches, before: Matches, threshold: float, threshold_before: float
) -> ObjectChange:
    """Compare what two models find of the same split, IoU ≥ 0.5, one to one, score > threshold."""
    columns = matches.candidates.columns
    wanted = np.flatnonzero(~matches.gt_ignored)
    own, other = scores_of_boxes(matches)[wanted], scores_of_boxes(before)[wanted]
    return ObjectChange(
        classes=columns.classes,
        box=columns.gt_row[wanted],
        image=columns.gt_image[wanted],
        category=columns.gt_category[wanted],
        area=columns.gt_area[wanted],
        score=own,
        before=other,
        # NaN is above nothing.
        found_after=own > threshold,
        found_before=other > threshold_before,
    )


def scores_of_boxes(matches: Matches) -> NDArray[np.float64]:
    """(G,) the score of the detection that matches each box at IoU ≥ 0.5; NaN where none does."""
    number = threshold_number(MATCH_IOU)
    hits = np.flatnonzero(matches.hits(number))
    scores = np.full(len(matches.gt_ignored), np.nan)
    scores[matches.gt[number, hits]] = matches.candidates.score[hits]
    return scores


def new_boxes(
    detections: DetectionTable,
    rows: NDArray[np.int64],
    before: DetectionTable,
    rows_before: NDArray[np.int64],
    images: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of some boxes of one model the other does not have, and the reverse: rows of
    either table, in the order of `rows` and `rows_before`.

    Boxes of one image and class name are paired one to one at IoU ≥ 0.5, the best score first.
    """
    classes = tuple(dict.fromkeys((*detections.classes, *before.classes)))

    def category(table: DetectionTable, some: NDArray[np.int64]) -> NDArray[np.int64]:
        number = np.fromiter(map(classes.index, table.classes), dtype=np.int64)
        return number[table.category[some]]

    columns = Columns(
        classes=classes,
        image_order=np.arange(images),
        gt_row=rows_before,
        gt_image=before.image[rows_before],
        gt_category=category(before, rows_before),
        gt_xywh=before.xywh[rows_before],
        gt_area=geometry.area(before.xywh[rows_before]),
        gt_crowd=np.zeros(len(rows_before), dtype=np.bool_),
        dt_row=rows,
        dt_image=detections.image[rows],
        dt_category=category(detections, rows),
        dt_xywh=detections.xywh[rows],
        dt_score=detections.score[rows],
    )
    candidates = candidates_of(columns, thresholds=np.array([MATCH_IOU]))
    (partner,) = match(candidates).gt
    alone = np.zeros(len(rows), dtype=np.bool_)
    alone[candidates.detection[partner < 0]] = True
    gone = ~np.isin(np.arange(len(rows_before)), partner)
    return rows[alone], rows_before[gone]
