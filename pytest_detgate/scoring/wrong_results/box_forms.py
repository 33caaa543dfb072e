"""Forms that boxes may be written in, tried against the ground truth.

Boxes of a result file are `[x, y, width, height]` in pixels. In another form the same four numbers
are other boxes, far from all objects. A form is reported where the boxes fit the ground truth well
in it and badly as they are written, on nearly every image: a detector that is only weak fits no
form. See docs/decisions/0044-detections-are-tried-in-other-forms.md for how the limits were
measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.boxes import Boxes
from pytest_detgate.scoring.wrong_results.truth_pairs import TruthPairs

MIN_DETECTIONS = 5
MIN_DETECTIONS_FITTED = 10
MIN_IMAGES = 3
MIN_IMAGES_FITTED = 5
MIN_IOU = 0.45
MIN_GAIN = 0.15
MIN_GAIN_OF_FEW = 0.3
MAX_AS_GIVEN = 2 / 3
FEW_IMAGES = 10
MIN_SHARE_OF_IMAGES = 0.75
MIN_T = 5.0
MAX_SHARE_OF_ONE = 0.5

_SAME_IOU = 0.02
_BIN = 0.15
_NEAR = 0.2
_CELLS = 200


@dataclass(frozen=True, slots=True)
class OtherForm:
    """A form that boxes fit better in: what it is, the mean best IoU in it and as written."""

    name: str
    iou: float
    iou_as_given: float

    def __str__(self) -> str:
        return (
            f"the boxes look like {self.name}: mean best IoU {self.iou:.2f} in that form against "
            f"{self.iou_as_given:.2f} as given"
        )


def other_form(pairs: TruthPairs) -> OtherForm | None:
    """Return the form that boxes seem to be written in, where it is not `[x, y, width, height]` in
    pixels of the image."""
    n_images = len(np.unique(pairs.image))
    if len(pairs) < MIN_DETECTIONS or n_images < MIN_IMAGES:
        return None
    if _is_one_box(pairs):
        return None
    may_fit = len(pairs) >= MIN_DETECTIONS_FITTED and n_images >= MIN_IMAGES_FITTED
    given = pairs.best(pairs.xywh)
    if given.mean() > MAX_AS_GIVEN:
        return None  # no form could fit so much better
    name, chosen = "", given
    for form, boxes, is_fitted in _forms(pairs):
        if may_fit or not is_fitted:
            best = pairs.best(boxes)
            # The simplest form wins, unless another one fits better.
            if not name or best.mean() > chosen.mean() + _SAME_IOU:
                name, chosen = form, best
    if not is_convincing(pairs.image, chosen, given):
        return None
    return OtherForm(name, float(chosen.mean()), float(given.mean()))


def _is_one_box(pairs: TruthPairs) -> bool:
    """Whether most detections are one and the same box, which no image decides about: what it
    looks like is chance."""
    for boxes in (pairs.xywh, pairs.xywh / np.tile(pairs.size, 2)):
        largest = float(np.nanmax(np.abs(boxes), initial=0))
        cells = np.round(boxes / max(largest, 1e-9) * _CELLS)
        _, count = np.unique(cells, axis=0, return_counts=True)
        if count.max() > MAX_SHARE_OF_ONE * len(boxes):
            return True
    return False


def is_convincing(
    image: NDArray[np.int64], chosen: NDArray[np.float64], given: NDArray[np.float64]
) -> bool:
    """Whether boxes fit so much better in another form that no detector could make it look so."""
    _, of_image, count = np.unique(image, return_inverse=True, return_counts=True)
    gain = np.bincount(of_image, weights=chosen - given) / count
    wanted = MIN_GAIN if len(gain) >= FEW_IMAGES else MIN_GAIN_OF_FEW
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return bool(
        chosen.mean() >= MIN_IOU
        and chosen.mean() - given.mean() >= wanted
        and given.mean() <= MAX_AS_GIVEN * chosen.mean()
        and np.mean(gain > 0) >= MIN_SHARE_OF_IMAGES
        and gain.mean() >= MIN_T * error
    )


def _forms(pairs: TruthPairs) -> Iterator[tuple[str, Boxes, bool]]:
    """Other forms by name, with the boxes that are meant in them, the simplest first; and whether
    numbers were fitted to the ground truth for it."""
    written = {name: read(pairs.xywh) for name, read in _LAYOUTS.items()}
    for name, boxes in written.items():
        if name:
            yield name, boxes, False
    x, y, w, h = pairs.xywh.T
    width, height = pairs.size.T
    yield "[x, y, height, width]", np.column_stack([x, y, h, w]), False
    yield f"{_BOXES} of mirrored images", np.column_stack([width - x - w, y, w, h]), False
    yield f"{_BOXES} from the lower edge", np.column_stack([x, height - y - h, w, h]), False
    for name, boxes in written.items():
        yield f"{name or _BOXES} in shares of the image", boxes * np.tile(pairs.size, 2), False
    for name, boxes in written.items():
        for units, scaled in _scaled(pairs, boxes):
            yield f"{name or _BOXES} in {units}", scaled, True


_BOXES = "[x, y, width, height]"


def _corners(four: Boxes) -> Boxes:
    return np.column_stack([four[:, :2], four[:, 2:] - four[:, :2]])


def _centres(four: Boxes) -> Boxes:
    return np.column_stack([four[:, :2] - four[:, 2:] / 2, four[:, 2:]])


_LAYOUTS: dict[str, Callable[[Boxes], Boxes]] = {
    "": lambda four: four,
    "corners [x1, y1, x2, y2]": _corners,
    "centres [cx, cy, width, height]": _centres,
    "corners [y1, x1, y2, x2]": lambda four: _corners(four[:, [1, 0, 3, 2]]),
    "[y, x, height, width]": lambda four: four[:, [1, 0, 3, 2]],
    "corners [x1, x2, y1, y2]": lambda four: _corners(four[:, [0, 2, 1, 3]]),
    "sizes from the lower right corner": lambda four: np.column_stack(
        [four[:, :2] - four[:, 2:], four[:, 2:]]
    ),
}


def _scaled(pairs: TruthPairs, boxes: Boxes) -> Iterator[tuple[str, Boxes]]:
    """The boxes as pixels of images of another size, which is taken from their sides beside those
    of the ground truth."""
    sides, width_height = boxes[pairs.detection, 2:], pairs.truth[:, 2:]
    size = pairs.size[pairs.detection]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = width_height / sides
        # One size for all images, to which each was stretched.
        stretched = _common(size / ratio)
        longer = _common(np.tile(size.max(axis=1)[:, None], 2) / ratio)
        factor = _common(ratio)
    if stretched is not None:
        if abs(np.log(stretched[0] / stretched[1])) < _NEAR / 2:
            side = float(np.sqrt(stretched.prod()))
            units = _even_units(side) or f"pixels of images of {side:.4g} × {side:.4g}"
            yield units, boxes * np.tile(pairs.size / side, 2)
        else:
            units = f"pixels of images of {stretched[0]:.4g} × {stretched[1]:.4g}"
            yield units, boxes * np.tile(pairs.size / stretched, 2)
    if longer is not None:
        side = float(longer.mean())
        scale = (pairs.size.max(axis=1) / side)[:, None]
        yield f"pixels of images whose longer side is {side:.4g}", boxes * scale
        margin = (side - pairs.size / scale) / 2
        placed = np.column_stack([boxes[:, :2] - margin, boxes[:, 2:]])
        yield f"pixels of images that are padded to {side:.4g} × {side:.4g}", placed * scale
    if factor is not None:
        times = float(factor.mean())
        yield f"pixels of images {1 / times:.3g} times as large", boxes * np.tile(factor, 2)


def _even_units(size: float) -> str | None:
    for whole, name in ((100, "per cent of the image"), (1000, "thousandths of the image")):
        if abs(size - whole) < 0.05 * whole:
            return name
    return None


def _common(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(2,) the pair of values that is most frequent among (p, 2), give or take; None for none."""
    values = values[(np.isfinite(values) & (values > 0)).all(axis=1)]
    if not len(values):
        return None
    logs = np.log(values)
    cells, counts = np.unique(np.floor(logs / _BIN).astype(np.int64), axis=0, return_counts=True)
    middle = (cells[np.argmax(counts)] + 0.5) * _BIN
    near = logs[(np.abs(logs - middle) < _NEAR).all(axis=1)]
    return np.asarray(np.exp(np.median(near, axis=0)))
