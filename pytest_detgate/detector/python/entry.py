"""Construction of a detector by a function of the project, the entry.

The entry is called once, as `entry(checkpoint, device, **options)`, and returns an object with:

- `classes`: the class names, by label;
- `detect(images)`: takes a list of paths and returns for each, in the same order, its boxes (n, 4)
  as corners in pixels of the image, their scores (n) from 0 to 1 and their labels (n);
- `score_floor` (optional, 0): the lowest score that it returns;
- `device` (optional): where it runs, `cpu` or `cuda:N`;
- `files` (optional): paths of files that compiled code opens for it, such as weights that ONNX
  Runtime reads. The gate itself sees the files that Python code opens.

A label is a name in `classes` or its index there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.devices import check_device, checked_device, require_some_gpu
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.project_call import call_project
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.python.code import importable
from pytest_detgate.detector.python.detector import EntryDetector
from pytest_detgate.errors import DetectorError, nearest

# Raised when detections are made in another way, so that cached ones are not used.
_FORMAT = 2
_BATCH = 16


def load_model(
    source: ModelSource, *, sha256: str, device: str, batch_size: int | None = None
) -> LoadedModel:
    """Call the entry. The caller records its dependencies.

    `sha256` is that of the checkpoint, empty without one.
    """
    module = module_of(source)
    entry = source.entry or ""
    check_device(device)
    with importable(source.folder):
        make = _function(entry)
        try:
            with quiet():
                made = call_project(make, source.checkpoint, device, **source.options)
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
    """Return the module of the entry; a `DetectorError` if there is none."""
    if source.entry is None:
        raise DetectorError('framework = "python" needs an entry, "package.module:function"')
    return source.entry.partition(":")[0]


def _function(entry: str) -> Callable[..., Any]:
    module, _, name = entry.partition(":")
    importlib.invalidate_caches()
    try:
        with quiet():
            function: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # the module's own code runs
        where = (
            "; it must be installed or in the folder of detgate.toml"
            if isinstance(error, ModuleNotFoundError) and module.startswith(str(error.name))
            else ""
        )
        raise DetectorError(
            f"the module {module!r} of entry {entry!r} cannot be imported: "
            f"{type(error).__name__}: {error}{where}"
        ) from error
    for part in name.split("."):
        if not hasattr(function, part):
            raise DetectorError(
                f"entry {entry!r}: {module} has no {name!r}{nearest(part, dir(function))}"
            )
        function = getattr(function, part)
    if not callable(function):
        raise DetectorError(f"entry {entry!r} is a {type(function).__name__}, not a function")
    return function  # type: ignore[no-any-return]


def _key(source: ModelSource, sha256: str) -> str:
    """Return the key of the request; the caller adds the dependencies."""
    parts = {
        "format": _FORMAT,
        "framework": "python",
        "checkpoint": sha256,
        "entry": source.entry,
        "options": source.options,
        "upright": source.image_options.is_upright,
    }
    return key_digest(parts)


def _attribute(made: Any, name: str, entry: str, default: Any = None) -> Any:
    try:
        return getattr(made, name, default)
    except Exception as error:  # the project's own code runs
        raise DetectorError(
            f"{entry}: its {name} fails: {type(error).__name__}: {error}"
        ) from error


def _classes(made: Any, entry: str) -> tuple[str, ...]:
    names = _attribute(made, "classes", entry)
    if not isinstance(names, (list, tuple)) or not _are_class_names(names):
        raise DetectorError(
            f"{entry} made a {type(made).__name__} whose classes are {names!r}; expected a list "
            "of names, each once"
        )
    if not callable(_attribute(made, "detect", entry)):
        raise DetectorError(f"{entry} made a {type(made).__name__} without a method detect")
    return tuple(names)


def _are_class_names(names: Sequence[Any]) -> bool:
    are_texts = all(isinstance(name, str) and name for name in names)
    return len(names) > 0 and are_texts and len(set(names)) == len(names)


def _score_floor(made: Any, entry: str) -> float:
    floor = _attribute(made, "score_floor", entry, 0.0)
    if isinstance(floor, bool) or not isinstance(floor, (int, float)) or not 0 <= floor <= 1:
        raise DetectorError(f"{entry}: score_floor is from 0 to 1, found {floor!r}")
    return float(floor)


def _named_files(made: Any, entry: str) -> tuple[Path, ...]:
    """Return the files that compiled code opens, which the gate cannot see."""
    files = _attribute(made, "files", entry, ())
    try:
        paths = tuple(Path(file).absolute() for file in files)
    except TypeError:
        raise DetectorError(f"{entry}: files is a list of paths, found {files!r}") from None
    missing = [str(path) for path in paths if not path.is_file()]
    if isinstance(files, str) or missing:
        wrong = repr(files) if isinstance(files, str) else f"no file {missing[0]}"
        raise DetectorError(f"{entry}: files is a list of paths, found {wrong}")
    return paths


def _device(made: Any, entry: str, requested: str) -> str:
    """Return where it runs; if it does not say, the requested device."""
    device = _attribute(made, "device", entry)
    if device is None:
        require_some_gpu(requested)
        device = "cpu" if requested == "auto" else requested
    return checked_device(device, requested, entry)
