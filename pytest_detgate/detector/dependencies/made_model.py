"""A model made under observation: whatever it looks at while it is made is part of its key."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from pytest_detgate.detector.dependencies.gathered import gathered
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.dependencies.state import file_signature, file_state, value_state
from pytest_detgate.detector.dependencies.watched_detector import WatchedDetector
from pytest_detgate.detector.packages import installed_versions
from pytest_detgate.detector.protocol import LoadedModel, ModelSource
from pytest_detgate.detector.python.code import code_of, importable

# Raised when keys are made in another way, so that earlier ones are not used.
_FORMAT = 1


def make_model(
    load: Callable[[], LoadedModel],
    source: ModelSource,
    own_modules: Iterable[str],
    project: str | None = None,
) -> LoadedModel:
    """Call `load`, and put all that it looks at into the key of the model that it makes.

    `own_modules` count as code of the project wherever they are installed. `project` names the
    project whose code it is, else its folder does. The detector that comes
    back goes on noting: detections that depend on something which was first looked at later are
    not cacheable.
    """
    own = tuple(_places(own_modules, source.folder))
    with Recorder(source.folder, own=own) as recorder:
        loaded = load()
    with importable(source.folder):
        code = code_of(*loaded.modules)
    files = {str(path) for path in code.files}
    notes = recorder.notes
    for path in loaded.files:
        notes.setdefault(("file", str(path)), file_signature(str(path)))
    for name, value in loaded.environment.items():
        notes.setdefault(("variable", name), value_state(value))
    checkpoint = {str(path.absolute()) for path in (source.checkpoint,) if path is not None}
    gather = functools.partial(
        gathered, code=files, without=checkpoint, state=functools.cache(file_state)
    )
    made_from = gather(notes)
    packages = tuple(sorted({*loaded.packages, *code.packages}))
    info = loaded.detector.info
    folder = project_folder(source)
    content = made_from.sha256(folder)
    key = {
        "format": _FORMAT,
        "key": info.key,
        "made from": content,
        # Code can read where it lies, so that copies of a project are not one.
        "project": project or str(folder) if files else "",
        "versions": installed_versions(packages),
        "classes": info.classes,
        "score floor": info.score_floor,
    }
    info = msgspec.structs.replace(
        info,
        key=hashlib.sha256(msgspec.json.encode(key, order="sorted")).hexdigest(),
        sha256=info.sha256 or content,
    )
    # What decides values alone is found out in every run, however it is done.
    everything = msgspec.structs.replace(
        gather({**recorder.by_value, **notes}), hidden=made_from.hidden
    )
    return dataclasses.replace(
        loaded,
        detector=WatchedDetector(loaded.detector, info, everything, source.folder, own),
        packages=packages,
        dependencies=everything,
    )


def project_folder(source: ModelSource) -> Path:
    """The folder that a model's project lies in, as far as is known."""
    if source.folder is not None:
        return source.folder.absolute()
    return Path.cwd() if source.checkpoint is None else source.checkpoint.absolute().parent


def _places(modules: Iterable[str], folder: Path | None) -> Iterator[str]:
    """Where modules, or the packages that they belong to, lie."""
    with importable(folder):
        for name in dict.fromkeys(module.partition(".")[0] for module in modules):
            try:
                spec = importlib.util.find_spec(name)
            except (ImportError, ValueError):  # which loading says
                continue
            if spec is not None and spec.submodule_search_locations:
                yield from (place + os.sep for place in spec.submodule_search_locations)
            elif spec is not None and spec.origin is not None:
                yield spec.origin
