"""Whether images are detected on as they are, or changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import UnreadableImage
from pytest_detgate.detector.protocol import Detector
from pytest_detgate.image_changes.change import ImageChange

Digests = Mapping[Path, str | UnreadableImage]


class ImageView:
    """Images as they are: under which digest detections are cached, and what detects them."""

    def digest(self, sha256: str) -> str:
        """Return the digest under which detections are cached, from that of a file."""
        return sha256

    def digests(self, of_files: Digests) -> Digests:
        """Return these digests by image, from those of the files."""
        return {
            path: self.digest(image) if isinstance(image, str) else image
            for path, image in of_files.items()
        }

    def detector(self, detector: Detector) -> Detector:
        """Return the detector that looks at images in this way."""
        return detector


AS_THEY_ARE = ImageView()


class ChangedImages(ImageView):
    """Images after a change; `options` say how the originals are read."""

    def __init__(self, change: ImageChange, options: ImageOptions) -> None:
        self._change = change
        self._options = options

    def digest(self, sha256: str) -> str:
        return self._change.digest(sha256)

    def detector(self, detector: Detector) -> Detector:
        # It imports Pillow, which only those pay for who need it.
        from pytest_detgate.detector.changed.detector import ChangedDetector

        return ChangedDetector(detector, self._change, self._options)
