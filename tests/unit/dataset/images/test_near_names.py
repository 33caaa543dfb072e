"""File names that are not there: the near file is named, and taken where that is asked for."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from pytest_detgate.dataset.images.inside import names_inside
from pytest_detgate.dataset.images.near_names import NearNames, near_matches
from pytest_detgate.dataset.tables import object_column
from pytest_detgate.errors import DataError
from tests.judged import finding_lines, judged
from tests.unit.label_files import READERS, draw, split, write

THERE = (
    *("b1.JPG", "sub/b0.jpg", "my pic.jpg", "Straße.jpg", "deep/er/c.png", "café.jpg"),
    *("camA/0001.jpg", "camB/0001.jpg", "x.jpg", "x.png"),
)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("b1.jpg", ["b1.JPG"]),
        ("B1.jpeg", ["b1.JPG"]),
        ("sub\\b0.jpg", ["sub/b0.jpg"]),
        ("images/sub/b0.jpg", ["sub/b0.jpg"]),
        ("C:\\data\\sub\\B0.JPG", ["sub/b0.jpg"]),
        ("my%20pic.jpg", ["my pic.jpg"]),
        ("my pic .jpg", []),
        (" my pic.jpg", ["my pic.jpg"]),
        ("STRASSE.jpg", ["Straße.jpg"]),
        (unicodedata.normalize("NFD", "café.jpg"), ["café.jpg"]),
        ("caf%C3%A9.jpg", ["café.jpg"]),
        ("c.jpg", ["deep/er/c.png"]),
        ("0001.jpg", ["camA/0001.jpg", "camB/0001.jpg"]),
        ("camB/0001.png", ["camB/0001.jpg"]),
        ("camC/0001.jpg", []),
        ("x.bmp", ["x.jpg", "x.png"]),
        ("unknown.jpg", []),
    ],
)
def test_near_files(name: str, near: list[str]) -> None:
    assert sorted(NearNames(THERE).find(name)) == near


def test_a_file_that_is_listed_or_meant_twice_is_not_taken() -> None:
    names = ["b1.JPG", "b1.jpg", "X.jpg", "MY PIC.jpg", "my%20pic.jpg", "Sub/b0.jpg"]

    assert near_matches(names, THERE) == {2: "x.jpg", 5: "sub/b0.jpg"}


CONFIG = """
[dataset]
match-names = "{match}"
[dataset.splits.val]
annotations = "val.json"
images = "images"
[rules.image-files]
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Five images of which an annotation file has the names wrong, each in another way."""
    names = ["b1.JPG", "sub/b0.jpg", "my pic.jpg", "café.jpg", "b4.jpg", "b5.png"]
    draw(tmp_path / "images", *names)
    written = ["b1.jpg", "sub\\b0.jpg", "my%20pic.jpg", "cafe\u0301.jpg", "images/b4.jpg", "b5.jpg"]
    images = [{"id": row, "file_name": name} for row, name in enumerate(written)]
    content = {"images": images, "categories": [{"id": 1, "name": "cone"}], "annotations": []}
    (tmp_path / "val.json").write_text(json.dumps(content))
    return tmp_path


def test_the_near_file_is_named(odd: Path) -> None:
    (result,) = judged(odd, CONFIG.format(match="exact")).values()

    assert result.verdict == "failed"
    near = ["b1.JPG", "sub/b0.jpg", "my pic.jpg", "café.jpg", "b4.jpg", "b5.png"]
    assert [line.split("there is ")[1] for line in finding_lines(result)] == [
        f"{name})" for name in near
    ]


def test_the_near_file_is_taken_where_that_is_asked_for(odd: Path) -> None:
    (result,) = judged(odd, CONFIG.format(match="near")).values()

    assert result.verdict == "passed", result.message


def test_of_two_near_files_none_is_taken(odd: Path) -> None:
    draw(odd / "images", "B1.jpg")

    (result,) = judged(odd, CONFIG.format(match="near")).values()

    assert finding_lines(result) == ["b1.jpg: missing: no such file (there are B1.jpg, b1.JPG)"]


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("{here}/images/a.jpg", "a.jpg"),
        ("{here}/images/sub/a.jpg", "sub/a.jpg"),
        ("../images/a.jpg", "a.jpg"),
        ("sub/../a.jpg", "a.jpg"),
        ("..\\images\\a.jpg", "a.jpg"),
        ("./a.jpg", "./a.jpg"),
    ],
)
def test_a_path_that_leads_into_the_folder(tmp_path: Path, name: str, inside: str) -> None:
    names = object_column([name.format(here=tmp_path)])

    assert names_inside(names, tmp_path / "images", "val.json").tolist() == [inside]


@pytest.mark.parametrize(
    "name",
    [
        "{here}/a.jpg",
        "{here}/images",
        "../a.jpg",
        "/etc/passwd",
        "..",
        "C:/images/a.jpg",
        "a/../..",
    ],
)
def test_a_path_that_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    names = object_column(["b.jpg", name.format(here=tmp_path)])

    with pytest.raises(DataError, match=r"images\[1\]\.file_name .* leaves the images folder"):
        names_inside(names, tmp_path / "images", "val.json")


def test_a_refused_path_is_shown_as_it_stands(tmp_path: Path) -> None:
    name = f"{tmp_path}/other/a.jpg"
    content = {"images": [{"id": 1, "file_name": name}], "categories": [], "annotations": []}
    (tmp_path / "val.json").write_text(json.dumps(content))

    (result,) = judged(tmp_path, CONFIG.format(match="exact")).values()

    assert f"val.json: images[0].file_name '{name}' leaves the images folder" in result.message


@pytest.mark.parametrize("match_near", [False, True])
def test_labels_and_lists_with_near_names(tmp_path: Path, *, match_near: bool) -> None:
    draw(tmp_path / "images", "A1.jpg", "b 2.jpg")
    write(tmp_path, {"labels/a1.txt": "0 .5 .5 .2 .2", "labels/classes.txt": "cone"})
    write(tmp_path, {"labels/b%202.txt": "0 .5 .5 .2 .2", "labels/c.txt": ""})
    draw(tmp_path / "images", "c.jpg")

    dataset = READERS["yolo"](split(tmp_path, match_near=match_near))

    assert bool(dataset.gaps) is not match_near
    if match_near:
        assert dataset.images.file_name[dataset.boxes.image].tolist() == ["A1.jpg", "b 2.jpg"]


@pytest.mark.parametrize("match_near", [False, True])
def test_an_old_name_inside_the_xml(tmp_path: Path, *, match_near: bool) -> None:
    """The image was renamed together with its XML file, and the name in it stayed."""
    Image.new("RGB", (20, 10)).save(tmp_path / "IMG_7.jpg")
    (tmp_path / "images").mkdir()
    (tmp_path / "IMG_7.jpg").rename(tmp_path / "images" / "site_0001.jpg")
    xml = (
        "<annotation><filename>IMG_7.JPG</filename><size><width>0</width><height>0</height></size>"
        "<object><name>cone</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax>"
        "</bndbox></object></annotation>"
    )
    write(tmp_path, {"labels/site_0001.xml": xml})
    if not match_near:
        with pytest.raises(DataError, match="none of the 1 image "):
            READERS["voc"](split(tmp_path))
        return

    dataset = READERS["voc"](split(tmp_path, match_near=True))

    assert dataset.images.file_name.tolist() == ["site_0001.jpg"]
    assert (dataset.images.width[0], dataset.images.height[0]) == (20, 10)
    assert dataset.boxes.xywh.tolist() == [[1, 2, 4, 4]]
