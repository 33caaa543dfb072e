"""How often the bounds of the gate hold with few clips, by simulation.

Run with no arguments, it prints the tables of `docs/how_sure.md` as Markdown: recall, false boxes
on probes, AP50, and paired changes of AP50. Each number is the share of simulated sets in which a
bound holds (`lower / upper`), or a mean width. Each end is a one-sided bound at 95%.

A cell is kept in `--cache` as soon as it is done, so an interrupted run goes on where it was.
`--processes` shares the cells out. `--sets 200` gives a quick look.

Clips have 5 frames and a negative binomial number more (20 in the mean, SD 11), and one box a
frame. The chance of a box to be found differs between clips, with the correlation that is named:

- `beta`: the law on which methods were compared first;
- `logit-normal`, with log-normal sizes of clips;
- `lost clips`: on some clips nothing is found, on the rest all alike;
- `all or nothing`: a share of the clips, as large as the correlation, is found whole or not at
  all, on the rest boxes are independent;
- `longer when hard`: beta, and a clip on which nothing is found is 1.2 times as long as one on
  which all is found.

The last two were looked at for the first time when all was done.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from clip_sizes import clip_sizes
from scipy import optimize, special

CLIPS = (5, 8, 12, 20, 50)
CORRELATIONS = (0.0, 0.3, 0.8)
FIGURES = (0.5, 0.8, 0.95, 0.98)
RATES = (0.02, 0.5)
LAWS = ("beta", "logit-normal", "lost clips", "all or nothing", "longer when hard")
PROBE_LAWS = (
    "beta",
    "posters",
    "all or nothing",
    "gamma, several boxes a frame",
    "inverse Gaussian, several boxes a frame",
)
ERROR = 0.05
FOR_WIDTH = 10
"""One of so many sets is used for the mean width. Whether a bound holds is cheaper to tell."""
TRUTH_CLIPS = 40_000
"""AP of so many clips is the truth; with 6,000 it was off by up to 0.009."""
Cell = tuple[Any, ...]


# What is simulated


def sizes(random: np.random.Generator, law: str, shape: tuple[int, int]) -> Any:
    """Frames of each clip."""
    if law == "logit-normal":
        return np.maximum(3, np.exp(random.normal(np.log(16), 0.7, shape)).round()).astype(int)
    return clip_sizes(random, shape)


def skills(random: np.random.Generator, law: str, mean: float, rho: float, shape: Any) -> Any:
    """The chance of a box to be found on each clip: variance rho × mean × (1 - mean)."""
    if rho == 0:
        return np.full(shape, mean)
    if law == "logit-normal":
        centre, spread = _logit_normal(mean, rho)
        return special.expit(centre + spread * random.normal(size=shape))
    if law == "lost clips":
        odds = rho * (1 - mean) / mean
        lost = odds / (1 + odds)
        return np.where(random.random(shape) < lost, 0.0, mean / (1 - lost))
    if law == "all or nothing":
        whole = (random.random(shape) < mean).astype(float)
        return np.where(random.random(shape) < rho, whole, mean)
    strength = 1 / rho - 1
    return random.beta(mean * strength, (1 - mean) * strength, shape)


@functools.cache
def _logit_normal(mean: float, rho: float) -> tuple[float, float]:
    normal = special.ndtri((np.arange(20000) + 0.5) / 20000)

    def centre(spread: float) -> float:
        def above(at: float) -> float:
            return float(special.expit(at + spread * normal).mean()) - mean

        return float(optimize.brentq(above, -300, 300))

    def excess(spread: float) -> float:
        drawn = special.expit(centre(spread) + spread * normal)
        return float(drawn.var()) - rho * mean * (1 - mean)

    spread = float(optimize.brentq(excess, 1e-3, 80))
    return centre(spread), spread


def clips_of(
    random: np.random.Generator, law: str, mean: float, rho: float, clips: int, sets: int
) -> tuple[Any, Any]:
    """Found boxes and boxes of each clip, (sets, clips)."""
    skill = skills(random, law, mean, rho, (sets, clips))
    boxes = sizes(random, law, (sets, clips))
    if law == "longer when hard":
        boxes = np.rint(boxes * (1.2 - 0.2 * skill)).astype(int)
    return random.binomial(boxes, skill), boxes


@functools.cache
def truth_of(law: str, mean: float, rho: float) -> float:
    """The share of all boxes that is found; it depends on the sizes where they depend on skill."""
    if law != "longer when hard" or rho == 0:
        return mean
    found, boxes = clips_of(np.random.default_rng(1), law, mean, rho, 1000, 4000)
    return float(found.sum() / boxes.sum())


# Recall


def recall_cell(cell: Cell, sets: int, random: np.random.Generator) -> dict[str, Any]:
    from pytest_detgate.scoring.bounds.exact_limits import Seen
    from pytest_detgate.scoring.bounds.unseen_clip import chance_of_at_most

    law, mean, rho, clips = cell
    truth = truth_of(law, mean, rho)
    found, boxes = clips_of(random, law, mean, rho, clips, sets)
    value = found.sum(axis=1) / boxes.sum(axis=1)
    lost = boxes - found

    def holds(part: Any, ratio: float) -> float:
        """The share of sets whose lower bound is at most the ratio, without computing it."""
        hits, trials = part.sum(axis=1), boxes.sum(axis=1)
        by_box = special.betainc(np.maximum(hits, 1), trials - hits + 1, ratio)
        by_clip = [
            chance_of_at_most(x.astype(float), n.astype(float), ratio)
            for x, n in zip(part, boxes, strict=True)
        ]
        at_least = ERROR - 1e-9
        return float(np.mean((hits == 0) | (by_box >= at_least) | (np.array(by_clip) >= at_least)))

    widths = []
    for x, n in list(zip(found, boxes, strict=True))[: sets // FOR_WIDTH]:
        seen = Seen(x.astype(float), n.astype(float), float(n.sum()))
        widths.append(seen.high(1 - ERROR) - seen.low(1 - ERROR))
    return {
        "now": [holds(found, truth), holds(lost, 1 - truth), float(np.mean(widths))],
        "percentile": held(*percentiles(random, found, boxes), truth),
        "ideal": ideal_width(value, truth),
    }


def percentiles(random: np.random.Generator, found: Any, boxes: Any) -> tuple[Any, Any]:
    """The percentile bootstrap, with one thousand draws that all sets of a cell share."""
    clips = found.shape[1]
    weights = random.multinomial(clips, np.full(clips, 1 / clips), 1000)
    low, high = np.quantile((found @ weights.T) / (boxes @ weights.T), [ERROR, 1 - ERROR], axis=1)
    return low, high


def held(low: Any, high: Any, truth: float) -> list[float]:
    """Shares of sets in which the lower and the upper bound hold, and the mean width."""
    slack = 1e-9
    return [
        float(np.mean(low <= truth + slack)),
        float(np.mean(high >= truth - slack)),
        float(np.mean(high - low)),
    ]


def _columns(ends: list[Any]) -> tuple[Any, Any]:
    both = np.array(ends)
    return both[:, 0], both[:, 1]


def ideal_width(value: Any, truth: float) -> float:
    """The mean width of the interval of somebody who knows the law of the error: its 5% and 95%
    quantiles around each value, cut to 0 and 1."""
    least, most = np.quantile(value - truth, [ERROR, 1 - ERROR])
    return 1e-9 + float(np.mean(np.minimum(value - least, 1) - np.maximum(value - most, 0)))


# Probes


def probe_cell(cell: Cell, sets: int, random: np.random.Generator) -> dict[str, Any]:
    from pytest_detgate.scoring.bounds.probe_evidence import ProbeEvidence
    from pytest_detgate.scoring.bounds.unseen_clip import chance_of_at_most

    law, rate, rho, clips = cell
    frames = sizes(random, law, (sets, clips))
    on_clip = _rates(random, law, rate, rho, (sets, clips))
    holds: dict[str, list[bool]] = {"now": [], "images": []}
    highs: dict[str, list[float]] = {"now": [], "images": [], "by image": [], "by clip": []}
    for size, chance in zip(frames, on_clip, strict=True):
        clip = np.repeat(np.arange(clips), size)
        on_frame = (
            random.poisson(chance[clip]) if "several" in law else random.binomial(1, chance[clip])
        )
        counts = np.bincount(clip, on_frame, minlength=clips)
        by_image = float(special.gammaincinv(counts.sum() + 1, 1 - ERROR)) / len(clip)

        def by_clip(most: int, counts: Any = counts, size: Any = size) -> bool:
            """Whether the bound with an unseen clip holds, without computing it."""
            weighed = chance_of_at_most(most * size - counts, size.astype(float), most - rate)
            return weighed >= ERROR - 1e-9

        events = _compound_poisson(counts, float(size.mean())) / len(clip)
        holds["now"].append(max(by_image, events) >= rate or by_clip(int(on_frame.max()) + 1))
        if "several" not in law:
            holds["images"].append(by_clip(1))
        if len(holds["now"]) <= sets // FOR_WIDTH:
            proof = ProbeEvidence(frames=len(clip), confidence=1 - ERROR, clip=clip)
            highs["now"].append(proof.of_boxes(on_frame).high / len(clip))
            highs["images"].append(proof.of_frames(on_frame).high / len(clip))
        highs["by image"].append(by_image)
        highs["by clip"].append(_compound_poisson(counts, float(size.max())) / len(clip))
    result = {
        name: [float(np.mean(np.array(high) >= rate)), float(np.mean(high))]
        for name, high in highs.items()
    }
    for name, held_by in holds.items():
        result[name][0] = float(np.mean(held_by)) if held_by else math.nan
    return result


def _rates(random: np.random.Generator, law: str, rate: float, rho: float, shape: Any) -> Any:
    """Boxes a frame of each clip in the mean."""
    if rho == 0:
        return np.full(shape, rate)
    if law == "posters":
        # Something that hangs in a clip looks like an object on each of its frames.
        share = rho * rate
        rest = (rate - share) / (1 - share)
        return np.where(random.random(shape) < share, 1.0, rest)
    if "several" not in law:
        return skills(random, law, rate, rho, shape)
    variance = rate * rho / (1 - rho)
    if law.startswith("gamma"):
        return random.gamma(rate**2 / variance, variance / rate, shape)
    return random.wald(rate, rate**3 / variance, shape)


def _compound_poisson(counts: Any, weight: float) -> float:
    """The upper bound of the sum by clips as Poisson events (Fay and Feuer 1997), one more of
    which weighs so much. Up to edition 1 that was the largest clip."""
    weight = max(weight, float(counts.max()))
    mean, variance = counts.sum() + weight, float(counts @ counts) + weight**2
    return float(variance / mean * special.gammaincinv(mean**2 / variance, 1 - ERROR))


# AP50 of one or several classes


def ap_cell(cell: Cell, sets: int, random: np.random.Generator) -> dict[str, Any]:
    from pytest_detgate.scoring.bounds.bootstrap import bootstrap
    from pytest_detgate.scoring.bounds.intervals import Intervals
    from pytest_detgate.scoring.bounds.resampling import Resampling

    law, level, rho, clips, classes = cell
    truth = _ap_truth(law, level, rho, classes)
    ends, plain, values = [], [], []
    for seed in range(sets):
        matches, units = scene(random, law, level, rho, clips, classes)
        resampling = Resampling(units, 300, seed)
        replicates = bootstrap(matches, resampling)
        value = float(np.nanmean(_once(matches, units).ap[0, :, 0]))
        seen = replicates.seen("AP50")
        drawn = np.nanmean(replicates.ap[:, :, 0], axis=1)
        interval = seen.limit(
            Intervals(resampling, 1 - ERROR).of_draws(drawn, (0.0, 1.0), seen.units), value
        )
        ends.append((interval.low, interval.high))
        plain.append(np.quantile(drawn, [ERROR, 1 - ERROR]))
        values.append(value)
    return {
        "now": held(*_columns(ends), truth),
        "percentile": held(*_columns(plain), truth),
        "ideal": ideal_width(np.array(values), truth),
        "truth": truth,
    }


SKILL = {0.5: 0.56, 0.8: 0.83, 0.95: 0.955, 0.98: 0.98}
"""Mean skills that give about such an AP50."""


@functools.cache
def _ap_truth(law: str, level: float, rho: float, classes: int) -> float:
    matches, units = scene(np.random.default_rng(2), law, level, rho, TRUTH_CLIPS, classes)
    return float(np.nanmean(_once(matches, units).ap[0, :, 0]))


def _once(matches: Any, units: Any) -> Any:
    from pytest_detgate.scoring.bounds.bootstrap import bootstrap
    from pytest_detgate.scoring.bounds.resampling import Resampling

    class Once(Resampling):
        """One draw, in which every unit stands once: the figure itself."""

        def weights(self) -> Iterator[Any]:
            yield np.ones((1, self.units.count), dtype=np.int32)

    return bootstrap(matches, Once(units, 1, 0))


def scene(
    random: np.random.Generator,
    law: str,
    level: float,
    rho: float,
    clips: int,
    classes: int = 1,
    skill: Any = None,
    frames: Any = None,
) -> tuple[Any, Any]:
    """Matches of a detector at IoU 0.5, and the clips: found boxes score N(0.5 + 0.4 skill, 0.1),
    false boxes are Poisson by 1 - skill and score N(0.45, 0.15)."""
    if skill is None:
        skill = skills(random, law, SKILL[level], rho, clips)
    if frames is None:
        frames = sizes(random, law, (1, clips))[0]
        if law == "longer when hard":
            frames = np.rint(frames * (1.2 - 0.2 * skill)).astype(int)
    clip = np.repeat(np.arange(clips), frames)
    category = np.random.default_rng(len(clip)).integers(0, classes, len(clip))
    found = np.flatnonzero(random.random(len(clip)) < skill[clip])
    noise = np.repeat(np.arange(len(clip)), random.poisson(1 - skill[clip]))
    return _matches(
        clip=clip,
        category=category,
        image=np.concatenate([found, noise]),
        score=np.concatenate(
            [
                random.normal(0.5 + 0.4 * skill[clip[found]], 0.1),
                random.normal(0.45, 0.15, len(noise)),
            ]
        ),
        true=np.arange(len(found) + len(noise)) < len(found),
        classes=classes,
    )


def _matches(
    clip: Any, category: Any, image: Any, score: Any, true: Any, classes: int
) -> tuple[Any, Any]:
    from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
    from pytest_detgate.scoring.bounds.resampling import Units
    from pytest_detgate.scoring.columns import columns_of
    from pytest_detgate.scoring.matching import candidates_of, match

    rows, names = np.arange(len(clip)), tuple(f"class {at}" for at in range(classes))
    dataset = Dataset(
        name="val",
        images_dir=Path("images"),
        images=ImageTable(
            id=rows,
            file_name=np.array([f"{row}.jpg" for row in rows], dtype=object),
            width=np.full(len(rows), 100.0),
            height=np.full(len(rows), 100.0),
        ),
        boxes=BoxTable(
            id=rows,
            image_id=rows,
            category_id=category + 1,
            image=rows,
            category=category,
            xywh=np.full((len(rows), 4), 10.0),
            area=np.full(len(rows), 100.0),
            crowd=np.zeros(len(rows), dtype=bool),
        ),
        classes=names,
    )
    detections = DetectionTable(
        classes=names,
        image=image,
        category=category[image],
        xywh=np.where(true[:, None], [10.0] * 4, [60.0] * 4),
        score=score,
    )
    columns = columns_of(dataset, detections)
    matches = match(candidates_of(columns, thresholds=np.array([0.5])))
    return matches, Units("clip", clip, int(clip.max()) + 1)


# Paired changes of AP50


def pair_cell(cell: Cell, sets: int, random: np.random.Generator) -> dict[str, Any]:
    """Two models, each with clips that it finds hard (beta around a shared skill, correlation
    rho / 3). `lost` is the share of clips on which the second one finds nothing."""
    from pytest_detgate.scoring.bounds.bootstrap import bootstrap
    from pytest_detgate.scoring.bounds.intervals import Intervals
    from pytest_detgate.scoring.bounds.resampling import Resampling

    level, rho, clips, lost = cell
    truth = 0.0
    if lost:
        many = np.random.default_rng(3)
        truth = _change(_two_models(many, level, rho, TRUTH_CLIPS, lost))
    ends, plain = [], []
    for seed in range(sets):
        (before, after), units = _two_models(random, level, rho, clips, lost)
        resampling = Resampling(units, 300, seed)
        drawn = bootstrap(after, resampling).ap[:, 0, 0] - bootstrap(before, resampling).ap[:, 0, 0]
        was = float(_once(before, units).ap[0, 0, 0])
        interval = Intervals(resampling, 1 - ERROR).of_draws(drawn, (-was, 1 - was), clips)
        ends.append((interval.low, interval.high))
        plain.append(np.quantile(drawn, [ERROR, 1 - ERROR]))
    return {
        "now": held(*_columns(ends), truth),
        "percentile": held(*_columns(plain), truth),
        "truth": truth,
    }


def _two_models(
    random: np.random.Generator, level: float, rho: float, clips: int, lost: float
) -> tuple[tuple[Any, Any], Any]:
    shared = skills(random, "beta", SKILL[level], rho, clips)
    frames = sizes(random, "beta", (1, clips))[0]
    strength = np.inf if rho == 0 else 3 / rho - 1
    matches = []
    for number in range(2):
        skill = shared
        if rho:
            a, b = shared * strength, (1 - shared) * strength
            skill = random.beta(np.maximum(a, 1e-9), np.maximum(b, 1e-9))
        if number and lost:
            skill = np.where(random.random(clips) < lost, 0.0, skill)
        one, units = scene(random, "beta", level, rho, clips, 1, skill, frames)
        matches.append(one)
    return (matches[0], matches[1]), units


def _change(models: Any) -> float:
    (before, after), units = models
    return float(_once(after, units).ap[0, 0, 0] - _once(before, units).ap[0, 0, 0])


# Running and printing

Simulate = Callable[[Cell, int, np.random.Generator], dict[str, Any]]
SIMULATED: dict[str, Simulate] = {
    "recall": recall_cell,
    "probes": probe_cell,
    "AP50": ap_cell,
    "pairs": pair_cell,
}


def cells(kind: str) -> list[Cell]:
    """All cells of a table, those of few clips first."""
    if kind == "recall":
        return [
            (law, figure, rho, clips)
            for law in LAWS
            for figure in FIGURES
            for rho in CORRELATIONS
            for clips in CLIPS
            if rho or law in ("beta", "logit-normal")
        ]
    if kind == "probes":
        return [
            (law, rate, rho, clips)
            for law in PROBE_LAWS
            for rate in RATES
            for rho in CORRELATIONS
            for clips in CLIPS
            if rho or law in ("beta", "gamma, several boxes a frame")
        ]
    if kind == "AP50":
        all_cells: list[Cell] = [
            (law, level, rho, clips, classes)
            for clips in CLIPS
            for law, classes in (("all or nothing", 1), ("longer when hard", 1), ("beta", 3))
            for level in FIGURES
            for rho in CORRELATIONS
        ]
        return [cell for cell in all_cells if cell[2] or cell[0] == "all or nothing"]
    pairs = [
        (level, rho, clips, lost)
        for clips in CLIPS
        for lost in (0.0, 0.05)
        for level in (0.5, 0.95)
        for rho in CORRELATIONS
    ]
    return [cell for cell in pairs if not cell[3] or cell[1] == 0.3]


def _simulate(job: tuple[str, Cell, int]) -> tuple[str, Cell, dict[str, Any]]:
    kind, cell, sets = job
    random = np.random.default_rng(zlib.crc32(repr((kind, cell)).encode()))
    return kind, cell, SIMULATED[kind](cell, sets, random)


def simulate(kind: str, sets: int, cache: Path, processes: int) -> dict[Cell, dict[str, Any]]:
    """All cells of a table, from the cache as far as they are there."""
    known: dict[str, Any] = json.loads(cache.read_text()) if cache.exists() else {}

    def key(cell: Cell) -> str:
        return json.dumps([kind, cell, sets])

    todo = [(kind, cell, sets) for cell in cells(kind) if key(cell) not in known]
    with multiprocessing.Pool(processes) as pool:
        for _, cell, result in pool.imap_unordered(_simulate, todo):
            known[key(cell)] = result
            cache.write_text(json.dumps(known))
    return {cell: known[key(cell)] for cell in sorted(cells(kind))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tables", nargs="+", choices=SIMULATED, default=list(SIMULATED))
    parser.add_argument("--sets", type=int, default=2000, help="a cell of recall and probes")
    parser.add_argument("--ap-sets", type=int, default=200, help="a cell of AP50 and pairs")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("interval_coverage.json"))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for kind in options.tables:
        sets = options.sets if kind in ("recall", "probes") else options.ap_sets
        results = simulate(kind, sets, options.cache, options.processes)
        print(f"\n### {kind}, {sets} sets a cell\n")
        print("\n".join(TABLES[kind](results)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _ends(result: list[float]) -> str:
    return f"{_percent(result[0])} / {_percent(result[1])}"


def recall_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    lines = [
        "| law | recall | correlation | clips | now | width | × ideal | percentile | width |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (law, figure, rho, clips, *classes), one in results.items():
        name = law + (f", {classes[0]} classes" if classes and classes[0] > 1 else "")
        now, plain = one["now"], one["percentile"]
        lines.append(
            f"| {name} | {figure:g} | {rho:g} | {clips} | {_ends(now)} | {now[2]:.3f} | "
            f"{now[2] / one['ideal']:.2f} | {_ends(plain)} | {plain[2]:.3f} |"
        )
    return lines


def probe_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    lines = [
        "| law | rate | correlation | clips | boxes | mean bound | × exact | images | × exact "
        "| by image | mean bound | by clip, edition 1 | mean bound |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (law, rate, rho, clips), one in results.items():
        now, image, clip = one["now"], one["by image"], one["by clip"]
        share, frames = "– | –", one["images"]
        if "several" not in law:
            share = f"{_percent(frames[0])} | {frames[1] / image[1]:.1f}"
        lines.append(
            f"| {law} | {rate:g} | {rho:g} | {clips} | {_percent(now[0])} | {now[1]:.3f} | "
            f"{now[1] / image[1]:.1f} | {share} | {_percent(image[0])} | {image[1]:.3f} | "
            f"{_percent(clip[0])} | {clip[1]:.3f} |"
        )
    return lines


def pair_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    lines = [
        "| AP50 | correlation | clips | true change | now | width | percentile | width |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (level, rho, clips, _), one in results.items():
        now, plain = one["now"], one["percentile"]
        lines.append(
            f"| {level:g} | {rho:g} | {clips} | {one['truth']:+.3f} | {_ends(now)} | "
            f"{now[2]:.3f} | {_ends(plain)} | {plain[2]:.3f} |"
        )
    return lines


TABLES: dict[str, Callable[[dict[Cell, dict[str, Any]]], list[str]]] = {
    "recall": recall_table,
    "probes": probe_table,
    "AP50": recall_table,
    "pairs": pair_table,
}


if __name__ == "__main__":
    main()
