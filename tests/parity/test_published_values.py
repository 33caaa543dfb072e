"""The published COCO figures of real ground truth and detections, to their last digit."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.scoring.metrics.coco_evaluation import Engine, evaluate
from pytest_detgate.scoring.score_card import ScoreCard

pytestmark = pytest.mark.shared


def twelve(card: ScoreCard) -> list[float | None]:
    """The twelve figures in COCO's order."""
    return [
        card.average_precision(),
        card.average_precision(0.5),
        card.average_precision(0.75),
        *(card.average_precision(area=area) for area in ("small", "medium", "large")),
        *(card.average_recall(most) for most in (1, 10, 100)),
        *(card.average_recall(area=area) for area in ("small", "medium", "large")),
    ]


def score(truth: Path, results_path: Path, engine: Engine = "hotcoco") -> ScoreCard:
    dataset = read_coco(truth, truth.parent, "val")
    return evaluate(dataset, read_results(results_path, dataset), engine)


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools", "both"])
def test_coco_val2014_100(shared_data: Path, engine: Engine) -> None:
    folder = shared_data / "eval-reference" / "coco-val2014-100"

    card = score(
        folder / "instances_val2014_100.json",
        folder / "instances_val2014_fakebbox100_results.json",
        engine,
    )

    published = [
        *(0.504581, 0.696973, 0.572982, 0.585626, 0.519400, 0.501398),
        *(0.386813, 0.593680, 0.595353, 0.639811, 0.566421, 0.564291),
    ]
    assert [round(value or -1, 6) for value in twelve(card)] == published


def test_padilla_coco_wrapped_in_a_dictionary(shared_data: Path) -> None:
    folder = shared_data / "eval-reference" / "padilla-coco"

    card = score(folder / "sampled_gts_bbox_area.json", folder / "sampled_bbox_results.json")

    published = [
        *(0.503647, 0.696973, 0.571667, 0.593252, 0.557991, 0.489363),
        *(0.386813, 0.593680, 0.595353, 0.654764, 0.603130, 0.553744),
    ]
    assert [round(value or -1, 6) for value in twelve(card)] == published


def test_faster_coco_eval_with_an_undefined_figure(shared_data: Path) -> None:
    folder = shared_data / "eval-reference" / "faster-coco-eval"

    values = twelve(score(folder / "gt_dataset.json", folder / "dt_dataset.json"))

    assert [round(value or -1, 6) for value in values[:3]] == [0.694719] * 3
    assert values[3] is None
    assert [round(value or -1, 6) for value in values[6:9]] == [0.666667, 0.75, 0.75]


@pytest.mark.parametrize("truth", ["coco_format_v1", "coco_format_v2"])
def test_voc100_categories_are_matched_by_name(shared_data: Path, truth: str) -> None:
    folder = shared_data / "formats-voc100"
    file = next((folder / "gts" / truth).glob("*.json"))

    card = score(file, folder / "dets" / "coco_format" / "coco_dets.json")

    assert (round(card.value_of("AP50") or -1, 5), round(card.value_of("AP") or -1, 5)) == (
        0.61003,
        0.34696,
    )


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_tiny_coco_equals_pycocotools_on_the_file_itself(
    shared_data: Path, tmp_path: Path, split: str
) -> None:
    """Detections made from the ground truth by shifting, dropping and doubling boxes."""
    file = shared_data / "tiny-coco" / "annotations" / f"instances_{split}.json"
    results_path = tmp_path / "found.json"
    results_path.write_text(json.dumps(disturbed(json.loads(file.read_text()))))

    assert_equal_to_pycocotools(file, results_path)


@pytest.mark.parametrize("name", ["violations-valid", "all-test", "violations-only-train"])
def test_css_ppe_equals_pycocotools_on_the_file_itself(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    file = shared_data / "css-ppe" / "coco" / f"{name}.json"
    results_path = tmp_path / "found.json"
    results_path.write_text(json.dumps(disturbed(json.loads(file.read_text()))))

    assert_equal_to_pycocotools(file, results_path)


def disturbed(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """Imperfect detections with many ties in score."""
    random = np.random.default_rng(7)
    collected = []
    images = [image["id"] for image in truth["images"]]
    categories = [category["id"] for category in truth["categories"]]
    for annotation in truth["annotations"]:
        for _ in range(random.integers(0, 3)):
            shift = random.normal(0, 0.1, 4) * np.tile(annotation["bbox"][2:], 2)
            wrong_class = random.random() < 0.1
            collected.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": int(random.choice(categories))
                    if wrong_class
                    else annotation["category_id"],
                    "bbox": (np.array(annotation["bbox"]) + shift).tolist(),
                    "score": round(float(random.random()), 1),
                }
            )
    for image in images:
        x, y, w, h = (random.random(4) * 80 + 1).tolist()
        collected.append(
            {
                "image_id": image,
                "category_id": int(random.choice(categories)),
                "bbox": [x, y, w, h],
                "score": round(float(random.random()), 1),
            }
        )
    return collected


def assert_equal_to_pycocotools(truth: Path, results_path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = COCO(str(truth))
        evaluation = COCOeval(ground_truth, ground_truth.loadRes(str(results_path)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = twelve(score(truth, results_path))

    reference = [None if value == -1 else value for value in evaluation.stats.tolist()]
    assert ours == pytest.approx(reference, abs=1e-12)
