"""The metrics of a split as the record has them, each with its bounds."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import get_args

from pytest_detgate.errors import DetgateError, TooLittleEvidenceError
from pytest_detgate.evidence import Chart
from pytest_detgate.findings import Interval
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.report import ClassScoreRecord, ScoreRecord
from pytest_detgate.record.score_parts import ConfusionRecord, ErrorRecord, UltralyticsRecord
from pytest_detgate.rule_evidence.score_charts import (
    ap_by_class,
    confusion_matrix,
    curves_of_split,
    error_kinds,
)
from pytest_detgate.rules.metrics.score_rules import interval_of_metric
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.metrics.error_kinds import KINDS
from pytest_detgate.scoring.metrics.ultralytics import METRICS
from pytest_detgate.scoring.score_card import (
    ApMetric,
    Area,
    Metric,
    ScoreCard,
    protocol_name,
)

_SIZES: tuple[Area, ...] = ("small", "medium", "large")


def score_record(inputs: Inputs, split: str, card: ScoreCard) -> ScoreRecord:
    """The record of a split's metrics; bounds as `[scoring]` asks for them, errors and confusions
    where they could be computed."""
    bounds = _Bounds(inputs, split)
    errors = _errors(inputs, split)
    names: tuple[ApMetric, ...] = get_args(ApMetric)
    intervals = {name: bounds.of(name, card.value_of(name)) for name in get_args(Metric)}
    for area in _SIZES:
        intervals[f"AP_{area}"] = bounds.of("AP", card.average_precision(area=area), area)
        intervals[f"AR_{area}"] = bounds.of("AR100", card.average_recall(100, area), area)
    classes = {
        name: ClassScoreRecord(
            AP=score.AP,
            AP50=score.AP50,
            AP75=score.AP75,
            boxes=score.boxes,
            intervals=_known(
                {
                    metric: bounds.of(metric, getattr(score, metric), "all", index)
                    for metric in names
                }
            ),
        )
        for index, (name, score) in enumerate(card.classes.items())
    }
    return ScoreRecord(
        protocol=protocol_name(card.max_detections),
        engine=card.engine,
        max_detections=card.max_detections,
        uncounted=card.uncounted,
        AP=card.average_precision(),
        AP50=card.average_precision(0.5),
        AP75=card.average_precision(0.75),
        AP_small=card.average_precision(area="small"),
        AP_medium=card.average_precision(area="medium"),
        AP_large=card.average_precision(area="large"),
        AR1=card.average_recall(1),
        AR10=card.average_recall(10),
        AR100=card.average_recall(100),
        AR_small=card.average_recall(area="small"),
        AR_medium=card.average_recall(area="medium"),
        AR_large=card.average_recall(area="large"),
        classes=classes,
        intervals=_known(intervals),
        confusion=_confusion(inputs, split),
        errors=errors,
        charts=_charts(inputs, split, card, classes, errors),
        ultralytics=_ultralytics(inputs, split),
    )


def _ultralytics(inputs: Inputs, split: str) -> UltralyticsRecord | None:
    """The numbers of Ultralytics where the project asks for them."""
    if inputs.project.tables.scoring.protocol != "ultralytics":
        return None
    scores = inputs.ultralytics(split)

    def defined(category: int | None = None) -> dict[str, float]:
        values = {name: scores.value(name, category) for name in METRICS}
        return {name: value for name, value in values.items() if value is not None}

    classes = {name: defined(number) for number, name in enumerate(scores.names)}
    return UltralyticsRecord(
        protocol=scores.protocol,
        metrics=defined(),
        best_f1_score=scores.best_score,
        classes={name: values for name, values in classes.items() if values},
    )


def _charts(
    inputs: Inputs,
    split: str,
    card: ScoreCard,
    classes: Mapping[str, ClassScoreRecord],
    errors: Mapping[str, ErrorRecord],
) -> list[Chart]:
    """The curves behind the metrics, as far as they are defined."""
    charts: list[Chart | None] = [
        curves_of_split(card, split),
        ap_by_class(
            {name: score.AP for name, score in classes.items()},
            lambda name: classes[name].intervals.get("AP"),
            split,
            "AP",
        ),
    ]
    with contextlib.suppress(DetgateError):
        charts.append(confusion_matrix(inputs.confusion(split), split))
    if errors:
        charts.append(
            error_kinds(
                {kind: errors[kind].dap for kind in KINDS},
                {kind: errors[kind].count for kind in KINDS},
                split,
            )
        )
    return [chart for chart in charts if chart is not None]


def _confusion(inputs: Inputs, split: str) -> ConfusionRecord | None:
    try:
        confusion = inputs.confusion(split)
    except DetgateError:
        return None
    return ConfusionRecord(
        score_threshold=confusion.score_threshold,
        classes=list(confusion.classes),
        matrix=confusion.matrix.tolist(),
        in_crowds=confusion.in_crowds.tolist(),
        unknown=confusion.unknown,
    )


def _errors(inputs: Inputs, split: str) -> dict[str, ErrorRecord]:
    try:
        errors = inputs.errors(split)
    except DetgateError:
        return {}
    return {kind: ErrorRecord(dap=errors.dap(kind), count=errors.total(kind)) for kind in KINDS}


class _Bounds:
    """Bounds of the metrics of a split; None where there is too little for any."""

    def __init__(self, inputs: Inputs, split: str) -> None:
        self._inputs = inputs
        self._split = split
        self._scoring = inputs.project.tables.scoring

    def of(
        self,
        metric: Metric,
        value: float | None,
        area: Area = "all",
        category: int | None = None,
    ) -> Interval | None:
        scoring = self._scoring
        if not scoring.replicates or value is None:
            return None
        try:
            replicates = self._inputs.replicates(
                self._split, area, scoring.replicates, scoring.seed
            )
            intervals = Intervals(replicates.resampling, scoring.confidence, scoring.interval)
            return interval_of_metric(intervals, replicates, metric, value, category)
        except TooLittleEvidenceError:
            return None


def _known(intervals: dict[str, Interval | None]) -> dict[str, Interval]:
    return {name: interval for name, interval in intervals.items() if interval is not None}
