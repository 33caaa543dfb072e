"""A model and the project's files that it is made of, for machines that do not have them."""

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


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Files as they lie below the folder `root` of the machine that sends them, which is empty for
    the root of all.

    `folder` is that of `detgate.toml`, and `search` are the folders where that machine looks for
    modules, all relative to `root`.
    """

    root: str
    checkpoint: str | None
    config: str | None
    folder: str | None
    files: dict[str, bytes]
    search: tuple[str, ...]


def pack(source: ModelSource, sha256: str) -> bytes:
    """Read the checkpoint, the configuration, and whatever its framework says goes with them.

    `sha256` is that of the checkpoint, empty without one.
    """
    checkpoint, config, folder = (
        None if path is None else path.absolute()
        for path in (source.checkpoint, source.config, source.folder)
    )
    named = [path for path in (checkpoint, config) if path is not None]
    others = [path.absolute() for path in framework(source.framework).files(source)]
    wanted = list(dict.fromkeys([*named, *others]))
    search = _search_path(others)
    places = [path.parent for path in wanted] + search + ([] if folder is None else [folder])
    root = Path(os.path.commonpath(places)) if places else Path.cwd()
    files = {}
    for path in wanted:
        try:
            files[_below(root, path)] = read_regular(path)
        except OSError as error:
            raise DetectorError(f"{path}: cannot be read: {error.strerror}") from error
    if checkpoint is not None and (
        hashlib.sha256(files[_below(root, checkpoint)]).hexdigest() != sha256
    ):
        raise DetectorError(f"{source.checkpoint}: changed while it was being read")
    return msgspec.msgpack.encode(
        Parcel(
            root=str(root).rstrip(os.sep),
            checkpoint=None if checkpoint is None else _below(root, checkpoint),
            config=None if config is None else _below(root, config),
            folder=None if folder is None else _below(root, folder),
            files=files,
            search=tuple(_below(root, folder) for folder in search),
        )
    )


def unpack(content: bytes, folder: Path, source: ModelSource) -> tuple[ModelSource, str]:
    """Put the files below `folder`, let modules be found there, and say where the model is now.

    Returns the model, and the folder that was `root` where the files come from.
    """
    parcel = msgspec.msgpack.decode(content, type=Parcel)
    inside = folder.resolve()
    for name, data in parcel.files.items():
        path = (inside / name).resolve()
        if inside not in path.parents:
            raise DetectorError(f"{name}: does not lie below the folder that was sent")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    # Before all else: what is installed there of the same name may be older.
    sys.path[:0] = [str(inside / name) for name in parcel.search]
    moved = dataclasses.replace(
        source,
        checkpoint=None if parcel.checkpoint is None else inside / parcel.checkpoint,
        config=None if parcel.config is None else inside / parcel.config,
        folder=None if parcel.folder is None else inside / parcel.folder,
    )
    return moved, parcel.root


def _search_path(files: Iterable[Path]) -> list[Path]:
    modules = [path for path in files if path.suffix == ".py"]
    entries = [Path(entry).absolute() for entry in sys.path if entry]
    return [entry for entry in entries if any(entry in path.parents for path in modules)]


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
