"""Which items of the rules on detections may pass; see `data_rules`."""

from __future__ import annotations

from collections.abc import Iterable

from tests.campaign.oracle.data_rules import Check, within
from tests.campaign.oracle.figures import (
    THRESHOLDS,
    average_precision,
    average_recall,
    binomial_lower,
    binomial_upper,
    false_boxes,
    found_boxes,
    poisson_upper,
)
from tests.campaign.oracle.labels import Annotation
from tests.campaign.oracle.reading import NotLookedAt, json_of, key_of, list_in, number, text
from tests.campaign.oracle.results import Detection
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import read

_AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
_AT = {"AP": THRESHOLDS, "AP50": (0.5,), "AP75": (0.75,)}


def _of(name: str, truth: Iterable[Annotation]) -> list[Annotation]:
    return [one for one in truth if one.category == name]


def _by(name: str, found: Iterable[Detection]) -> list[Detection]:
    return [one for one in found if one.category == name]


def _evaluated(view: View) -> tuple[list[Annotation], list[Detection], int]:
    """Ground truth, detections and number of images of the evaluated split."""
    split = view.evaluated
    truth, found = view.truth(split), view.found(split)
    if any(not one.is_finite for one in truth):
        raise NotLookedAt("an object is not finite")
    if not truth or not found:
        raise NotLookedAt("AP needs objects and detections")
    return truth, found, len(view.labels(split).images)


def _require_draws(view: View, table: Table) -> None:
    """A bound that is held needs 200 replicates."""
    if table.get("bound", "point") != "point":
        draws = table.get("replicates")
        if draws is None:
            draws = view.table("scoring").get("replicates", 1000)
        if number(draws) < 200:
            raise NotLookedAt("too few replicates for a bound")


def _require_support(table: Table, boxes: list[Annotation], images: int | None = None) -> None:
    seen = len({one.image for one in boxes}) if images is None else images
    if seen < number(table.get("min-images") or 0):
        raise NotLookedAt("too few images")
    if len([one for one in boxes if not one.crowd]) < number(table.get("min-boxes") or 0):
        raise NotLookedAt("too few boxes")


def _unless_lower(view: View, table: Table, kept: bool) -> bool | None:
    """The lower bound of AP is not worked out here; it is never above the value."""
    return None if kept and table.get("bound", "point") != "point" else kept


def _metric(
    metric: str, truth: list[Annotation], found: list[Detection], images: int
) -> float | None:
    if metric in _AT:
        return average_precision(range(images), truth, found, _AT[metric])
    return average_recall(truth, found, images, int(metric.removeprefix("AR")))


def _mean_ap(view: View, table: Table, label: str) -> bool | None:
    truth, found, images = _evaluated(view)
    _require_draws(view, table)
    _require_support(table, truth, images)
    metric = table.get("metric", "AP")
    if metric not in (*_AT, "AR1", "AR10", "AR100"):
        raise NotLookedAt(f"metric {metric!r}")
    values = [
        _metric(metric, _of(name, truth), _by(name, found), images)
        for name in view.classes(view.evaluated)
    ]
    known = [value for value in values if value is not None]
    if not known:
        raise NotLookedAt("no class has objects")
    return _unless_lower(view, table, within(sum(known) / len(known), table))


def _class_table(table: Table, name: str) -> Table:
    """The floor of one class."""
    own = table.get("classes")
    floor = own.get(name) if isinstance(own, dict) else None
    return {"min": table.get("min") if floor is None else floor}


def _class_ap(view: View, table: Table, label: str) -> bool | None:
    truth, found, images = _evaluated(view)
    _require_draws(view, table)
    _require_support(table, _of(label, truth))
    metric = table.get("metric", "AP")
    if metric not in _AT:
        raise NotLookedAt(f"metric {metric!r}")
    value = _metric(metric, _of(label, truth), _by(label, found), images)
    if value is None:
        raise NotLookedAt(f"{label} has no objects")
    return _unless_lower(view, table, within(value, _class_table(table, label)))


