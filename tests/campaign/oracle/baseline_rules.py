"""Which items of the rules that compare models may pass; see `split_rules`."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
from pathlib import PurePosixPath

from tests.campaign.oracle.labels import Annotation, Labels
from tests.campaign.oracle.metrics import THRESHOLDS, average_precision, false_boxes
from tests.campaign.oracle.model_rules import evaluated, found_of_class, of_class
from tests.campaign.oracle.reading import NotLookedAtError, number, text
from tests.campaign.oracle.results import read_answers
from tests.campaign.oracle.split_rules import SMALL, Check
from tests.campaign.oracle.view import Table, View
from tests.campaign.project import read

_THRESHOLDS = {"AP": THRESHOLDS, "AP50": (0.5,), "AP75": (0.75,)}


def _require_same_labels(first: Labels, other: Labels) -> None:
    """Refuse a comparison on other images, objects or classes."""
    if _written(first) != _written(other):
        raise NotLookedAtError("the annotations are not those of the baseline")
    if first.classes != other.classes:
        raise NotLookedAtError("the classes are not those of the baseline")
    if _last_names(first) != _last_names(other):
        raise NotLookedAtError("the images are not those of the baseline")


def _written(labels: Labels) -> list[Annotation]:
    """Annotations as they are written: shares of an image stay the same where its size changes."""
    return [
        annotation if annotation.shares is None else dataclasses.replace(annotation, box=None)
        for annotation in labels.annotations
    ]


def _last_names(labels: Labels) -> list[str]:
    """What images are called in their folder, as some formats name them: without a suffix."""
    return [PurePosixPath(image.name).stem for image in labels.images]


def _same_images(view: View, earlier: View, labels: Labels) -> bool:
    """Whether the images that can be read are those of the run before."""
    paths = [f"{labels.folder}/{image.file_name}" for image in labels.images]
    pairs = [(read(view.files, path), read(earlier.files, path)) for path in paths]
    return all(now is None or now == then for now, then in pairs)


def _is_unchanged(view: View, name: str) -> bool:
    """Whether the detections on a split or probe are exactly those of the baseline: a model that
    nobody changed is not compared."""
    now, then = (
        {
            (_last_names(entry.labels(name))[row.image], row.category, row.box, row.score)
            for row in entry.detected(name)
        }
        for entry in (view, view.earlier)
    )
    return now == then


def _detector_classes(view: View, split: str) -> set[str]:
    """The classes of the detector, where its file names none those of the split."""
    classes = view.detections(split).classes
    return set(view.classes(split) if classes is None else classes)


def _ap_regression(view: View, table: Table, label: str) -> bool | None:
    if view.baseline_checkpoint() is not None:
        return _ap_beside_checkpoint(view, table)
    split, earlier = view.evaluated, view.earlier
    if table.get("min-p-value") is not None or table.get("noise-from"):
        raise NotLookedAtError("a record has no detections to compare")
    truth, detections, images = evaluated(view)
    _, before, _ = evaluated(earlier)
    if _is_unchanged(view, split):
        return None
    _require_same_labels(view.labels(split), earlier.labels(split))
    if _detector_classes(view, split) != _detector_classes(earlier, split):
        raise NotLookedAtError("the classes of the detector are not those of the baseline")
    limits = [
        key for key in ("max-drop", "max-drop-relative", "min-gain", "max-gain") if key in table
    ]
    if not limits:
        return False
    thresholds = _THRESHOLDS[table.get("metric", "AP")]
    noise = number(table.get("noise", 0.003))
    for name in view.classes(split):
        own = of_class(name, truth)
        values = [
            average_precision(range(images), own, found_of_class(name, rows), thresholds)
            for rows in (detections, before)
        ]
        if None in values or "max-drop" not in table:
            continue
        now, then = values
        if now - then < -(number(table["max-drop"]) + noise) - SMALL:  # type: ignore[operator]
            return False
    return None


def _ap_beside_checkpoint(view: View, table: Table) -> bool | None:
    """Beside another checkpoint, on the same images. What the bootstrap says of noise is not worked
    out here."""
    split = view.evaluated
    truth, detections, images = evaluated(view)
    before = view.found_before(split)
    if set(before.classes or ()) != _detector_classes(view, split):
        raise NotLookedAtError("the classes of the detector are not those of the baseline")
    if table.get("min-p-value") is not None:
        raise NotLookedAtError("too few clips for a p-value")
    for path in table.get("noise-from") or []:
        read_answers(view.files, view.labels(split), text(path, "checkpoint"))
    if "noise" not in table or table.get("noise-from"):
        return None
    thresholds = _THRESHOLDS[table.get("metric", "AP")]
    drop = number(table["max-drop"]) + number(table["noise"])
    for name in view.classes(split):
        own = of_class(name, truth)
        now, then = (
            average_precision(range(images), own, found_of_class(name, rows), thresholds)
            for rows in (detections, before.rows)
        )
        if now is not None and then is not None and now - then < -drop - SMALL:
            return False
    return None


def _fp_regression(view: View, table: Table, probe: str) -> bool | None:
    if view.baseline_checkpoint() is not None:
        view.detected(probe)
        view.found_before(probe)
        return None
    earlier = view.earlier
    labels, before = view.labels(probe), earlier.labels(probe)
    labels.require_labels()
    if _is_unchanged(view, probe) and _same_images(view, earlier, labels):
        return None
    _require_same_labels(labels, before)
    if view.threshold(table) != earlier.threshold(table):
        raise NotLookedAtError("the threshold is not that of the baseline")
    for image in labels.images:
        path = f"{labels.folder}/{image.file_name}"
        now, then = read(view.files, path), read(earlier.files, path)
        # What cannot be read cannot be compared; names alone are then, and that is said.
        if now is not None and now != then:
            raise NotLookedAtError(f"{path} is not the image of the baseline")
    counts = [
        len(
            false_boxes(
                labels.annotations, entry.detected(probe), len(labels.images), view.threshold(table)
            )
        )
        for entry in (view, earlier)
    ]
    noise = number(table.get("noise", 0))
    growth = counts[0] - counts[1]
    if "max-growth-boxes" in table and growth > number(table["max-growth-boxes"]) + noise:
        return False
    return None if {"max-growth", "max-growth-boxes", "min-reduction"} & set(table) else False


def _checkpoint_choice(view: View, table: Table, label: str) -> None:
    view.require_detector()
    pattern = view.command.sweep or text(table.get("checkpoints"), "pattern")
    wanted = os.path.normpath(pattern)
    epochs = [name for name in view.files if fnmatch.fnmatchcase(name, wanted)]
    if not set(epochs) - {os.path.normpath(view.answers)} or not view.probes:
        raise NotLookedAtError("no other checkpoint, or no probe")
    evaluated(view)
    for name in (view.evaluated, *view.probes):
        labels = view.labels(name)
        labels.require_labels(sized=True)
        view.detected(name)
        for epoch in epochs:
            read_answers(view.files, labels, epoch)


COMPARING = frozenset({"ap-regression", "fp-regression", "lost-objects"})
SINGLE_RULES: dict[str, Check] = {
    "ap-regression": _ap_regression,
    "checkpoint-choice": _checkpoint_choice,
}
PROBE_RULES: dict[str, Check] = {"fp-regression": _fp_regression}
CODES = frozenset((*SINGLE_RULES, *PROBE_RULES, "lost-objects"))
