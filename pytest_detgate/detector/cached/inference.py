"""Detection on the images that have no cached detections."""

from __future__ import annotations

import contextlib

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.detections import CachedDetections
from pytest_detgate.detector.cached.pending import PendingImages, require_content
from pytest_detgate.detector.changed.view import ImageView
from pytest_detgate.detector.devices import exclusive
from pytest_detgate.detector.protocol import Detector
from pytest_detgate.progress import Progress


def infer_missing(
    detector: Detector,
    pending: PendingImages,
    cached: CachedDetections,
    view: ImageView,
    progress: Progress,
    *,
    is_distrusted: bool,
) -> None:
    """Detect on pending images, and cache what is detected. With `is_distrusted` it is only
    cached for this run."""
    detector = view.detector(detector)
    n_missing = len(pending.missing())
    with (
        contextlib.ExitStack() as cleanup,
        exclusive(detector.device, progress),
        progress.task("detecting", n_missing, "images") as advance,
    ):
        cleanup.callback(lambda: cached.write(detector.device))
        # A second pass is needed only for images that shared their content with one that has
        # changed in the meantime or could not be read.
        while missing := pending.missing():
            for detected in detector.detect(list(missing.values())):
                image, sha256, result = detected
                advance(1)
                if not isinstance(result, ImageDetections):
                    # Not cached: the next run tries again.
                    pending.failed[image] = result
                    continue
                if sha256 != pending.digest[image]:
                    require_content(image, sha256, view.digest)
                pending.add_inferred(image, sha256, result, detector.device)
                add = cached.add_to_run if is_distrusted else cached.add
                add(detected, sha256, result, detector.device)
