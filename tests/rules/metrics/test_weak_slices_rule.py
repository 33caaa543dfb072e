"""`weak-slices` on clips of two sites: what it reports, and when it has too little to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, draw_image, result_content
from tests.judged import judged, measured, split_tables

HEAD = "[dataset]\nframe-pattern = '(?P<clip>(?P<site>[^_]+)_[^_]+)_\\d+\\.jpg$'\n"


def judge(
    folder: Path, rule: str = "", *, clips: int = 16, south: int = 2, pixels: bool = False
) -> RuleResult:
    """Of 4 frames of a clip all are found at site north, at site south so many."""
    truth: dict[str, list[Any]] = {
        f"{site}_{clip}_{frame}.jpg": [("thing", 10, 10, 30, 30)]
        for site in ("north", "south")
        for clip in range(clips)
        for frame in range(4)
    }
    detections = {
        name: [("thing", 0.8, 10, 10, 30, 30)]
        for name in truth
        if name.startswith("north") or int(name[-5]) < south
    }
    content = coco_content(truth, ("thing",))
    for number, image in enumerate(content["images"]):
        image["odd"] = number % 2
        image["camera"] = f"camera {number % 20}"
        image["country"] = "CH"
        image["pose"] = [number]
    (folder / "val.json").write_text(json.dumps(content))
    (folder / "found.json").write_text(json.dumps(result_content(truth, detections, ("thing",))))
    config = HEAD + split_tables(val="images") + f"[rules.weak-slices]\n{rule}"
    config += f"\npixels = {str(pixels).lower()}\n"
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


@pytest.mark.parametrize(
    ("field", "reason"),
    [("camera", "20 different texts"), ("pose", "neither a number nor text"), ("country", "")],
)
def test_a_named_field_is_searched(tmp_path: Path, field: str, reason: str) -> None:
    """Twenty cameras are too many parts; a single country has no other images to compare with."""
    assert judge(tmp_path, south=4).verdict == "passed"
    named = judge(tmp_path, f"fields = ['{field}']", south=4)

    assert named.verdict == ("not-evaluated" if reason else "passed")
    assert reason in named.message
    if reason:
        assert f"val cannot be searched by {field}, which fields names" in named.message


def test_images_that_cannot_be_opened_are_not_searched(tmp_path: Path) -> None:
    """Without pixels no image is needed; with them there are none, and later one is cut off."""
    assert judge(tmp_path, south=4).verdict == "passed"
    missing = judge(tmp_path, south=4, pixels=True)
    assert missing.verdict == "not-evaluated"
    assert (missing.looked_at, missing.to_look_at) == (0, 128)
    assert "128 images cannot be opened" in missing.message

    images = json.loads((tmp_path / "val.json").read_text())["images"]
    names = [image["file_name"] for image in images]
    (tmp_path / "images").mkdir()
    for name in names:
        draw_image(name).save(tmp_path / "images" / name)
    assert judge(tmp_path, south=4, pixels=True).verdict == "passed"
    cut = tmp_path / "images" / names[0]
    cut.write_bytes(cut.read_bytes()[:100])
    first = judge(tmp_path, south=4, pixels=True)
    assert (first.verdict, first.looked_at) == ("not-evaluated", 127)
    assert "1 image cannot be opened, so that brightness and sharpness are not" in first.message
    assert names[0] in first.message


def test_a_field_that_no_image_has_is_a_mistake(tmp_path: Path) -> None:
    result = judge(tmp_path, 'fields = ["od"]')

    assert result.verdict == "not-evaluated"
    assert "did you mean 'odd'?" in result.message
