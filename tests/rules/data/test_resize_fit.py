"""`resize-fit`: objects that are too small after the model's own resize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector.resizing import Resize, resize_of_pipeline
from pytest_detgate.errors import ConfigError, DetectorError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

BOXES = {
    "a.jpg": [("helmet", 0, 0, 20, 20), ("vest", 0, 0, 40, 10)],
    "b.jpg": [("helmet", 0, 0, 80, 80), ("vest", 0, 0, 0, 10)],
}


def fit(
    folder: Path, options: str, head: str = "", files: dict[str, str] | None = None
) -> RuleResult:
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    content = coco_content(BOXES, ("helmet", "vest"))
    content["images"][0].update(width=400, height=200)
    content["images"][1].update(width=200, height=400)
    write_json(folder / "val.json", content)
    config = head + split_tables(val=".") + "[rules.resize-fit]\nmax-share = 0.5\n" + options
    (result,) = judged(folder, config).values()
    return result


def test_boxes_are_scaled_as_a_whole(tmp_path: Path) -> None:
    """Fit into 100 × 100 is a quarter: sides 5, 5 and 20; the box without area does not count."""
    result = fit(tmp_path, "size = [100, 100]\n")

    values = measured(result)
    assert (values["count"], values["boxes"]) == (2, 3)
    assert values["share"] == pytest.approx(2 / 3)
    assert values["median_side"] == pytest.approx(5)
    assert result.verdict == "failed"
    assert finding_lines(result)[0].endswith("5 pixels after the resize")
    assert "(fit into 100 × 100, size of this rule)" in result.message


def test_boxes_are_stretched(tmp_path: Path) -> None:
    """400 × 200 to 100 × 100: a quarter across, half down: 5 × 10, so a side of 7.07."""
    result = fit(tmp_path, 'size = [100, 100]\nresize = "stretch"\nmin-pixels = 7\n')

    assert measured(result)["count"] == 0
    assert measured(result)["median_side"] == pytest.approx(50**0.5)


def test_a_model_that_resizes_nothing_leaves_sides_as_they_are(tmp_path: Path) -> None:
    """Sides of 20, of (40 × 10) ** 0.5 = 20, and of 80 pixels."""
    result = fit(tmp_path, "min-pixels = 21\n", '[model.onnx]\nresize = "none"\n')

    assert measured(result)["count"] == 2
    assert measured(result)["median_side"] == pytest.approx(20)


def test_the_size_of_the_onnx_table(tmp_path: Path) -> None:
    head = '[model.onnx]\nsize = [100, 100]\nresize = "letterbox"\n'

    result = fit(tmp_path, "", head)

    assert measured(result)["count"] == 2
    assert "fit into 100 × 100, [model.onnx]" in result.message


def test_the_resize_of_a_configuration(tmp_path: Path) -> None:
    pytest.importorskip("mmengine")
    config = (
        "test_pipeline = [dict(type='LoadImageFromFile'), "
        "dict(type='Resize', scale=(200, 100), keep_ratio=True), dict(type='PackDetInputs')]\n"
    )

    result = fit(tmp_path, "", '[model]\nconfig = "site.py"\n', {"site.py": config})

    # The longer side is at most 200 and the shorter at most 100: half, on both images.
    assert measured(result)["median_side"] == pytest.approx(10)
    assert "sides up to 200 and 100, site.py" in result.message


def test_without_a_resize_it_is_not_evaluated(tmp_path: Path) -> None:
    result = fit(tmp_path, "")

    assert result.verdict == "not-evaluated"
    assert "give size = [height, width] in the table of the rule" in result.message


@pytest.mark.parametrize(
    ("step", "scales"),
    [
        ({"type": "Resize", "scale": (1333, 800), "keep_ratio": True}, (2.0, 2.0)),
        ({"type": "mmdet.FixScaleResize", "scale": (800, 400), "keep_ratio": True}, (2.0, 2.0)),
        ({"type": "Resize", "scale": (800, 400)}, (2.0, 2.0)),
        ({"type": "Resize", "scale": (800, 800)}, (2.0, 4.0)),
        ({"type": "Resize", "scale_factor": 0.5}, (0.5, 0.5)),
        ({"type": "FixShapeResize", "width": 800, "height": 800}, (2.0, 2.0)),
        ({"type": "YOLOv5KeepRatioResize", "scale": (640, 640)}, (1.6, 1.6)),
    ],
)
def test_resizes_of_mmdetection(step: dict[str, Any], scales: tuple[float, float]) -> None:
    """An image of 400 × 200. (1333, 800) allows 3.33 for the longer side, 4 for the shorter."""
    resize = resize_of_pipeline([{"type": "LoadImageFromFile"}, step], "site.py")

    across, down = resize.scales(np.array([400.0]), np.array([200.0]))

    expected = (1333 / 400, 1333 / 400) if step.get("scale") == (1333, 800) else scales
    assert (across[0], down[0]) == pytest.approx(expected)


@pytest.mark.parametrize(
    "step",
    [
        {"type": "RandomResize", "scale": (640, 640)},
        {"type": "Resize"},
        {"type": "Resize", "scale": (0, 10)},
        {"type": "Resize", "scale": "big"},
        {"type": "Pad", "size": (640, 640)},
    ],
)
def test_a_resize_that_is_not_known(step: dict[str, Any]) -> None:
    with pytest.raises(DetectorError, match=r"site\.py"):
        resize_of_pipeline([step], "site.py")


def test_no_resize_leaves_images_alone() -> None:
    resize = Resize(kind="none", width=1, height=1, origin="[model.onnx]")

    assert [scale.tolist() for scale in resize.scales(np.array([4.0]), np.array([2.0]))] == [
        [1.0],
        [1.0],
    ]


@pytest.mark.parametrize("options", ["[rules.resize-fit]\nsize = [100, 100]\n"])
def test_a_limit_is_needed(tmp_path: Path, options: str) -> None:
    write_json(tmp_path / "val.json", coco_content(BOXES, ("helmet", "vest")))

    with pytest.raises(ConfigError, match="max-share or max"):
        judged(tmp_path, split_tables(val=".") + options)
