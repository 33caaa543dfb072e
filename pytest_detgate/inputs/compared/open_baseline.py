"""The baseline that a run names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pytest_detgate.errors import DataError, NoBaselineError
from pytest_detgate.inputs.compared.baseline import Baseline
from pytest_detgate.inputs.compared.baseline_model import BaselineModel
from pytest_detgate.inputs.compared.baseline_recorded import RecordedBaseline
from pytest_detgate.inputs.compared.other_models import OtherModels
from pytest_detgate.inputs.model import ModelInputs
from pytest_detgate.record.project_files.approved import approved_of
from pytest_detgate.record.project_files.approved_file import approved_from, is_approved
from pytest_detgate.record.report import BaselineRecord
from pytest_detgate.record.report_file import report_from
from pytest_detgate.regular_file import read_beginning, read_regular

_WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".onnx", ".xml", ".safetensors")


def open_baseline(gated: ModelInputs, others: OtherModels) -> Baseline:
    """The baseline that the user names; `NoBaselineError` where nothing is named, or where a
    named file may be missing and is."""
    path = others.baseline
    if path is None:
        raise NoBaselineError("there is no baseline to compare with")
    source = others.readable(path)
    if not source.exists():
        if source.is_symlink():
            # Such as a file of DVC that was not pulled: somebody has approved it.
            raise DataError(
                f"the baseline {gated.project.relative(path)} is a link to a file that is not there"
            )
        reason = f"the baseline {gated.project.relative(path)} does not exist"
        if others.may_be_missing:
            raise NoBaselineError(reason)
        raise DataError(
            f'{reason}; a first run names no baseline, or has baseline = {{ path = "...", '
            "may-be-missing = true } under [model]"
        )
    if is_recorded(source):
        return _recorded(gated, path, source)
    record = BaselineRecord(
        path=gated.project.relative(path), sha256=others.sha256(path), kind="checkpoint"
    )
    return BaselineModel(gated, gated.with_model(others.of_baseline(path)), record)


def _recorded(gated: ModelInputs, path: Path, source: Path) -> RecordedBaseline:
    name = gated.project.relative(path)
    try:
        content = read_regular(source)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error
    is_file_of_approve = is_approved(content)
    recorded = (
        approved_from(content, name)
        if is_file_of_approve
        else approved_of(report_from(content, name))
    )
    record = BaselineRecord(
        path=name,
        sha256=hashlib.sha256(content).hexdigest(),
        kind="approved" if is_file_of_approve else "report",
    )
    return RecordedBaseline(gated, recorded, record)


def is_recorded(path: Path) -> bool:
    """Whether a baseline is what a run recorded rather than a checkpoint. The suffix of a file of
    weights decides, too: a record under such a name was renamed by mistake."""
    if path.suffix.lower() == ".json":
        return True
    if path.suffix.lower() in _WEIGHTS:
        return False
    try:
        return read_beginning(path, 64).lstrip()[:1] == b"{"
    except OSError:
        return False  # which the reader of checkpoints says
