"""What the rules on alarms show: clips over time, film strips, and other settings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_detgate.counts import part_verb
from pytest_detgate.errors import DetgateError
from pytest_detgate.evidence import Chart, Evidence, Histogram
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted, six_digits
from pytest_detgate.rule_evidence.alarms.alarm_charts import (
    Tried,
    clips_chart,
    thresholds_chart,
    trade_off_chart,
)
from pytest_detgate.rule_evidence.alarms.alarm_findings import alarm_strips
from pytest_detgate.rules.alarms.class_events import ClassEvents
from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms
from pytest_detgate.scoring.alarms.debounce import Spans
from pytest_detgate.scoring.alarms.matching import delay_within, match_alarms
from pytest_detgate.scoring.alarms.trade_off import AlarmCurve

TABLE = "What debounce alone would do"
_BINS = 12


def evidence_of_rate(
    inputs: Inputs,
    probe: str,
    threshold: float,
    clips: ClipAlarms,
    alarms: Spans,
    measurements: Sequence[Measurement],
) -> tuple[Evidence, dict[str, Table]]:
    """The evidence and the tables of `alarm-rate`."""
    matches = clips.matches(alarms)
    false = alarms.some(matches.false)
    split = inputs.project.alarm_split
    curves = inputs.alarm_curves(probe, threshold)
    recall = _recall_curves(inputs, split, threshold)
    tried = _tried(curves, recall)
    chosen = clips.settings.debounce
    limits = [
        measured.limit / (24 if measured.name == "per_camera_day" else 1)
        for measured in measurements
        if measured.limit is not None and measured.name in ("per_hour", "per_camera_day")
    ]
    rows: list[list[float | int | str | bool | None]] = []
    for scored, curve in zip(tried, filter(_has_hours, curves), strict=True):
        index = list(curve.thresholds).index(threshold)
        rows.append(
            [
                str(scored.debounce),
                int(curve.false[index].sum()),
                six_digits(float(scored.per_hour[index])),
                six_digits(24 * float(scored.per_hour[index])),
                *([] if scored.recall is None else [six_digits(float(scored.recall[index]))]),
            ]
        )
    columns = ["Frames that must fire", "False alarms", "An hour", "A camera and day"]
    if tried[0].recall is not None:
        columns.append(f"Recall of events on {split}")
    about = (
        f"{counted(len(false), 'false alarm')} on {probe}, with {chosen} frames that must fire at "
        f"score over {threshold:g}. Times count from the first frame of a clip."
    )
    charts: list[Chart | None] = [
        clips_chart(clips, alarms, matches.false, clips.events, threshold, about),
        trade_off_chart(tried, threshold, chosen, probe, split),
        thresholds_chart(tried, threshold, chosen, min(limits, default=None), probe),
    ]
    evidence = Evidence(
        charts=[chart for chart in charts if chart is not None],
        strips=alarm_strips(inputs.dataset(probe), clips, false, threshold, false=True),
        strips_total=len(false),
    )
    return evidence, {TABLE: Table(columns=columns, rows=rows)}


def evidence_of_recall(
    inputs: Inputs, split: str, threshold: float, of_class: ClassEvents
) -> tuple[Evidence, dict[str, Table]]:
    """The evidence and the tables of `alarm-recall`."""
    clips, category = of_class.clips, of_class.category
    curves = inputs.alarm_curves(split, threshold)
    events = len(of_class.events)
    tried = [
        Tried(
            curve.debounce,
            curve.thresholds,
            curve.false[:, category] / curve.hours,
            curve.events_found[:, category] / events,
        )
        for curve in filter(_has_hours, curves)
    ]
    chosen = clips.settings.debounce
    charts = [
        _timeline(of_class, threshold),
        trade_off_chart(tried, threshold, chosen, split, split),
    ]
    evidence = Evidence(charts=[chart for chart in charts if chart is not None])
    return evidence, {TABLE: _table_of_class(of_class, threshold, curves)}


def evidence_of_delay(
    inputs: Inputs, split: str, threshold: float, of_class: ClassEvents
) -> tuple[Evidence, dict[str, Table]]:
    """The evidence and the tables of `alarm-delay`."""
    curves = inputs.alarm_curves(split, threshold)
    charts: list[Chart] = [_delays(of_class)]
    timeline = _timeline(of_class, threshold)
    if timeline is not None:
        charts.insert(0, timeline)
    return Evidence(charts=charts), {TABLE: _table_of_class(of_class, threshold, curves)}


def _timeline(of_class: ClassEvents, threshold: float) -> Chart | None:
    count = int(np.count_nonzero(of_class.is_found))
    about = (
        f"{count} of {counted(len(of_class.events), 'event')} of {of_class.name} "
        f"{part_verb(count, len(of_class.events), 'have')} "
        "an alarm. Times count from the first frame of a clip."
    )
    return clips_chart(
        of_class.clips, of_class.alarms, of_class.false, of_class.events, threshold, about
    )


def _delays(of_class: ClassEvents) -> Histogram:
    known = of_class.delay_s[of_class.is_found]
    missed = len(of_class.delay_s) - len(known)
    low, high = float(known.min(initial=0)), float(known.max(initial=0))
    edges = np.linspace(min(low, 0.0), max(high, low + 1.0), _BINS + 1)
    counts, _ = np.histogram(known, edges)
    return Histogram(
        title="Time from the start of an event to its alarm",
        about=f"Seconds for each of {counted(len(known), 'event')} of {of_class.name} with an "
        f"alarm; {missed} without one.",
        label="seconds",
        edges=[six_digits(edge) for edge in edges.tolist()],
        counts={of_class.name: counts.tolist()},
        shares=False,
    )


def _table_of_class(of_class: ClassEvents, threshold: float, curves: Sequence[AlarmCurve]) -> Table:
    """Recall, delay and false alarms of a class with each way of debouncing."""
    clips, category, settings = of_class.clips, of_class.category, of_class.clips.settings
    debounces = [curve.debounce for curve in curves]
    rows: list[list[float | int | str | bool | None]] = []
    for debounce, every in zip(debounces, clips.alarms(threshold, debounces), strict=True):
        alarms = every.some(every.category == category)
        matches = match_alarms(alarms, of_class.events, settings.before_s, settings.after_s)
        rows.append(
            [
                str(debounce),
                int(np.count_nonzero(matches.is_found)),
                six_digits(float(matches.is_found.mean())),
                _rounded(delay_within(matches.delay_s, 0.5)),
                _rounded(delay_within(matches.delay_s, 0.95)),
                int(np.count_nonzero(matches.false)),
            ]
        )
    return Table(
        columns=[
            "Frames that must fire",
            "Events with an alarm",
            "Recall",
            "50% within seconds",
            "95% within seconds",
            "False alarms",
        ],
        rows=rows,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else six_digits(value)


def _recall_curves(
    inputs: Inputs, split: str, threshold: float
) -> tuple[list[AlarmCurve], int] | None:
    """The curves of the split whose events must raise alarms, and its events; None where no item
    asks for its detections, and where it has no clips with events."""
    if not inputs.is_requested(split):
        return None
    try:
        events = len(inputs.clip_alarms(split, threshold).events)
        curves = inputs.alarm_curves(split, threshold)
    except DetgateError:
        return None  # the items that need it say why
    return (curves, events) if events else None


def _has_hours(curve: AlarmCurve) -> bool:
    return curve.hours > 0


def _tried(
    curves: Sequence[AlarmCurve], recall: tuple[list[AlarmCurve], int] | None
) -> list[Tried]:
    """Join the curves of false alarms with those of recall, which have the same thresholds unless
    one detector keeps fewer scores. Where no clip is long enough for an alarm there is no rate."""
    tried = []
    for way, curve in enumerate(curves):
        if not _has_hours(curve):
            continue
        share = None
        if recall is not None:
            events_found, events = recall
            row_of_threshold = {
                threshold: row for row, threshold in enumerate(events_found[way].thresholds)
            }
            if all(threshold in row_of_threshold for threshold in curve.thresholds):
                rows = [row_of_threshold[threshold] for threshold in curve.thresholds]
                share = events_found[way].events_found[rows].sum(axis=1) / events
        per_hour = curve.false.sum(axis=1) / curve.hours
        tried.append(Tried(curve.debounce, curve.thresholds, per_hour, share))
    return tried
