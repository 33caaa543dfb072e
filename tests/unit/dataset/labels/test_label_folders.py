"""Every file in a folder of labels is a label, a known file beside them, or named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import judged, measured
from tests.unit.label_files import READERS, draw, split, unlabelled, write

BOX = "0 .5 .5 .2 .2"
VOC = (
    "<annotation><filename>{}</filename><size><width>100</width><height>50</height></size>"
    "<object><name>cone</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"
    "</bndbox></object></annotation>"
)


def voc(image: str) -> str:
    return VOC.format(image)


def read(
    folder: Path, kind: str, labels: Mapping[str, str], *images: str, **options: Any
) -> Dataset:
    draw(folder / "images", *images)
    names = {"classes.txt": "cone"} if kind == "yolo" else {}
    write(folder, names)
    write(folder / "labels", labels)
    classes = folder / "classes.txt" if kind == "yolo" else None
    given: dict[str, Any] = {"classes": classes, "background": True, **options}
    return READERS[kind](split(folder, **given))


def named(dataset: Dataset) -> list[str]:
    return [name for gap in dataset.gaps if gap.kind == "other-labels" for name in gap.examples]


def test_labels_are_known_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    dataset = read(tmp_path, "yolo", {"a.txt": BOX, "b.TXT": BOX}, "a.jpg", "b.jpg", "c.jpg")

    assert dataset.boxes.image.tolist() == [0, 1]
    assert dataset.empty_images().tolist() == [2]
    assert not dataset.gaps
    # The label of an image that is not there keeps its row.
    gone = read(tmp_path, "yolo", {"gone.TXT": BOX})
    assert gone.images.file_name.tolist()[-1] == "gone.jpg"


def test_two_spellings_of_one_label(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jpg has two labels, a\.TXT and a\.txt"):
        read(tmp_path, "yolo", {"a.txt": BOX, "a.TXT": BOX}, "a.jpg")


@pytest.mark.parametrize(
    ("kind", "label", "other"),
    [
        ("yolo", "a.txt", ".x/b.txt"),
        ("yolo", "a.txt", "sub/.x/deep/b.TXT"),
        ("yolo", "a.txt", ".b.txt"),
        ("yolo", "a.txt", "b.txt.bak"),
        ("yolo", "a.txt", "b.json"),
        ("yolo", "a.txt", "b"),
        ("yolo", "a.txt", "b.xml"),
        ("voc", "a.xml", "b.xml.txt"),
        ("voc", "a.xml", ".x/b.xml"),
        ("voc", "a.xml", "b.json"),
    ],
)
def test_what_may_be_a_label_and_is_not_read_is_named(
    tmp_path: Path, kind: str, label: str, other: str
) -> None:
    """The image b.jpg would count as empty otherwise."""
    text = voc("a.jpg") if kind == "voc" else BOX
    dataset = read(tmp_path, kind, {label: text, other: text}, "a.jpg", "b.jpg")

    (name,) = named(dataset)
    assert other.startswith(name)
    config = (
        f'[dataset.splits.train]\nannotations = "labels"\nimages = "images"\nformat = "{kind}"\n'
        'missing-labels = "background"\n{}[rules.empty-gt-share]\nmin = 0.25\n'
    )
    given = 'classes = "classes.txt"\n' if kind == "yolo" else ""
    (result,) = judged(tmp_path, config.format(given)).values()
    assert result.verdict == "not-evaluated"
    assert name in result.message
    allowed = config.format(f"{given}allow-other-files = true\n")
    (result,) = judged(tmp_path, allowed).values()
    assert result.verdict == "passed"


def test_files_that_may_lie_beside_labels(tmp_path: Path) -> None:
    beside = ("README.md", "LICENSE", "data.yaml", "train.cache", ".DS_Store", "._a.txt", "a.jpg")
    files = dict.fromkeys(beside, "x") | {"classes.txt": "cone", ".x/notes.md": "x"}
    dataset = read(tmp_path, "yolo", {"a.txt": BOX, **files}, "a.jpg")

    assert not dataset.gaps


def test_a_list_of_classes_that_is_the_label_of_an_image(tmp_path: Path) -> None:
    dataset = read(tmp_path, "yolo", {"a.txt": BOX, "classes.txt": BOX}, "a.jpg", "classes.jpg")

    assert dataset.boxes.image.tolist() == [0, 1]
    own = tmp_path / "labels/classes.txt"
    own.write_text("cone")
    dataset = READERS["yolo"](split(tmp_path, classes=own, background=True))
    assert named(dataset) == ["classes.txt"]


def test_a_list_says_which_images_count(tmp_path: Path) -> None:
    """Of b there is something that is no label, c is an image of another split."""
    labels = {"a.txt": BOX, "b.json": "{}", "c.json": "{}"}
    listed = tmp_path / "list.txt"
    listed.write_text("a.jpg\nb.jpg\n")
    dataset = read(tmp_path, "yolo", labels, "a.jpg", "b.jpg", "c.jpg", listed=listed)

    assert named(dataset) == ["b.json"]
    assert unlabelled(dataset) == []


def test_labels_among_the_images_are_named_once(tmp_path: Path) -> None:
    draw(tmp_path / "all", "a.jpg")
    write(tmp_path / "all", {"a.txt": BOX, "classes.txt": "cone", "notes.doc": ""})
    config = (
        '[dataset.splits.train]\nannotations = "all"\nimages = "all"\nformat = "yolo"\n'
        "[rules.empty-gt-share]\nmax = 1.0\n"
    )
    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "not-evaluated"
    assert result.message.count("notes.doc") == 1


@pytest.mark.parametrize("kind", ["cvat", "coco"])
def test_an_image_that_is_missing_is_not_empty(tmp_path: Path, kind: str) -> None:
    """Of 10 images 9 have no box, and no file."""
    draw(tmp_path / "images", "a.jpg")
    box = '<box label="cone" xtl="1" ytl="1" xbr="20" ybr="20"/>'
    image = '<image id="{}" name="{}.jpg" width="100" height="50">{}</image>'
    others = "".join(image.format(number, f"z{number}", "") for number in range(9))
    write(tmp_path, {"a.xml": f"<annotations>{image.format(9, 'a', box)}{others}</annotations>"})
    named: dict[str, list[Any]] = {f"z{number}.jpg": [] for number in range(9)}
    write_json(
        tmp_path / "a.json", coco_content({"a.jpg": [("cone", 1, 1, 19, 19)], **named}, ["cone"])
    )
    name = "a.xml" if kind == "cvat" else "a.json"
    config = (
        f'[dataset.splits.train]\nannotations = "{name}"\nimages = "images"\nformat = "{kind}"\n'
        "[rules.empty-gt-share]\nmin = 0.25\n"
    )

    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "failed"
    assert measured(result)["share"] == 0
    assert (result.looked_at, result.to_look_at) == (1, 10)
    (result,) = judged(tmp_path, config.replace("min = 0.25", "max = 0.5")).values()
    assert result.verdict == "not-evaluated"
    assert "9 images without annotation are missing: z0.jpg" in result.message
    draw(tmp_path / "images", *named)
    (result,) = judged(tmp_path, config).values()
    assert (result.verdict, measured(result)["share"]) == ("passed", 0.9)
