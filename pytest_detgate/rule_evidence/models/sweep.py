"""Checkpoints of one training run side by side: what each measured, as a chart and as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.findings import Table
from pytest_detgate.record.formatting import plotted
from pytest_detgate.scoring.metrics.operating_point import RecallCurve, count_over


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckpointFigures:
    """What is known of one checkpoint once it is no longer loaded.

    `false` are the scores of the false boxes of each probe, best first.
    """

    checkpoint: str
    number: int | None
    gated: bool
    ap: float
    curve: RecallCurve
    threshold: float
    false: dict[str, NDArray[np.float64]]

    @property
    def recall(self) -> float:
        """Recall at the operating point."""
        return self.curve.recall(self.threshold)

    @property
    def boxes(self) -> int:
        """False boxes at the operating point."""
        return self.over(self.threshold)

    def over(self, threshold: float) -> int:
        """False boxes on all probes over a threshold."""
        return sum(count_over(score, threshold) for score in self.false.values())

    def boxes_at(self, recall: float) -> int | None:
        """False boxes at the highest threshold that has the recall; None where it has none."""
        threshold = self.curve.threshold_for_recall(recall)
        return None if threshold is None else self.over(threshold)


def short_names(sweep: Sequence[CheckpointFigures]) -> list[str]:
    """`epoch_3` for each checkpoint, or its path where two have the same name."""
    stems = [PurePosixPath(epoch.checkpoint).stem for epoch in sweep]
    return stems if len(set(stems)) == len(stems) else [epoch.checkpoint for epoch in sweep]


def sweep_chart(
    sweep: Sequence[CheckpointFigures],
    names: Sequence[str],
    gated: CheckpointFigures,
    recall: float,
    metric: str,
) -> LineChart:
    """AP and false boxes over the epochs, or over the checkpoints in their order where it is not
    known of each how many epochs it was trained for."""
    numbers = [epoch.number for epoch in sweep]
    known = [float(number) for number in numbers if number is not None]
    is_known = len(set(known)) == len(sweep)
    x = known if is_known else [float(number) for number in range(1, len(sweep) + 1)]
    at_equal = [epoch.boxes_at(recall) for epoch in sweep]
    best = max(range(len(sweep)), key=lambda index: sweep[index].ap)
    reached = [index for index, boxes in enumerate(at_equal) if boxes is not None]
    fewest = min(reached, key=lambda index: (at_equal[index] or 0, -sweep[index].ap))
    return LineChart(
        title=f"{metric} and false boxes by checkpoint",
        about=f"{names[best]} has the highest {metric} ({sweep[best].ap:.3f}); at equal recall "
        f"({recall:.3f}) {names[fewest]} has the fewest false boxes ({at_equal[fewest]}). Ship a "
        "checkpoint that is good in both: few boxes at a fixed threshold alone may come from low "
        "confidence.",
        label="epoch" if is_known else "checkpoint, in the order of the names",
        panels=[
            Panel(
                label=metric,
                series=[Series(name=metric, x=x, y=plotted(epoch.ap for epoch in sweep))],
            ),
            Panel(
                label="false boxes",
                series=[
                    Series(
                        name=f"at score > {gated.threshold:g}",
                        x=x,
                        y=[epoch.boxes for epoch in sweep],
                    ),
                    Series(name=f"at recall {recall:.3f}", x=x, y=list(at_equal)),
                ],
            ),
        ],
        marks=[Mark(label=f"gated: {names[sweep.index(gated)]}", at=x[sweep.index(gated)])],
    )


def sweep_table(sweep: Sequence[CheckpointFigures], probes: Sequence[str], recall: float) -> Table:
    return Table(
        columns=[
            *("checkpoint", "epoch", "gated", "ap", "recall", "boxes"),
            *(f"boxes[{probe}]" for probe in probes),
            *("threshold_at_equal_recall", "boxes_at_equal_recall"),
        ],
        rows=[
            [
                *(epoch.checkpoint, epoch.number, epoch.gated, epoch.ap, epoch.recall),
                epoch.boxes,
                *(count_over(epoch.false[probe], epoch.threshold) for probe in probes),
                _finite(epoch.curve.threshold_for_recall(recall)),
                epoch.boxes_at(recall),
            ]
            for epoch in sweep
        ],
    )


def _finite(threshold: float | None) -> float | None:
    return None if threshold is None or math.isinf(threshold) else threshold
