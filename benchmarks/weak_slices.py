"""`weak-slices`: how often a planted weak slice is found, and how often one is reported of nothing.

Sets of clips are drawn with four sites, weather by clip, and light, hour, number and size of boxes
by image. Detections depend on the clip and on the object. In one part a conjunction of two with 8%
of the images has an AP that is 0.15 lower; in the other part nothing is planted.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.scoring.bounds.resampling import Units, clip_units
from pytest_detgate.scoring.columns import Columns
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.metrics.precision_recall import precision_and_recall
from pytest_detgate.scoring.score_card import mean_precision
from pytest_detgate.scoring.weak_slices import (
    Attribute,
    HalfOfClips,
    candidate_slices,
    confirmed,
    halves,
    large_slices,
    weak_slices,
)

CLIPS, FRAMES = 120, 20
PLANTED = "site=s2 and light=dark"
MIN_GAP, ERROR = 0.05, 0.05


def attributes_of(random: np.random.Generator) -> list[Attribute]:
    images = CLIPS * FRAMES

    def attribute(name: str, names: str, value: NDArray[np.int64]) -> Attribute:
        return Attribute(name, names.split(), value)

    by_clip = np.repeat(np.arange(CLIPS), FRAMES)
    site = random.permutation(np.arange(CLIPS) % 4)
    weather = random.choice(3, CLIPS, p=[0.5, 0.3, 0.2])
    return [
        attribute("site", "s1 s2 s3 s4", site[by_clip]),
        attribute("weather", "dry rain fog", weather[by_clip]),
        attribute("light", "bright dark dim", random.choice(3, images, p=[0.4, 0.32, 0.28])),
        attribute("hour", "0-6 6-12 12-18 18-24", random.choice(4, images)),
        attribute("boxes", "1 2 3 4", random.choice(4, images)),
        attribute("size", "q1 q2 q3 q4", random.choice(4, images)),
        attribute("blur", "q1 q2 q3 q4", random.choice(4, images)),
    ]


def scene(
    random: np.random.Generator, attributes: list[Attribute], harder: float, spread: float
) -> tuple[Matches, Units]:
    """What a detector finds; `harder` is how much more is missed and how much looser boxes are in
    the planted slice, `spread` how much clips differ."""
    images = CLIPS * FRAMES
    by_clip = np.repeat(np.arange(CLIPS), FRAMES)
    site, light = attributes[0].value, attributes[2].value
    weak = (site == 1) & (light == 1)
    image = np.repeat(np.arange(images), attributes[4].value + 1)
    place = np.concatenate([np.arange(count) for count in attributes[4].value + 1])
    n = len(image)
    truth = np.stack([30.0 * place, np.zeros(n), np.full(n, 20.0), np.full(n, 20.0)], axis=1)
    skill = 1.8 + random.normal(0, spread, CLIPS)[by_clip][image]
    logit = skill + random.normal(0, 1, n) - harder * weak[image]
    found = random.random(n) < 1 / (1 + np.exp(-logit))
    cut = 20 * np.clip(random.beta(12, 2, n) - 0.02 * harder * weak[image], 0.3, 1)
    boxes = np.stack([truth[:, 0], truth[:, 1], truth[:, 2], cut], axis=1)[found]
    score = 1 / (1 + np.exp(-(logit[found] / 2 + random.normal(0, 0.7, len(boxes)))))
    false_image = np.repeat(np.arange(images), random.poisson(0.4, images))
    m = len(false_image)
    false = np.stack([random.uniform(0, 100, m), np.full(m, 60.0), np.full(m, 20.0),
                      np.full(m, 20.0)], axis=1)  # fmt: skip
    columns = Columns(
        classes=("thing",),
        image_order=np.arange(images),
        gt_row=np.arange(n),
        gt_image=image,
        gt_category=np.zeros(n, dtype=np.int64),
        gt_xywh=truth,
        gt_area=np.full(n, 400.0),
        gt_crowd=np.zeros(n, dtype=np.bool_),
        dt_row=np.arange(len(boxes) + m),
        dt_image=np.concatenate([image[found], false_image]),
        dt_category=np.zeros(len(boxes) + m, dtype=np.int64),
        dt_xywh=np.concatenate([boxes, false]),
        dt_score=np.concatenate([score, random.beta(2, 4, m)]),
    )
    units = clip_units([str(clip) for clip in by_clip])
    return match(candidates_of(columns)), units


def gap(matches: Matches, inside: NDArray[np.bool_]) -> float:
    values = [mean_precision(precision_and_recall(matches, some)[0][:, :, :, -1], "AP") or 0.0
              for some in (inside, ~inside)]  # fmt: skip
    return values[0] - values[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--harder", type=float, default=1.15)
    parser.add_argument("--spread", type=float, nargs="+", default=[0.3, 0.6])
    parser.add_argument("--nothing", action="store_true", help="only the rows without a slice")
    given = parser.parse_args()
    print("| spread of clips | planted | mean gap | confirmed | among the first three | any |")
    print("| --- | --- | --- | --- | --- | --- |")
    for spread in given.spread:
        for harder in (0.0,) if given.nothing else (given.harder, 0.0):
            gaps, found, first, reported = [], 0, 0, 0
            for run in range(given.runs):
                random = np.random.default_rng(run)
                attributes = attributes_of(random)
                matches, units = scene(random, attributes, harder, spread)
                slices = list(candidate_slices(attributes))
                planted = next(one for one in slices if one.name == PLANTED)
                gaps.append(gap(matches, planted.images))
                one, other = (HalfOfClips(matches, units, half) for half in halves(units, run))
                large = large_slices(slices, one, other)
                tested = weak_slices(large, one, other, confidence=0.95, min_gap=MIN_GAP)
                names = [weak.slice.name for weak in confirmed(tested, ERROR, MIN_GAP)]
                found += PLANTED in names
                first += PLANTED in names[:3]
                reported += bool(names)
            cells = [f"{spread}", "-0.15 AP" if harder else "nothing", f"{np.mean(gaps):.3f}",
                     f"{found} of {given.runs}" if harder else "", f"{first} of {given.runs}"
                     if harder else "", f"{reported} of {given.runs}"]  # fmt: skip
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
