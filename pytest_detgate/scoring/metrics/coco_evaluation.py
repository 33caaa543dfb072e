"""COCO evaluation: hotcoco, with pycocotools as the reference, behind one function.

Both engines go quietly wrong on annotation id 0 and on ids used twice, so they are given ids of
our own: images 1…n in the order of the file's ids, which decides ties as pycocotools does on the
file itself; classes 1…k; annotations 1…m.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.ids import shown_id
from pytest_detgate.dataset.tables import UNLISTED, Dataset, DetectionTable
from pytest_detgate.errors import DataError, nearest
from pytest_detgate.gaps import UNREFERENCED
from pytest_detgate.scoring.columns import Columns, columns_of
from pytest_detgate.scoring.score_card import (
    MAX_DETECTIONS,
    ScoreCard,
    class_scores,
    limits_of,
)

Engine = Literal["hotcoco", "pycocotools", "both"]


def evaluate(
    dataset: Dataset,
    detections: DetectionTable,
    engine: Engine = "hotcoco",
    max_detections: int = MAX_DETECTIONS,
) -> ScoreCard:
    """Score the detections of a split by the COCO protocol for boxes.

    AP looks at the `max_detections` best detections of each image and class, 100 or more.

    Classes are matched by name; detections of a class that the split does not know are left out.
    Raises `DataError` where a metric would mean nothing: no ground truth, ground truth of an image
    or class that is not listed, no detections at all, a class that the detector does not know,
    boxes that are not finite; and, for "both", any difference between the engines.
    """
    refuse_undefined(dataset, detections)
    columns = columns_of(dataset, detections)
    limits = limits_of(max_detections)
    arrays = [_ENGINES[name](columns, limits) for name in _ENGINES if engine in (name, "both")]
    if engine == "both":
        _refuse_difference(*arrays)
    precision, recall = arrays[0]
    return ScoreCard(
        engine=engine,
        classes=class_scores(
            precision,
            dataset.classes,
            columns.boxes_of_classes().tolist(),
            columns.detections_of_classes().tolist(),
        ),
        precision=precision,
        recall=recall,
        max_detections=max_detections,
        uncounted=columns.beyond(max_detections),
    )


def refuse_undefined(dataset: Dataset, detections: DetectionTable) -> None:
    """Raise `DataError` where no metric of COCO would mean anything."""
    name = dataset.name
    if not len(dataset.boxes):
        raise DataError(f"{name} has no ground-truth boxes, so AP is not defined on it")
    dropped = [gap.text for gap in dataset.gaps if gap.kind in UNREFERENCED]
    if dropped:
        raise DataError(f"{name}: {'; '.join(dropped)}, so AP would leave them out")
    if len(set(dataset.classes)) < len(dataset.classes):
        twice = [c for index, c in enumerate(dataset.classes) if c in dataset.classes[:index]]
        raise DataError(f"{name} has two categories named {twice[0]!r}; AP by class is ambiguous")
    if not np.isfinite(dataset.boxes.xywh).all():
        raise DataError(f"{name}: {_not_finite(dataset)}")
    # A result file that leaves out a class has a gap, which decides what may still be judged.
    known = any(gap.kind == "classes-without-detections" for gap in detections.gaps)
    for wanted in () if known else dataset.classes:
        if wanted not in detections.classes:
            raise DataError(
                f"class {wanted!r} of {name} is not a class of the detector"
                f"{nearest(wanted, detections.classes)} "
                f"(its classes: {', '.join(detections.classes)})"
            )
    if not len(detections):
        raise DataError(f"no detections at all on {name} ({counted(len(dataset.images), 'image')})")


def _not_finite(dataset: Dataset) -> str:
    """What is wrong with the first box that is not finite."""
    boxes, images = dataset.boxes, dataset.images
    row = int(np.flatnonzero(~np.isfinite(boxes.xywh).all(axis=1))[0])
    text = f"annotation {shown_id(boxes.id, row)} has a box that is not finite: "
    image = int(boxes.image[row])
    if image != UNLISTED and np.isnan([images.width[image], images.height[image]]).any():
        return text + f"the size of {images.file_name[image]} is not known; is it missing?"
    return text + f"{boxes.xywh[row].tolist()}"


def _hotcoco(
    columns: Columns, limits: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import hotcoco

    truth = hotcoco.COCO.from_arrays(
        [{"id": number} for number in range(1, columns.n_images + 1)],
        [{"id": number + 1, "name": str(number)} for number in range(len(columns.classes))],
        columns.image_order[columns.gt_image] + 1,
        columns.gt_category + 1,
        columns.gt_xywh,
        area=columns.gt_area,
        iscrowd=columns.gt_crowd,
    )
    evaluation: Any = hotcoco.COCOeval(truth, truth.load_res(_results(columns)), "bbox")
    parameters = evaluation.params
    parameters.max_dets = list(limits)
    evaluation.params = parameters
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _pycocotools(
    columns: Columns, limits: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = {
        "images": [{"id": number} for number in range(1, columns.n_images + 1)],
        "categories": [{"id": number + 1} for number in range(len(columns.classes))],
        "annotations": [
            {
                "id": row + 1,
                "image_id": int(columns.image_order[columns.gt_image[row]]) + 1,
                "category_id": int(columns.gt_category[row]) + 1,
                "bbox": columns.gt_xywh[row].tolist(),
                "area": float(columns.gt_area[row]),
                "iscrowd": int(columns.gt_crowd[row]),
            }
            for row in range(len(columns.gt_row))
        ],
    }
    results = [
        {
            "image_id": int(row[0]),
            "bbox": row[1:5],
            "score": row[5],
            "category_id": int(row[6]),
        }
        for row in _results(columns).tolist()
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.maxDets = list(limits)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _results(columns: Columns) -> NDArray[np.float64]:
    """(D, 7) image, x, y, width, height, score, category."""
    results: NDArray[np.float64] = np.column_stack(
        [
            columns.image_order[columns.dt_image] + 1,
            columns.dt_xywh,
            columns.dt_score,
            columns.dt_category + 1,
        ]
    )
    return results


_ENGINES = {"hotcoco": _hotcoco, "pycocotools": _pycocotools}


def _refuse_difference(
    first: tuple[NDArray[np.float64], NDArray[np.float64]],
    second: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    for name, left, right in zip(("precision", "recall"), first, second, strict=True):
        if left.shape != right.shape:
            values = f"{left.shape} values against {right.shape}"
        elif not np.array_equal(left, right):
            index = int(np.abs(left - right).argmax())
            values = f"{float(left.flat[index])!r} against {float(right.flat[index])!r}"
        else:
            continue
        raise DataError(
            f"hotcoco and pycocotools differ in {name}: {values}; trust neither until it is known "
            "why"
        )
