"""A detector that a function of the project makes.

The entry is called once, as `entry(checkpoint, device, **options)`, and answers with an object:

- `classes`: the names of the classes, by label;
- `detect(images)`: takes a list of paths and gives for each, in the same order, its boxes (n, 4)
  as corners in pixels of the picture, their scores (n) from 0 to 1 and their labels (n);
- `score_floor`, which may be left out: the lowest score that it lets through (0);
- `device`, which may be left out: where it runs, `cpu` or `cuda:N`;
- `files`, which may be left out: paths of files that compiled code opens for it, such as weights
  that ONNX Runtime reads. What Python code opens, the gate sees by itself.

A label is a name out of `classes` or its index there.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.cache.digests import Signature, signature
from pytest_detgate.dataset.images.opening import open_image
from pytest_detgate.detections import (
    ImageDetections,
    ImageResult,
    ModelInfo,
    OutputNotFinite,
    UnreadableImage,
)
from pytest_detgate.detector.devices import check_device, require_some_gpu, said_device
from pytest_detgate.detector.image_bytes import cut_short, reason_of
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import Detected, LoadedModel, ModelSource
from pytest_detgate.detector.python.code import importable
from pytest_detgate.detector.validation import checked_detections
from pytest_detgate.errors import DetectorError, nearest
from pytest_detgate.regular_file import open_regular, read_regular

# Raised when the way in which detections are made changes, so that kept ones are not used.
_FORMAT = 2
_BATCH = 16
_ATTEMPTS = 3


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None = None
) -> LoadedModel:
    """Call the entry. What it is made of is seen by who calls this.

    `sha256` is that of the checkpoint, empty without one.
    """
    module = module_of(source)
    entry = source.entry or ""
    check_device(device)
    with importable(source.folder):
        make = _function(entry)
        try:
            with quiet():
                made = make(source.checkpoint, device, **source.options)
        except DetectorError:
            raise
        except (Exception, SystemExit) as error:  # the project's own code runs
            raise DetectorError(f"{entry} fails: {type(error).__name__}: {error}") from error
    classes, floor = _classes(made, entry), _score_floor(made, entry)
    info = ModelInfo(
        key=_key(source, sha256),
        checkpoint=source.name,
        sha256=sha256,
        classes=classes,
        score_floor=floor,
    )
    detector = EntryDetector(
        made,
        entry,
        info=info,
        device=_device(made, entry, device),
        batch_size=batch_size or _BATCH,
        folder=source.folder,
        max_pixels=source.image_options.max_pixels,
    )
    return LoadedModel(detector=detector, files=_named_files(made, entry), modules=(module,))


def module_of(source: ModelSource) -> str:
    """The module that the entry is in; a `DetectorError` where there is none."""
    if source.entry is None:
        raise DetectorError('framework = "python" needs an entry, "package.module:function"')
    return source.entry.partition(":")[0]


class EntryDetector:
    """Hands images to the object that the entry made, and looks at every answer."""

    def __init__(
        self,
        made: Any,
        entry: str,
        *,
        info: ModelInfo,
        device: str,
        batch_size: int,
        folder: Path | None,
        max_pixels: int,
    ) -> None:
        self.info = info
        self.device = device
        self._made = made
        self._entry = entry
        self._batch_size = batch_size
        self._folder = folder
        self._max_pixels = max_pixels
        self._labels = {name: at for at, name in enumerate(info.classes)}

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        """Yield each image's detections, in order; an image is known by the bytes that it held
        before it was handed over and still holds afterwards."""
        waiting = iter(images)
        while batch := list(islice(waiting, self._batch_size)):
            yield from self._detected(batch)

    def _detected(self, batch: list[Path]) -> Iterator[Detected]:
        for _ in range(_ATTEMPTS):
            digests: dict[Path, str] = {}
            broken: list[Detected] = []
            before = {}
            for image in batch:
                try:
                    before[image] = signature(image)
                    digests[image] = _digest(image)
                except Exception as error:  # a picture's decoder has errors of its own
                    broken.append(Detected(image, "", UnreadableImage(reason_of(error))))
            found = self._answers(list(digests)) if digests else []
            if all(_is_unchanged(image, before[image]) for image in digests):
                break
        else:
            raise DetectorError(f"{batch[0]} or one of the next images changes while it is read")
        yield from broken
        for image, result in zip(digests, found, strict=True):
            is_read = isinstance(result, ImageDetections)
            yield Detected(image, digests[image] if is_read else "", result)

    def _answers(self, images: list[Path]) -> list[ImageResult]:
        try:
            with importable(self._folder), quiet():
                answers = list(self._made.detect(list(images)))
        except DetectorError:
            raise
        except (Exception, SystemExit) as error:  # the project's own code runs
            if len(images) > 1:  # which of them was it?
                return [answer for image in images for answer in self._answers([image])]
            if (reason := _undecodable(images[0], self._max_pixels)) is not None:
                return [UnreadableImage(reason)]
            raise DetectorError(
                f"{self._entry} fails on {images[0]}: {type(error).__name__}: {error}"
            ) from error
        if len(answers) != len(images):
            raise DetectorError(
                f"{self._entry}: detect was given {len(images)} images and gave "
                f"{len(answers)} answers, first {images[0]}"
            )
        return [self._checked(answer, image) for answer, image in zip(answers, images, strict=True)]

    def _checked(self, answer: Any, image: Path) -> ImageDetections | OutputNotFinite:
        try:
            boxes, scores, labels = answer
        except (TypeError, ValueError):
            raise DetectorError(
                f"{self._entry}'s answer to {image}: expected boxes, scores and labels, found "
                f"a {type(answer).__name__}"
            ) from None
        try:
            named = any(isinstance(label, str) for label in labels)
        except TypeError:  # not even a list, which is said below
            named = False
        if named:
            unknown = [
                name for name in labels if not (isinstance(name, str) and name in self._labels)
            ]
            if unknown:
                raise DetectorError(
                    f"{self._entry}'s answer to {image}: {unknown[0]!r} is not one of its classes"
                    f"{nearest(str(unknown[0]), self._labels)}"
                )
            labels = [self._labels[name] for name in labels]
        return checked_detections(
            boxes, scores, labels, image=image, n_classes=len(self.info.classes)
        )


def _function(entry: str) -> Callable[..., Any]:
    module, _, name = entry.partition(":")
    importlib.invalidate_caches()
    try:
        with quiet():
            found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the module's own code runs
        where = (
            "; it must be installed or lie beside detgate.toml"
            if isinstance(error, ModuleNotFoundError) and module.startswith(str(error.name))
            else ""
        )
        raise DetectorError(
            f"the module {module!r} of entry {entry!r} cannot be imported: "
            f"{type(error).__name__}: {error}{where}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise DetectorError(
                f"entry {entry!r}: {module} has no {name!r}{nearest(part, dir(found))}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise DetectorError(f"entry {entry!r} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _key(source: ModelSource, sha256: str) -> str:
    """What is asked for; what that is made of is added by who has seen it made."""
    parts = {
        "format": _FORMAT,
        "framework": "python",
        "checkpoint": sha256,
        "entry": source.entry,
        "options": source.options,
        "upright": source.image_options.is_upright,
    }
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _said(made: Any, name: str, entry: str, otherwise: Any = None) -> Any:
    try:
        return getattr(made, name, otherwise)
    except Exception as error:  # the project's own code runs
        raise DetectorError(
            f"{entry}: its {name} fails: {type(error).__name__}: {error}"
        ) from error


def _classes(made: Any, entry: str) -> tuple[str, ...]:
    names = _said(made, "classes", entry)
    if (
        not isinstance(names, (list, tuple))
        or not names
        or not all(isinstance(name, str) and name for name in names)
        or len(set(names)) != len(names)
    ):
        raise DetectorError(
            f"{entry} made a {type(made).__name__} whose classes are {names!r}; expected a list "
            "of names, each once"
        )
    if not callable(_said(made, "detect", entry)):
        raise DetectorError(f"{entry} made a {type(made).__name__} without a method detect")
    return tuple(names)


def _score_floor(made: Any, entry: str) -> float:
    floor = _said(made, "score_floor", entry, 0.0)
    if isinstance(floor, bool) or not isinstance(floor, (int, float)) or not 0 <= floor <= 1:
        raise DetectorError(f"{entry}: score_floor is from 0 to 1, found {floor!r}")
    return float(floor)


def _named_files(made: Any, entry: str) -> tuple[Path, ...]:
    """The files that compiled code opens for it, which nobody else can know."""
    files = _said(made, "files", entry, ())
    try:
        paths = tuple(Path(file).absolute() for file in files)
    except TypeError:
        raise DetectorError(f"{entry}: files is a list of paths, found {files!r}") from None
    missing = [str(path) for path in paths if not path.is_file()]
    if isinstance(files, str) or missing:
        found = repr(files) if isinstance(files, str) else f"no file {missing[0]}"
        raise DetectorError(f"{entry}: files is a list of paths, found {found}")
    return paths


def _device(made: Any, entry: str, asked: str) -> str:
    """Where it runs; what it does not say is taken to be what was asked for."""
    said = _said(made, "device", entry)
    if said is None:
        require_some_gpu(asked)
        said = "cpu" if asked == "auto" else asked
    return said_device(said, asked, entry)


def _digest(image: Path) -> str:
    content = read_regular(image)
    if (flaw := cut_short(content)) is not None:
        raise ValueError(flaw)
    return hashlib.sha256(content).hexdigest()


def _is_unchanged(image: Path, before: Signature) -> bool:
    try:
        return signature(image) == before
    except OSError:
        return False


def _undecodable(image: Path, max_pixels: int) -> str | None:
    """Why a picture cannot be decoded by anybody, if so."""
    try:
        with open_regular(image) as file, open_image(file, max_pixels) as picture:
            picture.load()
    except Exception as error:  # Pillow's decoders raise many kinds
        return reason_of(error)
    return None
