"""The baseline: another checkpoint that is run on the same data, or what an earlier run recorded.

A comparison means something only if data, classes and protocol are the same. What differs is
refused with its reason.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_detgate.dataset.tables import DetectionTable
    from pytest_detgate.inputs.compared.comparable import BaselineAp
    from pytest_detgate.record.report import BaselineRecord
    from pytest_detgate.scoring.bounds.bootstrap import Replicates
    from pytest_detgate.scoring.matching import Matches
    from pytest_detgate.scoring.score_card import ApMetric


class Baseline(abc.ABC):
    """What a rule may ask of the baseline. What cannot be compared raises `DataError`."""

    record: BaselineRecord

    @abc.abstractmethod
    def unchanged(self, name: str) -> str | None:
        """Why the gated model is the baseline on a split or probe: it is the same file, or it has
        exactly the same detections. None if it is another model."""

    @abc.abstractmethod
    def ap(self, split: str, metric: ApMetric) -> BaselineAp:
        """Its AP on a split."""

    @abc.abstractmethod
    def replicates(self, split: str, replicates: int, seed: int) -> Replicates | None:
        """Its metrics in the very draws that `Inputs.replicates` has for these numbers; None
        where nothing is known of single images."""

    @abc.abstractmethod
    def matches(self, split: str) -> Matches | None:
        """What its detections of a split match; None where they are not known."""

    def detections(self, name: str) -> DetectionTable | None:
        """Its detections on a split or probe; None where they are not known."""
        return None

    @abc.abstractmethod
    def false_boxes(self, probe: str, threshold: float) -> int:
        """Its false boxes on a probe with score > threshold."""

    @abc.abstractmethod
    def false_on_images(self, probe: str, threshold: float) -> NDArray[np.int64] | None:
        """(images,) the same by image; None where nothing is known of single images."""

    @abc.abstractmethod
    def false_scores(self, probe: str) -> tuple[NDArray[np.float64], float] | None:
        """(n,) scores of all its false boxes on a probe, best first, and the score below which it
        has nothing; None where they are not known."""

    @abc.abstractmethod
    def images_note(self, probe: str) -> str:
        """Text behind the baseline's name that says how the images of a probe were compared;
        empty where that was by content."""
