"""Charts of alarms: clips over time, and what other thresholds and debounces would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import with_noun
from pytest_detgate.evidence import (
    ClipTimes,
    LineChart,
    Mark,
    Panel,
    Series,
    Span,
    Timeline,
    left_out,
)
from pytest_detgate.record.formatting import plotted, rate_text, six_digits, threshold_text
from pytest_detgate.rule_evidence.thresholds import (
    operating_point_mark,
    tallest,
    threshold_chart,
    up_to,
)
from pytest_detgate.scoring.alarms.clip_alarms import ClipAlarms, Debounce
from pytest_detgate.scoring.alarms.debounce import Spans

CLIPS = 20
RUNS = 400
"""Spans of frames that fire that are drawn of a clip: what is nearer is drawn as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Tried:
    """One way of debouncing over T thresholds: (T,) false alarms an hour, and recall of events,
    None where it is not known."""

    debounce: Debounce
    thresholds: Sequence[float]
    per_hour: NDArray[np.float64]
    recall: NDArray[np.float64] | None


def clips_chart(
    clips: ClipAlarms,
    alarms: Spans,
    false: NDArray[np.bool_],
    events: Spans,
    threshold: float,
    about: str,
) -> Timeline | None:
    """What happens on each clip over time, those with the most false alarms first; None where
    nothing happens on any."""
    timeline, sightings = clips.timeline, clips.sightings
    count = len(timeline.clips)
    categories = np.union1d(alarms.category, events.category)
    fires = np.flatnonzero(sightings.score > threshold)
    if len(events):  # a rule on events looks at one class
        fires = fires[np.isin(sightings.category[fires], categories)]
    by_false = np.bincount(alarms.clip[false], minlength=count)
    happens = by_false * 4 + 2 * np.bincount(alarms.clip, minlength=count)
    happens = happens + np.bincount(events.clip, minlength=count)
    fired = np.bincount(sightings.clip[fires], minlength=count) > 0
    order = np.lexsort((np.arange(count), -happens, ~fired, -by_false))
    order = order[(happens[order] > 0) | fired[order]]
    if not len(order):
        return None
    first, last = timeline.ends_s
    shown = []
    for clip in order[:CLIPS].tolist():
        own = fires[sightings.clip[fires] == clip]
        times = np.unique(sightings.time_s[own])
        lasts = float(np.median(timeline.lasts_s[timeline.clip == clip]))
        of_clip = alarms.clip == clip
        shown.append(
            ClipTimes(
                clip=timeline.clips[clip],
                seconds=six_digits(float(last[clip] - first[clip]) + lasts),
                fires=_runs(times - first[clip], lasts, float(last[clip] - first[clip])),
                alarms=_spans(alarms, of_clip & ~false, first[clip]),
                false=_spans(alarms, of_clip & false, first[clip]),
                events=_spans(events, events.clip == clip, first[clip]),
            )
        )
    return Timeline(
        title="Alarms by clip",
        about=about + left_out(len(order), CLIPS, "worst", "clips with something to see"),
        clips=shown,
        total=len(order),
    )


def _runs(times: NDArray[np.float64], lasts: float, seconds: float) -> list[Span]:
    """Frames that fire as spans; times nearer than a frame and a half, or than can be drawn, are
    one span."""
    if not len(times):
        return []
    near = max(1.5 * lasts, seconds / RUNS)
    starts = np.flatnonzero(np.diff(times, prepend=-np.inf) > near)
    ends = np.append(starts[1:], len(times)) - 1
    return [
        (six_digits(start), six_digits(end))
        for start, end in zip(times[starts].tolist(), (times[ends] + lasts).tolist(), strict=True)
    ]


def _spans(spans: Spans, which: NDArray[np.bool_], first_s: float) -> list[Span]:
    some = spans.some(which)
    return [
        (six_digits(start), six_digits(end))
        for start, end in zip(
            (some.start_s - first_s).tolist(), (some.end_s - first_s).tolist(), strict=True
        )
    ]


def thresholds_chart(
    tried: Sequence[Tried],
    threshold: float,
    chosen: Debounce,
    limit: float | None,
    where: str,
) -> LineChart:
    """False alarms an hour, and recall, over the score threshold for each way of debouncing."""
    own = next(curve for curve in tried if curve.debounce == chosen)
    most = tallest(float(own.per_hour[_index_of(own, threshold)]), limit)
    panels = [
        Panel(
            label="false alarms an hour",
            series=[
                Series(
                    name=_name(curve, chosen),
                    x=list(curve.thresholds),
                    y=up_to(plotted(curve.per_hour.tolist()), most),
                )
                for curve in tried
            ],
            marks=[] if limit is None else [Mark(label=f"limit {limit:g}", at=limit, axis="y")],
        )
    ]
    if own.recall is not None:
        panels.append(
            Panel(
                label="recall of events",
                series=[
                    Series(
                        name=_name(curve, chosen),
                        x=list(curve.thresholds),
                        y=plotted([] if curve.recall is None else curve.recall.tolist()),
                    )
                    for curve in tried
                ],
                span=(0.0, 1.0),
            )
        )
    return threshold_chart(
        "False alarms by score threshold and debounce",
        f"False alarms an hour on {where} over each score threshold, for each number of frames "
        "that must fire. At low thresholds few alarms may mean one that never ends.",
        panels,
        [operating_point_mark(threshold)],
    )


def trade_off_chart(
    tried: Sequence[Tried], threshold: float, chosen: Debounce, where: str, split: str
) -> LineChart | None:
    """The highest recall of events at each rate of false alarms, for each way of debouncing, with
    the point that is set; None where recall is not known, or no clip is long enough for an alarm.
    """
    own = next((curve for curve in tried if curve.debounce == chosen), None)
    if own is None or own.recall is None:
        return None
    index = _index_of(own, threshold)
    rate, recall = float(own.per_hour[index]), float(own.recall[index])
    return LineChart(
        title="False alarms against recall",
        about="Each line goes over the score thresholds of one debounce: false alarms an hour on "
        f"{where}, and the highest recall of events on {split} that comes with no more. Set are "
        f"{with_noun(str(chosen), 'frame')} and score > {threshold_text(threshold)}: "
        f"{rate_text(rate)} an hour at recall {recall:.3f}. Towards the upper left is better.",
        label="false alarms an hour",
        panels=[
            Panel(
                label="recall of events",
                series=[_frontier(curve, chosen) for curve in tried],
                marks=[
                    Mark(label=f"set: recall {recall:.3f}", at=six_digits(recall), axis="y"),
                    Mark(label=f"set: {rate_text(rate)} an hour", at=six_digits(rate)),
                ],
                span=(0.0, 1.0),
            )
        ],
        form="step",
    )


def _frontier(curve: Tried, chosen: Debounce) -> Series:
    """The highest recall at each rate or a lower one."""
    recall = np.zeros(len(curve.thresholds)) if curve.recall is None else curve.recall
    order = np.lexsort((-recall, curve.per_hour))
    best = np.maximum.accumulate(recall[order])
    first = np.flatnonzero(np.diff(best, prepend=-1.0) > 0)
    return Series(
        name=_name(curve, chosen),
        x=[six_digits(rate) for rate in curve.per_hour[order][first].tolist()],
        y=plotted(best[first].tolist()),
    )


def _name(curve: Tried, chosen: Debounce) -> str:
    return f"{curve.debounce}, set" if curve.debounce == chosen else str(curve.debounce)


def _index_of(curve: Tried, threshold: float) -> int:
    return list(curve.thresholds).index(threshold)
