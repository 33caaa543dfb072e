"""A feature as paired histograms: the counts by hand, and which bins are left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pytest_detgate.drift.drawing import BINS_CAP, drift_chart
from pytest_detgate.drift.features import Feature, Sample


def feature(
    name: str, labels: Sequence[str], reference: Sequence[int], tested: Sequence[int]
) -> Feature:
    samples = (
        Sample(np.arange(len(bins)), np.array(bins, dtype=np.int32)) for bins in (reference, tested)
    )
    return Feature(name, "boxes", tuple(labels), *samples)


def test_bins_are_counted_in_each_split_and_empty_ends_left_out() -> None:
    labels = [
        "under 1% of the image",
        "1-2% of the image",
        "2-4% of the image",
        "over 4% of the image",
        "without area",
    ]

    chart = drift_chart(
        feature("box-size", labels, [1, 1, 3], [3]), ("train", "val"), title="T", about="A."
    )

    assert chart.names == ["1-2%", "2-4%", "over 4%"]
    assert chart.counts == {"train": [2, 0, 1], "val": [0, 0, 1]}
    assert (chart.shares, chart.about) == (True, "A.")
    assert chart.label == "share of the image that the box covers"


def test_of_many_classes_those_that_differ_most_are_kept() -> None:
    """50 classes, one box of each in train; in val two classes have all boxes."""
    labels = [f"class {number}" for number in range(50)]

    chart = drift_chart(
        feature("class", labels, range(50), [7, 7, 7, 40]), ("train", "val"), title="T", about="A."
    )

    assert len(chart.names) == BINS_CAP
    assert {"class 7", "class 40"} <= set(chart.names)
    assert chart.names[-1] == f"{50 - (BINS_CAP - 1)} others"
    assert sum(chart.counts["train"]) == 50
    assert sum(chart.counts["val"]) == 4
    assert chart.counts["val"][-1] == 0
    assert chart.about == f"A. Of 50 bins the {BINS_CAP - 1} that differ most are drawn."
