"""Limits for models that are built from a configuration stored in a checkpoint.

MMEngine builds what a `type` names: a registered class, or any function that Python can import,
called with the values of the section. So a stored configuration may name only the parts in
`known_parts.txt`, whose source was reviewed (`python -m tools.known_parts`), and give them numbers
and plain words: no text that could be a path, an address or code.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from pytest_detgate.detector.packages import quiet
from pytest_detgate.errors import DetectorError

# Digits are words, too: `attention_type="0010"`, `arch="regnetx_4.0gf"`.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|regnetx_[0-9.]+[gm]f|nearest-exact|")
# Values by which a part chooses between its own modes; they are not looked up.
_OWN_TYPES = ("conv", "interpolation_conv", "last_conv", "identity", "dilation", "offset")
# Keys whose values say what is built, so they must be names.
_NAMES = ("type", "_scope_", "default_scope")
_SCOPES = ("mmdet", "mmcv", "mmengine")
# Sources of images. The gate reads images itself; some backends of MMEngine import a client from a
# folder that the section names.
_BACKENDS = ("backend_args", "file_client_args")
_UNKNOWN_PART = "which is not a part of MMDetection that is known to be safe"


class _Names:
    """The parts that a `type` can name in this process."""

    def __init__(self) -> None:
        with quiet():
            import mmcv.ops
            from mmdet.registry import MODELS, TASK_UTILS, TRANSFORMS

            self._operators = mmcv.ops
            self._registries = [MODELS, TASK_UTILS, TRANSFORMS]
            for registry in self._registries:
                registry.import_from_location()
                if registry.parent is not None and registry.parent not in self._registries:
                    self._registries.append(registry.parent)  # extends the list of this loop

    def is_known(self, name: str) -> bool:
        """Return whether a name can only be looked up as parts whose source was reviewed."""
        paths = set(self._paths(name))
        return bool(paths) and paths <= known_parts()

    def _paths(self, name: str) -> Iterator[str]:
        for registry in self._registries:
            if (part := registered_part(registry, name)) is not None:
                yield _path(part)
        # Heads look up operators by name, in mmcv only.
        if "." not in name and callable(getattr(self._operators, name, None)):
            yield f"mmcv.ops.{name}"


@functools.cache
def _names() -> _Names:
    return _Names()


def registered_part(registry: Any, name: str) -> object:
    """Return the part of this name in a registry or in a loaded module, or None.

    Unlike the look-up of MMEngine it imports nothing.
    """
    scope, _, last = name.rpartition(".")
    if scope in ("", *_SCOPES):
        return registry.module_dict.get(last)
    return getattr(sys.modules.get(scope), "__dict__", {}).get(last)


def _path(part: object) -> str:
    return f"{getattr(part, '__module__', '')}.{getattr(part, '__qualname__', '')}"


@functools.cache
def known_parts() -> frozenset[str]:
    """Return the dotted paths of all parts that a stored configuration may build."""
    text = files("pytest_detgate.detector.mmdet").joinpath("known_parts.txt").read_text("utf-8")
    return frozenset(line[2:] for line in text.splitlines() if line.startswith("+ "))


def without_backends(value: Any) -> Any:
    """Return a section without backends, so that every image is a file of this machine."""
    if isinstance(value, Mapping):
        return {
            key: None if key in _BACKENDS else without_backends(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(without_backends(item) for item in value)
    return value


def refuse_unknown_parts(sections: Mapping[str, Any], source: str) -> None:
    """Raise if sections of a stored configuration use more than known parts and plain values.

    The message uses the names of `sections`.
    """
    names = _names()
    for location, key, value in _leaves(sections, "", ""):
        if key in ("_scope_", "default_scope"):
            if value is not None and value not in _SCOPES:
                raise not_used(
                    source, f"{location} is {_short(value)} (allowed: {', '.join(_SCOPES)})"
                )
        elif key == "type":
            if value not in _OWN_TYPES and not (isinstance(value, str) and names.is_known(value)):
                raise not_used(source, f"{location} names {_short(value)}, {_UNKNOWN_PART}")
        elif isinstance(value, str) and not _WORD.fullmatch(value) and not names.is_known(value):
            reason = "which is not a number, a plain word or a known part of MMDetection"
            raise not_used(source, f"{location} is {_short(value)}, {reason}")


def _leaves(value: Any, location: str, key: object) -> Iterator[tuple[str, object, Any]]:
    """Yield every value without inner values, and every key: its location, its key, itself."""
    if isinstance(value, Mapping) and key not in _NAMES:
        for name, item in value.items():
            yield f"a key of {location or 'the configuration'}", "", name
            yield from _leaves(item, f"{location}.{name}" if location else str(name), name)
    elif isinstance(value, (list, tuple, set)) and key not in _NAMES:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{location}[{index}]", "")
    else:
        yield location, key, value


@contextlib.contextmanager
def known_parts_only(source: str) -> Iterator[None]:
    """Restrict registries to known parts within the block.

    A class may compose the name of another part, and if a registry has no part of a name, MMEngine
    imports a module of that name.
    """
    from mmengine.registry import Registry

    names = _names()
    original = Registry.get

    def get(self: Any, key: str) -> Any:
        if not (names.is_known(key) and _finds(self, key)):
            raise not_used(source, f"one of its parts uses {_short(key)}, {_UNKNOWN_PART}")
        return original(self, key)

    Registry.get = get
    try:
        yield
    finally:
        Registry.get = original


def _finds(registry: Any, name: str) -> bool:
    """Return whether a registry, or one of its parents, has a part of this name.

    A name with a dot is that of a loaded module, or of one within MMDetection.
    """
    while "." not in name and name not in registry.module_dict:
        registry = registry.parent
        if registry is None:
            return False
    return True


def not_used(source: str, reason: str) -> DetectorError:
    """Return the error for a refused stored configuration, with both solutions."""
    return DetectorError(
        f"{source}: the stored configuration is not used: {reason}. Name the project's own "
        "configuration file (config under [model]), or allow this checkpoint with "
        "--detgate-trust-checkpoint"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
