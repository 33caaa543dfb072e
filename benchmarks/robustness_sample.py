"""How near a sample of a split comes to all of it, and how much an early stop saves.

    python benchmarks/robustness_sample.py detgate.toml --checkpoint epoch_14.pth

The model runs on every image of the evaluated split with each corruption, which the cache keeps.
Then samples of some sizes are drawn many times, as the rule `robustness` draws them, and the rPC of
each is compared with that of the whole split; and the rule's early stop is run at some limits. A
split of drawn detections shows the same for many images, where a model would take too long:

    python benchmarks/robustness_sample.py --drawn 4000
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.image_changes.corruptions.corruption import CORRUPTIONS, Corruption
from pytest_detgate.inputs.detections.model_detections import ModelDetections
from pytest_detgate.inputs.detections.model_source import model_source
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import NoProgress
from pytest_detgate.rule_evidence.changed_images.robustness import seed_of_sample
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling, Units, clip_units
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.comparison.robustness import (
    Corrupted,
    RelativeDrop,
    ap_on,
    confidence_of_looks,
    interval_of_drop,
    looks_at,
    sample_of_clips,
)
from pytest_detgate.scoring.matching import Matches, candidates_of, match

Rows = NDArray[np.int64]

SEVERITIES = (1, 3, 5)
DRAWS = 100
CONFIDENCE = 0.95
REPLICATES = 400
LIMITS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """Matches on the clean images of a split and by corruption and severity, and its clips."""

    clean: Matches
    corrupted: dict[Corruption, Matches]
    units: Units


def of_model(config: Path, checkpoint: Path, cache: Path) -> Measured:
    """Run a model on the evaluated split and on every corruption of it."""
    project = Project(load_configuration(config), config.parent)
    table = project.tables.model
    detections = ModelDetections(
        source=lambda: model_source(
            project.configuration,
            checkpoint,
            config=table.config,
            trust=False,
            image_options=project.image_options,
        ),
        device="auto",
        batch_size=None,
        plan=RunPlan(),
        cache_dir=cache,
        progress=NoProgress(),
        project=project,
    )
    split = project.evaluate_on
    inputs = Inputs(project, detections, [split])
    dataset = inputs.dataset(split)
    rows = np.arange(len(dataset.images), dtype=np.int64)
    corrupted = {}
    for change in (Corruption(name, severity) for name in CORRUPTIONS for severity in SEVERITIES):
        found = inputs.changed_detections(split, rows, change)
        corrupted[change] = match(candidates_of(columns_of(dataset, found)))
    return Measured(inputs.matches(split), corrupted, inputs.units(split))


def drawn_split(images: int, seed: int = 0) -> Measured:
    """Draw detections of objects on clips of twenty frames: each clip has its own difficulty, and
    a corruption hides objects of hard clips first."""
    random = np.random.default_rng(seed)
    clips = np.repeat(np.arange(images // 20), 20)
    hard = random.beta(2, 4, images // 20)[clips]
    boxes = np.repeat(np.arange(images), 2)
    place = random.uniform(0, 400, (len(boxes), 2))
    xywh = np.column_stack([place, np.full((len(boxes), 2), 60.0)])
    dataset = _dataset(images, boxes, xywh)

    luck = random.random(len(boxes))

    def detect(strength: float) -> Matches:
        strength_of = np.clip(0.5 * hard[boxes] + strength * (0.4 + hard[boxes]), 0, 1)
        # An object that is hard to see on the clean image is hard to see in fog, too.
        seen = 0.7 * luck + 0.3 * random.random(len(boxes)) > strength_of
        moved = xywh + random.normal(0, 4 + 6 * strength, xywh.shape) * [1, 1, 0, 0]
        score = np.clip(random.normal(0.8 - 0.5 * strength_of, 0.15), 0.01, 0.99)
        false = random.poisson(0.3 + strength, images)
        image = np.repeat(np.arange(images), false)
        box = np.column_stack(
            [random.uniform(0, 400, (len(image), 2)), np.full((len(image), 2), 60.0)]
        )
        table = DetectionTable(
            classes=("thing",),
            image=np.concatenate([boxes[seen], image]),
            category=np.zeros(int(seen.sum()) + len(image), np.int64),
            xywh=np.concatenate([moved[seen], box]),
            score=np.concatenate([score[seen], random.beta(1, 4, len(image))]),
        )
        return match(candidates_of(columns_of(dataset, table)))

    strengths = {name: random.uniform(0.0, 0.5) for name in CORRUPTIONS}
    corrupted = {
        Corruption(name, severity): detect(strength * severity / 5)
        for name, strength in strengths.items()
        for severity in SEVERITIES
    }
    return Measured(detect(0.0), corrupted, clip_units([str(clip) for clip in clips]))


def _dataset(images: int, image: Rows, xywh: NDArray[np.float64]) -> Dataset:
    names = np.array([f"{number}.jpg" for number in range(images)], dtype=object)
    size, ids = np.full(images, 480.0), np.arange(len(image))
    return Dataset(
        name="drawn",
        images_dir=Path(),
        images=ImageTable(id=np.arange(images), file_name=names, width=size, height=size),
        boxes=BoxTable(
            id=ids,
            image_id=image,
            category_id=np.zeros_like(ids),
            image=image,
            category=np.zeros_like(ids),
            xywh=xywh,
            area=xywh[:, 2] * xywh[:, 3],
            crowd=np.zeros(len(ids), dtype=np.bool_),
        ),
        classes=("thing",),
    )


def drop_of(measured: Measured, changes: Sequence[Corruption], rows: list[Rows]) -> RelativeDrop:
    """Return the drop on the images that each corruption has."""
    corrupted = []
    for change, some in zip(changes, rows, strict=True):
        images = np.zeros(len(measured.units.of_image), dtype=np.bool_)
        images[some] = True
        matches = measured.corrupted[change]
        clean, ap = (ap_on(one, images, "AP") for one in (measured.clean, matches))
        if clean:
            corrupted.append(Corrupted(matches, images, clean, ap or 0.0))
    every = np.ones(len(measured.units.of_image), dtype=np.bool_)
    return RelativeDrop(ap_on(measured.clean, every, "AP") or 0.0, tuple(corrupted))


def report_samples(measured: Measured) -> None:
    """Print how far the rPC of samples is from that of all images."""
    total = len(measured.units.of_image)
    changes = [*measured.corrupted]
    whole = drop_of(measured, changes, [np.arange(total)] * len(changes))
    print(f"{total} images, {measured.units.count} clips, AP {whole.clean:.3f}")
    print(f"mPC {whole.mpc:.3f}, rPC {whole.rpc:.3f}")
    print("images | mPC within 0.01 | 95% of mPC within | 95% of one corruption's AP within")
    for number in sorted({total // 8, total // 4, total // 2, 3 * total // 4, min(500, total)}):
        errors, of_one = [], []
        for seed in range(DRAWS):
            rows = [
                sample_of_clips(measured.units.of_image, number, seed_of_sample(seed, change))
                for change in changes
            ]
            drop = drop_of(measured, changes, rows)
            errors.append(abs(drop.mpc - whole.mpc))
            for index in range(0, len(changes), len(SEVERITIES)):
                some = slice(index, index + len(SEVERITIES))
                ratios = [
                    np.mean([one.retained for one in each.corrupted[some]])
                    for each in (drop, whole)
                ]
                of_one.append(whole.clean * abs(ratios[0] - ratios[1]))
        print(
            f"{number:6} | {np.mean(np.array(errors) <= 0.01):.0%} | "
            f"{np.quantile(errors, 0.95):.4f} | {np.quantile(of_one, 0.95):.4f}",
            flush=True,
        )


def report_stops(measured: Measured, images: int) -> None:
    """Print how many inferences the early stop saves, and how often it decides otherwise."""
    print(f"early stop, up to {images} images | saved | decided otherwise")
    of_image = measured.units.of_image
    for limit in LIMITS:
        used = planned = other = 0
        for name in CORRUPTIONS:
            changes = [Corruption(name, severity) for severity in SEVERITIES]
            looks = []
            for change in changes:
                seed = seed_of_sample(0, change)
                looks.append(looks_at(sample_of_clips(of_image, images, seed), seed))
            number = len(looks[0])
            intervals = Intervals(
                Resampling(measured.units, REPLICATES, 0), confidence_of_looks(CONFIDENCE, number)
            )
            for look in range(number):
                rows = [one[look] for one in looks]
                drop = drop_of(measured, changes, rows)
                bounds = interval_of_drop(drop, measured.clean, "AP", intervals)
                if not bounds.low <= limit < bounds.high:
                    break
            whole = drop_of(measured, changes, [np.arange(len(of_image))] * len(changes))
            used += len(changes) * len(rows[0])
            planned += len(changes) * len(looks[0][-1])
            other += (drop.value <= limit) != (whole.value <= limit)
        print(
            f"limit {limit} | {1 - used / planned:.0%} of {planned:,} | {other} of 15", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", nargs="?", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(".robustness-cache"))
    parser.add_argument("--drawn", type=int)
    options = parser.parse_args()
    if options.drawn:
        measured = drawn_split(options.drawn)
    else:
        measured = of_model(options.config.absolute(), options.checkpoint, options.cache)
    report_samples(measured)
    report_stops(measured, min(500, len(measured.units.of_image)))


if __name__ == "__main__":
    main()
