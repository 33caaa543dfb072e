"""The rule `training-curve`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, get_args

import numpy as np
from msgspec import Meta

from pytest_detgate.config.numbers import Count
from pytest_detgate.errors import DataError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.compared.training_run import require_gated_by
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import TrainingRule
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.training.curve_charts import run_chart
from pytest_detgate.training.curve_faults import (
    Fault,
    FaultKind,
    MetricCurve,
    fallen,
    length,
    loss_faults,
    metric_curve,
    plateau,
    too_short,
)
from pytest_detgate.training.log import RunLog, find_scalars, read_scalars
from pytest_detgate.training.record import finished_run

_NAMES = {"too_short": "too short", "non_finite": "not finite"}


class TrainingCurve(TrainingRule, frozen=True, kw_only=True):
    """The training run must have a sound loss curve and end at its best.

    ## What it checks

    The rule reads the log that MMEngine writes of a run, `scalars.json`: that of the run which the
    gate finished in `[train] work-dir`, else of the newest run there, or the one that `path` names.
    `count` is the number of things that are wrong:

    - `non_finite`: logged iterations whose loss, or a part of it, is NaN or infinite;
    - `spikes`: losses above `spike` times the median of the ten logged before. The first three are
      not judged. MMEngine logs the mean of a few iterations, so a spike in the log was a larger
      one;
    - `fallen`: the last validation is below the best by more than `max-fall`, higher being better;
    - `plateau`: with `plateau-validations`, none of that many last validations is above the best
      before them by more than `plateau-gain`;
    - `too_short`: fewer epochs than `min-epochs`, fewer iterations than `min-iterations`, ended
      before `max_epochs` or `max_iters` of the configuration that MMEngine puts beside the log, or
      a log whose last line is incomplete. A run with an `EarlyStoppingHook` may end at any time.

    `metric` is the validation metric, else the first whose name ends in mAP. A run without
    validation cannot be evaluated, unless `validation = false` says that none is expected. The log
    of a run that was resumed contains only the last part. Without a log, or without a loss in it,
    nothing can be evaluated.

    If a model is gated, it must be a checkpoint of that run: the one that the run ended with, or
    one that contains the name of the run, as MMEngine writes it (`experiment_name`). Otherwise
    nothing is evaluated, because the curve is that of another model.

    ## Why it matters

    A run that broke and recovered, was killed, or went past its best leaves a checkpoint like any
    other. Weights that were NaN for a moment, or a learning rate that was too high, cost accuracy
    that no single value at the end shows.

    ## How to fix

    - `non_finite` found: Lower the learning rate, warm up longer, or clip gradients; look for
      broken boxes with `degenerate-boxes`.
    - `spikes` found: Lower the learning rate, warm up longer, or clip gradients.
    - `fallen` found: Take the best epoch instead of the last.
    - `plateau` found: Stop earlier, or lower the learning rate before the end.
    - `too_short` found: Resume the run: it was cut off.
    - MMDetection: `clip_grad` of the `optim_wrapper` clips gradients, and `save_best` of the
      CheckpointHook keeps the best epoch.
    """

    code: ClassVar[str] = "training-curve"
    measures: ClassVar[str] = (
        "count non_finite spikes fallen plateau too_short epochs iterations last_loss best last"
    )
    moves_limits: ClassVar[bool] = False

    path: (
        Annotated[
            str, Meta(description="The log. Omitted: that of the run in the work-dir of [train].")
        ]
        | None
    ) = None
    max: Annotated[Count, Meta(description="Largest count that is allowed.")] = 0
    spike: Annotated[
        float,
        Meta(gt=1, description="A loss of more than this many times the usual one is a spike."),
    ] = 10
    validation: Annotated[bool, Meta(description="false: the run has no validation.")] = True
    metric: (
        Annotated[str, Meta(description="Validation metric. Omitted: the first mean AP.")] | None
    ) = None
    max_fall: Annotated[
        float, Meta(ge=0, description="Largest fall of the metric from its best to its last.")
    ] = 0.02
    plateau_validations: (
        Annotated[int, Meta(ge=1, description="Number of last validations that must improve.")]
        | None
    ) = None
    plateau_gain: Annotated[
        float, Meta(ge=0, description="How much they must improve on the best before them.")
    ] = 0.0
    min_epochs: Annotated[Count, Meta(description="Smallest number of epochs.")] | None = None
    min_iterations: Annotated[Count, Meta(description="Smallest number of iterations.")] | None = (
        None
    )

    def validate(self, project: Project) -> None:
        if self.path is None and project.work_dir is None:
            refuse(
                OptionError(
                    "there is no run to look at; add a table [train] with config and work-dir, or "
                    "give path in this table"
                )
            )
        if not self.validation and self.metric is not None:
            refuse(OptionError("is given, and yet validation = false", "metric"))
        if not self.validation and self.plateau_validations is not None:
            refuse(OptionError("is given, and yet validation = false", "plateau-validations"))

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        project = inputs.project
        path = self._path(project)
        run = None if project.work_dir is None else finished_run(project.work_dir)
        is_its_log = run is not None and run.scalars == path
        require_gated_by(inputs, run=run if is_its_log else None, log=path)
        log = read_scalars(path)
        curve: MetricCurve | None = None
        missing: list[DataError] = []
        try:
            curve = self._curve(log)
        except DataError as error:
            missing.append(error)
        faults = list(self._faults(log, curve))
        kinds = Counter(fault.kind for fault in faults)
        epochs, iterations = length(log)
        finite = log.loss[np.isfinite(log.loss)]
        shown = [
            *(Measurement.shown(kind, kinds[kind]) for kind in get_args(FaultKind)),
            Measurement.shown("epochs", epochs),
            Measurement.shown("iterations", iterations),
        ]
        if len(finite):
            shown.append(Measurement.shown("last_loss", finite[-1]))
        if curve is not None:
            shown += [
                Measurement.shown("best", curve.value[curve.best]),
                Measurement.shown("last", curve.value[-1]),
            ]
        return Outcome(
            message=_message(log, kinds, curve) + f" ({inputs.project.relative(log.path)})",
            measurements=[Measurement.at_most("count", len(faults), self.max), *shown],
            findings=(Finding(text=fault.text) for fault in faults),
            findings_total=len(faults),
            evidence=Evidence(charts=[run_chart(log, curve, faults)]),
            missing=missing,
        )

    def _path(self, project: Project) -> Path:
        if self.path is not None:
            return project.configuration.locate(self.path)
        assert project.work_dir is not None
        return find_scalars(project.work_dir)

    def _curve(self, log: RunLog) -> MetricCurve | None:
        if not self.validation:
            return None
        if not log.validations:
            raise DataError(
                f"{log.path}: the run was not validated while it trained, so it is unknown "
                "whether it ends at its best; validate it (val_interval), or give "
                "validation = false"
            )
        return metric_curve(log, self.metric)

    def _faults(self, log: RunLog, curve: MetricCurve | None) -> Iterator[Fault]:
        yield from loss_faults(log, self.spike)
        if curve is not None:
            yield from fallen(curve, self.max_fall)
            if self.plateau_validations is not None:
                yield from plateau(curve, self.plateau_validations, self.plateau_gain)
        yield from too_short(log, self.min_epochs, self.min_iterations)

    passing: ClassVar[Example] = Example(
        config='[rules.training-curve]\npath = "scalars.json"',
        files={
            "scalars.json": """\
            {"lr": 0.004, "loss": 2.1, "epoch": 1, "iter": 50, "step": 50}
            {"coco/bbox_mAP": 0.48, "step": 1}
            {"lr": 0.004, "loss": 0.9, "epoch": 2, "iter": 100, "step": 100}
            {"coco/bbox_mAP": 0.61, "step": 2}
            """
        },
    )
    failing: ClassVar[Example] = Example(
        config='[rules.training-curve]\npath = "scalars.json"',
        files={
            "scalars.json": """\
            {"lr": 0.004, "loss": 2.1, "epoch": 1, "iter": 50, "step": 50}
            {"coco/bbox_mAP": 0.61, "step": 1}
            {"lr": 0.004, "loss": NaN, "epoch": 2, "iter": 100, "step": 100}
            {"coco/bbox_mAP": 0.48, "step": 2}
            """
        },
    )


def _message(log: RunLog, kinds: Counter[FaultKind], curve: MetricCurve | None) -> str:
    epochs, iterations = length(log)
    faults = (
        ", ".join(f"{count} {_NAMES.get(kind, kind)}" for kind, count in kinds.items())
        or "nothing wrong"
    )
    text = f"{faults} in {counted(iterations, 'iteration')}"
    if epochs:
        text += f" of {counted(epochs, 'epoch')}"
    if curve is not None:
        best, last = curve.value[curve.best], curve.value[-1]
        text += (
            f"; {curve.name} {best:.4g} at best, {curve.unit} {int(curve.step[curve.best])}, and "
            f"{last:.4g} at last"
        )
    return text
