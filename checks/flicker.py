"""The rule `flicker`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from msgspec.structs import replace
from numpy.typing import NDArray

from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.inputs.compared.comparable import SCORE_THRESHOLD
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted, number
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rules.alarms.alarm_rules import ON_CLIPS, AlarmRule
from pytest_detgate.rules.changed_images import On, datasets_to_look_at, require_datasets
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.false_boxes.probe_limits import Bound, BoundConfidence
from pytest_detgate.rules.metrics.score_rules import TooLittle, confidence_of
from pytest_detgate.rules.options import threshold_of
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.alarms.flicker import FlickeringObjects, flicker_of
from pytest_detgate.scoring.bounds.event_rate import count_interval
from pytest_detgate.scoring.bounds.probe_evidence import scaled
from pytest_detgate.scoring.bounds.resampling import Units, require_units
from pytest_detgate.scoring.false_boxes import require_threshold

SECONDS_OF_HOUR = 3600
MOST_ROWS = 50


class Flicker(AlarmRule, frozen=True, kw_only=True):
    """Detections must not come and go on the frames of a clip.

    ## What it checks

    Detections with score > threshold of one class are linked over the frames of a clip to objects:
    an object may be gone for `gap-s` seconds, and comes back at a place that overlaps the last one
    (`link-iou` under `[alarms]`). The clips need no labels. There is an item for each
    split and probe.

    - `interruptions`: how often an object is gone for a frame or more and comes back;
    - `short`: objects that come and go within `short-s` seconds. What begins with the first frame
      of a clip, or ends with the last one, is not short;
    - `object_seconds`: the time from the first frame of each object to the end of its last;
    - `flicker` = (`interruptions` + `short`) / `object_seconds`, by object and second;
      `flicker[CLASS]` is that of one class.

    The upper bound of `flicker` is the exact Poisson bound, wider where the changes cluster in a
    few clips. With `bound = "upper"` it is compared with the limit. An interruption without any
    frame does not count, nor does a detection on a frame without a neighbour.

    The rule is not evaluated where clips and times are not known, where frames are missing inside
    a clip (`max-missing-frames`), or where nothing is detected.

    ## Why it matters

    An object that does not move and is found in every other frame raises its alarm late, and raises
    it again each time it comes back. Boxes of a fraction of a second are mostly false. AP is blind
    to both.

    ## How to fix

    Look at the scores of the worst objects. If they are about the threshold, lower it for objects
    that were found in the frame before (hysteresis), or ask for several frames before an alarm
    (`alarm-rate` shows what that does). If they fall far below, train with such frames, and with
    random shifts and brightness.
    """

    code: ClassVar[str] = "flicker"
    measures: ClassVar[str] = (
        "flicker flicker[CLASS] interruptions short objects object_seconds score_threshold"
    )
    findings_move: ClassVar[bool] = True
    # It looks at images, not at their labels.
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    max: Annotated[float, Meta(ge=0, description="Largest number of changes by object and second.")]
    on: On | None = None
    gap_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds that an object may be gone.")
    ] = 1.0
    short_s: Annotated[
        float, Meta(ge=0, le=60, description="An object that lasts no longer is short, in seconds.")
    ] = 0.5
    bound: Bound = "point"
    confidence: BoundConfidence | None = None
    too_little: TooLittle = "fail"

    def validate(self, project: Project) -> None:
        require_datasets(self.on, project)

    def targets(self, project: Project) -> Iterator[Target]:
        for name in datasets_to_look_at(self.on, project):
            yield Target(label=name, datasets=(name,), detections=(name,))

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        (name,) = target.datasets
        threshold = threshold_of(self, inputs.project)
        timeline, detections = inputs.timeline(name), inputs.detections(name)
        require_threshold(detections, threshold)
        objects = flicker_of(
            timeline,
            detections,
            threshold,
            gap_s=self.gap_s,
            short_s=self.short_s,
            link_iou=inputs.project.tables.alarms.link_iou,
        )
        seconds = float(objects.seconds.sum())
        if not seconds:
            raise TooLittleEvidenceError(
                f"nothing is detected with score > {threshold:g} on two frames of {name} that "
                "follow each other, so nothing can come and go",
                "clips with detections",
            )
        measured = self._judged(objects, timeline, inputs.project)
        interruptions, short = int(objects.interruptions.sum()), int(objects.is_short.sum())
        dataset = inputs.dataset(name)
        return Outcome(
            message=(
                f"{counted(len(objects.row), 'object')} in {number(seconds, 3)} s on {name}: "
                f"{counted(interruptions, 'interruption')}, {short:,} short, "
                f"{number(measured.value, 3)} by object and second"
            ),
            measurements=[
                measured,
                Measurement.shown("interruptions", interruptions),
                Measurement.shown("short", short),
                Measurement.shown("objects", len(objects.row)),
                Measurement.shown("object_seconds", seconds),
                *_by_class(objects, detections.classes),
                Measurement.shown(SCORE_THRESHOLD, threshold),
            ],
            findings=_findings(dataset, detections, objects),
            findings_total=int(np.count_nonzero(objects.changes)),
            tables={"Objects that flicker most": _table(dataset, detections, timeline, objects)},
            extent=self.extent(timeline, inputs, name),
        )

    def _judged(
        self, objects: FlickeringObjects, timeline: Timeline, project: Project
    ) -> Measurement:
        clips = len(timeline.clips)
        changes = np.bincount(objects.clip, objects.changes, minlength=clips).astype(np.int64)
        seconds = np.bincount(objects.clip, objects.seconds, minlength=clips)
        seen = seconds > 0
        if self.bound == "upper":
            require_units(Units("clip", np.arange(int(seen.sum())), int(seen.sum())))
        interval = count_interval(
            changes[seen], seconds[seen] / SECONDS_OF_HOUR, confidence_of(self, project)
        )
        total = float(seconds.sum())
        return Measurement.at_most(
            "flicker",
            int(changes.sum()) / total,
            self.max,
            bound=self.bound,
            interval=scaled(interval, 1 / total),
        )

    passing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.flicker]\nmax = 0.1\n",
        splits={"val": {f"a_{frame}.jpg": [] for frame in range(1, 5)}},
        detections={
            "val": {f"a_{frame}.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)] for frame in (1, 2, 3)}
        },
    )
    failing: ClassVar[Example] = Example(
        config=f"{ON_CLIPS}[rules.flicker]\nmax = 0.1\n",
        splits={"val": {f"a_{frame}.jpg": [] for frame in range(1, 5)}},
        detections={
            "val": {f"a_{frame}.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)] for frame in (1, 3)}
        },
    )


def _by_class(objects: FlickeringObjects, classes: Sequence[str]) -> Iterator[Measurement]:
    changes = np.bincount(objects.category, objects.changes, minlength=len(classes))
    seconds = np.bincount(objects.category, objects.seconds, minlength=len(classes))
    for name, count, time in zip(classes, changes.tolist(), seconds.tolist(), strict=True):
        if time:
            yield Measurement.shown(f"flicker[{name}]", count / time)


def _worst(objects: FlickeringObjects) -> NDArray[np.int64]:
    """The objects that come and go, those with most changes first, then the shorter ones."""
    worst = np.lexsort((objects.seconds, -objects.changes))
    changing: NDArray[np.int64] = worst[objects.changes[worst] > 0]
    return changing


def _findings(
    dataset: Dataset, detections: DetectionTable, objects: FlickeringObjects
) -> Iterator[Finding]:
    for index in _worst(objects):
        (finding,) = detection_findings(dataset, detections, [int(objects.row[index])])
        yield replace(finding, text=f"{finding.text} {_changes_text(objects, int(index))}")


def _changes_text(objects: FlickeringObjects, index: int) -> str:
    seconds = number(float(objects.seconds[index]), 3)
    times = int(objects.interruptions[index])
    gone = f"gone and back {counted(times, 'time')} in {seconds} s" if times else ""
    short = f"there for {seconds} s alone" if objects.is_short[index] else ""
    return ", ".join(part for part in (gone, short) if part)


def _table(
    dataset: Dataset, detections: DetectionTable, timeline: Timeline, objects: FlickeringObjects
) -> Table:
    return Table(
        columns=["clip", "class", "first frame", "seconds", "interruptions", "short"],
        rows=[
            [
                timeline.clips[objects.clip[index]],
                detections.classes[objects.category[index]],
                str(dataset.images.file_name[detections.image[objects.row[index]]]),
                float(objects.seconds[index]),
                int(objects.interruptions[index]),
                bool(objects.is_short[index]),
            ]
            for index in _worst(objects)[:MOST_ROWS]
        ],
    )
