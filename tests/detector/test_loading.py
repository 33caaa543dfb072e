"""Each error that a file of a model makes a framework raise is one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.built_in import Onnx
from pytest_detgate.detector.name_lists import first_names, shown_name
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.workers.loading import load_detector
from pytest_detgate.errors import ConfigError, DetectorError, DetgateError


def load(monkeypatch: pytest.MonkeyPatch, error: Exception) -> DetgateError:
    """What is raised where a framework raises an error."""

    def fail(*arguments: Any, **options: Any) -> LoadedModel:
        raise error

    monkeypatch.setattr(Onnx, "load", fail)
    source = ModelSource(Path("model.onnx"), framework="onnx")
    with pytest.raises(DetgateError) as caught:
        load_detector(source, sha256="0" * 64, device="cpu")
    return caught.value


def test_an_error_of_a_library_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = load(monkeypatch, OverflowError("too\n\x1b[31mlarge " + "x" * 10_000))

    assert isinstance(raised, DetectorError)
    text = r"model.onnx: the model cannot be loaded: OverflowError: too\n\x1b[31mlarge xxx"
    assert str(raised).startswith(text)
    assert len(str(raised)) < 400


def test_control_characters_in_an_error_of_ours_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = load(monkeypatch, DetectorError("m.onnx: no class 'a\n::error::\ud800'", of_data=True))

    assert str(raised) == r"m.onnx: no class 'a\n::error::\ud800'"
    assert raised.of_data is True


@pytest.mark.parametrize("error", [DetectorError("m.onnx: damaged"), ConfigError("model: no")])
def test_an_error_with_a_clear_text_stays(
    monkeypatch: pytest.MonkeyPatch, error: DetgateError
) -> None:
    assert load(monkeypatch, error) is error


def test_names_of_a_file_are_shown_on_a_line() -> None:
    assert shown_name("backbone.stem") == "backbone.stem"
    assert shown_name("a\n\x1b[2J") == r"a\n\x1b[2J"
    assert shown_name("k" * 1000) == "k" * 100 + "…"
    assert shown_name(5) == "5"
    assert first_names(["a\n", "b", "c", "d"], 2) == r"a\n, b and 2 more"
