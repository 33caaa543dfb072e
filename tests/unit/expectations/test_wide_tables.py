"""The wide tables: their columns, worked out by hand, from every kind of labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.expectations.wide_tables.fields import typed_column
from pytest_detgate.expectations.wide_tables.wide_table import TableName
from pytest_detgate.inputs.detections.sources import NoDetections, ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from tests.content import write_json
from tests.rules.expecting import COCO, DETECTIONS, HEAD

ROOT = Path(__file__).parents[3]
NAN = pytest.approx(float("nan"), nan_ok=True)


def inputs(folder: Path, config: str, content: Any = COCO, detections: Any = None) -> Inputs:
    write_json(folder / "train.json", content)
    (folder / "detgate.toml").write_text(config + "[rules.duplicate-ids]\n")
    project = Project(load_configuration(folder / "detgate.toml"), folder)
    if detections is None:
        return Inputs(project, NoDetections())
    source = ResultFiles({"train": write_json(folder / "found.json", detections)}, project)
    return Inputs(project, source, ["train"])


def columns(made: Inputs, table: TableName, *names: str) -> dict[str, list[Any]]:
    """Columns as lists; all of them without `names`."""
    wide = made.wide_table("train", table)
    columns_read = wide.columns(names or wide.names)
    return {name: column.tolist() for name, column in columns_read.items()}


def test_images(tmp_path: Path) -> None:
    assert columns(inputs(tmp_path, HEAD), "images") == {
        "split": ["train"] * 3,
        "id": [5, 6, 7],
        "file_name": ["yard_1.jpg", "yard_2.jpg", "roof_10.jpg"],
        "width": [640, 200, 100],
        "height": [480, 480, 80],
        "aspect": [640 / 480, 200 / 480, 1.25],
        "boxes": [2, 0, 2],
        "empty": [False, True, False],
        "clip": ["yard", "yard", "roof"],
        "frame": [1, 2, 10],
        # The helmet on the roof is a crowd region.
        "boxes_helmet": [1, 0, 0],
        "boxes_vest": [1, 0, 0],
        "site": ["north", "south", None],
        "sight": [NAN, NAN, 3],
    }


def test_annotations_have_the_columns_of_their_image(tmp_path: Path) -> None:
    """The third box reaches from 9 to 79 in an image of 80 pixels; the last has no class."""
    assert columns(inputs(tmp_path, HEAD), "annotations") == {
        "split": ["train"] * 4,
        "file_name": ["yard_1.jpg", "yard_1.jpg", "roof_10.jpg", "roof_10.jpg"],
        "image": ["yard_1.jpg", "yard_1.jpg", "roof_10.jpg", "roof_10.jpg"],
        "id": [1, 2, 3, 4],
        "image_id": [5, 5, 7, 7],
        "class": ["helmet", "vest", "helmet", None],
        "label": ["helmet", "vest", "helmet", None],
        "x": [1, 5, 9, 9],
        "y": [2, 6, 9, 9],
        "width": [30, 7, 5, 9],
        "height": [40, 8, 70, 9],
        "right": [31, 12, 14, 18],
        "bottom": [42, 14, 79, 18],
        "aspect": [0.75, 0.875, 5 / 70, 1],
        "relative_area": [1200 / 307200, 56 / 307200, 350 / 8000, 81 / 8000],
        "outside": [0, 0, 0, 0],
        "area": [1200, NAN, NAN, NAN],
        "crowd": [False, False, True, False],
        "image_width": [640, 640, 100, 100],
        "image_height": [480, 480, 80, 80],
        "image_aspect": [640 / 480, 640 / 480, 1.25, 1.25],
        "boxes": [2, 2, 2, 2],
        "empty": [False] * 4,
        "clip": ["yard", "yard", "roof", "roof"],
        "frame": [1, 1, 10, 10],
        "occluded": [NAN, 1, NAN, 0],
        "site": ["north", "north", None, None],
        "sight": [NAN, NAN, 3, 3],
    }


def test_numbers_by_class_are_there_by_name(tmp_path: Path) -> None:
    made = inputs(tmp_path, HEAD)

    assert columns(made, "annotations", "boxes_helmet") == {"boxes_helmet": [1, 1, 0, 0]}
    assert columns(made, "annotations", "boxes_hat") == {}


def test_detections_have_the_columns_of_their_image(tmp_path: Path) -> None:
    table = columns(inputs(tmp_path, HEAD, detections=DETECTIONS), "detections")

    assert {name: table[name] for name in ("label", "score", "area", "site", "sight", "clip")} == {
        "label": ["helmet", "vest"],
        "score": [0.9, 0.2],
        "area": [1200, 250],
        "site": ["north", None],
        "sight": [NAN, 3],
        "clip": ["yard", "roof"],
    }
    assert "id" not in table
    assert table["image_id"] == [5, 7]


def test_a_box_outside_counts_its_pixels(tmp_path: Path) -> None:
    """Of an image of 640 × 480 pixels: 4 to the left, 20 below, and one without a size."""
    boxes = [[-4, 0, 10, 10], [630, 490, 5, 10], [0, 0, float("nan"), 1]]
    annotations = [
        {"id": n, "image_id": 5, "category_id": 1, "bbox": box} for n, box in enumerate(boxes)
    ]
    table = columns(
        inputs(tmp_path, HEAD, {**COCO, "annotations": annotations}), "annotations", "outside"
    )

    assert table == {"outside": [4, 20, NAN]}


def test_fields_are_those_of_the_boxes_that_count(tmp_path: Path) -> None:
    """`classes` leaves out the vest, whose field the next annotation must not get."""
    config = HEAD.replace("[dataset]\n", '[dataset]\nclasses = ["helmet"]\n')
    table = columns(inputs(tmp_path, config), "annotations", "id", "occluded")

    assert table == {"id": [1, 3, 4], "occluded": [NAN, NAN, 0]}


def test_a_field_with_the_name_of_a_column_is_told_apart(tmp_path: Path) -> None:
    images = [{**image, "area": 7, "occluded": "by fog", "x": 1} for image in COCO["images"]]
    table = columns(
        inputs(tmp_path, HEAD, {**COCO, "images": images}),
        "annotations",
        *("area", "image_area", "occluded", "image_occluded", "image_x"),
    )

    assert table["area"][0] == 1200
    assert table["image_area"] == [7] * 4
    assert table["occluded"] == [NAN, 1, NAN, 0]
    assert table["image_occluded"] == ["by fog"] * 4
    assert table["image_x"] == [1] * 4


def test_an_annotation_of_no_image_has_nothing_of_it(tmp_path: Path) -> None:
    annotations = [{"id": 1, "image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4]}]
    names = ("file_name", "image_width", "boxes", "empty", "site", "boxes_helmet")
    content = {**COCO, "annotations": annotations}
    table = columns(inputs(tmp_path, HEAD, content), "annotations", *names)

    assert table == {
        "file_name": [None],
        "image_width": [NAN],
        "boxes": [NAN],
        "empty": [None],
        "boxes_helmet": [NAN],
        # No row has a value.
        "site": [None],
    }


def test_fields_of_other_formats_are_columns(tmp_path: Path) -> None:
    """KITTI tracking says of each image which clip and frame it is."""
    labels = tmp_path / "labels"
    labels.mkdir()
    line = "{} 0 Car 0 0 0 10 10 50 50 -1 -1 -1 -1 -1 -1 -1"
    (labels / "0001.txt").write_text("\n".join(line.format(n) for n in (0, 3)) + "\n")
    images = tmp_path / "images/0001"
    images.mkdir(parents=True)
    from PIL import Image

    for n in (0, 3):
        Image.new("RGB", (64, 64)).save(images / f"{n:06d}.png")
    config = "[dataset.splits.train]\nformat = 'kitti'\nannotations = 'labels'\nimages = 'images'\n"
    made = inputs(tmp_path, config)
    known = made.dataset("train").known_fields
    table = columns(made, "images")

    assert set(known) <= set(table)
    assert {"clip", "frame"} <= set(table)
    assert table["frame"] == [0, 3]


@pytest.mark.parametrize("table", ["images", "annotations", "detections"])
def test_the_page_on_tables_lists_every_column(tmp_path: Path, table: TableName) -> None:
    page = (ROOT / "docs/tables.md").read_text("utf-8")
    listed = set(re.findall(r"`([a-z_]+)`", page))
    wide = inputs(tmp_path, HEAD, detections=DETECTIONS).wide_table("train", table)
    of_class = {"boxes_helmet", "boxes_vest"}
    of_image = {name.removeprefix("image_") for name in wide.makers}

    assert set(wide.makers) - of_class - listed <= {"image_height", "image_aspect"}
    assert of_image - of_class <= listed | {"id"}


def test_a_group_of_the_pattern_replaces_no_column(tmp_path: Path) -> None:
    config = HEAD.replace("jpg$", "(?P<width>jpg)$")

    assert columns(inputs(tmp_path, config), "images", "width") == {"width": [640, 200, 100]}


@pytest.mark.filterwarnings("error")
def test_huge_boxes_have_columns(tmp_path: Path) -> None:
    """Their area is larger than any number."""
    boxes = [[1e308, 1e308, 1e308, 1e308], [0, 0, 0, 0]]
    annotations = [
        {"id": n, "image_id": 5, "category_id": 1, "bbox": box} for n, box in enumerate(boxes)
    ]
    made = inputs(tmp_path, HEAD, {**COCO, "annotations": annotations})
    table = columns(made, "annotations", "relative_area", "right", "aspect")

    assert table == {"relative_area": [np.inf, 0], "right": [np.inf, 0], "aspect": [1, NAN]}


@pytest.mark.parametrize(
    ("values", "kind", "column"),
    [
        ([1, 2], "i", [1, 2]),
        ([1, None], "f", [1, NAN]),
        ([1, 2.5], "f", [1, 2.5]),
        ([True, False], "b", [True, False]),
        ([True, None], "O", [True, None]),
        ([True, 1], "O", [True, 1]),
        (["a", None], "O", ["a", None]),
        (["a", 1], "O", ["a", 1]),
        ([[1, 2], {"a": None}], "O", ["[1,2]", '{"a":null}']),
        ([2**60, None], "O", [2**60, None]),
        ([2**60, 1], "O", [2**60, 1]),
        ([None, None], "O", [None, None]),
        ([], "O", []),
    ],
)
def test_a_column_has_one_type(values: list[Any], kind: str, column: list[Any]) -> None:
    made = typed_column(values)

    assert made.dtype.kind == kind
    assert made.tolist() == column
    assert len(made) == len(values) == np.shape(made)[0]


def test_frames_that_are_no_numbers_stay_text(tmp_path: Path) -> None:
    content = {**COCO, "images": [{**entry, "file_name": name} for entry, name in zip(
        COCO["images"], ("yard_1.jpg", "yard_b.jpg", "odd.jpg"), strict=True)]}  # fmt: skip
    head = HEAD.replace("\\d+", "\\w+")

    assert columns(inputs(tmp_path, head, content), "images", "clip", "frame") == {
        "clip": ["yard", "yard", None],
        "frame": ["1", "b", None],
    }


def test_nothing_is_known_of_images_without_labels(tmp_path: Path) -> None:
    content = {key: rows for key, rows in COCO.items() if key != "annotations"}

    assert columns(inputs(tmp_path, HEAD, content), "images", "empty", "boxes") == {
        "empty": [None] * 3,
        "boxes": [0] * 3,
    }


def test_clips_may_be_a_field_of_the_images(tmp_path: Path) -> None:
    tables = HEAD[HEAD.index("[dataset.splits") :]

    made = columns(inputs(tmp_path, f'[scoring]\nclip-field = "site"\n{tables}'), "images", "clip")

    assert made == {"clip": ["north", "south", None]}
