"""Which items of the rules on one split may pass.

A check answers True where a right gate passes, False where it must not, None where it may: what
it looked at is whole, and the value is not worked out here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from tests.campaign.oracle.folders import (
    is_regular,
    is_whole,
    leaves,
    orientation_of,
    path_of,
    size_of,
)
from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.metrics import overlap
from tests.campaign.oracle.reading import NotLookedAtError, number
from tests.campaign.oracle.view import Table, View

Check = Callable[[View, Table, str], "bool | None"]
SMALL = 1e-9


def within(value: float, table: Table, low: str = "min", high: str = "max") -> bool:
    """Whether a value keeps the limits that a table sets; without any it is no pass."""
    limits = [key for key in (low, high) if table.get(key) is not None]
    if not limits or math.isnan(value):
        return False
    return (low not in limits or value >= number(table[low]) - SMALL) and (
        high not in limits or value <= number(table[high]) + SMALL
    )


def at_most(count: float, table: Table) -> bool:
    """Whether a count keeps `max`, which is 0 where it is not given."""
    return count <= number(table.get("max", 0))


def _empty_gt_share(view: View, table: Table, split: str) -> bool:
    labels = view.labels(split)
    labels.require_labels(int(number(table.get("max-missing", 0))))
    return within(len(_empty(labels)) / len(labels.images), table)


def _empty(labels: Labels) -> list[int]:
    """The images of which it is said that nothing is on them."""
    return [
        index
        for index, image in enumerate(labels.images)
        if not labels.of_image(index) and image.name.rsplit(".", 1)[0] not in labels.unlabelled
    ]


def _duplicate_ids(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_labels()
    return at_most(labels.doubles(), table)


def _dangling(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_labels()
    lost = [
        annotation
        for annotation in labels.annotations
        if annotation.image is None or annotation.category is None
    ]
    return at_most(len(lost), table)


def _degenerate(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_labels()
    wrong = [
        annotation
        for annotation in labels.annotations
        if not annotation.is_finite or min(_sides(annotation)) <= 0
    ]
    return at_most(len(wrong), table)


def _sides(annotation: Annotation) -> tuple[float, float]:
    box = annotation.box or annotation.shares
    assert box is not None
    return box[2], box[3]


def _box_bounds(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_certain()
    labels.require_labels(sized=True)
    tolerance = number(table.get("tolerance", 0.5))
    count = 0
    for annotation in labels.annotations:
        if annotation.image is None or annotation.box is None or not annotation.is_finite:
            continue
        image = labels.images[annotation.image]
        if not image.width or not image.height:
            return False
        x, y, width, height = annotation.box
        over = max(-x, -y, x + width - image.width, y + height - image.height)
        count += over > tolerance + SMALL
    return at_most(count, table)


def _box_format(view: View, table: Table, split: str) -> bool | None:
    labels = view.tables(split)
    labels.require_certain()
    labels.require_labels(sized=True)
    wrong = [
        annotation
        for annotation in labels.annotations
        if annotation.area is not None
        and not annotation.crowd
        and annotation.box is not None
        and annotation.is_finite
        and not 0 < annotation.area <= annotation.box[2] * annotation.box[3] * 1.1 + 1
    ]
    return None if at_most(len(wrong), table) else False


def _duplicate_boxes(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_certain()
    labels.require_labels()
    least = number(table.get("iou", 0.95))
    doubles = two_classes = 0
    for index in range(len(labels.images)):
        boxes = [
            box
            for box in labels.of_image(index)
            if not box.crowd and box.is_finite and min(_sides(box)) > 0
        ]
        for row, box in enumerate(boxes):
            for other in boxes[:row]:
                iou = overlap(_box(box), _box(other))
                if box.category == other.category and iou >= least - SMALL:
                    doubles += 1
                    break
            two_classes += any(
                _box(box) == _box(other) and box.category != other.category for other in boxes[:row]
            )
    return at_most(doubles, table) and two_classes <= number(table.get("max-two-classes", 0))


def _box(annotation: Annotation) -> tuple[float, float, float, float]:
    box = annotation.box or annotation.shares
    assert box is not None
    return box


def _image_files(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    wrong = sum(1 for image in labels.images if not _is_sound(view, labels, image))
    return at_most(wrong, table)


def _is_sound(view: View, labels: Labels, image: Image) -> bool:
    path = path_of(view.files, labels.folder, image.file_name)
    if not is_regular(view.files, path) or leaves(view.files, labels.folder, path):
        return False
    if not is_whole(view.files, path) or orientation_of(view.files, path) != 1:
        return False
    size = size_of(view.files, path)
    stated = (image.width, image.height)
    return None in stated or size == stated


def _by_class(view: View, split: str) -> Counter[str]:
    labels = view.labels(split)
    labels.require_certain()
    labels.require_labels()
    classes = view.classes(split)
    if not classes:
        raise NotLookedAtError(f"{split} has no class")
    counts = Counter(dict.fromkeys(classes, 0))
    counts.update(
        annotation.category
        for annotation in labels.annotations
        if annotation.category and not annotation.crowd
    )
    return counts


def _class_support(view: View, table: Table, split: str) -> bool:
    boxes = _by_class(view, split)
    labels = view.labels(split)
    images = {
        name: len(
            {annotation.image for annotation in labels.annotations if annotation.category == name}
        )
        for name in boxes
    }
    if "min-boxes" not in table and "min-images" not in table:
        return False
    weak = [
        name
        for name in boxes
        if boxes[name] < number(table.get("min-boxes", 0))
        or images[name] < number(table.get("min-images", 0))
    ]
    return at_most(len(weak), table)


def _class_balance(view: View, table: Table, split: str) -> bool:
    counts = _by_class(view, split)
    if not min(counts.values()):
        return False
    ratio = max(counts.values()) / min(counts.values())
    return within(ratio, table, high="max-ratio")


def _negative_diversity(view: View, table: Table, split: str) -> bool:
    labels = view.labels(split)
    labels.require_labels()
    empty = _empty(labels)
    remaining = []
    for group, field in (("clip", "clip-field"), ("site", "site-field")):
        if f"min-{group}s" in table:
            values = view.groups(split, group, table.get(field))
            different = {values[index] for index in empty} - {None}
            remaining.append(len(different) >= number(table[f"min-{group}s"]))
    return bool(remaining) and all(remaining)


RULES: dict[str, Check] = {
    "empty-gt-share": _empty_gt_share,
    "duplicate-ids": _duplicate_ids,
    "dangling-annotations": _dangling,
    "degenerate-boxes": _degenerate,
    "box-bounds": _box_bounds,
    "box-format": _box_format,
    "duplicate-boxes": _duplicate_boxes,
    "image-files": _image_files,
    "class-support": _class_support,
    "class-balance": _class_balance,
    "negative-diversity": _negative_diversity,
}
