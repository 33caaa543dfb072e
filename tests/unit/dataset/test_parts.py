"""The gaps of a split are those of its part, as far as they are its images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pytest_detgate.dataset.parts import detections_of_part, part_of
from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.gaps import Gap, gap

NAMES = ("a.jpg", "b.jpg", "c.jpg")
ROWS = np.arange(3)
WHOLE = Dataset(
    name="val",
    images_dir=Path("images"),
    images=ImageTable(
        id=ROWS,
        file_name=np.array(NAMES, dtype=object),
        width=np.full(3, 100.0),
        height=np.full(3, 100.0),
    ),
    boxes=BoxTable(
        id=ROWS,
        image_id=ROWS,
        category_id=np.ones(3, dtype=np.int64),
        image=ROWS,
        category=np.zeros(3, dtype=np.int64),
        xywh=np.full((3, 4), 10.0),
        area=np.full(3, 100.0),
        crowd=np.zeros(3, dtype=np.bool_),
    ),
    classes=("helmet", "vest"),
    gaps=(
        *gap("images-without-labels", "images", ["a.jpg", "b.jpg"], "have no labels", rows=[0, 1]),
        *gap("labels-without-image", "files", ["z.txt"], "label has no image"),
        *gap("other-labels", "files", ["x.json"], "file is no label"),
    ),
)


def of_kind(gaps: tuple[Gap, ...], kind: str) -> Gap:
    return next(each for each in gaps if each.kind == kind)


def test_a_part_has_the_gaps_of_its_images() -> None:
    """Of two images without labels one is in the part; of a label without an image nobody knows,
    so it counts, but is no row of its tables."""
    part = part_of(
        WHOLE, np.array([1, 2]), "night", "hour > 20", left_out=frozenset({"other-labels"})
    )

    assert part.images.file_name.tolist() == ["b.jpg", "c.jpg"]
    assert part.boxes.id.tolist() == [1, 2]
    own = of_kind(part.gaps, "images-without-labels")
    assert (own.count, own.rows, own.examples) == (1, (0,), ("b.jpg",))
    unknown = of_kind(part.gaps, "labels-without-image")
    assert (unknown.count, unknown.listed) == (1, False)
    assert {each.kind for each in part.gaps} == {"images-without-labels", "labels-without-image"}


def test_detections_of_a_part_have_the_gap_of_classes_as_it_is() -> None:
    part = part_of(WHOLE, np.array([2, 0]), "night", "hour > 20")
    detections = DetectionTable(
        classes=("helmet",),
        image=np.array([0, 1, 2, 2]),
        category=np.zeros(4, dtype=np.int64),
        xywh=np.arange(16, dtype=np.float64).reshape(4, 4),
        score=np.array([0.9, 0.8, 0.7, 0.6]),
        uncut=np.arange(16, dtype=np.float64).reshape(4, 4) - 1,
        gaps=(
            *gap("classes-without-detections", "classes", ["vest"], "class is left out"),
            *gap("images-without-detections", "images", ["b.jpg"], "image is left out", rows=[1]),
        ),
    )

    own = detections_of_part(detections, part)

    assert own.image.tolist() == [1, 0, 0]
    assert own.score.tolist() == [0.9, 0.7, 0.6]
    assert own.uncut is not None
    assert own.uncut[:, 0].tolist() == [-1, 7, 11]
    assert own.gaps == gap("classes-without-detections", "classes", ["vest"], "class is left out")
