"""Which framework a table `[model]` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.inputs.detections.model_source import check_model, model_source


@pytest.mark.parametrize("name", ["mmdet", "mmdetection"])
def test_mmdetection_has_two_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "detgate.toml"
    path.write_text(
        '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
        f'[model]\nframework = "{name}"\nconfig = "a.py"\n[rules.mean-ap]\nmin = 0.5\n'
    )
    configuration = load_configuration(path)

    check_model(configuration, is_trained=True)
    configuration.mistakes.raise_all()
    source = model_source(
        configuration,
        tmp_path / "model.onnx",
        config="a.py",
        trust=False,
        image_options=ImageOptions(),
    )

    assert source.framework == "mmdetection"
    assert source.config == tmp_path / "a.py"
