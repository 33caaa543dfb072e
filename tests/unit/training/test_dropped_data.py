"""An annotation file compared with what a training data set fed of it, worked out by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import DataError
from pytest_detgate.training.dropped_data import PartDrops, drops_of
from pytest_detgate.training.fed_data import FedBox, FedImage, FedPart
from tests.content import write_json

HAT = {"category_id": 1, "bbox": [10, 10, 20, 20], "area": 400}
VEST = {**HAT, "category_id": 2}


def listed(number: int, name: str, width: int = 100) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": width, "height": 100}


def fed(
    number: int, *labels: int, times: int = 1, crowd: bool = False, position: float = 10
) -> FedImage:
    """An image whose boxes all lie where those of the file do, or `at` another place."""
    boxes = [
        FedBox(position, position, position + 20, position + 20, label, crowd) for label in labels
    ]
    return FedImage(number, "", times, boxes)


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., PartDrops]:
    """A function that compares a file's images and annotations with what is fed of them."""

    def compare(
        images: list[Any], annotations: list[Any], fed_images: list[FedImage], **settings: Any
    ) -> PartDrops:
        categories = [{"id": 1, "name": "hat"}, {"id": 2, "name": "vest"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        part: dict[str, Any] = {"classes": ["hat", "vest"], "filter_empty_gt": False}
        part |= {"min_size": 0, "is_subset": False, "refuses_empty": None, **settings}
        path = write_json(tmp_path / "train.json", content)
        return drops_of(FedPart(annotations=str(path), images=fed_images, **part))

    return compare


def test_samples_count_what_is_repeated(compared: Callable[..., PartDrops]) -> None:
    images = [listed(1, "a.jpg"), listed(2, "b.jpg"), listed(3, "c.jpg")]
    # One with a box three times, one empty twice, one with nothing but a crowd once.
    comparison = compared(
        images,
        [{**HAT, "image_id": 1}, {**HAT, "image_id": 3, "iscrowd": 1}],
        [fed(1, 0, times=3), fed(2, times=2), fed(3, 0, crowd=True)],
    )

    assert (comparison.listed, comparison.fed, comparison.samples, comparison.empty_samples) == (
        3,
        3,
        6,
        3,
    )
    assert comparison.crowd_only == 1
    assert (comparison.images_dropped, comparison.boxes_dropped, comparison.mislabelled) == (
        (),
        (),
        (),
    )
    assert comparison.by_class == {"hat": (2, 2), "vest": (0, 0)}


def test_the_filter_comes_before_the_size(compared: Callable[..., PartDrops]) -> None:
    images = [listed(1, "a.jpg", 20), listed(2, "b.jpg", 20), listed(3, "c.jpg", 20)]
    comparison = compared(
        images,
        [{**HAT, "image_id": 1}, {**VEST, "image_id": 2}],
        [],
        filter_empty_gt=True,
        min_size=32,
        classes=["hat"],
    )

    assert [(entry.file_name, entry.reason) for entry in comparison.images_dropped] == [
        ("a.jpg", "min_size"),
        ("b.jpg", "class_names"),
        ("c.jpg", "filter_empty_gt"),
    ]
    assert [(box.label, box.reason) for box in comparison.boxes_dropped] == [
        ("hat", "with_image"),
        ("vest", "class_names"),
    ]
    assert comparison.images_dropped[0].text == "min_size = 32 drops it: 20 × 100 pixels"
    assert "does not name (vest)" in comparison.images_dropped[1].text


@pytest.mark.parametrize(
    ("is_subset", "text"),
    [(True, "indices omits it"), (False, "the code of the dataset omits it")],
)
def test_what_no_setting_explains_is_other(
    compared: Callable[..., PartDrops], is_subset: bool, text: str
) -> None:
    comparison = compared([listed(1, "a.jpg")], [{**HAT, "image_id": 1}], [], is_subset=is_subset)

    assert [(entry.reason, entry.text) for entry in comparison.images_dropped] == [("other", text)]


def test_the_last_of_a_shared_id_is_fed(compared: Callable[..., PartDrops]) -> None:
    images = [listed(1, "a.jpg"), listed(1, "b.jpg"), listed(1, "c.jpg")]
    comparison = compared(images, [{**HAT, "image_id": 1}], [fed(1, 0)])

    assert [(entry.file_name, entry.reason) for entry in comparison.images_dropped] == [
        ("a.jpg", "shared_id"),
        ("b.jpg", "shared_id"),
    ]
    assert (comparison.listed, comparison.fed, comparison.boxes_dropped) == (3, 1, ())


def test_a_pipeline_refuses_images_without_any_box(compared: Callable[..., PartDrops]) -> None:
    comparison = compared(
        [listed(1, "a.jpg"), listed(2, "b.jpg"), listed(3, "c.jpg")],
        [{**HAT, "image_id": 1}, {**HAT, "image_id": 3, "iscrowd": 1}],
        [fed(1, 0), fed(2), fed(3, 0, crowd=True)],
        refuses_empty="RandomCrop(allow_negative_crop=False)",
    )

    assert [(entry.file_name, entry.reason) for entry in comparison.images_dropped] == [
        ("b.jpg", "pipeline")
    ]
    assert (comparison.fed, comparison.samples, comparison.empty_samples) == (2, 2, 1)


def test_a_box_under_another_name(compared: Callable[..., PartDrops]) -> None:
    images, annotations = [listed(1, "a.jpg")], [{**HAT, "image_id": 1}]
    comparison = compared(images, annotations, [fed(1, 0)], classes=["vest", "hat"])

    assert [(entry.label, entry.fed_as) for entry in comparison.mislabelled] == [("hat", "vest")]
    assert comparison.boxes_dropped == ()


def test_two_boxes_in_one_place_are_told_apart_by_their_class(
    compared: Callable[..., PartDrops],
) -> None:
    both = [{**VEST, "image_id": 1}, {**HAT, "image_id": 1}]
    comparison = compared([listed(1, "a.jpg")], both, [fed(1, 0)], classes=["hat"])

    assert [(box.label, box.reason) for box in comparison.boxes_dropped] == [
        ("vest", "class_names")
    ]
    assert comparison.mislabelled == ()


def test_of_two_same_boxes_the_one_that_is_ignored_is_dropped(
    compared: Callable[..., PartDrops],
) -> None:
    both = [{**HAT, "image_id": 1, "ignore": 1}, {**HAT, "image_id": 1}]
    comparison = compared([listed(1, "a.jpg")], both, [fed(1, 0)])

    assert [box.reason for box in comparison.boxes_dropped] == ["ignored"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox": [10, 10, 0.5, 20], "area": 10}, "degenerate"),
        ({"bbox": [10, 10, 20, 0.5], "area": 10}, "degenerate"),
        ({"area": 0}, "degenerate"),
        ({"bbox": [100, 10, 20, 20]}, "degenerate"),  # begins where the image ends
        ({"bbox": [10, -20, 20, 20]}, "degenerate"),  # ends where it begins
        ({"ignore": True}, "ignored"),
        ({"category_id": 9}, "class_names"),
        ({"image_id": 7}, "no_image"),
        ({}, "other"),
    ],
)
def test_boxes_that_are_not_fed(
    compared: Callable[..., PartDrops], change: dict[str, Any], reason: str
) -> None:
    comparison = compared([listed(1, "a.jpg")], [{**HAT, "image_id": 1, **change}], [fed(1)])

    assert Counter(box.reason for box in comparison.boxes_dropped) == {reason: 1}
    assert comparison.by_class[comparison.boxes_dropped[0].label] == (1, 0)


def test_boxes_that_a_data_set_moves_are_fed(compared: Callable[..., PartDrops]) -> None:
    two = [{**HAT, "image_id": 1}, {**HAT, "image_id": 1, "bbox": [50, 50, 20, 20]}]

    one_left = compared([listed(1, "a.jpg")], two, [fed(1, 0, position=11)])
    assert [box.xywh for box in one_left.boxes_dropped] == [(50, 50, 20, 20)]

    none_left = compared([listed(1, "a.jpg")], two, [fed(1, 0, 0, position=11)])
    assert none_left.boxes_dropped == ()


def test_a_file_that_is_not_coco_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.jpg\n", encoding="utf-8")
    part = FedPart(
        annotations=str(tmp_path / "train.txt"), classes=[], filter_empty_gt=False,
        min_size=0, is_subset=False, refuses_empty=None, images=[],
    )  # fmt: skip
    with pytest.raises(DataError, match=r"train\.txt: not valid JSON"):
        drops_of(part)
