"""Boxes of a model that are nowhere in their image.

A box without width or height, or beside its image, is no detection of anything. A few are noise
and are left out. Many mean that the boxes are read in another form than the model gives them, and
leaving those out would make a budget of false boxes pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import ImageTable
from pytest_detgate.errors import DetectorError

ALLOWED_SHARE = 0.01
"""How many of the boxes over the score threshold may be nowhere in their image."""

# How each framework is told the form of its boxes, by what is wrong with them.
_CAUSES = {
    "onnx": {
        "reversed": 'are centres or sizes read as corners? (`boxes = "cxcywh"` or "xywh" under '
        "[model.onnx])",
        "before": "are shares of the input read as pixels? (`normalised = true` under "
        "[model.onnx])",
        "behind": "are pixels read as shares of the input? (`normalised = false` under "
        "[model.onnx])",
    },
    "other": {
        "reversed": "are these centres or sizes? A detector gives corners x1, y1, x2, y2",
        "before": "a detector gives corners x1, y1, x2, y2 in pixels of the image",
        "behind": "are these pixels of an image of another size? A detector gives corners in "
        "pixels of the image's file",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBoxes:
    """What a model found on a split or probe, a row a box: `image` (n,) rows of the images, `xyxy`
    (n, 4) corners in pixels, `score` (n,)."""

    image: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]


def boxes_in_image(
    found: FoundBoxes, images: ImageTable, name: str, *, threshold: float, framework: str
) -> tuple[NDArray[np.bool_], str | None]:
    """(n,) which boxes have a place in their image, and a note on those over the score threshold
    that have none.

    More than `ALLOWED_SHARE` of these are refused with a `DetectorError` that names their likely
    cause. `name` is that of the split or probe.
    """
    start, end = found.xyxy[:, :2], found.xyxy[:, 2:]
    size = np.column_stack([images.width, images.height])[found.image]  # NaN where it is unknown
    if framework == "mmdetection":
        # Its boxes are cut to the edges of the file, and an annotation file may state another
        # size. Without a size they may be all the same, in a detector of the project's own.
        size = np.full_like(size, np.nan)
    is_placed = np.asarray(((end > start) & (end > 0) & ~(start >= size)).all(axis=1))
    over = found.score > threshold
    lost = np.flatnonzero(over & ~is_placed)
    if not len(lost):
        return is_placed, None
    n_over = int(np.count_nonzero(over))
    boxes = "box" if n_over == 1 else "boxes"
    text = f"{len(lost):,} of {n_over:,} {boxes} over {threshold:g} on {name}"
    if len(lost) <= ALLOWED_SHARE * n_over:
        return is_placed, f"{text} have no width or height in their image and are left out"
    corners = ", ".join(f"{value:g}" for value in found.xyxy[lost[0]])
    cause = _CAUSES.get(framework, _CAUSES["other"])[_fault(start[lost], end[lost])]
    raise DetectorError(
        f"{text} have no width or height in their image, first on "
        f"{images.file_name[found.image[lost[0]]]} ({corners}): {cause}"
    )


def _fault(start: NDArray[np.float64], end: NDArray[np.float64]) -> str:
    """What is wrong with most of these boxes."""
    is_reversed = (end < start).any(axis=1)
    is_before = ~is_reversed & (end <= 0).any(axis=1)
    counts = {
        "reversed": int(is_reversed.sum()),
        "before": int(is_before.sum()),
        "behind": int((~is_reversed & ~is_before).sum()),
    }
    return max(counts, key=lambda fault: counts[fault])
