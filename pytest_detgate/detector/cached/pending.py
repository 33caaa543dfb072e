"""Requested images, and the detections on them that are known so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_detgate.detections import ImageDetections, ImageResult, OutputNotFinite, UnreadableImage
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import sha256_of_file


@dataclass(frozen=True, slots=True)
class DetectionRun(Mapping[Path, ImageResult]):
    """The detections on each requested image.

    `devices` names where they were computed, `cached` and `inferred` count the images whose
    detections came from the cache and from this run. `notes` are for the reader of the report.
    """

    results: dict[Path, ImageResult]
    devices: frozenset[str]
    cached: int
    inferred: int
    notes: tuple[str, ...] = ()

    def __getitem__(self, image: Path) -> ImageResult:
        return self.results[image]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


@dataclass(slots=True)
class PendingImages:
    """Requested images by the digest of their content.

    `detections` are those known so far, by digest; `failed` are the images that have none.
    """

    digest: dict[Path, str] = field(default_factory=dict)
    detections: dict[str, ImageDetections] = field(default_factory=dict)
    failed: dict[Path, UnreadableImage | OutputNotFinite] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    inferred: set[str] = field(default_factory=set)
    made_on: dict[str, str] = field(default_factory=dict)
    """The devices of the detections that come from the cache, by digest."""

    def missing(self) -> dict[str, Path]:
        """Return one image for each content without detections so far."""
        missing: dict[str, Path] = {}
        for path, sha256 in self.digest.items():
            if sha256 not in self.detections and path not in self.failed:
                missing.setdefault(sha256, path)
        return missing

    def add_cached(self, sha256: str, detections: ImageDetections, device: str) -> None:
        """Add detections from the cache."""
        self.detections[sha256] = detections
        self.made_on[sha256] = device

    def drop_cached(self) -> None:
        """Forget all detections from the cache."""
        for sha256 in self.made_on:
            self.detections.pop(sha256, None)
        self.made_on = {}

    def add_inferred(
        self, image: Path, sha256: str, detections: ImageDetections, device: str
    ) -> None:
        """Add detections of this run; `sha256` is that of the bytes that the model read."""
        self.digest[image] = sha256
        self.detections[sha256] = detections
        self.inferred.add(sha256)
        self.made_on.pop(sha256, None)
        self.devices.add(device)

    def result(self, images: Sequence[Path], notes: tuple[str, ...]) -> DetectionRun:
        """Return the detections on every image; none may be missing any more."""
        detected = {path: self.digest[path] for path in images if path not in self.failed}
        n_inferred = sum(sha256 in self.inferred for sha256 in detected.values())
        return DetectionRun(
            {
                path: self.detections[detected[path]] if path in detected else self.failed[path]
                for path in images
            },
            frozenset({*self.devices, *self.made_on.values()}),
            cached=len(detected) - n_inferred,
            inferred=n_inferred,
            notes=notes,
        )


def require_content(image: Path, sha256: str, digest: Callable[[str], str]) -> None:
    """Raise unless the file has the content with this digest now; `digest` makes it of that of the
    bytes.

    An image may have changed since it was hashed. A wrong digest would assign the detections to
    other content.
    """
    try:
        current = digest(sha256_of_file(image))
    except OSError:
        current = ""
    if current != sha256:
        raise DetectorError(
            f"{image}: the sha256 of the detector is not that of the file: either the file changes "
            "all the time, or the detector returns a wrong sha256"
        )
