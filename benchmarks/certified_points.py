"""How often a certified operating point keeps its limits on new clips, by simulation.

Run with no arguments, it prints the table of `docs/how_much_is_enough.md`: 1,000 simulated splits
and probes a row. On each a threshold is chosen as `operating-point` does, with `certify = 0.95` and
without, and its true risk is computed from the law that the clips come from.

On the probe each clip has a latent level, and its frames have a highest false score around it; on
the split each clip has a latent level of the scores of its objects. `correlation` is that of two
frames of a clip. Clips have 5 frames and a negative binomial number more, 20 in the mean.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from clip_sizes import clip_sizes
from scipy import special

from pytest_detgate.scoring.bounds.certified import (
    failures_p_values,
    false_frame_losses,
    missed_losses,
    shares_p_values,
    steps_certified,
)
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.metrics.operating_point import FalseBoxCurve

ERROR = 0.05
MAX_SHARE, MIN_RECALL = 0.05, 0.8
FALSE_CENTRE, TRUE_CENTRE = -2.0, 0.6
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


@dataclass(frozen=True)
class Setting:
    """Clips on both sides, how alike their frames are, and the limit on false alarms."""

    clips: int
    correlation: float
    by_clip: bool


def scores(
    random: np.random.Generator, size: np.ndarray, correlation: float, centre: float
) -> np.ndarray:
    """The score of each frame: a normal level of its clip and one of its own, made a chance."""
    clip = np.repeat(random.normal(size=len(size)), size)
    own = random.normal(size=int(size.sum()))
    level = math.sqrt(correlation) * clip + math.sqrt(1 - correlation) * own
    return special.expit(centre + level)


def share_over(threshold: float, centre: float) -> float:
    """The share of all frames whose score is over a threshold."""
    return float(special.ndtr(centre - special.logit(threshold)))


def share_of_clips_over(
    threshold: float, correlation: float, size: np.ndarray, weight: np.ndarray
) -> float:
    """The share of all clips with any frame over a threshold; sizes have these weights."""
    gap = special.logit(threshold) - FALSE_CENTRE
    below = special.ndtr(
        (gap - math.sqrt(correlation) * NODES) / math.sqrt(max(1 - correlation, 1e-12))
    )
    none = (below[:, None] ** size * weight).sum(axis=1)
    return 1 - float(none @ WEIGHTS) / float(WEIGHTS.sum())


def run(setting: Setting, sets: int, seed: int) -> dict[str, float]:
    random = np.random.default_rng(seed)
    many = clip_sizes(random, 200_000)
    size_values, counts = np.unique(many, return_counts=True)
    weight = counts / counts.sum()
    broken = {"certified": 0, "seen": 0}
    misses = {"certified": 0, "seen": 0}
    either = {"certified": 0, "seen": 0}
    lost, refused = [], 0
    for _ in range(sets):
        size = clip_sizes(random, setting.clips)
        clip = np.repeat(np.arange(setting.clips), size)
        units = Units("clip", clip, setting.clips)
        false = scores(random, size, setting.correlation, FALSE_CENTRE)
        order = np.argsort(-false)
        first = np.zeros(len(order), dtype=np.int64)
        first[np.unique(clip[order], return_index=True)[1]] = 1
        curve = FalseBoxCurve(false[order], order, np.arange(1, len(order) + 1), np.cumsum(first))
        objects = clip_sizes(random, setting.clips)
        true = scores(random, objects, setting.correlation, TRUE_CENTRE)
        of_object = Units("clip", np.repeat(np.arange(setting.clips), objects), setting.clips)
        found = np.argsort(-true)
        losses, clips = missed_losses(found, np.arange(len(true)), of_object)
        by_recall = shares_p_values(losses, 1 - MIN_RECALL, clips)
        if setting.by_clip:
            p_values = failures_p_values(
                np.concatenate([[0], curve.clips]), MAX_SHARE, setting.clips
            )
            kept = curve.lowest_threshold(None, None, int(MAX_SHARE * setting.clips))
        else:
            p_values = shares_p_values(false_frame_losses(curve, units), MAX_SHARE, setting.clips)
            kept = curve.lowest_threshold(None, int(MAX_SHARE * len(false)))
        steps = steps_certified(p_values, ERROR / 2)
        for name, chosen in (("certified", steps), ("seen", None)):
            if name == "certified" and chosen is None:
                refused += 1
                continue
            threshold = kept if chosen is None else float(curve.score[chosen])
            over = int(np.searchsorted(-true[found], -threshold))
            if name == "certified":
                lost.append(share_over(kept, TRUE_CENTRE) - share_over(threshold, TRUE_CENTRE))
                passes = by_recall[over] <= ERROR / 2
            else:
                passes = over / len(true) >= MIN_RECALL
            risk = (
                share_of_clips_over(threshold, setting.correlation, size_values, weight)
                if setting.by_clip
                else share_over(threshold, FALSE_CENTRE)
            )
            too_many = risk > MAX_SHARE
            too_few = passes and share_over(threshold, TRUE_CENTRE) < MIN_RECALL
            broken[name] += too_many
            misses[name] += too_few
            either[name] += too_many or too_few
    done = sets - refused
    return {
        "certified": broken["certified"] / max(done, 1),
        "seen": broken["seen"] / sets,
        "certified either": either["certified"] / max(done, 1),
        "seen either": either["seen"] / sets,
        "cost": float(np.mean(lost)) if lost else math.nan,
        "refused": refused / sets,
    }


def settings() -> Iterator[Setting]:
    for by_clip in (False, True):
        for clips in (80, 200):
            for correlation in (0.1, 0.5, 0.9):
                yield Setting(clips, correlation, by_clip)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1000)
    chosen = parser.parse_args()
    print(
        "| limit | clips | correlation | certified breaks the budget | budget or floor | chosen on "
        "what was seen breaks the budget | budget or floor | recall that it costs |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for number, setting in enumerate(settings()):
        found = run(setting, chosen.sets, number)
        kind = "5% of clips" if setting.by_clip else "5% of frames"
        print(
            f"| {kind} | {setting.clips} | {setting.correlation:g} | {found['certified']:.1%} | "
            f"{found['certified either']:.1%} | {found['seen']:.1%} | {found['seen either']:.1%} | "
            f"{found['cost']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
