"""`prediction-drift`: detections on a probe beside those of the validation split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

N = 20
RULE = '[rules.prediction-drift]\nbetween = ["val", "street"]\n'
CLASSES = ("helmet", "vest")
Detections = list[tuple[int, str, float]]
"""Detections: image from 0, class, score."""


def drift(folder: Path, val: Detections, street: Detections, options: str = "") -> RuleResult:
    """Judge detections on a labelled split and on a folder of images without labels."""
    names = {"val": [f"yard_{n}.jpg" for n in range(N)], "street": [f"r{n}.jpg" for n in range(N)]}
    content = coco_content({name: [("helmet", 10, 10, 30, 30)] for name in names["val"]}, CLASSES)
    write_json(folder / "val.json", content)
    (folder / "street").mkdir()
    for name in names["street"]:
        Image.new("RGB", (100, 100)).save(folder / "street" / name)
    files = {}
    for split, match in (("val", val), ("street", street)):
        files[split] = folder / f"{split}-found.json"
        document = {
            "images": [{"id": n, "file_name": name} for n, name in enumerate(names[split])],
            "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
            "annotations": [
                {
                    "image_id": image,
                    "category_id": CLASSES.index(name),
                    "bbox": [10, 10, 30, 30],
                    "score": score,
                }
                for image, name, score in match
            ],
        }
        files[split].write_text(json.dumps(document))
    config = split_tables(val=".") + '[probes.street]\nimages = "street"\n' + RULE + options
    return judged(folder, config, files)["prediction-drift[val-street]"]


VAL: Detections = [(n, "helmet", 0.52 + n / 50) for n in range(N)]


def test_the_same_detections_have_no_distance(tmp_path: Path) -> None:
    result = drift(tmp_path, VAL, VAL)

    assert result.verdict == "passed"
    assert {measured(result)[f"distance[{name}]"] for name in ("score", "class")} == {0}


def test_another_class_is_found_and_named(tmp_path: Path) -> None:
    """Half of the detections have another class: half of them would have to be in another bin."""
    street: Detections = [(n, CLASSES[n % 2], score) for n, _, score in VAL]

    result = drift(tmp_path, VAL, street)

    values = measured(result)
    assert values["distance[class]"] == pytest.approx(0.5)
    assert values["distance[score]"] == values["distance[boxes-per-image]"] == 0
    assert values["drifted"] == 1
    assert result.verdict == "failed"
    assert finding_lines(result)[0].endswith(
        "helmet: 100.0% of detections in val, 50.0% in street (class)"
    )


def test_lower_scores_are_found(tmp_path: Path) -> None:
    street: Detections = [(n, name, 0.31 + n / 1000) for n, name, _ in VAL]

    values = measured(drift(tmp_path, VAL, street))

    assert values["distance[score]"] == values["distance[highest-score]"] == 1
    assert values["distance[boxes-per-image]"] == 0


def test_boxes_an_image_by_hand(tmp_path: Path) -> None:
    """5 of 20 images have two more detections each."""
    street: Detections = [*VAL, *((n, "helmet", 0.6) for n in range(5)), *((0, "vest", 0.1),)]
    more: Detections = [(n, "helmet", 0.61) for n in range(5)]

    values = measured(drift(tmp_path, VAL, [*street, *more]))

    assert values["distance[boxes-per-image]"] == pytest.approx(5 / 20)


def test_little_that_chance_makes_does_not_fail(tmp_path: Path) -> None:
    """3 of 20: over the limit of 0.1, and 20 images make as much by chance."""
    street: Detections = [(n, CLASSES[n < 3], score) for n, _, score in VAL]

    result = drift(tmp_path, VAL, street)

    assert measured(result)["distance[class]"] == pytest.approx(0.15)
    assert result.verdict == "passed"
    assert "within chance: class" in result.message


def test_no_detections_are_not_evaluated(tmp_path: Path) -> None:
    result = drift(tmp_path, VAL, [(0, "helmet", 0.1)])

    assert result.verdict == "not-evaluated"
    assert "street has no detections with score > 0.3, so score cannot be compared" in (
        result.message
    )


def test_features_that_are_left_out(tmp_path: Path) -> None:
    options = "[rules.prediction-drift.features]\nscore = 1\nclass = 1\nhighest-score = 1\n"

    result = drift(tmp_path, VAL, [(0, "helmet", 0.1)], options)

    assert measured(result)["distance[boxes-per-image]"] == 1
    assert result.verdict == "failed"


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'street'"):
        drift(tmp_path, VAL, VAL, "").verdict and judged(
            tmp_path,
            split_tables(val=".")
            + '[probes.street]\nimages = "street"\n'
            + '[rules.prediction-drift]\nbetween = ["val", "stret"]\n',
        )
