"""What a rule is.

A rule is one frozen class in a file of its own. Its fields are its options, its docstring is its
page. It says which items it makes (`targets`) and what it measures on each (`check`); verdicts,
pytest and reports are not its business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol, TypeVar

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count
from pytest_detgate.config.wording import unknown
from pytest_detgate.dataset.clips import ClipKey
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import ANNOTATION_GAPS, DETECTION_GAPS, Extent, GapKind
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.project import Project

if TYPE_CHECKING:
    from pytest_detgate.dataset.clips import Clips
    from pytest_detgate.dataset.frames import FrameKey, Frames
    from pytest_detgate.dataset.tables import Dataset, DetectionTable, ImageTable
    from pytest_detgate.detector.latency.timing import Latency
    from pytest_detgate.inputs.baseline import Baseline
    from pytest_detgate.inputs.detection_sources import GatedModel, TwoInferences
    from pytest_detgate.inputs.sweep import Epoch
    from pytest_detgate.pictures.hashes import PictureKeys
    from pytest_detgate.scoring.bounds.bootstrap import Replicates
    from pytest_detgate.scoring.bounds.resampling import Resampling, Units
    from pytest_detgate.scoring.confusion import Confusion
    from pytest_detgate.scoring.error_kinds import Errors
    from pytest_detgate.scoring.matching import Matches
    from pytest_detgate.scoring.score_card import Area, ScoreCard
    from pytest_detgate.training.fed_data import TrainingSettings, TrainingView

S = TypeVar("S", bound=Struct)
T = TypeVar("T")
Family = Literal["data", "training", "model"]


class OptionError(Exception):
    """An option whose value is of the right type and yet makes no sense here."""

    def __init__(self, what: str, key: str | None = None, table: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.key = key
        self.table = tuple(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One item of a rule: its label in square brackets, and what it needs to be evaluated.

    `datasets` are the splits and probes the rule looks at; `detections` those of them that it
    needs detections of. `nothing` marks the item of a rule that finds nothing to look at: it says
    so, and is never evaluated.
    """

    label: str | None = None
    datasets: tuple[str, ...] = ()
    detections: tuple[str, ...] = ()
    nothing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a rule found on one target: a sentence, values held against limits, and places.

    `findings` come the most telling first; `findings_total` is theirs unless it is given.
    `tables` are numbers behind the verdict, by title, `evidence` what is to be seen: charts,
    frames, pairs of pictures. `accepted` is the reason why the project lets the item through
    although nothing could be held against a limit: it is then *waived*. `extent` is how much the
    rule had to look at and did look at, where that is not the images of its splits and probes.
    """

    message: str
    measurements: Sequence[Measurement]
    findings: Iterable[Finding] = ()
    findings_total: int | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    accepted: str | None = None
    extent: Extent | None = None


class Inputs(Protocol):
    """What a rule may ask for. Whatever cannot be had raises a `DetgateError` with the reason,
    which makes the item *not evaluated*."""

    project: Project

    def tables(self, name: str) -> Dataset:
        """The tables of a split or probe just as its file has them, for rules on integrity."""

    def dataset(self, name: str) -> Dataset:
        """The tables of a split or probe that has images, each with an id of its own, so that it
        is certain which image an annotation belongs to."""

    def images_with(self, name: str, field: str) -> ImageTable:
        """The images of such a split or probe with one further field of their file's entries;
        `fields` lacks it where no entry can have any, as in a folder of pictures."""

    def clips(self, name: str, key: ClipKey) -> Clips:
        """The clip of each image of a split or probe."""

    def frames(self, name: str, key: FrameKey) -> Frames:
        """The clip and frame number of each image of a split or probe."""

    def pictures(self, name: str, *, hashed: bool) -> PictureKeys:
        """What tells the pictures of a split or probe apart: the digests of their bytes and,
        where `hashed`, their perceptual hashes."""

    def detections(self, name: str) -> DetectionTable:
        """What the detector, or the result file in its place, found on a split or probe."""

    def refuse_silent(self, name: str) -> None:
        """Raise `NotLookedAtError` where the detector finds nothing at all, on a split or probe
        that it finds nothing on or on images with ground truth: no count of its boxes says
        anything then. Every item does so for the detections that it needs."""

    def asked_for(self, name: str) -> bool:
        """Whether some item of the run needs the detections of a split or probe, so that looking
        at them, for evidence, makes no model run on more images."""

    def detector_classes(self, name: str) -> tuple[str, ...]:
        """The classes of the detector, or of the result file of a split or probe."""

    def scores(self, split: str) -> ScoreCard:
        """COCO figures of a split."""

    def matches(self, split: str, area: Area = "all") -> Matches:
        """Which detections of a split, all of them, match which ground truth, at every IoU
        threshold."""

    def errors(self, split: str) -> Errors:
        """The errors of a split by kind, and the AP that each kind costs."""

    def confusion(self, split: str) -> Confusion:
        """What is detected in place of what on a split, at the operating point."""

    def units(self, name: str) -> Units:
        """What is independent of each other in a split or probe: its clips, or its images where
        clips cannot be told."""

    def resampling(self, split: str, replicates: int, seed: int) -> Resampling:
        """The draws of a bootstrap over the clips of a split, or over its images where it has no
        clips. The same numbers give the same draws."""

    def replicates(self, split: str, area: Area, replicates: int, seed: int) -> Replicates:
        """COCO figures of a split in every draw of such a bootstrap."""

    def repeated(self, split: str, images: int) -> TwoInferences:
        """What the detector says twice of up to `images` images, spread evenly over a split;
        neither answer is one that was kept."""

    def latency(self, split: str, images: int, warm_up: int) -> Latency:
        """The time of the detector on `images` images, spread evenly over a split and again from
        the first where it has fewer, after `warm_up` of them."""

    def baseline(self) -> Baseline:
        """What the gated model is compared with; `NoBaselineError` where there is none."""

    def sweep(
        self, wanted: Sequence[str], checkpoints: str | None, measure: Callable[[Epoch], T]
    ) -> list[T]:
        """What `measure` says of each checkpoint of a sweep and of the gated one, each file once.

        They are loaded one after another, so `measure` must keep no part of an epoch. `wanted`
        are the splits and probes whose detections it asks for, at least one; `checkpoints` is a
        pattern for paths that is used where the command line names no sweep.
        """

    def gated_model(self) -> GatedModel | None:
        """The model that is gated, of which only the digest is needed; None where no model is named
        or result files are gated."""

    def training_settings(self) -> TrainingSettings:
        """What the training configuration says of the run itself."""

    def training_view(self) -> TrainingView:
        """What the training data set, built as the training configuration does, feeds."""


class Rule(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Base class of all rules. A subclass in a module that is searched is a rule."""

    code: ClassVar[str]
    family: ClassVar[Family] = "data"
    compares: ClassVar[bool] = False
    """Whether it asks for the baseline."""
    ignored_gaps: ClassVar[frozenset[GapKind]] = frozenset()
    """Gaps in its splits and probes that make no difference to it, or that it measures itself; any
    other makes its items *not evaluated*."""
    spoiling_gaps: ClassVar[frozenset[GapKind]] = frozenset()
    """Those of the others that make a figure of the rest wrong, so that nothing is measured."""
    passing: ClassVar[Example]
    failing: ClassVar[Example]

    name: Annotated[str, Meta(min_length=1, description="Tells several tables apart.")] | None = (
        None
    )
    severity: Annotated[
        Literal["error", "warning"], Meta(description="A warning is shown and does not fail.")
    ] = "error"

    def validate(self, project: Project) -> None:
        """Raise `OptionError` for options that make no sense in this project."""

    def targets(self, project: Project) -> Iterator[Target]:
        """The items this table makes, in a stable order; a table without any gets one that is
        not evaluated."""
        raise NotImplementedError

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        """How much of each kind of gap an option of this table allows, where it allows any."""
        return {}

    def can_fail(self) -> bool:
        """Whether any data or model could break a limit of this table. A floor of 0 and a largest
        share of 1 are limits that nothing breaks."""
        return True

    def can_block(self) -> bool:
        """Whether a limit of this table, if it is broken, fails the run."""
        return self.severity == "error" and self.can_fail()

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        """Measure one target."""
        raise NotImplementedError


