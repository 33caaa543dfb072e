"""Whether models pass as often as `plan` promises, by simulation.

Run with no arguments, it prints the table of `docs/how_much_is_enough.md`. For each of 20 settings
`plan` gives a number of clips, or of hours, and the chance that a model of a true rate passes with
them. Then so many clips are drawn again and again, by code that shares nothing with `plan`, and
judged by the bounds that the rules use. On the first sets the whole interval is computed as a rule
does, and must decide alike; on the others only whether it is within the limit, which is faster.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from clip_sizes import clip_sizes
from scipy import special

from pytest_detgate.scoring.bounds.clip_law import ClipLaw
from pytest_detgate.scoring.bounds.event_rate import count_interval
from pytest_detgate.scoring.bounds.exact_limits import Seen
from pytest_detgate.scoring.bounds.power import LimitTest, chance_to_pass, clips_to_pass
from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
from pytest_detgate.scoring.bounds.sample_size import time_with_power
from pytest_detgate.scoring.bounds.unseen_clip import chance_of_at_most

CONFIDENCE, POWER = 0.95, 0.8
WHOLE = 150
Row = tuple[str, str, float, float]


def sizes() -> np.ndarray:
    """Forty clips of unequal size that a project has."""
    return clip_sizes(np.random.default_rng(11), 40)


def draw(
    random: np.random.Generator, of: np.ndarray, correlation: float, share: float, clips: int
) -> tuple[np.ndarray, np.ndarray]:
    """On how many frames of each clip something goes wrong, and how many there are."""
    size = of[random.integers(0, len(of), clips)]
    if correlation == 1:
        bad = size * (random.random(clips) < share)
    elif correlation == 0:
        bad = random.binomial(size, share)
    else:
        strength = (1 - correlation) / correlation
        chance = random.beta(share * strength, (1 - share) * strength, clips)
        bad = random.binomial(size, chance)
    return bad, size


def evidence_of(bad: np.ndarray, size: np.ndarray) -> tuple[ProbeEvidence, np.ndarray]:
    """The frames of a probe by their clips, and on which of them something goes wrong."""
    clip = np.repeat(np.arange(len(size)), size)
    on_frame = np.concatenate(
        [np.arange(count) < wrong for count, wrong in zip(size, bad, strict=True)]
    ).astype(np.int64)
    return ProbeEvidence(frames=len(clip), confidence=CONFIDENCE, clip=clip), on_frame


def share_passes(bad: np.ndarray, size: np.ndarray, limit: float, *, whole: bool) -> bool:
    """Whether the upper bound of the share of frames is within the limit."""
    total = int(size.sum())
    if whole:
        evidence, on_frame = evidence_of(bad, size)
        return evidence.of_frames(on_frame).high <= limit * total * (1 + 1e-9)
    if special.betaincinv(bad.sum() + 1, total - bad.sum(), CONFIDENCE) > limit:
        return False
    good = (size - bad).astype(float)
    return chance_of_at_most(good, size.astype(float), 1 - limit) <= 1 - CONFIDENCE + 1e-9


def recall_passes(bad: np.ndarray, size: np.ndarray, limit: float, *, whole: bool) -> bool:
    """The same for the lower bound of a recall."""
    if not whole:
        return share_passes(bad, size, limit, whole=False)
    seen = Seen((size - bad).astype(float), size.astype(float), float(size.sum()))
    return seen.low(CONFIDENCE) >= 1 - limit - 1e-9


def boxes_pass(bad: np.ndarray, size: np.ndarray, limit: float) -> bool:
    """Whether the upper bound of the boxes of an average frame is within the limit."""
    total = int(size.sum())
    if bad.sum() + special.gammaincinv(1, CONFIDENCE) > limit * total:
        return False
    evidence, on_frame = evidence_of(bad, size)
    return evidence.of_boxes(on_frame).high <= limit * total * (1 + 1e-9)


def of_clips(sets: int) -> Iterator[Row]:
    cases = [
        ("share", 0.05, 0.2, 1.0, True),
        ("share", 0.05, 0.5, 1.0, True),
        ("share", 0.05, 0.2, 1.0, False),
        ("share", 0.05, 0.2, 0.8, False),
        ("share", 0.05, 0.5, 0.3, False),
        ("share", 0.05, 0.2, 0.3, False),
        ("share", 0.05, 0.2, 0.0, False),
        ("share", 0.2, 0.5, 0.3, False),
        ("boxes", 0.1, 0.2, 0.3, False),
        ("recall", 0.1, 0.5, 1.0, True),
        ("recall", 0.1, 0.5, 0.8, False),
        ("recall", 0.1, 0.5, 0.3, False),
        ("recall", 0.1, 0.2, 0.3, False),
        ("recall", 0.2, 0.5, 0.3, False),
        ("recall", 0.5, 0.8, 0.0, False),
        ("recall", 0.02, 0.2, 0.3, False),
    ]
    for number, (kind, limit, part, correlation, even) in enumerate(cases):
        of = np.array([20]) if even else sizes()
        law = ClipLaw(of, correlation)
        test = LimitTest("boxes" if kind == "boxes" else "share", limit, CONFIDENCE, True)
        share = part * limit
        clips = clips_to_pass(test, law, share, POWER)
        assert clips is not None
        promised = chance_to_pass(test, law, share, clips)
        random = np.random.default_rng((5, number))
        passed = 0
        several = sets // 2 if kind == "boxes" else sets
        for one in range(several):
            bad, size = draw(random, of, correlation, share, clips)
            if kind == "boxes":
                passed += boxes_pass(bad, size, limit)
                continue
            judge = share_passes if kind == "share" else recall_passes
            decided = judge(bad, size, limit, whole=False)
            if one < WHOLE:
                assert decided == judge(bad, size, limit, whole=True)
            passed += decided
        told = f"{share:g} of {limit:g} wrong, correlation {correlation:g}"
        yield (
            f"{kind}: {told}{', equal clips' if even else ''}",
            f"{clips} clips",
            promised,
            (passed / several),
        )


def of_hours(sets: int) -> Iterator[Row]:
    """One hour clips whose alarms come one by one."""
    for number, rate in enumerate((0.5, 0.33, 0.2, 0.1)):
        design = time_with_power(1, rate, CONFIDENCE, POWER)
        assert design is not None
        random = np.random.default_rng((6, number))
        whole = int(design.size)
        hours = np.append(np.ones(whole), design.size - whole)
        passed = 0
        for _ in range(sets):
            counts = random.poisson(rate * hours)
            total = int(counts.sum())
            bound = special.gammaincinv(total + 1, CONFIDENCE)
            passed += bound <= design.size * (1 + 1e-9)
        clean = count_interval(np.zeros(len(hours), np.int64), hours, CONFIDENCE)
        assert np.isclose(clean.high, special.gammaincinv(1, CONFIDENCE))
        yield f"alarms: {rate:g} of 1 an hour", f"{design.size:.2f} h", design.power, passed / sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=12_000)
    chosen = parser.parse_args()
    print("| true rate | evidence | promised | passed |")
    print("|---|---|---|---|")
    worst = 0.0
    for rows in (of_hours(chosen.sets), of_clips(chosen.sets)):
        for name, evidence, promised, passed in rows:
            worst = max(worst, abs(promised - passed))
            print(f"| {name} | {evidence} | {promised:.1%} | {passed:.1%} |", flush=True)
    print(f"\nlargest difference: {100 * worst:.1f} points")


if __name__ == "__main__":
    main()
