"""What was found on a split or probe."""

from __future__ import annotations

from dataclasses import dataclass

from tests.campaign.oracle.labels import Box


@dataclass
class Detection:
    """A detection on the image of that index."""

    image: int
    category: str
    box: Box
    score: float


@dataclass
class Detections:
    """All detections; `classes` are those that the detector says it has, None where it does not.
    `is_listed` says that the file names its images."""

    rows: list[Detection]
    classes: list[str] | None
    is_listed: bool = False