MaxUnlabelled = Annotated[
    Count,
    Meta(description="Images without a label file that may be left out, of each split."),
]
"""The option `max-unlabelled` of rules that look at what is on the images of a split."""


class SplitRule(Rule, frozen=True, kw_only=True):
    """A rule that looks at splits, one item for each."""

    splits: Annotated[tuple[str, ...], Meta(description="Omitted: every split.")] | None = None
    max_unlabelled: MaxUnlabelled = 0

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        return {"images-without-labels": self.max_unlabelled}

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
        given = self.allow_missing_classes
        return {"classes-without-detections": sys.maxsize if given is True else int(given)}


class ProbeRule(DetectionRule, frozen=True, kw_only=True):
    """A rule that looks at what the detector says on probes, one item for each probe."""

    def validate(self, project: Project) -> None:
        if not project.probes:
            raise OptionError("there is no probe; add a table such as [probes.compliant]")

    def targets(self, project: Project) -> Iterator[Target]:
        for probe in project.probes:
            yield Target(label=probe, datasets=(probe,), detections=(probe,))


class ScoreRule(DetectionRule, frozen=True, kw_only=True):
    """A rule on the COCO figures of the split that `[model] evaluate-on` names."""

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
        """An item that needs the figures of the evaluated split."""
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


def merged(own: S, rule: Rule) -> S:
    """The options of one probe: its own and, where it leaves one out (None), the rule's."""
    return type(own)(
        **{
            key: getattr(rule, key) if (given := getattr(own, key)) is None else given
            for key in own.__struct_fields__
        }
    )


