"""A detector whose accesses are recorded: they are not part of its key."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.dependencies.import_notes import NoteKind, Notes
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.dependencies.state import Dependencies, file_signature
from pytest_detgate.detector.dependencies.variables import ALL_VARIABLES, MISSING
from pytest_detgate.detector.protocol import (
    Detected,
    Detector,
    ProvisionalDetected,
    UncacheableDetected,
)

_Detect = Callable[[Sequence[Path]], Iterable[Detected]]


class WatchedDetector:
    """Wraps a detector; `info` replaces its own.

    As soon as it accesses something that it did not access while it was made, its detections are
    not cacheable. If it only looks for files that are missing, they are provisional. `known` are
    its dependencies, and `recorder` has recorded them. Optional attributes of the detector
    (`in_turn`, `notes`, `model_seconds`) are passed through.
    """

    def __init__(
        self,
        detector: Detector,
        info: ModelInfo,
        known: Dependencies,
        recorder: Recorder,
        checkpoint: Iterable[str] = (),
    ) -> None:
        """`checkpoint` are its files whose content is in the key beside the dependencies."""
        self._detector = detector
        self.info = info
        self.device = detector.device
        self._recorder = recorder
        weakref.finalize(self, recorder.close)
        self._known: dict[str, object] = {
            **known.lookups,
            **known.absent,
            **known.questions,
            **known.folders,
            **known.patterns,
            **known.environment,
            **{name: file_signature(name) for name in (*known.files, *checkpoint)},
        }
        self._reason = next(
            (f"it has unrecorded dependencies: {dependency}" for dependency in known.hidden), ""
        )
        # By path, whether no result has named it so far.
        self._missing: dict[str, bool] = {}
        if hasattr(detector, "in_turn"):
            self.in_turn = self._in_turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield the results of the detector."""
        return self._watched(images, self._detector.detect)

    def _in_turn(self, images: Sequence[Path]) -> Iterator[Detected]:
        return self._watched(images, self._detector.in_turn)  # type: ignore[attr-defined]

    def _watched(self, images: Sequence[Path], detect: _Detect) -> Iterator[Detected]:
        recorder = self._recorder
        paths = _Images(images)
        with recorder.noting(ignored=paths, known=self._known):
            for detected in detect(images):
                self._reason = self._reason or self._new_dependency(recorder.notes, paths)
                marked = self._marked(detected)
                with recorder.waiting():  # for accesses of the caller
                    yield marked

    def _marked(self, detected: Detected) -> Detected:
        if self._reason:
            uncacheable = UncacheableDetected(*detected)
            uncacheable.reason = self._reason
            return uncacheable
        if not self._missing:
            return detected
        marked = ProvisionalDetected(*detected)
        marked.missing = tuple(name for name, is_new in self._missing.items() if is_new)
        self._missing.update(dict.fromkeys(marked.missing, False))
        return marked

    def _new_dependency(self, notes: Notes, images: _Images) -> str:
        """Say which access is new or found another state; remember files that are missing."""
        for (kind, name), state in list(notes.items()):
            if kind in ("file", "module"):
                state = file_signature(name)
            if kind == "package" or (kind == "question" and images.are_reached_by(name)):
                continue
            if kind == "hidden" or (name not in self._known and not self._is_listed(kind)):
                if state == MISSING and kind in ("lookup", "absent", "question"):
                    # The paths of a missing module are noted as absent.
                    if not name.startswith("module "):
                        path = name.partition(" ")[2] if kind == "question" else name
                        self._missing.setdefault(path, True)
                    continue
                return f"{name} is first accessed during detection"
            if state != self._known.get(name, state):
                return f"{name} has changed since the model was made"
        return ""

    def _is_listed(self, kind: NoteKind) -> bool:
        """Return whether the whole environment is known, so that every variable is."""
        return kind == "variable" and ALL_VARIABLES in self._known


class _Images:
    """Returns whether a path is one of the images, or the target of a link among them."""

    def __init__(self, images: Sequence[Path]) -> None:
        self._paths = {os.path.abspath(image) for image in images}  # noqa: PTH100
        self._folders: set[str] | None = None
        self._resolved: set[str] | None = None

    def __call__(self, path: str) -> bool:
        if path in self._paths:
            return True
        if self._resolved is None:
            self._resolved = {os.path.realpath(image) for image in self._paths}
        return path in self._resolved

    def are_reached_by(self, question: str) -> bool:
        """Return whether a question asks for the target of a folder above the images.

        To resolve the path of an image is to ask that of each folder.
        """
        what, path = question.split(" ", 1)
        if what != "link":
            return False
        if self._folders is None:
            inner = {os.path.dirname(image) for image in self._paths}  # noqa: PTH120
            inner |= set(map(os.path.realpath, inner))
            self._folders = {str(folder) for i in inner for folder in (i, *Path(i).parents)}
        return path in self._folders
