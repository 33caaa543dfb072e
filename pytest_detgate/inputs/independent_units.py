"""The units of a split or probe that are independent of each other."""

from __future__ import annotations

from pytest_detgate.dataset.clips.clips import ClipKey
from pytest_detgate.inputs.data import DataInputs
from pytest_detgate.scoring.bounds.resampling import Units, clip_units, image_units


def units_of(inputs: DataInputs, name: str) -> Units:
    """Return the clips of a split or probe as units, or its images where clips are unknown."""
    dataset, project = inputs.dataset(name), inputs.project
    field = project.tables.scoring.clip_field
    # A folder has no fields, so its file names are all there is.
    key = ClipKey(project.frame_pattern, field if dataset.annotations else None)
    if key.pattern is None and key.field is None and "clip" in dataset.known_fields:
        key = ClipKey(field="clip")
    images = len(dataset.images)
    if key.pattern is None and key.field is None:
        return image_units(images)
    clips = inputs.clips(name, key).clip.tolist()
    return clip_units(clips) if any(clips) else image_units(images)
