"""The rule `checkpoint-choice`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Share
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.compared.other_models import by_number, pattern_in
from pytest_detgate.inputs.compared.sweep import Epoch
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.models.sweep import (
    CheckpointFigures,
    short_names,
    sweep_chart,
    sweep_table,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import ScoreRule
from pytest_detgate.rules.options import require_probe
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.false_boxes import require_threshold
from pytest_detgate.scoring.metrics.operating_point import (
    RecallCurve,
    false_scores,
    recall_curve,
)
from pytest_detgate.scoring.score_card import ApMetric


class CheckpointChoice(ScoreRule, frozen=True, kw_only=True):
    """The gated checkpoint must be the right one of its training run.

    ## What it checks

    The gated checkpoint and every checkpoint of a sweep (`--detgate-sweep`, or `checkpoints`) run
    on the evaluated split and on all probes. `ap` is AP on the split. `boxes` is the number of
    false boxes on the probes at the operating point. `beaten_by` counts the checkpoints with a
    higher AP, by more than `noise`, and fewer false boxes.

    Few false boxes may also come from a model whose scores are all low, so checkpoints are also
    compared at equal recall. `timid` counts the checkpoints with a higher AP, by more than `noise`,
    and more false boxes at the operating point, if the gated checkpoint reaches their recall at
    that point (IoU 0.5, all classes together) only with even more false boxes, or not at all. Both
    counts must be 0.

    The chart and the table show the values of each checkpoint. `boxes_at_equal_recall` is the
    number of false boxes at the highest score threshold at which a checkpoint reaches one common
    recall. That recall is the highest at the operating point among the checkpoints whose AP is not
    below that of the gated one.

    ## Why it matters

    The last checkpoint is gated because it is the last, or an early one because it has the fewest
    false boxes. An early one has few because its scores are low: with a threshold at which it
    detects as much as the others, it is the worst.

    ## How to fix

    Gate the checkpoint that the message names. If you want few false boxes, raise the score
    threshold of a good checkpoint instead.
    """

    code: ClassVar[str] = "checkpoint-choice"
    measures: ClassVar[str] = (
        "beaten_by timid ap ap[EPOCH] boxes boxes[EPOCH] boxes_at_equal_recall "
        "boxes_at_equal_recall[EPOCH]"
    )
    moves_limits: ClassVar[bool] = False

    checkpoints: (
        Annotated[
            str,
            Meta(
                description="Pattern for the other checkpoints, such as work_dirs/x/epoch_*.pth, "
                "relative to detgate.toml; --detgate-sweep wins."
            ),
        ]
        | None
    ) = None
    metric: ApMetric = "AP"
    noise: Annotated[Share, Meta(description="How much AP changes between two seeds.")] = 0.003

    def validate(self, project: Project) -> None:
        super().validate(project)
        require_probe(project)

    def targets(self, project: Project) -> Iterator[Target]:
        wanted = (project.evaluate_on, *project.probes)
        yield Target(datasets=wanted, detections=wanted)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        pattern = None
        if self.checkpoints is not None:
            pattern = pattern_in(inputs.project.configuration.path.parent, self.checkpoints)
        sweep = inputs.sweep(target.datasets, pattern, lambda epoch: self._values_of(epoch, target))
        sweep.sort(key=lambda epoch: by_number(epoch.checkpoint))
        gated = next(epoch for epoch in sweep if epoch.gated)
        others = [epoch for epoch in sweep if epoch is not gated]
        if not others:
            raise DataError(
                f"{gated.checkpoint} is the only checkpoint of the sweep, so there is none to "
                "choose from"
            )
        recall = max(epoch.recall for epoch in sweep if epoch.ap >= gated.ap)
        better = [epoch for epoch in others if epoch.ap > gated.ap + self.noise]
        beaten_by = [epoch for epoch in better if epoch.boxes < gated.boxes]
        timid = [epoch for epoch in better if _shows_timid(gated, epoch)]
        names = short_names(sweep)
        at_equal = gated.boxes_at(recall)
        is_coco = inputs.project.tables.scoring.protocol == "coco"
        metric = self.metric if is_coco else f"COCO's {self.metric}"
        return Outcome(
            message=_message(gated, beaten_by, timid, len(sweep), metric),
            measurements=[
                Measurement.at_most("beaten_by", len(beaten_by), 0),
                Measurement.at_most("timid", len(timid), 0),
                Measurement.shown("ap", gated.ap),
                Measurement.shown("boxes", gated.boxes),
                *(
                    []
                    if at_equal is None
                    else [Measurement.shown("boxes_at_equal_recall", at_equal)]
                ),
                *_by_epoch("ap", sweep, names, lambda epoch: epoch.ap),
                *_by_epoch("boxes", sweep, names, lambda epoch: epoch.boxes),
                *_by_epoch(
                    "boxes_at_equal_recall", sweep, names, lambda epoch: epoch.boxes_at(recall)
                ),
            ],
            tables={"sweep": sweep_table(sweep, target.datasets[1:], recall)},
            evidence=Evidence(charts=[sweep_chart(sweep, names, gated, recall, self.metric)]),
        )

    def _values_of(self, epoch: Epoch, target: Target) -> CheckpointFigures:
        split, *probes = target.datasets
        inputs = epoch.inputs
        threshold = inputs.project.score_threshold
        detections = inputs.detections(split)
        require_threshold(detections, threshold)
        if len(detections) or epoch.gated:
            ap = inputs.scores(split).value_of(self.metric)
            curve = recall_curve(inputs.matches(split), score_floor=detections.score_floor)
        else:
            # An early checkpoint may find nothing at all, which is the worst it can do.
            boxes = int(np.count_nonzero(~inputs.dataset(split).boxes.crowd))
            ap, curve = 0.0, RecallCurve(np.empty(0), boxes, detections.score_floor)
        if ap is None or curve is None:
            raise DataError(f"{self.metric} is not defined on {split}: it has no box to find")
        return CheckpointFigures(
            checkpoint=epoch.checkpoint,
            number=epoch.number,
            gated=epoch.gated,
            ap=ap,
            curve=curve,
            threshold=threshold,
            false={
                probe: false_scores(inputs.dataset(probe), inputs.detections(probe))
                for probe in probes
            },
        )

    passing: ClassVar[Example] = Example(
        config="[rules.checkpoint-choice]\ncheckpoints = 'epoch_*.pth'",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        probes={"compliant": {"b_1.jpg": []}},
        detections={
            "val": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]},
            "compliant": {"b_1.jpg": []},
        },
        epochs={
            "epoch_1": {
                "val": {"a_1.jpg": [("helmet_off", 0.4, 10, 10, 30, 24)]},
                "compliant": {"b_1.jpg": [("helmet_off", 0.5, 10, 10, 30, 30)]},
            },
        },
    )
    failing: ClassVar[Example] = Example(
        config="[rules.checkpoint-choice]\ncheckpoints = 'epoch_*.pth'",
        splits={"val": {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}},
        probes={"compliant": {"b_1.jpg": []}},
        detections={
            "val": {"a_1.jpg": [("helmet_off", 0.2, 10, 10, 30, 24)]},
            "compliant": {
                "b_1.jpg": [
                    ("helmet_off", 0.25, 10, 10, 30, 30),
                    ("helmet_off", 0.22, 50, 50, 30, 30),
                ]
            },
        },
        epochs={
            "epoch_9": {
                "val": {"a_1.jpg": [("helmet_off", 0.9, 10, 10, 30, 30)]},
                "compliant": {"b_1.jpg": [("helmet_off", 0.4, 10, 10, 30, 30)]},
            },
        },
    )


def _shows_timid(gated: CheckpointFigures, other: CheckpointFigures) -> bool:
    """Whether the gated checkpoint has few false boxes only as long as it finds little: to find
    as much as the other it needs more of them, or cannot do it at all."""
    own = gated.boxes_at(other.recall)
    return gated.boxes < other.boxes and (own is None or own > other.boxes)


def _message(
    gated: CheckpointFigures,
    beaten_by: Sequence[CheckpointFigures],
    timid: Sequence[CheckpointFigures],
    total: int,
    metric: str,
) -> str:
    if beaten_by:
        best = max(beaten_by, key=lambda epoch: (epoch.ap, -epoch.boxes))
        return (
            f"ship {best.checkpoint}, not {gated.checkpoint}: {metric} {best.ap:.3f} against "
            f"{gated.ap:.3f}, and {_boxes(best.boxes)} against {gated.boxes}"
        )
    if timid:
        best = max(timid, key=lambda epoch: (epoch.ap, -epoch.boxes))
        own = gated.boxes_at(best.recall)
        has = "cannot reach" if own is None else f"has {own} at"
        return (
            f"ship {best.checkpoint}, not {gated.checkpoint}, whose {_boxes(gated.boxes)} at the "
            f"operating point come from low confidence: it {has} recall {best.recall:.3f}, where "
            f"{best.checkpoint} has {best.boxes} ({metric} {best.ap:.3f} against {gated.ap:.3f})"
        )
    return (
        f"of {counted(total, 'checkpoint')} none is better than {gated.checkpoint} in {metric} "
        f"({gated.ap:.3f}) and in false boxes ({gated.boxes})"
    )


def _boxes(count: int) -> str:
    return counted(count, "false box")


def _by_epoch(
    name: str,
    sweep: Sequence[CheckpointFigures],
    names: Sequence[str],
    value_of: Callable[[CheckpointFigures], float | int | None],
) -> Iterator[Measurement]:
    for epoch, short in zip(sweep, names, strict=True):
        value = value_of(epoch)
        if value is not None:
            yield Measurement.shown(f"{name}[{short}]", value)
