"""MR⁻², FROC and oLRP beside published code, where it is installed: MMDetection,
MONAI and vernier."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_detgate.scoring.metrics.field_metrics import Ranked
from pytest_detgate.testing import coco_content
from tests.judged import judged, measured, split_tables
from tests.needs import import_or_skip

CLASSES = ("helmet_off", "no_vest")


@pytest.mark.parametrize("seed", range(5))
def test_olrp_and_its_threshold_agree_with_vernier(tmp_path: Path, seed: int) -> None:
    instance = import_or_skip("vernier.instance")
    random = np.random.default_rng(seed)
    truth: dict[str, list[tuple[str, float, float, float, float]]] = {}
    results = []
    for number in range(40):
        boxes = truth[f"a_{number}.jpg"] = []
        for position in range(int(random.integers(0, 4))):
            kind = int(random.integers(0, 2))
            boxes.append((CLASSES[kind], 25.0 * position, 5, 20, 20))
            if random.random() < 0.8:
                box = [25.0 * position, 5, 20, float(random.uniform(8, 20))]
                results.append((number, kind, box, float(random.beta(4, 2))))
        for _ in range(int(random.poisson(1))):
            box = [float(random.uniform(0, 80)), 60, 15, 15]
            results.append((number, int(random.integers(0, 2)), box, float(random.beta(2, 4))))
    content = coco_content(truth, CLASSES)
    images = {image["file_name"]: image["id"] for image in content["images"]}
    ids = {category["name"]: category["id"] for category in content["categories"]}
    detections = [
        {
            "image_id": images[f"a_{number}.jpg"],
            "category_id": ids[CLASSES[kind]],
            "bbox": box,
            "score": score,
        }
        for number, kind, box, score in results
    ]
    (tmp_path / "val.json").write_text(json.dumps(content))
    (tmp_path / "found.json").write_text(json.dumps(detections))
    grid = sorted({entry["score"] for entry in detections})
    report = instance.optimal_lrp(
        (tmp_path / "val.json").read_bytes(),
        (tmp_path / "found.json").read_bytes(),
        iou=instance.Bbox(),
        tau_grid=grid,
    )
    config = split_tables(val="images") + "[rules.olrp]\nmax = 1.0\n"
    gate = judged(tmp_path, config, {"val": tmp_path / "found.json"})

    for entry in report.per_class:
        name = next(name for name, number in ids.items() if number == entry.category_id)
        values = measured(gate[f"olrp[{name}]"])
        assert values["olrp"] == pytest.approx(entry.olrp, abs=1e-6)
        assert values["best_threshold"] == pytest.approx(entry.tau, abs=1e-6)
        # vernier divides by 1 - 0.5, as in the paper's LRP itself.
        assert values["localisation"] / 0.5 == pytest.approx(entry.olrp_loc, abs=1e-6)
        assert values["false_share"] == pytest.approx(entry.olrp_fp, abs=1e-6)
        assert values["missed_share"] == pytest.approx(entry.olrp_fn, abs=1e-6)


def drawn(seed: int) -> Ranked:
    """200 detections with scores of their own on 97 images, of which no number of false boxes is
    exactly one of the points of the curve."""
    random = np.random.default_rng(seed)
    hit = np.sort(random.random(200)) < random.beta(3, 1, 200)
    return Ranked(
        score=np.linspace(0.99, 0.01, 200).astype(np.float64),
        image=random.integers(0, 97, 200),
        hit=hit,
        iou=np.where(hit, random.uniform(0.5, 1, 200), 0),
        last=np.arange(200),
        boxes=random.integers(0, 97, int(hit.sum()) + 20),
        is_found=np.arange(int(hit.sum()) + 20) < hit.sum(),
        images=97,
    )


@pytest.mark.parametrize("seed", range(5))
def test_miss_rate_agrees_with_mmdetection(seed: int) -> None:
    """Its points are rounded to four digits, and it takes the false box that reaches a point, which
    finds nothing more."""
    metrics = import_or_skip("mmdet.evaluation.metrics.crowdhuman_metric")
    result = drawn(seed)
    scores = [(None, int(hit)) for hit in result.hit]
    settings = SimpleNamespace(mr_ref="CALTECH_-2")
    expected = metrics.CrowdHumanMetric.eval_mr(settings, scores, len(result.boxes), result.images)

    assert 1 - result.counts().value("miss-rate")[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_froc_agrees_with_monai(seed: int) -> None:
    """It leaves out the lowest score, so a false box below all others is added."""
    froc = import_or_skip("monai.metrics.froc")
    result = drawn(seed)
    false = np.append(result.score[~result.hit], 0.001)
    rates, sensitivity = froc.compute_froc_curve_data(
        false, result.score[result.hit], len(result.boxes), result.images
    )
    points = (0.125, 0.25, 0.5, 1, 2, 4, 8)
    expected = froc.compute_froc_score(rates, sensitivity, points)

    assert result.counts().value("froc")[0] == pytest.approx(expected, abs=1e-6)
