"""Lines of YOLO labels besides plain boxes: polygons, turned boxes, further columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from tests.unit.label_files import READERS, draw, split, write


def read(folder: Path, text: str | bytes, **options: Any) -> Dataset:
    draw(folder / "images", "a.jpg")
    write(folder, {"labels/classes.txt": "cone\nvest\n"})
    content = text.encode() if isinstance(text, str) else text
    (folder / "labels" / "a.txt").write_bytes(content)
    return READERS["yolo"](split(folder, **options))


def test_polygons_and_turned_boxes_are_read_as_their_frames(tmp_path: Path) -> None:
    """An image of 100 × 50; corners at 0.1 … 0.5 and 0.2 … 0.6."""
    dataset = read(
        tmp_path,
        "0 .5 .5 .2 .2\n1 .1 .2 .5 .2 .5 .6\n0 .3 .2 .5 .4 .3 .6 .1 .4\n",
    )

    expected = np.array([[40, 20, 20, 10], [10, 10, 40, 20], [10, 10, 40, 20]])
    np.testing.assert_allclose(dataset.boxes.xywh, expected)
    assert dataset.boxes.category.tolist() == [0, 1, 0]
    assert dataset.notes == ("2 polygons and turned boxes are read as their frames",)


def test_more_polygons_than_allowed_are_refused(tmp_path: Path) -> None:
    text = "1 .1 .2 .5 .2 .5 .6\n0 .5 .5 .2 .2\n1 .1 .2 .5 .2 .5 .6\n"

    assert len(read(tmp_path, text, max_polygons=2).boxes) == 3
    with pytest.raises(DataError, match=r"2 polygons .*, over max-polygons = 1; first a\.txt:1"):
        read(tmp_path, text, max_polygons=1)


@pytest.mark.parametrize("number", ["1", "1.0", "1.000e+00", "1.000000000000000000e+00", "01"])
def test_class_numbers_of_other_programs(tmp_path: Path, number: str) -> None:
    assert read(tmp_path, f"{number} .5 .5 .2 .2\n").boxes.category.tolist() == [1]


@pytest.mark.parametrize("extra", ["7", "0", "1", "-1", "12.0"])
def test_a_sixth_column_that_is_no_score_is_noted(tmp_path: Path, extra: str) -> None:
    dataset = read(tmp_path, f"0 .5 .5 .2 .2 {extra}\n1 .5 .5 .2 .2\n")

    assert len(dataset.boxes) == 2
    assert dataset.notes == ("1 line has a sixth column, which is not read, first a.txt:1",)


def test_detections_are_no_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1: ends with 0\.87, as a score does; a label is"):
        read(tmp_path, "0 .5 .5 .2 .2 0.87\n")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf0 .5 .5 .2 .2\r\n\r\n",
        "0 .5 .5 .2 .2\n\n  \n".encode("utf-16"),
        b"0\t.5 .5   .2 .2 \r",
        b"0 .5 .5 .2 .2",
    ],
)
def test_line_ends_and_encodings(tmp_path: Path, content: bytes) -> None:
    dataset = read(tmp_path, content)

    assert len(dataset.boxes) == 1
    assert dataset.gaps == ()


@pytest.mark.parametrize(
    "line",
    [
        "0 .5 .5 .2 .2 .1 2 .3 .4",  # key points: a visibility is no share
        "0 .1 .1 .2 .2 .3 nan",
        "1e12 .5 .5 .2 .2",
        "0.5 .5 .5 .2 .2",
        "nan .5 .5 .2 .2",
        "0 .5 .5 .2",
        "0",
    ],
)
def test_a_line_that_means_nothing(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"a\.txt: line 2: "):
        read(tmp_path, f"0 .5 .5 .2 .2\n{line}\n")


def test_files_of_macos_and_nested_folders(tmp_path: Path) -> None:
    draw(tmp_path / "images", "cam1/a.jpg", "cam2/a.jpg")
    write(
        tmp_path / "labels",
        {
            "cam1/a.txt": "0 .5 .5 .2 .2\n",
            "cam2/a.txt": "1 .5 .5 .2 .2\n",
            "cam1/._a.txt": "\0\5\x16\7",
            "classes.txt": "cone\nvest\n",
        },
    )

    dataset = READERS["yolo"](split(tmp_path))

    assert dataset.images.file_name.tolist() == ["cam1/a.jpg", "cam2/a.jpg"]
    assert dataset.boxes.category.tolist() == [0, 1]
    assert dataset.gaps == ()
