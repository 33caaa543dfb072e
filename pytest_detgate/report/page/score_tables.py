"""COCO metrics as the page shows them: every metric with its meaning, classes weakest first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_detgate.record.formatting import counted, share
from pytest_detgate.record.report import ClassScoreRecord, ScoreRecord
from pytest_detgate.record.score_parts import UltralyticsRecord
from pytest_detgate.report.charts.draw import Drawing, drawing_of

CLASSES = 200
_METRICS = (
    ("AP", "IoU 0.50 to 0.95"),
    ("AP50", "IoU 0.50"),
    ("AP75", "IoU 0.75"),
    ("AP_small", "under 32² px"),
    ("AP_medium", "32² to 96² px"),
    ("AP_large", "over 96² px"),
    ("AR1", "1 box an image"),
    ("AR10", "10 boxes an image"),
    ("AR100", "100 boxes an image"),
    ("AR_small", "under 32² px"),
    ("AR_medium", "32² to 96² px"),
    ("AR_large", "over 96² px"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One class; `bar` is its AP in percent of the scale, None where AP is not defined."""

    name: str
    boxes: int
    ap: str
    ap50: str
    ap75: str
    bar: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitScores:
    """The metrics of one split: `(name, meaning, value, defined)`."""

    split: str
    protocol: str
    engine: str
    metrics: list[tuple[str, str, str, bool]]
    classes: list[ClassRow]
    caption: str
    charts: list[Drawing]
    ultralytics: UltralyticsFigures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UltralyticsFigures:
    """The numbers of that protocol: `(name, meaning, value)`."""

    protocol: str
    metrics: list[tuple[str, str, str]]


def scoreboard_of(scores: Mapping[str, ScoreRecord]) -> list[SplitScores]:
    """Lay out the scores of every split."""
    return [_split(index, *named) for index, named in enumerate(scores.items(), start=1)]


def _split(index: int, name: str, record: ScoreRecord) -> SplitScores:
    values = []
    for field, meaning in _METRICS:
        value: float | None = getattr(record, field)
        values.append((field.replace("_", " "), meaning, share(value), value is not None))
    # A class without a value comes first: it is the one nobody has looked at.
    weakest = sorted(record.classes.items(), key=lambda item: _ap(item[1]))
    shown = weakest[:CLASSES]
    caption = f"{counted(len(weakest), 'class')}, weakest first"
    if len(shown) < len(weakest):
        caption = f"Showing the {len(shown):,} weakest of {counted(len(weakest), 'class')}"
    return SplitScores(
        split=name,
        protocol=_protocol(record),
        engine=record.engine,
        metrics=values,
        classes=[_class(label, score) for label, score in shown],
        caption=caption,
        charts=[
            drawing_of(chart, f"scores-{index}-chart-{number}")
            for number, chart in enumerate(record.charts, start=1)
        ],
        ultralytics=None if record.ultralytics is None else _ultralytics(record.ultralytics),
    )


def _ultralytics(record: UltralyticsRecord) -> UltralyticsFigures:
    at_best = f"at score {record.best_f1_score:.3f}"
    meaning = {"mAP50-95": "IoU 0.50 to 0.95", "mAP50": "IoU 0.50", "mAP75": "IoU 0.75"}
    return UltralyticsFigures(
        protocol=record.protocol,
        metrics=[
            (name, meaning.get(name, at_best), share(value))
            for name, value in record.metrics.items()
        ],
    )


def _protocol(record: ScoreRecord) -> str:
    """The protocol with the limit on detections, which hides what a dense image holds."""
    left_out = ""
    if record.uncounted:
        left_out = f" and leaves out {counted(record.uncounted, 'detection')}"
    return (
        f"{record.protocol}; AP looks at the best {counted(record.max_detections, 'detection')} "
        f"of each image and class{left_out}"
    )


def _ap(score: ClassScoreRecord) -> float:
    return -math.inf if score.AP is None else score.AP


def _class(name: str, score: ClassScoreRecord) -> ClassRow:
    return ClassRow(
        name=name,
        boxes=score.boxes,
        ap=share(score.AP),
        ap50=share(score.AP50),
        ap75=share(score.AP75),
        bar=None if score.AP is None else round(min(max(score.AP, 0.0), 1.0) * 100, 2),
    )
