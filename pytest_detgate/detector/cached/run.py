"""Images that were asked for, and what is found on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_detgate.detections import ImageDetections, ImageResult, OutputNotFinite, UnreadableImage


@dataclass(frozen=True, slots=True)
class DetectionRun(Mapping[Path, ImageResult]):
    """The detections on each image that was asked for.

    `devices` names where they were computed, `kept` and `inferred` count the images whose
    detections came from the store and from this run. `notes` are things a reader must know.
    """

    results: dict[Path, ImageResult]
    devices: frozenset[str]
    kept: int
    inferred: int
    notes: tuple[str, ...] = ()

    def __getitem__(self, image: Path) -> ImageResult:
        return self.results[image]

    def __iter__(self) -> Iterator[Path]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


@dataclass(slots=True)
class Wanted:
    """Images by the digest of their content, and what has been found so far; `unknown` are those
    of which nothing can be."""

    digest: dict[Path, str] = field(default_factory=dict)
    found: dict[str, ImageDetections] = field(default_factory=dict)
    unknown: dict[Path, UnreadableImage | OutputNotFinite] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    inferred: set[str] = field(default_factory=set)

    def missing(self) -> dict[str, Path]:
        """One image for each content that nothing is known of yet."""
        missing: dict[str, Path] = {}
        for path, sha256 in self.digest.items():
            if sha256 not in self.found and path not in self.unknown:
                missing.setdefault(sha256, path)
        return missing

    def take(self, image: Path, sha256: str, found: ImageDetections, device: str) -> None:
        """Note what was just inferred, by the content that the image had by then."""
        self.digest[image] = sha256
        self.found[sha256] = found
        self.inferred.add(sha256)
        self.devices.add(device)

    def run(self, images: Sequence[Path], notes: tuple[str, ...]) -> DetectionRun:
        """Answer for every image; each is known by now."""
        answered = {path: self.digest[path] for path in images if path not in self.unknown}
        n_inferred = sum(sha256 in self.inferred for sha256 in answered.values())
        return DetectionRun(
            {
                path: self.found[answered[path]] if path in answered else self.unknown[path]
                for path in images
            },
            frozenset(self.devices),
            kept=len(answered) - n_inferred,
            inferred=n_inferred,
            notes=notes,
        )
