"""Parts of the record of scores: confusions, errors, and the numbers of another protocol."""

from __future__ import annotations

import msgspec


class ConfusionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was detected instead of what, for scores over a threshold.

    `matrix` has a row for the ground truth of each class and a last one for detections that match
    no box. It has a column for the detections of each class and a last one for boxes that were not
    found. `in_crowds` are other detections of each class, which match crowd regions. `unknown` are
    those of classes that the split does not have.
    """

    score_threshold: float
    classes: list[str]
    matrix: list[list[int]]
    in_crowds: list[int] = []
    unknown: int = 0


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The errors of one kind, and the AP at IoU 0.5 that they cost (`dap`); None if that is not
    defined.
    """

    dap: float | None
    count: int


class UltralyticsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers as Ultralytics' validator prints them: mAP50-95, mAP50, mAP75, P, R and F1, of all
    classes and of each class that has ground truth. `best_f1_score` is the score at which P, R and
    F1 are read, `protocol` names the release.
    """

    protocol: str
    metrics: dict[str, float]
    best_f1_score: float
    classes: dict[str, dict[str, float]]
