"""Construction of a model with a record of its dependencies, which are part of its key."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.dependencies.gathering import gather_dependencies
from pytest_detgate.detector.dependencies.installed import distribution_names
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.dependencies.state import file_signature, file_state
from pytest_detgate.detector.dependencies.variables import value_state
from pytest_detgate.detector.dependencies.watched_detector import WatchedDetector
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.python.code import code_of, importable

# Raised when keys are made in another way, so that earlier ones are not used.
_FORMAT = 2


def make_model(
    load: Callable[[], LoadedModel],
    source: ModelSource,
    own_modules: Iterable[str],
    project: str | None = None,
) -> LoadedModel:
    """Call `load`, and include everything that it accesses in the key of the model.

    `own_modules` count as code of the project wherever they are installed. `project` identifies the
    project, by default its folder does. The returned detector is watched too: detections that
    depend on something that was first accessed later are not cacheable.
    """
    own = tuple(_module_paths(own_modules, source.folder))
    recorder = Recorder(source.folder, own=own)
    try:
        with recorder.noting():
            loaded = load()
    except BaseException:
        recorder.close()
        raise
    with importable(source.folder):
        code = code_of(*loaded.modules, own=own)
    files = {str(path) for path in code.files}
    # From now on, accesses of threads that the model has started are not part of the key.
    notes, recorder.notes = recorder.notes, {}
    for path in loaded.files:
        notes.setdefault(("file", str(path)), file_signature(str(path)))
    for name, value in loaded.environment.items():
        notes.setdefault(("variable", name), value_state(value))
    checkpoint = {str(path.absolute()) for path in (source.checkpoint,) if path is not None}
    gather = functools.partial(
        gather_dependencies, code=files, without=checkpoint, state=functools.cache(file_state)
    )
    made_from = gather(notes, modules=code.modules, distributions=loaded.packages)
    folder = project_folder(source)
    content = made_from.sha256(folder)
    # Code can read its own path, so that a copy of a project is another project.
    project_name = project or str(folder) if files else ""
    info = msgspec.structs.replace(
        loaded.detector.info,
        key=_key(loaded.detector.info, content, project_name),
        sha256=loaded.detector.info.sha256 or content,
    )
    # Accesses that only decide values are checked in every run, but are not part of the key.
    everything = msgspec.structs.replace(
        gather({**recorder.by_value, **notes}),
        packages=made_from.packages,
        hidden=made_from.hidden,
    )
    return dataclasses.replace(
        loaded,
        detector=WatchedDetector(loaded.detector, info, everything, recorder, checkpoint),
        packages=distribution_names(made_from.packages),
        dependencies=everything,
    )


def _key(info: ModelInfo, content: str, project: str) -> str:
    """Return the key of a model, from that of its framework and its dependencies."""
    parts = {
        "format": _FORMAT,
        "key": info.key,
        "made from": content,
        "project": project,
        "classes": info.classes,
        "score floor": info.score_floor,
    }
    return key_digest(parts)


def project_folder(source: ModelSource) -> Path:
    """Return the folder of the project of a model: that of `detgate.toml`, else a guess."""
    if source.folder is not None:
        return source.folder.absolute()
    return Path.cwd() if source.checkpoint is None else source.checkpoint.absolute().parent


def _module_paths(modules: Iterable[str], folder: Path | None) -> Iterator[str]:
    """Yield the paths of modules, or of the packages that they belong to."""
    with importable(folder):
        for name in dict.fromkeys(module.partition(".")[0] for module in modules):
            try:
                spec = importlib.util.find_spec(name)
            except (ImportError, ValueError):  # loading reports it
                continue
            if spec is not None and spec.submodule_search_locations:
                yield from (path + os.sep for path in spec.submodule_search_locations)
            elif spec is not None and spec.origin is not None:
                yield spec.origin
