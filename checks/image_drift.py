"""The rule `image-drift`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pytest_detgate.counts import part_verb
from pytest_detgate.drift.features import Feature
from pytest_detgate.drift.image_features import IMAGE_FEATURES, image_features
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.image_hashes.properties import Properties
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.drift_rule import DriftRule
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.rule import Target


class ImageDrift(DriftRule, frozen=True, kw_only=True):
    """The images of two splits must look alike: brightness, contrast, sharpness and colour.

    ## What it checks

    `distance[FEATURE]` is the total variation distance, from 0 to 1: the share of images of one
    split that would have to be in another bin for the splits to agree. The features and their bins
    are

    - `brightness`: the mean level, from 0 (black) to 1 (white), in tenths;
    - `contrast`: the standard deviation of the levels, in steps of 0.05;
    - `sharpness`: the standard deviation of the Laplacian divided by the contrast, from 1/16 to 2.8
      in steps of √2;
    - `colour`: the mean colour: none at all, neutral, or nearest to red, yellow, green, cyan, blue
      or magenta;
    - `colourfulness`: how far the colours are from grey (the root of the mean square of Cb and Cr).

    They are measured on the image reduced to a shorter side of 160 to 319 pixels. They are judged
    as in `split-drift`: a feature has drifted if its distance is over `max`, or over its limit in
    the table `features`, *and* permuting whole clips between the splits hardly makes as much:
    `p[FEATURE]`, corrected by Holm's method, is at most 1 − `confidence`. If there are so few clips
    that nothing could be significant, and a distance is over its limit, the rule cannot be
    evaluated. `drifted` counts the features that have drifted.

    An image that cannot be read makes the rule not evaluated: see `image-files`.

    ## Why it matters

    A detector that was trained in daylight is not measured by a split of night frames, and the
    other way round. Boxes and classes of both splits may agree to the last per cent.

    ## How to fix

    Look at the bins that are named: split again by clip, or collect what is missing. If splits
    differ on purpose, give that feature a separate limit: 1 never fails.
    """

    code: ClassVar[str] = "image-drift"
    names: ClassVar[tuple[str, ...]] = IMAGE_FEATURES
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    def observed(self, target: Target, inputs: Inputs, names: Sequence[str]) -> list[Feature]:
        columns = []
        for split in target.datasets:
            looks = inputs.image_looks(split)
            looks.require_all()
            unknown = int(np.isnan(looks.properties).any(axis=1).sum())
            if unknown:
                raise DataError(
                    f"{unknown} of {counted(len(looks), 'image')} of {split} "
                    f"{part_verb(unknown, len(looks), 'have')} pixels that are no numbers"
                )
            columns.append({name: looks.column(name) for name in Properties._fields})
        return image_features(columns[0], columns[1], names)

    passing: ClassVar[Example] = Example(
        config="""
            [rules.image-drift]
            between = ["train", "val"]
            max = 0.5
            """,
        splits={
            "train": {f"yard_{n}.jpg": [] for n in range(20)},
            "val": {f"roof_{n}.jpg": [] for n in range(20)},
        },
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.image-drift]
            between = ["train", "val"]
            max = 0.5
            """,
        splits={
            "train": {f"yard_{n}.jpg": [] for n in range(20)},
            "val": {f"roof_{n}.jpg": [] for n in range(20)},
        },
        levels={f"roof_{n}.jpg": 0.3 for n in range(20)},
    )
