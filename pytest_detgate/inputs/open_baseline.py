"""The baseline that a run names."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.inputs.baseline import Baseline
from pytest_detgate.inputs.baseline_model import BaselineModel
from pytest_detgate.inputs.baseline_report import BaselineReport
from pytest_detgate.inputs.model import ModelInputs
from pytest_detgate.inputs.other_models import OtherModels
from pytest_detgate.record.report import BaselineRecord
from pytest_detgate.regular_file import open_regular


def open_baseline(gated: ModelInputs, others: OtherModels) -> Baseline:
    """The baseline that the user names; `NoBaselineError` where nothing is named, or where a
    named file may be missing and is."""
    path = others.baseline
    if path is None:
        raise NoBaselineError("there is no baseline to compare with")
    source = others.readable(path)
    if not source.exists():
        reason = f"the baseline {gated.project.relative(path)} does not exist"
        if others.may_be_missing:
            raise NoBaselineError(reason)
        raise DataError(
            f'{reason}; a first run names no baseline, or has baseline = {{ path = "...", '
            "may-be-missing = true } under [model]"
        )
    if is_report(source):
        return BaselineReport(gated, path, source)
    record = BaselineRecord(
        path=gated.project.relative(path), sha256=others.sha256(path), kind="checkpoint"
    )
    return BaselineModel(gated, gated.with_model(others.of_baseline(path)), record)


def is_report(path: Path) -> bool:
    """Whether a baseline is a report rather than a checkpoint."""
    if path.suffix.lower() == ".json":
        return True
    try:
        with open_regular(path) as file:
            return file.read(64).lstrip()[:1] == b"{"
    except OSError:
        return False  # which the reader of checkpoints says
