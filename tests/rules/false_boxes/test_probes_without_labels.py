"""Probes with `unlabelled = true` in options that name probes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pytest_detgate.errors import ConfigError
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import judged, measured, split_tables

STREET = '[probes.street]\nimages = "street"\nunlabelled = true\n'
CALM = '[probes.calm]\nimages = "calm"\n'
RATE = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)'\nfps = 5\n"


def project(folder: Path, tables: str, *, frames: str = "") -> str:
    """A split of 20 images and two folders of images, all different."""
    for number, name in enumerate(("yard", "street", "calm")):
        (folder / name).mkdir()
        for n in range(20):
            color = (number * 80, n * 10, 0)
            Image.new("RGB", (100, 100), color).save(folder / name / f"{name}_{n}.png")
    boxes = {f"yard_{n}.png": [("helmet", 10, 10, 30, 30)] for n in range(20)}
    write_json(folder / "val.json", coco_content(boxes, ["helmet"]))
    return frames + split_tables(val="yard") + tables


def write_result(folder: Path, name: str, score: float) -> Path:
    path = folder / f"{name}-found.json"
    path.write_text(
        json.dumps(
            {
                "images": [{"id": n, "file_name": f"{name}_{n}.png"} for n in range(20)],
                "categories": [{"id": 1, "name": "helmet"}],
                "annotations": [
                    {"image_id": n, "category_id": 1, "bbox": [10, 10, 30, 30], "score": score}
                    for n in range(20)
                ],
            }
        )
    )
    return path


@pytest.mark.parametrize(("score", "verdict"), [(0.9, "passed"), (0.42, "failed")])
def test_drift_of_detections_needs_no_labels(tmp_path: Path, score: float, verdict: str) -> None:
    """All scores are in one bin each: of 0.9 and 0.9 the distance is 0, of 0.9 and 0.42 it is 1."""
    rule = '[rules.prediction-drift]\nbetween = ["val", "street"]\nmax = 0.2\n'
    files = {
        "val": write_result(tmp_path, "yard", 0.9),
        "street": write_result(tmp_path, "street", score),
    }

    result = judged(tmp_path, project(tmp_path, STREET + rule), files)[
        "prediction-drift[val-street]"
    ]

    assert result.verdict == verdict
    assert measured(result)["distance[score]"] == float(verdict == "failed")


def test_isolation_needs_no_labels(tmp_path: Path) -> None:
    rule = '[rules.probe-isolation]\nfrom = "val"\nprobes = ["street"]\nclips = false\n'
    config = project(tmp_path, STREET + rule)
    (tmp_path / "yard/yard_3.png").write_bytes((tmp_path / "street/street_5.png").read_bytes())

    result = judged(tmp_path, config)["probe-isolation[street]"]

    assert result.verdict == "failed"
    assert measured(result)["exact"] == 1


@pytest.mark.parametrize(
    ("rule", "location"),
    [
        ('[rules.lost-objects]\nmax = 0\nmax-new-false = 0\nprobes = ["street"]\n', "probes"),
        ('[rules.alarm-rate]\nmax-alarms = 0\non = ["street"]\n', "on"),
        (
            "[rules.alarm-rate]\nmax-alarms = 0\n[rules.alarm-rate.probes.street]\nmax-alarms = 1",
            "[rules.alarm-rate.probes] street",
        ),
        (
            "[rules.probe-fp]\nmax-boxes = 0\n[rules.probe-fp.probes.street]\nmax-boxes = 1\n",
            "[rules.probe-fp.probes] street",
        ),
        (
            "[rules.fp-regression]\nmax-growth-boxes = 0\n"
            "[rules.fp-regression.probes.street]\nmax-growth-boxes = 1\n",
            "[rules.fp-regression.probes] street",
        ),
        ('[rules.operating-point]\nmin-recall = 0.5\nmax-boxes = 1\ntune-on = "street"', "tune-on"),
        (
            '[rules.operating-point]\nmin-recall = 0.5\nmax-boxes = 1\ncheck-on = ["street"]',
            "check-on",
        ),
        ('[rules.robustness]\nmax-created = 3\non = ["street"]\n', "on"),
    ],
)
def test_labels_are_asked_for_where_they_are_needed(
    tmp_path: Path, rule: str, location: str
) -> None:
    config = project(tmp_path, CALM + STREET + rule, frames=RATE)

    with pytest.raises(ConfigError) as error:
        judged(tmp_path, config)

    reasons = [line for line in str(error.value).splitlines() if "street" in line]
    assert any(location in line and "probe 'street' is unlabelled" in line for line in reasons)
    assert "no probe" not in str(error.value)


@pytest.mark.parametrize("rule", ["probe-fp", "checkpoint-choice", "probe-isolation"])
def test_project_of_unlabelled_probes_alone(tmp_path: Path, rule: str) -> None:
    options = {"probe-fp": "max-boxes = 0\n", "probe-isolation": 'from = "val"\nclips = false\n'}
    config = project(tmp_path, f"{STREET}[rules.{rule}]\n{options.get(rule, '')}")

    with pytest.raises(ConfigError, match="probe 'street' is unlabelled"):
        judged(tmp_path, config)
