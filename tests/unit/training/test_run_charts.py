"""A training run as a chart: which points, parts and metrics are drawn, and where marks stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_detgate.evidence import LineChart, Panel
from pytest_detgate.training.curve_charts import FAULTS_CAP, METRICS_CAP, POINTS_CAP, run_chart
from pytest_detgate.training.curve_faults import loss_faults, metric_curve
from pytest_detgate.training.log import read_scalars


def drawn(folder: Path, rows: list[dict[str, Any]], spike: float = 10) -> LineChart:
    path = folder / "scalars.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    log = read_scalars(path)
    curve = metric_curve(log, None) if log.validations else None
    return run_chart(log, curve, list(loss_faults(log, spike)))


def losses(count: int, **further: Any) -> list[dict[str, Any]]:
    return [{"loss": 1.0, "iter": 10 * number, **further} for number in range(1, count + 1)]


def named(panel: Panel) -> dict[str, list[float | None]]:
    return {series.name: series.y for series in panel.series}


def test_few_parts_of_the_loss_are_drawn_with_gaps(tmp_path: Path) -> None:
    rows = losses(2, loss_cls=0.75, loss_bbox=0.25)
    del rows[1]["loss_bbox"]

    (panel,) = drawn(tmp_path, rows).panels

    assert named(panel) == {"loss": [1, 1], "loss_cls": [0.75, 0.75], "loss_bbox": [0.25, None]}


def test_a_single_part_or_very_many_are_not_drawn(tmp_path: Path) -> None:
    (first,) = drawn(tmp_path, losses(2, loss_cls=1.0)).panels
    (many,) = drawn(tmp_path, losses(2, **{f"d{number}.loss": 0.1 for number in range(12)})).panels

    assert list(named(first)) == ["loss"]
    assert list(named(many)) == ["loss"]


def test_thinning_keeps_the_rows_with_faults(tmp_path: Path) -> None:
    rows = losses(2000)
    rows[1002]["loss"] = 50.0

    chart = drawn(tmp_path, rows)

    (series,) = chart.panels[0].series
    assert POINTS_CAP <= len(series.x) <= POINTS_CAP + 1
    assert series.y[series.x.index(10030)] == 50
    assert [(mark.label, mark.at) for mark in chart.panels[0].marks] == [("spike", 10030)]


def test_faults_are_capped_and_counted(tmp_path: Path) -> None:
    rows = losses(100)
    for row in rows[10:50]:
        row["loss"] = float("nan")

    chart = drawn(tmp_path, rows)

    assert len(chart.panels[0].marks) == FAULTS_CAP
    assert "not finite at 40 logged iterations; the first 20 are marked:" in chart.about


def test_validations_stand_at_the_last_iteration_of_their_epoch(tmp_path: Path) -> None:
    """Two rows an epoch; one validation comes before any training."""
    rows = [
        {"loss": 1.0, "iter": number, "epoch": epoch}
        for number, epoch in ((50, 1), (100, 1), (150, 2), (200, 2))
    ]
    rows += [{"mAP": value, "step": step} for step, value in ((0, 0.0), (1, 0.5), (2, 0.25))]

    chart = drawn(tmp_path, rows)

    assert chart.panels[1].series[0].x == [0, 100, 200]
    assert [(mark.label, mark.at) for mark in chart.marks] == [("best, epoch 1", 100)]


def test_validations_by_iteration_stand_there(tmp_path: Path) -> None:
    chart = drawn(tmp_path, [*losses(4), {"mAP": 0.5, "step": 20}, {"mAP": 0.75, "step": 40}])

    assert chart.panels[1].series[0].x == [20, 40]
    assert [(mark.label, mark.at) for mark in chart.marks] == [("best, iteration 40", 40)]


def test_metrics_that_share_the_axis_are_drawn_judged_first(tmp_path: Path) -> None:
    """Undefined figures leave a gap; a count of images would flatten the rest."""
    metrics = {"n_images": 400.0, "small": -1.0, "mAP": 0.5, "mAP_50": 0.75}
    rows = [*losses(4), {**metrics, "step": 20}, {"mAP": 0.25, "small": 0.125, "step": 40}]

    panel = drawn(tmp_path, rows).panels[1]

    assert named(panel) == {"mAP": [0.5, 0.25], "small": [None, 0.125], "mAP_50": [0.75, None]}
    assert next(iter(named(panel))) == "mAP"


def test_metrics_are_capped(tmp_path: Path) -> None:
    rows = [*losses(4), {"mAP": 0.5, **{f"m{number}": 0.5 for number in range(20)}, "step": 20}]

    assert len(drawn(tmp_path, rows).panels[1].series) == METRICS_CAP
