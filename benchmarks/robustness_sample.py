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

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.tables import BoxTable, Dataset, DetectionTable, ImageTable
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.image_changes.corruptions.corruption import CORRUPTIONS, Corruption
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.model_detections import ModelDetections
from pytest_detgate.inputs.model_source import model_source
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import NoProgress
from pytest_detgate.scoring.bounds.intervals import Intervals
from pytest_detgate.scoring.bounds.resampling import Resampling, Units, clip_units
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import Matches, candidates_of, match
from pytest_detgate.scoring.robustness import (
    RelativeDrop,
    ap_on,
    confidence_of_looks,
    interval_of_drop,
    looks_at,
    sample_of_clips,
)

SEVERITIES = (1, 3, 5)
DRAWS = 200
CONFIDENCE = 0.95
REPLICATES = 400
LIMITS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """Matches on the clean images of a split and by corruption and severity, and its clips."""

    clean: Matches
    corrupted: dict[str, list[Matches]]
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
    corrupted: dict[str, list[Matches]] = {}
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            found = inputs.changed_detections(split, rows, Corruption(name, severity))
            corrupted.setdefault(name, []).append(match(candidates_of(columns_of(dataset, found))))
        print(f"{name} done", flush=True)
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

    def detect(strength: float) -> Matches:
        strength_of = np.clip(0.5 * hard[boxes] + strength * (0.4 + hard[boxes]), 0, 1)
        seen = random.random(len(boxes)) > strength_of
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
        name: [detect(strength * severity / 5) for severity in SEVERITIES]
        for name, strength in strengths.items()
    }
    return Measured(detect(0.0), corrupted, clip_units([str(clip) for clip in clips]))


def _dataset(images: int, image: np.ndarray, xywh: np.ndarray) -> Dataset:
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


def drop_on(measured: Measured, names: Sequence[str], rows: np.ndarray) -> RelativeDrop | None:
    """Return the drop on some images; None where there is nothing to find."""
    images = np.zeros(len(measured.units.of_image), dtype=np.bool_)
    images[rows] = True
    clean = ap_on(measured.clean, images, "AP")
    if not clean:
        return None
    return RelativeDrop(
        clean,
        tuple(
            ap_on(one, images, "AP") or 0.0 for name in names for one in measured.corrupted[name]
        ),
    )


def report_samples(measured: Measured) -> None:
    """Print how far the rPC of samples is from that of all images."""
    total = len(measured.units.of_image)
    whole = drop_on(measured, CORRUPTIONS, np.arange(total))
    assert whole is not None
    print(f"{total} images, {measured.units.count} clips, AP {whole.clean:.3f}")
    print(f"mPC {whole.mean:.3f}, rPC {1 - whole.value:.3f}")
    print("images | rPC: within 0.01, 95% within | one corruption: 95% within")
    for number in sorted({total // 8, total // 4, total // 2, 3 * total // 4, min(500, total)}):
        errors, of_one = [], []
        for seed in range(DRAWS):
            rows = sample_of_clips(measured.units.of_image, number, seed)
            drop = drop_on(measured, CORRUPTIONS, rows)
            if drop is None:
                continue
            errors.append(abs(drop.value - whole.value))
            for index in range(len(CORRUPTIONS)):
                three = slice(3 * index, 3 * index + 3)
                own = 1 - np.mean(drop.corrupted[three]) / drop.clean
                of_one.append(abs(own - (1 - np.mean(whole.corrupted[three]) / whole.clean)))
        print(
            f"{number:6} | {np.mean(np.array(errors) <= 0.01):.0%}, "
            f"{np.quantile(errors, 0.95):.4f} | {np.quantile(of_one, 0.95):.4f}"
        )


def report_stops(measured: Measured, images: int) -> None:
    """Print how many inferences the early stop saves, and how often it decides otherwise."""
    print(f"early stop, up to {images} images | saved | decided otherwise")
    for limit in LIMITS:
        used = planned = other = 0
        for name in CORRUPTIONS:
            sample = sample_of_clips(measured.units.of_image, images, 0)
            looks = looks_at(sample, 0)
            confidence = confidence_of_looks(CONFIDENCE, len(looks))
            whole = drop_on(measured, [name], sample)
            assert whole is not None
            for rows in looks:
                drop = drop_on(measured, [name], rows)
                if drop is None:
                    continue
                inside = np.isin(np.arange(len(measured.units.of_image)), rows)
                resampling = Resampling(measured.units.only(inside), REPLICATES, 0)
                bounds = interval_of_drop(
                    drop,
                    measured.clean,
                    measured.corrupted[name],
                    "AP",
                    Intervals(resampling, confidence),
                )
                if not bounds.low <= limit < bounds.high:
                    break
            used += len(SEVERITIES) * len(rows)
            planned += len(SEVERITIES) * len(sample)
            assert drop is not None
            other += (drop.value <= limit) != (whole.value <= limit)
        print(f"limit {limit} | {1 - used / planned:.0%} of {planned:,} | {other} of 15")


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
