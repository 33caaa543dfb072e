"""Result files in a wrong form are not evaluated, and the reason says how to write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.inputs.detections.sources import DetectionSource
from pytest_detgate.record.report import RuleResult
from tests.judged import judged, measured

VAL = '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
CALM = '[probes.calm]\nsplit = "val"\nempty = true\n'
RULES = "[rules.mean-ap]\nmin = 0.1\n[rules.probe-fp]\nmax-boxes = 99\n"
BOXES = [(8 + 9 * n, 60 - 5 * n, 20 + n, 30 - n) for n in range(10)]

Row = dict[str, Any]


def rows(score: float = 0.9) -> list[Row]:
    """A detection on the object of each of ten images, and a false one on each of two others."""
    return [
        {"image_id": n + 1, "category_id": 1, "bbox": list(box), "score": score}
        for n, box in enumerate([*BOXES, (5, 5, 9, 9), (5, 5, 9, 9)])
    ]


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[list[Row]], dict[str, RuleResult]]:
    images = [
        {"id": n + 1, "file_name": f"{n}.jpg", "width": 160, "height": 120} for n in range(12)
    ]
    truth = [
        {"id": n + 1, "image_id": n + 1, "category_id": 1, "bbox": list(box)}
        for n, box in enumerate(BOXES)
    ]
    content = {"images": images, "annotations": truth, "categories": [{"id": 1, "name": "helmet"}]}
    (tmp_path / "val.json").write_text(json.dumps(content))

    def run(detections: list[Row], config: str = VAL + CALM + RULES) -> dict[str, RuleResult]:
        path = tmp_path / "found.json"
        path.write_text(json.dumps(detections))
        return judged(tmp_path, config, {"val": path})

    return run


def with_box(write: Callable[[list[float]], list[float]]) -> list[Row]:
    return [{**row, "bbox": write(row["bbox"])} for row in rows()]


def test_items_of_the_split_and_its_probe_say_the_form(
    gate: Callable[..., dict[str, RuleResult]],
) -> None:
    right = gate(rows())
    wrong = gate(with_box(lambda box: [*box[:2], box[0] + box[2], box[1] + box[3]]))
    probe_only = gate(
        with_box(lambda box: [*box[:2], box[0] + box[2], box[1] + box[3]]),
        VAL + CALM + "[rules.probe-fp]\nmax-boxes = 99\n",
    )

    assert {item: result.verdict for item, result in right.items()} == {
        "mean-ap": "passed",
        "probe-fp[calm]": "passed",
    }
    assert measured(right["probe-fp[calm]"])["boxes"] == 2
    for result in (*wrong.values(), *probe_only.values()):
        assert result.verdict == "not-evaluated"
        assert result.message.startswith(
            "the detections of val are not usable: the boxes look like corners [x1, y1, x2, y2]: "
            "mean best IoU 1.00 in that form against 0."
        )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: {**row, "score": "0.9"}, "expected a number, found the text '0.9'"),
        (lambda row: {**row, "score": 93.5}, "they look like per cent: divide by 100"),
        (lambda row: {**row, "score": -1.5}, "they look like logits"),
        (
            lambda row: {**row, "bbox": [*row["bbox"][:2], -5, -5]},
            "negative width or height: a box is [x, y, width, height]",
        ),
        (
            lambda row: {**row, "bbox": [value / 160 for value in row["bbox"]]},
            "the boxes look like [x, y, width, height] in",
        ),
    ],
)
def test_reason_says_how_it_should_be_written(
    gate: Callable[..., dict[str, RuleResult]], change: Callable[[Row], Row], reason: str
) -> None:
    for result in gate([change(row) for row in rows()]).values():
        assert result.verdict == "not-evaluated"
        assert reason in result.message


def test_file_that_is_written_twice_is_not_evaluated(
    gate: Callable[..., dict[str, RuleResult]],
) -> None:
    result = gate([*rows(), *rows()])["mean-ap"]

    assert result.verdict == "not-evaluated"
    assert "12 of 24 detections repeat another one exactly" in result.message


class _InCentres(DetectionSource):
    """A model whose boxes are centres and sizes."""

    def detections(self, dataset: Dataset) -> DetectionTable:
        boxes = dataset.boxes
        xywh = boxes.xywh + np.column_stack([boxes.xywh[:, 2:] / 2, 0 * boxes.xywh[:, 2:]])
        return DetectionTable(
            classes=dataset.classes,
            image=boxes.image.copy(),
            category=boxes.category.copy(),
            xywh=xywh,
            score=np.full(len(boxes), 0.9),
        )

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        return dataset.classes


def test_detections_of_a_model_are_tried_in_the_same_way(
    tmp_path: Path, gate: Callable[..., dict[str, RuleResult]]
) -> None:
    gate(rows())

    (result,) = judged(
        tmp_path, VAL + "[rules.mean-ap]\nmin = 0\n", lambda _: _InCentres()
    ).values()

    assert result.verdict == "not-evaluated"
    assert "the boxes look like centres [cx, cy, width, height]" in result.message
