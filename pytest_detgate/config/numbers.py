"""The kinds of number that options take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
ScoreThreshold = Annotated[float, Meta(ge=0, lt=1)]
"""A box counts when score > threshold. No score is above 1, so at 1 nothing would count."""
Count = Annotated[int, Meta(ge=0)]
Confidence = Annotated[float, Meta(gt=0.5, lt=1)]
HashDistance = Annotated[
    int, Meta(ge=0, le=16, description="Bits of 64 in which the hashes of copies may differ.")
]
