"""What the changes of a rule on changed images do to detections, and on which clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.model import spread
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.comparison.stability import Unstable, unstable_detections, visible_parts
from pytest_detgate.scoring.false_boxes import require_threshold


@dataclass(frozen=True, slots=True, eq=False)
class StabilityPart:
    """What one way of a change does to the detections on some `images` of a split or probe."""

    way: ImageChange
    images: int
    dataset: Dataset
    units: Units
    original: DetectionTable
    changed: DetectionTable
    unstable: Unstable


def stability_part(
    inputs: Inputs, name: str, way: ImageChange, threshold: float, images: int
) -> StabilityPart:
    """Change images that are spread evenly over a split or probe, and detect on them."""
    dataset, original = inputs.dataset(name), inputs.detections(name)
    require_threshold(original, threshold)
    rows = spread(len(dataset.images), images)
    changed = inputs.changed_detections(name, rows, way)
    sizes = inputs.image_sizes(name, rows).astype(np.int64).tolist()
    parts = [way.visible((width, height)) for width, height in sizes]
    visible = visible_parts(len(dataset.images), rows, parts)
    return StabilityPart(
        way=way,
        images=len(rows),
        dataset=dataset,
        units=inputs.units(name),
        original=original,
        changed=changed,
        unstable=unstable_detections(original, changed, threshold, visible),
    )


@dataclass(frozen=True, slots=True, eq=False)
class UnstableByUnit:
    """Detections without a partner and `all` of them, (G,) on each clip of all splits and probes
    that has any."""

    unstable: NDArray[np.int64]
    all: NDArray[np.int64]
    units: Units

    @property
    def counts(self) -> tuple[int, int]:
        """Detections without a partner, and all of them."""
        return int(self.unstable.sum()), int(self.all.sum())


def detections_by_unit(parts: Sequence[StabilityPart], *, of_changed: bool) -> UnstableByUnit:
    """Count the detections on the originals, or on the changed images, by clip."""
    counts: dict[str, NDArray[np.int64]] = {}
    for part in parts:
        table = part.changed if of_changed else part.original
        is_unstable = part.unstable
        some, every = (
            (is_unstable.appeared, is_unstable.after)
            if of_changed
            else (is_unstable.lost, is_unstable.before)
        )
        on_unit = np.stack(
            [
                np.bincount(part.units.of_image[table.image[rows]], minlength=part.units.count)
                for rows in (some, every)
            ]
        )
        name = part.dataset.name
        counts[name] = counts[name] + on_unit if name in counts else on_unit
    unstable, every = np.concatenate([*counts.values()], axis=1)
    has_detections = every > 0
    number = int(has_detections.sum())
    is_clips = all(part.units.kind == "clip" for part in parts)
    units = Units("clip" if is_clips else "image", np.arange(number), number)
    return UnstableByUnit(unstable[has_detections], every[has_detections], units)
