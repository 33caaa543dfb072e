"""Which items of `lost-objects` may pass; see `split_rules`."""

from __future__ import annotations

from tests.campaign.oracle.labels import Annotation
from tests.campaign.oracle.metrics import false_boxes, match, overlap
from tests.campaign.oracle.model_rules import evaluated
from tests.campaign.oracle.reading import NotLookedAtError, name_of, number
from tests.campaign.oracle.result_rows import Detection
from tests.campaign.oracle.split_rules import within
from tests.campaign.oracle.view import Table, View

SPLIT_LIMITS = ("max-lost", "max-lost-share", "classes", "min-p-value", "must-find")
"""The options that give the evaluated split an item; `max-new-false` gives each probe one."""


def check_split(view: View, table: Table, split: str) -> bool | None:
    """Whether the item of the evaluated split may pass."""
    truth, detections, images = evaluated(view)
    before = view.found_before(split).rows
    other = table.get("baseline-threshold")
    now = _detected(truth, detections, images, view.threshold(table))
    then = _detected(
        truth, before, images, view.threshold(table) if other is None else number(other)
    )
    if not then:
        raise NotLookedAtError("the baseline finds nothing")
    if table.get("min-p-value") is not None:
        # The clips of these splits are fewer than the five that such a test needs.
        raise NotLookedAtError("too few clips")
    lost = then - now
    is_within = [
        within(value, table, high=key)
        for key, value in (
            ("max-lost", float(len(lost))),
            ("max-lost-share", len(lost) / len(then)),
        )
        if table.get(key) is not None
    ]
    classes = table.get("classes")
    for name, limit in (classes if isinstance(classes, dict) else {}).items():
        if name not in view.classes(split):
            raise NotLookedAtError(f"no class {name!r}")
        of_class = [index for index in lost if truth[index].category == name]
        is_within.append(len(of_class) <= number(limit))
    must = _must_be_found(view, table, split, truth)
    is_within += [not must - now] if must is not None else []
    if not all(is_within) or not (is_within or table.get("must-find")):
        return False
    return None if must is None or table.get("bound", "point") != "point" else True


def _detected(truth: list[Annotation], rows: list[Detection], images: int, over: float) -> set[int]:
    """The objects, by number, that detections over a threshold find."""
    collected = set()
    for row in range(images):
        for name in {truth_box.category for truth_box in truth}:
            pairs = match(
                [
                    truth_box
                    for truth_box in truth
                    if truth_box.image == row and truth_box.category == name
                ],
                [
                    entry
                    for entry in rows
                    if entry.image == row and entry.category == name and entry.score > over
                ],
                0.5,
            )
            there = {id(pair) for _, pair in pairs if pair is not None and not pair.crowd}
            collected |= {index for index, truth_box in enumerate(truth) if id(truth_box) in there}
    return collected


def _must_be_found(
    view: View, table: Table, split: str, truth: list[Annotation]
) -> set[int] | None:
    """The objects of `must-find`; None where an entry is of another kind than those that the
    generator writes."""
    objects: set[int] = set()
    names = [image.name for image in view.labels(split).images]
    for entry in table.get("must-find") or []:
        image = entry.get("image") if isinstance(entry, dict) else None
        if not isinstance(image, str) or len(entry) != 1 or any(name in image for name in "*?["):
            return None
        if name_of(image) not in names:
            return None  # what is near it may be meant
        row = names.index(name_of(image))
        own = {
            index
            for index, truth_box in enumerate(truth)
            if truth_box.image == row and not truth_box.crowd
        }
        if not own:
            raise NotLookedAtError(f"{image} has no object")
        objects |= own
    return objects


def check_probe(view: View, table: Table, probe: str) -> bool | None:
    """Whether the item of a probe may pass."""
    labels = view.labels(probe)
    labels.require_labels()
    if table.get("min-p-value") is not None:
        raise NotLookedAtError("too few clips")
    other = table.get("baseline-threshold")
    over = view.threshold(table)
    images = len(labels.images)
    now = false_boxes(labels.annotations, view.detected(probe), images, over)
    before = view.found_before(probe).rows
    then = false_boxes(labels.annotations, before, images, over if other is None else number(other))
    new = [
        box
        for box in now
        if not any(
            box.image == old.image
            and box.category == old.category
            and overlap(box.box, old.box) >= 0.5
            for old in then
        )
    ]
    if len(new) > number(table.get("max-new-false")):
        return False
    return None
