"""The rule `alarm-rate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.tables.alarm_table import AlarmTable
from pytest_detgate.counts import with_noun
from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted, number, rate_text
from pytest_detgate.rule_evidence.alarms.alarm_findings import alarm_findings
from pytest_detgate.rule_evidence.alarms.alarms import evidence_of_rate
from pytest_detgate.rules.alarms.alarm_budget import (
    HOURS_OF_DAY,
    LIMITS,
    AlarmBudget,
    MaxAlarms,
    MaxPerDay,
    MaxPerHour,
    MinHours,
    Watched,
    alarm_intervals,
    rate_limits,
)
from pytest_detgate.rules.alarms.alarm_needs import needs_of_rate
from pytest_detgate.rules.alarms.alarm_plan import planned_of_rate
from pytest_detgate.rules.alarms.alarm_rules import ON_CLIPS, AlarmRule
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import Bound, BoundConfidence
from pytest_detgate.rules.metrics.score_rules import TooLittle, confidence_of
from pytest_detgate.rules.options import (
    require_limit_of_probe,
    require_probe,
    require_probes,
    threshold_of,
    with_defaults_from,
)
from pytest_detgate.rules.planned_limits import PlannedLimit
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.alarms.debounce import clips_that_can_alarm
from pytest_detgate.scoring.bounds.probe_evidence import scaled
from pytest_detgate.scoring.false_boxes import require_threshold


class AlarmRate(AlarmRule, frozen=True, kw_only=True):
    """False alarms on clips with nothing to detect must stay within a budget an hour.

    ## What it checks

    A frame fires with a detection at score > threshold. Detections of one class are linked over the
    frames of a clip, and an alarm begins when `hits` of the last `of` frames of such a track fire.
    Alarms of one class and clip that are closer than `cooldown-s` are one. All of this is set under
    `[alarms]`. An alarm is false unless it begins within the window of an event: an allowed box, or
    an interval of the `events` file of the probe.

    - `alarms`: the false alarms, `alarms[CLASS]` those of one class;
    - `hours`: the time that was looked at, from frame numbers and `fps` or from time stamps.
      Missing frames, pauses, and clips that are too short for an alarm do not count;
    - `per_hour`: alarms / hours, `per_camera_day`: 24 times that.

    With `bound = "upper"` the one-sided upper bound at `confidence` is compared with each limit. It
    is the exact Poisson bound over the hours, and wider where the alarms cluster in a few clips.
    If you add hours and look again until the limit holds, that bound is wrong too often. With
    `watched = true` it holds at every moment (a gamma-Poisson mixture): 4.74 hours without an alarm
    show less than 1 an hour, in place of 3.00, and 7.21 with one, in place of 4.74.
    Fewer than `min-hours` hours prove nothing: the probe is not evaluated, or only warns with
    `too-little = "warn"`.

    The rule is not evaluated where the clips, the frame rate or time stamps are not known, where
    frames are missing inside a clip (`max-missing-frames`), or where the clip or time of an image
    is not known (`max-untimed`).

    ## Why it matters

    Users pay for false alarms by camera and day, and not for false boxes by image. A box that
    flickers for one frame raises no alarm in a product that waits for three. A box that stays for
    an hour is one alarm. So a limit on boxes blocks models that never alarm, and passes models that
    flicker into alarms.

    ## How to fix

    Look at the film strips of the worst alarms. The table shows what another debounce alone would
    do, the chart what it costs in recall. If no setting helps, add such clips to training as frames
    with nothing to detect. If only the upper bound is over its limit, the probe needs more hours,
    from other clips.
    """

    code: ClassVar[str] = "alarm-rate"
    measures: ClassVar[str] = (
        "alarms alarms[CLASS] per_hour per_camera_day hours clips clips_total pauses "
        "missing_frames untimed clips_too_short score_threshold"
    )

    on: (
        Annotated[tuple[str, ...], Meta(description="Probes of clips. Omitted: every probe.")]
        | None
    ) = None
    max_per_hour: MaxPerHour | None = None
    max_per_camera_day: MaxPerDay | None = None
    max_alarms: MaxAlarms | None = None
    bound: Bound = "point"
    confidence: BoundConfidence | None = None
    min_hours: MinHours | None = None
    watched: Watched = False
    too_little: TooLittle = "fail"
    probes: (
        Annotated[dict[str, AlarmBudget], Meta(description="Budgets of single probes.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        require_probe(project)
        require_probes(self.on or (), project, "on")
        require_probes(self.probes or (), project, table=["probes"], allowed=self._names(project))
        for probe in self._names(project):
            budget = self.budget(probe)
            require_limit_of_probe(self.code, probe, budget, LIMITS)
            if budget.watched and not rate_limits(budget):
                raise OptionError(
                    f"watched = true needs a limit on a rate above 0: give probe {probe!r} "
                    "max-per-hour or max-per-camera-day",
                    "watched",
                )

    def targets(self, project: Project) -> Iterator[Target]:
        for probe in self._names(project):
            yield Target(label=probe, datasets=(probe,), detections=(probe,))

    def _names(self, project: Project) -> tuple[str, ...]:
        return project.probes if self.on is None else self.on

    def budget(self, probe: str) -> AlarmBudget:
        """The limits of one probe: its own options, else the rule's."""
        return with_defaults_from((self.probes or {}).get(probe, AlarmBudget()), self)

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        probe = target.datasets[0]
        budget = self.budget(probe)
        limits = rate_limits(budget)
        if budget.max_alarms is not None:
            alarms = inputs.project.tables.alarms
            _, hours = _hours_that_count(inputs.timeline(probe), alarms, probe)
            limits.append(budget.max_alarms / float(hours.sum()))
        confidence = confidence_of(budget, inputs.project)
        yield from planned_of_rate(
            limits,
            probe,
            confidence,
            by_bound=budget.bound == "upper",
            is_watched=budget.watched is True,
        )

    def proves(self, target: Target) -> bool:
        return self.budget(target.datasets[0]).bound != "point"

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        probe = target.datasets[0]
        budget = self.budget(probe)
        threshold = threshold_of(budget, inputs.project)
        timeline = inputs.timeline(probe)
        extent = self.extent(timeline, inputs, probe)
        able, hours_of_clips = _hours_that_count(timeline, inputs.project.tables.alarms, probe)
        hours = float(hours_of_clips.sum())
        if budget.min_hours is not None and hours < budget.min_hours:
            raise TooLittleEvidenceError(
                f"{probe} has {with_noun(number(hours), 'hour')} of clips, and min-hours asks for "
                f"{number(budget.min_hours)}",
                f"{with_noun(number(budget.min_hours - hours, 3), 'more hour')} of {probe}",
                of_data=True,
            )
        require_threshold(inputs.detections(probe), threshold)
        clips = inputs.clip_alarms(probe, threshold)
        (alarms,) = clips.alarms(threshold, [clips.settings.debounce])
        false = alarms.some(clips.matches(alarms).false)
        by_clip = np.bincount(false.clip, minlength=len(clips.timeline.clips))[able]
        too_short = len(able) - len(by_clip)
        confidence = confidence_of(budget, inputs.project)
        interval_at = alarm_intervals(by_clip, hours_of_clips, confidence, budget)
        interval = interval_at(1.0)
        measurements = [
            *_judged(len(false), hours, interval, budget),
            Measurement.shown("hours", hours),
            Measurement.shown("clips", int(np.count_nonzero(by_clip))),
            Measurement.shown("clips_total", len(by_clip)),
            *_by_class(false.category, clips.classes),
            *(
                Measurement.shown(name, value)
                for name, value in (
                    ("pauses", int(timeline.pauses.sum())),
                    ("missing_frames", int(timeline.missing.sum())),
                    ("untimed", len(timeline.untimed)),
                    ("clips_too_short", too_short),
                )
                if value
            ),
            Measurement.shown(SCORE_THRESHOLD, threshold),
        ]
        evidence, tables = evidence_of_rate(inputs, probe, threshold, clips, alarms, measurements)
        return Outcome(
            message=_message(len(false), hours, by_clip, interval, budget)
            + (f"; {counted(too_short, 'clip')} too short for an alarm" if too_short else ""),
            measurements=measurements,
            findings=alarm_findings(inputs.dataset(probe), clips, false),
            findings_total=len(false),
            tables=tables,
            evidence=evidence,
            extent=extent,
            needs=needs_of_rate(measurements, hours, interval_at),
        )

    passing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.alarm-rate]\nmax-alarms = 0\n",
        probes={"calm": {"a_1.jpg": [], "a_2.jpg": [], "a_3.jpg": []}},
        detections={"calm": {"a_2.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.alarm-rate]\nmax-alarms = 0\n",
        probes={"calm": {"a_1.jpg": [], "a_2.jpg": [], "a_3.jpg": []}},
        detections={
            "calm": {
                "a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)],
                "a_3.jpg": [("helmet_off", 0.9, 12, 10, 30, 30)],
            }
        },
    )


def _hours_that_count(
    timeline: Timeline, alarms: AlarmTable, probe: str
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The clips that are long enough for an alarm, and the hours of these; `NotLookedAtError` where
    there is none."""
    able = clips_that_can_alarm(timeline, alarms.hits, alarms.of)
    if not able.any():
        raise NotLookedAtError(
            f"no clip of {probe} is long enough for an alarm, which needs "
            f"{counted(alarms.hits, 'frame')} within {alarms.of}",
            Extent(unit="clips", to_look_at=len(able), looked_at=0),
            of_data=True,
        )
    return able, timeline.hours_of_clips[able]


def _judged(
    alarms: int, hours: float, interval: Interval, budget: AlarmBudget
) -> list[Measurement]:
    """The false alarms, and how often they come, against their limits."""
    per_hour, per_day = 1 / hours, HOURS_OF_DAY / hours
    bound = budget.bound or "point"
    return [
        Measurement.at_most(name, alarms * factor, limit, bound=bound, interval=bounds)
        for name, factor, limit, bounds in (
            ("alarms", 1, budget.max_alarms, interval),
            ("per_hour", per_hour, budget.max_per_hour, scaled(interval, per_hour)),
            ("per_camera_day", per_day, budget.max_per_camera_day, scaled(interval, per_day)),
        )
    ]


def _by_class(category: NDArray[np.int64], classes: Sequence[str]) -> list[Measurement]:
    counts = np.bincount(category, minlength=len(classes)).tolist()
    return [
        Measurement.shown(f"alarms[{name}]", count)
        for name, count in zip(classes, counts, strict=True)
        if count
    ]


def _message(
    alarms: int, hours: float, by_clip: NDArray[np.int64], interval: Interval, budget: AlarmBudget
) -> str:
    clips = f"{np.count_nonzero(by_clip)} of {counted(len(by_clip), 'clip')}"
    text = f"{counted(alarms, 'false alarm')} in {number(hours, 3)} h"
    if alarms:
        text += f", on {clips}: {rate_text(alarms / hours)} an hour"
    else:
        text += f" on {counted(len(by_clip), 'clip')}"
    limits = [
        (budget.max_alarms, "at most {} allowed"),
        (budget.max_per_hour, "at most {:.4g} an hour allowed"),
        (budget.max_per_camera_day, "at most {:.4g} a camera and day allowed"),
    ]
    allowed = [template.format(limit) for limit, template in limits if limit is not None]
    text = ", ".join([text, *allowed])
    return (
        f"{text}; upper bound {rate_text(interval.high / hours)} an hour at "
        f"{100 * interval.confidence:g}%"
    )
