"""Class names are equal however their letters are composed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(("truth", "expected"), [(NFC, NFD), (NFD, NFC)])
def test_class_names_are_equal_in_any_composition(
    tmp_path: Path, truth: str, expected: str
) -> None:
    """A result file that writes the letter in the other form finds the one box: an AP of 1."""
    images = {"a.jpg": [(truth, 10, 10, 20, 20)]}
    write_json(tmp_path / "val.json", coco_content(images, [truth]))
    boxes = {"a.jpg": [(expected, 0.9, 10, 10, 20, 20)]}
    file = write_json(tmp_path / "found.json", result_content({"a.jpg": []}, boxes, [expected]))
    config = (
        '[dataset.splits.val]\nannotations = "val.json"\nimages = "i"\n'
        f'[rules.class-ap]\nmin = 0.9\nclasses = {{ "{NFC}" = 0.95 }}\n[rules.class-names]\n'
    )

    results = judged(tmp_path, config, {"val": file})

    assert {name: result.verdict for name, result in results.items()} == {
        f"class-ap[{NFC}]": "passed",
        "class-names[val]": "passed",
    }
