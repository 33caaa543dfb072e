"""A cheap detector, whose answer is a function of the picture's bytes, behind the front door."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pytest_detgate.detections import ImageDetections, ModelInfo
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.cached.pending import DetectionRun
from pytest_detgate.detector.protocol import Detected, Detector, ModelSource
from pytest_detgate.progress import NoProgress

INFO = ModelInfo(
    key="k" * 64,
    checkpoint="c.pth",
    sha256="s",
    classes=tuple(f"class {number}" for number in range(80)),
    score_floor=0.0,
)


@functools.cache
def answer(content: bytes) -> ImageDetections:
    """Up to 300 boxes that no other content gives."""
    digest = hashlib.sha256(content).digest()
    pick = np.random.default_rng(list(digest))
    n = int(pick.integers(0, 301))
    return ImageDetections(
        pick.random((n, 4), np.float32),
        pick.random(n, np.float32),
        pick.integers(0, 80, n, np.int32),
    )


def is_answer(detections: object, content: bytes) -> bool:
    """Whether these are the detections on that content, all of them and no others."""
    right = answer(content)
    return isinstance(detections, ImageDetections) and all(
        np.array_equal(getattr(detections, name), getattr(right, name))
        for name in ("xyxy", "score", "label")
    )


class ReadingDetector:
    """Notes the names of the images that it is asked to look at."""

    def __init__(self, info: ModelInfo = INFO) -> None:
        self.info = info
        self.device = "cpu"
        self.asked: list[str] = []

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        for image in images:
            self.asked.append(image.name)
            content = image.read_bytes()
            yield Detected(image, hashlib.sha256(content).hexdigest(), answer(content))


class ReadingGate(CachedDetector):
    """A gate on that detector; `folder` gets a file for its checkpoint, and the cache unless that
    is elsewhere."""

    def __init__(self, folder: Path, cache_dir: Path | None = None) -> None:
        checkpoint = folder / "c.pth"
        if not checkpoint.exists():
            checkpoint.write_bytes(b"checkpoint")
        super().__init__(
            ModelSource(checkpoint),
            cache_dir=cache_dir or folder / "cache",
            device="auto",
            progress=NoProgress(),
        )
        self.reading = ReadingDetector()

    def _load(self) -> Detector:
        return self.reading

    def checked(self, images: Sequence[Path]) -> DetectionRun:
        """Detect, and compare every answer with the right one."""
        run = self.detect(images)
        assert list(run) == list(images)
        assert all(is_answer(match, image.read_bytes()) for image, match in run.items())
        return run
