"""What is drawn of many classes, and what is left out."""

from __future__ import annotations

import numpy as np

from pytest_detgate.evidence import BarChart, LineChart
from pytest_detgate.rule_evidence.score_charts import (
    ap_by_class,
    confusion_matrix,
    curves_of_split,
    error_kinds,
)
from pytest_detgate.scoring.metrics.confusion import Confusion
from pytest_detgate.scoring.metrics.error_kinds import KINDS
from pytest_detgate.scoring.score_card import ClassScore, ScoreCard


def card(classes: int) -> ScoreCard:
    """Class k has precision (k + 1) / classes at every recall; the last one has no ground
    truth."""
    level = np.arange(1, classes + 1) / classes
    precision = np.broadcast_to(level[:, None, None], (10, 101, classes, 4, 3)).copy()
    precision[:, :, -1] = -1
    return ScoreCard(
        engine="by hand",
        classes={
            f"class{k}": ClassScore(
                AP=level[k] if k < classes - 1 else None,
                AP50=None,
                AP75=None,
                boxes=1,
                detections=1,
            )
            for k in range(classes)
        },
        precision=precision,
        recall=precision[:, 0],
    )


def names(chart: LineChart | None) -> list[str]:
    assert chart is not None
    return [series.name for series in chart.panels[0].series]


def test_up_to_twelve_classes_have_a_curve_each() -> None:
    chart = curves_of_split(card(13), "val")

    assert names(chart) == ["mean over classes", *(f"class{k}" for k in range(12))]
    assert chart is not None
    assert "The weakest class is class0 (AP 0.077)" in chart.about
    assert "are drawn" not in chart.about


def test_of_more_the_weakest_are_drawn_and_that_is_said() -> None:
    chart = curves_of_split(card(14), "val")

    assert names(chart) == ["mean over classes", *(f"class{k}" for k in range(5))]
    assert chart is not None
    assert chart.about.endswith("Of 13 classes the 5 weakest are drawn.")


def test_of_hundreds_of_classes_thirty_bars_are_drawn() -> None:
    values = {f"class{k}": k / 100 for k in range(100)} | {"absent": None}

    chart = ap_by_class(values, lambda _: None, "val", "AP")

    assert isinstance(chart, BarChart)
    assert [bar.name for bar in chart.bars] == [f"class{k}" for k in range(30)]
    assert chart.about.endswith("Of 100 classes the 30 weakest are drawn.")


def test_the_most_confused_classes_are_in_the_matrix() -> None:
    """Of 25 classes, all but 3 and 17 are right but for those that miss a box, which class 5 … 23
    do; 3 is taken for 17."""
    matrix = np.diag([9] * 26)
    matrix[25, 25] = 0
    matrix[3, 17] = 4
    matrix[5:24, 25] = 1
    names = tuple(f"class{k}" for k in range(25))
    confusions = Confusion(names, 0.3, matrix, np.zeros(25, dtype=np.int64), 0)

    chart = confusion_matrix(confusions, "val")

    remaining = [3, *range(5, 24)]
    assert chart.rows == [*(f"class{k}" for k in remaining), "(nothing there)"]
    assert chart.columns == [*(f"class{k}" for k in remaining), "(not found)"]
    assert chart.counts == [
        [
            *(
                9 if row == column and row < 25 else 4 * ((row, column) == (3, 17))
                for column in remaining
            ),
            int(5 <= row < 24),
        ]
        for row in [*remaining, 25]
    ]
    assert "class3 is taken for class17 most often (4 times)" in chart.about
    assert chart.about.endswith("Of 25 classes the 20 with the most errors are drawn.")


def test_the_dearest_kind_of_error_is_named() -> None:
    costs = {kind: 0.01 * index for index, kind in enumerate(KINDS)}
    undefined = dict.fromkeys(KINDS)
    counts = dict.fromkeys(KINDS, 2000)

    chart = error_kinds(costs, counts, "val", {"both": 0.04})

    assert chart.about.startswith("Errors of kind miss cost most: 0.050 AP at IoU 0.5 (2,000 of")
    assert [bar.value for bar in chart.bars] == [0.0, 0.01, 0.02, 0.03, 0.04, 0.05]
    assert [bar.passed for bar in chart.bars] == [None, None, None, None, True, None]
    assert error_kinds(undefined, counts, "val").about == "No kind of error costs AP at IoU 0.5."
