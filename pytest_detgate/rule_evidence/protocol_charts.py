"""The curves behind a metric, by the protocol that the project chose."""

from __future__ import annotations

import numpy as np

from pytest_detgate.evidence import LineChart, Mark, Panel, Series
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import plotted
from pytest_detgate.rule_evidence.score_charts import curves_of
from pytest_detgate.scoring.metrics.ultralytics import SCORES

_EVERY = 9
"""Of the 1000 scores one in so many is drawn, the first and the last among them."""


def protocol_curves(
    inputs: Inputs, split: str, what: str, category: int | None = None
) -> LineChart | None:
    """Precision over recall by the protocol of COCO; P, R and F1 by score by that of Ultralytics.
    None where there is no ground truth."""
    if inputs.project.tables.scoring.protocol == "coco":
        return curves_of(inputs.scores(split), what, category)
    scores = inputs.ultralytics(split)
    curves = {
        "P": scores.by_score.precision,
        "R": scores.by_score.recall,
        "F1": scores.by_score.f1,
    }
    drawn = {}
    for name, values in curves.items():
        judged = values if category is None else values[[category]]
        judged = judged[~np.isnan(judged[:, 0])]
        if not len(judged):
            return None
        drawn[name] = plotted(judged.mean(axis=0)[::_EVERY].tolist())
    return LineChart(
        title=f"P, R and F1 of {what} by score ({scores.protocol})",
        about=f"Ultralytics prints P, R and F1 at the score where the mean F1 of all classes, "
        f"smoothed, is highest: {scores.best_score:.3f}. At a higher score there are fewer false "
        "boxes, at a lower one fewer misses.",
        label="score",
        panels=[
            Panel(
                label="share",
                series=[
                    Series(
                        name=name,
                        x=[round(score, 6) for score in SCORES[::_EVERY].tolist()],
                        y=values,
                    )
                    for name, values in drawn.items()
                ],
                marks=[Mark(label="best F1", at=scores.best_score)],
                span=(0.0, 1.0),
            )
        ],
        span=(0.0, 1.0),
    )
