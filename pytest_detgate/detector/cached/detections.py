"""The cached detections of one model, and how long they are valid."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Collection, Iterator

import msgspec

from pytest_detgate.cache.cache import Cache
from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.pending import PendingImages
from pytest_detgate.detector.devices import accepts
from pytest_detgate.detector.protocol import Detected, ProvisionalDetected, UncacheableDetected
from pytest_detgate.detector.validation import are_detections

# A killed process loses what was detected since the last write.
_WRITE_EVERY = 64
_WRITE_SECONDS = 5.0


class CachedDetections:
    """Detections in the cache of the model with this key.

    Most detections depend on the key alone. Provisional ones are valid while files that the
    detector looked for are still missing. Uncacheable ones, which may depend on anything, are
    valid in this `run` alone, and not at all if it has no name.
    """

    def __init__(self, cache: Cache, key: str, run: str) -> None:
        self._cache = cache
        self._key = key
        # Both texts are part of cached keys: with other words, earlier detections are not found.
        self._provisional = _key(key, "while files are missing")
        self._of_run = _key(key, run) if run else None
        self._missing = self._cached_missing()
        self._pending: dict[str, list[tuple[str, ImageDetections]]] = {}
        self._written = time.monotonic()
        self.notes: dict[str, None] = {}
        """Why some detections are not cached for other runs."""

    def load(self, pending: PendingImages, device: str, n_classes: int) -> None:
        """Add to pending images what the cache has, if it was computed on an accepted device."""
        for key in self._valid_keys():
            for sha256, made_on, detections in self._cache.detections(key, pending.missing()):
                if accepts(device, made_on) and are_detections(detections, n_classes=n_classes):
                    pending.add_cached(sha256, detections, made_on)

    def add(
        self, detected: Detected, sha256: str, detections: ImageDetections, device: str
    ) -> None:
        """Cache detections now or later; call `write` at the end."""
        key: str | None = self._key
        if isinstance(detected, UncacheableDetected):
            key = self._of_run
            self.notes[f"its detections are not cached: {detected.reason}"] = None
        elif isinstance(detected, ProvisionalDetected):
            key = self._provisional
            self._missing |= set(detected.missing)
        if key is not None:
            self._pending.setdefault(key, []).append((sha256, detections))
        n_pending = sum(map(len, self._pending.values()))
        if n_pending >= _WRITE_EVERY or time.monotonic() - self._written > _WRITE_SECONDS:
            self.write(device)

    def add_to_run(
        self, detected: Detected, sha256: str, detections: ImageDetections, device: str
    ) -> None:
        """Cache detections for the other processes of this run alone."""
        if self._of_run is not None:
            self._cache.add_detections(self._of_run, device, [(sha256, detections)])

    def drop(self) -> None:
        """Remove the detections that are valid in more than one run."""
        for key in (self._key, self._provisional):
            self._cache.drop_detections(key)

    def write(self, device: str) -> None:
        """Write the detections that were added since the last write."""
        if self._pending.get(self._provisional):  # the missing files first: they decide validity
            self._cache.add_facts(self._provisional, msgspec.json.encode(sorted(self._missing)))
        for key, detections in self._pending.items():
            self._cache.add_detections(key, device, detections)
        self._pending = {}
        self._written = time.monotonic()

    def _valid_keys(self) -> Iterator[str]:
        yield self._key
        if self._of_run is not None:
            yield self._of_run
        missing = self._cached_missing()
        if missing and not any(map(os.path.lexists, missing)):
            yield self._provisional

    def _cached_missing(self) -> set[str]:
        content = self._cache.facts(self._provisional)
        try:
            return set() if content is None else msgspec.json.decode(content, type=set[str])
        except msgspec.MsgspecError:
            return set()


class ComparedImages:
    """The digests of images that represent datasets, by the key of a model.

    Their cached detections were compared in this `run`, or there were none when it began. Without a
    name of the run only this process knows them.
    """

    def __init__(self, cache: Cache, run: str) -> None:
        self._cache = cache
        self._run = run
        self._digests: dict[str, set[str]] = {}

    def digests(self, key: str) -> set[str]:
        """Return the digests for a model."""
        known = self._digests.setdefault(key, set())
        content = self._cache.facts(self._request(key)) if self._run else None
        if content is not None:
            with contextlib.suppress(msgspec.MsgspecError):
                known |= msgspec.json.decode(content, type=set[str])
        return known

    def add(self, key: str, digests: Collection[str]) -> None:
        """Add digests for a model."""
        known = self.digests(key)
        known.update(digests)
        if self._run:
            content = msgspec.json.encode(sorted(known))
            self._cache.add_facts(self._request(key), content)

    def _request(self, key: str) -> str:
        return _key(key, self._run, "compared")


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
