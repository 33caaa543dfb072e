"""`weak-slices` on clips of two sites: what it reports, and when it has too little to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.judged import judged, measured, split_tables

HEAD = "[dataset]\nframe-pattern = '(?P<clip>(?P<site>[^_]+)_[^_]+)_\\d+\\.jpg$'\n"


def judge(folder: Path, rule: str = "", *, clips: int = 16, south: int = 2) -> RuleResult:
    """Of 4 frames of a clip all are found at site north, at site south so many."""
    truth: dict[str, list[Any]] = {
        f"{site}_{clip}_{frame}.jpg": [("thing", 10, 10, 30, 30)]
        for site in ("north", "south")
        for clip in range(clips)
        for frame in range(4)
    }
    found = {
        name: [("thing", 0.8, 10, 10, 30, 30)]
        for name in truth
        if name.startswith("north") or int(name[-5]) < south
    }
    content = coco_content(truth, ("thing",))
    for number, image in enumerate(content["images"]):
        image["odd"] = number % 2
    (folder / "val.json").write_text(json.dumps(content))
    (folder / "found.json").write_text(json.dumps(result_content(truth, found, ("thing",))))
    config = HEAD + split_tables(val="images") + f"[rules.weak-slices]\npixels = false\n{rule}"
    return judged(folder, config, {"val": folder / "found.json"})["weak-slices"]


def test_a_weak_site_is_named_with_its_gap(tmp_path: Path) -> None:
    """Half of its boxes are found with no false one: AP 51 / 101, of the rest 1."""
    result = judge(tmp_path)

    assert result.verdict == "failed"
    values = measured(result)
    assert values["gap[site=south]"] == pytest.approx(51 / 101 - 1, abs=1e-12)
    assert result.message.startswith("1 weak slice of val: site=south (-0.495 AP)")
    assert "not searched: boxes: one value, box size: one value" in result.message
    assert result.findings[0].image is not None
    assert result.findings[0].image.startswith("south")
    assert result.findings[0].text.endswith("1 missed")
    rows = {str(row[0]): row for row in result.tables["slices that were tested"].rows}
    assert rows["site=south"][1] is True


def test_alike_sites_pass(tmp_path: Path) -> None:
    result = judge(tmp_path, south=4)

    assert result.verdict == "passed"
    assert measured(result)["weak"] == 0


def test_known_weak_slices_may_be_allowed(tmp_path: Path) -> None:
    assert judge(tmp_path, "max = 1").verdict == "passed"
    assert judge(tmp_path, "min-gap = 0.6").verdict == "passed"


def test_few_clips_say_nothing(tmp_path: Path) -> None:
    result = judge(tmp_path, clips=5)

    assert result.verdict == "not-evaluated"
    assert "no slice of val has 15 boxes in 4 clips in either half of 10 clips" in result.message


def test_a_field_that_no_image_has_is_a_mistake(tmp_path: Path) -> None:
    result = judge(tmp_path, 'fields = ["od"]')

    assert result.verdict == "not-evaluated"
    assert "did you mean 'odd'?" in result.message
