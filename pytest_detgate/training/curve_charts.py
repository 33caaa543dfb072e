"""Chart of a training run: loss, learning rate and validation over its iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.training.curve_faults import Fault, MetricCurve, length
from pytest_detgate.training.log import RunLog

POINTS_CAP = 500
"""Largest number of evenly spread points of a curve; rows with a fault are added to them."""
FAULTS_CAP = 20
"""Largest number of marked faults of single rows."""
PARTS_CAP = 5
"""Largest number of drawn parts of the loss; if there are more, none is drawn."""
METRICS_CAP = 5
"""Largest number of drawn validation metrics, the judged one first."""

_FAULT_NAMES = {"spikes": "spike", "non_finite": "not finite"}


def run_chart(log: RunLog, curve: MetricCurve | None, faults: Sequence[Fault]) -> LineChart:
    """Draw the curves of a run, with marks at its best validation and its first faults."""
    at_rows = [fault for fault in faults if fault.row is not None][:FAULTS_CAP]
    rows = np.union1d(
        thinned(len(log.loss)), np.array([fault.row for fault in at_rows], dtype=np.int64)
    )
    x = log.iteration[rows].astype(float).tolist()
    parts = log.parts if 1 < len(log.parts) <= PARTS_CAP else {}
    panels = [
        Panel(
            label="loss",
            series=[
                Series(name=name, x=x, y=_values(values[rows]))
                for name, values in {"loss": log.loss, **parts}.items()
            ],
            marks=[
                Mark(label=_FAULT_NAMES.get(fault.kind, fault.kind), at=float(log.iteration[row]))
                for fault in at_rows
                if (row := fault.row) is not None
            ],
        )
    ]
    marks: list[Mark] = []
    if curve is not None:
        panels.append(Panel(label="validation", series=_metrics(log, curve)))
        best = int(curve.step[curve.best])
        marks = [Mark(label=f"best, {curve.unit} {best}", at=_iteration(log, best))]
    if np.isfinite(log.learning_rate).any():
        series = Series(name="learning rate", x=x, y=_values(log.learning_rate[rows]))
        panels.append(Panel(label="learning rate", series=[series]))
    return LineChart(
        title="Training run",
        about=_about(log, curve, faults),
        label="iteration",
        panels=panels,
        marks=marks,
    )


def thinned(n_rows: int) -> NDArray[np.int64]:
    """Return up to `POINTS_CAP` rows, spread evenly, with the first and the last."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, POINTS_CAP)).round().astype(np.int64))


def _metrics(log: RunLog, curve: MetricCurve) -> list[Series]:
    """Return the judged metric and others that can share its axis."""
    named = dict.fromkeys(
        [curve.name, *(name for validation in log.validations for name in validation.values)]
    )
    shown = [log.validations[row] for row in thinned(len(log.validations))]
    x = [_iteration(log, validation.step) for validation in shown]
    limit = max(1.0, float(curve.value.max()))
    series = []
    for name in named:
        values = [validation.values.get(name, math.nan) for validation in shown]
        highest = max(filter(math.isfinite, values), default=math.inf)
        # Seconds or losses of a validation would flatten a metric from 0 to 1.
        if name == curve.name or highest <= limit:
            # COCO metrics are -1 if they are undefined.
            defined = [value if value >= 0 else None for value in values]
            series.append(Series(name=name, x=x, y=_values(defined)))
    return series[:METRICS_CAP]


def _iteration(log: RunLog, step: int) -> float:
    """Return the iteration of a validation: the last one logged up to its epoch."""
    if not log.by_epoch:
        return float(step)
    before = log.iteration[log.epoch <= step]
    return float(before.max()) if len(before) else 0.0


def _about(log: RunLog, curve: MetricCurve | None, faults: Sequence[Fault]) -> str:
    _, iterations = length(log)
    kinds = {fault.kind for fault in faults}
    about = f"The loss over {counted(iterations, 'iteration')}"
    if curve is None:
        about += "."
    else:
        best, last = float(curve.value[curve.best]), float(curve.value[-1])
        about += (
            f", and the validation metrics: {curve.name} is best at {curve.unit} "
            f"{int(curve.step[curve.best])}, {best:.4g}, and {last:.4g} at the end."
        )
    if "fallen" in kinds:
        about += " Take the best epoch."
    n_rows = sum(fault.row is not None for fault in faults)
    if n_rows:
        first = f"; the first {FAULTS_CAP} are marked" if n_rows > FAULTS_CAP else ""
        about += (
            f" The loss spikes or is not finite at {n_rows} logged "
            f"iteration{'s' if n_rows > 1 else ''}{first}: lower the learning rate, warm up "
            "longer, or clip gradients."
        )
    return about


def _values(values: Iterable[float | None]) -> list[float | None]:
    return [
        float(value) if value is not None and math.isfinite(value) else None for value in values
    ]
