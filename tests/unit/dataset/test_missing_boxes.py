"""COCO values that are not written as COCO does: read where they mean one thing, else all named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as reference

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.segment_frames import frame_of_segmentation
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError


def read(folder: Path, *annotations: dict[str, Any], **image: Any) -> Dataset:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30, **image}],
        "categories": [{"id": 1, "name": "cone"}],
        "annotations": [
            {"id": row, "image_id": 1, "category_id": 1, **annotation}
            for row, annotation in enumerate(annotations)
        ],
    }
    (folder / "val.json").write_text(json.dumps(content))
    return read_coco(folder / "val.json", folder, "val")


SHAPE = {"segmentation": [[1, 2, 5, 2, 5, 9], [3, 1, 4, 1, 4, 3]]}


@pytest.mark.parametrize(
    "box", [{}, {"bbox": None}, {"bbox": []}, {"bbox": [None] * 4}], ids=json.dumps
)
def test_a_missing_box_is_the_frame_of_the_segmentation(
    tmp_path: Path, box: dict[str, Any]
) -> None:
    """Both polygons together lie between 1 and 5, and between 1 and 9."""
    dataset = read(tmp_path, {"bbox": [0, 0, 2, 2]}, {**box, **SHAPE})

    assert dataset.boxes.xywh.tolist() == [[0, 0, 2, 2], [1, 1, 4, 8]]
    assert dataset.notes == ("1 annotation has no box; the frame of the segmentation is used",)


def test_rows_that_are_read_one_by_one_have_the_same_boxes(tmp_path: Path) -> None:
    """A number as text is none of COCO's: all rows of its piece are then read one by one."""
    zeros = {"bbox": [0, 0, 0, 0]}
    dataset = read(
        tmp_path,
        {"bbox": ["1", 2, 3, 4], "id": 7.0},
        {**SHAPE},
        {**zeros, **SHAPE},
        {**zeros, "segmentation": [[2, 2, 2, 2, 2, 2]]},
    )

    assert dataset.boxes.xywh.tolist() == [[1, 2, 3, 4], [1, 1, 4, 8], [1, 1, 4, 8], [0, 0, 0, 0]]
    assert dataset.boxes.id.tolist() == [7, 1, 2, 3]
    assert dataset.notes == ("2 annotations have no box; the frame of the segmentation is used",)


def test_an_image_without_a_name_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images\[0\]\.file_name"):
        read(tmp_path, {"bbox": [1, 2, 3, 4]}, file_name="")


def test_all_places_are_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(
            tmp_path,
            {"bbox": None},
            {"bbox": [1, 2, 3, 4]},
            {"bbox": "1 2 3 4"},
            {"bbox": [], "segmentation": []},
            {"bbox": [1, 2, "wide", 4]},
            width="40px",
        )

    assert str(caught.value) == (
        f"{tmp_path / 'val.json'}: 5 values are wrong: "
        'images[0].width is "40px"; expected a number; '
        "annotations[0].bbox is null, and there is no segmentation to take it from; "
        'annotations[2].bbox is "1 2 3 4"; expected [x, y, width, height]; '
        "annotations[3].bbox is [], and there is no segmentation to take it from; "
        'annotations[4].bbox is "wide"; expected a number'
    )


def test_of_many_places_the_first_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"100 values are wrong: .*\[19\].*; and 80 more$"):
        read(tmp_path, *[{"bbox": None}] * 100)


def test_numbers_may_be_text(tmp_path: Path) -> None:
    dataset = read(
        tmp_path,
        {"bbox": ["1", "2.5", " 3 ", 4], "area": "12", "iscrowd": "1"},
        {"bbox": [1, 2, 3, 4], "iscrowd": "0"},
        {"bbox": [1, 2, 3, 4], "iscrowd": "false", "image_id": "1", "category_id": "1.0"},
        width="40",
        height="30.0",
    )

    assert dataset.boxes.xywh[0].tolist() == [1, 2.5, 3, 4]
    assert dataset.boxes.area[0] == 12
    assert dataset.boxes.crowd.tolist() == [True, False, False]
    assert dataset.boxes.image.tolist() == [0, 0, 0]
    assert (dataset.images.width[0], dataset.images.height[0]) == (40, 30)
    assert dataset.gaps == ()


@pytest.mark.parametrize("flag", [0.0, 1.0, True, "1.0"], ids=repr)
def test_crowd_may_be_any_truth_value(tmp_path: Path, flag: object) -> None:
    dataset = read(tmp_path, {"bbox": [1, 2, 3, 4], "iscrowd": flag, "id": "x"})

    assert dataset.boxes.crowd.tolist() == [bool(float(str(flag).replace("True", "1")))]


def test_frames_of_masks_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        drawn = (rng.random((13, 17)) < rng.choice([0.01, 0.1, 0.6])).astype(np.uint8)
        packed = reference.encode(np.asfortranarray(drawn))
        columns = drawn.T.ravel()
        edges = np.flatnonzero(np.diff(np.concatenate([[0], columns, [0]])))
        runs = np.diff(np.concatenate([[0], edges, [len(columns)]]))
        box = tuple(reference.toBbox(packed).tolist()) if drawn.any() else None
        text = {"size": packed["size"], "counts": packed["counts"].decode()}

        assert frame_of_segmentation(text) == box
        assert frame_of_segmentation({"size": [13, 17], "counts": runs.tolist()}) == box


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": [2, 2], "counts": "\x10"},
        {"size": [2, 2], "counts": "o"},
        {"size": [2, 2], "counts": [1, 9]},
        {"size": [0, 0], "counts": [0, 1]},
        {"counts": [1]},
        {},
        [[]],
        [[1, 2, 3]],
        ["x"],
        "text",
        None,
    ],
    ids=repr,
)
def test_a_segmentation_without_a_frame(wrong: Any) -> None:
    assert frame_of_segmentation(wrong) is None
