"""Evaluating the examples of rules, without running pytest.

For the tests of a rule: its examples become files in a folder, and `evaluate_example` gives what
the gate says of them. What is drawn and written is the same each time.
"""

from __future__ import annotations

import copy
import functools
import io
import json
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_detgate.config.wording import unknown
from pytest_detgate.inputs.detections.sources import ResultFiles, TwoInferences
from pytest_detgate.rules.example import Box, Detection, Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from pytest_detgate.dataset.tables import Dataset, DetectionTable
    from pytest_detgate.detector.latency.timing import LatencyMeasurement
    from pytest_detgate.image_changes.change import ImageChange
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.record.report import RuleResult
    from pytest_detgate.rules.rule import Rule

__all__ = [
    "Example",
    "WrittenExample",
    "coco_content",
    "draw_image",
    "evaluate_example",
    "result_content",
    "write_example",
]

Boxes = Mapping[str, Sequence[Box]]
"""Ground truth by image."""
Detections = Mapping[str, Sequence[Detection]]
"""What a detector found, by image."""


def evaluate_example(rule: type[Rule], example: Example, folder: Path) -> dict[str, RuleResult]:
    """Write an example into an empty folder and evaluate its items.

    `rule` is the class that the example is for; it may be one of a plug-in. The results, by item
    (`crowded-frames[train]`), have `verdict`, `message`, `measurements` and `findings` as
    `report.json` has them. A mistake in the example's `detgate.toml` raises `ConfigError`, and an
    example without a table for the rule, or with a box of a class that it does not list,
    `ValueError`.
    """
    return write_example(rule, example, folder).evaluate()


def write_example(rule: type[Rule], example: Example, folder: Path) -> WrittenExample:
    """Write the files of an example; a test may change them before they are evaluated."""
    config = textwrap.dedent(example.config)
    document = msgspec.toml.decode(config)
    if rule.code not in document.get("rules", {}):
        raise ValueError(f"the example has no table [rules.{rule.code}]")
    if "plugins" not in document and not _is_built_in(rule):
        config = f"plugins = [{json.dumps(rule.__module__)}]\n{config}"
    for name, text in example.files.items():
        _write(folder / name, textwrap.dedent(text))
    for table, datasets in (("dataset.splits", example.splits), ("probes", example.probes)):
        for name, images in datasets.items():
            _write(folder / f"{name}.json", json.dumps(_annotations(example, name, images)))
            for file_name in images:
                if file_name not in example.gone:
                    shown = example.copies.get(file_name, file_name)
                    level = example.levels.get(file_name, 1.0)
                    _draw(folder / "images" / file_name, shown, level)
            config += f'\n[{table}.{name}]\nannotations = "{name}.json"\nimages = "images"\n'
    written = WrittenExample(example, folder)
    for name, detections in example.detections.items():
        written.write_results(f"{name}-found.json", name, detections)
    for name, detections in example.again.items():
        written.write_results(f"{name}-again.json", name, detections)
    for name, detections in example.changed.items():
        written.write_results(f"{name}-changed.json", name, detections)
    for model, found_by in _other_models(example).items():
        _write(folder / f"{model}.pth", model)  # of which only the digest is needed
        for name in written.datasets:
            written.write_results(f"{model}/{name}.json", name, found_by.get(name, {}))
    _write(folder / "detgate.toml", config)
    return written


@dataclass(frozen=True)
class WrittenExample:
    """The files of an example: `detgate.toml`, `NAME.json` for each split and probe, and
    `NAME-found.json` where there are detections of it."""

    example: Example
    folder: Path

    @property
    def datasets(self) -> dict[str, Boxes]:
        """The ground truth of every split and probe."""
        return {**self.example.splits, **self.example.probes}

    def write_results(self, file_name: str, dataset: str, detections: Detections) -> None:
        """Write a result file that covers all images and classes of a split or probe."""
        content = result_content(self.datasets[dataset], detections, self.example.classes)
        _write(self.folder / file_name, json.dumps(content))

    def evaluate(self) -> dict[str, RuleResult]:
        """Evaluate the items of `detgate.toml` on the files as they are now."""
        from pytest_detgate.config.load import load_configuration
        from pytest_detgate.inputs.compared.other_models import OtherModels
        from pytest_detgate.inputs.inputs import Inputs
        from pytest_detgate.inputs.project import Project
        from pytest_detgate.rules.binding import bind_rules
        from pytest_detgate.rules.verdicts.verdict import judge

        project = Project(load_configuration(self.folder / "detgate.toml"), self.folder)
        rules = bind_rules(project)
        items = [(bound, target) for bound in rules for target in bound.targets]

        def results_of(checkpoint: Path) -> ResultFiles:
            files = checkpoint.with_suffix("").glob("*.json")
            return ResultFiles({path.stem: path for path in files}, project)

        baseline = self.folder / "baseline.pth"
        inputs = Inputs(
            project,
            _ExampleDetections(self.example, self.folder, project),
            [name for _, target in items for name in target.detections],
            others=OtherModels(
                of_baseline=results_of,
                of_epoch=results_of,
                baseline=baseline if baseline.exists() else None,
            ),
        )
        return {bound.item_name(target): judge(bound, target, inputs) for bound, target in items}


