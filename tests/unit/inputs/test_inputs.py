"""What rules ask for is made once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.detections.sources import NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.inputs.slice_attributes import read_attributes
from pytest_detgate.inputs.timelines import read_timeline
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
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


class CountingPattern:
    """A pattern that counts the searches in each text."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self.searches: Counter[str] = Counter()

    @property
    def groupindex(self) -> Mapping[str, int]:
        return self.pattern.groupindex

    def search(self, text: str) -> re.Match[str] | None:
        self.searches[text] += 1
        return self.pattern.search(text)


RULES_ON_NAMES = """
[dataset]
fps = 1
frame-pattern = '(?P<clip>[^/]+)'
[rules.empty-gt-share]
min = 0.1
[rules.negative-diversity]
min-clips = 1
min-sites = 1
[rules.clip-overlap]
between = ["train", "val"]
[rules.frame-distance]
between = ["train", "val"]
within = 1
"""


def test_rules_search_each_file_name_once(tmp_path: Path) -> None:
    names = {"train": ("north/a_1.jpg", "south/b_1.jpg", "odd.jpg"), "val": ("north/a_9.jpg",)}
    for split, files in names.items():
        write_json(tmp_path / f"{split}.json", coco_content({name: [] for name in files}))
    path = tmp_path / "detgate.toml"
    path.write_text(RULES_ON_NAMES + split_tables(train="images", val="images"), encoding="utf-8")
    project = Project(load_configuration(path), tmp_path)
    pattern = CountingPattern(r"(?P<site>[^/]+)/(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$")
    vars(project)["frame_pattern"] = pattern

    inputs = Inputs(project, NoDetections())

    for bound in bind_rules(project):
        for target in bound.targets:
            assert judge(bound, target, inputs).verdict in ("passed", "failed")
    columns = inputs.wide_table("train", "images").columns(["clip", "site", "frame"])
    attributes, _ = read_attributes(inputs, "train", (), pixels=False)
    timeline = read_timeline(inputs, "train")

    assert columns["site"].tolist() == ["north", "south", None]
    assert attributes[0].names == ["north", "south"]
    assert timeline.clips == ("a", "b")
    assert pattern.searches == dict.fromkeys((*names["train"], *names["val"]), 1)
