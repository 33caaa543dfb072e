"""When the images of a split or probe were taken, as `detgate.toml` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_detgate.counts import counted
from pytest_detgate.dataset.clips.clips import ClipKey, field_values
from pytest_detgate.dataset.clips.frames import FrameKey
from pytest_detgate.dataset.clips.time_stamps import seconds_of_all
from pytest_detgate.dataset.clips.timeline import FramesOfClips, FrameTiming, Timeline, timeline_of
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Extent, NotLookedAtError

if TYPE_CHECKING:
    from pytest_detgate.config.tables.dataset_tables import ProbeTable, SplitTable
    from pytest_detgate.inputs.data import DataInputs
    from pytest_detgate.inputs.project import Project


def read_timeline(inputs: DataInputs, name: str) -> Timeline:
    """Order the images of a split or probe; `DataError` says why that is not possible."""
    project = inputs.project
    dataset = inputs.dataset(name)
    timing = timing_of(project, name)
    if timing is None and "timestamp" in dataset.known_fields:
        timing = FrameTiming(time_field="timestamp", unit="ms")  # as Scalabel writes it
    if timing is None:
        raise DataError(
            f"when the frames of {name} were taken is not known: give fps or time-field under "
            f"{_table(project, name)} or [dataset]"
        )
    clip_field = project.tables.scoring.clip_field if dataset.annotations else None
    key = ClipKey(project.frame_pattern, clip_field)
    if key.pattern is None and key.field is None and "clip" in dataset.known_fields:
        key = ClipKey(field="clip")
    if key.pattern is None and key.field is None:
        raise DataError(
            f"the clips of {name} are not known: give [dataset] frame-pattern, or clip-field in "
            "[scoring]"
        )
    clips = inputs.clips(name, key).clip
    frame_key = _frame_key(project, dataset, key, timing)
    stamps = None
    if timing.time_field is not None:
        stamps = seconds_of_all(_time_values(inputs, dataset, timing.time_field), timing.unit)
    elif frame_key is None:
        raise DataError(
            f"the frame numbers of {name} are not known, and fps needs them: give frame-pattern a "
            r"group (?P<frame>\d+), or frame-field in [alarms]"
        )
    frames = None if frame_key is None else inputs.frames(name, frame_key)
    timeline = timeline_of(
        FramesOfClips(
            clip=clips if frames is None else frames.clip,
            number=None if frames is None else frames.number,
            numbered=None if frames is None else frames.numbered,
            stamp_s=stamps,
        ),
        timing,
        project.tables.alarms.pause_s,
    )
    if len(timeline.untimed) == len(dataset.images):
        raise NotLookedAtError(
            f"{name} has no clips: of none of its {counted(len(dataset.images), 'image')} clip "
            f"and time are known ({dataset.images.file_name[0]}, ...)",
            Extent(unit="images", to_look_at=len(dataset.images), looked_at=0),
        )
    return timeline


def timing_of(project: Project, name: str) -> FrameTiming | None:
    """How the time of a frame of a split or probe is known: as its own table says, else that of
    the split that a probe is taken from, else `[dataset]`; None where none does."""
    for table in (*tables_of(project, name), project.tables.dataset):
        if table.fps is not None or table.time_field is not None:
            step, unit = table.frame_step or 1, table.time_unit or "s"
            return FrameTiming(table.fps, step, table.time_field, unit)
    return None


def tables_of(project: Project, name: str) -> list[SplitTable | ProbeTable]:
    """The table of a split or probe and, of a probe that is a query, that of its split."""
    splits, probes = project.tables.dataset.splits, project.tables.probes
    if name in splits:
        return [splits[name]]
    query = project.query(name)
    return [probes[name], *([] if query is None else [splits[query.split]])]


def _frame_key(
    project: Project, dataset: Dataset, key: ClipKey, timing: FrameTiming
) -> FrameKey | None:
    """What gives the numbers of frames; None where nothing does. A time stamp is no number."""
    field = project.tables.alarms.frame_field if dataset.annotations else None
    pattern = project.frame_pattern
    if pattern is None and field is None and "frame" in dataset.known_fields:
        field = "frame"
    if field is None and (pattern is None or "frame" not in pattern.groupindex):
        return None
    if timing.time_field == (field or "frame"):
        return None
    return FrameKey(key, pattern, field)


def _time_values(inputs: DataInputs, dataset: Dataset, field: str) -> Sequence[object]:
    pattern = inputs.project.frame_pattern
    if pattern is not None and field in pattern.groupindex:
        return inputs.name_groups(dataset.name, pattern)[field]
    return list(field_values(inputs.images_with(dataset.name, field), field, "time-field"))


def _table(project: Project, name: str) -> str:
    return f"[probes.{name}]" if name in project.tables.probes else f"[dataset.splits.{name}]"
