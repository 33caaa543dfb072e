"""Which items of the data rules may pass.

A check answers True where a right gate passes, False where it must not, None where it may: what
it looked at is whole, and the value is not worked out here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable

from tests.campaign.oracle.figures import overlap
from tests.campaign.oracle.folders import (
    is_regular,
    is_whole,
    leaves,
    orientation_of,
    size_of,
)
from tests.campaign.oracle.labels import Annotation, Image, Labels
from tests.campaign.oracle.reading import NotLookedAt, json_of, near_key, number, text, text_of
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import read

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


def _count(count: float, table: Table) -> bool:
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
    return _count(view.tables(split).doubles(), table)


def _dangling(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_labels()
    lost = [one for one in labels.annotations if one.image is None or one.category is None]
    return _count(len(lost), table)


def _degenerate(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    labels.require_labels()
    wrong = [one for one in labels.annotations if not one.is_finite or min(_sides(one)) <= 0]
    return _count(len(wrong), table)


def _sides(one: Annotation) -> tuple[float, float]:
    box = one.box or one.shares
    assert box is not None
    return box[2], box[3]


def _box_bounds(view: View, table: Table, split: str) -> bool:
    labels = view.labels(split)
    labels.require_labels(sized=True)
    tolerance = number(table.get("tolerance", 0.5))
    count = 0
    for one in labels.annotations:
        if one.image is None or one.box is None or not one.is_finite:
            continue
        image = labels.images[one.image]
        if not image.width or not image.height:
            return False
        x, y, width, height = one.box
        over = max(-x, -y, x + width - image.width, y + height - image.height)
        count += over > tolerance + SMALL
    return _count(count, table)


def _box_format(view: View, table: Table, split: str) -> bool | None:
    labels = view.labels(split)
    labels.require_labels(sized=True)
    wrong = [
        one
        for one in labels.annotations
        if one.area is not None
        and not one.crowd
        and one.box is not None
        and one.is_finite
        and not 0 < one.area <= one.box[2] * one.box[3] * 1.1 + 1
    ]
    return None if _count(len(wrong), table) else False


def _duplicate_boxes(view: View, table: Table, split: str) -> bool:
    labels = view.labels(split)
    labels.require_labels()
    least = number(table.get("iou", 0.95))
    doubles = two_classes = 0
    for index in range(len(labels.images)):
        boxes = [
            one
            for one in labels.of_image(index)
            if not one.crowd and one.is_finite and min(_sides(one)) > 0
        ]
        for at, one in enumerate(boxes):
            for other in boxes[:at]:
                iou = overlap(_box(one), _box(other))
                if one.category == other.category and iou >= least - SMALL:
                    doubles += 1
                    break
            two_classes += any(
                _box(one) == _box(other) and one.category != other.category for other in boxes[:at]
            )
    return _count(doubles, table) and two_classes <= number(table.get("max-two-classes", 0))


def _box(one: Annotation) -> tuple[float, float, float, float]:
    box = one.box or one.shares
    assert box is not None
    return box


def _image_files(view: View, table: Table, split: str) -> bool:
    labels = view.tables(split)
    wrong = sum(1 for image in labels.images if not _is_sound(view, labels, image))
    return _count(wrong, table)


def _is_sound(view: View, labels: Labels, image: Image) -> bool:
    path = f"{labels.folder}/{image.file_name}"
    if not is_regular(view.files, path) or leaves(view.files, labels.folder, path):
        return False
    if not is_whole(view.files, path) or orientation_of(view.files, path) != 1:
        return False
    size = size_of(view.files, path)
    stated = (image.width, image.height)
    return None in stated or size == stated


def _by_class(view: View, split: str) -> Counter[str]:
    labels = view.tables(split)
    labels.require_labels()
    classes = view.classes(split)
    if not classes:
        raise NotLookedAt(f"{split} has no class")
    counts = Counter(dict.fromkeys(classes, 0))
    counts.update(one.category for one in labels.annotations if one.category and not one.crowd)
    return counts


def _class_support(view: View, table: Table, split: str) -> bool:
    boxes = _by_class(view, split)
    labels = view.labels(split)
    images = {
        name: len({one.image for one in labels.annotations if one.category == name})
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
    return _count(len(weak), table)


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
    kept = []
    for group, field in (("clip", "clip-field"), ("site", "site-field")):
        if f"min-{group}s" in table:
            values = view.groups(split, group, table.get(field))
            different = {values[at] for at in empty} - {None}
            kept.append(len(different) >= number(table[f"min-{group}s"]))
    return bool(kept) and all(kept)


def _clip_overlap(view: View, table: Table, pair: str) -> bool:
    reference, tested = _clips_of_pair(view, table)
    unparsed = [*reference, *tested].count(None)
    # A clip that differs in letter case or outer blanks only is no other clip to rely on.
    known = {near_key(clip) for clip in reference if clip is not None}
    shared = [clip for clip in tested if clip is not None and near_key(clip) in known]
    return unparsed <= number(table.get("max-unparsed", 0)) and _at_most(
        len(shared) / len(tested), table.get("max", 0.0)
    )


def _at_most(value: float, limit: object) -> bool:
    return value <= number(limit) + SMALL


def _clips_of_pair(
    view: View, table: Table
) -> tuple[list[Hashable | None], list[Hashable | None]]:
    reference, tested = _names(table)
    field = table.get("clip-field")
    return view.clips(reference, field), view.clips(tested, field)


def _names(table: Table) -> tuple[str, str]:
    names = table.get("between")
    if not isinstance(names, list) or len(names) != 2 or names[0] == names[1]:
        raise NotLookedAt(f"between: {names!r}")
    return names[0], names[1]


def _frame_distance(view: View, table: Table, pair: str) -> bool:
    clips = _clips_of_pair(view, table)
    numbers = [view.groups(name, "frame", table.get("frame-field")) for name in _names(table)]
    whole = [[_whole(value) for value in each] for each in numbers]
    unparsed = sum(
        1
        for each, frames in zip(clips, whole, strict=True)
        for clip, frame in zip(each, frames, strict=True)
        if clip is None or frame is None
    )
    reference = [
        (near_key(clip), frame)
        for clip, frame in zip(clips[0], whole[0], strict=True)
        if clip is not None and frame is not None
    ]
    near = sum(
        1
        for clip, frame in zip(clips[1], whole[1], strict=True)
        if clip is not None
        and frame is not None
        and any(
            near_key(clip) == other and abs(frame - there) <= number(table.get("within"))
            for other, there in reference
        )
    )
    return unparsed <= number(table.get("max-unparsed", 0)) and _at_most(
        near / len(clips[1]), table.get("max", 0.0)
    )


def _whole(value: Hashable | None) -> int | None:
    if value is None:
        return None
    kind, plain = value  # type: ignore[misc]
    if kind == "number":
        return int(plain)
    return int(plain) if plain.isdigit() and plain.isascii() else None


def _bytes(view: View, name: str) -> list[bytes]:
    labels = view.labels(name)
    found = []
    for image in labels.images:
        path = f"{labels.folder}/{image.file_name}"
        data = read(view.files, path)
        if data is None or leaves(view.files, labels.folder, path):
            raise NotLookedAt(f"{path} cannot be read")
        found.append(data)
    return found


def _decoded(view: View, name: str, table: Table) -> list[bytes]:
    """The bytes of the images, all of which can be decoded where looks are compared."""
    labels = view.labels(name)
    if table.get("by", "hash") == "hash":
        for image in labels.images:
            if not is_whole(view.files, f"{labels.folder}/{image.file_name}"):
                raise NotLookedAt(f"{image.file_name} cannot be decoded")
    return _bytes(view, name)


def _duplicate_images(view: View, table: Table, pair: str) -> bool:
    reference, tested = (_decoded(view, name, table) for name in _names(table))
    return _count(sum(1 for data in tested if data in reference), table)


def _probe_isolation(view: View, table: Table, probe: str) -> bool:
    split = table.get("from", "train")
    reference, tested = _decoded(view, split, table), _decoded(view, probe, table)
    wrong = {index for index, data in enumerate(tested) if data in reference}
    if table.get("clips", True):
        field = table.get("clip-field")
        clips, known = view.clips(probe, field), view.clips(split, field)
        if [*clips, *known].count(None) > number(table.get("max-unparsed", 0)):
            return False
        near = {near_key(clip) for clip in known if clip is not None}
        wrong |= {at for at, clip in enumerate(clips) if clip is not None and near_key(clip) in near}
    return _count(len(wrong), table)


def _split_drift(view: View, table: Table, pair: str) -> None:
    for name in _names(table):
        labels = view.labels(name)
        labels.require_labels(sized=True)
        if any(one.category is None or one.image is None for one in labels.annotations):
            raise NotLookedAt("objects of no class or image")
        if any(not image.width or not image.height for image in labels.images):
            raise NotLookedAt("an image without size")


def _training_curve(view: View, table: Table, label: str) -> bool | None:
    path = text(table.get("path"), "path")
    losses, metrics = [], []
    for line in text_of(read(view.files, path), path).splitlines():
        if line.strip():
            entry = json_of(line.encode(), path)
            if not isinstance(entry, dict):
                raise NotLookedAt(f"{path}: {line!r}")
            losses += [number(entry["loss"])] if "loss" in entry else []
            metrics += [number(value) for key, value in entry.items() if key.endswith("mAP")]
    if not losses or not metrics:
        raise NotLookedAt(f"{path}: no loss, or no validation")
    wrong = sum(1 for loss in losses if not math.isfinite(loss))
    wrong += max(metrics) - metrics[-1] > number(table.get("max-fall", 0.02)) + SMALL
    return None if _count(wrong, table) else False


def _expectations(view: View, table: Table, split: str) -> bool | None:
    labels = view.labels(split)
    expectations = table.get("expect")
    if not isinstance(expectations, list) or not expectations or table.get("table") != "images":
        raise NotLookedAt("no expectation that this oracle knows")
    for one in expectations:
        if one.get("column") == "width":
            low, high = number(one.get("min_value", 0)), number(one.get("max_value", 1e9))
            widths = [image.width for image in labels.images]
            if any(width is None or not low <= width <= high for width in widths):
                return False
        elif one.get("column") == "file_name":
            if any(image.file_name[:1] not in "ns" for image in labels.images):
                return False
        elif one.get("type") == "expect_table_row_count_to_be_between":
            low, high = number(one.get("min_value", 0)), number(one.get("max_value", 1e9))
            if not low <= len(labels.images) <= high:
                return False
        else:
            raise NotLookedAt(f"{one!r}")
    return None


SPLIT_RULES: dict[str, Check] = {
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
    "expectations": _expectations,
}
PAIR_RULES: dict[str, Check] = {
    "clip-overlap": _clip_overlap,
    "frame-distance": _frame_distance,
    "duplicate-images": _duplicate_images,
    "split-drift": _split_drift,
}
PROBE_RULES: dict[str, Check] = {"probe-isolation": _probe_isolation}
SINGLE_RULES: dict[str, Check] = {"training-curve": _training_curve}
