"""Result files as tools write them: which image, class and box each line means."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.images.folder import read_folder
from pytest_detgate.dataset.results.class_ids import Numbering
from pytest_detgate.dataset.results.files import class_names_of, read_found
from pytest_detgate.dataset.results.reader import detection_table
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import DataError
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.project import Project
from tests.content import write_json
from tests.judged import judged
from tests.unit.label_files import READERS, draw, split, write

NAMES = ("cam1/000007.jpg", "cam1/b.v2.jpg", "cam2/0012.jpg", "d.jpg")


def yolo(folder: Path, names: tuple[str, ...] = NAMES, classes: str = "helmet\nvest\n") -> Dataset:
    """A YOLO split with a helmet on each image, of 100 × 50 pixels."""
    draw(folder / "images", *names)
    labels = {f"labels/{name[:-4]}.txt": "0 .5 .5 .2 .2\n" for name in names}
    write(folder, {**labels, "labels/classes.txt": classes})
    return READERS["yolo"](split(folder))


def coco(
    folder: Path, ids: tuple[Any, ...] = (5, 7, 9), classes: tuple[int, ...] = (1, 2)
) -> Dataset:
    content = {
        "images": [
            {"id": entry, "file_name": f"{row}.jpg", "width": 100, "height": 50}
            for row, entry in enumerate(ids)
        ],
        "categories": [
            {"id": entry, "name": name}
            for entry, name in zip(classes, ("helmet", "vest"), strict=True)
        ],
        "annotations": [],
    }
    (folder / "val.json").write_text(json.dumps(content))
    return read_coco(folder / "val.json", folder / "images", "val")


def row(image: Any, category: Any = 0, **further: Any) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": category,
        "bbox": [1, 2, 3, 4],
        "score": 0.5,
    } | further


def results(folder: Path, *rows: dict[str, Any], name: str = "r.json") -> Path:
    (folder / name).write_text(json.dumps(list(rows)))
    return folder / name


# Images


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("cam1/000007.jpg", "cam1/000007.jpg"),
        ("000007", "cam1/000007.jpg"),
        (7, "cam1/000007.jpg"),
        (7.0, "cam1/000007.jpg"),
        ("b.v2", "cam1/b.v2.jpg"),
        (12, "cam2/0012.jpg"),
        ("/data/run 1/images/cam2/0012.jpg", "cam2/0012.jpg"),
        ("d.jpg", "d.jpg"),
    ],
)
def test_an_id_is_a_name_or_a_unique_stem(tmp_path: Path, image: Any, name: str) -> None:
    """Text among numbers, as Ultralytics writes stems: those that are numbers as numbers."""
    dataset = yolo(tmp_path)

    table = read_results(results(tmp_path, row("d"), row(image)), dataset)

    assert dataset.images.file_name[table.image].tolist() == ["d.jpg", name]


@pytest.mark.parametrize(
    ("names", "image", "expected"),
    [
        (("a/f.jpg", "b/f.jpg"), "f", "'f' may be any of 2 files: a/f.jpg, b/f.jpg"),
        (("a/07.jpg", "b/7.jpg"), 7, "7 may be any of 2 files of train: a/07.jpg, b/7.jpg"),
        (("a.jpg", "b.jpg"), "c", "image_id 'c' is not an image of train"),
        (("a.jpg", "b.jpg"), "a.v2", "image_id 'a.v2' is not an image of train"),
        (("a.jpg",), "a.png", "image_id 'a.png' is not an image of train"),
        (("a.jpg",), "", "image_id '' is not an image of train"),
        (("x1.jpg",), 77, "expected an id, a file name or its stem, such as 'x1.jpg' or 'x1'"),
    ],
)
def test_an_id_that_means_no_one_image(
    tmp_path: Path, names: tuple[str, ...], image: Any, expected: str
) -> None:
    dataset = yolo(tmp_path, names)

    with pytest.raises(DataError) as caught:
        read_results(results(tmp_path, row(image)), dataset)

    assert expected in str(caught.value)


def test_ids_of_the_file_come_before_stems(tmp_path: Path) -> None:
    """Image 5 is 0.jpg, and no id is a stem of the three."""
    dataset = coco(tmp_path, ids=(1, 2, 0))

    assert read_results(results(tmp_path, row(1, 1)), dataset).image.tolist() == [0]


def test_ids_of_one_file_are_all_of_one_kind(tmp_path: Path) -> None:
    """2 is the id of 1.jpg, and 0 is no id: these are stems, so 2 is 2.jpg."""
    dataset = coco(tmp_path, ids=(1, 2, 3))

    assert read_results(results(tmp_path, row(0, 1), row(2, 1)), dataset).image.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["val/0.jpg", "test/0.jpg", "val/1.jpg", "val/2.jpg"], "'val/0.jpg' and 'test/0.jpg'"),
        (["0.jpg", "0.jpg", "1.jpg", "2.jpg"], "lists 0.jpg of val twice, as image 1 and 2"),
        (["0.jpg", "0", "1.jpg", "2.jpg"], "lists 0.jpg of val twice, as image 1 and 2"),
        (["a/0.jpg", "/b/a/0.jpg", "1.jpg", "2.jpg"], "lists 0.jpg of val twice"),
    ],
)
def test_two_images_of_a_file_are_never_one(
    tmp_path: Path, listed: list[str], expected: str
) -> None:
    images = [{"id": number, "file_name": name} for number, name in enumerate(listed, start=1)]
    content = {"images": images, "annotations": [row(1, 1), row(2, 1)]}

    path = write_json(tmp_path / "r.json", content)
    with pytest.raises(DataError, match=re.escape(expected)):
        read_results(path, coco(tmp_path))


def test_rows_of_two_folders_are_never_of_one_image(tmp_path: Path) -> None:
    rows = [row("val/0.jpg", 1), row("0.jpg", 1), row("/data/val/0.jpg", 1)]
    assert read_results(results(tmp_path, *rows), coco(tmp_path)).image.tolist() == [0, 0, 0]

    with pytest.raises(DataError, match=r"'val/0\.jpg' and 'test/0\.jpg' are two images"):
        read_results(results(tmp_path, *rows, row("test/0.jpg", 1)), coco(tmp_path))


def test_the_file_name_of_a_row_comes_first(tmp_path: Path) -> None:
    dataset = coco(tmp_path, ids=(1, 2, 3))

    table = read_results(results(tmp_path, row(1, 1, file_name="2.jpg")), dataset)

    assert table.image.tolist() == [2]


def test_listed_images_may_be_absolute(tmp_path: Path) -> None:
    dataset = yolo(tmp_path)
    content = {
        "images": [{"id": 1, "file_name": "C:\\run\\cam2\\0012.jpg"}],
        "categories": [{"id": 0, "name": "helmet"}, {"id": 1, "name": "vest"}],
        "annotations": [row(1)],
    }
    (tmp_path / "r.json").write_text(json.dumps(content))

    table = read_results(tmp_path / "r.json", dataset)

    assert dataset.images.file_name[table.image].tolist() == ["cam2/0012.jpg"]
    assert [gap.count for gap in table.gaps] == [3]


# Classes


@pytest.mark.parametrize(
    ("numbers", "first"),
    [([0, 0], 0), ([0, 2], 0), ([1, 3], 1), ([3], 1), ([1.0, 3.0], 1), (["1", "3"], 1)],
)
def test_class_numbers_show_where_they_begin(
    tmp_path: Path, numbers: list[Any], first: int
) -> None:
    dataset = yolo(tmp_path, classes="helmet\nvest\ncone\n")

    table = read_results(results(tmp_path, *(row("d", number) for number in numbers)), dataset)

    assert table.category.tolist() == [int(float(number)) - first for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2], "category_id 1 to 2 of 3 classes may count from 0 or from 1; say which by first-"),
        ([1], "category_id 1 of 3 classes may count from 0 or from 1"),
        ([0, 4], "class number 4 is none of 3 classes, counted from 0"),
        ([1, 90], "category_id 90 is no class of train, which has 3"),
        (["helmett"], "category_id 'helmett' is no class number"),
        ([10**30], "a class number is too large"),
    ],
)
def test_class_numbers_that_are_not_guessed(
    tmp_path: Path, numbers: list[Any], expected: str
) -> None:
    dataset = yolo(tmp_path, classes="helmet\nvest\ncone\n")

    with pytest.raises(DataError) as caught:
        read_results(results(tmp_path, *(row("d", number) for number in numbers)), dataset)

    assert expected in str(caught.value)


def numbered(path: Path, dataset: Dataset, **numbering: Any) -> DetectionTable:
    return detection_table(read_found([path]), dataset, numbering=Numbering(**numbering))


def test_the_project_says_where_class_numbers_begin(tmp_path: Path) -> None:
    dataset = yolo(tmp_path, classes="helmet\nvest\ncone\n")
    path = results(tmp_path, row("d", 1))

    assert numbered(path, dataset, first=1).category.tolist() == [0]
    assert numbered(path, dataset, first=0).category.tolist() == [1]
    assert numbered(path, dataset, shown_first=1).category.tolist() == [0]


def test_a_file_may_name_the_classes_by_number(tmp_path: Path) -> None:
    """The numbers of the detector, which are not the ids of the split."""
    (tmp_path / "names.txt").write_text("vest\nhelmet\n")
    coco(tmp_path, classes=(7, 9))
    path = results(tmp_path, row(5, 0), row(7, 1))
    config = tmp_path / "detgate.toml"
    config.write_text(
        '[dataset.splits.val]\nannotations = "val.json"\nimages = "."\n'
        '[model]\nclasses = "names.txt"\n[rules.duplicate-ids]\n'
    )
    project = Project(load_configuration(config), tmp_path)

    table = ResultFiles({"val": path}, project).detections(project.read("val"))

    assert [table.classes[index] for index in table.category] == ["vest", "helmet"]


def test_ids_of_a_coco_file_are_never_numbers(tmp_path: Path) -> None:
    dataset = coco(tmp_path, classes=(2, 1))

    assert read_results(results(tmp_path, row(5, 1)), dataset).category.tolist() == [1]
    assert read_results(results(tmp_path, row(5, "helmet")), dataset).category.tolist() == [0]
    with pytest.raises(DataError, match=r"category_id 0 is not a category of val \(its ids: 2, 1"):
        read_results(results(tmp_path, row(5, 0)), dataset)
    table = numbered(results(tmp_path, row(5, 0)), dataset, stated=("vest", "helmet"))
    assert table.classes[table.category[0]] == "vest"


def test_a_class_twice_in_the_truth_blames_the_truth(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    text = (tmp_path / "val.json").read_text().replace("vest", "helmet")
    (tmp_path / "val.json").write_text(text)
    dataset = read_coco(tmp_path / "val.json", tmp_path, "val")

    with pytest.raises(DataError, match=r"val\.json: 'helmet' names more than one category"):
        read_results(results(tmp_path, row(5, 1)), dataset)


def test_a_class_of_another_split_blames_the_truth(tmp_path: Path) -> None:
    content = {"categories": [{"id": 1, "name": "west"}], "annotations": [], "images": []}
    (tmp_path / "r.json").write_text(json.dumps(content))

    with pytest.raises(DataError, match=r"it is a class of train, so the names in .*val\.json may"):
        numbered(tmp_path / "r.json", coco(tmp_path), elsewhere=lambda: [("train", ("west",))])


# Folders


def test_a_folder_of_yolo_files(tmp_path: Path) -> None:
    """0.1 and 0.2 of 100 × 50 pixels around the centre; a triangle up to 0.4 and 0.6."""
    dataset = yolo(tmp_path)
    write(
        tmp_path / "run" / "labels",
        {
            "d.txt": "0 .5 .5 .1 .2 0.9\n1 .2 .2 .4 .2 .4 .6 0.25\n",
            "cam1/b.v2.txt": "1.0 .5 .5 1 1 1\n",
            "._d.txt": "\0",
            "readme.txt": "text",
        },
    )

    table = read_results(tmp_path / "run", dataset)

    assert dataset.images.file_name[table.image].tolist() == ["cam1/b.v2.jpg", "d.jpg", "d.jpg"]
    expected = [[0, 0, 100, 50], [45, 20, 10, 10], [20, 10, 20, 20]]
    np.testing.assert_allclose(table.xywh, expected)
    assert table.score.tolist() == [1, 0.9, 0.25]
    assert table.category.tolist() == [1, 0, 1]
    assert table.gaps == ()
    assert table.notes[0] == "1 polygon is read as their frames"
    assert table.notes[1].endswith("images without detections (2 of 4)")


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("d.txt", "0 .5 .5 .1 .2", r"line 1: has no score; save the detections with save_conf"),
        ("d.txt", "0 .5 .5 .1 .2 1.5", r"d\.txt:1: score 1\.5 is not between 0 and 1"),
        ("d.txt", "0 .5 .5 .1 .2 nan", r"d\.txt:1: score nan is not between 0 and 1"),
        ("d.txt", "helmet .5 .5 .1 .2 .9", "expected a class number and four numbers and a score"),
        ("d.txt", "0 .5 .5 .1 .2 .9 3", "7 words: .*looks like a track number, as `track`"),
        ("e.txt", "0 .5 .5 .1 .2 .9", "'e' is not an image of train"),
        ("d.txt", "2 .5 .5 .1 .2 .9", "class number 2 is none of 2 classes"),
        ("d.txt", "0 .5 .5 -1 .2 .9", r"d\.txt:1: a box of width -1 and height 0\.2 is none"),
        ("d.txt", "0 .5 .5 .1 -.2 .9", r"d\.txt:1: a box of width 0\.1 and height -0\.2 is none"),
        ("d.txt", "0 nan .5 .1 .2 .9", r"d\.txt:1: a box of"),
        ("d.txt", "0 .5 .5 inf .2 .9", r"d\.txt:1: a box of width inf"),
    ],
)
def test_a_folder_of_wrong_yolo_files(tmp_path: Path, name: str, line: str, expected: str) -> None:
    dataset = yolo(tmp_path)
    write(tmp_path / "run", {name: line})

    with pytest.raises(DataError, match=expected):
        read_results(tmp_path / "run", dataset)


def test_yolo_files_without_a_detection_say_what_was_looked_at(tmp_path: Path) -> None:
    dataset = yolo(tmp_path)
    write(tmp_path / "run", {"d.txt": "", "cam1/b.v2.txt": "\n"})

    table = read_results(tmp_path / "run", dataset)

    assert [(gap.kind, gap.count) for gap in table.gaps] == [("images-without-detections", 2)]


def test_a_yolo_folder_for_a_coco_split_needs_class_names(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    write(tmp_path / "run", {"labels/1.txt": "1 .5 .5 .1 .2 .9\n"})

    with pytest.raises(DataError, match=r"list their names by \[model\] classes, or put the data"):
        read_results(tmp_path / "run", dataset)
    write(tmp_path / "run", {"data.yaml": "names: [vest, helmet]\n"})
    table = read_results(tmp_path / "run", dataset)

    assert table.classes[table.category[0]] == "helmet"
    np.testing.assert_allclose(table.xywh, [[45, 20, 10, 10]])


def test_the_folder_of_mmdetections_inferencer(tmp_path: Path) -> None:
    """Corners in pixels; a file for each image, also without detections."""
    dataset = yolo(tmp_path)
    detections = {"labels": [1, 0], "scores": [0.9, 0.1], "bboxes": [[1, 2, 5, 8], [0, 0, 10, 10]]}
    empty: dict[str, Any] = {"labels": [], "scores": [], "bboxes": []}
    write(
        tmp_path / "out" / "preds",
        {"d.json": json.dumps(detections), "000007.json": json.dumps(empty)},
    )

    table = read_results(tmp_path / "out", dataset)

    assert table.xywh.tolist() == [[1, 2, 4, 6], [0, 0, 10, 10]]
    assert table.category.tolist() == [1, 0]
    assert [(gap.kind, gap.count) for gap in table.gaps] == [("images-without-detections", 2)]


def test_an_inferencer_file_with_lists_of_other_lengths(tmp_path: Path) -> None:
    detections = {"labels": [1, 0], "scores": [0.9], "bboxes": [[1, 2, 5, 8]]}
    write(tmp_path / "preds", {"d.json": json.dumps(detections)})

    with pytest.raises(DataError, match=r"d\.json: 2 labels, 1 score and 1 bbox"):
        read_results(tmp_path / "preds", yolo(tmp_path))


@pytest.mark.parametrize("label", [2**63, -(2**63) - 1, 10**400])
def test_an_inferencer_file_with_a_huge_class_number(tmp_path: Path, label: int) -> None:
    detections = {"labels": [label], "scores": [0.9], "bboxes": [[1, 2, 5, 8]]}
    write(tmp_path / "preds", {"d.json": json.dumps(detections)})

    with pytest.raises(DataError, match=r"d\.json: Expected `int` .* at `\$\.labels\[0\]`"):
        read_results(tmp_path / "preds", yolo(tmp_path))


def test_a_line_of_detections_without_four_numbers(tmp_path: Path) -> None:
    """Four corners and no score, where a polygon of four corners has nine numbers."""
    dataset = yolo(tmp_path)
    write(tmp_path / "run", {"d.txt": "0 .1 .1 .2 .1 .2 .2 .1 .2\n"})

    with pytest.raises(DataError, match=r"d\.txt: line 1: expected .*four numbers and a score"):
        read_results(tmp_path / "run", dataset)
    write(tmp_path / "run", {"d.txt": "0 .1 .1 .2 .1 .2 .2 .1 .2 .9\n"})

    np.testing.assert_allclose(read_results(tmp_path / "run", dataset).xywh, [[10, 5, 10, 5]])


def test_names_of_a_folder_are_those_beside_it(tmp_path: Path) -> None:
    files = {"labels/d.txt": "0 .5 .5 .1 .2 .9\n"}
    write(tmp_path / "bare", files)
    write(tmp_path / "run", {**files, "data.yaml": "names: [vest, helmet]\n"})

    assert class_names_of([tmp_path / "run"]) == ("vest", "helmet")
    with pytest.raises(DataError, match="bare: carries no class names, only ids"):
        class_names_of([tmp_path / "run", tmp_path / "bare"])


def test_a_file_of_an_image_that_the_split_lacks(tmp_path: Path) -> None:
    """Nothing was found on it, and yet it says that the folder is of other images."""
    empty: dict[str, Any] = {"labels": [], "scores": [], "bboxes": []}
    write(tmp_path / "preds", {"dd.json": json.dumps(empty)})

    with pytest.raises(DataError, match=r"'dd' is not an image of train"):
        read_results(tmp_path / "preds", yolo(tmp_path))


def test_shares_of_an_image_that_cannot_be_opened(tmp_path: Path) -> None:
    dataset = yolo(tmp_path)
    unknown = np.full(len(dataset.images), np.nan)
    images = dataclasses.replace(dataset.images, width=unknown, height=unknown)
    dataset = dataclasses.replace(dataset, images=images)
    (tmp_path / "images" / "d.jpg").write_bytes(b"no image")
    write(tmp_path / "run", {"d.txt": "0 .5 .5 .1 .2 .9\n"})

    with pytest.raises(DataError, match=r"the size of d\.jpg is not known: it cannot be opened"):
        read_results(tmp_path / "run", dataset)


def test_ids_that_say_nothing_are_refused(tmp_path: Path) -> None:
    """Two images with one id, one name twice, an id of two classes, and ids without a file."""
    write(tmp_path, {"r.json": json.dumps([row(5, 1)])})
    content = json.loads((coco(tmp_path).annotations or Path()).read_text())

    def refusal(path: Path, **changes: Any) -> str:
        (tmp_path / "val.json").write_text(json.dumps({**content, **changes}))
        with pytest.raises(DataError) as caught:
            read_results(path, read_coco(tmp_path / "val.json", tmp_path, "val"))
        return str(caught.value)

    first, *others = content["images"]
    same_id = refusal(tmp_path / "r.json", images=[first, {**others[0], "id": 5}])
    same_name = refusal(
        results(tmp_path, row("0.jpg", 1), name="names.json"),
        images=[first, {**first, "id": 6}],
    )
    same_class = refusal(
        tmp_path / "r.json", categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]
    )
    draw(tmp_path / "probe", "5.jpg")
    with pytest.raises(DataError) as caught:
        read_results(tmp_path / "r.json", read_folder(tmp_path / "probe", "calm"))

    assert "image id 5 is used for several images of val; add an `images` list" in same_id
    assert "cannot be matched by file name: val lists '0.jpg' more than once" in same_name
    assert same_class.endswith("val.json: category id 1 is used twice")
    assert "calm has no annotation file, so a category_id has no meaning" in str(caught.value)


def test_one_name_among_ids_is_refused(tmp_path: Path) -> None:
    dataset = coco(tmp_path)

    with pytest.raises(DataError, match=r"by its id, as others are.*give the id or the file name"):
        read_results(results(tmp_path, row(5, 1), row("1.jpg", 1)), dataset)


@pytest.mark.parametrize("name", ["results.pkl", "results.json", "instances_predictions.pth"])
def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps([{"pred_instances": {}}]))
    way_out = "coco_instances_results.json" if name.endswith("pth") else "outfile_prefix=results"

    with pytest.raises(DataError, match=rf"pickle,? .*may run code.*{way_out}"):
        read_results(tmp_path / name, yolo(tmp_path))


@pytest.mark.parametrize("side", [1e6, 1e200, 1e308])
def test_a_box_that_no_image_can_have_is_refused(tmp_path: Path, side: float) -> None:
    """AP leaves out what is larger than 1e10 square pixels, so that such a false box is free."""
    dataset = yolo(tmp_path)
    rows = [{"image_id": "d", "category_id": 0, "bbox": [0, 0, side, side], "score": 0.9}]
    (tmp_path / "results.json").write_text(json.dumps(rows))
    write(tmp_path / "labels-found", {"d.txt": f"0 .5 .5 {side} {side} .9\n"})

    for name in ("results.json", "labels-found"):
        with pytest.raises(DataError, match=r"box \[.*\] is larger than any image"):
            read_results(tmp_path / name, dataset)


def test_a_folder_without_detections_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError, match="empty: no detections in this folder"):
        read_results(tmp_path / "empty", yolo(tmp_path))


def test_a_folder_of_two_kinds_of_results_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "both", {"d.txt": "0 .5 .5 .2 .2 .9\n", "d.json": "[]"})

    with pytest.raises(DataError, match=r"holds d\.txt and d\.json; give one kind"):
        read_results(tmp_path / "both", yolo(tmp_path))


# Several files, and several splits


def test_several_files_of_one_split(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    paths = [
        results(tmp_path, row(5, 1), row(5, 2), name="a.json"),
        results(tmp_path, row(9, 2), name="b.json"),
    ]

    table = detection_table(read_found(paths), dataset)

    assert table.image.tolist() == [0, 0, 2]
    assert table.category.tolist() == [0, 1, 1]
    assert table.sha256 not in (None, read_found(paths)[0].sha256)
    (tmp_path / "shards").mkdir()
    for path in paths:
        path.rename(tmp_path / "shards" / path.name)
    assert read_results(tmp_path / "shards", dataset).image.tolist() == [0, 0, 2]


def test_an_image_with_detections_in_two_files_is_refused(tmp_path: Path) -> None:
    dataset = coco(tmp_path)
    paths = [results(tmp_path, row(5, 1), name=name) for name in ("a.json", "b.json")]

    with pytest.raises(DataError, match=r"b\.json: has detections of 0\.jpg, and so has .*a\.json"):
        detection_table(read_found(paths), dataset)


CONFIG = """
[dataset.splits.val]
format = "yolo"
annotations = "labels"
images = "images"
[probes.calm]
images = "calm"
[rules.mean-ap]
min = 0.9
[rules.probe-fp]
max-boxes = 1
"""


def test_one_file_for_a_split_and_its_probe(tmp_path: Path) -> None:
    """Every helmet is found; the probe has one false vest. Its numbers alone would not show
    where they begin."""
    yolo(tmp_path, classes="helmet\nvest\ncone\n")
    draw(tmp_path / "calm", "p1.jpg", "p2.jpg")
    write(tmp_path, {"detgate.toml": CONFIG})
    box = {"bbox": [40, 20, 20, 10]}
    rows = [row(Path(name).stem, 0, **box) for name in NAMES]
    path = results(tmp_path, *rows, row("p1", 1))

    result = judged(tmp_path, CONFIG, {"val": path, "calm": path})

    assert {name: entry.verdict for name, entry in result.items()} == {
        "mean-ap": "passed",
        "probe-fp[calm]": "passed",
    }
    assert result["probe-fp[calm]"].message.startswith("1 false box on 1 of 2 frames")
    (tmp_path / "p.json").write_text(json.dumps([row("p1", 1), row("d", 0)]))
    result = judged(tmp_path, CONFIG, {"val": path, "calm": tmp_path / "p.json"})
    assert "'d' is not an image of calm" in result["probe-fp[calm]"].message


def test_an_image_of_two_splits_is_refused(tmp_path: Path) -> None:
    dataset = yolo(tmp_path)
    draw(tmp_path / "calm", "d.jpg")
    probe = read_folder(tmp_path / "calm", "calm")
    path = results(tmp_path, row("d", 0))

    with pytest.raises(DataError, match=r"image 'd' is 'd\.jpg' of train and 'd\.jpg' of calm"):
        detection_table(read_found([path]), dataset, others=[probe])
    same = read_folder(tmp_path / "images", "same")
    table = detection_table(read_found([path]), dataset, others=[same])
    assert table.image.tolist() == [3]


def test_digest_before_and_after_reading(tmp_path: Path) -> None:
    """The cache of comparisons goes by it: a file, a folder and several files have one each."""
    yolo(tmp_path)
    write(tmp_path, {"detgate.toml": CONFIG, "run/d.txt": "0 .5 .5 .1 .2 .9\n"})
    project = Project(load_configuration(tmp_path / "detgate.toml"), tmp_path)
    first, two = (results(tmp_path, row(name), name=f"{name}.json") for name in ("d", "b.v2"))

    for files in ([first], [first, two], [tmp_path / "run"]):
        source = ResultFiles({"val": files}, project)
        before = source.digest("val")
        table = source.detections(project.read("val"))
        assert before == table.sha256 == source.digest("val")