def _recall(view: View, table: Table, label: str) -> bool | None:
    truth, found, images = _evaluated(view)
    _require_draws(view, table)
    own = _of(label, truth)
    _require_support(table, own)
    total = len([one for one in own if not one.crowd])
    if not total:
        raise NotLookedAt(f"{label} has no objects")
    hits = found_boxes(own, _by(label, found), images, view.threshold(table))
    kept = within(hits / total, _class_table(table, label))
    if kept and table.get("bound") == "lower":
        exact = binomial_lower(hits, total, view.confidence(table))
        kept = within(exact, _class_table(table, label))
    return _unless_lower(view, table, kept)


def _size_ap(view: View, table: Table, label: str) -> bool | None:
    truth, found, images = _evaluated(view)
    _require_draws(view, table)
    values = [
        average_precision(
            range(images), _of(name, truth), _by(name, found), area=_AREAS[label]
        )
        for name in view.classes(view.evaluated)
    ]
    known = [value for value in values if value is not None]
    if not known:
        raise NotLookedAt(f"no {label} object")
    return _unless_lower(view, table, within(sum(known) / len(known), {"min": table.get(label)}))


def _slice_ap(view: View, table: Table, label: str) -> bool | None:
    truth, found, _ = _evaluated(view)
    _require_draws(view, table)
    by = str(table.get("by")).strip()
    values = slice_values(view, by)
    if values.count(None) > number(table.get("max-unsliced", 0)):
        raise NotLookedAt(f"images without {by}")
    chosen = [at for at, value in enumerate(values) if f"{by}={value}" == label]
    if not chosen:
        raise NotLookedAt(f"no slice {label}")
    known = [
        average
        for name in view.classes(view.evaluated)
        for average in [average_precision(chosen, _of(name, truth), _by(name, found))]
        if average is not None
    ]
    if not known:
        raise NotLookedAt(f"no object in {label}")
    inside = [one for one in truth if one.image in chosen]
    support = {"min-images": 1, "min-boxes": 1} | table
    _require_support(support, inside, len(chosen))
    if len({one for one in values if one is not None}) != len(
        {key_of(one) if isinstance(one, (str, int, float)) else one for one in values} - {None}
    ):
        return None  # 5 and "5" are one slice: the value is that of both
    return _unless_lower(view, table, within(sum(known) / len(known), table))


def slice_values(view: View, by: str) -> list[object]:
    """The value of each image that slices are told by, as its label shows it."""
    split = view.evaluated
    images = view.labels(split).images
    if by in ("clip", "site"):
        groups = view.groups(split, by, None)
        return [None if group is None else group[1] for group in groups]  # type: ignore[index]
    if by == "width > 100":
        return [None if one.width is None else str(one.width > 100).lower() for one in images]
    if by == "width":
        return [None if one.width is None else f"{one.width:g}" for one in images]
    fields = [image.fields.get(by) for image in images]
    if any(isinstance(value, (list, dict)) for value in fields):
        raise NotLookedAt(f"{by} is neither a number nor text")
    return [str(value).lower() if isinstance(value, bool) else value for value in fields]


def _probe_fp(view: View, table: Table, probe: str) -> bool | None:
    own = table.get("probes")
    budget = table | (own.get(probe, {}) if isinstance(own, dict) else {})
    labels = view.labels(probe)
    labels.require_labels()
    found = view.found(probe)
    images = len(labels.images)
    if images < number(budget.get("min-images") or 0):
        raise NotLookedAt("too few images")
    false = false_boxes(labels.annotations, found, images, view.threshold(budget))
    confidence = view.confidence(budget)
    on_images = len({one.image for one in false})
    most = max(sum(1 for one in false if one.image == at) for at in range(images))
    boxes, share = float(len(false)), on_images / images
    is_upper = budget.get("bound", "point") == "upper"
    if is_upper:  # whatever the unit is, no bound is better than these
        boxes = max(boxes, poisson_upper(len(false), confidence))
        share = binomial_upper(on_images, images, confidence)
    limits: list[tuple[str, float]] = [
        ("max-boxes", boxes),
        ("max-images", share * images),
        ("max-image-share", share),
        ("max-boxes-per-image", most),
        ("max-mean-boxes-per-image", boxes / images),
    ]
    kept = [within(value, budget, high=key) for key, value in limits if budget.get(key) is not None]
    classes = budget.get("classes")
    for name, limit in (classes if isinstance(classes, dict) else {}).items():
        count: float = len(_by(name, false))
        if is_upper:
            count = poisson_upper(int(count), confidence)
        kept.append(within(count, {"max": limit}))
    if not all(kept) or not kept:
        return False
    return None if is_upper else True


