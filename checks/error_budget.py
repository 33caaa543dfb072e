"""The rule `error-budget`."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, cast

import msgspec
import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.counts import verb
from pytest_detgate.dataset.tables import Dataset
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import BarChart, Evidence, Matrix
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.score_charts import confusion_matrix, error_kinds
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.rule import OptionError, Outcome, Target
from pytest_detgate.scoring.metrics.error_kinds import KINDS, ErrorKind, Errors

MaxDap = Annotated[Share, Meta(description="Largest AP that errors of this kind may cost.")]
WORST = 1000
"""Detections of any score are errors, hundreds of thousands on a large split; nobody looks at
those of the lowest scores."""
_IN_CONFUSION = ("background", "class", "miss")


class ErrorBudget(ScoreRule, frozen=True, kw_only=True):
    """Errors of one kind must not cost more AP than allowed.

    ## What it checks

    Errors on the evaluated split are sorted into the six kinds of TIDE. Each kind with a limit is
    one item:

    - `background`: detections of nothing;
    - `duplicate`: detections of a box that is already detected;
    - `class`: detections of a box of another class;
    - `location`: detections beside their box;
    - `both`: detections with the wrong class and beside the box;
    - `miss`: boxes that were not detected.

    `dap` is what AP at IoU 0.5 would gain if all errors of the kind were fixed and no others, from
    0 to 1. `count` is the number of errors, at any score; the thousand worst are listed. The
    numbers are those of tidecv, except that classes without ground truth, which have no AP, are
    left out of the mean. As in tidecv, the best 100 detections of each image are used
    (`max-detections` of `[scoring]`); the message says how many are left out.

    ## Why it matters

    AP says how bad a detector is, and not what is bad about it. Each kind has a different remedy,
    and one kind may grow while AP stays the same.

    ## How to fix

    - `background` found: Add more images without anything to detect, such as those shown.
    - `class` found: See in the confusion matrix which classes are confused, and check their labels.
    - `location` found: Look for loose boxes in the ground truth.
    - `both` found: Look for loose boxes and confused classes in the ground truth.
    - `duplicate` found: Lower the IoU threshold of non-maximum suppression.
    - `miss` found: Add more boxes like the missed ones, or use a larger input.
    """

    code: ClassVar[str] = "error-budget"
    measures: ClassVar[str] = "dap dap[CLASS] count count[CLASS]"

    background: MaxDap | None = None
    duplicate: MaxDap | None = None
    class_: MaxDap | None = msgspec.field(default=None, name="class")
    location: MaxDap | None = None
    both: MaxDap | None = None
    miss: MaxDap | None = None
    counts: (
        Annotated[dict[str, Count], Meta(description="Largest number of errors by kind.")] | None
    ) = None

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_names("kind of error", self.counts or (), KINDS, table=["counts"])
        if not any(self._limited(kind) for kind in KINDS):
            raise OptionError(
                f"sets no limit, so it could never fail; give one or more of {', '.join(KINDS)}, "
                "or counts"
            )

    def targets(self, project: Project) -> Iterator[Target]:
        for kind in KINDS:
            if self._limited(kind):
                yield self.target(project, kind)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        split = target.datasets[0]
        kind = cast(ErrorKind, target.label)
        errors = inputs.errors(split)
        dap, count = _dap(errors, kind, split), errors.total(kind)
        by_class = list(
            zip(
                errors.columns.classes,
                errors.class_dap(kind).tolist(),
                errors.count[KINDS.index(kind)].tolist(),
                strict=True,
            )
        )
        return Outcome(
            message=f"{counted(count, 'error')} of kind {kind} cost {dap:.3f} AP50 on {split}"
            f"{self._uncounted(errors, inputs.project)}",
            measurements=[
                Measurement.at_most("dap", dap, self._most(kind)),
                Measurement.at_most("count", count, (self.counts or {}).get(kind)),
                *(
                    Measurement.shown(f"dap[{name}]", cost)
                    for name, cost, _ in by_class
                    if cost > 0
                ),
                *(Measurement.shown(f"count[{name}]", of) for name, _, of in by_class if of),
            ],
            findings=_findings(errors, kind, inputs.dataset(split)),
            findings_total=count,
            tables=_tables(errors),
            evidence=Evidence(charts=[*self._costs(errors, split), *_matrix(inputs, split, kind)]),
        )

    def _uncounted(self, errors: Errors, project: Project) -> str:
        if not errors.uncounted:
            return ""
        most = project.tables.scoring.max_detections
        return (
            f"; {counted(errors.uncounted, 'detection')} beyond the best {most} of an image "
            f"{verb(errors.uncounted, 'do')} not count"
        )

    def _costs(self, errors: Errors, split: str) -> Iterator[BarChart]:
        limits = {kind: most for kind in KINDS if (most := self._most(kind)) is not None}
        yield error_kinds(
            {kind: errors.dap(kind) for kind in KINDS},
            {kind: errors.total(kind) for kind in KINDS},
            split,
            limits,
        )

    def _most(self, kind: ErrorKind) -> float | None:
        return self.class_ if kind == "class" else getattr(self, kind)

    def _limited(self, kind: ErrorKind) -> bool:
        return self._most(kind) is not None or kind in (self.counts or {})

    passing: ClassVar[Example] = Example(
        config="[rules.error-budget]\nbackground = 0.1\nmiss = 0.1",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
        detections={
            "val": {
                "a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 0.3, 10, 10, 30, 30)],
            }
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.error-budget]\nbackground = 0.1\nmiss = 0.1",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)], "a_2.jpg": []}},
        detections={
            "val": {
                "a_1.jpg": [("helmet_off", 0.3, 10, 10, 30, 30)],
                "a_2.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)],
            }
        },
    )


def _dap(errors: Errors, kind: ErrorKind, split: str) -> float:
    dap = errors.dap(kind)
    if dap is not None:
        return dap
    if np.isnan(errors.ap).all():
        raise DataError(f"AP is not defined on {split}: it has no box to find")
    raise DataError(
        f"every box of {split} is missed, so without the misses there is no box to find, and what "
        "they cost is not defined"
    )


def _findings(errors: Errors, kind: ErrorKind, dataset: Dataset) -> Iterator[Finding]:
    """Detections by score, missed boxes by area: the worst first."""
    columns = errors.columns
    if kind == "miss":
        largest = np.argsort(-columns.gt_area[errors.missed], kind="stable")
        for row in errors.missed[largest[:WORST]]:
            label = columns.classes[columns.gt_category[row]]
            yield Finding(
                text=f"{label} not found",
                dataset=dataset.name,
                image=str(dataset.images.file_name[columns.gt_image[row]]),
                box=tuple(columns.gt_xywh[row].tolist()),
                label=label,
            )
        return
    of_kind = errors.of_kind(kind)
    score = columns.dt_score[errors.detection[of_kind]]
    for index in of_kind[np.argsort(-score, kind="stable")[:WORST]]:
        row = errors.detection[index]
        label = columns.classes[columns.dt_category[row]]
        yield Finding(
            text=f"{label} {columns.dt_score[row]:.2f}{_why(errors, kind, int(index))}",
            dataset=dataset.name,
            image=str(dataset.images.file_name[columns.dt_image[row]]),
            box=tuple(columns.dt_xywh[row].tolist()),
            label=label,
            score=float(columns.dt_score[row]),
        )


def _why(errors: Errors, kind: ErrorKind, row: int) -> str:
    if kind == "class":
        columns = errors.columns
        return f", labelled {columns.classes[columns.gt_category[errors.about[row]]]}"
    return {
        "background": ", nothing labelled there",
        "duplicate": ", found already",
        "location": ", off its box",
        "both": ", off a box of another class",
    }[kind]


def _tables(errors: Errors) -> dict[str, Table]:
    classes = errors.columns.classes
    costs = np.column_stack([errors.ap, *(errors.class_dap(kind) for kind in KINDS)])
    return {
        "AP50, and what each kind of error costs": Table(
            columns=["class", "AP50", *KINDS],
            rows=[
                [name, *(None if math.isnan(cost) else cost for cost in row)]
                for name, row in zip(classes, costs.tolist(), strict=True)
            ],
        ),
        "Errors by kind": Table(
            columns=["class", *KINDS],
            rows=[[name, *row] for name, row in zip(classes, errors.count.T.tolist(), strict=True)],
        ),
    }


def _matrix(inputs: Inputs, split: str, kind: ErrorKind) -> Iterator[Matrix]:
    """The confusion matrix where it explains the kind; AP needs no operating point, so the item
    does without a matrix where the detector keeps too little for one."""
    if kind in _IN_CONFUSION:
        with contextlib.suppress(DataError):
            yield confusion_matrix(inputs.confusion(split), split)
