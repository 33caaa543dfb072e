"""Guards what is built from a configuration that nobody but the checkpoint vouches for.

MMEngine builds whatever a `type` names: a registered class, but also any function that Python
can import, called with the section's values. mmcv goes further and evaluates the name of an NMS
as Python. So the types of a stored configuration have to be registered ones or operators of
mmcv, and its values must neither read like code nor name files that would be unpickled or run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError

_LOADED_FILES = (".py", ".pkl", ".pickle", ".pth", ".pt", ".ckpt", ".bin", ".npy", ".npz")


def refuse_unregistered(section: Any, source: str) -> None:
    """Raise where a section asks for more than MMDetection's registered parts."""
    with quiet():
        import mmcv.ops
        from mmdet.registry import MODELS, TASK_UTILS, TRANSFORMS

        registries = [MODELS, TASK_UTILS, TRANSFORMS]
        for registry in registries:
            registry.import_from_location()
            if registry.parent is not None and registry.parent not in registries:
                registries.append(registry.parent)  # grows what is looped over, up to the root
    scopes = {registry.scope for registry in registries}
    names = {name for registry in registries for name in registry.module_dict}
    names |= {f"{r.scope}.{name}" for r in registries for name in r.module_dict}
    classes = {id(value) for registry in registries for value in registry.module_dict.values()}

    for place, value in _strings(section, place="model"):
        key = place.rpartition(".")[2]
        if key == "type":
            known = value in names or id(_loaded(value)) in classes
            if not known and not (value.isidentifier() and hasattr(mmcv.ops, value)):
                raise _refused(source, f"{place} names {value!r}, which is not registered")
        elif key == "_scope_" and value not in scopes:
            raise _refused(source, f"{place} names {value!r}, which is no part of MMDetection")
        elif value.lower().endswith(_LOADED_FILES):
            raise _refused(source, f"{place} names the file {value!r}")
        elif "(" in value:
            raise _refused(source, f"{place} reads like code: {value[:80]!r}")


def _loaded(path: str) -> object:
    """What a dotted path names among the modules that are loaded; imports nothing."""
    module, _, name = path.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _strings(item, f"{place}[{index}]")


def _refused(source: str, why: str) -> DetectorError:
    return DetectorError(
        f"{source}: the stored configuration is not used: {why}. Name the project's own "
        "configuration file (config under [model]), or allow this checkpoint with "
        "--detgate-trust-checkpoint"
    )
