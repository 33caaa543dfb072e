"""What the data of a training were built from, and the cache of such data.

Building them starts a process that imports MMDetection, which takes seconds. The cache saves that
while the resolved configuration, the annotation files and the versions of all packages are equal.
Only configurations that are nothing but values, and datasets of MMDetection that open nothing but
their annotation file, are cached: other code may read anything.
"""

from __future__ import annotations

import os
import platform
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate._version import __version__
from pytest_detgate.cache.cache import Cache
from pytest_detgate.cache.digests import file_digests, signature
from pytest_detgate.detector.dependencies.installed import package_state, package_states
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.detector.mmdet.config import config_digest, custom_imports
from pytest_detgate.detector.mmdet.config_files import plain_digest, resolved_config
from pytest_detgate.detector.mmdet.plain_config import has_plain_values
from pytest_detgate.detector.packages import mmdetection_packages

# Raised when the data are described in another way, so that earlier entries are not used.
_FORMAT = 1
_PACKAGES = ("mmdet", "mmcv", "mmengine")
_MAX_BYTES = 1 << 26


class ViewOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """`configured` is the digest of the resolved configuration, `packages` the state of the
    packages that built the data."""

    configured: str
    packages: dict[str, str]


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Built data with all that must be unchanged for them to be valid; `files` by path."""

    request: str
    origin: ViewOrigin
    files: dict[str, str]
    data: bytes


def resolved_values(config: Path) -> dict[str, Any] | None:
    """Return the values of a configuration that is nothing but values; None for any other, which
    is code that only a separate process may run."""
    if find_spec("mmengine") is None or not has_plain_values(config):
        return None
    values: dict[str, Any] = resolved_config(config)
    return None if custom_imports(values) else values


def origin_of(
    config: Path, values: dict[str, Any], datasets: Sequence[Any], others: Iterable[Any]
) -> ViewOrigin | None:
    """Return what data were built from, in the process that built them; None if they may depend
    on more than that. `datasets` read annotation files, `others` are the wrappers and transforms
    around them."""
    if not has_plain_values(config) or custom_imports(values) or _names_class_files(values):
        return None
    if not all(map(_reads_annotations_only, datasets)) or not all(map(_is_of_packages, others)):
        return None
    packages = package_states((), mmdetection_packages())
    return ViewOrigin(configured=config_digest(values), packages=packages)


def _reads_annotations_only(dataset: Any) -> bool:
    """Return whether a dataset opens its annotation file, and nothing else. Subclasses may not."""
    kind = type(dataset)
    is_coco = f"{kind.__module__}.{kind.__qualname__}" == "mmdet.datasets.coco.CocoDataset"
    further = (getattr(dataset, name, None) for name in ("proposal_file", "backend_args"))
    return is_coco and not any(further)


def _is_of_packages(made: Any) -> bool:
    return type(made).__module__.partition(".")[0] in _PACKAGES


def _names_class_files(values: Any) -> bool:
    """Return whether a `metainfo` names a file, from which MMEngine reads the names of classes."""
    if isinstance(values, Mapping):
        metainfo = values.get("metainfo")
        if isinstance(metainfo, Mapping) and any(isinstance(v, str) for v in metainfo.values()):
            return True
        return any(map(_names_class_files, values.values()))
    return isinstance(values, (list, tuple)) and any(map(_names_class_files, values))


class CachedView:
    """The cached data of one training configuration."""

    def __init__(self, config: Path, cache: Cache) -> None:
        self._cache = cache
        is_readable = find_spec("mmengine") is not None
        self._configured = plain_digest(config) if is_readable else None
        self._request = key_digest(
            [
                *("training view", _FORMAT, str(config.absolute())),
                # Paths in a configuration may be relative.
                *(os.getcwd(), __version__, platform.python_version()),  # noqa: PTH109
            ]
        )

    def load(self) -> bytes | None:
        """Return the data, if nothing that they were built from has changed."""
        if self._configured is None:
            return None
        content = self._cache.facts(self._request)
        if content is None:
            return None
        try:
            entry = msgspec.msgpack.decode(content, type=_Entry)
            data = zlib.decompress(entry.data)
        except (msgspec.MsgspecError, zlib.error):
            return None  # written by another version of the gate
        is_valid = (
            entry.request == self._request
            and entry.origin.configured == self._configured
            and all(package_state(name) == state for name, state in entry.origin.packages.items())
            and entry.files == self._digests(entry.files)
        )
        return data if is_valid else None

    def add(
        self, data: bytes, origin: ViewOrigin, files: Iterable[str], *, built_after_ns: int
    ) -> None:
        """Cache data, unless a file of theirs changed after `built_after_ns`: then they may have
        been built from its old content."""
        digests = self._digests(files)
        if len(digests) != len(set(files)) or origin.configured != self._configured:
            return
        if any(changed >= built_after_ns for changed in _changes(digests)):
            return
        entry = _Entry(
            request=self._request, origin=origin, files=digests, data=zlib.compress(data, 1)
        )
        if len(entry.data) < _MAX_BYTES:
            self._cache.add_facts(self._request, msgspec.msgpack.encode(entry))

    def _digests(self, files: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the files that can be read."""
        digests = file_digests(map(Path, files), self._cache)
        return {str(path): digest for path, digest in digests.items() if isinstance(digest, str)}


def _changes(files: Iterable[str]) -> Iterator[int]:
    for file in files:
        yield signature(Path(file)).changed_ns
