"""A detector that is watched while it works: what it looks at then is not part of its key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.dependencies.import_notes import Kind, Notes
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.dependencies.state import (
    ALL_VARIABLES,
    MISSING,
    Dependencies,
    file_signature,
)
from pytest_detgate.detector.protocol import (
    Detected,
    Detector,
    ProvisionalDetected,
    UncacheableDetected,
)

_Ask = Callable[[Sequence[Path]], Iterable[Detected]]


class WatchedDetector:
    """Another detector, whose detections are not cacheable from the moment on at which it looks at
    something that it did not look at while it was made; `info` takes the place of its own. Where it
    only asks for files that are not there, they hold while those are still missing.

    `known` is what it was made from. What the other detector may have beside (`in_turn`, `notes`,
    `model_seconds`) this one has, too.
    """

    def __init__(
        self,
        detector: Detector,
        info: ModelInfo,
        known: Dependencies,
        folder: Path | None,
        own: Iterable[str],
    ) -> None:
        self._detector = detector
        self.info = info
        self.device = detector.device
        self._folder = folder
        self._own = tuple(own)
        self._known: dict[str, object] = {
            **known.lookups,
            **known.absent,
            **known.folders,
            **known.patterns,
            **known.environment,
            **{name: file_signature(name) for name in known.files},
        }
        self._reason = next((f"it depends on more than is seen: {one}" for one in known.hidden), "")
        # Whether it was not told of yet, by path.
        self._missing: dict[str, bool] = {}
        if hasattr(detector, "in_turn"):
            self.in_turn = self._in_turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield what the detector yields."""
        return self._watched(images, self._detector.detect)

    def _in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        return self._watched(images, self._detector.in_turn)  # type: ignore[attr-defined]

    def _watched(self, images: Sequence[Path], ask: _Ask) -> Iterator[Detected]:
        with Recorder(
            self._folder, own=self._own, ignored=_Images(images), known=self._known
        ) as recorder:
            for answer in ask(images):
                self._reason = self._reason or self._news(recorder.notes)
                yield self._marked(answer)

    def _marked(self, answer: Detected) -> Detected:
        if self._reason:
            uncacheable = UncacheableDetected(*answer)
            uncacheable.reason = self._reason
            return uncacheable
        if not self._missing:
            return answer
        marked = ProvisionalDetected(*answer)
        marked.missing = tuple(name for name, is_new in self._missing.items() if is_new)
        self._missing.update(dict.fromkeys(marked.missing, False))
        return marked

    def _news(self, notes: Notes) -> str:
        """What was looked at that was not known before, or was in another state. What was asked
        for in vain is remembered."""
        for (kind, name), state in list(notes.items()):
            if kind in ("file", "module"):
                state = file_signature(name)
            if kind == "hidden" or (name not in self._known and not self._is_listed(kind)):
                if kind in ("lookup", "absent") and state == MISSING:
                    self._missing.setdefault(name, True)
                    continue
                return f"{name} is looked at first while it detects"
            if state != self._known.get(name, state):
                return f"{name} has changed since the model was made"
        return ""

    def _is_listed(self, kind: Kind) -> bool:
        """Whether all variables of the environment are known, by whatever names."""
        return kind == "variable" and ALL_VARIABLES in self._known


class _Images:
    """Tells whether a path is one of the images that are looked at, or what one is a link to."""

    def __init__(self, images: Sequence[Path]) -> None:
        self._paths = {os.path.abspath(image) for image in images}  # noqa: PTH100
        self._resolved: set[str] | None = None

    def __call__(self, path: str) -> bool:
        if path in self._paths:
            return True
        if self._resolved is None:
            self._resolved = {os.path.realpath(image) for image in self._paths}
        return path in self._resolved
