"""Alarms: the time for a million frames, and how often the bound of a rate holds.

Run with no arguments, it draws 100 clips of 10,000 frames with a million detections, and prints
the seconds of each step of `alarm-rate` from tables in memory. `--bounds` instead simulates
sets of clips whose alarms cluster more or less, and prints how often the upper bound of the rate
holds, beside the exact Poisson bound alone; and the most that any bound can reach which is that one
where no clip has two alarms.
"""

from __future__ import annotations

import argparse
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from interval_coverage import FOR_WIDTH, weighed_at_most
from numpy.typing import NDArray
from scipy.special import gammaincinv

from pytest_detgate.dataset.clips.clips import ClipKey, clips_of
from pytest_detgate.dataset.clips.frames import FrameKey, frames_of
from pytest_detgate.dataset.clips.timeline import FramesOfClips, FrameTiming, Timeline, timeline_of
from pytest_detgate.dataset.tables import (
    BoxTable,
    Dataset,
    DetectionTable,
    ImageTable,
    object_column,
)
from pytest_detgate.scoring.alarms.clip_alarms import AlarmSettings, Debounce, clip_alarms
from pytest_detgate.scoring.alarms.trade_off import DEBOUNCES, alarm_curves, thresholds_of
from pytest_detgate.scoring.bounds.event_rate import count_interval, unseen_events

T = TypeVar("T")
F = NDArray[np.float64]
Shape = tuple[int, int]
PATTERN = re.compile(r"(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$")
CLASSES = ("helmet_off", "no_vest")
THRESHOLD = 0.3


