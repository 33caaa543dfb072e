"""mAP, P, R and F1 beside numbers of the package `ultralytics`, kept in `ultralytics.json`.

The package is AGPL and no dependency: `benchmarks/ultralytics_numbers.py` says how the numbers were
made, and compares with the package itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.bounds.resampling import Resampling, image_units
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from pytest_detgate.scoring.metrics.ultralytics import (
    METRICS,
    UltralyticsScores,
    ultralytics_scores,
)

DOCUMENT: dict[str, Any] = json.loads(
    Path(__file__).with_name("ultralytics.json").read_text(encoding="utf-8")
)
RELEASES = ("8.3.0", "8.4.100", "8.4.190")
CASES = [
    (release, name)
    for release in RELEASES
    for name in DOCUMENT["sets"]
    # Which of two boxes that stand twice is found, older releases leave to an unstable sort.
    if release == RELEASES[-1] or not name.startswith("doubles")
]


def kept_set(name: str) -> tuple[Dataset, DetectionTable]:
    """One of the sets of the file."""
    first = DOCUMENT["sets"][name]
    boxes, result = (np.array(first[key]) for key in ("boxes", "detections"))
    return tables(first["images"], tuple(first["classes"]), boxes, result)


def tables(
    images: int, classes: tuple[str, ...], boxes: Any, results: Any
) -> tuple[Dataset, DetectionTable]:
    """Rows of (image, class, x, y, width, height, crowd) and (image, class, x, ..., score)."""
    ids = np.arange(1, images + 1)
    image, category = boxes[:, 0].astype(np.int64), boxes[:, 1].astype(np.int64)
    dataset = Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=ids,
            file_name=np.array([f"{number:03}.jpg" for number in ids], dtype=object),
            width=np.full(images, 300.0),
            height=np.full(images, 300.0),
        ),
        boxes=BoxTable(
            id=np.arange(len(boxes)),
            image_id=ids[image],
            category_id=category + 1,
            image=image,
            category=category,
            xywh=boxes[:, 2:6],
            area=boxes[:, 4] * boxes[:, 5],
            crowd=boxes[:, 6] > 0,
        ),
        classes=classes,
        category_id=tuple(range(1, len(classes) + 1)),
    )
    detections = DetectionTable(
        classes=classes,
        image=results[:, 0].astype(np.int64),
        category=results[:, 1].astype(np.int64),
        xywh=results[:, 2:6],
        score=results[:, 6],
    )
    return dataset, detections


def assert_same(scores: UltralyticsScores, numbers: dict[str, Any]) -> None:
    ours: dict[str, float | None] = {metric: scores.value(metric) for metric in METRICS}
    ours["score"] = scores.best_score
    assert ours == pytest.approx(numbers["all"], abs=1e-8)
    by_class = {
        name: {metric: scores.value(metric, number) for metric in METRICS}
        for number, name in enumerate(scores.names)
        if scores.value("mAP50", number) is not None
    }
    assert by_class.keys() == numbers["classes"].keys()
    for name, values in by_class.items():
        assert values == pytest.approx(numbers["classes"][name], abs=1e-8), name


@pytest.mark.parametrize(("release", "name"), CASES)
def test_numbers_of_the_package(release: str, name: str) -> None:
    scores = ultralytics_scores(*kept_set(name), release)

    assert scores.protocol == f"Ultralytics {release}"
    assert_same(scores, DOCUMENT["numbers"][release][name])


@pytest.mark.shared
@pytest.mark.parametrize("release", RELEASES)
def test_numbers_of_voc100(shared_data: Path, release: str) -> None:
    folder = shared_data / "formats-voc100"
    truth = folder / "gts" / "coco_format_v1" / "instances_default.json"
    dataset = read_coco(truth, folder / "images", "val")
    (result,) = (folder / "dets" / "coco_format").glob("*.json")

    scores = ultralytics_scores(dataset, read_results(result, dataset), release)

    assert_same(scores, DOCUMENT["numbers"][release]["formats-voc100"])


def test_the_newest_release_is_the_default() -> None:
    dataset, detections = kept_set("doubles 3")

    newest = ultralytics_scores(dataset, detections)

    assert newest.protocol == "Ultralytics 8.4.176 or later"
    assert_same(newest, DOCUMENT["numbers"]["8.4.190"]["doubles 3"])


ONE_BOX = np.array([[0, 0, 10, 10, 40, 40, 0]])


def test_a_flawless_detector_has_0_995() -> None:
    """The curve ends at (1, 0): half a step of a hundredth is lost."""
    result = np.array([[0, 0, 10, 10, 40, 40, 0.9]])

    scores = ultralytics_scores(*tables(1, ("a",), ONE_BOX, result))

    assert scores.value("mAP50") == pytest.approx(0.995)
    assert scores.value("mAP50-95") == pytest.approx(0.995)
    assert scores.value("P") == scores.value("R") == 1


def test_half_of_the_boxes_found_by_hand() -> None:
    """Precision is 1 up to recall 0.5, which belongs to what follows. Before 8.4.37 it falls from
    1 at 0.5 to 0 at 1 in a straight line."""
    boxes = np.array([[0, 0, 10, 10, 40, 40, 0], [0, 0, 100, 100, 40, 40, 0]])
    result = np.array([[0, 0, 10, 10, 40, 40, 0.9]])
    split = tables(1, ("a",), boxes, result)

    assert ultralytics_scores(*split).value("mAP50") == pytest.approx(0.495)
    assert ultralytics_scores(*split, "8.3.40").value("mAP50") == pytest.approx(0.5 + 0.25)


def test_detections_that_choose_one_box() -> None:
    """Both detections overlap the first box most; only newer releases give the second to one."""
    boxes = np.array([[0, 0, 0, 0, 100, 100, 0], [0, 0, 0, 20, 100, 100, 0]])
    result = np.array([[0, 0, 0, 0, 100, 100, 0.9], [0, 0, 0, 8, 100, 100, 0.8]])
    split = tables(1, ("a",), boxes, result)

    assert ultralytics_scores(*split).value("R") == 1
    assert ultralytics_scores(*split, "8.4.175").value("R") == pytest.approx(0.5)


def test_classes_without_truth_or_detections() -> None:
    """A class without ground truth has no part in the mean, one that is never found has 0."""
    boxes = np.array([[0, 0, 10, 10, 40, 40, 0], [0, 1, 100, 100, 40, 40, 0]])
    result = np.array([[0, 0, 10, 10, 40, 40, 0.9], [0, 2, 10, 10, 40, 40, 0.9]])

    scores = ultralytics_scores(*tables(1, ("a", "b", "c"), boxes, result))

    assert scores.value("mAP50") == pytest.approx(0.995 / 2)
    assert [scores.value("P", number) for number in range(3)] == [1, 0, None]


def test_crowd_regions_have_no_part() -> None:
    boxes = np.array([*ONE_BOX, [0, 0, 100, 100, 80, 80, 1]])
    result = np.array([[0, 0, 10, 10, 40, 40, 0.9], [0, 0, 100, 100, 80, 80, 0.95]])

    scores = ultralytics_scores(*tables(1, ("a",), boxes, result))

    # The better detection lies on the crowd region and is false: precision is 1 / 2.
    assert scores.value("mAP50") == pytest.approx(0.995 / 2)


def test_nothing_true_and_boxes_beyond_numbers() -> None:
    result = np.array([[0, 0, 200, 200, 5, 5, 0.9], [0, 0, 1e300, 10, 1e300, 40, 0.8]])

    scores = ultralytics_scores(*tables(1, ("a",), ONE_BOX, result))

    assert [scores.value(metric) for metric in METRICS] == [0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("metric", METRICS)
def test_an_image_drawn_twice_counts_twice(metric: Any) -> None:
    """A draw gives the numbers of a file in which the images stand as often as they were drawn."""
    dataset, detections = kept_set("random 0")
    scores = ultralytics_scores(dataset, detections)
    resampling = Resampling(image_units(len(dataset.images)), 3, seed=1)
    drawn = scores.replicates(resampling)

    weights = np.concatenate(list(resampling.weights()))
    expected = [
        ultralytics_scores(*repeated(dataset, detections, times)).value(metric)
        for times in weights.tolist()
    ]
    assert drawn.values_of(metric) == pytest.approx(expected, abs=1e-9)


def repeated(
    dataset: Dataset, detections: DetectionTable, times: list[int]
) -> tuple[Dataset, DetectionTable]:
    """The set in which each image stands so many times."""
    images = np.repeat(np.arange(len(times)), times)
    boxes, collected = [], []
    for number, image in enumerate(images.tolist()):
        for row in np.flatnonzero(dataset.boxes.image == image):
            crowd, xywh = dataset.boxes.crowd[row], dataset.boxes.xywh[row]
            boxes.append([number, dataset.boxes.category[row], *xywh, crowd])
        for row in np.flatnonzero(detections.image == image):
            xywh, score = detections.xywh[row], detections.score[row]
            collected.append([number, detections.category[row], *xywh, score])
    return tables(len(images), dataset.classes, np.array(boxes), np.array(collected))


def test_both_protocols_differ_on_the_same_detections() -> None:
    dataset, detections = kept_set("random 0")

    coco = evaluate(dataset, detections).value_of("AP50")
    own = ultralytics_scores(dataset, detections).value("mAP50")

    assert coco is not None
    assert own is not None
    assert coco != pytest.approx(own, abs=1e-4)
