"""A model and the project files that it needs, for machines that do not have them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular


class ModelBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Files below the folder `root` of the machine that sends them; empty for the root folder.

    `folder` is that of `detgate.toml`, and `search` are the folders of the module search path, all
    relative to `root`.
    """

    root: str
    checkpoint: str | None
    config: str | None
    folder: str | None
    files: dict[str, bytes]
    search: tuple[str, ...]


def pack_model(source: ModelSource, sha256: str) -> bytes:
    """Pack the checkpoint, the configuration, and the files that the framework adds.

    `sha256` is that of the checkpoint, empty without one.
    """
    checkpoint, config, folder = (
        None if path is None else path.absolute()
        for path in (source.checkpoint, source.config, source.folder)
    )
    named = [path for path in (checkpoint, config) if path is not None]
    others = [path.absolute() for path in framework(source.framework).files(source)]
    paths = list(dict.fromkeys([*named, *others]))
    search = _search_path(others)
    folders = [path.parent for path in paths] + search + ([] if folder is None else [folder])
    root = Path(os.path.commonpath(folders)) if folders else Path.cwd()
    files = {}
    for path in paths:
        try:
            files[_below(root, path)] = read_regular(path)
        except OSError as error:
            raise DetectorError(f"{path}: cannot be read: {error.strerror}") from error
    if checkpoint is not None and (
        hashlib.sha256(files[_below(root, checkpoint)]).hexdigest() != sha256
    ):
        raise DetectorError(f"{source.checkpoint}: changed while it was being read")
    return msgspec.msgpack.encode(
        ModelBundle(
            root=str(root).rstrip(os.sep),
            checkpoint=None if checkpoint is None else _below(root, checkpoint),
            config=None if config is None else _below(root, config),
            folder=None if folder is None else _below(root, folder),
            files=files,
            search=tuple(_below(root, folder) for folder in search),
        )
    )


def unpack_model(content: bytes, folder: Path, source: ModelSource) -> tuple[ModelSource, str]:
    """Write the files below `folder` and extend the module search path.

    Returns the model with its paths here, and the folder `root` of the machine that sent them.
    """
    bundle = msgspec.msgpack.decode(content, type=ModelBundle)
    inside = folder.resolve()
    for name, data in bundle.files.items():
        path = (inside / name).resolve()
        if inside not in path.parents:
            raise DetectorError(f"{name}: is not below the folder that was sent")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    # First in the path: installed packages of the same name may be older.
    sys.path[:0] = [str(inside / name) for name in bundle.search]
    moved = dataclasses.replace(
        source,
        checkpoint=None if bundle.checkpoint is None else inside / bundle.checkpoint,
        config=None if bundle.config is None else inside / bundle.config,
        folder=None if bundle.folder is None else inside / bundle.folder,
    )
    return moved, bundle.root


def _search_path(files: Iterable[Path]) -> list[Path]:
    modules = [path for path in files if path.suffix == ".py"]
    entries = [Path(entry).absolute() for entry in sys.path if entry]
    return [entry for entry in entries if any(entry in path.parents for path in modules)]


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
