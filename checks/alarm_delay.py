"""The rule `alarm-delay`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta, Struct

from pytest_detgate.counts import part_verb
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.alarms.alarm_findings import late_findings
from pytest_detgate.rule_evidence.alarms.alarms import evidence_of_delay
from pytest_detgate.rules.alarms.alarm_rules import ON_CLIPS, EventRule
from pytest_detgate.rules.alarms.class_events import events_of_class
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.options import require_limit, threshold_of, with_defaults_from
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.alarms.matching import delay_within

MaxMedian = Annotated[
    float, Meta(ge=0, description="Largest number of seconds within which half have their alarm.")
]
MaxP95 = Annotated[
    float, Meta(ge=0, description="Largest number of seconds within which 95% have their alarm.")
]


class DelayLimits(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The limits of one class; what it leaves out is taken from the rule's own table."""

    max_median_s: MaxMedian | None = None
    max_p95_s: MaxP95 | None = None


class AlarmDelay(EventRule, frozen=True, kw_only=True):
    """The alarm of an event must come soon after its start.

    ## What it checks

    The delay of an event is the time from its start to the beginning of its first alarm, in
    seconds. `median_s` is the time within which at least half of the events of a class have their
    alarm, `p95_s` that within which at least 95% have it. If more than half of the events
    are missed, there is no `median_s`, and with more than 5% no `p95_s`. A limit on it is then not
    evaluated, which fails. Events and alarms are those of `alarm-recall`. An alarm up to `before-s`
    early has a negative delay.

    An event that had begun before the first frame of its clip is taken to begin with that frame:
    the detector could not see it sooner. `begun_before_clip` counts those.

    ## Why it matters

    AP does not know time. Each frame that debounce waits for delays the alarm, and a detector that
    needs ten seconds to become sure of a person may be too late.

    ## How to fix

    Fewer `hits`, or a lower score threshold, make alarms earlier and more of them false; the table
    shows what another debounce alone would do. If late events begin small or half hidden, add such
    frames to training.
    """

    code: ClassVar[str] = "alarm-delay"
    measures: ClassVar[str] = "median_s p95_s events missed begun_before_clip score_threshold"

    max_median_s: MaxMedian | None = None
    max_p95_s: MaxP95 | None = None
    classes: (
        Annotated[dict[str, DelayLimits], Meta(description="Limits of single classes.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        require_limit(self, "max-median-s", "max-p95-s", "classes")
        super().validate(project)
        for name in self.classes or ():
            limits = self.limits(name)
            if limits.max_median_s is None and limits.max_p95_s is None:
                raise OptionError(
                    "sets no limit, so it could never fail; give max-median-s or max-p95-s",
                    None,
                    ["classes", name],
                )

    def limits_by_class(self) -> Mapping[str, object]:
        return self.classes or {}

    def has_common_limit(self) -> bool:
        return self.max_median_s is not None or self.max_p95_s is not None

    def limits(self, name: str) -> DelayLimits:
        """The limits of one class: its own, else the rule's."""
        return with_defaults_from((self.classes or {}).get(name, DelayLimits()), self)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        threshold = threshold_of(self, inputs.project)
        extent = self.extent(inputs.timeline(split), inputs, split)
        of_class = events_of_class(inputs, split, target.label, threshold, self.min_events)
        limits = self.limits(of_class.name)
        events, missed = len(of_class.delay_s), int(np.count_nonzero(~of_class.is_found))
        measurements, notes, missing = [], [], []
        for name, share, limit in (
            ("median_s", 0.5, limits.max_median_s),
            ("p95_s", 0.95, limits.max_p95_s),
        ):
            delay = delay_within(of_class.delay_s, share)
            if delay is not None:
                measurements.append(Measurement.at_most(name, delay, limit))
                within = f"{share:.0%} within {delay:.2f} s"
                notes.append(within if limit is None else f"{within} (at most {limit:g} s)")
            elif limit is not None:
                missing.append(
                    DataError(
                        f"{missed} of {counted(events, 'event')} of {of_class.name} "
                        f"{part_verb(missed, events, 'have')} "
                        f"no alarm, so there is no time within which "
                        f"{share:.0%} have theirs ({name})"
                    )
                )
        measurements += [
            Measurement.shown("events", events),
            Measurement.shown("missed", missed),
            Measurement.shown("begun_before_clip", int(np.count_nonzero(of_class.begins_cut))),
            Measurement.shown(SCORE_THRESHOLD, threshold),
        ]
        evidence, tables = evidence_of_delay(inputs, split, threshold, of_class)
        return Outcome(
            message=f"delay of the alarm, {counted(events, 'event')} of {of_class.name}: "
            + ", ".join([*notes, f"{missed:,} without an alarm"]),
            measurements=measurements,
            findings=late_findings(inputs.dataset(split), of_class),
            findings_total=events,
            tables=tables,
            evidence=evidence,
            extent=extent,
            missing=missing,
        )

    passing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.alarm-delay]\nmax-median-s = 1.5\n",
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
        config=f"{ON_CLIPS}[rules.alarm-delay]\nmax-median-s = 1.5\n",
        splits={
            "val": {
                "a_1.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 10, 10, 30, 30)],
                "a_3.jpg": [("helmet_off", 10, 10, 30, 30)],
            }
        },
        detections={
            "val": {
                "a_2.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
                "a_3.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
            }
        },
    )
