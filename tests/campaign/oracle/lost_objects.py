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
    truth, found, images = evaluated(view)
    before = view.found_before(split).rows
    other = table.get("baseline-threshold")
    now = _found(truth, found, images, view.threshold(table))
    then = _found(truth, before, images, view.threshold(table) if other is None else number(other))
    if not then:
        raise NotLookedAtError("the baseline finds nothing")
    if table.get("min-p-value") is not None:
        # The clips of these splits are fewer than the five that such a test needs.
        raise NotLookedAtError("too few clips")
    lost = then - now
    kept = [
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
        of_class = [at for at in lost if truth[at].category == name]
        kept.append(len(of_class) <= number(limit))
    must = _must_be_found(view, table, split, truth)
    kept += [not must - now] if must is not None else []
    if not all(kept) or not (kept or table.get("must-find")):
        return False
    return None if must is None or table.get("bound", "point") != "point" else True


def _found(truth: list[Annotation], rows: list[Detection], images: int, over: float) -> set[int]:
    """The objects, by number, that detections over a threshold find."""
    found = set()
    for row in range(images):
        for name in {one.category for one in truth}:
            pairs = match(
                [one for one in truth if one.image == row and one.category == name],
                [
                    one
                    for one in rows
                    if one.image == row and one.category == name and one.score > over
                ],
                0.5,
            )
            there = {id(one) for _, one in pairs if one is not None and not one.crowd}
            found |= {at for at, one in enumerate(truth) if id(one) in there}
    return found


def _must_be_found(
    view: View, table: Table, split: str, truth: list[Annotation]
) -> set[int] | None:
    """The objects of `must-find`; None where an entry is of another kind than those that the
    generator writes."""
    objects: set[int] = set()
    names = [image.name for image in view.labels(split).images]
    for entry in table.get("must-find") or []:
        image = entry.get("image") if isinstance(entry, dict) else None
        if not isinstance(image, str) or len(entry) != 1 or any(one in image for one in "*?["):
            return None
        if name_of(image) not in names:
            return None  # what is near it may be meant
        row = names.index(name_of(image))
        own = {at for at, one in enumerate(truth) if one.image == row and not one.crowd}
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
    now = false_boxes(labels.annotations, view.found(probe), images, over)
    before = view.found_before(probe).rows
    then = false_boxes(labels.annotations, before, images, over if other is None else number(other))
    new = [
        one
        for one in now
        if not any(
            one.image == old.image
            and one.category == old.category
            and overlap(one.box, old.box) >= 0.5
            for old in then
        )
    ]
    if len(new) > number(table.get("max-new-false")):
        return False
    return None
