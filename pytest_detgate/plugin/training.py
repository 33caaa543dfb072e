"""Training before the tests: once, by the process that owns the terminal."""

from __future__ import annotations

import json

import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.plugin.session import TRAINING_RESULT, GateSession


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
                cache_dir=gate.folders.cache,
                gpus=table.gpus,
                trust=gate.options.trust_checkpoint,
            )
            result = {"checkpoint": str(run.checkpoint), "notes": list(run.notes)}
        except DetgateError as error:
            result = {"error": str(error)}
        (gate.folders.run / TRAINING_RESULT).write_text(json.dumps(result), encoding="utf-8")