class _ExampleDetections(ResultFiles):
    """The detections of an example and, for rules that run the model, what it says then."""

    def __init__(self, example: Example, folder: Path, project: Project) -> None:
        files = {name: folder / f"{name}-found.json" for name in example.detections}
        super().__init__(files, project)
        again = {name: folder / f"{name}-again.json" for name in example.again}
        self._again = ResultFiles(again, project)
        changed = {name: folder / f"{name}-changed.json" for name in example.changed}
        self._changed = ResultFiles(changed, project)
        self._example = example

    def classes(self, dataset: Dataset) -> tuple[str, ...]:
        return tuple(self._example.detector_classes or super().classes(dataset))

    def infer_twice(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        return TwoInferences(rows, self.detections(dataset), self._again.detections(dataset), "cpu")

    def changed(
        self, dataset: Dataset, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        return self._changed.detections(dataset)

    def latency(
        self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int
    ) -> LatencyMeasurement:
        from pytest_detgate.detections import ModelInfo
        from pytest_detgate.detector.latency.timing import LatencyMeasurement

        times_ms = list(self._example.times_ms)
        return LatencyMeasurement(
            times_ms=times_ms,
            model_ms=times_ms,
            peak_bytes=10**9,
            device="cpu",
            hardware=None,
            model=ModelInfo(key="", checkpoint="", sha256="", classes=(), score_floor=0.0),
        )


def coco_content(images: Boxes, classes: Sequence[str] = ("helmet_off",)) -> dict[str, Any]:
    """The content of a COCO file: images of 100 × 100 pixels by name, their boxes, ids from 1."""
    annotations = [
        {
            "image_id": number,
            "category_id": _category_id(name, classes),
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        for number, boxes in enumerate(images.values(), start=1)
        for name, *box in boxes
    ]
    return {
        "images": [
            {"id": number, "file_name": name, "width": 100, "height": 100}
            for number, name in enumerate(images, start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(classes, start=1)
        ],
        "annotations": [
            {"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)
        ],
    }


def result_content(
    images: Boxes, detections: Detections, classes: Sequence[str] = ("helmet_off",)
) -> dict[str, Any]:
    """The content of a result file that lists the images and classes which it covers: all those
    of `coco_content`."""
    names = list(images)
    rows = [
        {
            "image_id": names.index(image) + 1,
            "category_id": _category_id(name, classes),
            "score": score,
            "bbox": box,
        }
        for image, listed in detections.items()
        for name, score, *box in listed
    ]
    return {**coco_content(images, classes), "annotations": rows}


def draw_image(name: str, size: tuple[int, int] = (100, 100)) -> Image:
    """An image of large coloured patches: the same name gives the same image, and another name one
    that is as different as two photos are."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(zlib.crc32(name.encode()))
    patches = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def _category_id(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise ValueError(f"{unknown('class', name, classes)}; `classes` lists those of the boxes")
    return list(classes).index(name) + 1


def _is_built_in(rule: type[Rule]) -> bool:
    from pytest_detgate.rules.registry import BUILT_IN

    return rule.__module__.startswith(f"{BUILT_IN}.")


def _annotations(example: Example, name: str, images: Boxes) -> dict[str, Any]:
    content = coco_content(images, example.classes)
    for key, entries in example.added.get(name, {}).items():
        content[key] += copy.deepcopy(entries)
    return content


def _other_models(example: Example) -> dict[str, Mapping[str, Detections]]:
    """The detections of the baseline, where there is one, and of the epochs."""
    return ({"baseline": example.baseline} if example.baseline else {}) | dict(example.epochs)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _draw(path: Path, name: str, level: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_drawn(name, level, path.suffix))


@functools.lru_cache(maxsize=1000)
def _drawn(name: str, level: float, suffix: str) -> bytes:
    """The file of an image: a rule that is tried in many ways has the same images each time."""
    from PIL import Image

    image = draw_image(name)
    if level != 1:
        image = image.point(lambda value: min(255, round(value * level)))
    file = io.BytesIO()
    image.save(file, Image.registered_extensions()[suffix.lower()])
    return file.getvalue()
