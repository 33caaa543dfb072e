"""The rule `class-names`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from pytest_detgate.dataset.keys import near_key
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import nearest, nearest_name
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, NO_PIXELS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.rule import Family, OptionError, Outcome, Target


class ClassNames(CountRule, frozen=True, kw_only=True):
    """The detector and the splits must have the same class names.

    ## What it checks

    `count` is the number of class names that only one of two has. The detector is compared with
    each split (`class-names[val]`), and each further split with the first one
    (`class-names[train-val]`, a data rule). `between` names two splits that are compared, and then
    no detector is.

    Names are compared letter by letter, in any order. A result file that has only ids and no
    `categories` cannot be compared. Formats without a list of classes (`voc`, `openimages`) have
    the classes of their boxes: a class of the first split that another one does not have counts
    only if that one has a class with a near name.

    ## Why it matters

    Classes are matched by name. `Helmet-off` and `helmet_off` are two classes to every program: the
    first is never detected, and MMDetection trains without the boxes of the second. Sources that
    were labelled apart call one thing `vest` and `safety vest`.

    ## How to fix

    Give the data set's `metainfo` in the training configuration the names of the annotation file,
    and train again; or rename the categories of the file that is named.
    """

    code: ClassVar[str] = "class-names"
    measures: ClassVar[str] = "count"
    accepts_findings: ClassVar[bool] = True
    family: ClassVar[Family] = "model"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS | NO_PIXELS

    between: (
        Annotated[
            tuple[str, str],
            Meta(
                description="Two splits that are compared. Omitted: the detector with each split, "
                "and each split with the first one."
            ),
        ]
        | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_names("split", self.between or (), project.splits, "between")
        if self.between is not None and self.splits is not None:
            raise OptionError("only applies without between, which names the splits", "splits")

    def targets(self, project: Project) -> Iterator[Target]:
        if self.between is None:
            yield from super().targets(project)
            first, *others = project.splits if self.splits is None else self.splits
            pairs = [(first, other) for other in others]
        else:
            pairs = [self.between]
        for pair in pairs:
            yield Target(label="-".join(pair), datasets=pair, family="data")

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        if len(target.datasets) == 2:
            return self._compare_splits(target, inputs)
        dataset = self.split(target, inputs)
        model = inputs.detector_classes(dataset.name)
        only_model = [name for name in model if name not in dataset.classes]
        only_data = [name for name in dataset.classes if name not in model]
        findings = [
            Finding(
                text=f"{name!r} is a class of {owner} only{nearest(name, others)}",
                dataset=dataset.name,
                label=name,
            )
            for owner, names, others in (
                ("the detector", only_model, only_data),
                (dataset.name, only_data, only_model),
            )
            for name in names
        ]
        return self._outcome(
            findings,
            f"the detector and {dataset.name}",
            len(model) - len(only_model),
            self.limit(target),
        )

    def _compare_splits(self, target: Target, inputs: Inputs) -> Outcome:
        reference, tested = map(inputs.tables, target.datasets)
        only_tested = _only(tested, reference)
        only_reference = _only(reference, tested)
        if not tested.has_class_list:
            only_reference = [name for name in only_reference if _near(name, only_tested)]
        if not reference.has_class_list and tested.has_class_list:
            # A class without boxes is none of what the boxes of the first split have.
            used = set(tested.boxes.category.tolist())
            only_tested = [
                name
                for name in only_tested
                if tested.classes.index(name) in used or _near(name, only_reference)
            ]
        unmatched = [
            (name, owner, other, _near(name, others))
            for owner, other, names, others in (
                (tested, reference, only_tested, only_reference),
                (reference, tested, only_reference, only_tested),
            )
            for name in names
        ]
        # Pairs of near names come first: they are the likely mistakes.
        unmatched.sort(key=lambda unmatched_name: unmatched_name[-1] is None)
        findings = [
            Finding(
                text=_mismatch_text(*unmatched_name, inputs),
                dataset=unmatched_name[1].name,
                label=unmatched_name[0],
            )
            for unmatched_name in unmatched
        ]
        shared = len(tested.classes) - len(only_tested)
        return self._outcome(findings, f"{reference.name} and {tested.name}", shared, self.max)

    def _outcome(self, findings: Sequence[Finding], both: str, shared: int, limit: int) -> Outcome:
        texts = [finding.text for finding in findings]
        message = "; ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
        return Outcome(
            message=message or f"{both} have the same {counted(shared, 'class')}",
            measurements=[Measurement.at_most("count", len(texts), limit)],
            findings=findings,
        )

    passing: ClassVar[Example] = Example(
        config="[rules.class-names]",
        detector_classes=("helmet_off",),
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.class-names]",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        detector_classes=("Helmet-off",),
        detections={"val": {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}},
    )


def _only(owner: Dataset, other: Dataset) -> list[str]:
    return [name for name in dict.fromkeys(owner.classes) if name not in other.classes]


def _near(name: str, others: Sequence[str]) -> str | None:
    """The other name that is nearest: the same in another spelling, one that has all its words, or
    the one with most letters in common."""
    words = _words(name)
    for other in others:
        if near_key(other) == near_key(name) or _words(other) == words:
            return other
    for other in others:
        if words and _words(other) and (words <= _words(other) or _words(other) <= words):
            return other
    return nearest_name(name, others)


def _words(name: str) -> frozenset[str]:
    return frozenset(near_key(name).replace("_", " ").replace("-", " ").split())


def _mismatch_text(
    name: str, owner: Dataset, other: Dataset, near: str | None, inputs: Inputs
) -> str:
    text = f"{name!r} is a class of {_file(owner, inputs)} only"
    if near is None:
        return text
    text += f"; {_file(other, inputs)} says {near!r}"
    project = inputs.project
    further = [split for split in project.splits if split not in (owner.name, other.name)]
    agree = [split for split in further if near in project.classes(split)]
    return f"{text}, and so does {' and '.join(agree)}" if agree else text


def _file(dataset: Dataset, inputs: Inputs) -> str:
    path = dataset.annotations or dataset.images_dir
    return f"{dataset.name} ({inputs.project.relative(path)})"
