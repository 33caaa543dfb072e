"""Settings of an ONNX file: from `[model.onnx]`, its metadata, or its inputs and outputs.

A setting that none of them has is an error: a wrong guess would gate another model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from pytest_detgate.config.tables.onnx_table import OnnxTable
from pytest_detgate.detector.name_lists import names_difference
from pytest_detgate.detector.onnx.layouts import (
    HEADS,
    N_OUTPUTS,
    likely_layout,
    scores_output,
    usual_outputs,
)
from pytest_detgate.detector.onnx.metadata import (
    METADATA_PREFIX,
    Port,
    expected_value,
    other_class_lists,
    own_settings,
    ultralytics_settings,
)
from pytest_detgate.errors import DetectorError, nearest

_INPUT_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
}
_FRACTIONS = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(bfloat16)")
_EIGHT_BITS = {"tensor(int8)": 127, "tensor(uint8)": 255}
_HEAD_SCORE_FLOOR = 0.001
_BOXES = {"raw": None, "queries": "cxcywh"}


class OnnxSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How images are prepared for the file, and how its outputs are decoded.

    `size` is (height, width), None for that of the image; `dtype` is NumPy's name of the type of
    the input; `mean` and `std` are in the order of the channels. The other fields are those of
    `OnnxTable`, none of them missing. The names of all fields are part of the model's key; one with
    a default only where it says more, so that keys of other layouts stay what they were.
    """

    input: str
    dtype: str
    channels_first: bool
    size: tuple[int, int] | None
    resize: str
    pad_value: int
    channel_order: str
    divide_by: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: str
    outputs: tuple[str, ...]
    boxes: str
    normalised: bool
    activation: str = ""
    objectness: bool
    first_label: int
    classes: tuple[str, ...]
    score_floor: float
    nms_iou: float


def resolve_settings(
    path: Path,
    options: Mapping[str, Any],
    metadata: Mapping[str, str],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
) -> OnnxSettings:
    """Determine every setting of an ONNX file; `DetectorError` names a key that is missing."""
    return _Resolver(path, options, metadata, inputs, outputs).settings()


