"""`[scoring] protocol = "ultralytics"`: limits of a training log, named on every line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.judged import judged, measured, split_tables

PROTOCOL = '[scoring]\nprotocol = "ultralytics"\n'
IMAGES = 8


def write_split(folder: Path, hits: int = IMAGES // 2) -> dict[str, Path]:
    """Eight images with one box each, the first of them found, all with one score."""
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 100}
        for n in range(1, IMAGES + 1)
    ]
    boxes = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [10, 10, 40, 40], "area": 1600}
        for n in range(1, IMAGES + 1)
    ]
    truth = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "helmet"}],
    }
    (folder / "val.json").write_text(json.dumps(truth))
    results = [
        {"image_id": n, "category_id": 1, "bbox": [10, 10, 40, 40], "score": 0.8 - n / 100}
        for n in range(1, hits + 1)
    ]
    (folder / "found.json").write_text(json.dumps(results))
    return {"val": folder / "found.json"}


def results(folder: Path, rules: str, scoring: str = PROTOCOL) -> dict[str, RuleResult]:
    return judged(folder, split_tables(val=".") + scoring + rules, write_split(folder))


def test_map_with_its_protocol_and_all_numbers(tmp_path: Path) -> None:
    """Half of the boxes found and none false: precision 1 below recall 0.5, 0 from there on."""
    result = results(tmp_path, "[rules.mean-ap]\nmin = 0.4\n")["mean-ap"]

    assert result.verdict == "passed"
    values = measured(result)
    assert values["map50_95"] == pytest.approx(0.495)
    assert values["map50"] == values["map75"] == values["map50_95"]
    assert values["precision"] == 1
    assert values["recall"] == pytest.approx(0.5)
    assert values["f1"] == pytest.approx(2 / 3)
    assert values["best_f1_score"] < 0.8 - 0.04
    assert result.message.startswith(
        "mAP50-95 0.495 on val, floor 0.4 (Ultralytics 8.4.176 or later); 95% bounds"
    )
    assert "; mAP50 0.495, mAP75 0.495, P 1.000, R 0.500, F1 0.667 at score" in result.message


def test_quantiles_of_a_perfect_model_are_its_value(tmp_path: Path) -> None:
    """Each image drawn again has its box found, so that `percentile` leaves nothing open."""
    rule = "[rules.mean-ap]\nmin = 0.4\n"
    tables, files = split_tables(val="."), write_split(tmp_path, IMAGES)
    bounds = []
    for scoring in (PROTOCOL + 'interval = "percentile"\n', PROTOCOL):
        result = judged(tmp_path, tables + scoring + rule, files)["mean-ap"]
        interval = result.measurements[0].interval
        assert interval is not None
        bounds.append((interval.low, interval.high))

    assert bounds[0] == pytest.approx((0.995, 0.995))
    assert bounds[1][0] < 0.9


def test_the_release_of_the_log_decides(tmp_path: Path) -> None:
    scoring = PROTOCOL + 'ultralytics-version = "8.3.40"\n'

    result = results(tmp_path, '[rules.mean-ap]\nmetric = "mAP50"\nmin = 0.7\n', scoring)["mean-ap"]

    assert "mAP50 0.750 on val, floor 0.7 (Ultralytics 8.3.40)" in result.message


@pytest.mark.parametrize(
    ("metric", "floor", "name"),
    [("P", 0.9, "precision"), ("R", 0.45, "recall"), ("F1", 0.6, "f1"), ("AP50", 0.4, "map50")],
)
def test_each_metric_may_have_a_floor(tmp_path: Path, metric: str, floor: float, name: str) -> None:
    rules = f'[rules.mean-ap]\nmetric = "{metric}"\nmin = {floor}\n'

    (first, *_) = results(tmp_path, rules)["mean-ap"].measurements

    assert (first.name, first.limit, first.passed) == (name, floor, True)
    assert first.interval is not None
    assert first.interval.low <= first.value <= first.interval.high


def test_a_lower_bound_fails_what_few_images_show(tmp_path: Path) -> None:
    rules = '[rules.mean-ap]\nmetric = "P"\nmin = 0.9\nbound = "lower"\n'

    result = results(tmp_path, rules)["mean-ap"]

    assert result.verdict == "failed"


def test_class_ap_is_named_too(tmp_path: Path) -> None:
    result = results(tmp_path, "[rules.class-ap]\nmin = 0.4\n")["class-ap[helmet]"]

    assert measured(result)["map50_95"] == pytest.approx(0.495)
    assert "helmet: mAP50-95 0.495 on val" in result.message
    assert "(Ultralytics 8.4.176 or later)" in result.message


def test_other_rules_name_the_protocol_of_coco(tmp_path: Path) -> None:
    rules = "[rules.size-ap]\nmedium = 0.1\n[rules.mean-ap]\nmin = 0.1\n"

    assert "(COCO bbox)" in results(tmp_path, rules)["size-ap[medium]"].message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[rules.mean-ap]\nmin = 0.5\nmetric = "P"\n',
            'P is a metric of Ultralytics: set [scoring] protocol = "ultralytics"',
        ),
        (
            '[rules.class-ap]\nmin = 0.5\nmetric = "mAP50"\n',
            'set [scoring] protocol = "ultralytics", or write AP50 for the metric of COCO',
        ),
        (
            PROTOCOL + '[rules.mean-ap]\nmin = 0.5\nmetric = "AR10"\n',
            "Ultralytics has no AR10; its metrics are mAP50-95, mAP50, mAP75, P, R, F1",
        ),
        (
            '[scoring]\nultralytics-version = "8.3.0"\n[rules.mean-ap]\nmin = 0.5\n',
            'only applies to protocol = "ultralytics"',
        ),
        (
            PROTOCOL + 'ultralytics-version = "8.4"\n[rules.mean-ap]\nmin = 0.5\n',
            "ultralytics-version",
        ),
        ('[scoring]\nprotocol = "ultralytic"\n[rules.mean-ap]\nmin = 0.5\n', "ultralytics"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        judged(tmp_path, split_tables(val=".") + text, write_split(tmp_path))

    assert message in str(refusal.value)


def test_no_detections_are_not_evaluated(tmp_path: Path) -> None:
    actual = write_split(tmp_path, hits=0)

    result = judged(
        tmp_path, split_tables(val=".") + PROTOCOL + "[rules.mean-ap]\nmin = 0.1\n", actual
    )["mean-ap"]

    assert result.verdict == "not-evaluated"
