"""The rule `split-drift`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pytest_detgate.drift.features import FEATURES, Feature, features_of
from pytest_detgate.gaps import GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.drift_rule import DriftRule
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import MaxUnlabelled
from pytest_detgate.rules.rule import Target


class SplitDrift(DriftRule, frozen=True, kw_only=True):
    """Two splits must look like one population: classes, boxes and image sizes.

    ## What it checks

    `distance[FEATURE]` is the total variation distance, from 0 to 1: the share of boxes (or images)
    of one split that would have to be in another bin for the splits to agree. The features and
    their bins are

    - `class`;
    - `box-size`: the share of the image that a box covers, in doublings from 1/4096 to 1/2;
    - `aspect`: width by height, 0.25 to 4 in nine bins around square;
    - `position`: the centre of the box on a grid of 5 × 5;
    - `boxes-per-image`: 0 to 4 and then in doublings;
    - `resolution`: the 50 most frequent image sizes and, for others, the mean side in doublings.

    Crowd regions are left out.

    A feature has drifted if its distance is over `max`, or over its limit in the table `features`,
    *and* chance alone would hardly do that: `p[FEATURE]`, corrected for the number of features by
    Holm's method, is at most 1 − `confidence`. It comes from permuting whole clips between the
    splits, because frames of one clip are not independent. `chance[FEATURE]` is the distance that
    such permutations do not exceed. If no clips are known, and with `unit = "image"`, images are
    permuted; an image whose clip is unknown is a clip by itself. If there are so few clips that
    nothing could be significant, and a distance is over its limit, the rule cannot be evaluated.
    `drifted` counts the features that have drifted.

    ## Why it matters

    A value that is measured on a split that differs from the training data, or from the data in
    use, answers another question than the one asked.

    ## How to fix

    Look at the bins that are named: split again by clip, or collect what is missing. If splits
    differ on purpose, give that feature a separate limit: 1 never fails.
    """

    code: ClassVar[str] = "split-drift"
    feature_names: ClassVar[tuple[str, ...]] = FEATURES

    max_unlabelled: MaxUnlabelled = 0

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {"images-without-labels": self.max_unlabelled}

    def compared(self, target: Target, inputs: Inputs, names: Sequence[str]) -> list[Feature]:
        reference, tested = map(inputs.dataset, target.datasets)
        return features_of(reference, tested, names)

    passing: ClassVar[Example] = Example(
        config="""
            [rules.split-drift]
            between = ["train", "val"]
            max = 0.2
            """,
        classes=("helmet_on", "helmet_off"),
        splits={
            "train": {
                f"yard_{n}.jpg": [(("helmet_on", "helmet_off")[n % 2], 10, 10, 30, 30)]
                for n in range(20)
            },
            "val": {
                f"roof_{n}.jpg": [(("helmet_on", "helmet_off")[n % 2], 10, 10, 30, 30)]
                for n in range(10)
            },
        },
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.split-drift]
            between = ["train", "val"]
            max = 0.2
            """,
        classes=("helmet_on", "helmet_off"),
        splits={
            "train": {f"yard_{n}.jpg": [("helmet_on", 10, 10, 30, 30)] for n in range(20)},
            "val": {f"roof_{n}.jpg": [("helmet_off", 10, 10, 30, 30)] for n in range(10)},
        },
    )
