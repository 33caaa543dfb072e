"""Whether a bound can be narrower than that of the gate and still hold, on 50 clips of 20 frames.

Run with no arguments, it prints the tables of `docs/how_sure.md`. The value is a share of frames
with a false box; a share of boxes that are missed is the same. The first table has other methods:
how wide the upper bound is where frames are independent, and how often it holds in the worst of
40 laws of how clips differ. The second does the same for several boxes on a frame, where the gate
puts one box more than on the worst frame on each frame of the made-up clip. The third has what no
method can go below, by the lemma of Neyman and Pearson: the best test of a law against independent
frames, where a few clips of the law are lost as a whole, and none of them was seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import optimize, special, stats

from pytest_detgate.scoring.bounds.exact_intervals import clustered_poisson_interval
from pytest_detgate.scoring.bounds.unseen_clip import upper_ratio

CLIPS, FRAMES, ERROR = 50, 20, 0.05
TOTAL = CLIPS * FRAMES
SHARES, CORRELATIONS = (0.02, 0.05, 0.1, 0.2, 0.5), (0.1, 0.3, 0.6, 0.8)
LAWS = ("beta", "some on each frame")
AGAIN = 4
"""The worst law is drawn again with so many times the sets: the lowest of many is low by chance."""
Bound = Callable[[Any], float]
"""The upper bound of the share, from the frames with a false box of each clip, (CLIPS,)."""


def drawn(random: np.random.Generator, law: str, share: float, rho: float, sets: int) -> Any:
    """(sets, CLIPS) frames with a false box; a clip of the second law fires on each of its frames,
    or seldom."""
    shape = (sets, CLIPS)
    chance: Any = np.full(shape, share)
    if rho and law == "beta":
        strength = 1 / rho - 1
        chance = random.beta(share * strength, (1 - share) * strength, shape)
    elif rho:
        whole = rho * share
        chance = np.where(random.random(shape) < whole, 1.0, (share - whole) / (1 - whole))
    return random.binomial(FRAMES, chance)


# Methods


def gate(fired: Any) -> float:
    size = np.full(CLIPS, float(FRAMES))
    return max(exact(fired), upper_ratio(fired.astype(float), size, 1.0, 1 - ERROR))


def exact(fired: Any, of: float = TOTAL, share: float | None = None) -> float:
    """Clopper and Pearson 1934, as if frames were independent."""
    some = of * (fired.sum() / TOTAL if share is None else share)
    return float(special.betaincinv(some + 1, max(of - some, 1e-9), 1 - ERROR))


def exact_unless_clips_differ(fired: Any) -> float:
    """By frames, unless a test of 5% says that clips differ (chi-square by clip)."""
    mean = fired.mean() / FRAMES
    if not 0 < mean < 1:
        return gate(fired)
    spread = float(((fired - FRAMES * mean) ** 2).sum()) / (FRAMES * mean * (1 - mean))
    return gate(fired) if spread > stats.chi2.ppf(0.95, CLIPS - 1) else exact(fired)


def of_correlation(most: float) -> Bound:
    """Frames of a clip taken to be alike to `most`, by the effective number of frames."""

    def bound(fired: Any) -> float:
        return exact(fired, TOTAL / (1 + (FRAMES - 1) * most))

    return bound


def korn_graubard(fired: Any) -> float:
    """By the effective number of frames that the spread of clips gives (1998)."""
    mean, spread = fired.mean() / FRAMES, float(fired.var(ddof=1)) / FRAMES**2 / CLIPS
    if not spread:
        return exact(fired, CLIPS)
    of = min(mean * (1 - mean) / spread, TOTAL)
    of *= (special.stdtrit(TOTAL - 1, 0.95) / special.stdtrit(CLIPS - 1, 0.95)) ** 2
    return exact(fired, of, mean)


def student(fired: Any) -> float:
    """t with a made-up clip of weight 0.25."""
    shares = np.append(fired / FRAMES, 1.0)
    weight = np.append(np.ones(CLIPS), 0.25)
    mean = float(weight @ shares / weight.sum())
    spread = float(weight**2 @ (shares - mean) ** 2) / weight.sum() ** 2 * CLIPS / (CLIPS - 1)
    return mean + float(special.stdtrit(CLIPS - 1, 0.95)) * spread**0.5


def empirical_bernstein(fired: Any) -> float:
    """Maurer and Pontil 2009."""
    log, variance = np.log(2 / ERROR), float((fired / FRAMES).var(ddof=1))
    root = (2 * variance * log / CLIPS) ** 0.5
    return float(fired.mean() / FRAMES + root + 7 * log / (3 * (CLIPS - 1)))


def betting(fired: Any) -> float:
    """A mean of 50 fixed bets on clips (Waudby-Smith and Ramdas 2024)."""
    shares = fired / FRAMES

    def short(mean: float) -> float:
        bets = np.linspace(0.02, 1, 50)[:, None] / (1 - mean)
        wealth = np.log1p(bets * (mean - shares) * (1 - 1e-12)).sum(axis=1)
        return float(special.logsumexp(wealth) - np.log(len(bets)) + np.log(ERROR))

    least, most = float(shares.mean()), 1 - 1e-9
    return float(optimize.brentq(short, least, most, xtol=1e-6)) if short(most) > 0 else 1.0


METHODS: dict[str, Bound] = {
    "the gate": gate,
    "frames as if independent": exact,
    "the same, unless a test says that clips differ": exact_unless_clips_differ,
    "frames alike to at most 0.3": of_correlation(0.3),
    "frames alike to at most 0.8": of_correlation(0.8),
    "effective number of frames (Korn and Graubard)": korn_graubard,
    "t with a made-up clip of weight 0.25": student,
    "betting by clips (Waudby-Smith and Ramdas)": betting,
    "empirical Bernstein by clips (Maurer and Pontil)": empirical_bernstein,
}


def method_rows(sets: int) -> Iterator[str]:
    yield "| method | × exact at 0.02 | × ideal width at 0.5 | holds in at least | with |"
    yield "|---|---|---|---|---|"
    random = np.random.default_rng(0)
    alone = {share: drawn(random, "beta", share, 0, max(sets // 10, 1)) for share in (0.02, 0.5)}
    cells = [(law, share, rho) for law in LAWS for share in SHARES for rho in CORRELATIONS]
    data = {cell: drawn(random, *cell, sets) for cell in cells}
    for name, bound in METHODS.items():
        near, half = (np.array([bound(one) for one in fired]) for fired in alone.values())
        times = near.mean() / np.mean([exact(one) for one in alone[0.02]])
        width = (half.mean() - 0.5) / (special.ndtri(1 - ERROR) * 0.5 / TOTAL**0.5)
        held = {
            cell: float(np.mean([bound(one) >= cell[1] for one in fired]))
            for cell, fired in data.items()
        }
        law, share, rho = min(held, key=lambda cell: held[cell])
        again = drawn(np.random.default_rng(3), law, share, rho, AGAIN * sets)
        least = 100 * np.mean([bound(one) >= share for one in again])
        where = f"{law}, {share:g}, correlation {rho:g}"
        yield f"| {name} | {times:.1f} | {width:.1f} | {least:.0f} | {where} |"


# Several boxes on a frame

EXTRA = {"1, as the gate": 1.0, "8 / clips": 8 / CLIPS, "0": 0.0}


def drawn_boxes(random: np.random.Generator, law: str, rate: float, rho: float, sets: int) -> Any:
    """(sets, CLIPS, FRAMES) boxes; on some clips of the second law three hang on each frame."""
    shape = (sets, CLIPS)
    mean: Any = np.full(shape, rate)
    variance = rate * rho / (1 - rho)
    if rho and law == "gamma":
        mean = random.gamma(rate**2 / variance, variance / rate, shape)
    elif rho:
        some = min(variance / 9, 0.3 * rate)
        mean = np.where(random.random(shape) < some, 3.0, (rate - 3 * some) / (1 - some))
    return random.poisson(mean[..., None], (*shape, FRAMES))


def box_bound(boxes: Any, extra: float) -> float:
    """The upper bound of boxes a frame, from those on each frame, (CLIPS, FRAMES)."""
    counts = boxes.sum(axis=1)
    events = clustered_poisson_interval(counts, FRAMES, 1 - ERROR).high
    frames = clustered_poisson_interval(boxes.ravel(), 1, 1 - ERROR).high
    most = max(int(boxes.max()), 1) + (extra if counts.any() else 0.0)
    size = np.full(CLIPS, float(FRAMES))
    by_clip = upper_ratio(counts.astype(float), size, most, 1 - ERROR)
    return max(events / TOTAL, frames / TOTAL, by_clip)


def box_rows(sets: int) -> Iterator[str]:
    yield "| more than on the worst frame | × exact at 0.02 | holds in at least | with |"
    yield "|---|---|---|---|"
    random = np.random.default_rng(2)
    alone = drawn_boxes(random, "gamma", 0.02, 0, max(sets // 10, 1))
    independent = np.mean([special.gammaincinv(one.sum() + 1, 1 - ERROR) for one in alone])
    cells = [
        (law, rate, rho)
        for law in ("gamma", "three on each frame")
        for rate in (0.02, 0.1, 0.5)
        for rho in (0.3, 0.6, 0.8)
    ]
    data = {cell: drawn_boxes(random, *cell, sets) for cell in cells}
    for name, extra in EXTRA.items():
        wide = np.mean([box_bound(one, extra) for one in alone]) * TOTAL / independent
        held = {
            cell: float(np.mean([box_bound(one, extra) >= cell[1] for one in sets_of]))
            for cell, sets_of in data.items()
        }
        law, rate, rho = min(held, key=lambda cell: held[cell])
        again = drawn_boxes(np.random.default_rng(4), law, rate, rho, AGAIN * sets)
        least = 100 * np.mean([box_bound(one, extra) >= rate for one in again])
        yield f"| {name} | {wide:.1f} | {least:.0f} | {law}, {rate:g}, correlation {rho:g} |"


# What no method can go below


def least_mean(share: float, error: float) -> float:
    """The least mean upper bound on independent frames of any method that is never better than the
    exact bound of frames and holds with all laws where a part of the clips is lost."""
    count = np.arange(TOTAL + 1)
    seen = stats.binom.pmf(count, TOTAL, share)
    ends = np.append(special.betaincinv(count[:-1] + 1, TOTAL - count[:-1], 1 - ERROR), 1.0)
    most = 1 - (error * 0.02) ** (1 / CLIPS)
    top = min(1.0, share + 5 * float(np.sqrt(share * (1 - share) / TOTAL)) + most)
    truths = np.linspace(share, top, 200)
    kept = np.array([1 - _power(seen, share, truth, error) for truth in truths])
    kept = np.maximum.accumulate(kept[::-1])[::-1]  # a bound above one truth is above all less
    grid = np.linspace(0, top, 4000)
    by_frame = np.array([seen[ends >= at].sum() for at in grid])
    by_law = np.where(grid < share, 1 - error, np.interp(grid, truths, kept))
    return float(np.trapezoid(np.maximum(by_law, by_frame), grid))


def _power(seen: Any, share: float, truth: float, error: float) -> float:
    """The least power, over laws of this truth, of the best test on data without a lost clip."""
    powers = []
    for lost in np.linspace(0, min(truth, 1 - error ** (1 / CLIPS)) * 0.999, 24):
        rest = (truth - lost) / (1 - lost)
        law = stats.binom.pmf(np.arange(TOTAL + 1), TOTAL, rest) * (1 - lost) ** CLIPS
        order = slice(None, None, -1) if rest < share else slice(None)
        spent = np.concatenate([[0.0], np.cumsum(law[order])])
        powers.append(np.interp(error, spent, np.concatenate([[0.0], np.cumsum(seen[order])])))
    return float(min(powers))


def least_rows(sets: int) -> Iterator[str]:
    yield "| share | any method, × exact | the gate | any method, × ideal width | the gate |"
    yield "|---|---|---|---|---|"
    random = np.random.default_rng(1)
    for share in (0.02, 0.05, 0.2, 0.5):
        fired = drawn(random, "beta", share, 0, sets)
        high = np.array([gate(one) for one in fired])
        low = 1 - np.array([gate(FRAMES - one) for one in fired])
        bound = float(np.mean([exact(one) for one in fired]))
        error = random.binomial(TOTAL, share, 200_000) / TOTAL - share
        least, most = np.quantile(error, [ERROR, 1 - ERROR])
        ends = np.minimum(share + error - least, 1), np.maximum(share + error - most, 0)
        ideal = float(np.mean(ends[0] - ends[1]))
        any_high, any_low = least_mean(share, ERROR), 1 - least_mean(1 - share, ERROR)
        yield (
            f"| {share:g} | {any_high / bound:.1f} | {high.mean() / bound:.1f} | "
            f"{(any_high - any_low) / ideal:.1f} | {(high - low).mean() / ideal:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sets", type=int, default=500, help="simulated sets of a law")
    options = parser.parse_args()
    print("\n".join(method_rows(options.sets)), "\n")
    print("\n".join(box_rows(options.sets)), "\n")
    print("\n".join(least_rows(max(options.sets // 4, 1))))


if __name__ == "__main__":
    main()
