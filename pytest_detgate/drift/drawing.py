"""A feature of two splits as a chart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.drift.features import Feature
from pytest_detgate.evidence import Histogram, left_out

BINS_CAP = 30
"""Bins of a feature that are drawn; of more classes or sizes those that differ most."""

# What bins are of, and what their names repeat of it.
_AXES = {
    "class": ("class", "", ""),
    "box-size": ("share of the image that the box covers", "", " of the image"),
    "aspect": ("width / height", "width/height ", ""),
    "position": ("centre of the box, of the image's width and height", "centre at ", ""),
    "boxes-per-image": ("boxes on the image", "", ""),
    "resolution": ("size of the image", "", ""),
    "score": ("score", "", ""),
    "highest-score": ("highest score on the image", "", ""),
    "brightness": ("mean level of the image", "", ""),
    "contrast": ("standard deviation of the levels", "", ""),
    "sharpness": ("sharpness of the image", "", ""),
    "colour": ("mean colour of the image", "", ""),
    "colourfulness": ("distance of the colours from grey", "", ""),
}


def drift_chart(feature: Feature, names: tuple[str, str], *, title: str, about: str) -> Histogram:
    """Paired counts of a feature; `names` are those of the reference and the tested split.

    Bins that are empty in both splits are left out at the ends. Of more than `BINS_CAP` bins
    those whose shares differ most remain, in their order, and one for all others.
    """
    n_bins = len(feature.labels)
    counts = np.stack(
        [
            np.bincount(sample.bin, minlength=n_bins)
            for sample in (feature.reference, feature.tested)
        ]
    )
    label, prefix, suffix = _AXES[feature.name]
    filled = np.flatnonzero(counts.sum(axis=0))
    bins_shown: NDArray[np.int64] = np.arange(filled[0], filled[-1] + 1)
    rest: list[str] = []
    if len(bins_shown) > BINS_CAP:
        shares = counts / counts.sum(axis=1, keepdims=True)
        apart = np.abs(shares[0] - shares[1])[bins_shown]
        widest = bins_shown[np.argsort(-apart, kind="stable")[: BINS_CAP - 1]]
        rest = [counted(len(bins_shown) - len(widest), "other")]
        about += left_out(len(bins_shown), len(widest), "that differ most", "bins")
        bins_shown = np.sort(widest)
    shown = counts[:, bins_shown]
    if rest:
        shown = np.column_stack([shown, counts.sum(axis=1) - shown.sum(axis=1)])
    return Histogram(
        title=title,
        about=about,
        label=label,
        names=[
            *(
                feature.labels[index].removeprefix(prefix).removesuffix(suffix)
                for index in bins_shown
            ),
            *rest,
        ],
        counts=dict(zip(names, shown.tolist(), strict=True)),
    )
