"""The cached detections of one model, and for how long they hold."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator

import msgspec

from pytest_detgate.cache.store import Store
from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.run import Wanted
from pytest_detgate.detector.devices import accepts
from pytest_detgate.detector.protocol import Detected, ProvisionalDetected, UncacheableDetected
from pytest_detgate.detector.validation import are_detections

# So often results are written down: what a kill costs at most.
_WRITE_EVERY = 64
_WRITE_SECONDS = 5.0


class CachedDetections:
    """What a store has of the model with this key, and is to get of it.

    Most detections hold for the key alone. Some hold while files that the detector asked for are
    still not there; some, which may depend on anything, for the `run` alone, and not at all where
    that has no name.
    """

    def __init__(self, store: Store, key: str, run: str) -> None:
        self._store = store
        self._key = key
        self._provisional = _key(key, "while files are missing")
        self._of_run = _key(key, run) if run else None
        self._missing = self._cached_missing()
        self._pending: dict[str, list[tuple[str, ImageDetections]]] = {}
        self._written = time.monotonic()
        self.notes: dict[str, None] = {}
        """Why some detections are not kept for other runs."""

    def take(self, wanted: Wanted, device: str, n_classes: int) -> None:
        """Find what is wanted and was computed on a device that is accepted."""
        for key in self._valid_keys():
            for sha256, place, found in self._store.detections(key, wanted.missing()):
                if accepts(device, place) and are_detections(found, n_classes=n_classes):
                    wanted.found[sha256] = found
                    wanted.devices.add(place)

    def add(self, detected: Detected, sha256: str, found: ImageDetections, device: str) -> None:
        """Keep what was detected, sooner or later: `write` at the end."""
        key: str | None = self._key
        if isinstance(detected, UncacheableDetected):
            key = self._of_run
            self.notes[f"its detections are not cached: {detected.reason}"] = None
        elif isinstance(detected, ProvisionalDetected):
            key = self._provisional
            self._missing |= set(detected.missing)
        if key is not None:
            self._pending.setdefault(key, []).append((sha256, found))
        n_pending = sum(map(len, self._pending.values()))
        if n_pending >= _WRITE_EVERY or time.monotonic() - self._written > _WRITE_SECONDS:
            self.write(device)

    def write(self, device: str) -> None:
        """Keep what was added."""
        if self._pending.get(self._provisional):  # first what it depends on
            self._store.keep_facts(self._provisional, msgspec.json.encode(sorted(self._missing)))
        for key, found in self._pending.items():
            self._store.keep(key, device, found)
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
        content = self._store.facts(self._provisional)
        try:
            return set() if content is None else msgspec.json.decode(content, type=set[str])
        except msgspec.MsgspecError:
            return set()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
