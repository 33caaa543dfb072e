"""What can be wrong with a training run, told from its log."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.errors import DataError
from pytest_detgate.training.log import RunLog

FaultKind = Literal["non_finite", "spikes", "fallen", "plateau", "too_short"]

SPIKE_WINDOW = 10
"""How many losses before one say what is usual there."""
_LEAST_BEFORE = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where; `row` is that of the log where it is one row."""

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
        """The row of the best value, the first of several."""
        return int(self.value.argmax())


def metric_curve(log: RunLog, name: str | None) -> MetricCurve:
    """A validation metric of a run, higher being better; without a name the mean AP.

    `DataError` where it was not measured, or came out as something that is no value.
    """
    named = dict.fromkeys(key for one in log.validations for key in one.values)
    if name is None:
        name = next((key for key in named if key.lower().endswith("map")), None)
        if name is None:
            has = f"only {', '.join(named)}" if named else "no validation metric"
            raise DataError(f"{log.path}: holds {has}, so nothing can be said of the mean AP")
    if name not in named:
        raise DataError(
            f"{log.path}: holds no validation metric {name!r} (there is: "
            f"{', '.join(named) or 'none'})"
        )
    measured = [(one.step, one.values[name]) for one in log.validations if name in one.values]
    unit = "epoch" if log.by_epoch else "iteration"
    for step, value in measured:
        # COCO's figures are -1 where they are undefined.
        if not math.isfinite(value) or value < 0:
            raise DataError(f"{log.path}: {name} is {value:g} at {unit} {step}: it is undefined")
    return MetricCurve(
        name,
        unit,
        np.array([step for step, _ in measured], dtype=np.int64),
        np.array([value for _, value in measured], dtype=np.float64),
    )


def loss_faults(log: RunLog, spike: float) -> Iterator[Fault]:
    """Losses that are not finite, one for each row, and losses that spike."""
    broken: dict[int, list[str]] = {}
    for one in log.not_finite:
        broken.setdefault(one.row, []).append(f"{one.name} is {one.value:g}")
    for row, named in broken.items():
        yield Fault("non_finite", f"{place(log, row)}: {', '.join(named)}", row)
    for row, usual in spikes(log.loss, spike):
        yield Fault(
            "spikes",
            f"{place(log, row)}: loss {log.loss[row]:.4g}, {log.loss[row] / usual:.3g} times the "
            f"{usual:.4g} that was usual before",
            row,
        )


def spikes(loss: NDArray[np.float64], factor: float) -> Iterator[tuple[int, float]]:
    """Rows whose loss is above `factor` times the median of those before it, and that median.

    Looks at the last `SPIKE_WINDOW` finite losses; a loss with fewer than three before it is not
    judged, since every training starts high.
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
    """Whether the last value is below the best by more than `max_fall`."""
    best, last = float(curve.value.max()), float(curve.value[-1])
    if best - last > max_fall:
        at = int(curve.step[curve.best])
        yield Fault(
            "fallen",
            f"{curve.name} fell by {best - last:.4g}: {best:.4g} at {curve.unit} {at}, {last:.4g} "
            f"at {curve.unit} {int(curve.step[-1])}, the last",
        )


def plateau(curve: MetricCurve, validations: int, gain: float) -> Iterator[Fault]:
    """Whether none of the last `validations` is above the best before them by more than `gain`.

    A run with no validation before those is not judged.
    """
    before, late = curve.value[:-validations], curve.value[-validations:]
    if len(before) and late.max() <= before.max() + gain:
        yield Fault(
            "plateau",
            f"{curve.name} did not improve in the last {validations} validations: at best "
            f"{late.max():.4g} after {before.max():.4g}",
        )


def too_short(
    log: RunLog, min_epochs: int | None = None, min_iterations: int | None = None
) -> Iterator[Fault]:
    """Whether a run is shorter than asked for, ended before its configuration says, or in the
    middle of a line."""
    epochs, iterations = length(log)
    reasons = []
    if log.is_cut_off:
        reasons.append("the last line of the log is incomplete: the run was killed, or still runs")
    if min_epochs is not None:
        if epochs == 0:
            raise DataError(f"{log.path}: says nothing of epochs; give min-iterations")
        if epochs < min_epochs:
            reasons.append(f"{epochs} epochs, at least {min_epochs} are asked for")
    if min_iterations is not None and iterations < min_iterations:
        reasons.append(f"{iterations} iterations, at least {min_iterations} are asked for")
    plan = log.plan
    if plan is not None and plan.epochs is not None and 0 < epochs < plan.epochs:
        reasons.append(f"ended in epoch {epochs} of {plan.epochs}")
    elif plan is not None and plan.iterations is not None:
        # The last iterations are not logged where their number does not divide.
        steps = np.diff(log.iteration) if len(log.iteration) > 1 else log.iteration
        if plan.iterations - iterations >= np.median(steps):
            reasons.append(f"ended after iteration {iterations} of {plan.iterations}")
    for reason in reasons:
        yield Fault("too_short", reason)


def length(log: RunLog) -> tuple[int, int]:
    """The last epoch, 0 where the log tells none, and the last iteration that were logged."""
    return int(log.epoch.max()), int(log.iteration.max())


def place(log: RunLog, row: int) -> str:
    """A row of the log as a person finds it: `epoch 3, iteration 120`."""
    iteration = f"iteration {log.iteration[row]}"
    return f"epoch {log.epoch[row]}, {iteration}" if log.epoch[row] else iteration
