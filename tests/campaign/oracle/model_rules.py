"""Which items of the rules on detections may pass; see `split_rules`."""

from __future__ import annotations

from collections.abc import Iterable

from tests.campaign.oracle.labels import Annotation
from tests.campaign.oracle.metrics import (
    THRESHOLDS,
    average_precision,
    average_recall,
    binomial_lower,
    found_boxes,
)
from tests.campaign.oracle.reading import NotLookedAtError, key_of, list_in, number
from tests.campaign.oracle.result_rows import Detection
from tests.campaign.oracle.results import answers_in, names_in_results
from tests.campaign.oracle.split_rules import Check, within
from tests.campaign.oracle.view import Table, View

_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
_THRESHOLDS_OF = {"AP": THRESHOLDS, "AP50": (0.5,), "AP75": (0.75,)}


def of_class(name: str, truth: Iterable[Annotation]) -> list[Annotation]:
    return [truth_box for truth_box in truth if truth_box.category == name]


def found_of_class(name: str, detections: Iterable[Detection]) -> list[Detection]:
    return [detection for detection in detections if detection.category == name]


def evaluated(view: View) -> tuple[list[Annotation], list[Detection], int]:
    """Ground truth, detections and number of images of the evaluated split."""
    split = view.evaluated
    truth, detections = view.truth(split), view.detected(split)
    if any(not truth_box.is_finite for truth_box in truth):
        raise NotLookedAtError("an object is not finite")
    if not truth or not detections:
        raise NotLookedAtError("AP needs objects and detections")
    return truth, detections, len(view.labels(split).images)


def require_draws(view: View, table: Table) -> None:
    """A bound that is held needs 200 replicates."""
    if table.get("bound", "point") != "point":
        draws = table.get("replicates")
        if draws is None:
            draws = view.table("scoring").get("replicates", 1000)
        if number(draws) < 200:
            raise NotLookedAtError("too few replicates for a bound")


def require_support(table: Table, boxes: list[Annotation], images: int | None = None) -> None:
    """Refuse a number of images or objects that proves nothing."""
    seen = len({box.image for box in boxes if not box.crowd}) if images is None else images
    if seen < number(table.get("min-images") or 0):
        raise NotLookedAtError("too few images")
    if len([box for box in boxes if not box.crowd]) < number(table.get("min-boxes") or 0):
        raise NotLookedAtError("too few boxes")


def unless_bound(table: Table, is_within: bool) -> bool | None:
    """Bounds are not worked out here; they are never better than the value."""
    return None if is_within and table.get("bound", "point") != "point" else is_within


def _metric(
    metric: str, truth: list[Annotation], detections: list[Detection], images: int
) -> float | None:
    if metric in _THRESHOLDS_OF:
        return average_precision(range(images), truth, detections, _THRESHOLDS_OF[metric])
    return average_recall(truth, detections, images, int(metric.removeprefix("AR")))


def _mean_ap(view: View, table: Table, label: str) -> bool | None:
    truth, detections, images = evaluated(view)
    require_draws(view, table)
    require_support(table, truth, images)
    metric = table.get("metric", "AP")
    if metric not in (*_THRESHOLDS_OF, "AR1", "AR10", "AR100"):
        raise NotLookedAtError(f"metric {metric!r}")
    values = [
        _metric(metric, of_class(name, truth), found_of_class(name, detections), images)
        for name in view.classes(view.evaluated)
    ]
    known = [value for value in values if value is not None]
    if not known:
        raise NotLookedAtError("no class has objects")
    return unless_bound(table, within(sum(known) / len(known), table))


def class_table(table: Table, name: str) -> Table:
    """The floor of one class."""
    own = table.get("classes")
    floor = own.get(name) if isinstance(own, dict) else None
    return {"min": table.get("min") if floor is None else floor}


def _class_ap(view: View, table: Table, label: str) -> bool | None:
    truth, detections, images = evaluated(view)
    require_draws(view, table)
    require_support(table, of_class(label, truth))
    metric = table.get("metric", "AP")
    if metric not in _THRESHOLDS_OF:
        raise NotLookedAtError(f"metric {metric!r}")
    value = _metric(metric, of_class(label, truth), found_of_class(label, detections), images)
    if value is None:
        raise NotLookedAtError(f"{label} has no objects")
    return unless_bound(table, within(value, class_table(table, label)))


def _recall(view: View, table: Table, label: str) -> bool | None:
    truth, detections, images = evaluated(view)
    require_draws(view, table)
    own = of_class(label, truth)
    require_support(table, own)
    total = len([box for box in own if not box.crowd])
    if not total:
        raise NotLookedAtError(f"{label} has no objects")
    hits = found_boxes(own, found_of_class(label, detections), images, view.threshold(table))
    is_within = within(hits / total, class_table(table, label))
    if is_within and table.get("bound") == "lower":
        exact = binomial_lower(hits, total, view.confidence(table))
        is_within = within(exact, class_table(table, label))
    return unless_bound(table, is_within)


