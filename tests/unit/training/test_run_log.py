"""The log of a training run: what is read of it, and what can be wrong with the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.errors import DataError
from pytest_detgate.training.curve_faults import (
    fallen,
    loss_faults,
    metric_curve,
    plateau,
    spikes,
    too_short,
)
from pytest_detgate.training.log import (
    NotFinite,
    PlannedLength,
    RunLog,
    Validation,
    find_scalars,
    read_scalars,
)

LINES = """\
{"base_lr": 0.01, "lr": 0.004, "loss": 2.0, "loss_cls": 1.5, "epoch": 1, "iter": 50, "step": 50}
{"coco/bbox_mAP": 0.4, "coco/bbox_mAP_50": 0.7, "data_time": 0.1, "time": 0.2, "step": 1}
{"lr": 0.002, "loss": NaN, "loss_cls": Infinity, "grad_norm": NaN, "epoch": 2, "iter": 100}
{"coco/bbox_mAP": 0.3, "coco/bbox_mAP_50": 0.6, "step": 2}
"""


NONE: Mapping[int, float] = {}


def write(folder: Path, text: str, name: str = "scalars.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def run(
    folder: Path, losses: Sequence[float], metrics: Mapping[int, float] = NONE, **plan: int
) -> RunLog:
    """A log of one epoch for each loss, 10 iterations each, and mAP after some epochs."""
    rows: list[dict[str, Any]] = [
        {"loss": loss, "epoch": number, "iter": 10 * number}
        for number, loss in enumerate(losses, start=1)
    ]
    rows += [{"mAP": value, "step": step} for step, value in metrics.items()]
    if plan:
        write(
            folder,
            f"train_cfg = dict({', '.join(f'{k}={v}' for k, v in plan.items())})",
            "config.py",
        )
    return read_scalars(write(folder, "".join(json.dumps(row) + "\n" for row in rows)))


def texts(faults: Any) -> list[str]:
    return [f"{fault.kind}: {fault.text}" for fault in faults]


def test_a_log_is_read_as_it_is_written(tmp_path: Path) -> None:
    log = read_scalars(write(tmp_path, LINES))

    assert log.iteration.tolist() == [50, 100]
    assert log.epoch.tolist() == [1, 2]
    assert log.loss[0] == 2.0
    assert math.isnan(log.loss[1])
    assert log.learning_rate.tolist() == [0.004, 0.002]
    assert [(entry.row, entry.name) for entry in log.not_finite] == [(1, "loss"), (1, "loss_cls")]
    assert log.not_finite[1] == NotFinite(1, "loss_cls", math.inf)
    assert log.validations == (
        Validation(1, {"coco/bbox_mAP": 0.4, "coco/bbox_mAP_50": 0.7}),
        Validation(2, {"coco/bbox_mAP": 0.3, "coco/bbox_mAP_50": 0.6}),
    )
    assert log.by_epoch
    assert log.plan is None


def test_a_run_without_epochs_validates_by_iteration(tmp_path: Path) -> None:
    text = '{"loss": 2.0, "iter": 50}\n{"loss": 1.0, "iter": 100}\n{"mAP": 0.5, "step": 100}\n'
    log = read_scalars(write(tmp_path, text))

    assert not log.by_epoch
    assert metric_curve(log, None).unit == "iteration"


def test_a_last_line_that_is_cut_off_makes_a_run_too_short(tmp_path: Path) -> None:
    whole = read_scalars(write(tmp_path / "whole", LINES))
    cut = read_scalars(write(tmp_path / "cut", LINES + '{"lr": 0.002, "loss": 0.'))
    ended = read_scalars(write(tmp_path / "ended", LINES.rstrip("\n")))

    assert np.array_equal(cut.loss, whole.loss, equal_nan=True)
    assert np.array_equal(ended.loss, whole.loss, equal_nan=True)
    assert texts(too_short(whole)) == texts(too_short(ended)) == []
    assert texts(too_short(cut)) == [
        "too_short: the last line of the log is incomplete: the run was killed, or still runs"
    ]


def test_a_line_separator_in_a_text_ends_no_line(tmp_path: Path) -> None:
    text = '{"loss": 1.0, "iter": 5, "note": "a\u2028b"}\n{"loss": NaN, "iter": 10}\n'

    log = read_scalars(write(tmp_path, text))

    assert log.iteration.tolist() == [5, 10]
    assert len(log.not_finite) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no loss"),
        ('{"coco/bbox_mAP": 0.4, "step": 1}\n', "has no loss"),
        ('{"loss": 1.0, "iter": 5}\nnonsense\n', "line 2 is not an object of JSON"),
        ("[1, 2]\n", "line 1 is not an object of JSON"),
        ('{"loss": "low", "iter": 5}\n', "loss is 'low', which is no number"),
        ('{"loss": 1.0, "iter": NaN}\n', "iter is nan, which is no number"),
        ('{"loss": 1.0, "iter": 5}\n{"mAP": 0.4}\n', "step of a validation is None"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=r"scalars\.json: ") as caught:
        read_scalars(write(tmp_path, text))
    assert reason in str(caught.value)


def test_the_newest_run_of_a_folder_is_found(tmp_path: Path) -> None:
    for name in ("20260102_000000", "20251231_235959"):
        write(tmp_path / name / "vis_data", LINES)
    write(tmp_path / "20260103_000000", "", "20260103_000000.log")  # a test run: no scalars

    assert find_scalars(tmp_path).parts[-3] == "20260102_000000"


def test_a_log_of_another_name_is_found(tmp_path: Path) -> None:
    # LocalVisBackend(scalar_save_file="mine.json"); the LoggerHook's own file keeps its name.
    path = write(tmp_path / "20260102_000000" / "vis_data", LINES, "20260102_000000.json")

    assert find_scalars(tmp_path) == path


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no run with a scalars\.json"):
        find_scalars(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_scalars(tmp_path / "missing")


def test_losses_that_are_no_numbers_are_named_once_a_row(tmp_path: Path) -> None:
    log = read_scalars(write(tmp_path, LINES))

    assert texts(loss_faults(log, 10)) == [
        "non_finite: epoch 2, iteration 100: loss is nan, loss_cls is inf"
    ]


def test_spikes_by_hand() -> None:
    # The first three are not judged. 50 is 25 times the median 2 of (4, 2, 1.5, 2); 19 is less
    # than 10 times the median 2 of (4, 2, 1.5, 2, 50); NaN is no neighbour.
    loss = np.array([90.0, 4.0, 2.0, 1.5, 2.0, 50.0, math.nan, 19.0])

    assert list(spikes(loss[1:], 10)) == [(4, 2.0)]
    assert list(spikes(loss[1:], 9)) == [(4, 2.0), (6, 2.0)]
    assert list(spikes(np.array([0.1, 90.0, 0.1]), 10)) == []


def test_a_loss_that_jumps_and_stays_is_found_where_it_jumps() -> None:
    # After five at 30 the median of the last ten is (1 + 30) / 2, after six it is 30.
    loss = np.array([1.0] * 10 + [30.0] * 10)

    assert [row for row, _ in spikes(loss, 10)] == [10, 11, 12, 13, 14]


def test_only_the_last_ten_are_usual() -> None:
    loss = np.array([100.0] * 20 + [1.0] * 10 + [20.0])

    assert list(spikes(loss, 10)) == [(30, 1.0)]


def test_a_metric_that_falls(tmp_path: Path) -> None:
    log = run(tmp_path, [1.0] * 4, {1: 0.25, 2: 0.5, 3: 0.5, 4: 0.375})
    curve = metric_curve(log, None)

    assert texts(fallen(curve, 0.1)) == [
        "fallen: mAP fell by 0.125: 0.5 at epoch 2, 0.375 at epoch 4, the last"
    ]
    assert texts(fallen(curve, 0.125)) == []  # 0.125 is exact in binary: the limit is allowed


def test_a_plateau(tmp_path: Path) -> None:
    log = run(tmp_path, [1.0] * 4, {1: 0.25, 2: 0.5, 3: 0.5, 4: 0.5625})
    curve = metric_curve(log, None)

    assert texts(plateau(curve, 2, 0.0)) == []
    assert texts(plateau(curve, 2, 0.0625)) == [
        "plateau: mAP did not improve in the last 2 validations: at best 0.5625 after 0.5"
    ]
    assert texts(plateau(curve, 4, 1.0)) == []  # nothing before them


def test_a_run_that_is_too_short(tmp_path: Path) -> None:
    log = run(tmp_path, [1.0, 1.0, 1.0])

    assert texts(too_short(log)) == []
    assert texts(too_short(log, 3, 30)) == []
    assert texts(too_short(log, 4, 31)) == [
        "too_short: 3 epochs, at least 4 are required",
        "too_short: 30 iterations, at least 31 are required",
    ]


@pytest.mark.parametrize(
    ("plan", "detections"),
    [
        ({"max_epochs": 3}, []),
        ({"max_epochs": 12}, ["too_short: ended in epoch 3 of 12"]),
        ({"max_iters": 39}, []),  # the last nine are not logged
        ({"max_iters": 40}, ["too_short: ended after iteration 30 of 40"]),
    ],
)
def test_a_run_that_ended_before_its_plan(
    tmp_path: Path, plan: dict[str, int], detections: list[str]
) -> None:
    assert texts(too_short(run(tmp_path, [1.0, 1.0, 1.0], NONE, **plan))) == detections


def test_a_run_that_may_stop_early_has_no_plan(tmp_path: Path) -> None:
    hooks = "custom_hooks = [dict(type='EarlyStoppingHook', monitor='mAP')]\n"
    write(tmp_path, hooks + "train_cfg = dict(max_epochs=12)\n", "config.py")

    assert run(tmp_path, [1.0]).plan is None


def test_a_configuration_beside_the_log_is_not_run(tmp_path: Path) -> None:
    write(tmp_path, "open('ran', 'w')\ntrain_cfg = dict(max_epochs=12)\n", "config.py")

    assert run(tmp_path, [1.0]).plan is None
    assert run(tmp_path / "plain", [1.0], max_epochs=12).plan == PlannedLength(epochs=12)


def test_metrics_that_are_not_there_or_undefined(tmp_path: Path) -> None:
    log = run(tmp_path, [1.0], {1: -1.0})

    with pytest.raises(DataError, match="mAP is -1 at epoch 1: it is undefined"):
        metric_curve(log, None)
    with pytest.raises(DataError, match=r"no validation metric 'mAP_50' \(logged: mAP\)"):
        metric_curve(log, "mAP_50")
    with pytest.raises(DataError, match="has no validation metric, so the mean"):
        metric_curve(run(tmp_path / "none", [1.0]), None)
