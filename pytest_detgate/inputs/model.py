"""What rules ask of one model: its detections, scores, and how sure those are."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_detgate.errors import DataError, DetgateError
from pytest_detgate.gaps import NotLookedAtError, described
from pytest_detgate.inputs.data import DataInputs, Memory
from pytest_detgate.inputs.detections.sources import DetectionSource
from pytest_detgate.progress import NoProgress, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_detgate.dataset.tables import Dataset, DetectionTable
    from pytest_detgate.detector.latency.timing import LatencyMeasurement
    from pytest_detgate.image_changes.change import ImageChange
    from pytest_detgate.inputs.detections.sources import TwoInferences
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.scoring.bounds.bootstrap import Replicates
    from pytest_detgate.scoring.bounds.resampling import Resampling, Units
    from pytest_detgate.scoring.matching import Candidates, Matches
    from pytest_detgate.scoring.metrics.confusion import Confusion
    from pytest_detgate.scoring.metrics.error_kinds import Errors
    from pytest_detgate.scoring.metrics.ultralytics import UltralyticsReplicates, UltralyticsScores
    from pytest_detgate.scoring.score_card import Area, ScoreCard

T = TypeVar("T")


class ModelInputs(DataInputs):
    """What rules ask of a model on splits and probes. What cannot be made raises a `DetgateError`
    with the reason, which makes the item *not evaluated*."""

    is_gated = False

    def __init__(
        self,
        project: Project,
        source: DetectionSource,
        requested: Sequence[str] = (),
        *,
        data: Memory,
        cache: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`requested` are the splits and probes whose detections this run will need, so that a
        model can infer them all in one go."""
        super().__init__(project, data, cache=cache, progress=progress or NoProgress())
        self.source = source
        self.memory = Memory(project.seals.refuse)
        self._requested = tuple(requested)
        self._counted: dict[str, dict[float, NDArray[np.int64]]] = {}

    def with_model(self, source: DetectionSource, requested: Sequence[str] = ()) -> ModelInputs:
        """The same inputs with another model in place of this one; the data are read once for
        both."""
        return ModelInputs(
            self.project,
            source,
            requested,
            data=self.data,
            cache=self.cache,
            progress=self.progress,
        )

    # Detections

    def detections(self, name: str) -> DetectionTable:
        """What the detector, or the result file in its place, found on a split or probe."""
        from pytest_detgate.dataset.class_choice import chosen_detections

        def make() -> DetectionTable:
            self.memory.once("prepared", lambda: self.source.prepare(self._readable_requests()))
            dataset = self.dataset(name)
            table = chosen_detections(self.source.detections(dataset), dataset)
            self._refuse_wrong_form(name, table)
            if table.gaps and not self.is_gated:
                # A metric that comes out too low for it would let the gated model pass.
                raise NotLookedAtError("; ".join(described(table.gaps)))
            return dataclasses.replace(table, uncut=None)  # which nothing else looks at

        return self.memory.once(("detections", name), make)

    def false_boxes(self, probe: str, threshold: float) -> NDArray[np.int64]:
        """Rows of the false boxes on a probe with score > threshold, best score first. Their
        number on each image goes into the record, for comparisons of later runs with this one."""
        from pytest_detgate.scoring.false_boxes import false_boxes

        def make() -> NDArray[np.int64]:
            rows = false_boxes(self.dataset(probe), self.detections(probe), threshold)
            self._counted.setdefault(probe, {})[threshold] = rows
            return rows

        return self.memory.once(("false boxes", probe, threshold), make)

    def counted_false_boxes(self, probe: str) -> Mapping[float, NDArray[np.int64]]:
        """Those rows by the thresholds that were asked for so far."""
        return self._counted.get(probe, {})

    def detections_sha256(self, name: str) -> str | None:
        """A digest of the detections on a split or probe; None if there are none."""
        from pytest_detgate.inputs.fingerprints import detections_sha256

        return self.memory.once(
            ("detections digest", name), lambda: detections_sha256(self.detections(name))
        )

    def _refuse_wrong_form(self, name: str, table: DetectionTable) -> None:
        """Raise `DataError` for detections that do not fit the ground truth in the form that they
        have, and do in another one."""
        from pytest_detgate.scoring.wrong_results.wrong_results import what_is_wrong

        judged_on = self.source.written_for(self.dataset(name))
        if judged_on.name != name:
            self.detections(judged_on.name)  # which refuses what it is a part of
            return
        wrong = what_is_wrong(judged_on, table)
        if wrong is not None:
            raise DataError(f"the detections of {name} are not usable: {wrong}", of_data=False)

    def is_requested(self, name: str) -> bool:
        """Whether some item of the run needs the detections of a split or probe, so that looking
        at them, for evidence, makes no model run on more images. No item but its own looks at a
        sealed probe."""
        return name in self._requested and not self.project.seals.is_closed(name)

    def infer_twice(self, split: str, images: int) -> TwoInferences:
        """What the detector finds twice on up to `images` images, spread evenly over a split;
        neither comes from the cache."""

        def make() -> TwoInferences:
            dataset = self.dataset(split)
            return self.source.infer_twice(dataset, spread(len(dataset.images), images))

        return self.memory.once(("two inferences", split, images), make)

    def changed_detections(
        self, name: str, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        """What the detector finds on some images of a split or probe after a change of each, as
        boxes on the originals; the images are those at `rows`."""
        from pytest_detgate.dataset.class_choice import chosen_detections

        def make() -> DetectionTable:
            dataset = self.dataset(name)
            table = chosen_detections(self.source.changed(dataset, rows, change), dataset)
            if table.gaps:
                gaps = "; ".join(described(table.gaps))
                raise NotLookedAtError(f"{name}, images {change.described}: {gaps}")
            return table

        return self.memory.once(("changed", name, rows.tobytes(), change), make)

    def latency(self, split: str, images: int, warm_up: int) -> LatencyMeasurement:
        """The time of the detector on `images` images, spread evenly over a split and again from
        the first where it has fewer, after `warm_up` of them."""
        import numpy as np

        def make() -> LatencyMeasurement:
            dataset = self.dataset(split)
            rows = np.resize(spread(len(dataset.images), images), images)
            return self.source.latency(dataset, rows, warm_up)

        return self.memory.once(("latency", split, images, warm_up), make)

    def detector_classes(self, name: str) -> tuple[str, ...]:
        """The classes that count of the detector, or of the result file of a split or probe."""
        from pytest_detgate.dataset.keys import composed

        def make() -> tuple[str, ...]:
            dataset = self.dataset(name)
            classes = composed(self.source.classes(dataset))
            if dataset.chosen is not None:
                classes = tuple(name for name in classes if name in dataset.chosen)
            return tuple(name for name in classes if name not in dataset.placeholders)

        return self.memory.once(("detector classes", name), make)

    # Scores

    def scores(self, split: str) -> ScoreCard:
        """COCO metrics of a split."""
        from pytest_detgate.scoring.metrics.coco_evaluation import evaluate

        scoring = self.project.tables.scoring
        return self.memory.once(
            ("scores", split),
            lambda: evaluate(
                self.dataset(split), self.detections(split), scoring.engine, scoring.max_detections
            ),
        )

    def ultralytics(self, split: str) -> UltralyticsScores:
        """The numbers of a split by the protocol of Ultralytics."""
        from pytest_detgate.scoring.metrics.coco_evaluation import refuse_undefined
        from pytest_detgate.scoring.metrics.ultralytics import ultralytics_scores

        def make() -> UltralyticsScores:
            dataset, detections = self.dataset(split), self.detections(split)
            refuse_undefined(dataset, detections)
            version = self.project.tables.scoring.ultralytics_version
            return ultralytics_scores(dataset, detections, version)

        return self.memory.once(("ultralytics", split), make)

    def ultralytics_replicates(
        self, split: str, replicates: int, seed: int
    ) -> UltralyticsReplicates:
        """Those numbers in every draw of a bootstrap."""
        return self.memory.once(
            ("ultralytics replicates", split, replicates, seed),
            lambda: self.ultralytics(split).replicates(self.resampling(split, replicates, seed)),
        )

    def matches(self, split: str, area: Area = "all") -> Matches:
        """Which detections of a split, all of them, match which ground truth, at every IoU
        threshold."""
        from pytest_detgate.scoring.columns import columns_of
        from pytest_detgate.scoring.matching import candidates_of, match
        from pytest_detgate.scoring.metrics.coco_evaluation import refuse_undefined

        def candidates() -> Candidates:
            dataset, detections = self.dataset(split), self.detections(split)
            refuse_undefined(dataset, detections)
            return candidates_of(columns_of(dataset, detections))

        return self.memory.once(
            ("matches", split, area),
            lambda: match(self.memory.once(("candidates", split), candidates), area),
        )

    def errors(self, split: str) -> Errors:
        """The errors of a split by kind, and the AP that each kind costs."""
        from pytest_detgate.scoring.metrics.error_kinds import errors_of

        most = self.project.tables.scoring.max_detections
        return self.memory.once(("errors", split), lambda: errors_of(self.matches(split), most))

    def confusion(self, split: str) -> Confusion:
        """What is detected in place of what on a split, at the operating point."""
        from pytest_detgate.scoring.metrics.coco_evaluation import refuse_undefined
        from pytest_detgate.scoring.metrics.confusion import confusion

        def make() -> Confusion:
            dataset, detections = self.dataset(split), self.detections(split)
            refuse_undefined(dataset, detections)
            return confusion(dataset, detections, self.project.score_threshold)

        return self.memory.once(("confusion", split), make)

    def units(self, name: str) -> Units:
        """The independent parts of a split or probe: clips, or images where these are unknown."""
        from pytest_detgate.inputs.independent_units import units_of

        return self.data.once(("units", name), lambda: units_of(self, name))

    def resampling(self, split: str, replicates: int, seed: int) -> Resampling:
        """The draws of a bootstrap over the clips of a split, or over its images where it has no
        clips. The same numbers give the same draws."""
        from pytest_detgate.scoring.bounds.resampling import Resampling

        return Resampling(self.units(split), replicates, seed)

    def replicates(self, split: str, area: Area, replicates: int, seed: int) -> Replicates:
        """COCO metrics of a split in every draw of such a bootstrap."""
        from pytest_detgate.scoring.bounds.bootstrap import bootstrap

        def make() -> Replicates:
            matches = self.matches(split, area)
            with self.progress.task("bootstrap", replicates, "replicates") as advance:
                return bootstrap(
                    matches,
                    self.resampling(split, replicates, seed),
                    advance,
                    self.project.tables.scoring.max_detections,
                )

        return self.memory.once(("replicates", split, area, replicates, seed), make)

    def _readable_requests(self) -> list[Dataset]:
        readable = []
        for name in self._requested:
            with contextlib.suppress(DetgateError):
                readable.append(self.dataset(name))
        return readable


def spread(total: int, requested: int) -> NDArray[np.int64]:
    """Rows of up to `requested` of `total` images, spread evenly over them."""
    import numpy as np

    count = min(requested, total)
    return np.arange(count, dtype=np.int64) * total // count