def _size_ap(view: View, table: Table, label: str) -> bool | None:
    truth, detections, images = evaluated(view)
    require_draws(view, table)
    values = [
        average_precision(
            range(images),
            of_class(name, truth),
            found_of_class(name, detections),
            area=_AREAS[label],
        )
        for name in view.classes(view.evaluated)
    ]
    known = [value for value in values if value is not None]
    if not known:
        raise NotLookedAtError(f"no {label} object")
    return unless_bound(table, within(sum(known) / len(known), {"min": table.get(label)}))


def _slice_ap(view: View, table: Table, label: str) -> bool | None:
    truth, detections, _ = evaluated(view)
    require_draws(view, table)
    by = str(table.get("by")).strip()
    values = slice_values(view, by)
    if values.count(None) > number(table.get("max-unsliced", 0)):
        raise NotLookedAtError(f"images without {by}")
    chosen = [index for index, value in enumerate(values) if f"{by}={value}" == label]
    if not chosen:
        raise NotLookedAtError(f"no slice {label}")
    known = [
        average
        for name in view.classes(view.evaluated)
        for average in [
            average_precision(chosen, of_class(name, truth), found_of_class(name, detections))
        ]
        if average is not None
    ]
    if not known:
        raise NotLookedAtError(f"no object in {label}")
    inside = [truth_box for truth_box in truth if truth_box.image in chosen]
    support = {"min-images": 1, "min-boxes": 1} | table
    require_support(support, inside, len(chosen))
    if len({value for value in values if value is not None}) != len(
        {key_of(value) if isinstance(value, (str, int, float)) else value for value in values}
        - {None}
    ):
        return None  # 5 and "5" are one slice: the value is that of both
    return unless_bound(table, within(sum(known) / len(known), table))


def slice_values(view: View, by: str) -> list[object]:
    """The value of each image that slices are told by, as its label shows it."""
    split = view.evaluated
    images = view.labels(split).images
    if by in ("clip", "site"):
        groups = view.groups(split, by, None)
        return [None if group is None else group[1] for group in groups]
    if by == "width > 100":
        return [None if image.width is None else str(image.width > 100).lower() for image in images]
    if by == "width":
        return [None if image.width is None else f"{image.width:g}" for image in images]
    fields = [image.fields.get(by) for image in images]
    if any(isinstance(value, (list, dict)) for value in fields):
        raise NotLookedAtError(f"{by} is neither a number nor text")
    return [str(value).lower() if isinstance(value, bool) else value for value in fields]


def _absent_class_boxes(view: View, table: Table, label: str) -> bool:
    truth, detections, _ = evaluated(view)
    there = {truth_box.category for truth_box in truth}
    over = view.threshold(table)
    boxes = [
        detection
        for detection in detections
        if detection.score > over and detection.category not in there
    ]
    return len(boxes) <= number(table.get("max", 0))


def _error_budget(view: View, table: Table, label: str) -> None:
    evaluated(view)


def _calibration(view: View, table: Table, label: str) -> bool | None:
    evaluated(view)
    return None if table.get("max") is not None or table.get("classes") else False


def _class_names(view: View, table: Table, split: str) -> bool | None:
    """Names of classes are looked at before any image: those that the detector has, or that its
    result file lists."""
    if view.predictions:
        names = names_in_results(view.files, view.result_file(split))
    else:
        names = list_in(answers_in(view.files, view.answers), "classes", view.answers)
    differ = set(names) ^ set(view.classes(split))
    return None if len(differ) <= number(table.get("max", 0)) else False


def class_names_of_pair(view: View, table: Table, first: str, second: str) -> bool | None:
    """Names of classes of two splits, without any detection."""
    differ = set(view.classes(first)) ^ set(view.classes(second))
    return None if len(differ) <= number(table.get("max", 0)) else False


def _repeatability(view: View, table: Table, label: str) -> bool | None:
    if view.predictions:
        raise NotLookedAtError("a result file cannot be run again")
    if not view.detections(view.evaluated).rows:
        raise NotLookedAtError("no detection to compare")
    return None


def _latency(view: View, table: Table, label: str) -> None:
    if view.predictions:
        raise NotLookedAtError("a result file cannot be timed")
    view.detections(view.evaluated)


SINGLE_RULES: dict[str, Check] = {
    "mean-ap": _mean_ap,
    "calibration": _calibration,
    "repeatability": _repeatability,
    "latency": _latency,
}
CLASS_RULES: dict[str, Check] = {"class-ap": _class_ap, "recall": _recall}
SPLIT_RULES: dict[str, Check] = {"class-names": _class_names}
KEY_RULES: dict[str, tuple[tuple[str, ...], Check]] = {
    "size-ap": (tuple(_AREAS), _size_ap),
    "error-budget": (
        ("background", "duplicate", "class", "location", "both", "miss"),
        _error_budget,
    ),
}
"""Rules with one item for each of these keys that the table has."""
EVALUATED_RULES: dict[str, Check] = {"absent-class-boxes": _absent_class_boxes}
"""Rules with one item, called like the evaluated split."""
SLICE_RULES: dict[str, Check] = {"slice-ap": _slice_ap}
CODES = frozenset(
    code
    for rules in (SINGLE_RULES, CLASS_RULES, SPLIT_RULES, EVALUATED_RULES, SLICE_RULES)
    for code in rules
) | frozenset(KEY_RULES)
