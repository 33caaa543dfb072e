"""Every place in an ONNX file that may name a file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.onnx.file import read_onnx_file, weight_files
from pytest_detgate.errors import DetectorError

onnx: Any = pytest.importorskip("onnx", reason="onnx is not installed")


def external(location: str) -> Any:
    """A tensor whose numbers are in another file."""
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def model() -> Any:
    helper = onnx.helper
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", [value], [])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def in_default_of_function(made: Any, tensor: Any) -> None:
    function = made.functions.add(name="F", domain="local")
    function.attribute_proto.add(name="a", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)


def in_training(made: Any, tensor: Any) -> None:
    made.training_info.add().initialization.initializer.append(tensor)


@pytest.mark.parametrize("put", [in_default_of_function, in_training])
def test_weight_files_are_found(tmp_path: Path, put: Any) -> None:
    path = tmp_path / "m.onnx"
    for location in ("weights.bin", "../secret"):
        made = model()
        put(made, external(location))
        path.write_bytes(made.SerializeToString())

        read = read_onnx_file(path)

        assert read.weight_files == {location}
    with pytest.raises(DetectorError, match="outside its folder"):
        weight_files(path, read)
