"""The two ONNX files of the example are those that its script made, with their training beside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "site" / "onnx"
NAMES = ("violations_only", "with_compliant")
MOST_BYTES = 1_000_000


def test_every_file_has_its_digest() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = [path for path in FOLDER.iterdir() if path.suffix in (".onnx", ".jsonl")]

    assert stated == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {path.name for path in files} >= {f"{name}.onnx" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_small(name: str) -> None:
    assert (FOLDER / f"{name}.onnx").stat().st_size < MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_training_log_reaches_the_epoch(name: str) -> None:
    """The epoch is in the metadata of the file, the last line of the log is its validation."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(FOLDER / f"{name}.onnx")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    log = (FOLDER / f"{name}.training.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(log[-1])

    assert last["step"] == int(metadata["detgate.epoch"])
    assert last["coco/bbox_mAP_50"] > 0.6


@pytest.mark.parametrize("name", NAMES)
def test_weights_use_all_of_their_8_bits(name: str) -> None:
    """The largest weight of each channel is at an end of the range, else precision is lost."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(FOLDER / f"{name}.onnx")
    used = {name for node in model.graph.node for name in node.input}
    tensors = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    whole = {name: values for name, values in tensors.items() if values.dtype == "int8"}

    assert set(tensors) <= used
    assert sum(values.size for values in whole.values()) > 0.95 * sum(
        values.size for values in tensors.values()
    )
    for values in whole.values():
        assert (abs(values.reshape(len(values), -1).astype(int)).max(axis=1) == 127).all()
