"""Guards what is built from a configuration that only the checkpoint vouches for.

MMEngine builds what a `type` names: a registered class, but also any function that Python can
import, called with the section's values. So a stored configuration may name only the parts of
`known_parts.txt`, whose source was read (`python -m tools.known_parts`), and give them numbers and
plain words: no text that could be a path, an address or code.
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

# Numbers are words, too: `attention_type="0010"`, `arch="regnetx_4.0gf"`.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|regnetx_[0-9.]+[gm]f|nearest-exact|")
# By which parts choose between their own ways; nothing is looked up for them.
_OWN_TYPES = ("conv", "interpolation_conv", "last_conv", "identity", "dilation", "offset")
# Keys whose values say what is built, and so have to be names.
_NAMES = ("type", "_scope_", "default_scope")
_SCOPES = ("mmdet", "mmcv", "mmengine")
# Where an image is read from. The gate reads it itself; some of MMEngine's backends import a
# client, from a folder that the section names.
_BACKENDS = ("backend_args", "file_client_args")


class _Names:
    """What a `type` may stand for in this process."""

    def __init__(self) -> None:
        with quiet():
            import mmcv.ops
            from mmdet.registry import MODELS, TASK_UTILS, TRANSFORMS

            self._operators = mmcv.ops
            self._registries = [MODELS, TASK_UTILS, TRANSFORMS]
            for registry in self._registries:
                registry.import_from_location()
                if registry.parent is not None and registry.parent not in self._registries:
                    self._registries.append(registry.parent)  # grows the list that is looped over

    def is_known(self, name: str) -> bool:
        """Whether all that a name can be looked up as are parts whose source was read."""
        paths = set(self._paths(name))
        return bool(paths) and paths <= known_parts()

    def _paths(self, name: str) -> Iterator[str]:
        for registry in self._registries:
            if (part := registered_part(registry, name)) is not None:
                yield _path(part)
        # Heads look for operators by name, in mmcv and nowhere else.
        if "." not in name and callable(getattr(self._operators, name, None)):
            yield f"mmcv.ops.{name}"


@functools.cache
def _names() -> _Names:
    return _Names()


def registered_part(registry: Any, name: str) -> object:
    """What a registry, or a module that is loaded, has by this name, or None; unlike MMEngine's
    own look-up it imports nothing."""
    scope, _, last = name.rpartition(".")
    if scope in ("", *_SCOPES):
        return registry.module_dict.get(last)
    return getattr(sys.modules.get(scope), "__dict__", {}).get(last)


def _path(part: object) -> str:
    return f"{getattr(part, '__module__', '')}.{getattr(part, '__qualname__', '')}"


@functools.cache
def known_parts() -> frozenset[str]:
    """The dotted paths of all parts that a stored configuration may build."""
    text = files("pytest_detgate.detector.mmdet").joinpath("known_parts.txt").read_text("utf-8")
    return frozenset(line[2:] for line in text.splitlines() if line.startswith("+ "))


def without_backends(value: Any) -> Any:
    """A section of a configuration in which every image is a file of this machine."""
    if isinstance(value, Mapping):
        return {
            key: None if key in _BACKENDS else without_backends(item) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(without_backends(item) for item in value)
    return value


def refuse_unknown_parts(sections: Mapping[str, Any], source: str) -> None:
    """Raise where sections of a stored configuration ask for more than known parts and plain
    values; `sections` are named as the message calls them."""
    names = _names()
    for place, key, value in _leaves(sections, "", ""):
        if key in ("_scope_", "default_scope"):
            if value is not None and value not in _SCOPES:
                raise not_used(
                    source, f"{place} is {_short(value)} (allowed: {', '.join(_SCOPES)})"
                )
        elif key == "type":
            if value not in _OWN_TYPES and not (isinstance(value, str) and names.is_known(value)):
                what = "no part of MMDetection that is known to be safe to build"
                raise not_used(source, f"{place} names {_short(value)}, {what}")
        elif isinstance(value, str) and not _WORD.fullmatch(value) and not names.is_known(value):
            what = "which is neither a number nor a plain word nor a known part of MMDetection"
            raise not_used(source, f"{place} is {_short(value)}, {what}")


def _leaves(value: Any, place: str, key: object) -> Iterator[tuple[str, object, Any]]:
    """Every value that holds no others, and every key: its place, the key it is under, itself."""
    if isinstance(value, Mapping) and key not in _NAMES:
        for name, item in value.items():
            yield f"a key of {place or 'the configuration'}", "", name
            yield from _leaves(item, f"{place}.{name}" if place else str(name), name)
    elif isinstance(value, (list, tuple, set)) and key not in _NAMES:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{place}[{index}]", "")
    else:
        yield place, key, value


@contextlib.contextmanager
def known_parts_only(source: str) -> Iterator[None]:
    """Meanwhile let registries look up known parts only. A class may put the name of another part
    together; and where a registry has no part of a name, MMEngine imports a module of that name.
    """
    from mmengine.registry import Registry

    names = _names()
    really = Registry.get

    def get(self: Any, key: str) -> Any:
        if not (names.is_known(key) and _finds(self, key)):
            what = "no part of MMDetection that is known to be safe to build"
            raise not_used(source, f"one of its parts asks for {_short(key)}, {what}")
        return really(self, key)

    Registry.get = get
    try:
        yield
    finally:
        Registry.get = really


def _finds(registry: Any, name: str) -> bool:
    """Whether a registry, or one that it looks in next, has a part of this name. A name with a
    dot is that of a module that is loaded, or of one within MMDetection."""
    while "." not in name and name not in registry.module_dict:
        registry = registry.parent
        if registry is None:
            return False
    return True


def not_used(source: str, why: str) -> DetectorError:
    """The error for a stored configuration that is refused, with both ways out."""
    return DetectorError(
        f"{source}: the stored configuration is not used: {why}. Name the project's own "
        "configuration file (config under [model]), or allow this checkpoint with "
        "--detgate-trust-checkpoint"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
