"""The approved baseline: what a run leaves for comparisons of later runs with it.

It is small and has no image in it, because it is committed beside `detgate.toml`.
"""

from __future__ import annotations

import hashlib

import msgspec

from pytest_detgate.findings import Verdict
from pytest_detgate.plain import encode
from pytest_detgate.record.report import FalseBoxCounts, Report, RuleResult, ScoreRecord

APPROVED_FORMAT = 1
METRICS = ("AP", "AP50", "AP75", "AR1", "AR10", "AR100")
CLASS_METRICS = ("AP", "AP50", "AP75")
_LONGEST_REASON = 300


class _Part(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A part of the file: an entry that this release does not know is a mistake."""


class ApprovedModel(_Part, frozen=True, kw_only=True):
    """The model of the run; `key` is a digest of everything that its detections depend on."""

    checkpoint: str
    sha256: str
    classes: list[str]
    key: str | None = None


class ApprovedPredictions(_Part, frozen=True, kw_only=True):
    """A result file that was gated instead of a model."""

    sha256: str
    detections_sha256: str | None = None


class ApprovedSplit(_Part, frozen=True, kw_only=True):
    """What tells a split of one run from that of another."""

    images: int
    boxes: int
    sha256: str
    images_sha256: str | None = None
    detections_sha256: str | None = None


class ApprovedProbe(_Part, frozen=True, kw_only=True):
    """What tells a probe of one run from that of another, and the false boxes on it."""

    images: int
    boxes: int
    sha256: str | None = None
    names_sha256: str | None = None
    images_sha256: str | None = None
    detections_sha256: str | None = None
    false_boxes: list[FalseBoxCounts] = []


class ApprovedScores(_Part, frozen=True, kw_only=True):
    """The metrics of a split, in all and of each class; None where one is undefined. `bounds` are
    the low and the high one of the metrics that have some."""

    protocol: str
    metrics: dict[str, float | None]
    bounds: dict[str, tuple[float, float]] = {}
    classes: dict[str, dict[str, float | None]] = {}


class ApprovedRule(_Part, frozen=True, kw_only=True):
    """What a rule measured. `reason` says why it was not evaluated; `bounds` are the low and the
    high one of the values that have some."""

    code: str
    verdict: Verdict
    reason: str = ""
    values: dict[str, float | int] = {}
    bounds: dict[str, tuple[float, float]] = {}


class Approved(_Part, frozen=True, kw_only=True):
    """A run as a baseline. `digest` is that of everything else, so that a file that was edited, or
    merged from two, is recognised. `left_out` says what had no room."""

    detgate_baseline: int
    digest: str = ""
    run: str
    version: str = ""
    left_out: list[str] = []
    model: ApprovedModel | None = None
    predictions: dict[str, ApprovedPredictions] = {}
    splits: dict[str, ApprovedSplit] = {}
    probes: dict[str, ApprovedProbe] = {}
    scores: dict[str, ApprovedScores] = {}
    rules: dict[str, ApprovedRule] = {}


def approved_of(report: Report) -> Approved:
    """Return what the record of a run is as a baseline."""
    model = report.model
    splits, probes = report.dataset.splits, report.dataset.probes
    return Approved(
        detgate_baseline=APPROVED_FORMAT,
        run=report.started,
        version=report.versions.get("pytest-detgate", ""),
        model=None
        if model is None
        else ApprovedModel(
            checkpoint=model.checkpoint,
            sha256=model.sha256,
            classes=model.classes,
            key=model.key,
        ),
        predictions={
            name: ApprovedPredictions(sha256=file.sha256, detections_sha256=file.detections_sha256)
            for name, file in sorted(report.predictions.items())
        },
        splits={
            name: ApprovedSplit(
                images=split.images,
                boxes=split.boxes,
                sha256=split.sha256,
                images_sha256=split.images_sha256,
                detections_sha256=split.detections_sha256,
            )
            for name, split in sorted(splits.items())
        },
        probes={
            name: ApprovedProbe(
                images=probe.images,
                boxes=probe.boxes,
                sha256=probe.sha256,
                names_sha256=probe.names_sha256,
                images_sha256=probe.images_sha256,
                detections_sha256=probe.detections_sha256,
                false_boxes=_false_boxes(probe.false_boxes, name, report.rules),
            )
            for name, probe in sorted(probes.items())
        },
        scores={name: _scores(scores) for name, scores in sorted(report.scores.items())},
        rules={rule.id: _rule(rule) for rule in sorted(report.rules, key=lambda rule: rule.id)},
    )


def digest_of(approved: Approved) -> str:
    """Return the SHA-256 of everything in a baseline but its `digest`."""
    return hashlib.sha256(encode(msgspec.structs.replace(approved, digest=""))).hexdigest()


def _scores(scores: ScoreRecord) -> ApprovedScores:
    return ApprovedScores(
        protocol=scores.protocol,
        metrics={metric: getattr(scores, metric) for metric in METRICS},
        bounds={
            metric: (bounds.low, bounds.high)
            for metric, bounds in sorted(scores.intervals.items())
            if metric in METRICS
        },
        classes={
            metric: {name: getattr(score, metric) for name, score in scores.classes.items()}
            for metric in CLASS_METRICS
        },
    )


def _rule(rule: RuleResult) -> ApprovedRule:
    return ApprovedRule(
        code=rule.code,
        verdict=rule.verdict,
        reason=rule.message[:_LONGEST_REASON] if rule.verdict == "not-evaluated" else "",
        values={measurement.name: measurement.value for measurement in rule.measurements},
        bounds={
            measurement.name: (measurement.interval.low, measurement.interval.high)
            for measurement in rule.measurements
            if measurement.interval is not None
        },
    )


def _false_boxes(
    counts: list[FalseBoxCounts], probe: str, rules: list[RuleResult]
) -> list[FalseBoxCounts]:
    """The counts of a probe; of a report of an earlier release those that its rules measured."""
    known = {count.score_threshold: count for count in counts}
    for rule in rules:
        if rule.code in COUNTING and rule.id.endswith(f"[{probe}]"):
            values = {measurement.name: measurement.value for measurement in rule.measurements}
            if "boxes" in values and SCORE_THRESHOLD in values:
                threshold = float(values[SCORE_THRESHOLD])
                known.setdefault(
                    threshold,
                    FalseBoxCounts(score_threshold=threshold, boxes=int(values["boxes"])),
                )
    return [known[threshold] for threshold in sorted(known)]


COUNTING = ("probe-fp", "fp-regression")
"""The rules that measure all false boxes of a probe."""
SCORE_THRESHOLD = "score_threshold"
"""What they call the threshold that they counted at."""
