"""A detector on changed images, of any framework.

The changed images are files without loss, so that each framework reads them as it reads others.
Their detections are cached under a digest of the change and the original: to find
them in the cache, no image need be changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ImageDetections, ImageResult, UnreadableImage
from pytest_detgate.detector.changed.rendering import Rendered, rendered_images
from pytest_detgate.detector.protocol import Detected, Detector
from pytest_detgate.image_changes.change import ImageChange


class ChangedDetector:
    """Changes images, detects on them, and returns boxes on the originals.

    A result has the path of the original, and as `sha256` the digest of the changed image.
    """

    def __init__(self, detector: Detector, change: ImageChange, options: ImageOptions) -> None:
        self.info = detector.info
        self.device = detector.device
        self._detector = detector
        self._change = change
        self._options = options

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield the detections on each changed image."""
        for group in rendered_images(images, self._change, self._options):
            made: dict[Path, Rendered] = {}
            for image in group:
                if image.file is None:
                    yield Detected(image.original, "", UnreadableImage(image.problem))
                else:
                    made[image.file] = image
            for detected in self._detector.detect(list(made)) if made else ():
                yield self._on_original(detected, made[detected.image])

    def _on_original(self, detected: Detected, rendered: Rendered) -> Detected:
        result: ImageResult = detected.result
        if not isinstance(result, ImageDetections):
            return detected.renamed(rendered.original, "", result)
        result = result.cut()
        result = ImageDetections(
            xyxy=self._change.map_back(result.xyxy, rendered.size),
            score=result.score,
            label=result.label,
        )
        return detected.renamed(rendered.original, self._change.digest(rendered.sha256), result)
