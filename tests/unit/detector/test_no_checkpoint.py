"""Files beside a checkpoint that are named in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.detector.registry import framework_of
from pytest_detgate.errors import DetectorError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("config.json", "model.safetensors", "pytorch_model.bin", "epoch_1.pth"):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_text("{}")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["config.json", "pytorch_model.bin", "Config.JSON"])
def test_folder_of_a_part_is_named(folder: Path, name: str) -> None:
    with pytest.raises(DetectorError) as error:
        framework_of(folder / name)

    assert str(error.value) == f"{folder / name}: this is no checkpoint; name its folder, {folder}"


@pytest.mark.parametrize("name", ["report.json", "rtmdet.py", "data.yaml", "notes.txt"])
def test_other_kinds_of_file_are_no_checkpoint(tmp_path: Path, name: str) -> None:
    with pytest.raises(DetectorError, match=f"{name}: this is no checkpoint$"):
        framework_of(tmp_path / name)


def test_checkpoints_are_told_by_their_suffix(folder: Path) -> None:
    assert framework_of(folder / "epoch_1.pth") == "mmdetection"
    assert framework_of(folder / "epoch_1") == "mmdetection"
    assert framework_of(folder / "model.safetensors") == "transformers"
    assert framework_of(folder) == "transformers"
