"""Labels of other formats give the tables that COCO gives, and what is missing is not empty."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from tests.unit.label_files import READERS, draw, split, unlabelled, write


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
    result, wanted = (np.array([row[4:] for row in table]) for table in (of_other, of_first))
    np.testing.assert_allclose(result, wanted, rtol=0, atol=tolerance)
    assert set(other.classes) == set(first.classes)
    assert other.notes == ()


@pytest.mark.shared
def test_image_sets_of_voc(shared_data: Path) -> None:
    base = shared_data / "bccd"
    collected = {}
    for name in ("train", "val", "test"):
        dataset = READERS["voc"](
            SplitFiles(
                name=name,
                labels=base / "Annotations",
                images=base / "JPEGImages",
                listed=base / "ImageSets" / "Main" / f"{name}.txt",
            )
        )
        collected[name] = (len(dataset.images), len(dataset.boxes), len(unlabelled(dataset)))

    assert {name: images for name, (images, _, _) in collected.items()} == {
        "train": 205,
        "val": 87,
        "test": 72,
    }
    assert sum(boxes for _, boxes, _ in collected.values()) == 4888
    assert sum(missing for _, _, missing in collected.values()) == 0


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
    result, wanted = (np.array([row[4:] for row in table]) for table in (of_yolo, of_coco))
    np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-3)


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
    assert [dataset.classes[index] for index in dataset.boxes.category] == ["cone", "vest", "vest"]
    assert dataset.images.width.tolist()[:2] == [100, 100]
    assert unlabelled(dataset) == ["c.jpg"]
    assert dataset.images.file_name[dataset.empty_images()].tolist() == ["b.jpg"]


def test_a_polygon_of_voc_counts_by_its_frame(tmp_path: Path) -> None:
    """Corners of a triangle at (10, 5), (30, 5) and (20, 45), in both ways to write them."""
    draw(tmp_path / "images", "a.jpg")
    triangle = [(10, 5), (30, 5), (20, 45)]
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in triangle)
    numbered = "".join(
        f"<x{number}>{x}</x{number}><y{number}>{y}</y{number}>"
        for number, (x, y) in enumerate(triangle, start=1)
    )
    objects = [("cone", f"<polygon>{form}</polygon>") for form in (points, numbered)]
    write(tmp_path / "labels", {"a.xml": voc(*objects)})

    dataset = READERS["voc"](split(tmp_path))

    assert dataset.boxes.xywh.tolist() == [[10, 5, 20, 40]] * 2


def test_half_a_size_of_voc_is_none(tmp_path: Path) -> None:
    """The size is that of the file, 100 × 50 pixels."""
    draw(tmp_path / "images", "a.jpg")
    half = "<size><width>90</width></size>"
    write(tmp_path / "labels", {"a.xml": re.sub("<size>.*</size>", half, voc())})

    images = READERS["voc"](split(tmp_path)).images

    assert (images.width[0], images.height[0]) == (100, 50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not XML: no element found"),
        ("<annotation><size/></annotation>", "missing <filename>"),
        (voc(("cone", corners(1, 1, 2, 2)))[:80], "not XML: unclosed token"),
        ("<annotation>" + voc(("cone", corners(1, 1, 2, 2))), "not XML: no element found"),
        (
            voc().replace("annotation>", "annotations>"),
            "expected <annotation>, found <annotations>",
        ),
        (voc(("", corners(1, 1, 2, 2))), "object 1 has no <name>"),
        (voc(("cone", corners(1, 1, 2, float("nan")))), "object 1: expected numbers"),
        (voc(("cone", "")), "has no <bndbox>"),
        (voc(("cone", corners(30, 5, 10, 45))), "inverted"),
        (
            voc(("cone", corners(1, 1, 2, 2))).replace("object>", "OBJECT>"),
            "expected <object>, found <OBJECT>",
        ),
        (
            voc(("cone", corners(1, 1, 2, 2))).replace("object>", "item>"),
            "<item> has a <bndbox> and is no <object>",
        ),
        (
            voc(("cone", corners(1, 1, 2, 2)))
            .replace("<object>", "<objects><object>")
            .replace("</object>", "</object></objects>"),
            "<objects> has a <object> and is no <object>",
        ),
        (
            voc(("cone", corners(1, 1, 2, 2))).replace("<object>", '<object xmlns="urn:x">'),
            "expected <object>, found <{urn:x}object>",
        ),
        (
            voc().replace("<size>", corners(1, 1, 2, 2) + "<size>"),
            "<bndbox> has a <xmin> and is no <object>",
        ),
        (voc().replace("<size>", "<bndbox/><size>"), "<bndbox> is in no <object>"),
        (
            voc(("cone", corners(1, 1, 2, 2) + "<part><object/></part>")),
            "<object> has another <object> in it",
        ),
        (
            voc(("cone", corners(1, 1, 2, 2).replace(">2<", ">1_0<"))),
            "object 1: expected numbers",
        ),
        (
            voc(("cone", corners(1, 1, 2, 2) + corners(3, 3, 4, 4))),
            "<object> has more than one <bndbox>",
        ),
        (
            voc().replace("<size>", "<filename>b.jpg</filename><size>"),
            "<annotation> has more than one <filename>",
        ),
        (voc(name="../../etc/passwd"), "none of the 1 image "),
        (
            '<!DOCTYPE a [<!ENTITY x "' + "y" * 99 + '">]>' + voc(("&x;", corners(1, 1, 2, 2))),
            "not XML: a document type",
        ),
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
    assert dataset.notes == ("1 image has shapes that are no boxes (1 polyline), first sub/a.jpg",)


@pytest.mark.parametrize(
    "inside",
    ['<Box label="cone"/>', "<boxes>{}</boxes>", '<tag label="x">{}</tag>', "<box>{}</box>"],
)
def test_a_cvat_image_with_boxes_elsewhere_is_not_looked_at(tmp_path: Path, inside: str) -> None:
    """An image of cvat with boxes in other places is not looked at."""
    box = '<box label="cone" xtl="1" ytl="1" xbr="2" ybr="2"/>'
    last = '<image id="1" name="b.jpg" width="100" height="50"/>'
    result = f"{last[:-2]}>{inside.format(box)}</image>"
    write(tmp_path, {"labels.xml": CVAT.replace(last, result)})

    dataset = READERS["cvat"](split(tmp_path, "labels.xml"))

    (gap,) = dataset.gaps
    assert (gap.kind, gap.count, gap.examples) == ("shapes-not-boxes", 2, ("sub/a.jpg", "b.jpg"))
    attribute = '<tag label="night"><attribute name="x">1</attribute></tag>'
    write(tmp_path, {"labels.xml": CVAT.replace(last, f"{last[:-2]}>{attribute}</image>")})
    (gap,) = READERS["cvat"](split(tmp_path, "labels.xml")).gaps
    assert gap.examples == ("sub/a.jpg",)


@pytest.mark.parametrize("tag", ["IMAGE", "imagex", "frame"])
def test_an_element_of_cvat_that_is_no_image_is_refused(tmp_path: Path, tag: str) -> None:
    last = '<image id="1" name="b.jpg" width="100" height="50"/>'
    write(tmp_path, {"labels.xml": CVAT.replace(last, last.replace("image", tag, 1))})

    with pytest.raises(DataError, match=rf"labels\.xml: expected <image>, found <{tag}>"):
        READERS["cvat"](split(tmp_path, "labels.xml"))


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


def test_openimages_names_must_name_the_classes(tmp_path: Path) -> None:
    """The file of the labels given in place of that of the names."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"boxes.csv": "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/1,0,1,0,1\n"})

    with pytest.raises(DataError, match=r"boxes\.csv: names 0 classes .* not /m/1, which"):
        READERS["openimages"](split(tmp_path, "boxes.csv", classes=tmp_path / "boxes.csv"))


def test_openimages_names_are_a_code_and_a_name_a_line(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    boxes = "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/1,0,1,0,1\n"
    write(tmp_path, {"boxes.csv": boxes, "names.csv": "/m/1,Cone\n/m/2\n"})

    with pytest.raises(DataError, match=r"names\.csv: line 2: expected a code and a name"):
        READERS["openimages"](split(tmp_path, "boxes.csv", classes=tmp_path / "names.csv"))
