"""Detections in a wrong form are recognised by the ground truth; weak detectors are left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.coco.results import read_results
from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.scoring.wrong_results.wrong_results import cut_at, repeated_rows, what_is_wrong
from tests.conftest import SHARED

Boxes = NDArray[np.float64]
CLASSES = ("cone", "helmet", "person", "vest")
SIZES = ((640, 480), (1280, 720), (480, 640))


def scene(images: int = 24, per_image: int = 4, seed: int = 0) -> Dataset:
    """A split with objects of all sizes, anywhere in images of several sizes."""
    draw = np.random.default_rng(seed)
    size = np.array([SIZES[n % len(SIZES)] for n in range(images)], dtype=np.float64)
    image = np.repeat(np.arange(images), per_image)
    wh = size[image] * draw.uniform(0.08, 0.4, (len(image), 2))
    xy = draw.uniform(0, 1, wh.shape) * (size[image] - wh)
    rows = np.arange(len(image))
    return Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=np.arange(images),
            file_name=np.array([f"{n}.jpg" for n in range(images)], dtype=object),
            width=size[:, 0],
            height=size[:, 1],
        ),
        boxes=BoxTable(
            id=rows,
            image_id=image,
            category_id=rows % len(CLASSES),
            image=image,
            category=rows % len(CLASSES),
            xywh=np.column_stack([xy, wh]),
            area=wh.prod(axis=1),
            crowd=np.zeros(len(image), dtype=np.bool_),
        ),
        classes=CLASSES,
        category_id=tuple(range(len(CLASSES))),
    )


def drawn_detections(dataset: Dataset, xywh: Boxes | None = None, seed: int = 1) -> DetectionTable:
    """What a fair detector finds: each object, about a tenth of its size beside it."""
    draw = np.random.default_rng(seed)
    boxes = dataset.boxes
    if xywh is None:
        noise = 0.1 * draw.standard_normal(boxes.xywh.shape)
        xywh = boxes.xywh + noise * np.tile(boxes.xywh[:, 2:], 2)
    return DetectionTable(
        classes=dataset.classes,
        image=boxes.image.copy(),
        category=boxes.category.copy(),
        xywh=xywh,
        score=draw.uniform(0.3, 1, len(xywh)),
    )


def of_size(dataset: Dataset) -> Boxes:
    """(n, 4) width, height, width, height of the images of boxes."""
    images, row = dataset.images, dataset.boxes.image
    return np.tile(np.column_stack([images.width[row], images.height[row]]), 2)


def corners(box: Boxes) -> Boxes:
    return np.column_stack([box[:, :2], box[:, :2] + box[:, 2:]])


def centres(box: Boxes) -> Boxes:
    return np.column_stack([box[:, :2] + box[:, 2:] / 2, box[:, 2:]])


def padded(box: Boxes, size: Boxes) -> Boxes:
    """In an image that is scaled to 640 × 640 with borders on both sides."""
    scale = 640 / size.max(axis=1, keepdims=True)
    border = (640 - size[:, :2] * scale) / 2
    return np.column_stack([box[:, :2] * scale + border, box[:, 2:] * scale])


FORMS: dict[str, tuple[Callable[[Boxes, Boxes], Boxes], str]] = {
    "corners": (lambda box, size: corners(box), "corners [x1, y1, x2, y2]:"),
    "centres": (lambda box, size: centres(box), "centres [cx, cy, width, height]:"),
    "yxyx": (lambda box, size: corners(box)[:, [1, 0, 3, 2]], "corners [y1, x1, y2, x2]:"),
    "yxhw": (lambda box, size: box[:, [1, 0, 3, 2]], "[y, x, height, width]:"),
    "xxyy": (lambda box, size: corners(box)[:, [0, 2, 1, 3]], "corners [x1, x2, y1, y2]:"),
    "xyhw": (lambda box, size: box[:, [0, 1, 3, 2]], "[x, y, height, width]:"),
    "mirrored": (
        lambda box, size: np.column_stack([size[:, 0] - box[:, 0] - box[:, 2], box[:, 1:]]),
        "[x, y, width, height] of mirrored images:",
    ),
    "upside down": (
        lambda box, size: np.column_stack(
            [box[:, 0], size[:, 1] - box[:, 1] - box[:, 3], box[:, 2:]]
        ),
        "[x, y, width, height] from the lower edge:",
    ),
    "shares": (lambda box, size: box / size, "[x, y, width, height] in shares of the image:"),
    "yolo": (lambda box, size: centres(box) / size, "centres [cx, cy, width, height] in shares"),
    "tf": (
        lambda box, size: (corners(box) / size)[:, [1, 0, 3, 2]],
        "corners [y1, x1, y2, x2] in shares of the image:",
    ),
    "per cent": (lambda box, size: 100 * box / size, "[x, y, width, height] in per cent of the"),
    "thousandths": (
        lambda box, size: 1000 * corners(box) / size,
        "corners [x1, y1, x2, y2] in thousandths of the image:",
    ),
    "stretched": (lambda box, size: 320 * box / size, "[x, y, width, height] in pixels of images"),
    "half": (lambda box, size: box / 2, "[x, y, width, height] in pixels of images 0."),
    "longer side": (
        lambda box, size: box * 320 / size.max(axis=1, keepdims=True),
        "[x, y, width, height] in pixels of images whose longer side is 3",
    ),
    "padded": (padded, "[x, y, width, height] in pixels of images that are padded to 6"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("images", "per_image"), [(60, 5), (8, 2)])
def test_form_is_recognised(form: str, images: int, per_image: int) -> None:
    write, name = FORMS[form]
    dataset = scene(images, per_image)
    right = drawn_detections(dataset)

    wrong = dataclasses.replace(right, xywh=write(right.xywh, of_size(dataset)))

    text = what_is_wrong(dataset, wrong)
    assert text is not None
    assert text.startswith(f"the boxes look like {name}")
    assert what_is_wrong(dataset, right) is None


def test_best_iou_is_that_of_the_definition() -> None:
    """One object in each image. Corners, read as a box, are one that begins where the object does
    and is x + w wide and y + h high, so that the IoU is w·h / ((x + w)(y + h))."""
    dataset = scene(6, 1)
    xywh = dataset.boxes.xywh

    text = what_is_wrong(dataset, drawn_detections(dataset, corners(xywh)))

    given = float(np.mean(xywh[:, 2:].prod(axis=1) / (xywh[:, :2] + xywh[:, 2:]).prod(axis=1)))
    assert text is not None
    assert f"mean best IoU 1.00 in that form against {given:.2f} as given" in text


WEAK: dict[str, Callable[[Boxes, Boxes, np.random.Generator], Boxes]] = {
    "random": lambda box, size, draw: np.column_stack(
        [size[:, :2] * draw.random((len(box), 2)), 0.3 * size[:, :2] * draw.random((len(box), 2))]
    ),
    "other objects": lambda box, size, draw: (box / size)[draw.permutation(len(box))] * size,
    "noisy": lambda box, size, draw: (
        box + 0.6 * draw.standard_normal(box.shape) * np.tile(box[:, 2:], 2)
    ),
    "half as large": lambda box, size, draw: np.column_stack(
        [box[:, :2] + box[:, 2:] / 4, box[:, 2:] / 2]
    ),
    "twice as large": lambda box, size, draw: np.column_stack(
        [box[:, :2] - box[:, 2:] / 2, box[:, 2:] * 2]
    ),
    "a quarter beside": lambda box, size, draw: (
        box + np.array([0.25, 0.25, 0, 0]) * np.tile(box[:, 2:], 2)
    ),
    "whole image": lambda box, size, draw: np.column_stack([0 * box[:, :2], size[:, :2]]),
    "middle": lambda box, size, draw: np.column_stack([size[:, :2] / 4, size[:, :2] / 2]),
    "one in five": lambda box, size, draw: np.where(
        draw.random((len(box), 1)) < 0.2, box, (box / size)[draw.permutation(len(box))] * size
    ),
    "points": lambda box, size, draw: np.column_stack([box[:, :2], 0 * box[:, 2:]]),
}


@pytest.mark.parametrize("kind", WEAK)
@pytest.mark.parametrize(("images", "per_image"), [(60, 5), (12, 1), (3, 2)])
def test_weak_detector_is_not_suspected(kind: str, images: int, per_image: int) -> None:
    for seed in range(5):
        draw = np.random.default_rng(seed)
        dataset = scene(images, per_image, seed)
        box = WEAK[kind](dataset.boxes.xywh, of_size(dataset), draw)
        detections = drawn_detections(dataset, box)
        for category in (
            detections.category,
            np.zeros_like(detections.category),
            draw.integers(0, len(CLASSES), len(box)),
        ):
            guessed = dataclasses.replace(detections, category=category)
            assert what_is_wrong(dataset, guessed) is None


def test_many_low_boxes_do_not_hide_the_form() -> None:
    dataset = scene()
    right = drawn_detections(dataset)
    draw = np.random.default_rng(3)
    image = np.repeat(np.arange(24), 100)
    noise = np.column_stack([draw.uniform(0, 400, (2400, 2)), draw.uniform(10, 200, (2400, 2))])
    many = DetectionTable(
        classes=CLASSES,
        image=np.concatenate([image, right.image]),
        category=np.concatenate([image % 4, right.category]),
        xywh=np.concatenate([noise, corners(right.xywh)]),
        score=np.concatenate([draw.uniform(0, 0.2, 2400), right.score]),
    )

    assert "corners [x1, y1, x2, y2]" in str(what_is_wrong(dataset, many))


@pytest.mark.parametrize(
    ("moved", "name"),
    [
        ([1, 2, 3, 0], "off by one"),
        ([3, 0, 1, 2], "off by one"),
        ([2, 3, 0, 1], "to be in another order"),
        ([3, 2, 1, 0], "to be in another order"),
    ],
)
def test_classes_in_another_order_are_recognised(moved: list[int], name: str) -> None:
    dataset = scene()
    right = drawn_detections(dataset)

    text = what_is_wrong(
        dataset, dataclasses.replace(right, category=np.array(moved)[right.category])
    )

    assert text is not None
    assert text.startswith(f"the classes look {name} (")


def test_one_class_in_place_of_another_is_no_order() -> None:
    """Two classes that the detector never tells apart, and one that it never names."""
    dataset = scene()
    right = drawn_detections(dataset)
    for moved in ([0, 0, 0, 0], [0, 1, 2, 2], [1, 1, 2, 3], [3, 3, 3, 0]):
        category = np.array(moved)[right.category]
        assert what_is_wrong(dataset, dataclasses.replace(right, category=category)) is None


def repeated(table: DetectionTable, rows: NDArray[np.int64]) -> DetectionTable:
    chosen = np.concatenate([np.arange(len(table)), rows])
    return dataclasses.replace(
        table,
        image=table.image[chosen],
        category=table.category[chosen],
        xywh=table.xywh[chosen],
        score=table.score[chosen],
    )


def test_rows_that_stand_twice_are_counted() -> None:
    dataset = scene()
    table = drawn_detections(dataset)
    n = len(table)

    assert repeated_rows(table) == 0
    twice = repeated(table, np.arange(n))
    assert repeated_rows(twice) == n
    assert f"{n} of {2 * n} detections repeat another one exactly" in str(
        what_is_wrong(dataset, twice)
    )
    # A few, as a sampler adds that fills up its last batch, make no file that is written twice.
    few = repeated(table, np.arange(5))
    assert (repeated_rows(few), what_is_wrong(dataset, few)) == (5, None)


def test_file_of_half_of_the_images_is_recognised() -> None:
    dataset = scene(40)
    table = dataclasses.replace(drawn_detections(dataset), covers_known=False)
    low = np.where(np.arange(len(table)) % 4 == 0, 0.01, table.score)
    half = table.image < 20

    def part(remaining: NDArray[np.bool_], *, covers_known: bool = False) -> DetectionTable:
        rows = np.flatnonzero(remaining)
        return dataclasses.replace(
            table,
            image=table.image[rows],
            category=table.category[rows],
            xywh=table.xywh[rows],
            score=low[rows],
            covers_known=covers_known,
        )

    text = str(what_is_wrong(dataset, part(half)))
    assert text.startswith("20 of 40 images with ground truth have no detection")
    assert what_is_wrong(dataset, part(half, covers_known=True)) is None
    assert what_is_wrong(dataset, part(table.image >= 0)) is None
    # Where half of the objects are missed everywhere, images without any are no surprise.
    missing = np.random.default_rng(0).random(len(table)) < 0.4
    assert what_is_wrong(dataset, part(missing)) is None


def test_boxes_beside_their_images_are_recognised() -> None:
    dataset = scene()
    draw = np.random.default_rng(0)
    beside = draw.uniform(3000, 9000, (len(dataset.boxes), 4))

    assert "outside of their image" in str(
        what_is_wrong(dataset, drawn_detections(dataset, beside))
    )


def test_without_ground_truth_nothing_is_said() -> None:
    dataset = scene()
    table = drawn_detections(dataset, corners(dataset.boxes.xywh))
    empty = dataclasses.replace(
        dataset,
        boxes=dataclasses.replace(dataset.boxes, crowd=np.ones(len(dataset.boxes), dtype=np.bool_)),
    )

    assert what_is_wrong(empty, table) is None


def scores_from(lowest: float) -> NDArray[np.float64]:
    return np.array([lowest + n / 100 for n in range(50)])


def test_scores_that_are_cut_off_are_noticed() -> None:
    assert cut_at(scores_from(0.25)) == 0.25
    assert cut_at(scores_from(0.001)) is None
    assert cut_at(np.array([0.8, 0.9])) is None


@pytest.mark.shared
@pytest.mark.parametrize(
    ("truth", "results"),
    [
        (
            "eval-reference/coco-val2014-100/instances_val2014_100.json",
            "eval-reference/coco-val2014-100/instances_val2014_fakebbox100_results.json",
        ),
        (
            "formats-voc100/gts/coco_format_v1/instances_default.json",
            "formats-voc100/dets/coco_format/coco_dets.json",
        ),
    ],
)
def test_published_detections_are_right_until_changed(truth: str, results: str) -> None:
    dataset = read_coco(SHARED / truth, Path("images"), "val")
    table = read_results(SHARED / results, dataset)

    assert what_is_wrong(dataset, table) is None
    for write in (corners, centres, lambda box: corners(box)[:, [1, 0, 3, 2]]):
        changed = dataclasses.replace(table, xywh=write(table.xywh))
        assert "the boxes look like" in str(what_is_wrong(dataset, changed))
    turned = (table.category + 1) % len(table.classes)
    text = what_is_wrong(dataset, dataclasses.replace(table, category=turned))
    assert str(text).startswith("the classes look")


def on_other_images(table: DetectionTable, image: NDArray[np.int64], images: int) -> DetectionTable:
    remaining = (image >= 0) & (image < images)
    return dataclasses.replace(
        table,
        image=image[remaining],
        category=table.category[remaining],
        xywh=table.xywh[remaining],
        score=table.score[remaining],
    )


@pytest.mark.parametrize(("shift", "name"), [(-1, "next image"), (1, "image before")])
def test_image_numbers_off_by_one(shift: int, name: str) -> None:
    dataset = scene()
    table = drawn_detections(dataset)

    reason = what_is_wrong(dataset, on_other_images(table, table.image + shift, 24))

    assert reason is not None
    assert reason.startswith(f"the detections of each image look like those of the {name}: ")
    assert reason.endswith("Compare the image ids with those of the annotations")


@pytest.mark.parametrize("seed", range(20))
def test_results_of_other_images_have_no_such_reason(seed: int) -> None:
    """Images in any other order, moved by two, and one box on all: nothing says what they are."""
    draw = np.random.default_rng(seed)
    dataset = scene(seed=seed)
    table = drawn_detections(dataset)
    mean = np.tile(dataset.boxes.xywh.mean(axis=0), (len(table), 1))

    assert (
        what_is_wrong(dataset, on_other_images(table, draw.permutation(24)[table.image], 24))
        is None
    )
    assert what_is_wrong(dataset, on_other_images(table, table.image + 2, 24)) is None
    assert what_is_wrong(dataset, dataclasses.replace(table, xywh=mean)) is None


def test_images_off_by_one_need_several_images() -> None:
    dataset = scene(images=4)
    table = drawn_detections(dataset)

    assert what_is_wrong(dataset, on_other_images(table, table.image + 1, 4)) is None
