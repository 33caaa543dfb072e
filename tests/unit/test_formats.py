"""Labels of other formats give the tables that COCO gives, and what is missing is not empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.dataset.coco import read_coco
from pytest_detgate.dataset.formats import label_readers
from pytest_detgate.dataset.labelled import SplitFiles
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import DataError
from tests.judged import judged, measured

READERS = label_readers()


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def draw(folder: Path, *names: str, size: tuple[int, int] = (100, 50)) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(folder / name)


def split(folder: Path, labels: str = "labels", **options: Any) -> SplitFiles:
    return SplitFiles(name="train", labels=folder / labels, images=folder / "images", **options)


def unlabelled(dataset: Dataset) -> list[str]:
    assert dataset.images.unlabelled is not None
    return list(dataset.images.file_name[dataset.images.unlabelled].tolist())


def rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    """Every box with its image and class by name."""
    return [
        (
            dataset.images.file_name[image],
            dataset.classes[category],
            dataset.images.width[image],
            dataset.images.height[image],
            *xywh,
        )
        for image, category, xywh in zip(
            dataset.boxes.image.tolist(),
            dataset.boxes.category.tolist(),
            dataset.boxes.xywh.tolist(),
            strict=True,
        )
    ]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "labels", "tolerance"),
    [
        ("voc", "pascalvoc_format", 0),
        ("cvat", "cvat_format/annotations.xml", 0),
        # Ten decimals of a share of at most 500 pixels.
        ("openimages", "openimages_format/all_bounding_boxes.csv", 500 * 1e-10),
        # Six decimals; the corner is a centre and half a size, each rounded.
        ("yolo", "yolo_format/obj_train_data", 500 * 0.75e-6),
    ],
)
def test_one_ground_truth_in_six_formats(
    shared_data: Path, name: str, labels: str, tolerance: float
) -> None:
    base = shared_data / "formats-voc100"
    images = base / "images"
    first = read_coco(base / "gts/coco_format_v1/instances_default.json", images, "x")
    second = read_coco(base / "gts/coco_format_v2/instances_v2.json", images, "x")
    files = SplitFiles(name="x", labels=base / "gts" / labels, images=images)

    other = READERS[name](files)

    assert sorted(rows(second)) == sorted(rows(first))
    assert len(other.images) == 100
    of_other, of_first = sorted(rows(other)), sorted(rows(first))
    assert [row[:4] for row in of_other] == [row[:4] for row in of_first]
    found, wanted = (np.array([row[4:] for row in table]) for table in (of_other, of_first))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)
    assert set(other.classes) == set(first.classes)
    assert other.notes == ()


@pytest.mark.shared
def test_image_sets_of_voc(shared_data: Path) -> None:
    base = shared_data / "bccd"
    found = {}
    for name in ("train", "val", "test"):
        dataset = READERS["voc"](
            SplitFiles(
                name=name,
                labels=base / "Annotations",
                images=base / "JPEGImages",
                listed=base / "ImageSets" / "Main" / f"{name}.txt",
            )
        )
        found[name] = (len(dataset.images), len(dataset.boxes), len(unlabelled(dataset)))

    assert {name: images for name, (images, _, _) in found.items()} == {
        "train": 205,
        "val": 87,
        "test": 72,
    }
    assert sum(boxes for _, boxes, _ in found.values()) == 4888
    assert sum(missing for _, _, missing in found.values()) == 0


@pytest.mark.shared
@pytest.mark.parametrize(("name", "n", "empty"), [("train", 110, 6), ("valid", 114, 10)])
def test_yolo_equals_the_coco_files_made_of_it(
    shared_data: Path, name: str, n: int, empty: int
) -> None:
    base = shared_data / "css-ppe"
    coco = read_coco(base / "coco" / f"all-{name}.json", base / name / "images", name)

    yolo = READERS["yolo"](
        SplitFiles(
            name=name,
            labels=base / name / "labels",
            images=base / name / "images",
            classes=base / "data.yaml",
        )
    )

    assert len(yolo.images) == n
    assert len(yolo.empty_images()) == empty
    assert unlabelled(yolo) == []
    # By image, and there in the order of the lines: numbers that differ in the last digit do not
    # sort alike.
    of_yolo, of_coco = (sorted(rows(d), key=lambda row: str(row[0])) for d in (yolo, coco))
    assert [row[:4] for row in of_yolo] == [row[:4] for row in of_coco]
    found, wanted = (np.array([row[4:] for row in table]) for table in (of_yolo, of_coco))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3)


def test_yolo_by_hand(tmp_path: Path) -> None:
    """0.5 ± 0.1 of 100 and 0.4 ± 0.3 of 50 pixels; a class that is not listed keeps its number."""
    draw(tmp_path / "images", "a.jpg", "sub/b.png", "missing.jpg", "empty.jpg")
    write(
        tmp_path / "labels",
        {
            "a.txt": "1 0.5 0.4 0.2 0.6\n\n7 0.5 0.5 0.1 0.1\n",
            "sub/b.txt": "0 .5 .5 1 1",
            "empty.txt": "",
            "classes.txt": "cone\nhard hat\n",
        },
    )

    dataset = READERS["yolo"](split(tmp_path))

    assert dataset.images.file_name.tolist() == ["a.jpg", "empty.jpg", "missing.jpg", "sub/b.png"]
    assert dataset.classes == ("cone", "hard hat")
    np.testing.assert_allclose(
        dataset.boxes.xywh, np.array([[40, 5, 20, 30], [45, 22.5, 10, 5], [0, 0, 100, 50]])
    )
    assert dataset.boxes.category.tolist() == [1, UNLISTED, 0]
    assert dataset.boxes.category_id.tolist() == [1, 7, 0]
    assert dataset.boxes.id.tolist() == ["a.txt:1", "a.txt:3", "sub/b.txt:1"]
    assert unlabelled(dataset) == ["missing.jpg"]
    assert dataset.images.file_name[dataset.empty_images()].tolist() == ["empty.jpg"]
    assert dataset.notes == ("1 images have no label file, which is not the same as an empty one",)


def test_yolo_label_without_a_picture_is_a_picture_that_is_not_there(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": "", "b.txt": "0 .5 .5 1 1", "obj.names": "cone"})

    dataset = READERS["yolo"](split(tmp_path))

    assert dataset.images.file_name.tolist() == ["a.jpg", "b.jpg"]
    assert np.isnan(dataset.boxes.xywh).all()
    assert dataset.notes == (
        "1 label files have no picture, first b.txt",
        "1 pictures cannot be read, so their boxes have no pixels",
    )


def test_a_list_says_which_pictures_the_split_has(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    write(tmp_path / "labels", {"a.txt": "", "b.txt": "", "c.txt": "", "classes.txt": "cone"})
    write(tmp_path, {"train.txt": "data/obj_train_data/c.jpg\na.jpg\n\n../../etc/passwd\nd 1\n"})

    dataset = READERS["yolo"](split(tmp_path, listed=tmp_path / "train.txt"))

    assert dataset.images.file_name.tolist() == ["c.jpg", "a.jpg", "passwd.jpg", "d.jpg"]
    assert unlabelled(dataset) == ["passwd.jpg", "d.jpg"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 .5 .5 .1", "line 2: expected a class number and four numbers, found 4 words"),
        ("0 .5 .5 .1 .1 .9", "found 6 words"),
        ("0 .1 .1 .2 .2 .3 .3", "found 7 words"),
        ("cone .5 .5 .1 .1", "found 'cone .5 .5 .1 .1'"),
        ("0.5 .5 .5 .1 .1", "found '0.5 .5 .5 .1 .1'"),
        ("0 .5 .5 .1 wide", "found '0 .5 .5 .1 wide'"),
    ],
)
def test_yolo_line_that_is_no_box(tmp_path: Path, line: str, expected: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": f"0 .5 .5 .1 .1\n{line}\n", "classes.txt": "cone"})

    with pytest.raises(DataError) as caught:
        READERS["yolo"](split(tmp_path))

    assert expected in str(caught.value)
    assert str(tmp_path / "labels" / "a.txt") in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("names.txt", "cone\nhard hat\n\n"),
        ("obj.names", "cone\r\nhard hat"),
        ("data.yaml", "nc: 2\nnames: ['cone', \"hard hat\"]  # two\npath: ..\n"),
        ("data.yaml", "names: [cone, hard hat]\n"),
        ("data.yaml", "names:\n- cone\n- hard hat\nnc: 2\n"),
        ("data.yaml", "names: # by number\n  1: 'hard hat'\n  0: cone\n\ntrain: x\n"),
        ("data.yml", "names: {0: 'cone', 1: 'hard hat'}\n"),
    ],
)
def test_class_names(tmp_path: Path, file: str, text: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": "1 .5 .5 1 1", file: text})

    dataset = READERS["yolo"](split(tmp_path, classes=tmp_path / file))

    assert dataset.classes == ("cone", "hard hat")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train: x\n", "no `names`"),
        ("names:\n  0: cone\n  2: vest\n", "expected classes numbered from 0 on"),
        ("names:\n", "expected a name for each class"),
        ("names: 5\n", "expected a list after `names:`"),
    ],
)
def test_class_names_that_cannot_be_told(tmp_path: Path, text: str, expected: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": "", "labels/data.yaml": text})

    with pytest.raises(DataError) as caught:
        READERS["yolo"](split(tmp_path))

    assert expected in str(caught.value)


def test_no_class_names_at_all(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": ""})

    with pytest.raises(DataError, match=r"no names of the classes: none of data\.yaml, classes"):
        READERS["yolo"](split(tmp_path))


def test_two_pictures_of_one_label_file(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "a.png")
    write(tmp_path, {"labels/a.txt": "", "labels/classes.txt": "cone"})

    with pytest.raises(DataError, match=r"a\.txt: is the label file of both a\.jpg and a\.png"):
        READERS["yolo"](split(tmp_path))


def voc(*boxes: tuple[str, str], name: str = "a.jpg") -> str:
    objects = "".join(f"<object><name>{kind}</name>{rest}</object>" for kind, rest in boxes)
    size = "<size><width>100</width><height>50</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def corners(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>"


def test_voc_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    difficult = "<difficult>1</difficult>" + corners(1, 1, 2, 2)
    write(
        tmp_path / "labels",
        {
            "a.xml": voc(
                ("cone", corners(10, 5, 30, 45)), ("vest", corners(5, 5, 5, 5)), ("vest", difficult)
            ),
            "b.xml": voc(name="b.jpg"),
        },
    )

    dataset = READERS["voc"](split(tmp_path))

    assert dataset.boxes.xywh.tolist() == [[10, 5, 20, 40], [5, 5, 0, 0], [1, 1, 1, 1]]
    assert dataset.boxes.crowd.tolist() == [False, False, True]
    assert [dataset.classes[at] for at in dataset.boxes.category] == ["cone", "vest", "vest"]
    assert dataset.images.width.tolist()[:2] == [100, 100]
    assert unlabelled(dataset) == ["c.jpg"]
    assert dataset.images.file_name[dataset.empty_images()].tolist() == ["b.jpg"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "missing <filename>"),
        (voc(("cone", corners(1, 1, 2, 2)))[:80], "syntax error"),
        (voc(("cone", "")), "has no <bndbox>"),
        (voc(("cone", corners(30, 5, 10, 45))), "inverted"),
        (voc(name="../../etc/passwd"), "leaves the images folder"),
        ('<!DOCTYPE a [<!ENTITY x "' + "y" * 99 + '">]>' + voc(("&x;", corners(1, 1, 2, 2))), ""),
    ],
)
def test_voc_file_that_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.xml": text})

    with pytest.raises(DataError) as caught:
        READERS["voc"](split(tmp_path))

    assert expected in str(caught.value)
    assert str(tmp_path / "labels") in str(caught.value)


CVAT = """<annotations><meta><task><labels><label><name>cone</name></label></labels></task></meta>
<image id="0" name="sub/a.jpg" width="100" height="50">
<box label="cone" xtl="10.5" ytl="5" xbr="30.5" ybr="45"/><polyline label="cone" points="1,2;3,4"/>
</image><image id="1" name="b.jpg" width="100" height="50"/></annotations>"""


def test_cvat_by_hand(tmp_path: Path) -> None:
    write(tmp_path, {"labels.xml": CVAT})

    dataset = READERS["cvat"](split(tmp_path, "labels.xml"))

    assert dataset.images.file_name.tolist() == ["sub/a.jpg", "b.jpg"]
    assert dataset.boxes.xywh.tolist() == [[10.5, 5, 20, 40]]
    assert dataset.images.unlabelled is None
    assert dataset.empty_images().tolist() == [1]
    assert "skipped 1 unsupported shape" in dataset.notes[0]


def test_openimages_by_hand(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg")
    write(
        tmp_path,
        {
            "boxes.csv": "ImageID,Source,LabelName,XMin,XMax,YMin,YMax,IsGroupOf\n"
            'a,,/m/1,"0,1","0,3","0,2","0,6",0\na,,/m/1,0.5,1,0,1,1\n',
            "names.csv": "/m/1,Cone\n",
        },
    )

    dataset = READERS["openimages"](split(tmp_path, "boxes.csv", classes=tmp_path / "names.csv"))

    np.testing.assert_allclose(dataset.boxes.xywh, [[10, 10, 20, 20], [50, 0, 50, 50]])
    assert dataset.classes == ("Cone",)
    assert dataset.boxes.crowd.tolist() == [False, True]
    assert dataset.images.file_name.tolist() == ["a.jpg", "b.jpg"]
    assert unlabelled(dataset) == ["b.jpg"]


@pytest.mark.parametrize("name", READERS)
def test_labels_that_are_not_there(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "images", "a.jpg")

    with pytest.raises(DataError, match="no such"):
        READERS[name](split(tmp_path, "gone"))


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ("min = 0.25", "failed"),
        ("min = 0.25\nmax-missing = 1", "passed"),
        ("min = 0.5\nmax-missing = 1", "failed"),
    ],
)
def test_a_missing_label_file_is_no_declared_negative(
    tmp_path: Path, options: str, verdict: str
) -> None:
    draw(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    write(
        tmp_path / "labels",
        {"a.txt": "0 .5 .5 1 1", "b.txt": "0 .5 .5 1 1", "c.txt": "", "classes.txt": "cone"},
    )
    config = (
        '[dataset.splits.train]\nannotations = "labels"\nimages = "images"\nformat = "yolo"\n'
        f"[rules.empty-gt-share]\n{options}\n[rules.class-ap]\nmin = 0.5\n"
        '[model]\nevaluate-on = "train"\n'
    )

    results = judged(tmp_path, config)

    result = results["empty-gt-share[train]"]
    assert result.verdict == verdict
    assert measured(result) == {
        "share": 0.25,
        "missing": 1,
        "images": 4,
        "empty": 1,
        "crowd_only": 0,
    }
    assert result.message == "1 of 4 images have no annotation; 1 more have no label file"
    assert "class-ap[cone]" in results


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_split_without_pictures(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "images")
    write(tmp_path / "labels", {"classes.txt": "cone"})
    config = (
        '[dataset.splits.train]\nannotations = "labels"\nimages = "images"\nformat = "yolo"\n'
        "[rules.degenerate-boxes]\n"
    )

    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "not-evaluated"
