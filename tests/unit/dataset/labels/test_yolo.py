"""YOLO labels: read right or refused with the line, and a missing file is not an empty one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.errors import DataError
from tests.judged import judged, measured
from tests.unit.label_files import READERS, draw, split, unlabelled, write


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
    assert dataset.notes == (
        "1 annotation refers to categories that the file does not list, first 7",
        "1 image has no label file, which is not the same as an empty one, first missing.jpg",
    )


def test_yolo_label_without_an_image_is_a_missing_image(tmp_path: Path) -> None:
    """YOLO label without a picture is a picture that is not there."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": "", "b.txt": "0 .5 .5 1 1", "obj.names": "cone"})

    dataset = READERS["yolo"](split(tmp_path))

    assert dataset.images.file_name.tolist() == ["a.jpg", "b.jpg"]
    assert np.isnan(dataset.boxes.xywh).all()
    assert dataset.boxes.shapes.tolist() == [[0, 0, 1, 1]]
    assert dataset.notes == ("1 label belongs to a missing image, first b.txt",)


def test_a_missing_image_of_a_list_has_its_label(tmp_path: Path) -> None:
    """The list writes another folder in front of both; of c there is neither."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": "", "b.txt": "0 .5 .5 1 1", "classes.txt": "cone\n"})
    write(tmp_path, {"train.txt": "far/a.jpg\nfar/b.jpg\nfar/c.jpg\n"})

    dataset = READERS["yolo"](split(tmp_path, listed=tmp_path / "train.txt"))

    assert dataset.images.file_name[dataset.boxes.image].tolist() == ["far/b.jpg"]
    assert unlabelled(dataset) == ["far/c.jpg"]


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
        ("0 .5 .5 .1 .1 .9", "line 2: ends with 0.9, as a score does"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "found 8 words"),
        ("0 .1 .1 .2 .2 .3 7", "corners of a polygon in shares of the image"),
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
        (
            "names:\n  0: cone\n  1x: vest\n",
            "expected a number and a name in `names`, such as `0: helmet`, found `1x: vest`",
        ),
        ("names:\n  - cone\n  vest\n", "not valid YAML at line 4, column 1"),
        ("names:\n  0: cone\n  0: vest\n", "line 3: the key '0' occurs twice"),
        ("names:\n  0: cone\n  - vest\n", "not valid YAML at line 3, column 3"),
        ("names: [cone,\n  vest\n", "not valid YAML at line 3"),
        ("names: {'a': 'cone'}\n", "expected a number and a name in `names`"),
        ("names:\n  0: cone\n\0", "not valid YAML: unacceptable character #x0000"),
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

    with pytest.raises(
        DataError, match=r"no names of the classes: none of data\.yaml, .*classes\.txt"
    ):
        READERS["yolo"](split(tmp_path))


@pytest.mark.parametrize("line", ["0 0_1.2 .5 .2 .2", "0_0 .5 .5 .2 .2", "0 .5 .5 1_0 .2"])
def test_a_number_has_no_underscore(tmp_path: Path, line: str) -> None:
    """Python reads 0_1.2 as 1.2."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"labels/a.txt": line, "labels/classes.txt": "cone"})

    with pytest.raises(DataError, match=r"a\.txt: line 1: expected a class number and four"):
        READERS["yolo"](split(tmp_path))


def test_two_pictures_of_one_label_file(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg", "a.png")
    write(tmp_path, {"labels/a.txt": "", "labels/classes.txt": "cone"})

    with pytest.raises(DataError, match=r"a\.txt: is the label file of both a\.jpg and a\.png"):
        READERS["yolo"](split(tmp_path))


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
    assert result.message == "1 of 4 train images has no annotation; 1 more has no label file"
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


def test_key_points_behind_a_box_are_not_read(tmp_path: Path) -> None:
    """Two key points of two numbers each: without `kpt_shape` the line would be a polygon."""
    draw(tmp_path / "images", "a.jpg")
    described = "names: [cone]\nkpt_shape: [2, 2]\n"
    write(tmp_path, {"labels/a.txt": "0 .5 .5 .2 .4 .1 .1 .9 .9\n", "data.yaml": described})

    dataset = READERS["yolo"](split(tmp_path, classes=tmp_path / "data.yaml"))

    np.testing.assert_allclose(dataset.boxes.xywh, [[40, 15, 20, 20]])
    assert dataset.notes == ("1 box has key points (kpt_shape), which are not read",)


def test_boxes_in_per_cent_are_refused(tmp_path: Path) -> None:
    """Two of three are far larger than their image."""
    draw(tmp_path / "images", "a.jpg")
    lines = "0 .5 .5 .2 .4\n0 50 50 20 40\n0 30 30 20 20\n"
    write(tmp_path / "labels", {"a.txt": lines, "classes.txt": "cone"})

    with pytest.raises(DataError, match=r"2 of 3 boxes have numbers over .* first a\.txt:2"):
        READERS["yolo"](split(tmp_path))


def test_boxes_that_are_infinite_are_no_per_cent(tmp_path: Path) -> None:
    """They have no finite area, which is a finding of each."""
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path / "labels", {"a.txt": "0 .5 .5 1e400 .4\n", "classes.txt": "cone"})

    dataset = READERS["yolo"](split(tmp_path))

    assert not np.isfinite(dataset.boxes.xywh).all()


def test_labels_beside_the_images_are_named(tmp_path: Path) -> None:
    draw(tmp_path / "images", "a.jpg")
    write(tmp_path, {"images/a.txt": "0 .5 .5 .2 .4\n", "labels/classes.txt": "cone"})

    with pytest.raises(DataError, match=r"no label files .* which `annotations` may name"):
        READERS["yolo"](split(tmp_path))
