"""What is split: images, their clips, and the classes on them, in any format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.dataset.clips.clips import Clips
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whole:
    """All images that are split.

    `source` and `clip` (images,) are each image's file and clip; `image` (annotations,) is the row
    of each annotation's image, `label` its class, None where its file does not list it. `folder` is
    what file names are relative to, where the folders were given; `renumbered` names the kinds of
    ids that changed, `notes` are facts about the files.
    """

    classes: tuple[str, ...]
    source: NDArray[np.int64]
    clip: NDArray[np.object_]
    image: NDArray[np.int64]
    label: NDArray[np.object_]
    folder: Path | None = None
    renumbered: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.source)


def require_clips(dataset: Dataset, clips: Clips, path: Path) -> None:
    """Raise `DataError` where the clip of an image is not known."""
    if len(clips.unparsed):
        first = dataset.images.file_name[clips.unparsed[0]]
        raise DataError(
            f"{path}: the clip of {len(clips.unparsed)} of "
            f"{counted(len(dataset.images), 'image')} is not known, first {first!r}; a single "
            "photo needs a separate clip, so the pattern must match it too"
        )


def notes_on_scores(dataset: Dataset) -> Iterator[str]:
    """Say that labels have scores, as detections do: the gate does not read them unasked."""
    if dataset.has_scores:
        what = "has labels with a score, as detections have"
        yield f"{dataset.annotations}: {what}; splits of them need scored-labels = true"


def labels_of(dataset: Dataset) -> NDArray[Any]:
    """(annotations,) the class of each annotation, None where its file does not list it."""
    names = np.array([*dataset.classes, None], dtype=object)
    labels: NDArray[Any] = names[dataset.boxes.category]  # UNLISTED is -1: None
    return labels
