"""The table `[model.onnx]`: settings of an ONNX file that the file itself does not state."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Pixels = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]


class OnnxTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """How images go into an ONNX file and how its outputs are read. Each key may also be in the
    metadata of the file, as `detgate.KEY`; this table wins."""

    input: (
        Annotated[str, Meta(description="Input that takes the image. Omitted: the only one.")]
        | None
    ) = None
    size: (
        Annotated[
            tuple[Pixels, Pixels],
            Meta(
                description="Height and width of the input. Omitted: those of the file, if fixed."
            ),
        ]
        | None
    ) = None
    resize: (
        Annotated[
            Literal["stretch", "letterbox", "pad-end", "none"],
            Meta(
                description="How an image gets that size. stretch: stretched. letterbox: scaled "
                "as a whole and padded on both sides. pad-end: padded right and below. none: its "
                "size is not changed."
            ),
        ]
        | None
    ) = None
    pad_value: (
        Annotated[int, Meta(ge=0, le=255, description="Grey of the padding. Omitted: 114.")] | None
    ) = None
    channel_order: (
        Annotated[Literal["rgb", "bgr"], Meta(description="Order of the input's channels.")] | None
    ) = None
    divide_by: (
        Annotated[
            float,
            Meta(gt=0, description="What values of 0 to 255 are divided by first: 255, or 1."),
        ]
        | None
    ) = None
    mean: (
        Annotated[
            tuple[float, float, float],
            Meta(description="Then subtracted, in the order of the input's channels. Omitted: 0."),
        ]
        | None
    ) = None
    std: (
        Annotated[
            tuple[Positive, Positive, Positive],
            Meta(description="Then divided by, in the order of the input's channels. Omitted: 1."),
        ]
        | None
    ) = None
    layout: (
        Annotated[
            Literal["boxes-scores-labels", "dets-labels", "rows", "raw", "queries"],
            Meta(
                description="What the outputs are: boxes (N, 4), scores (N), labels (N); boxes "
                "with scores (N, 5) and labels (N); rows of box, score, label (N, 6); raw, a box "
                "and a score for each class (N, 4 + K); or queries, boxes (N, 4) and log-odds "
                "(N, L) of a DETR. Omitted: by the outputs' names."
            ),
        ]
        | None
    ) = None
    outputs: (
        Annotated[
            tuple[str, ...],
            Meta(description="Names of the outputs, in the order of the layout's name."),
        ]
        | None
    ) = None
    boxes: (
        Annotated[
            Literal["xyxy", "xywh", "cxcywh"],
            Meta(
                description="Form of the boxes. Omitted: xyxy; cxcywh with queries; with raw it is "
                "needed."
            ),
        ]
        | None
    ) = None
    normalised: (
        Annotated[
            bool,
            Meta(
                description="Boxes are shares of the input's size, not pixels of it. Omitted: only "
                "with queries."
            ),
        ]
        | None
    ) = None
    activation: (
        Annotated[
            Literal["sigmoid", "softmax"],
            Meta(
                description="queries: what makes scores of log-odds. sigmoid: each class by "
                "itself. softmax: the last label is that nothing is there."
            ),
        ]
        | None
    ) = None
    objectness: (
        Annotated[
            bool,
            Meta(description="raw: a fifth value before the classes, which multiplies them."),
        ]
        | None
    ) = None
    first_label: (
        Annotated[Literal[0, 1], Meta(description="Label of the first class. Omitted: 0.")] | None
    ) = None
    classes: (
        Annotated[tuple[str, ...], Meta(description="Names of the classes, by label.")] | None
    ) = None
    score_floor: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=1,
                description="Lowest score that the file returns; boxes must be over it. Omitted "
                "with raw and queries: 0.001.",
            ),
        ]
        | None
    ) = None
    nms_iou: (
        Annotated[
            float,
            Meta(
                gt=0,
                le=1,
                description="Raw: of two boxes of a class over this IoU the worse is dropped; 1 "
                "drops none. Every other layout has this done inside the file.",
            ),
        ]
        | None
    ) = None