def _operating_point(view: View, table: Table, label: str) -> bool | None:
    truth, found, images = _evaluated(view)
    probes = view.probes
    if not probes:
        raise NotLookedAt("no probe")
    for probe in probes:
        view.labels(probe).require_labels()
    scores = {one.score for one in found}
    scores |= {one.score for probe in probes for one in view.found(probe)}
    return None if any(_is_kept(view, table, score) for score in (0.0, *sorted(scores))) else False


def _is_kept(view: View, table: Table, threshold: float) -> bool:
    truth, found, images = _evaluated(view)
    for probe in view.probes:
        labels = view.labels(probe)
        frames = len(labels.images)
        false = false_boxes(labels.annotations, view.found(probe), frames, threshold)
        if len(false) > number(table.get("max-boxes", 0)):
            return False
    for name in view.classes(view.evaluated):
        floor = _class_table({"min": table.get("min-recall"), **table}, name)["min"]
        own = _of(name, truth)
        if floor is None:
            continue
        if not own:
            return False
        hits = found_boxes(own, _by(name, found), images, threshold)
        if hits / len(own) < number(floor) - 1e-9:
            return False
    return True


def _absent_class_boxes(view: View, table: Table, label: str) -> bool:
    truth, found, _ = _evaluated(view)
    there = {one.category for one in truth}
    over = view.threshold(table)
    boxes = [one for one in found if one.score > over and one.category not in there]
    return len(boxes) <= number(table.get("max", 0))


def _error_budget(view: View, table: Table, label: str) -> None:
    _evaluated(view)


def _calibration(view: View, table: Table, label: str) -> bool | None:
    _evaluated(view)
    return None if table.get("max") is not None or table.get("classes") else False


def _class_names(view: View, table: Table, split: str) -> bool | None:
    """Names of classes are looked at before any image: those that the detector has, or that its
    result file lists."""
    if view.predictions:
        content = json_of(read(view.files, view.result_file(split)), "result file", keys_twice=True)
        categories = list_in(content, "categories", "result file")
        names = [text(one.get("name")) for one in categories]
    else:
        content = json_of(read(view.files, "answers.json"), "answers.json")
        names = list_in(content, "classes", "answers.json")
    differ = set(names) ^ set(view.classes(split))
    return None if len(differ) <= number(table.get("max", 0)) else False


def _needs_baseline(view: View, table: Table, label: str) -> bool:
    return False  # no case has a baseline that could be compared with


def _repeatability(view: View, table: Table, label: str) -> bool | None:
    _evaluated(view)
    if view.predictions:
        raise NotLookedAt("a result file cannot be run again")
    return None


SINGLE_RULES: dict[str, Check] = {
    "mean-ap": _mean_ap,
    "operating-point": _operating_point,
    "calibration": _calibration,
    "ap-regression": _needs_baseline,
    "repeatability": _repeatability,
}
CLASS_RULES: dict[str, Check] = {"class-ap": _class_ap, "recall": _recall}
PROBE_RULES: dict[str, Check] = {"probe-fp": _probe_fp, "fp-regression": _needs_baseline}
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
    for rules in (SINGLE_RULES, CLASS_RULES, PROBE_RULES, SPLIT_RULES, EVALUATED_RULES, SLICE_RULES)
    for code in rules
) | frozenset(KEY_RULES)
