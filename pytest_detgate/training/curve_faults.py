"""Faults of a training run that its log shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.counts import counted
from pytest_detgate.errors import DataError
from pytest_detgate.training.log import RunLog

FaultKind = Literal["non_finite", "spikes", "fallen", "plateau", "too_short"]

SPIKE_WINDOW = 10
"""Number of earlier losses whose median is the usual loss."""
_LEAST_BEFORE = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `row` is that of the log if it concerns a single row."""

    kind: FaultKind
    text: str
    row: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MetricCurve:
    """A validation metric over the run: `step` (n,) int64 and `value` (n,) float64, in order.

    `unit` is what a step counts: `epoch` or `iteration`.
    """

    name: str
    unit: str
    step: NDArray[np.int64]
    value: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Index of the best value, the first of several."""
        return int(self.value.argmax())


def metric_curve(log: RunLog, name: str | None) -> MetricCurve:
    """Return a validation metric of a run, higher being better; without a name the mean AP.

    `DataError` if it was not measured, or if a value is undefined.
    """
    named = dict.fromkeys(key for validation in log.validations for key in validation.values)
    if name is None:
        name = next((key for key in named if key.lower().endswith("map")), None)
        if name is None:
            metrics = f"only {', '.join(named)}" if named else "no validation metric"
            raise DataError(f"{log.path}: has {metrics}, so the mean AP cannot be judged")
    if name not in named:
        raise DataError(
            f"{log.path}: has no validation metric {name!r} (logged: {', '.join(named) or 'none'})"
        )
    measured = [
        (validation.step, validation.values[name])
        for validation in log.validations
        if name in validation.values
    ]
    unit = "epoch" if log.by_epoch else "iteration"
    for step, value in measured:
        # COCO metrics are -1 if they are undefined.
        if not math.isfinite(value) or value < 0:
            raise DataError(f"{log.path}: {name} is {value:g} at {unit} {step}: it is undefined")
    return MetricCurve(
        name,
        unit,
        np.array([step for step, _ in measured], dtype=np.int64),
        np.array([value for _, value in measured], dtype=np.float64),
    )


def loss_faults(log: RunLog, spike: float) -> Iterator[Fault]:
    """Yield losses that are not finite, one fault for each row, and losses that spike."""
    broken: dict[int, list[str]] = {}
    for fault in log.not_finite:
        broken.setdefault(fault.row, []).append(f"{fault.name} is {fault.value:g}")
    for row, named in broken.items():
        yield Fault("non_finite", f"{position(log, row)}: {', '.join(named)}", row)
    for row, usual in spikes(log.loss, spike):
        yield Fault(
            "spikes",
            f"{position(log, row)}: loss {log.loss[row]:.4g}, {log.loss[row] / usual:.3g} times "
            f"the {usual:.4g} that was usual before",
            row,
        )


def spikes(loss: NDArray[np.float64], factor: float) -> Iterator[tuple[int, float]]:
    """Yield rows with a loss above `factor` times the median of those before, and that median.

    The median is that of the last `SPIKE_WINDOW` finite losses. A loss with fewer than three before
    it is not judged, because every training starts with high losses.
    """
    usual: list[float] = []
    for row, value in enumerate(loss.tolist()):
        if not math.isfinite(value):
            continue
        if len(usual) >= _LEAST_BEFORE:
            median = float(np.median(usual[-SPIKE_WINDOW:]))
            if 0 < factor * median < value:
                yield row, median
        usual.append(value)


def fallen(curve: MetricCurve, max_fall: float) -> Iterator[Fault]:
    """Yield a fault if the last value is below the best by more than `max_fall`."""
    best, last = float(curve.value.max()), float(curve.value[-1])
    if best - last > max_fall:
        best_step = int(curve.step[curve.best])
        yield Fault(
            "fallen",
            f"{curve.name} fell by {best - last:.4g}: {best:.4g} at {curve.unit} {best_step}, "
            f"{last:.4g} at {curve.unit} {int(curve.step[-1])}, the last",
        )


def plateau(curve: MetricCurve, validations: int, gain: float) -> Iterator[Fault]:
    """Yield a fault if none of the last `validations` exceeds the best before by more than `gain`.

    A run without a validation before those is not judged.
    """
    before, late = curve.value[:-validations], curve.value[-validations:]
    if len(before) and late.max() <= before.max() + gain:
        yield Fault(
            "plateau",
            f"{curve.name} did not improve in the last {counted(validations, 'validation')}: at "
            f"best {late.max():.4g} after {before.max():.4g}",
        )


def too_short(
    log: RunLog, min_epochs: int | None = None, min_iterations: int | None = None
) -> Iterator[Fault]:
    """Yield faults if a run is shorter than required or planned, or ends within a line."""
    epochs, iterations = length(log)
    reasons = []
    if log.is_cut_off:
        reasons.append("the last line of the log is incomplete: the run was killed, or still runs")
    if min_epochs is not None:
        if epochs == 0:
            raise DataError(f"{log.path}: has no epochs; use min-iterations")
        if epochs < min_epochs:
            reasons.append(f"{counted(epochs, 'epoch')}, at least {min_epochs} are required")
    if min_iterations is not None and iterations < min_iterations:
        reasons.append(
            f"{counted(iterations, 'iteration')}, at least {min_iterations} are required"
        )
    plan = log.plan
    if plan is not None and plan.epochs is not None and 0 < epochs < plan.epochs:
        reasons.append(f"ended in epoch {epochs} of {plan.epochs}")
    elif plan is not None and plan.iterations is not None:
        # The last iterations are not logged if the logging interval does not divide the length.
        steps = np.diff(log.iteration) if len(log.iteration) > 1 else log.iteration
        if plan.iterations - iterations >= np.median(steps):
            reasons.append(f"ended after iteration {iterations} of {plan.iterations}")
    for reason in reasons:
        yield Fault("too_short", reason)


def length(log: RunLog) -> tuple[int, int]:
    """Return the last epoch, 0 if the log has none, and the last iteration."""
    return int(log.epoch.max()), int(log.iteration.max())


def position(log: RunLog, row: int) -> str:
    """Name a row of the log: `epoch 3, iteration 120`."""
    iteration = f"iteration {log.iteration[row]}"
    return f"epoch {log.epoch[row]}, {iteration}" if log.epoch[row] else iteration
