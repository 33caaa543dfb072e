"""How much an item has to look at, and how much of it is left out, counted by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.gaps import Extent, Gap, GapKind, NotLookedAtError, Unit
from pytest_detgate.rules.verdicts.extent import extent_of, not_looked_at, require_something
from pytest_detgate.testing import coco_content
from tests.content import write_json

BOX = ("cone", 1.0, 1.0, 9.0, 9.0)


def gap(kind: GapKind, count: int, unit: Unit = "images", *, listed: bool = True) -> Gap:
    return Gap(kind=kind, unit=unit, count=count, text=f"{count} of {kind}", listed=listed)


@pytest.fixture
def split(tmp_path: Path) -> Dataset:
    """Five images with eight boxes of one class."""
    images = {"a.jpg": [BOX] * 4, "b.jpg": [BOX] * 4, "c.jpg": [], "d.jpg": [], "e.jpg": []}
    return read_coco(
        write_json(tmp_path / "val.json", coco_content(images, ["cone"])), tmp_path, "val"
    )


def having(dataset: Dataset, *gaps: Gap) -> Dataset:
    return dataclasses.replace(dataset, gaps=gaps)


def detections_with(*gaps: Gap, classes: tuple[str, ...] = ("cone",)) -> DetectionTable:
    """No detections of some classes."""
    none = np.empty(0, dtype=np.int64)
    return DetectionTable(
        classes=classes,
        image=none,
        category=none,
        xywh=np.empty((0, 4)),
        score=np.empty(0),
        gaps=gaps,
    )


def counted(
    *seen: tuple[Dataset, DetectionTable | None],
    ignored: frozenset[GapKind] = frozenset(),
    allowed: Mapping[GapKind, int] | None = None,
) -> Extent:
    return extent_of(seen, ignored, allowed or {})


def test_without_gaps_every_image_of_all_splits_is_looked_at(split: Dataset) -> None:
    assert counted((split, None)) == Extent(unit="images", to_look_at=5, looked_at=5)
    assert counted((split, None), (split, detections_with())) == Extent(
        unit="images", to_look_at=10, looked_at=10
    )


def test_gaps_in_the_tables_are_left_out_others_are_added(split: Dataset) -> None:
    """Two of the five images cannot be opened, and three files beside them are no images."""
    gaps = gap("unreadable-images", 2), gap("other-files", 3, listed=False)

    assert counted((having(split, *gaps), None)) == Extent(
        unit="images",
        to_look_at=5 + 3,
        looked_at=5 - 2,
        left_out=("2 of unreadable-images", "3 of other-files"),
    )


def test_gaps_of_labels_and_of_detections_count_together(split: Dataset) -> None:
    labels = having(split, gap("unreadable-images", 1))
    detections = detections_with(gap("images-without-detections", 2))

    assert counted((labels, detections), (split, None)) == Extent(
        unit="images",
        to_look_at=10,
        looked_at=7,
        left_out=("1 of unreadable-images", "2 of images-without-detections"),
    )
    # More gaps than images: one image may be in two of them.
    most = detections_with(gap("images-without-detections", 5))
    assert counted((labels, most)).looked_at == 0


def test_ignored_gaps_make_no_difference(split: Dataset) -> None:
    labels = having(split, gap("unlisted-class", 3, "annotations"), gap("other-files", 1))

    extent = counted((labels, None), ignored=frozenset({"other-files", "unlisted-class"}))

    assert extent == Extent(unit="images", to_look_at=5, looked_at=5)


def test_the_first_gap_gives_the_unit_that_is_counted(split: Dataset) -> None:
    boxes = gap("unlisted-class", 3, "annotations")
    images = gap("unreadable-images", 2)
    left_out = ("3 of unlisted-class", "2 of unreadable-images")

    assert counted((having(split, boxes, images), None)) == Extent(
        unit="annotations", to_look_at=8, looked_at=5, left_out=left_out
    )
    assert counted((having(split, images, boxes), None)) == Extent(
        unit="images", to_look_at=5, looked_at=3, left_out=left_out[::-1]
    )


def test_classes_are_those_of_the_labels_or_of_the_detector(split: Dataset, tmp_path: Path) -> None:
    """A folder has no classes; what was found on it has two."""
    gaps = detections_with(
        gap("classes-without-detections", 1, "classes"), classes=("cone", "vest")
    )
    folder = dataclasses.replace(split, classes=())

    assert counted((split, gaps)).to_look_at == 1
    assert counted((folder, gaps)).to_look_at == 2
    only_labels = having(folder, gap("unlisted-class", 1, "classes"))
    assert counted((only_labels, None)).to_look_at == 0


@pytest.mark.parametrize(
    ("allowed", "count", "is_complete"), [(0, 0, False), (1, 0, False), (2, 2, True), (3, 2, True)]
)
def test_a_kind_is_allowed_up_to_its_number(
    split: Dataset, allowed: int, count: int, is_complete: bool
) -> None:
    labels = having(split, gap("images-without-labels", 2))

    extent = counted((labels, None), allowed={"images-without-labels": allowed})

    assert (extent.looked_at, extent.allowed, extent.is_complete) == (3, count, is_complete)


def test_an_allowed_number_is_for_each_split_and_all_its_gaps(split: Dataset) -> None:
    """Two of one split and one of the other: 2 are allowed of each. Of one split, 1 and 2 are 3."""
    first, two = gap("images-without-labels", 1), gap("images-without-labels", 2)
    allowed: dict[GapKind, int] = {"images-without-labels": 2}

    each = counted((having(split, two), None), (having(split, first), None), allowed=allowed)
    both = counted((having(split, two, first), None), (split, None), allowed=allowed)

    assert (each.allowed, each.is_complete) == (3, True)
    assert (both.allowed, both.is_complete) == (0, False)


def test_what_is_not_allowed_decides(split: Dataset) -> None:
    """Allowed images come first, and yet the boxes that are not allowed are counted."""
    labels = having(split, gap("images-without-labels", 1), gap("unlisted-class", 2, "annotations"))
    allowed: dict[GapKind, int] = {"images-without-labels": 1}

    extent = counted((labels, None), allowed=allowed)

    assert (extent.unit, extent.looked_at, extent.to_look_at) == ("annotations", 6, 8)
    assert (extent.allowed, extent.is_complete) == (0, False)
    # Of two kinds of one unit only the allowed one is excused.
    labels = having(split, gap("unreadable-images", 2), gap("images-without-labels", 1))
    extent = counted((labels, None), allowed=allowed)
    assert (extent.looked_at, extent.allowed, extent.is_complete) == (2, 1, False)


def test_nothing_to_look_at_is_an_error_that_names_the_data() -> None:
    nothing = Extent(unit="images", to_look_at=0, looked_at=0)

    for names, where in ((["val", "calm"], "val and calm"), ([], "the run")):
        with pytest.raises(NotLookedAtError) as caught:
            require_something(nothing, names)
        assert str(caught.value) == f"{where}: there are no images to look at"
        assert caught.value.extent is nothing
    require_something(Extent(unit="images", to_look_at=1, looked_at=0), ["val"])


def test_what_was_not_looked_at_is_a_sentence() -> None:
    reasons = "1,234 of one kind", "2 of another"
    extent = Extent(unit="images", to_look_at=5000, looked_at=3764, left_out=reasons)

    assert not_looked_at(extent, ["val", "calm"]) == (
        "1,236 of 5,000 images of val and calm were not looked at (1,234 of one kind; 2 of another)"
    )
    none = Extent(unit="runs", to_look_at=1, looked_at=0)
    assert not_looked_at(none, []) == "1 of 1 run was not looked at"


@pytest.mark.parametrize(
    ("expected", "of_data"),
    [((), True), ((True,), True), ((False,), False), ((True, False), False)],
)
def test_an_extent_tells_of_the_model_where_a_gap_does(
    split: Dataset, expected: tuple[bool, ...], of_data: bool
) -> None:
    gaps = [msgspec.structs.replace(gap("other-files", 1), of_data=each) for each in expected]

    assert counted((having(split, *gaps), None)).of_data is of_data
