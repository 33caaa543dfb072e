"""Two lines of a list never become one image without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.errors import DataError
from tests.judged import judged
from tests.unit.label_files import READERS, draw, split, write

BOX = "0 .5 .5 .2 .2"
TOGETHER = [
    pytest.param("/a/images/1.jpg\n/b/images/1.jpg\n", id="two machines"),
    pytest.param("C:\\data\\1.jpg\nD:\\data\\1.jpg\n", id="two drives"),
    pytest.param("/a/images/1.jpg\nimages/1.jpg\n", id="here and there"),
    pytest.param("north/1.jpg\nsouth/1.jpg\n", id="two folders"),
    pytest.param("1.jpg\n1.png\n", id="another suffix"),
    pytest.param("/a/gone/3.jpg\n/b/gone/3.jpg\n1.jpg\n", id="neither is there"),
]
TWICE = [
    pytest.param("1.jpg\n1.jpg\n2.jpg\n", id="the same line"),
    pytest.param("./images/1.jpg\nimages//1.jpg\n", id="the same path"),
    pytest.param("images\\1.jpg\nimages/1.jpg\n", id="the other slash"),
    pytest.param("/a/images/1.jpg 1\n/a/images/1.jpg -1\n", id="with flags of VOC"),
]


def make(folder: Path, text: str) -> Path:
    draw(folder / "images", "1.jpg", "2.jpg")
    write(folder / "labels", {"1.txt": BOX, "2.txt": BOX})
    write(folder, {"classes.txt": "cone\n", "list.txt": text})
    return folder / "list.txt"


@pytest.mark.parametrize("text", TOGETHER)
def test_two_lines_that_mean_one_image(tmp_path: Path, text: str) -> None:
    listed = make(tmp_path, text)
    first, second = text.splitlines()[:2]
    name = "3.jpg" if "gone" in text else "1.jpg"

    with pytest.raises(DataError) as caught:
        READERS["yolo"](split(tmp_path, listed=listed, classes=tmp_path / "classes.txt"))

    assert str(caught.value) == (
        f"{listed}: lists {first} and {second}, and there is one image for both: {name}; write "
        "where each of them is"
    )


@pytest.mark.parametrize("text", TWICE)
def test_a_line_that_is_there_twice_is_one_image(tmp_path: Path, text: str) -> None:
    listed = make(tmp_path, text)

    dataset = READERS["yolo"](split(tmp_path, listed=listed, classes=tmp_path / "classes.txt"))

    assert dataset.images.file_name.tolist() == ["1.jpg", "2.jpg"][: text.count("2") + 1]


CONFIG = """
[dataset.splits.val]
format = "yolo"
annotations = "labels"
images = "images"
classes = "classes.txt"
[probes.part]
split = "val"
list = "list.txt"
[rules.probe-isolation]
from = "val"
clips = false
"""


@pytest.mark.parametrize("text", TOGETHER[:4])
def test_two_lines_that_mean_one_image_of_a_part(tmp_path: Path, text: str) -> None:
    make(tmp_path, text)

    (result,) = judged(tmp_path, CONFIG).values()

    assert result.verdict == "not-evaluated"
    assert "and there is one image for both: 1.jpg" in result.message
