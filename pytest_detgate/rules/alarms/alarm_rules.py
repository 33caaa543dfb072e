"""Base classes and options of the rules on alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.dataset.clips.timeline import Timeline
from pytest_detgate.gaps import DETECTION_GAPS, Extent, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.families import DetectionRule, MaxUnlabelled
from pytest_detgate.rules.metrics.score_rules import TooLittle
from pytest_detgate.rules.options import Threshold, require_names
from pytest_detgate.rules.rule import ProjectError, Target, option_check, refuse

ON_CLIPS = r"""
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$'
fps = 1
[alarms]
hits = 2
of = 3
"""
"""What the examples of these rules have in common: an alarm for 2 of 3 frames, one a second."""

_NAMED = 3


class AlarmRule(DetectionRule, frozen=True, kw_only=True):
    """A rule on the alarms that the detections on the frames of clips raise."""

    score_threshold: Threshold | None = None
    max_missing_frames: Annotated[
        Count,
        Meta(description="Frames missing inside clips, by their numbers, that are allowed."),
    ] = 0
    max_untimed: Annotated[
        Count, Meta(description="Images of unknown clip or time that are allowed.")
    ] = 0

    def extent(self, timeline: Timeline, inputs: Inputs, name: str) -> Extent:
        """How much of the clips of a split or probe can be looked at."""
        images = len(timeline.clip)
        missing, untimed = int(timeline.missing.sum()), len(timeline.untimed)
        allowed = missing if missing <= self.max_missing_frames else 0
        allowed += untimed if untimed <= self.max_untimed else 0
        left_out = []
        if missing:
            worst = np.argsort(-timeline.missing, kind="stable")[:_NAMED]
            clips = ", ".join(
                f"{timeline.clips[clip]} ({timeline.missing[clip]:,})"
                for clip in worst.tolist()
                if timeline.missing[clip]
            )
            verb = "frame is" if missing == 1 else "frames are"
            left_out.append(f"{missing:,} {verb} missing in clips: {clips}")
        if untimed:
            names = inputs.dataset(name).images.file_name[timeline.untimed[:_NAMED]].tolist()
            left_out.append(f"{counted(untimed, 'image')} without clip or time: {', '.join(names)}")
        return Extent(
            unit="images",
            to_look_at=images + missing,
            looked_at=images - untimed,
            allowed=allowed,
            left_out=tuple(left_out),
        )


class EventRule(AlarmRule, frozen=True, kw_only=True):
    """A rule on the events of a class that must raise alarms, one item for each class of the split
    of clips that `[alarms] split` names."""

    # What the detector was not asked about raises no alarm, and the class would seem to be missed.
    spoiling_gaps: ClassVar[frozenset[GapKind]] = DETECTION_GAPS

    max_unlabelled: MaxUnlabelled = 0
    min_events: (
        Annotated[
            Count, Meta(description="Smallest number of events of a class that proves anything.")
        ]
        | None
    ) = None
    too_little: TooLittle = "fail"

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {**super().allowed_gaps(), "images-without-labels": self.max_unlabelled}

    def limits_by_class(self) -> Mapping[str, object]:
        """The limits of single classes, by class."""
        raise NotImplementedError

    def has_common_limit(self) -> bool:
        """Whether there is a limit for every class."""
        raise NotImplementedError

    def validate(self, project: Project) -> None:
        super().validate(project)
        _require_split(project)
        known = project.classes_of(project.alarm_split)
        require_names("class", self.limits_by_class(), known, table=["classes"])

    def targets(self, project: Project) -> Iterator[Target]:
        split = project.alarm_split
        known = project.classes_of(split) if self.has_common_limit() else None
        names = dict.fromkeys(known or self.limits_by_class())
        # There are no classes, or they cannot be read: one item remains, which says so.
        for name in names or (None,):
            yield Target(label=name, datasets=(split,), detections=(split,))


@option_check
def _require_split(project: Project) -> None:
    if project.alarm_split not in project.splits:
        refuse(
            ProjectError(
                f"there is no split {project.alarm_split!r} to find events on; name one by split "
                "in [alarms]"
            )
        )
