"""Training before the tests: once, by the process that owns the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.errors import DetectorError, DetgateError
from pytest_detgate.regular_file import read_regular

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession

_RESULT = "training.json"


class TrainFirst:
    """Trains before the first item runs; xdist workers wait until it is done."""

    def __init__(self, session: GateSession) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if session.config.option.collectonly or session.testsfailed:
            return
        from pytest_detgate.training.train import train

        gate = self._session
        table = gate.project.tables.train
        assert table is not None
        locate = gate.project.configuration.locate
        try:
            run = train(
                locate(table.config),
                locate(table.work_dir),
                table.seed,
                device=gate.options.device,
                retrain=gate.options.retrain,
                progress=gate.progress,
                store=gate.folders.store,
                gpus=table.gpus,
                trust=gate.options.trust_checkpoint,
            )
            result = {"checkpoint": str(run.checkpoint)}
        except DetgateError as error:
            result = {"error": str(error)}
        (gate.folders.run / _RESULT).write_text(json.dumps(result), encoding="utf-8")


def trained_checkpoint(run: Path) -> Path:
    """The checkpoint that training ended with; `DetectorError` if it did not end well."""
    try:
        result = json.loads(read_regular(run / _RESULT))
    except FileNotFoundError:
        raise DetectorError("training did not run") from None
    if "error" in result:
        raise DetectorError(result["error"])
    return Path(result["checkpoint"])
