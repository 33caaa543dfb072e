"""Which items of the rules on probes may pass; see `split_rules`."""

from __future__ import annotations

from tests.campaign.oracle.metrics import binomial_upper, false_boxes, found_boxes, poisson_upper
from tests.campaign.oracle.model_rules import (
    class_table,
    evaluated,
    found_of_class,
    of_class,
)
from tests.campaign.oracle.reading import NotLookedAtError, number
from tests.campaign.oracle.split_rules import Check, within
from tests.campaign.oracle.view import Table, View


def _probe_fp(view: View, table: Table, probe: str) -> bool | None:
    own = table.get("probes")
    budget = table | (own.get(probe, {}) if isinstance(own, dict) else {})
    labels = view.labels(probe)
    labels.require_labels()
    detections = view.detected(probe)
    images = len(labels.images)
    if images < number(budget.get("min-images") or 0):
        raise NotLookedAtError("too few images")
    false = false_boxes(labels.annotations, detections, images, view.threshold(budget))
    confidence = view.confidence(budget)
    on_images = len({detection.image for detection in false})
    most = max(
        sum(1 for detection in false if detection.image == number) for number in range(images)
    )
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
    is_within = [
        within(value, budget, high=key) for key, value in limits if budget.get(key) is not None
    ]
    classes = budget.get("classes")
    for name, limit in (classes if isinstance(classes, dict) else {}).items():
        count: float = len(found_of_class(name, false))
        if is_upper:
            count = poisson_upper(int(count), confidence)
        is_within.append(within(count, {"max": limit}))
    if not all(is_within) or not is_within:
        return False
    return None if is_upper or view.misses_all_objects() else True


def _operating_point(view: View, table: Table, label: str) -> bool | None:
    _truth, detections, _images = evaluated(view)
    probes = view.probes
    if not probes:
        raise NotLookedAtError("no probe")
    for probe in probes:
        view.labels(probe).require_labels()
    scores = {detection.score for detection in detections}
    scores |= {detection.score for probe in probes for detection in view.detected(probe)}
    return None if any(_is_kept(view, table, score) for score in (0.0, *sorted(scores))) else False


def _is_kept(view: View, table: Table, threshold: float) -> bool:
    truth, detections, images = evaluated(view)
    for probe in view.probes:
        labels = view.labels(probe)
        frames = len(labels.images)
        false = false_boxes(labels.annotations, view.detected(probe), frames, threshold)
        if len(false) > number(table.get("max-boxes", 0)):
            return False
    for name in view.classes(view.evaluated):
        floor = class_table({"min": table.get("min-recall"), **table}, name)["min"]
        own = [box for box in of_class(name, truth) if not box.crowd]
        if floor is None:
            continue
        if not own:
            return False
        hits = found_boxes(own, found_of_class(name, detections), images, threshold)
        if hits / len(own) < number(floor) - 1e-9:
            return False
    return True


PROBE_RULES: dict[str, Check] = {"probe-fp": _probe_fp}
SINGLE_RULES: dict[str, Check] = {"operating-point": _operating_point}
CODES = frozenset((*PROBE_RULES, *SINGLE_RULES))
