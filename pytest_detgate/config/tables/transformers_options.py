"""The table `[model.options]` of a model of transformers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class TransformersOptions(
    Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True
):
    """What the folder of a model may leave open."""

    classes: (
        Annotated[
            tuple[str, ...],
            Meta(min_length=1, description="Names of the classes by label. Omitted: id2label's."),
        ]
        | None
    ) = None
    score_floor: Annotated[
        float, Meta(ge=0, le=1, description="Boxes whose score is not over it are dropped.")
    ] = 0.001
