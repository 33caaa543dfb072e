"""Alarms: the time for a million frames, and how often the bound of a rate holds.

Run with no arguments, it draws 100 clips of 10,000 frames with a million detections, and prints
the seconds of each step of `alarm-rate` from tables in memory. `--bounds` instead simulates
sets of clips whose alarms cluster more or less, and prints how often the upper bound of the rate
is below the true rate, beside the exact Poisson bound alone.
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
from pytest_detgate.scoring.bounds.event_rate import count_interval
from pytest_detgate.scoring.bounds.exact_intervals import poisson_interval

T = TypeVar("T")
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


def bounds(sets: int) -> None:
    """How often both upper bounds are at least the true rate: alarms of a clip are Poisson with a
    rate that differs between clips (gamma, of a coefficient of variation), clips of unequal
    length."""
    print("share of sets in which the upper bound (95%) holds; width as a multiple of Poisson's")
    print(f"{'clips':>5} {'a clip':>7} {'spread':>7}   {'ours':>6} {'Poisson':>8} {'width':>6}")
    for clips in (5, 12, 20, 50):
        for mean in (0.5, 2.0):
            for spread in (0.0, 1.0, 2.0):
                random = np.random.default_rng((clips, int(mean * 10), int(spread)))
                ours = poisson = width = 0.0
                for _ in range(sets):
                    hours = random.gamma(2, 0.5, clips) + 0.05
                    rate = np.full(clips, mean)
                    if spread:
                        rate = random.gamma(spread**-2, mean * spread**2, clips)
                    counts = random.poisson(rate * hours)
                    true = mean * float(hours.sum())
                    high = count_interval(counts, hours, 0.95).high
                    exact = poisson_interval(int(counts.sum()), 0.95).high
                    ours += high >= true
                    poisson += exact >= true
                    width += high / exact
                print(
                    f"{clips:5} {mean:7.1f} {spread:7.1f}   {ours / sets:6.1%} "
                    f"{poisson / sets:8.1%} {width / sets:6.2f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--detections", type=int, default=1_000_000)
    parser.add_argument("--bounds", action="store_true", help="simulate the bounds instead")
    parser.add_argument("--sets", type=int, default=1000, help="simulated sets for --bounds")
    options = parser.parse_args()
    if options.bounds:
        bounds(options.sets)
    else:
        speed(options.frames, options.clips, options.detections)


if __name__ == "__main__":
    main()
