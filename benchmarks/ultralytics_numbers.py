"""`[scoring] protocol = "ultralytics"` beside the package itself: every number, the largest
difference.

The package is AGPL: it is no dependency, and nothing of it is in this repository. Install it into
an environment of its own and run this there by hand, once for each release that matters:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install ultralytics==8.4.190 -e .
    /tmp/peer/bin/python benchmarks/ultralytics_numbers.py [DATA] [--sets 300]

DATA is a folder with `css-ppe`, `formats-voc100` and `eval-reference`; without it only random sets
are compared. `--write FILE` adds the numbers of this release to the reference data of
`tests/parity/test_ultralytics.py`. The package is asked as its validator asks it: boxes of one
image at a time to its matching, all of them to its metrics.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.metrics.ultralytics import METRICS, ultralytics_scores
from pytest_detgate.scoring.metrics.ultralytics_matching import definition_of

CLASSES = ("person", "cone", "helmet", "never there", "never found")
SMALL_SETS = 4
"""Random sets whose numbers are kept as reference data."""


class Set(NamedTuple):
    """Ground truth, detections, and where they come from."""

    name: str
    dataset: Dataset
    detections: DetectionTable


def main() -> None:
    arguments = _arguments()
    from ultralytics import __version__

    print(f"ultralytics {__version__}, {definition_of(__version__)}")
    kept: dict[str, Any] = {}
    worst: dict[str, float] = {}
    for one in _sets(arguments.data, arguments.sets):
        theirs = of_package(one)
        ours = of_ours(one, __version__)
        group = one.name.split(" ")[0]
        worst[group] = max(worst.get(group, 0.0), difference(theirs, ours))
        if group not in ("random", "doubles") or int(one.name.split(" ")[1]) < SMALL_SETS:
            kept[one.name] = theirs
            print(f"  {one.name}: {theirs['all']}")
    for group, largest in worst.items():
        print(f"{group}: largest difference {largest:.2g}")
    if arguments.write:
        _write(arguments.write, __version__, kept)


def difference(theirs: dict[str, Any], ours: dict[str, Any]) -> float:
    """The largest difference of any two numbers."""
    assert theirs["classes"].keys() == ours["classes"].keys()
    pairs = [(theirs["all"], ours["all"])]
    pairs += [(theirs["classes"][name], ours["classes"][name]) for name in theirs["classes"]]
    return max(abs(one[key] - other[key]) for one, other in pairs for key in one)


def of_ours(one: Set, version: str | None) -> dict[str, Any]:
    """The numbers of this project."""
    scores = ultralytics_scores(one.dataset, one.detections, version)
    return {
        "all": {
            **{metric: scores.value(metric) for metric in METRICS},
            "score": scores.best_score,
        },
        "classes": {
            name: {metric: scores.value(metric, number) for metric in METRICS}
            for number, name in enumerate(scores.names)
            if scores.value("P", number) is not None
        },
    }


def of_package(one: Set) -> dict[str, Any]:
    """The numbers of the package that is installed."""
    import torch
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils.metrics import Metric, ap_per_class, box_iou, smooth

    thresholds = torch.linspace(0.5, 0.95, 10)
    stub = SimpleNamespace(iouv=thresholds)
    columns = columns_of(one.dataset, one.detections)
    tp, conf, found_class, true_class = [], [], [], []
    for image in np.argsort(columns.image_order).tolist():
        truth = np.flatnonzero((columns.gt_image == image) & ~columns.gt_crowd)
        found = np.flatnonzero(columns.dt_image == image)
        found = found[np.argsort(-columns.dt_score[found], kind="stable")]
        classes = torch.tensor(columns.dt_category[found], dtype=torch.float32)
        true_classes = torch.tensor(columns.gt_category[truth], dtype=torch.float32)
        if len(truth) and len(found):
            overlap = box_iou(_corners(columns.gt_xywh[truth]), _corners(columns.dt_xywh[found]))
            matched = BaseValidator.match_predictions(stub, classes, true_classes, overlap)
            tp.append(matched.numpy())
        else:
            tp.append(np.zeros((len(found), len(thresholds)), dtype=bool))
        conf.append(columns.dt_score[found].astype(np.float32))
        found_class.append(classes.numpy())
        true_class.append(true_classes.numpy())
    results = ap_per_class(*map(np.concatenate, (tp, conf, found_class, true_class)))[2:]
    metric = Metric()
    metric.update(results)
    f1_curve, scores = results[7], results[8]
    best = float(scores[smooth(f1_curve.mean(0), 0.1).argmax()])
    precision, recall, map50, map50_95 = metric.mean_results()
    return {
        "all": {
            "mAP50-95": float(map50_95),
            "mAP50": float(map50),
            "mAP75": float(metric.map75),
            "P": float(precision),
            "R": float(recall),
            "F1": float(np.mean(metric.f1)),
            "score": best,
        },
        "classes": {
            columns.classes[number]: {
                "mAP50-95": float(metric.ap[row]),
                "mAP50": float(metric.ap50[row]),
                "mAP75": float(metric.all_ap[row, 5]),
                "P": float(metric.p[row]),
                "R": float(metric.r[row]),
                "F1": float(metric.f1[row]),
            }
            for row, number in enumerate(metric.ap_class_index.tolist())
        },
    }


def _corners(xywh: NDArray[np.float64]) -> Any:
    import torch

    corners = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    return torch.tensor(corners, dtype=torch.float32)


def _sets(data: Path | None, sets: int) -> Iterator[Set]:
    for seed in range(sets):
        yield random_set(seed)
    if data is None:
        return
    voc = data / "formats-voc100"
    truth = read_coco(voc / "gts/coco_format_v1/instances_default.json", voc / "images", "val")
    (found,) = (voc / "dets" / "coco_format").glob("*.json")
    yield Set("formats-voc100", truth, read_results(found, truth))
    reference = data / "eval-reference" / "coco-val2014-100"
    truth = read_coco(reference / "instances_val2014_100.json", reference, "val")
    found = reference / "instances_val2014_fakebbox100_results.json"
    yield Set("coco-val2014-100", truth, without_ties(read_results(found, truth)))
    for split in ("train", "valid", "test"):
        truth = read_coco(data / "css-ppe" / "coco" / f"all-{split}.json", data, split)
        for seed in range(3):
            yield Set(f"css-ppe {split} {seed}", truth, simulated(truth, seed))


def without_ties(found: DetectionTable) -> DetectionTable:
    """The detections with scores that differ: the package sorts equal ones in no fixed order."""
    order = np.argsort(-found.score, kind="stable")
    score = np.empty(len(order))
    score[order] = found.score[order] - np.arange(len(order)) * 1e-6
    return dataclasses.replace(found, score=np.maximum(score - score.min(), 0))


def random_set(seed: int) -> Set:
    """A small set; numbers are rounded, so that they can be kept as text. Odd seeds have whole
    pixels, with IoUs of exactly 0.5, and every fourth has boxes that stand twice. Of two boxes
    with the same IoU, releases before 8.4.176 take one by the order of an unstable sort."""
    random = np.random.default_rng(seed)
    images, n_boxes, n_found = 8 + seed % 20, 20 + seed % 60, 40 + 3 * (seed % 80)
    whole = seed % 2 == 1
    xywh = random.random((n_boxes, 4)) * [150, 150, 80, 80] + 8
    if whole:
        xywh = np.round(xywh / 10) * 10
    image = random.integers(0, max(images - 3, 1), n_boxes)
    category = random.integers(0, len(CLASSES) - 2, n_boxes)
    part = n_boxes // 6 if has_doubles(seed) else 0
    for column in (xywh, image, category):
        column[:part] = column[part : 2 * part]
    category[-1] = len(CLASSES) - 1
    source = random.integers(0, n_boxes, n_found)
    near = xywh[source] + random.normal(0, 1 + seed % 12, (n_found, 4))
    near = np.round(near / 5) * 5 if whole else near
    near[:, 2:] = np.maximum(near[:, 2:], 2)
    is_right = random.random(n_found) < 0.8
    where = np.where(is_right, image[source], random.integers(0, images, n_found))
    found_category = np.where(
        random.random(n_found) < 0.85, category[source], random.integers(0, 4, n_found)
    )
    found_category[found_category == len(CLASSES) - 1] = 0
    ids = np.arange(1, images + 1)
    xywh, near = np.round(xywh, 3), np.round(near, 3)
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
            id=np.arange(n_boxes),
            image_id=ids[image],
            category_id=category + 1,
            image=image,
            category=category,
            xywh=xywh,
            area=xywh[:, 2] * xywh[:, 3],
            crowd=random.random(n_boxes) < (0.1 if seed % 3 == 0 else 0.0),
        ),
        classes=CLASSES,
        category_id=tuple(range(1, len(CLASSES) + 1)),
    )
    score = random.permutation(100_000)[:n_found] / 100_000
    detections = DetectionTable(
        classes=CLASSES, image=where, category=found_category, xywh=near, score=score
    )
    return Set(f"{'doubles' if has_doubles(seed) else 'random'} {seed}", dataset, detections)


def has_doubles(seed: int) -> bool:
    return seed % 4 == 3


def simulated(truth: Dataset, seed: int) -> DetectionTable:
    """Detections of a fair detector: 80% of the boxes, a little beside them, and false ones."""
    random = np.random.default_rng(seed)
    rows = np.flatnonzero((truth.boxes.image != UNLISTED) & (random.random(len(truth.boxes)) < 0.8))
    xywh = truth.boxes.xywh[rows] * (1 + random.normal(0, 0.08, (len(rows), 4)))
    n_false = len(rows) * 2
    source = random.integers(0, len(truth.boxes), n_false)
    n = len(rows) + n_false
    quality = np.concatenate([random.beta(5, 2, len(rows)), random.beta(1, 6, n_false)])
    score = np.clip(quality, 0, 1) + random.permutation(n) * 1e-7
    return DetectionTable(
        classes=truth.classes,
        image=np.concatenate(
            [truth.boxes.image[rows], random.integers(0, len(truth.images), n_false)]
        ),
        category=np.concatenate([truth.boxes.category[rows], truth.boxes.category[source]]),
        xywh=np.round(np.concatenate([xywh, truth.boxes.xywh[source]]), 3),
        score=np.round(np.minimum(score, 1.0), 7),
    )


def _write(path: Path, version: str, kept: dict[str, Any]) -> None:
    document = json.loads(path.read_text()) if path.exists() else {"origin": "", "sets": {}}
    document["origin"] = (
        "Written by benchmarks/ultralytics_numbers.py: numbers of the package ultralytics in the "
        "releases named, of the boxes here (random) and of public data (others)"
    )
    for seed in range(SMALL_SETS):
        small = random_set(seed)
        document["sets"][small.name] = as_json(small)
    document.setdefault("numbers", {})[version] = {
        name: {
            "all": _rounded(one["all"]),
            "classes": {label: _rounded(values) for label, values in one["classes"].items()},
        }
        for name, one in kept.items()
        if not name.startswith("css-ppe")
    }
    path.write_text(json.dumps(document) + "\n")


def as_json(one: Set) -> dict[str, Any]:
    boxes, found = one.dataset.boxes, one.detections
    return {
        "images": len(one.dataset.images),
        "classes": list(one.dataset.classes),
        "boxes": [
            [*row, *xywh, crowd]
            for row, xywh, crowd in zip(
                zip(boxes.image.tolist(), boxes.category.tolist(), strict=True),
                boxes.xywh.tolist(),
                boxes.crowd.astype(int).tolist(),
                strict=True,
            )
        ],
        "detections": [
            [*row, *xywh, score]
            for row, xywh, score in zip(
                zip(found.image.tolist(), found.category.tolist(), strict=True),
                found.xywh.tolist(),
                found.score.tolist(),
                strict=True,
            )
        ],
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 9) for name, value in values.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
