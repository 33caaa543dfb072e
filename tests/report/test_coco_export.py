"""The COCO file that findings become: what an annotation tool is given to open."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from pycocotools.coco import COCO

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.report.coco_export import CocoExport, FindingsOnImages, coco_export
from tests.content import write_json


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Three images with ids that do not start at 1; one annotation has no listed class, one is
    not finite."""
    box = {"iscrowd": 0, "area": 12.5}
    content = {
        "images": [
            {"id": 70, "file_name": "a.jpg", "width": 640, "height": 480},
            {"id": 10, "file_name": "sub/b.jpg", "width": 320, "height": 240},
            {"id": 40, "file_name": "c.jpg"},
        ],
        "categories": [{"id": 5, "name": "helmet"}, {"id": 9, "name": "vest"}],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 9, "bbox": [1, 2, 3, 4], **box},
            {"id": 2, "image_id": 70, "category_id": 5, "bbox": [5, 6, 7, 8], **box},
            {"id": 3, "image_id": 10, "category_id": 77, "bbox": [9, 9, 2, 2], "iscrowd": 1},
            {"id": 4, "image_id": 10, "category_id": 5, "bbox": [0, 0, math.inf, 2], **box},
            {"id": 5, "image_id": 40, "category_id": 5, "bbox": [0, 0, 1, 1], **box},
        ],
    }
    return read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")


def findings_by_file(*findings: Finding) -> dict[str, list[Finding]]:
    """Findings by file name."""
    gathered = FindingsOnImages(["val"])
    for finding in findings:
        gathered.add(finding)
    return gathered.by_dataset["val"]


def entries(file: CocoExport) -> list[dict[str, Any]]:
    """The annotations of a file."""
    return msgspec.json.decode(file.annotations, type=list[dict[str, Any]])


def test_images_annotations_and_found_boxes(dataset: Dataset) -> None:
    file = coco_export(
        dataset,
        findings_by_file(
            Finding(
                text="helmet 0.90", image="sub/b.jpg", box=(1, 1, 5, 6), label="helmet", score=0.9
            ),
            Finding(text="odd frame", image="sub/b.jpg"),
        ),
    )

    assert file == CocoExport(
        info={
            "dataset": "val",
            "findings": 2,
            "findings_left_out": 0,
            "annotations_left_out": 1,
        },
        images=[
            {
                "id": 1,
                "file_name": "sub/b.jpg",
                "width": 320,
                "height": 240,
                "findings": ["odd frame"],
            }
        ],
        categories=[
            {"id": 1, "name": "helmet", "supercategory": ""},
            {"id": 2, "name": "vest", "supercategory": ""},
            {"id": 3, "name": "77 (not listed)", "supercategory": ""},
            {"id": 4, "name": "detgate: helmet", "supercategory": "detgate"},
        ],
        annotations=file.annotations,
    )
    assert entries(file) == (
        [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 2,
                "bbox": [1.0, 2.0, 3.0, 4.0],
                "area": 12.5,
                "segmentation": [],
                "iscrowd": 0,
            },
            {
                "id": 2,
                "image_id": 1,
                "category_id": 3,
                "bbox": [9.0, 9.0, 2.0, 2.0],
                "area": 4.0,
                "segmentation": [],
                "iscrowd": 1,
            },
            {
                "id": 3,
                "image_id": 1,
                "category_id": 4,
                "bbox": [1.0, 1.0, 5.0, 6.0],
                "area": 30.0,
                "segmentation": [],
                "iscrowd": 0,
                "attributes": {"finding": "helmet 0.90", "score": 0.9},
            },
        ]
    )


def test_pycocotools_opens_it(dataset: Dataset, tmp_path: Path) -> None:
    box = (1.0, 1.0, 5.0, 6.0)
    file = coco_export(
        dataset,
        findings_by_file(*(Finding(text="", image=name, box=box) for name in ("c.jpg", "a.jpg"))),
    )
    path = tmp_path / "findings.json"
    path.write_bytes(msgspec.json.encode(file))

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))

    assert sorted(coco.getImgIds()) == [1, 2]
    assert sorted(coco.getAnnIds()) == [1, 2, 3, 4]
    assert len(coco.getAnnIds(catIds=coco.getCatIds(supNms=["detgate"]))) == 2
    assert [entry["file_name"] for entry in coco.loadImgs([1, 2])] == ["a.jpg", "c.jpg"]


def test_what_coco_cannot_say_is_counted(dataset: Dataset) -> None:
    file = coco_export(
        dataset,
        findings_by_file(
            Finding(text="no such image", image="../gone.jpg"),
            Finding(text="bad box", image="a.jpg", box=(0, 0, math.nan, 1)),
            Finding(text="good box", image="a.jpg", box=(0, 0, 1, 1), score=math.nan),
        ),
    )

    assert file.info["findings"] == 3
    assert file.info["findings_left_out"] == 2
    content = msgspec.json.decode(encode(file))
    assert "Infinity" not in json.dumps(content, allow_nan=False)
    assert entries(file)[-1]["attributes"] == {"finding": "good box"}


def test_class_that_has_the_name_of_a_category_of_ours(tmp_path: Path) -> None:
    """As when the annotations of an earlier findings file were taken over."""
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "detgate: finding"}],
        "annotations": [],
    }
    dataset = read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")

    file = coco_export(dataset, findings_by_file(Finding(text="", image="a.jpg", box=(0, 0, 1, 1))))

    assert isinstance(file.categories, list)
    names = [category["name"] for category in file.categories]
    assert names == ["detgate: finding", "detgate detgate: finding"]


def test_size_is_read_from_an_image_inside_the_folder(
    tmp_path: Path,
) -> None:
    """Picture is asked for a size that the file does not state and none outside is."""
    outside = tmp_path / "outside.png"
    Image.new("RGB", (50, 40)).save(outside)
    folder = tmp_path / "probe"
    folder.mkdir()
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    (folder / "broken.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(outside)
    names = ("a.png", "broken.png", "link.png")

    file = coco_export(
        read_folder(folder, "probe"), {name: [Finding(text="", image=name)] for name in names}
    )

    assert file.images == [
        {"id": 1, "file_name": "a.png", "width": 30, "height": 20, "findings": [""]},
        {"id": 2, "file_name": "broken.png", "findings": [""]},
    ]
    assert file.info["findings_left_out"] == 1


def test_finding_that_names_no_data_set_belongs_to_the_only_one() -> None:
    finding = Finding(text="", image="a.jpg")
    first, two = FindingsOnImages(["val"]), FindingsOnImages(["train", "val"])

    first.add(finding)
    two.add(finding)
    two.add(Finding(text="", dataset="val"))

    assert first.by_dataset == {"val": {"a.jpg": [finding]}}
    assert two.by_dataset == {}


def test_many_annotations_are_numbered_on(tmp_path: Path) -> None:
    """They become text a thousand at a time."""
    images = [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}]
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    content = {
        "images": images,
        "categories": [{"id": 1, "name": "helmet"}],
        "annotations": [{"id": number, **row} for number in range(2500)],
    }
    dataset = read_coco(write_json(tmp_path / "val.json", content), tmp_path, "val")
    box = Finding(text="too small", image="a.jpg", box=(0, 0, 1, 1))

    file = coco_export(dataset, findings_by_file(box, box))

    assert [entry["id"] for entry in entries(file)] == [*range(1, 2503)]
    assert [entry["category_id"] for entry in entries(file)] == [1] * 2500 + [2] * 2
