"""What a bootstrap draws: clips where there are clips, images where there are none.

Frames of one clip show the same people in the same light, so a bootstrap that draws single frames
takes a hundred copies for a hundred observations, and its intervals come out too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import TooLittleEvidenceError

Unit = Literal["clip", "image"]
LEAST_UNITS = 5
LEAST_DEFINED = 0.95
_DRAWN_AT_ONCE = 1 << 22
_MOST_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of a split: `of_image` (images,) is the unit of each image, from 0 to `count`;
    negative where an image is never drawn."""

    kind: Unit
    of_image: NDArray[np.int64]
    count: int

    def only(self, images: NDArray[np.bool_]) -> Units:
        """The units of some of the images, (images,) bool, which alone are drawn from."""
        several, of_image = np.unique(self.of_image[images], return_inverse=True)
        placed = np.full(len(self.of_image), -1, dtype=np.int64)
        placed[images] = of_image.reshape(-1)
        return Units(self.kind, placed, len(several))


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """Draws as many units as there are, with replacement, `replicates` times.

    The same seed draws the same units, so that two detectors on the same images are compared on
    the same draws.
    """

    units: Units
    replicates: int
    seed: int

    def weights(self) -> Iterator[NDArray[np.int32]]:
        """Yield (B, units) how often each unit was drawn, until all replicates are through."""
        count = self.units.count
        require_units(self.units)
        # Of the number of units alone: more replicates begin with the same draws.
        block = min(max(_DRAWN_AT_ONCE // count, 1), _MOST_AT_ONCE)
        for number, start in enumerate(range(0, self.replicates, block)):
            size = min(block, self.replicates - start)
            random = np.random.default_rng((self.seed, number))
            drawn = random.integers(0, count, (size, count))
            drawn += np.arange(size)[:, None] * count
            weights = np.bincount(drawn.ravel(), minlength=size * count)
            yield weights.reshape(size, count).astype(np.int32)


def require_units(units: Units) -> None:
    """Raise `TooLittleEvidenceError` where there are too few units for an interval."""
    reason = too_few_units(units)
    if reason is not None:
        more = LEAST_UNITS - units.count
        raise TooLittleEvidenceError(reason, f"{more} more {units.kind}{'' if more == 1 else 's'}")


def too_few_units(units: Units) -> str | None:
    """Say why so few units have no interval; None where there are enough."""
    if units.count >= LEAST_UNITS:
        return None
    return f"no bounds from {counted_units(units)}: at least {LEAST_UNITS} are needed"


def clip_units(clips: Sequence[str | None]) -> Units:
    """Clips as units, from the clip of each image; an image without one is a unit."""
    number: dict[str | int, int] = {}
    of_image = [
        number.setdefault(index if clip is None else clip, len(number))
        for index, clip in enumerate(clips)
    ]
    return Units("clip", np.array(of_image, dtype=np.int64), len(number))


def image_units(images: int) -> Units:
    """Each image as a unit."""
    return Units("image", np.arange(images), images)


def resampled_sums(on_image: NDArray[np.int64], resampling: Resampling) -> NDArray[np.float64]:
    """(B,) the sum of a count in every draw, from its value on each image (images,)."""
    units = resampling.units
    on_unit = np.bincount(units.of_image, weights=on_image, minlength=units.count)
    return np.concatenate([weights @ on_unit for weights in resampling.weights()])


def defined_values(values: NDArray[np.float64], resampling: Resampling) -> NDArray[np.float64]:
    """Return the values of the draws in which a metric is defined (NaN: no ground truth was
    drawn); `TooLittleEvidenceError` where it is undefined in many, for it then depends on too few
    clips."""
    defined: NDArray[np.float64] = values[~np.isnan(values)]
    if len(defined) < LEAST_DEFINED * len(values):
        raise TooLittleEvidenceError(
            f"in {1 - len(defined) / len(values):.0%} of the bootstrap's draws there is nothing "
            f"to measure: its ground truth is in too few of {counted_units(resampling.units)}"
        )
    return defined


def counted_units(units: Units) -> str:
    """`40 clips`, `1 image`."""
    return f"{units.count} {units.kind}" + ("" if units.count == 1 else "s")