def drawn(frames: int, clips: int, detections: int) -> tuple[Dataset, DetectionTable]:
    """Clips with objects that stay for a while, found on most of their frames, and single boxes."""
    random = np.random.default_rng(0)
    each = frames // clips
    names = object_column([f"c{at // each:04d}_{at % each:06d}.jpg" for at in range(frames)])
    nothing = np.empty(0, dtype=np.int64)
    dataset = Dataset(
        name="calm",
        images_dir=Path(),
        images=ImageTable(
            id=np.arange(frames),
            file_name=names,
            width=np.full(frames, 640.0),
            height=np.full(frames, 480.0),
        ),
        boxes=BoxTable(
            id=nothing,
            image_id=nothing,
            category_id=nothing,
            image=nothing,
            category=nothing,
            xywh=np.empty((0, 4)),
            area=np.empty(0),
            crowd=np.empty(0, dtype=np.bool_),
        ),
        classes=CLASSES,
    )
    staying = detections // 2
    # Objects of 100 frames each; the rest are boxes of one frame.
    start = np.repeat(random.integers(0, frames - 100, staying // 80), 80)
    image = start + random.integers(0, 100, len(start))
    image = np.concatenate([image, random.integers(0, frames, detections - len(image))])
    place = np.concatenate([np.repeat(random.uniform(0, 500, staying // 80), 80)])
    left = np.concatenate([place, random.uniform(0, 500, detections - len(place))])
    n = len(image)
    xywh = np.stack([left, left / 2, np.full(n, 60.0), np.full(n, 80.0)], axis=1)
    return dataset, DetectionTable(
        classes=CLASSES,
        image=image,
        category=random.integers(0, 2, n),
        xywh=xywh + random.normal(0, 3, (n, 4)),
        score=random.beta(2, 3, n),
    )


def timed(what: str, make: Callable[[], T]) -> T:
    started, spent = time.perf_counter(), time.process_time()
    made = make()
    print(f"  {what:44} {_seconds(started, spent)}")
    return made


def _seconds(started: float, spent: float) -> str:
    """The time since then, and that of the processor, which other work does not change."""
    passed, used = time.perf_counter() - started, time.process_time() - spent
    return f"{passed:6.2f} s, {used:6.2f} s of CPU"


def speed(frames: int, clips: int, detections: int) -> None:
    dataset, table = drawn(frames, clips, detections)
    print(f"{frames:,} frames in {clips} clips, {len(table):,} detections")
    started, spent = time.perf_counter(), time.process_time()
    key = ClipKey(PATTERN)

    def timeline() -> Timeline:
        of_images = frames_of(dataset.images, clips_of(dataset.images, key), FrameKey(key, PATTERN))
        known = FramesOfClips(of_images.clip, of_images.number, of_images.numbered)
        return timeline_of(known, FrameTiming(fps=25), 1.0)

    at = timed("clips and frame numbers from file names", timeline)
    ways = [Debounce(hits, of, of - hits) for hits, of in DEBOUNCES]
    settings = AlarmSettings(
        debounce=ways[2], link_iou=0.3, cooldown_s=5.0, before_s=2.0, after_s=10.0
    )
    thresholds = thresholds_of(0.0, THRESHOLD)
    linked = timed(
        "pairs of boxes that may be linked",
        lambda: clip_alarms(
            dataset, table, at, None, CLASSES, settings, lowest=min(thresholds), gap=3
        ),
    )
    (alarms,) = timed("alarms at the operating point", lambda: linked.alarms(THRESHOLD, [ways[2]]))
    what = f"{len(thresholds)} thresholds, {len(ways)} ways of debouncing"
    timed(what, lambda: alarm_curves(linked, thresholds, ways))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(f"  {'together':44} {_seconds(started, spent)}, peak {peak:,.0f} MB")
    print(f"  {len(alarms):,} alarms in {at.hours:.1f} hours")


LAWS = ("gamma", "log-normal", "inverse Gaussian", "few bad clips")


def rates_of(random: np.random.Generator, law: str, mean: float, spread: float, shape: Shape) -> F:
    """Alarms an hour of each clip, with a coefficient of variation of `spread`."""
    if not spread:
        return np.full(shape, mean)
    if law == "gamma":
        return random.gamma(spread**-2, mean * spread**2, shape)
    if law == "log-normal":
        sigma = np.sqrt(np.log1p(spread**2))
        return mean * np.exp(sigma * random.normal(size=shape) - sigma**2 / 2)
    if law == "inverse Gaussian":
        return random.wald(mean, mean / spread**2, shape)
    # All others have a fifth of the mean.
    above, variance = 0.8 * mean, (mean * spread) ** 2
    bad = above**2 / (above**2 + variance)
    return np.where(random.random(shape) < bad, 0.2 * mean + above / bad, 0.2 * mean)


def hours_of(random: np.random.Generator, law: str, shape: Shape) -> F:
    if law == "few bad clips":
        return np.ones(shape)
    if law == "log-normal":
        return np.exp(random.normal(-0.245, 0.7, shape))
    return random.gamma(2, 0.5, shape) + 0.05


def holding(law: str, clips: int, mean: float, spread: float, sets: int) -> list[float]:
    """Shares of sets in which bounds hold: that of `alarm-rate`, the exact Poisson one, the best
    that is exact where no clip has two alarms; and the mean width of the first, as a multiple of
    the second, over some of the sets."""
    random = np.random.default_rng((clips, int(mean * 10), int(spread), LAWS.index(law)))
    shape = (sets, clips)
    hours = hours_of(random, law, shape)
    counts = random.poisson(rates_of(random, law, mean, spread, shape) * hours).astype(np.float64)
    true = mean * hours.sum(axis=1)
    poisson = gammaincinv(counts.sum(axis=1) + 1, 0.95)
    exact, single = poisson >= true, counts.max(axis=1) < 2
    unseen = unseen_events(counts, clips)
    worst = (unseen / np.maximum(hours, hours.mean(axis=1, keepdims=True))).max(axis=1)
    by_clip = _below(counts, np.ones(shape), unseen.max(axis=1), true / clips)
    ours = exact | (~single & (by_clip | _below(counts, hours, worst, np.full(sets, mean))))
    widths = []
    for row in range(sets // FOR_WIDTH):
        high = count_interval(counts[row].astype(np.int64), hours[row], 0.95).high
        if (high >= true[row]) != ours[row] and abs(high - true[row]) > 1e-6:
            raise AssertionError(f"{counts[row]}, {hours[row]}: {high} and {true[row]}")
        widths.append(high / poisson[row])
    return [float(np.mean(part)) for part in (ours, exact, exact | ~single, widths)]


def _below(part: F, whole: F, most: F, ratio: F) -> NDArray[np.bool_]:
    """(sets,) whether a true ratio is at most the upper bound with an unseen clip of `most`."""
    holds = most > ratio
    room = np.maximum(most[:, None] * whole - part, 0.0)[holds]
    holds[holds] = weighed_at_most(room, whole[holds], (most - ratio)[holds])
    return holds


def bounds(sets: int) -> None:
    """How often the upper bound of a rate is at least the true one. Alarms of a clip are Poisson
    with a rate that differs between clips. The gamma law was looked at while the made-up clip was
    chosen; the others were not."""
    columns = ("clips", "alarms of a clip", "spread", "holds, gamma", "at most", "lowest of 3 laws")
    print("| " + " | ".join((*columns, "at most", "exact Poisson alone", "width")) + " |")
    print("|" + " --- |" * 9)
    for clips in (5, 8, 12, 20, 50):
        for mean in (0.5, 2.0):
            for spread in (0.0, 1.0, 2.0):
                laws = LAWS if spread else LAWS[:1]
                gamma, *others = (holding(law, clips, mean, spread, sets) for law in laws)
                cells = [f"{gamma[0]:.0%}", f"{gamma[2]:.0%}", "–", "–", f"{gamma[1]:.0%}"]
                if others:
                    lowest = min(others)
                    cells[2:4] = f"{lowest[0]:.0%}", f"{lowest[2]:.0%}"
                start = f"| {clips} | {mean:g} | {spread:g} | "
                print(start + " | ".join((*cells, f"{gamma[3]:.2f}")) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--detections", type=int, default=1_000_000)
    parser.add_argument("--bounds", action="store_true", help="simulate the bounds instead")
    parser.add_argument("--sets", type=int, default=2000, help="simulated sets for --bounds")
    options = parser.parse_args()
    if options.bounds:
        bounds(options.sets)
    else:
        speed(options.frames, options.clips, options.detections)


if __name__ == "__main__":
    main()
