"""Comparison of cached detections with those of the model now.

The record of what Python code accesses can never be complete. So a model that runs code of the
project infers on a few of the images again before its cached detections are used.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pytest_detgate.counts import counted
from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.pending import PendingImages
from pytest_detgate.detector.devices import device_type
from pytest_detgate.detector.protocol import Detected, Detector, UncacheableDetected
from pytest_detgate.scoring.comparison.agreement import agreement

N_COMPARED = 8
"""Images that a run compares, spread over its datasets, and at least one of each."""

# The default limits of the rule `repeatability`.
_SCORE_DIFFERENCE = 1e-4
_BOX_DIFFERENCE = 0.1

# Seeding the shared generator, as some test plugins do, must not choose the same images each time.
_random = random.SystemRandom()

_Difference = Literal["none", "digits", "other"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result for `n_images`: `reason` says why cached detections must not be used, else empty.

    `is_repeatable` is false if the model itself gives different results for the same image.
    """

    n_images: int
    reason: str = ""
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """The images to compare, with their digests.

    `marks` are digests that represent their datasets once those are compared, also for a dataset
    without cached detections.
    """

    images: Mapping[Path, str]
    marks: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.images)


def choose_images(
    pending: PendingImages, datasets: Sequence[Collection[Path]], compared: Collection[str]
) -> ImageChoice:
    """Choose images with cached detections, at random, from the datasets that are not compared.

    A dataset is compared if one of its images is among the digests `compared`. Of images with and
    without detections half are chosen each, if there are as many.
    """
    seen = set(compared)
    parts = [
        digests
        for digests in (
            {pending.digest[path]: path for path in dataset if path in pending.digest}
            for dataset in datasets
        )
        if digests and not seen & digests.keys()
    ]
    chosen: dict[Path, str] = {}
    marks: set[str] = set()
    for digests in parts:
        cached = [sha256 for sha256 in digests if sha256 in pending.made_on]
        picked = _spread(cached, pending, math.ceil(N_COMPARED / len(parts)))
        chosen.update((digests[sha256], sha256) for sha256 in picked)
        marks.update(picked or list(digests)[:1])
    return ImageChoice(chosen, frozenset(marks))


def _spread(cached: list[str], pending: PendingImages, number: int) -> list[str]:
    order = _random.sample(cached, len(cached))
    with_detections = [sha256 for sha256 in order if len(pending.detections[sha256].score)]
    empty = [sha256 for sha256 in order if not len(pending.detections[sha256].score)]
    n_found = max(number - number // 2, number - len(empty))
    picked = with_detections[:n_found]
    return picked + empty[: number - len(picked)]


def compare(detector: Detector, images: Mapping[Path, str], pending: PendingImages) -> Comparison:
    """Infer again on images, by path with the digest of the cached detections, and compare.

    Images whose content has changed since it was hashed are passed over.
    """
    again = _infer(detector, images)
    unrecorded = [
        answer.reason for answer in again.values() if isinstance(answer, UncacheableDetected)
    ]
    if unrecorded:
        return Comparison(len(images), f"its cached detections are not used: {unrecorded[0]}")
    differences = {
        image: _difference(pending.detections[sha256], again[image])
        for image, sha256 in images.items()
        if again[image].sha256 in ("", sha256)
    }
    different = [image for image, difference in differences.items() if difference != "none"]
    is_exact = device_type(detector.device) == "cpu" and {
        device_type(pending.made_on[images[image]]) for image in different
    } <= {"cpu"}
    if not different or (not is_exact and "other" not in differences.values()):
        return Comparison(len(images))
    # One by one: an image in another batch may have other last digits.
    third = {
        image: answer for image in different for image, answer in _infer(detector, [image]).items()
    }
    varies = {image: _difference_of(again[image], third[image]) for image in different}
    if "other" in varies.values():
        return Comparison(
            len(images),
            "its detections are not cached: the model answers differently each time, on "
            f"{_count(varies, 'other')} of {counted(len(images), 'image')}",
            is_repeatable=False,
        )
    changed = different
    if not is_exact or "digits" in varies.values():
        changed = [image for image in different if differences[image] == "other"]
    if not changed:
        return Comparison(len(images))
    return Comparison(
        len(images),
        f"the model answers differently than when its detections were cached: {len(changed)} of "
        f"{counted(len(images), 'image')}; all were inferred again",
    )


def _infer(detector: Detector, images: Iterable[Path]) -> dict[Path, Detected]:
    return {detected.image: detected for detected in detector.detect(list(images))}


def _count(differences: Mapping[Path, _Difference], kind: _Difference) -> int:
    return sum(difference == kind for difference in differences.values())


def _difference_of(first: Detected, second: Detected) -> _Difference:
    if isinstance(first.result, ImageDetections):
        return _difference(first.result, second)
    return "none" if first.result == second.result else "other"


def _difference(first: ImageDetections, detected: Detected) -> _Difference:
    second = detected.result
    if not isinstance(second, ImageDetections):
        return "other"
    if all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("xyxy", "score", "label")
    ):
        return "none"
    pairs = agreement(_table(first), _table(second))
    score = float(pairs.score_difference.max(initial=0))
    box = float(pairs.box_difference.max(initial=0))
    if score == 0 and box == 0 and not pairs.unpaired.any():
        return "none"  # in another order
    is_small = score <= _SCORE_DIFFERENCE and box <= _BOX_DIFFERENCE
    return "digits" if is_small else "other"


def _table(detections: ImageDetections) -> DetectionTable:
    xyxy = detections.cut().xyxy.astype(np.float64)
    # Only detections of one class are paired: each class takes the place of an image.
    return DetectionTable(
        classes=("any",),
        image=detections.label.astype(np.int64),
        category=np.zeros(len(detections.label), np.int64),
        xywh=np.column_stack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]),
        score=detections.score.astype(np.float64),
    )
