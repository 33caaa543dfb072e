"""The log of a training run as MMEngine writes it: loss, learning rate, validation metrics.

It has a line of JSON for each logged iteration and each validation, in
`WORK_DIR/TIME/vis_data/scalars.json`; numbers that are not finite are written as NaN and Infinity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.detector.mmdet.stored_config import parse_stored_config
from pytest_detgate.errors import DataError, DetectorError
from pytest_detgate.regular_file import read_regular_text
from pytest_detgate.training.record import finished_run

_SCALARS = "scalars.json"
# Keys in the line of a validation that are not metrics.
_NOT_METRICS = frozenset(("step", "iter", "epoch", "time", "data_time", "memory", "lr", "base_lr"))


@dataclass(frozen=True, slots=True)
class NotFinite:
    """A loss that is NaN or infinite: its row in the log, its name, its value."""

    row: int
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Metrics of the validation set after this number of epochs, or iterations."""

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLength:
    """Length of a run in its configuration; None if it has no such setting."""

    epochs: int | None = None
    iterations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunLog:
    """A run in numbers, one row for each time that the loss was logged.

    `iteration` and `epoch` (n,) int64 count from 1, `epoch` is 0 if a run has none; `loss` and
    `learning_rate` (n,) float64 as they are written, NaN if a row has no learning rate. `parts` are
    the summands of the loss by name, NaN if a row lacks one. `not_finite` are the losses and
    summands that are NaN or infinite. `by_epoch` says whether the steps of the validations are
    epochs. `plan` is None if the configuration is not beside the log or cannot be read as data.
    `is_cut_off` says that the last line is incomplete: the run was killed while it wrote.
    """

    path: Path
    iteration: NDArray[np.int64]
    epoch: NDArray[np.int64]
    loss: NDArray[np.float64]
    learning_rate: NDArray[np.float64]
    parts: Mapping[str, NDArray[np.float64]]
    not_finite: tuple[NotFinite, ...]
    validations: tuple[Validation, ...]
    by_epoch: bool
    plan: PlannedLength | None
    is_cut_off: bool


def find_scalars(work_dir: Path) -> Path:
    """Find the log of the run that the gate finished in a work directory, else of the newest run.

    `DataError` if there is none.
    """
    run = finished_run(work_dir)
    if run is not None and run.scalars is not None and run.scalars.is_file():
        return run.scalars
    if not work_dir.is_dir():
        raise DataError(f"{work_dir}: no such folder, so there is no run to look at")
    # MMEngine names the folder of a run by the time of its start: the last is the newest.
    logs = sorted(work_dir.glob(f"*/vis_data/{_SCALARS}"), key=lambda path: path.parts[-3])
    if not logs:
        # The configuration can give the file another name.
        logs = sorted(
            path for path in work_dir.glob("*/vis_data/*.json") if path.stem == path.parts[-3]
        )
    if not logs:
        raise DataError(
            f"{work_dir}: holds no run with a {_SCALARS}; MMEngine writes "
            f"TIME/vis_data/{_SCALARS} where the visualizer has a LocalVisBackend"
        )
    return logs[-1]


def read_scalars(path: Path) -> RunLog:
    """Read a log; `DataError` if it is not one, or has no loss."""
    rows, is_cut_off = _lines(path)
    trained = [row for row in rows if "loss" in row and "iter" in row]
    if not trained:
        raise DataError(f"{path}: has no loss, so the training cannot be judged")
    validations = tuple(_validations(rows, path))
    epoch = _column((row.get("epoch", 0) for row in trained), path, "epoch").astype(np.int64)
    last_epoch = int(epoch.max())
    return RunLog(
        path=path,
        iteration=_column((row["iter"] for row in trained), path, "iter").astype(np.int64),
        epoch=epoch,
        loss=_column((row["loss"] for row in trained), path, "loss", finite=False),
        learning_rate=_column(
            (row.get("lr", math.nan) for row in trained), path, "lr", finite=False
        ),
        parts=_parts(trained),
        not_finite=tuple(_not_finite(trained)),
        validations=validations,
        by_epoch=last_epoch > 0
        and all(validation.step <= last_epoch for validation in validations),
        plan=_plan(path.parent / "config.py"),
        is_cut_off=is_cut_off,
    )


def _lines(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """Read the complete lines of a log, and whether an incomplete one follows."""
    try:
        content = read_regular_text(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    # Not `splitlines`, which also splits at characters that a text in JSON may contain.
    lines = content.split("\n")
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)  # unlike msgspec, it reads NaN and Infinity
        except (ValueError, RecursionError):
            if number == len(lines):
                return rows, bool(line.strip())
            row = None
        if not isinstance(row, dict):
            raise DataError(f"{path}: line {number} is not an object of JSON, as a log's lines are")
        rows.append(row)
    return rows, False


def _column(
    values: Iterable[Any], path: Path, name: str, *, finite: bool = True
) -> NDArray[np.float64]:
    listed = list(values)
    for value in listed:
        if not _is_number(value) or (finite and not math.isfinite(value)):
            raise DataError(f"{path}: {name} is {value!r}, which is no number")
    return np.array(listed, dtype=np.float64)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _not_finite(rows: list[dict[str, Any]]) -> Iterator[NotFinite]:
    for index, row in enumerate(rows):
        for name, value in row.items():
            # MMEngine adds up every value with "loss" in its name.
            if "loss" in name and _is_number(value) and not math.isfinite(value):
                yield NotFinite(index, name, float(value))


def _parts(rows: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    names = dict.fromkeys(name for row in rows for name in row if "loss" in name and name != "loss")
    return {
        name: np.array(
            [value if _is_number(value := row.get(name)) else math.nan for row in rows],
            dtype=np.float64,
        )
        for name in names
    }


def _validations(rows: list[dict[str, Any]], path: Path) -> Iterator[Validation]:
    for row in rows:
        if "iter" in row:
            continue
        values = {
            name: float(value)
            for name, value in row.items()
            if name not in _NOT_METRICS and _is_number(value)
        }
        if values:
            (step,) = _column([row.get("step")], path, "step of a validation")
            yield Validation(int(step), values)


def _plan(path: Path) -> PlannedLength | None:
    """Read the planned length from the resolved configuration that MMEngine puts beside the log."""
    try:
        config = parse_stored_config(read_regular_text(path), str(path))
    except (OSError, UnicodeDecodeError, DetectorError):
        return None
    if "EarlyStoppingHook" in str(config.get("custom_hooks")):
        return None  # such a run may end at any time
    loop = config.get("train_cfg")
    if not isinstance(loop, dict):
        return None
    return PlannedLength(
        epochs=_count(loop.get("max_epochs")), iterations=_count(loop.get("max_iters"))
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