def require_evaluated_split(project: Project) -> None:
    """Raise `OptionError` where `[model] evaluate-on` names no split."""
    if project.evaluate_on not in project.splits:
        raise OptionError(
            f"[model] evaluate-on: {unknown('split', project.evaluate_on, project.splits)}"
        )


def require_training_config(project: Project) -> None:
    """Raise `OptionError` where no file says how the project trains."""
    if project.training_config is None:
        raise OptionError(
            "there is no training configuration to look at; add a table [train] with config and "
            "work-dir, or config under [model]"
        )


def require_names(
    kind: str,
    names: Iterable[str],
    allowed: Sequence[str] | None,
    key: str | None = None,
    table: Sequence[str] = (),
) -> None:
    """Raise `OptionError` for the first name that is not allowed or is given twice.

    Without a `key` the names are keys of the `table`. Where it is not known what is allowed
    (None), anything is.
    """
    listed = tuple(names)
    for at, name in enumerate(listed):
        if allowed is not None and name not in allowed:
            raise OptionError(unknown(kind, name, allowed), key or name, table)
        if name in listed[:at]:
            raise OptionError(f"{kind} {name!r} is named twice", key, table)


ClipField = Annotated[str, Meta(description="Image field that holds the clip, e.g. video_id.")]
"""The option `clip-field` of every rule that tells clips."""


def clip_key(project: Project, field: str | None, otherwise: str = "") -> ClipKey:
    """How clips are told here; raises `OptionError`, which may name another way out, where they
    cannot be."""
    if field is None and project.frame_pattern is None:
        raise OptionError(
            "cannot tell clips: give [dataset] frame-pattern, or clip-field in this table"
            + otherwise
        )
    return ClipKey(pattern=project.frame_pattern, field=field)


def sets_limit(option: object) -> bool:
    """Whether an option that was given, or left out (None), sets a limit: an empty table of
    limits by class sets none."""
    return option is not None and option != {}


def require_limit(rule: Rule, *keys: str) -> None:
    """Raise `OptionError` unless one of the options that set a limit is given."""
    if not any(sets_limit(getattr(rule, key.replace("-", "_"))) for key in keys):
        raise OptionError(f"sets no limit, so it could never fail; give {' or '.join(keys)}")


def require_order(low: float | None, high: float | None) -> None:
    """Raise `OptionError` where `min` is above `max`: nothing could pass."""
    if low is not None and high is not None and low > high:
        raise OptionError(f"min = {low:g} is above max = {high:g}: no value could pass", "min")