class _Resolver:
    def __init__(
        self,
        path: Path,
        options: Mapping[str, Any],
        metadata: Mapping[str, str],
        inputs: Sequence[Port],
        outputs: Sequence[Port],
    ) -> None:
        self._path = path
        self._inputs = inputs
        self._outputs = outputs
        exported = ultralytics_settings(metadata, outputs)
        own = own_settings(path, metadata)
        self._table = msgspec.convert({**exported, **own, **options}, OnnxTable)
        for stated in (own, exported):
            self._require_same_classes(stated.get("classes"))
        for named in other_class_lists(metadata).values():
            # A list may begin with the background, which first-label leaves out.
            if tuple(named[self._table.first_label or 0 :]) != self._table.classes:
                self._require_same_classes(named)

    def settings(self) -> OnnxSettings:
        table = self._table
        port = self._input()
        dtype = _INPUT_TYPES.get(port.type)
        if dtype is None:
            self._refuse(f"the input {port.name} takes {port.type}, not an image")
        channels_first, sides = self._sides(port)
        resize = self._needed("resize", table.resize)
        size = self._size(sides, resize)
        layout, outputs = self._layout()
        is_raw, has_queries = layout == "raw", layout == "queries"
        if not is_raw and table.nms_iou is not None:
            self._refuse(
                f"nms-iou goes with layout raw; with {layout} the file has to drop overlapping "
                "boxes itself"
            )
        if not has_queries and table.activation is not None:
            self._refuse(f"activation goes with layout queries, not with {layout}")
        floor = _HEAD_SCORE_FLOOR if layout in HEADS else None
        divide_by = 1.0 if dtype == "uint8" else None
        if dtype == "uint8":
            self._require_whole_pixels(port)
        return OnnxSettings(
            input=port.name,
            dtype=dtype,
            channels_first=channels_first,
            size=size,
            resize=resize,
            pad_value=114 if table.pad_value is None else table.pad_value,
            channel_order=self._needed("channel_order", table.channel_order),
            divide_by=self._needed("divide_by", table.divide_by, divide_by),
            mean=table.mean or (0.0, 0.0, 0.0),
            std=table.std or (1.0, 1.0, 1.0),
            layout=layout,
            outputs=outputs,
            boxes=self._needed("boxes", table.boxes, _BOXES.get(layout, "xyxy")),
            normalised=has_queries if table.normalised is None else table.normalised,
            activation=self._needed("activation", table.activation, None if has_queries else ""),
            objectness=bool(table.objectness),
            first_label=table.first_label or 0,
            classes=self._classes(),
            score_floor=self._needed("score_floor", table.score_floor, floor),
            nms_iou=self._needed("nms_iou", table.nms_iou, None if is_raw else 1.0),
        )

    def _input(self) -> Port:
        named = [port for port in self._inputs if port.name == self._table.input]
        if self._table.input is not None and not named:
            names = [port.name for port in self._inputs]
            self._refuse(
                f"it has no input {self._table.input!r}{nearest(self._table.input, names)} "
                f"(it has: {_listed(self._inputs)})"
            )
        if len(self._inputs) != 1:
            self._refuse(
                f"it has {len(self._inputs)} inputs ({_listed(self._inputs)}), and only one can "
                'be fed with an image; run it with framework = "python"'
            )
        return (named or list(self._inputs))[0]

    def _require_whole_pixels(self, port: Port) -> None:
        """Refuse fractions for an input that takes bytes: nearly all of them would be 0."""
        table = self._table
        has_mean = any(table.mean or ()) or any(deviation != 1 for deviation in table.std or ())
        if table.divide_by not in (None, 1) or has_mean:
            self._refuse(
                f"the input {port.name} takes tensor(uint8), pixels as they are: leave out mean "
                "and std, and set divide-by = 1"
            )

    def _sides(self, port: Port) -> tuple[bool, tuple[int | None, int | None]]:
        if len(port.shape) != 4 or not (_is_open(port.shape[0]) or port.shape[0] == 1):
            self._refuse(
                f"the input {port} is not one image: expected [1, 3, height, width] or "
                "[1, height, width, 3]"
            )
        first, last = port.shape[1], port.shape[3]
        if 3 not in (first, last) and not (_is_open(first) and _is_open(last)):
            self._refuse(f"the input {port} does not take three channels")
        channels_first = first == 3 or last != 3
        sides = port.shape[2:] if channels_first else port.shape[1:3]
        height, width = (side if isinstance(side, int) else None for side in sides)
        return channels_first, (height, width)

    def _size(self, sides: tuple[int | None, int | None], resize: str) -> tuple[int, int] | None:
        requested = self._table.size
        if resize == "none":
            if requested is not None or None not in sides:
                self._refuse(
                    'resize = "none" leaves images at their own size, which needs an input of any '
                    "size"
                )
            return None
        height, width = sides
        for fixed, side in zip(sides, requested or (), strict=False):
            if fixed is not None and fixed != side:
                self._refuse(
                    f"size is {list(requested or ())}, but the file takes only "
                    f"{[side or '?' for side in sides]} (height, width)"
                )
        if requested is not None:
            return requested
        if height is None or width is None:
            return self._missing("size")
        return height, width

    def _layout(self) -> tuple[str, tuple[str, ...]]:
        names = [port.name for port in self._outputs]
        requested = self._table.outputs
        for name in requested or ():
            if name not in names:
                self._refuse(
                    f"it has no output {name!r}{nearest(name, names)} "
                    f"(it has: {_listed(self._outputs)})"
                )
        layout = self._table.layout or likely_layout(self._outputs, requested)
        if layout is None:
            self._missing("layout", f"; its outputs are {_listed(self._outputs)}")
        chosen = requested or usual_outputs(layout, names)
        if chosen is None:
            self._missing("outputs", f"; it has: {_listed(self._outputs)}")
        if len(chosen) != N_OUTPUTS[layout]:
            self._refuse(f"layout {layout} takes {N_OUTPUTS[layout]} outputs, found {list(chosen)}")
        self._require_fractions(layout, chosen)
        self._require_wide_boxes(chosen[0])
        return layout, chosen

    def _require_fractions(self, layout: str, chosen: Sequence[str]) -> None:
        """Refuse scores that were cast to whole numbers, which makes nearly all of them 0."""
        scores = scores_output(layout, chosen)
        (kind,) = (port.type for port in self._outputs if port.name == scores)
        if kind not in _FRACTIONS:
            self._refuse(
                f"the output {scores}, which holds the scores, is {kind}: a score is from 0 to 1, "
                "and a cast to whole numbers makes it 0; export it as float"
            )

    def _require_wide_boxes(self, boxes: str) -> None:
        """Refuse boxes that were cast to numbers too narrow for them."""
        (kind,) = (port.type for port in self._outputs if port.name == boxes)
        if kind in _EIGHT_BITS:
            self._refuse(
                f"the output {boxes}, which holds the boxes, is {kind}, which ends at "
                f"{_EIGHT_BITS[kind]}: boxes of larger images are cut or wrong; export it as float"
            )
        if self._table.normalised and kind not in _FRACTIONS:
            why = "boxes that are shares of the image become 0 or 1 there; export it as float"
            self._refuse(f"the output {boxes}, which holds the boxes, is {kind}: {why}")

    def _require_same_classes(self, stated: Sequence[str] | None) -> None:
        """Refuse class names that are not those of the file: labels would mean other classes."""
        named = self._table.classes
        if stated is not None and named is not None and tuple(stated) != named:
            self._refuse(
                "classes under [model.onnx] are not those of the file's metadata: "
                f"{names_difference(named, stated)}"
            )

    def _classes(self) -> tuple[str, ...]:
        classes: tuple[str, ...] = self._needed("classes", self._table.classes)
        if not classes or len(set(classes)) != len(classes) or not all(classes):
            self._refuse(f"classes are names, each once; found {list(classes)}")
        return classes

    def _needed(self, field: str, value: Any, default: Any = None) -> Any:
        if value is not None:
            return value
        return self._missing(field.replace("_", "-")) if default is None else default

    def _missing(self, key: str, more: str = "") -> NoReturn:
        needed = ["resize", "channel_order", "classes"]
        if all(_INPUT_TYPES.get(port.type) != "uint8" for port in self._inputs):
            needed.append("divide_by")
        lacking = [name.replace("_", "-") for name in needed if getattr(self._table, name) is None]
        others = ", ".join(name for name in lacking if name != key)
        more += f"; also missing: {others}" if others else ""
        self._refuse(
            f"{key} is missing: neither [model.onnx] in detgate.toml nor the file's metadata "
            f"({METADATA_PREFIX}{key}) has it; it takes {expected_value(key)}{more}"
        )

    def _refuse(self, what: str) -> NoReturn:
        raise DetectorError(f"{self._path}: {what}")


def _listed(ports: Sequence[Port]) -> str:
    return ", ".join(map(str, ports))


def _is_open(side: int | str | None) -> bool:
    return not isinstance(side, int)
