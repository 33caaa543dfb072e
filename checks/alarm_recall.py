"""The rule `alarm-recall`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.counts import part_verb
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import bounds_text, counted, value_and_floor
from pytest_detgate.rule_evidence.alarms.alarm_findings import missed_findings
from pytest_detgate.rule_evidence.alarms.alarms import evidence_of_recall
from pytest_detgate.rules.alarms.alarm_needs import needs_of_events
from pytest_detgate.rules.alarms.alarm_plan import planned_of_events
from pytest_detgate.rules.alarms.alarm_rules import ON_CLIPS, EventRule
from pytest_detgate.rules.alarms.class_events import events_of_class
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.metrics.score_rules import OwnConfidence, confidence_of
from pytest_detgate.rules.options import require_limit, threshold_of
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.bounds.event_rate import share_interval


class AlarmRecall(EventRule, frozen=True, kw_only=True):
    """The events of a class must raise an alarm in time.

    ## What it checks

    `recall` is the share of the events of a class that have an alarm which begins from `before-s`
    before the event until `after-s` after its end. The clips are those of the split that
    `[alarms] split` names. Events are the boxes of its annotations, linked and merged as detections
    are, or the intervals of its `events` file. Alarms are made as `[alarms]` says (see
    `alarm-rate`). An event that runs into the end of its clip and has no alarm counts as missed,
    `missed_at_clip_end` counts those.

    With `bound = "lower"` the one-sided lower bound at `confidence` is compared with the floor. It
    leaves room for a clip unlike all that were seen, and is never better than the exact binomial
    bound of as many independent events.

    A class with fewer than `min-events` events is not evaluated, or only warns with
    `too-little = "warn"`. The rule is not evaluated where frames are missing, or the clip or time
    of an image is not known; see `alarm-rate`.

    ## Why it matters

    Debounce removes false alarms, and with them true ones: an object that is found on every third
    frame has a good AP and never raises an alarm that needs three of five.

    ## How to fix

    The table shows what another debounce alone would do. If events are missed because detections
    flicker, lower the score threshold or train on such frames; if they are found and not linked,
    the object moves fast for the frame rate: lower `link-iou`.
    """

    code: ClassVar[str] = "alarm-recall"
    measures: ClassVar[str] = "recall with_alarm events clips missed_at_clip_end score_threshold"

    min: Annotated[Share, Meta(description="Floor of every class.")] | None = None
    classes: Annotated[dict[str, Share], Meta(description="Floors of single classes.")] | None = (
        None
    )
    bound: Annotated[
        Literal["point", "lower"],
        Meta(description="What is compared with the floor: the measured value, or its bound."),
    ] = "point"
    confidence: OwnConfidence | None = None

    def validate(self, project: Project) -> None:
        require_limit(self, "min", "classes")
        super().validate(project)

    def limits_by_class(self) -> Mapping[str, object]:
        return self.classes or {}

    def has_common_limit(self) -> bool:
        return self.min is not None

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        floor = (self.classes or {}).get(target.label or "", self.min)
        assert floor is not None
        threshold = threshold_of(self, inputs.project)
        confidence = confidence_of(self, inputs.project)
        yield planned_of_events(target, floor, threshold, confidence, self.bound)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        threshold = threshold_of(self, inputs.project)
        extent = self.extent(inputs.timeline(split), inputs, split)
        of_class = events_of_class(inputs, split, target.label, threshold, self.min_events)
        floor = (self.classes or {}).get(of_class.name, self.min)
        events_found, total = of_class.found_by_clip()
        recall = float(events_found.sum() / total.sum())
        confidence = confidence_of(self, inputs.project)
        interval = share_interval(events_found, total, confidence)
        missed = int(total.sum() - events_found.sum())
        cut = int(np.count_nonzero(of_class.ends_cut & ~of_class.is_found))
        message = (
            f"{events_found.sum()} of {counted(int(total.sum()), 'event')} of {of_class.name} on "
            f"{counted(int(np.count_nonzero(total)), 'clip')} "
            f"{part_verb(int(events_found.sum()), int(total.sum()), 'have')} an alarm: recall "
            f"{value_and_floor(recall, floor)}{bounds_text(interval)}"
        )
        if cut:
            message += f"; {cut} of the {missed} without one run into the end of their clip"
        measurements = [
            Measurement.at_least("recall", recall, floor, bound=self.bound, interval=interval),
            Measurement.shown("with_alarm", int(events_found.sum())),
            Measurement.shown("events", int(total.sum())),
            Measurement.shown("clips", int(np.count_nonzero(total))),
            Measurement.shown("missed_at_clip_end", cut),
            Measurement.shown(SCORE_THRESHOLD, threshold),
        ]
        evidence, tables = evidence_of_recall(inputs, split, threshold, of_class)
        return Outcome(
            message=message,
            measurements=measurements,
            findings=missed_findings(inputs.dataset(split), of_class),
            findings_total=missed,
            tables=tables,
            evidence=evidence,
            extent=extent,
            needs=needs_of_events(measurements[0], events_found, total, confidence, of_class.name),
        )

    passing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.alarm-recall]\nmin = 0.9\n",
        splits={
            "val": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 10, 10, 30, 30)],
            }
        },
        detections={
            "val": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.alarm-recall]\nmin = 0.9\n",
        splits={
            "val": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 10, 10, 30, 30)],
            }
        },
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
