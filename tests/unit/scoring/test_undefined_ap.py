"""Where AP would mean nothing it is refused, and so is a difference between the engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import gap
from pytest_detgate.scoring.metrics import coco_evaluation
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from pytest_detgate.scoring.score_card import ScoreCard

XYWH = np.array([[10.0, 10.0, 20.0, 20.0], [50.0, 10.0, 20.0, 20.0]])
SPLIT = Dataset(
    name="val",
    images_dir=Path("images"),
    images=ImageTable(
        id=np.array([1]),
        file_name=np.array(["a.jpg"], dtype=object),
        width=np.array([100.0]),
        height=np.array([100.0]),
    ),
    boxes=BoxTable(
        id=np.array([4, 5]),
        image_id=np.array([1, 1]),
        category_id=np.array([1, 2]),
        image=np.array([0, 0]),
        category=np.array([0, 1]),
        xywh=XYWH,
        area=np.array([400.0, 400.0]),
        crowd=np.zeros(2, dtype=np.bool_),
    ),
    classes=("helmet", "vest"),
)
DETECTIONS = DetectionTable(
    classes=("helmet", "vest"),
    image=np.array([0, 0]),
    category=np.array([0, 1]),
    xywh=XYWH,
    score=np.array([0.9, 0.8]),
)
NONE = np.zeros(0, dtype=np.int64)


def aps(card: ScoreCard) -> list[float | None]:
    return [card.average_precision(category=row) for row in range(2)]


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools", "both"])
def test_boxes_that_are_all_found_have_an_ap_of_one(engine: Any) -> None:
    assert aps(evaluate(SPLIT, DETECTIONS, engine)) == pytest.approx([1.0, 1.0])


REFUSED: dict[str, tuple[Dataset, DetectionTable, str]] = {
    "two classes of one name": (
        replace(SPLIT, classes=("helmet", "helmet")),
        DETECTIONS,
        r"val has two categories named 'helmet'; AP by class is ambiguous",
    ),
    "a box that is not finite": (
        replace(SPLIT, boxes=replace(SPLIT.boxes, xywh=np.where(XYWH == 50, np.nan, XYWH))),
        DETECTIONS,
        r"annotation 5 has a box that is not finite: \[nan, 10\.0, 20\.0, 20\.0\]",
    ),
    "a box on an image of unknown size": (
        replace(
            SPLIT,
            images=replace(SPLIT.images, width=SPLIT.images.width * np.nan),
            boxes=replace(SPLIT.boxes, xywh=XYWH * np.nan),
        ),
        DETECTIONS,
        r"box that is not finite: the size of \S+ is not known; is it missing\?",
    ),
    "a class that the detector does not know": (
        SPLIT,
        replace(DETECTIONS, classes=("helmet", "vests")),
        r"class 'vest' of val is not a class of the detector; did you mean 'vests'\?",
    ),
    "an annotation of an unknown image": (
        replace(SPLIT, gaps=gap("unlisted-image", "annotations", ["7"], "annotations of no image")),
        DETECTIONS,
        r"1 annotation.* of no image, so AP would leave them out",
    ),
    "no detections": (
        SPLIT,
        replace(DETECTIONS, image=NONE, category=NONE, xywh=np.zeros((0, 4)), score=np.zeros(0)),
        r"no detections at all on val \(1 image\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_ap_that_would_mean_nothing_is_refused(name: str) -> None:
    dataset, detections, message = REFUSED[name]

    with pytest.raises(DataError, match=message):
        evaluate(dataset, detections)


def test_a_gap_of_classes_leaves_the_others_to_be_judged() -> None:
    """Which numbers may still be judged is decided by the gap, beside the rule."""
    helmets = replace(
        DETECTIONS,
        classes=("helmet",),
        image=np.array([0]),
        category=np.array([0]),
        xywh=XYWH[:1],
        score=np.array([0.9]),
        gaps=gap("classes-without-detections", "classes", ["vest"], "classes are left out"),
    )

    assert aps(evaluate(SPLIT, helmets)) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("changed", ["precision", "recall", "shape"])
def test_engines_that_differ_are_both_refused(
    changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = coco_evaluation._ENGINES["hotcoco"]

    def other(*arguments: Any) -> tuple[Any, Any]:
        precision, recall = (np.array(array) for array in ours(*arguments))
        if changed == "shape":
            return precision[:, :-1], recall
        (precision if changed == "precision" else recall).flat[0] -= 2**-52
        return precision, recall

    monkeypatch.setitem(coco_evaluation._ENGINES, "pycocotools", other)

    values = r"\(10, 101, 2, 4, 3\) values" if changed == "shape" else r"(1\.0|0\.9+8) against 0\.9"
    where = "precision" if changed == "shape" else changed
    with pytest.raises(DataError, match=f"differ in {where}: {values}.*; trust neither"):
        evaluate(SPLIT, DETECTIONS, "both")
