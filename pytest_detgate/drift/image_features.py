"""The features by which the images of two splits are compared, each on fixed bins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.drift.features import Feature, Sample, bin_names

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]
"""Columns of properties of the images of a split, as `image_hashes.properties` names them."""

_LEVELS = tuple(step / 10 for step in range(1, 10))
_CONTRASTS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
# Doublings of the square root: photos differ by less than a factor of 10.
_SHARPNESS = tuple(2 ** (power / 2) for power in range(-8, 4))
_CHROMA = (0.004, 0.02, 0.04, 0.06, 0.08, 0.12, 0.16)
# A mean colour that is nearer to grey than this is no cast: 2.5 levels of 255.
_NEUTRAL = 0.01
_CASTS = ("reddish", "yellowish", "greenish", "cyan", "bluish", "magenta")
# Angles of red, yellow, green, cyan, blue and magenta in the plane of Cb (to the right) and Cr.
_ANGLES = np.degrees(
    np.arctan2(
        [0.5, 0.0813, -0.4187, -0.5, -0.0813, 0.4187], [-0.1687, -0.5, -0.3313, 0.1687, 0.5, 0.3313]
    )
)


def image_features(reference: Columns, tested: Columns, names: Sequence[str]) -> list[Feature]:
    """Bin the named features of the images of two splits."""
    return [_feature(name, reference, tested) for name in names]


def _feature(name: str, reference: Columns, tested: Columns) -> Feature:
    labels, bins = _FEATURES[name]

    def sample(columns: Columns) -> Sample:
        bin_of_image = bins(columns).astype(np.int32)
        return Sample(np.arange(len(bin_of_image)), bin_of_image)

    return Feature(name, "images", tuple(labels), sample(reference), sample(tested))


def _by_edges(
    column: str, edges: Sequence[float]
) -> tuple[list[str], Callable[[Columns], NDArray[np.int64]]]:
    return bin_names(edges, "{:.2g}", ""), lambda columns: np.digitize(columns[column], edges)


def _cast(columns: Columns) -> NDArray[np.int64]:
    """The mean colour: 0 none at all, 1 about grey, else the nearest of six."""
    blue, red = columns["blue"], columns["red"]
    angle = np.degrees(np.arctan2(red, blue))
    apart = np.abs((angle[:, None] - _ANGLES + 180) % 360 - 180)
    cast: NDArray[np.int64] = apart.argmin(axis=1) + 2
    cast[np.hypot(blue, red) < _NEUTRAL] = 1
    cast[columns["colour"] < _CHROMA[0]] = 0
    return cast


_FEATURES: Final[dict[str, tuple[Sequence[str], Callable[[Columns], NDArray[np.int64]]]]] = {
    "brightness": _by_edges("brightness", _LEVELS),
    "contrast": _by_edges("contrast", _CONTRASTS),
    "sharpness": _by_edges("sharpness", _SHARPNESS),
    "colour": (("without colour", "neutral", *_CASTS), _cast),
    "colourfulness": _by_edges("colour", _CHROMA),
}
IMAGE_FEATURES: Final = tuple(_FEATURES)
