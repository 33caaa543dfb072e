"""What rules ask for is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.detections.sources import NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import split_tables


def inputs_of(folder: Path) -> Inputs:
    path = folder / "detgate.toml"
    rule = "[rules.duplicate-ids]\n"
    path.write_text(split_tables(train="images") + rule, encoding="utf-8")
    return Inputs(Project(load_configuration(path), folder), NoDetections())


def test_image_field_is_read_once(tmp_path: Path) -> None:
    content = coco_content({"a.jpg": [], "b.jpg": []})
    content["images"][1]["camera"] = "north"
    file = write_json(tmp_path / "train.json", content)
    inputs = inputs_of(tmp_path)

    first = inputs.images_with("train", "camera").fields["camera"].tolist()
    file.unlink()

    assert first == [None, "north"]
    assert inputs.images_with("train", "camera").fields["camera"].tolist() == first


def test_image_field_needs_images_that_can_be_told_apart(tmp_path: Path) -> None:
    content = coco_content({"a.jpg": [], "b.jpg": []})
    content["images"][1]["id"] = content["images"][0]["id"]
    write_json(tmp_path / "train.json", content)

    with pytest.raises(DataError, match="image id 1 is used for several images"):
        inputs_of(tmp_path).images_with("train", "camera")
