"""Boxes of a model that are nowhere in their image.

A box without width or height, or beside its image, is no detection of anything, so it does not show
that a detector works. It is a box all the same: it counts where boxes are counted, as it would in a
result file. Many of them mean that the boxes are read in another form than the model gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted, part_verb
from pytest_detgate.dataset.tables import Dataset, DetectionTable, ImageTable
from pytest_detgate.detections import ImageDetections
from pytest_detgate.errors import DetectorError

ALLOWED_SHARE = 0.01
"""Share of the boxes over the score threshold that may be nowhere in their image."""
MIN_OUTSIDE = 10
"""Boxes that are mostly outside of their image before that shows anything."""
_NOWHERE = "no width or height in their image"

# How the form of boxes is set for each framework, by what is wrong with them.
_CAUSES = {
    "onnx": {
        "reversed": 'are centres or sizes read as corners? (`boxes = "cxcywh"` or "xywh" under '
        "[model.onnx])",
        "before": "are shares of the input read as pixels? (`normalised = true` under "
        "[model.onnx])",
        "behind": "are pixels read as shares of the input? (`normalised = false` under "
        "[model.onnx])",
        "outside": "are they in another form, or pixels read as shares of the input? (`boxes` and "
        "`normalised` under [model.onnx])",
    },
    "other": {
        "reversed": "are these centres or sizes? A detector gives corners x1, y1, x2, y2",
        "before": "a detector gives corners x1, y1, x2, y2 in pixels of the image",
        "behind": "are these pixels of an image of another size? A detector gives corners in "
        "pixels of the image's file",
        "outside": "a detector gives corners x1, y1, x2, y2 in pixels of the image",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundBoxes:
    """What a detector found on a split or probe, one row a box: `image` (n,) rows of the images,
    `xyxy` (n, 4) corners in pixels, not cut at the edges of their images, `score` (n,), `size`
    (n, 2) width and height of their image, NaN where it is unknown. `is_cut` (n,) says which are
    still to be cut."""

    image: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]
    size: NDArray[np.float64]
    is_cut: NDArray[np.bool_]

    def cut(self) -> NDArray[np.float64]:
        """Return (n, 4) corners that end at the edges of their images, where these cut them."""
        edges = np.tile(self.size, 2)
        return np.where(self.is_cut[:, None], np.clip(self.xyxy, 0, edges), self.xyxy)


def finds_anything(boxes: FoundBoxes) -> bool:
    """Return whether a box with a score above 0 is in its image.

    Rows that fill an output up to a fixed length have no size or a score of 0. Neither is a
    detection of anything.
    """
    return bool((is_placed(boxes) & (boxes.score > 0)).any())


def boxes_of(detections: DetectionTable, images: ImageTable) -> FoundBoxes:
    """Return the boxes of a table of detections."""
    xywh = detections.xywh
    return FoundBoxes(
        image=detections.image,
        xyxy=np.column_stack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]),
        score=detections.score,
        size=_sizes(images, detections.image),
        is_cut=np.zeros(len(detections), dtype=np.bool_),
    )


def boxes_on(
    detections: Mapping[int, ImageDetections], images: ImageTable, framework: str
) -> FoundBoxes:
    """Return what a model of a framework found on some rows of the images."""
    counts = [len(detected.score) for detected in detections.values()]
    image = np.repeat(np.array([*detections], np.int64), counts)
    size = _sizes(images, image)
    own = [detected.size or (np.nan, np.nan) for detected in detections.values()]
    size_at_edges = np.repeat(np.array(own, np.float64).reshape(-1, 2), counts, axis=0)
    is_cut = np.asarray(~np.isnan(size_at_edges).any(axis=1))
    size[is_cut] = size_at_edges[is_cut]
    if framework == "mmdetection":
        # Its boxes are cut to the edges of the file, and an annotation file may state another
        # size. Without a size they may be all the same, in a detector of the project's own.
        size = np.full_like(size, np.nan)
    return FoundBoxes(
        image=image,
        xyxy=np.concatenate(
            [np.zeros((0, 4)), *(detected.xyxy for detected in detections.values())]
        ),
        score=np.concatenate([np.zeros(0), *(detected.score for detected in detections.values())]),
        size=size,
        is_cut=is_cut,
    )


def _sizes(images: ImageTable, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    size = np.column_stack([images.width[rows], images.height[rows]])
    # A size of 0 is written where it is unknown.
    return np.where(size > 0, size, np.nan)


def is_placed(boxes: FoundBoxes) -> NDArray[np.bool_]:
    """Return (n,) whether each box has a width and a height and overlaps its image. An image of
    unknown size ends nowhere."""
    start, end = boxes.xyxy[:, :2], boxes.xyxy[:, 2:]
    return np.asarray(((end > start) & (end > 0) & ~(start >= boxes.size)).all(axis=1))


def sides(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, 4) x, y, width and height of corners; neither of the latter is below 0."""
    start, end = xyxy[:, :2], xyxy[:, 2:]
    return np.column_stack([start, np.maximum(end - start, 0)])


