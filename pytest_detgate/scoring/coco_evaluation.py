"""COCO evaluation: hotcoco, with pycocotools as the reference, behind one function.

Both engines go quietly wrong on annotation id 0 and on ids used twice, so they are given ids of
our own: images 1…n in the order of the file's ids, which decides ties as pycocotools does on the
file itself; classes 1…k; annotations 1…m.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate import boxes as geometry
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.scoring.score_card import ScoreCard, class_scores

Engine = Literal["hotcoco", "pycocotools", "both"]


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Ground truth and detections with ids of our own, in file order."""

    images: int
    classes: int
    gt_image: NDArray[np.int64]
    gt_category: NDArray[np.int64]
    gt_xywh: NDArray[np.float64]
    gt_area: NDArray[np.float64]
    gt_crowd: NDArray[np.bool_]
    dt: NDArray[np.float64]
    """(n, 7) image, x, y, width, height, score, category."""


def evaluate(dataset: Dataset, detections: DetectionTable, engine: Engine = "hotcoco") -> ScoreCard:
    """Score the detections of a split by the COCO protocol for boxes.

    Classes are matched by name; detections of a class that the split does not know are left out.
    Raises `DataError` where a figure would mean nothing: no ground truth, no detections at all,
    a class that the detector does not know, boxes that are not finite; and, for "both",
    any difference between the engines.
    """
    columns = _columns(dataset, detections)
    arrays = [_ENGINES[name](columns) for name in _ENGINES if engine in (name, "both")]
    if engine == "both":
        _refuse_difference(*arrays)
    precision, recall = arrays[0]
    counted = columns.gt_category[~columns.gt_crowd]
    return ScoreCard(
        engine=engine,
        classes=class_scores(
            precision,
            dataset.classes,
            np.bincount(counted, minlength=columns.classes + 1)[1:].tolist(),
            np.bincount(columns.dt[:, 6].astype(int), minlength=columns.classes + 1)[1:].tolist(),
        ),
        precision=precision,
        recall=recall,
    )


def _columns(dataset: Dataset, detections: DetectionTable) -> _Columns:
    _refuse_undefined(dataset, detections)
    listed = (dataset.boxes.image != UNLISTED) & (dataset.boxes.category != UNLISTED)
    xywh = dataset.boxes.xywh[listed]
    area = dataset.boxes.area[listed]
    image_number = _numbers_in_id_order(dataset.images.id)
    to_split = np.array(
        [
            dataset.classes.index(name) + 1 if name in dataset.classes else 0
            for name in detections.classes
        ],
        dtype=np.int64,
    )
    category = to_split[detections.category]
    known = category > 0
    return _Columns(
        images=len(dataset.images),
        classes=len(dataset.classes),
        gt_image=image_number[dataset.boxes.image[listed]],
        gt_category=dataset.boxes.category[listed] + 1,
        gt_xywh=xywh,
        gt_area=np.where(np.isnan(area), geometry.area(xywh), area),
        gt_crowd=dataset.boxes.crowd[listed],
        dt=np.column_stack(
            [
                image_number[detections.image[known]],
                detections.xywh[known],
                detections.score[known],
                category[known],
            ]
        ).astype(np.float64),
    )


def _refuse_undefined(dataset: Dataset, detections: DetectionTable) -> None:
    name = dataset.name
    if not len(dataset.boxes):
        raise DataError(f"{name} has no ground-truth boxes, so AP is not defined on it")
    if len(set(dataset.classes)) < len(dataset.classes):
        twice = [c for at, c in enumerate(dataset.classes) if c in dataset.classes[:at]]
        raise DataError(f"{name} has two categories named {twice[0]!r}; AP by class is ambiguous")
    if not np.isfinite(dataset.boxes.xywh).all():
        bad = int(np.flatnonzero(~np.isfinite(dataset.boxes.xywh).all(axis=1))[0])
        raise DataError(
            f"{name}: annotation {dataset.boxes.id.tolist()[bad]!r} has a box that is not finite: "
            f"{dataset.boxes.xywh[bad].tolist()}"
        )
    for wanted in dataset.classes:
        if wanted not in detections.classes:
            raise DataError(
                f"class {wanted!r} of {name} is not a class of the detector"
                f"{nearest(wanted, detections.classes)} "
                f"(its classes: {', '.join(detections.classes)})"
            )
    if not len(detections):
        raise DataError(f"no detections at all on {name} ({len(dataset.images)} images)")


def _numbers_in_id_order(ids: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) the images numbered from 1 in the order of their ids."""
    key = ids if ids.dtype == np.int64 else np.array([str(value) for value in ids.tolist()])
    number = np.empty(len(ids), dtype=np.int64)
    number[np.argsort(key, kind="stable")] = np.arange(1, len(ids) + 1)
    return number


def _hotcoco(columns: _Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import hotcoco

    truth = hotcoco.COCO.from_arrays(
        [{"id": number} for number in range(1, columns.images + 1)],
        [{"id": number, "name": str(number)} for number in range(1, columns.classes + 1)],
        columns.gt_image,
        columns.gt_category,
        columns.gt_xywh,
        area=columns.gt_area,
        iscrowd=columns.gt_crowd,
    )
    evaluation: Any = hotcoco.COCOeval(truth, truth.load_res(columns.dt), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _pycocotools(columns: _Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = {
        "images": [{"id": number} for number in range(1, columns.images + 1)],
        "categories": [{"id": number} for number in range(1, columns.classes + 1)],
        "annotations": [
            {
                "id": at + 1,
                "image_id": int(columns.gt_image[at]),
                "category_id": int(columns.gt_category[at]),
                "bbox": columns.gt_xywh[at].tolist(),
                "area": float(columns.gt_area[at]),
                "iscrowd": int(columns.gt_crowd[at]),
            }
            for at in range(len(columns.gt_image))
        ],
    }
    results = [
        {
            "image_id": int(row[0]),
            "bbox": row[1:5],
            "score": row[5],
            "category_id": int(row[6]),
        }
        for row in columns.dt.tolist()
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


_ENGINES = {"hotcoco": _hotcoco, "pycocotools": _pycocotools}


def _refuse_difference(
    first: tuple[NDArray[np.float64], NDArray[np.float64]],
    second: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    for name, one, other in zip(("precision", "recall"), first, second, strict=True):
        if one.shape != other.shape or not np.array_equal(one, other):
            at = int(np.abs(one - other).argmax()) if one.shape == other.shape else 0
            raise DataError(
                f"hotcoco and pycocotools differ in {name}: {one.flat[at]!r} against "
                f"{other.flat[at]!r}; trust neither until it is known why"
            )
