"""A split whose only boxes are crowd regions has nothing to find: no rule passes on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.content import write_json
from tests.judged import judged, split_tables

CROWDS = {
    "images": [
        {"id": number, "file_name": f"{number}.jpg", "width": 100, "height": 100}
        for number in range(3)
    ],
    "categories": [{"id": 1, "name": "helmet"}],
    "annotations": [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [10, 10, 50, 50],
         "area": 2500, "iscrowd": 1}
        for number in range(3)
    ],
}  # fmt: skip
DETECTIONS = [
    {"image_id": number, "category_id": 1, "bbox": [12, 12, 20, 20], "score": 0.9}
    for number in range(3)
]
NONE_OF_CLASS = "class 'helmet' has no ground truth in val"
RULES = {
    "mean-ap": ("min = 0.0", "AP is not defined on val: it has no box to find"),
    "class-ap": ("min = 0.0", NONE_OF_CLASS),
    "recall": ("min = 0.0", NONE_OF_CLASS),
    "error-budget": ("miss = 1.0", "AP is not defined on val: it has no box to find"),
    "slice-ap": ('by = "width"\nmin = 0.0\nmin-boxes = 0', "has no box to find"),
    "trivial-baseline": ("min-margin = 0.0", "no box"),
}


@pytest.mark.parametrize("code", RULES)
def test_no_rule_passes_where_there_is_nothing_to_find(tmp_path: Path, code: str) -> None:
    options, reason = RULES[code]
    for name in ("train", "val"):
        write_json(tmp_path / f"{name}.json", CROWDS)
    write_json(tmp_path / "r.json", DETECTIONS)
    splits = split_tables(train="images", val="images")
    config = f'{splits}[model]\nevaluate-on = "val"\n[rules.{code}]\n{options}\n'

    results = judged(tmp_path, config, {"val": tmp_path / "r.json"})

    assert results
    for result in results.values():
        assert result.verdict == "not-evaluated"
        assert reason in result.message
