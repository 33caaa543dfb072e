"""A network whose answers can be worked out by hand, as an ONNX file.

It finds the red and the blue rectangle of a picture. A convolution tells how much redder, or
bluer, a pixel is than the rest; where that is over a half, first and last column and row are the
box. The score is 0.9 for red and 0.7 for blue, and 0 where there is no such pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("red", "blue")
SCORES = (0.9, 0.7)
RED, BLUE, GREY = (255, 0, 0), (0, 0, 255), (90, 90, 90)


def draw(
    path: Path,
    size: tuple[int, int],
    *rectangles: tuple[tuple[int, int, int], tuple[int, int, int, int]],
) -> Path:
    """Draw rectangles, a colour and (x, y, width, height) each, on grey, without loss."""
    picture = Image.new("RGB", size, GREY)
    for colour, (x, y, width, height) in rectangles:
        ImageDraw.Draw(picture).rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def write_model(
    path: Path,
    *,
    layout: str = "boxes-scores-labels",
    size: tuple[int, int] | None = (64, 64),
    dtype: str = "FLOAT",
    channels_last: bool = False,
    normalised: bool = False,
    form: str = "xyxy",
    scores: tuple[float, float] = SCORES,
    first_label: int = 0,
    metadata: Mapping[str, str] | None = None,
    weights_in: str | None = None,
    domain: str = "",
    infinite_on_blue: bool = False,
    score_type: str = "FLOAT",
    box_type: str = "FLOAT",
    logits: Sequence[Sequence[float]] = (),
    names: tuple[str, str] = ("pred_boxes", "logits"),
) -> Path:
    """Write the network. `size` is (height, width), None for any; `weights_in` names the file
    that the weights of its convolution are put into; `domain` is that of its last operator.
    `infinite_on_blue` divides scores by zero where there is blue, `score_type` and `box_type`
    are what scores and boxes are cast to. With the layout `queries` the red and the blue query have
    a row of `logits` each, -10 where there is no such rectangle, and the outputs have these
    `names`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(values: Any, kind: type = np.float32) -> str:
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    picture = add("Cast", "image", to=TensorProto.FLOAT)
    if dtype == "UINT8":
        picture = add("Div", picture, constant(255))
    if channels_last:
        picture = add("Transpose", picture, perm=[0, 3, 1, 2])
    # Red minus green minus blue, and blue minus red minus green: 1 where a pixel is all that.
    weights = constant(np.array([[1, -1, -1], [-1, -1, 1]]).reshape(2, 3, 1, 1))
    mask = add("Cast", add("Greater", add("Conv", picture, weights), constant(0.5)), to=1)
    ends = {}
    for axis, other in (("x", 2), ("y", 3)):  # columns are what is left when rows are gone
        line = add("ReduceMax", mask, constant([other], np.int64), keepdims=0)
        first = add("ArgMax", line, axis=2, keepdims=0)
        last = add("ArgMax", line, axis=2, keepdims=0, select_last_index=1)
        ends[axis] = (
            add("Cast", first, to=1),
            add("Add", add("Cast", last, to=1), constant(1)),
        )
    x1, x2, y1, y2 = (*ends["x"], *ends["y"])
    if form == "xyxy":
        columns = [x1, y1, x2, y2]
    else:
        width, height = add("Sub", x2, x1), add("Sub", y2, y1)
        half = constant(0.5)
        start = (
            [x1, y1]
            if form == "xywh"
            else [add("Add", x1, add("Mul", width, half)), add("Add", y1, add("Mul", height, half))]
        )
        columns = [*start, width, height]
    last_axis = constant([2], np.int64)
    boxes = add("Concat", *(add("Unsqueeze", column, last_axis) for column in columns), axis=2)
    if normalised:
        assert size is not None
        boxes = add("Div", boxes, constant([size[1], size[0]] * 2))
    if box_type != "FLOAT":
        boxes = add("Cast", boxes, to=getattr(TensorProto, box_type))
    there = add("ReduceMax", mask, constant([2, 3], np.int64), keepdims=0)
    score = add("Mul", there, constant([scores]))
    if infinite_on_blue:
        blue = add("Gather", there, constant([1], np.int64), axis=1)
        score = add("Div", score, add("Sub", constant(1), blue))
    if score_type != "FLOAT":
        score = add("Cast", score, to=getattr(TensorProto, score_type))
    labels = constant([[first_label, first_label + 1]], np.int64)
    column = add("Unsqueeze", score, last_axis)
    if layout == "boxes-scores-labels":
        outputs = {"boxes": boxes, "scores": score, "labels": labels}
    elif layout == "dets-labels":
        outputs = {"dets": add("Concat", boxes, column, axis=2), "labels": labels}
    elif layout == "rows":
        label = add("Unsqueeze", add("Cast", labels, to=1), last_axis)
        outputs = {"output0": add("Concat", boxes, column, label, axis=2)}
    elif layout == "queries":
        is_there = add("Unsqueeze", there, last_axis)
        raised = add("Mul", is_there, constant(np.array([logits]) + 10))
        outputs = dict(zip(names, (boxes, add("Sub", raised, constant(10))), strict=True))
    else:
        each = add("Mul", column, constant(np.eye(2)[None]))
        rows = add("Concat", boxes, each, axis=2)
        outputs = {"output0": add("Transpose", rows, perm=[0, 2, 1])}
    for name, value in outputs.items():
        nodes.append(helper.make_node("Identity", [value], [name]))
    if domain:
        nodes[-1] = helper.make_node("Special", [value], [name], domain=domain)
    height_width: list[Any] = ["height", "width"] if size is None else list(size)
    shape = [1, *height_width, 3] if channels_last else [1, 3, *height_width]
    kinds = {"labels": TensorProto.INT64, "scores": getattr(TensorProto, score_type)}
    kinds["boxes"] = getattr(TensorProto, box_type)
    if layout == "queries":
        kinds = {}
    shapes: dict[str, list[Any]] = {
        **{"boxes": [1, 2, 4], "scores": [1, 2], "labels": [1, 2], "dets": [1, 2, 5]},
        "output0": [1, 2, 6] if layout == "rows" else [1, 6, 2],
    }
    if layout == "queries":
        shapes = {names[0]: [1, 2, 4], names[1]: [1, 2, len(logits[0])]}
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", getattr(TensorProto, dtype), shape)],
        [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shapes[name])
            for name in outputs
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(
        model,
        path,
        save_as_external_data=weights_in is not None,
        location=weights_in,
        size_threshold=50,  # the shapes that others are inferred from stay in the file
    )
    return path