def misplaced_note(
    detected: FoundBoxes, dataset: Dataset, *, threshold: float, framework: str
) -> str | None:
    """Return a note on the boxes over the score threshold that are nowhere in their image of a
    split or probe, if any.

    More than `ALLOWED_SHARE` of these raise a `DetectorError` that names their likely cause. Where
    there is no ground truth to judge them by, so do boxes that are mostly outside of their image,
    if most are.
    """
    over = detected.score > threshold
    n_over = int(np.count_nonzero(over))

    def text(rows: NDArray[np.int64], several: str) -> str:
        return (
            f"{len(rows):,} of {counted(n_over, 'box')} over {threshold:g} on {dataset.name} "
            f"{part_verb(len(rows), n_over, several)}"
        )

    def refusal(rows: NDArray[np.int64], several: str, what: str, fault: str) -> DetectorError:
        name = dataset.images.file_name[detected.image[rows[0]]]
        corners = ", ".join(f"{value:g}" for value in detected.xyxy[rows[0]])
        cause = _CAUSES.get(framework, _CAUSES["other"])[fault]
        message = f"{text(rows, several)} {what}, first on {name} ({corners}): {cause}"
        return DetectorError(message, of_data=False)

    lost = np.flatnonzero(over & ~is_placed(detected))
    if len(lost) > ALLOWED_SHARE * n_over:
        raise refusal(lost, "have", _NOWHERE, _fault(detected.xyxy[lost]))
    outside = np.flatnonzero(over & _is_mostly_outside(detected))
    if not len(dataset.boxes) and len(outside) >= max(MIN_OUTSIDE, n_over / 2):
        raise refusal(outside, "are", "mostly outside of their image", "outside")
    if not len(lost):
        return None
    return f"{text(lost, 'have')} {_NOWHERE}; they count as boxes"


def _is_mostly_outside(boxes: FoundBoxes) -> NDArray[np.bool_]:
    """Return (n,) which of the boxes that end at edges have less than half of their area there."""
    cut = boxes.cut()
    inside = (cut[:, 2:] - cut[:, :2]).prod(axis=1)
    area = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(axis=1)
    return np.asarray(boxes.is_cut & is_placed(boxes) & (2 * inside < area))


def _fault(xyxy: NDArray[np.float64]) -> str:
    """What is wrong with most of these boxes."""
    start, end = xyxy[:, :2], xyxy[:, 2:]
    is_reversed = (end < start).any(axis=1)
    is_before = ~is_reversed & (end <= 0).any(axis=1)
    counts = {
        "reversed": int(is_reversed.sum()),
        "before": int(is_before.sum()),
        "behind": int((~is_reversed & ~is_before).sum()),
    }
    return max(counts, key=lambda fault: counts[fault])
