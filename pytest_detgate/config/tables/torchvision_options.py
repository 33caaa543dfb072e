"""The table `[model.options]` of a model of torchvision."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class TorchvisionOptions(
    Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True
):
    """The function that builds the model, and the classes of its labels."""

    builder: Annotated[
        str,
        Meta(
            description="Function of torchvision.models.detection, such as fasterrcnn_resnet50_fpn."
        ),
    ]
    classes: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Names of the classes by label, without the background."),
    ]
    first_label: Annotated[
        Literal[0, 1],
        Meta(description="Label of the first class. 1: label 0 is the background."),
    ] = 1
    arguments: Annotated[
        dict[str, bool | int | float | list[int | float]],
        Meta(description="Further arguments of the function, such as min_size."),
    ] = {}
