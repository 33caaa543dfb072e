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

from pytest_detgate.scoring.bounds.resampling import Resampling

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
SLACK = 1e-9
NEAR = 2.0
"""A chance that an approximation puts farther from the error than this factor is not computed."""
DRAWS = 300
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

    law, mean, rho, clips = cell
    truth = truth_of(law, mean, rho)
    found, boxes = clips_of(random, law, mean, rho, clips, sets)
    value = found.sum(axis=1) / boxes.sum(axis=1)
    lost = boxes - found

    def holds(part: Any, ratio: float) -> float:
        """The share of sets whose lower bound is at most the ratio, without computing it."""
        hits, trials = part.sum(axis=1), boxes.sum(axis=1)
        by_box = special.betainc(np.maximum(hits, 1), trials - hits + 1, ratio)
        by_clip = weighed_at_most(part, boxes, ratio)
        return float(np.mean((hits == 0) | (by_box >= ERROR - SLACK) | by_clip))

    widths = []
    for x, n in list(zip(found, boxes, strict=True))[: sets // FOR_WIDTH]:
        seen = Seen(x.astype(float), n.astype(float), float(n.sum()))
        widths.append(seen.high(1 - ERROR) - seen.low(1 - ERROR))
    return {
        "now": [holds(found, truth), holds(lost, 1 - truth), float(np.mean(widths))],
        "percentile": held(*percentiles(random, found, boxes), truth),
        "ideal": ideal_width(value, truth),
    }


def weighed_at_most(part: Any, whole: Any, ratio: Any) -> Any:
    """(sets,) whether the bound with an unseen clip is at most a ratio, from (sets, clips). Where
    an approximation of the chance is far from the error it decides, as in `plan`."""
    from pytest_detgate.scoring.bounds.unseen_clip import approximate_chances, chance_of_at_most

    part, whole = part.astype(float), whole.astype(float)
    ratio = np.broadcast_to(ratio, len(part)).astype(float)
    chance = approximate_chances(part, whole, ratio)
    for row in np.flatnonzero((chance > ERROR / NEAR) & (chance < ERROR * NEAR)):
        chance[row] = chance_of_at_most(part[row], whole[row], ratio[row])
    return chance >= ERROR - SLACK


def percentiles(random: np.random.Generator, found: Any, boxes: Any) -> tuple[Any, Any]:
    """The percentile bootstrap, with one thousand draws that all sets of a cell share."""
    clips = found.shape[1]
    weights = random.multinomial(clips, np.full(clips, 1 / clips), 1000)
    low, high = np.quantile((found @ weights.T) / (boxes @ weights.T), [ERROR, 1 - ERROR], axis=1)
    return low, high


def held(low: Any, high: Any, truth: float) -> list[float]:
    """Shares of sets in which the lower and the upper bound hold, and the mean width."""
    return [
        float(np.mean(low <= truth + SLACK)),
        float(np.mean(high >= truth - SLACK)),
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

    law, rate, rho, clips = cell
    frames = sizes(random, law, (sets, clips))
    on_clip = _rates(random, law, rate, rho, (sets, clips))
    several = "several" in law
    on_clips, worst = np.empty((sets, clips)), np.empty(sets)
    by_events: list[bool] = []
    highs: dict[str, list[float]] = {"now": [], "images": [], "by image": [], "by clip": []}
    for number, (size, chance) in enumerate(zip(frames, on_clip, strict=True)):
        clip = np.repeat(np.arange(clips), size)
        on_frame = random.poisson(chance[clip]) if several else random.binomial(1, chance[clip])
        counts = np.bincount(clip, on_frame, minlength=clips)
        by_image = float(special.gammaincinv(counts.sum() + 1, 1 - ERROR)) / len(clip)
        events = _compound_poisson(counts, float(size.mean())) / len(clip)
        by_events.append(max(by_image, events) >= rate)
        on_clips[number], worst[number] = counts, on_frame.max()
        if number < sets // FOR_WIDTH:
            proof = ProbeEvidence(frames=len(clip), confidence=1 - ERROR, clip=clip)
            highs["now"].append(proof.of_boxes(on_frame).high / len(clip))
            highs["images"].append(proof.of_frames(on_frame).high / len(clip))
        highs["by image"].append(by_image)
        highs["by clip"].append(_compound_poisson(counts, float(size.max())) / len(clip))
    result = {
        name: [float(np.mean(np.array(high) >= rate)), float(np.mean(high))]
        for name, high in highs.items()
    }

    def by_clip(most: Any) -> Any:
        """(sets,) whether the bound with an unseen clip holds, without computing it."""
        return weighed_at_most(most[:, None] * frames - on_clips, frames, most - rate)

    result["now"][0] = float(np.mean(by_events | by_clip(worst + 1)))
    result["images"][0] = math.nan if several else float(np.mean(by_clip(np.ones(sets))))
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

    law, level, rho, clips, classes = cell
    truth = _ap_truth(law, level, rho, classes)
    holds, widths, plain, values = [], [], [], []
    for seed in range(sets):
        matches, units = scene(random, law, level, rho, clips, classes)
        resampling = AndOnce(units, DRAWS + 1, seed)
        replicates = bootstrap(matches, resampling)
        every = replicates.values_of("AP50")
        drawn, value = every[:-1], float(every[-1])
        seen = replicates.seen("AP50")
        ends = drawn_hold(drawn, (0.0, 1.0), seen.units, truth)
        if not all(ends):
            limits = _limit_holds(seen, value, truth)
            ends = ends[0] or limits[0], ends[1] or limits[1]
        holds.append(ends)
        if seed < sets // FOR_WIDTH:
            draws = Intervals(resampling, 1 - ERROR).of_draws(drawn, (0.0, 1.0), seen.units)
            widths.append(_checked(seen.limit(draws, value), truth, ends))
        plain.append(np.quantile(drawn, [ERROR, 1 - ERROR]))
        values.append(value)
    return {
        "now": [*np.mean(holds, axis=0).tolist(), float(np.mean(widths))],
        "percentile": held(*_columns(plain), truth),
        "ideal": ideal_width(np.array(values), truth),
        "truth": truth,
    }


def drawn_hold(
    drawn: Any, span: tuple[float, float], clips: int, truth: float
) -> tuple[bool, bool]:
    """Whether both bounds of `bounds_of_draws` hold, without computing them."""
    floor, ceiling = min(span[0], drawn.min()), max(span[1], drawn.max())

    def holds(room: Any, bound: float) -> bool:
        if bound < 0:
            return False
        chance = np.divide(bound, room, out=np.ones_like(room), where=room > bound)
        return bool(np.mean(chance**clips) >= ERROR - SLACK)

    return holds(drawn - floor, truth - floor), holds(ceiling - drawn, ceiling - truth)


def _limit_holds(seen: Any, value: float, truth: float) -> tuple[bool, bool]:
    """Whether the bounds of `Seen.limit` hold: those of boxes and of clips."""
    from pytest_detgate.scoring.bounds.exact_intervals import binomial_interval
    from pytest_detgate.scoring.bounds.unseen_clip import chance_of_at_most

    def of_boxes(share: float) -> Any:
        return binomial_interval(share * seen.boxes, seen.boxes, 1 - ERROR)

    return (
        value <= truth
        or of_boxes(seen.share).low <= truth
        or chance_of_at_most(seen.objects_found, seen.weight, truth) >= ERROR - SLACK,
        value >= truth or of_boxes(value).high >= truth,
    )


def _checked(interval: Any, truth: float, holds: tuple[bool, bool]) -> float:
    """The width of an interval; it holds as was told without it."""
    near = 1e-6
    for above, told in ((truth - interval.low, holds[0]), (interval.high - truth, holds[1])):
        if abs(above) > near and (above > 0) != told:
            raise AssertionError(f"{interval} and {truth}: {holds}")
    return float(interval.high - interval.low)


class AndOnce(Resampling):
    """A bootstrap, and a last draw in which every unit stands once: the value itself."""

    def weights(self) -> Iterator[Any]:
        yield from Resampling(self.units, self.replicates - 1, self.seed).weights()
        yield np.ones((1, self.units.count), dtype=np.int32)


SKILL = {0.5: 0.56, 0.8: 0.83, 0.95: 0.955, 0.98: 0.98}
"""Mean skills that give about such an AP50."""


@functools.cache
def _ap_truth(law: str, level: float, rho: float, classes: int) -> float:
    matches, units = scene(np.random.default_rng(2), law, level, rho, TRUTH_CLIPS, classes)
    return _once(matches, units)


def _once(matches: Any, units: Any) -> float:
    from pytest_detgate.scoring.bounds.bootstrap import bootstrap

    return float(bootstrap(matches, AndOnce(units, 1, 0)).values_of("AP50")[0])


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
            file_name=np.full(len(rows), "", dtype=object),
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

    level, rho, clips, lost = cell
    truth = 0.0
    if lost:
        many = np.random.default_rng(3)
        truth = _change(_two_models(many, level, rho, TRUTH_CLIPS, lost))
    holds, widths, plain = [], [], []
    for seed in range(sets):
        (before, after), units = _two_models(random, level, rho, clips, lost)
        resampling = AndOnce(units, DRAWS + 1, seed)
        of_before = bootstrap(before, resampling).ap[:, 0, 0]
        drawn = (bootstrap(after, resampling).ap[:, 0, 0] - of_before)[:-1]
        span = (-of_before[-1], 1 - of_before[-1])
        holds.append(drawn_hold(drawn, span, clips, truth))
        if seed < sets // FOR_WIDTH:
            draws = Intervals(resampling, 1 - ERROR).of_draws(drawn, span, clips)
            widths.append(_checked(draws, truth, holds[-1]))
        plain.append(np.quantile(drawn, [ERROR, 1 - ERROR]))
    return {
        "now": [*np.mean(holds, axis=0).tolist(), float(np.mean(widths))],
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
    return _once(after, units) - _once(before, units)


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
    parser.add_argument("--sets", type=int, default=2000, help="simulated sets of a cell")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("interval_coverage.json"))
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for kind in options.tables:
        results = simulate(kind, options.sets, options.cache, options.processes)
        print(f"\n### {kind}, {options.sets} sets a cell\n")
        print("\n".join(TABLES[kind](results)))


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _ends(result: list[float]) -> str:
    return f"{_percent(result[0])} / {_percent(result[1])}"


Rows = dict[tuple[Any, ...], list[tuple[str, dict[str, Any]]]]


def by_law(results: dict[Cell, dict[str, Any]]) -> Rows:
    """The results of all laws, by figure, correlation and clips."""
    rows: Rows = {}
    for (law, *row), result in sorted(results.items(), key=lambda item: item[0][1:4]):
        rows.setdefault(tuple(row[:3]), []).append((law, result))
    return rows


def lowest(results: list[dict[str, Any]], name: str) -> str:
    """The least share of sets in which each end holds."""
    ends = np.array([result[name][:2] for result in results])
    return _ends(ends.min(axis=0)) if len(ends) else "–"


def share_table(results: dict[Cell, dict[str, Any]], name: str, new: tuple[str, ...]) -> list[str]:
    """Recall or AP50: the lowest of all laws, and of those of the `new` ones."""
    heads = [name, "correlation", "clips", "the gate, lowest", "width, × ideal", "percentile"]
    if new:
        heads.insert(4, "of the two new laws")
    lines = _head(heads)
    for (figure, rho, clips), laws in by_law(results).items():
        every = [result for _, result in laws]
        width = max(result["now"][2] / result["ideal"] for result in every)
        cells = [lowest(every, "now"), f"{width:.1f}", lowest(every, "percentile")]
        if new:
            cells.insert(1, lowest([result for law, result in laws if law in new], "now"))
        lines.append(_row(f"{figure:g}", f"{rho:g}", clips, *cells))
    return lines


def recall_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    return share_table(results, "recall", LAWS[-2:])


def ap_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    return share_table(results, "AP50", ())


def probe_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    """The lowest of all laws, and the largest mean bound as a multiple of the exact one."""
    lines: list[str] = []
    for several in (False, True):
        names = ("now",) if several else ("images", "now")
        heads = ["boxes a frame" if several else "share", "correlation", "clips"]
        for name in ("the gate",) if several else ("the gate, frames", "the gate, boxes"):
            heads += [name, "× exact"]
        lines += ["", *_head([*heads, "by image", "by clip, edition 1", "× exact"])]
        for (rate, rho, clips), laws in by_law(results).items():
            every = [result for law, result in laws if ("several" in law) == several]
            cells = []
            for name in (*names, "by image", "by clip"):
                cells.append(_percent(min(result[name][0] for result in every)))
                ratio = max(result[name][1] / result["by image"][1] for result in every)
                cells += [f"{ratio:.1f}"] if name != "by image" else []
            lines.append(_row(f"{rate:g}", f"{rho:g}", clips, *cells))
    return lines


def pair_table(results: dict[Cell, dict[str, Any]]) -> list[str]:
    heads = ["AP50", "correlation", "clips", "true change", "the gate", "width"]
    lines = _head([*heads, "percentile bootstrap", "width"])
    for (level, rho, clips, _), result in results.items():
        now, plain = result["now"], result["percentile"]
        cells = [_ends(now), f"{now[2]:.2f}", _ends(plain), f"{plain[2]:.2f}"]
        lines.append(_row(f"{level:g}", f"{rho:g}", clips, f"{result['truth']:+.3f}", *cells))
    return lines


def _head(names: list[str]) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _row(*cells: Any) -> str:
    return f"| {' | '.join(map(str, cells))} |"


TABLES: dict[str, Callable[[dict[Cell, dict[str, Any]]], list[str]]] = {
    "recall": recall_table,
    "probes": probe_table,
    "AP50": ap_table,
    "pairs": pair_table,
}


if __name__ == "__main__":
    main()
