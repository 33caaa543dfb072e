"""Error kinds and their cost against tidecv, and the counts against hotcoco.

tidecv imports the desktop build of OpenCV, which needs libraries of the system, so it is no
dependency of the tests: where it is not installed they skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.scoring.columns import Columns, columns_of
from pytest_detgate.scoring.matching import candidates_of, match
from pytest_detgate.scoring.metrics.error_kinds import KINDS, ErrorKind, Errors, errors_of
from tests.needs import import_or_skip
from tests.parity.detection_sets import CLASSES, detection_set
from tests.parity.hotcoco_evaluation import hotcoco_evaluation

SHORT: dict[ErrorKind, str] = {
    "background": "Bkg",
    "duplicate": "Dupe",
    "class": "Cls",
    "location": "Loc",
    "both": "Both",
    "miss": "Miss",
}
SETS: list[dict[str, Any]] = [
    {},
    {"digits": 1},
    {"detections": 3000, "images": 6, "digits": 2},  # far more than 100 on an image
    {"crowds": False},
]


def errors_in(columns: Columns) -> Errors:
    return errors_of(match(candidates_of(columns)))


def tide_run(columns: Columns) -> Any:
    """tidecv's run on the images in the order of their ids."""
    tidecv = import_or_skip("tidecv")
    truth, result = tidecv.Data("truth"), tidecv.Data("found")
    for image in np.argsort(columns.image_order).tolist():
        truth.add_image(image, str(image))
    for number, name in enumerate(columns.classes):
        truth.add_class(number, name)
    for row, (image, category) in enumerate(
        zip(columns.gt_image.tolist(), columns.gt_category.tolist(), strict=True)
    ):
        add = truth.add_ignore_region if columns.gt_crowd[row] else truth.add_ground_truth
        add(image, category, columns.gt_xywh[row].tolist())
    for row, (image, category) in enumerate(
        zip(columns.dt_image.tolist(), columns.dt_category.tolist(), strict=True)
    ):
        result.add_detection(
            image, category, float(columns.dt_score[row]), columns.dt_xywh[row].tolist()
        )
    return tidecv.TIDE().evaluate(truth, result, mode=tidecv.TIDE.BOX)


def class_ap(data: Any, n_classes: int) -> NDArray[np.float64]:
    """(K,) AP of each class in tidecv's data; NaN where there is no ground truth."""
    ap = np.full(n_classes, np.nan)
    for number, points in data.objs.items():
        if points.num_gt_positives:
            ap[number] = points.get_ap() / 100
    return ap


def assert_classes_equal(columns: Columns, ours: Errors, run: Any) -> None:
    """Counts, and AP of each class before and after, without any mean over classes."""
    by_kind = {kind.short_name: kind for kind in run.error_dict}
    n_classes = len(columns.classes)
    np.testing.assert_allclose(ours.ap, class_ap(run.ap_data, n_classes), atol=1e-9)
    for number, kind in enumerate(KINDS):
        theirs = run.error_dict[by_kind[SHORT[kind]]]
        classes = [(e.gt if kind == "miss" else e.pred)["class"] for e in theirs]
        assert ours.count[number].tolist() == np.bincount(classes, minlength=n_classes).tolist()
        mended = run.fix_errors(lambda error, kind=by_kind[SHORT[kind]]: isinstance(error, kind))
        np.testing.assert_allclose(ours.fixed_ap[number], class_ap(mended, n_classes), atol=1e-9)


@pytest.mark.parametrize("options", SETS)
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_tidecv(seed: int, options: dict[str, Any]) -> None:
    columns = columns_of(*detection_set(seed, **options))
    ours, run = errors_in(columns), tide_run(columns)

    counts = {kind.short_name: count for kind, count in run.count_errors().items()}
    costs = {kind.short_name: cost / 100 for kind, cost in run.fix_main_errors().items()}
    assert {SHORT[kind]: ours.total(kind) for kind in KINDS} == counts
    for kind in KINDS:
        assert ours.dap(kind) == pytest.approx(costs[SHORT[kind]], abs=1e-9)
    assert float(ours.ap.mean()) == pytest.approx(run.ap / 100, abs=1e-9)
    assert_classes_equal(columns, ours, run)


@pytest.mark.shared
def test_equal_to_tidecv_on_coco(shared_data: Path) -> None:
    """By class: ten of the 80 classes have no ground truth on these images, which tidecv counts
    into its mean."""
    folder = shared_data / "eval-reference" / "coco-val2014-100"
    dataset = read_coco(folder / "instances_val2014_100.json", folder, "val")
    detections = read_results(folder / "instances_val2014_fakebbox100_results.json", dataset)
    columns = columns_of(dataset, detections)

    assert_classes_equal(columns, errors_in(columns), tide_run(columns))


@pytest.mark.parametrize("seed", range(10))
def test_counts_equal_hotcoco(seed: int) -> None:
    """Without crowd regions, about which hotcoco and tidecv differ."""
    columns = columns_of(*detection_set(seed, crowds=False))

    ours = errors_in(columns)

    counts = hotcoco_evaluation(columns).tide_errors(pos_thr=0.5, bg_thr=0.1)["counts"]
    assert {SHORT[kind]: ours.total(kind) for kind in KINDS} == counts
    assert all(counts.values()), "the set has errors of every kind"
    assert len(columns.classes) == len(CLASSES)
