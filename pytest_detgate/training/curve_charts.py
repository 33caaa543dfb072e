"""A training run as a chart: loss, learning rate and validation over its iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.training.curve_faults import Fault, MetricCurve, length
from pytest_detgate.training.log import RunLog

POINTS_CAP = 500
"""Points of one curve, spread evenly; rows with a fault come on top of them."""
FAULTS_CAP = 20
"""Faults of single rows that are marked."""
PARTS_CAP = 5
"""Parts of the loss that are drawn; where there are more, none is."""
METRICS_CAP = 5
"""Validation metrics that are drawn, the judged one first."""

_FAULT_NAMES = {"spikes": "spike", "non_finite": "not finite"}


def run_chart(log: RunLog, curve: MetricCurve | None, faults: Sequence[Fault]) -> LineChart:
    """The curves of a run, with its best validation and its first faults marked."""
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
    """Up to `POINTS_CAP` rows, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, POINTS_CAP)).round().astype(np.int64))


def _metrics(log: RunLog, curve: MetricCurve) -> list[Series]:
    """The judged metric and others that may share its axis."""
    named = dict.fromkeys([curve.name, *(name for one in log.validations for name in one.values)])
    some = [log.validations[row] for row in thinned(len(log.validations))]
    x = [_iteration(log, one.step) for one in some]
    top = float(curve.value.max())
    found = []
    for name in named:
        values = [one.values.get(name, math.nan) for one in some]
        # Seconds or losses of a validation would flatten a share.
        if name == curve.name or max(filter(math.isfinite, values), default=math.inf) <= max(
            1.0, top
        ):
            # COCO's figures are -1 where they are undefined.
            found.append(
                Series(name=name, x=x, y=_values(value if value >= 0 else None for value in values))
            )
    return found[:METRICS_CAP]


def _iteration(log: RunLog, step: int) -> float:
    """The iteration after which a validation was made: the last one logged up to its epoch."""
    if not log.by_epoch:
        return float(step)
    before = log.iteration[log.epoch <= step]
    return float(before.max()) if len(before) else 0.0


def _about(log: RunLog, curve: MetricCurve | None, faults: Sequence[Fault]) -> str:
    _, iterations = length(log)
    kinds = {fault.kind for fault in faults}
    about = f"The loss over {iterations} iterations"
    if curve is None:
        about += "."
    else:
        best, last = float(curve.value[curve.best]), float(curve.value[-1])
        about += (
            f", and what validation said: {curve.name} is best at {curve.unit} "
            f"{int(curve.step[curve.best])}, {best:.4g}, and {last:.4g} at the end."
        )
    if "fallen" in kinds:
        about += " Take the best epoch."
    n_rows = sum(fault.row is not None for fault in faults)
    if n_rows:
        some = f"; the first {FAULTS_CAP} are marked" if n_rows > FAULTS_CAP else ""
        about += (
            f" The loss spikes or is no number at {n_rows} logged "
            f"iteration{'s' if n_rows > 1 else ''}{some}: lower the learning rate, warm up longer, "
            "or clip gradients."
        )
    return about


def _values(values: Iterable[float | None]) -> list[float | None]:
    return [
        float(value) if value is not None and math.isfinite(value) else None for value in values
    ]
