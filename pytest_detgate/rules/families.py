"""Base classes of rules that look at the same things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import ANNOTATION_GAPS, DETECTION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.options import (
    allowed_missing_classes,
    require_evaluated_split,
    require_names,
    require_probe,
)
from pytest_detgate.rules.rule import Family, OptionError, Rule, Target

MaxUnlabelled = Annotated[
    Count,
    Meta(description="Images without a label file that are allowed, for each split."),
]
"""The option `max-unlabelled` of rules that look at what is on the images of a split."""


MaxUnboxed = Annotated[
    Count,
    Meta(
        description="Images with shapes that are no boxes, such as brushes, points and lines, that "
        "are allowed, for each split. Only the boxes on them are looked at."
    ),
]
"""The option `max-unboxed` of rules that look at what is on the images of a split."""


class SplitRule(Rule, frozen=True, kw_only=True):
    """A rule that looks at splits, one item for each."""

    splits: Annotated[tuple[str, ...], Meta(description="Omitted: every split.")] | None = None
    max_unlabelled: MaxUnlabelled = 0
    max_unboxed: MaxUnboxed = 0

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {
            "images-without-labels": self.max_unlabelled,
            "shapes-not-boxes": self.max_unboxed,
        }

    def validate(self, project: Project) -> None:
        require_names("split", self.splits or (), project.splits, "splits")
        if not (project.splits if self.splits is None else self.splits):
            raise OptionError("there is no split to look at", "splits" if self.splits else None)

    def targets(self, project: Project) -> Iterator[Target]:
        for split in project.splits if self.splits is None else self.splits:
            yield Target(label=split, datasets=(split,))


class CountRule(SplitRule, frozen=True, kw_only=True):
    """A rule that finds things in a split as its file has it, ids used twice and all."""

    max: Annotated[Count, Meta(description="Largest count that is allowed.")] = 0
    max_by_split: (
        Annotated[
            dict[str, Count],
            Meta(description="Largest counts of single splits, in place of max: known faults."),
        ]
        | None
    ) = None

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        if project.splits:
            yield {}

    def validate(self, project: Project) -> None:
        super().validate(project)
        splits = project.splits if self.splits is None else self.splits
        require_names("split", self.max_by_split or (), splits, table=["max-by-split"])

    def limit(self, target: Target) -> int:
        """The largest count that is allowed in the split of an item."""
        return (self.max_by_split or {}).get(target.datasets[0], self.max)

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        counts = {split: int(measured["count"]) for split, measured in values.items()}
        known = {split: count for split, count in counts.items() if count > self.max}
        return {"max-by-split": known} if known else {}

    def split(self, target: Target, inputs: Inputs) -> Dataset:
        """The tables of the split; `DataError` where it has no images to look at."""
        dataset = inputs.tables(target.datasets[0])
        if not len(dataset.images):
            where = inputs.project.relative(dataset.annotations or dataset.images_dir)
            raise DataError(f"{dataset.name} has no images ({where})")
        return dataset


class SplitPairRule(Rule, frozen=True, kw_only=True):
    """A rule that compares a tested split with a reference."""

    between: Annotated[
        tuple[str, str], Meta(description="The reference split and the tested split.")
    ]

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        reference = project.training_split
        for tested in project.splits:
            if reference is not None and tested != reference:
                yield {"between": [reference, tested]}

    def validate(self, project: Project) -> None:
        require_names("split", self.between, project.splits, "between")

    def targets(self, project: Project) -> Iterator[Target]:
        yield Target(label="-".join(self.between), datasets=self.between)


class DetectionRule(Rule, frozen=True, kw_only=True):
    """A rule that looks at what the detector says."""

    family: ClassVar[Family] = "model"

    allow_missing_classes: Annotated[
        bool | Count,
        Meta(
            description="How many classes a result file that lists its classes may leave out; true "
            "for any number. They count as classes without detections."
        ),
    ] = False

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return allowed_missing_classes(self.allow_missing_classes)


class ProbeRule(DetectionRule, frozen=True, kw_only=True):
    """A rule that looks at what the detector says on probes, one item for each probe."""

    max_unlabelled: Annotated[
        Count,
        Meta(
            description="Images without a label file that are allowed, for each probe. Every box "
            "on them is false."
        ),
    ] = 0

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {**super().allowed_gaps(), "images-without-labels": self.max_unlabelled}

    def validate(self, project: Project) -> None:
        require_probe(project)

    def targets(self, project: Project) -> Iterator[Target]:
        for probe in project.probes:
            yield Target(label=probe, datasets=(probe,), detections=(probe,))


class ScoreRule(DetectionRule, frozen=True, kw_only=True):
    """A rule on the COCO metrics of the split that `[model] evaluate-on` names."""

    # What a detector was not asked about counts as not found: AP and recall would be too low.
    spoiling_gaps: ClassVar[frozenset[GapKind]] = DETECTION_GAPS

    max_unlabelled: MaxUnlabelled = 0

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {**super().allowed_gaps(), "images-without-labels": self.max_unlabelled}

    def validate(self, project: Project) -> None:
        require_evaluated_split(project)

    def targets(self, project: Project) -> Iterator[Target]:
        yield self.target(project)

    def target(self, project: Project, label: str | None = None) -> Target:
        """An item that needs the metrics of the evaluated split."""
        split = project.evaluate_on
        return Target(label=label, datasets=(split,), detections=(split,))


class TrainingRule(Rule, frozen=True, kw_only=True):
    """A rule on how the model is trained, one item."""

    family: ClassVar[Family] = "training"

    def targets(self, project: Project) -> Iterator[Target]:
        yield Target()


class RunningRule(Rule, frozen=True, kw_only=True):
    """A rule that runs the detector by itself on some images of the evaluated split, and so needs
    no detections of them all."""

    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS
    family: ClassVar[Family] = "model"

    def validate(self, project: Project) -> None:
        require_evaluated_split(project)

    def targets(self, project: Project) -> Iterator[Target]:
        yield Target(datasets=(project.evaluate_on,))
