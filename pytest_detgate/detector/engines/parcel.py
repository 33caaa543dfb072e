"""A model and the project's files that it is built from, for machines that do not have them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pytest_detgate.detector.config_sources import load_config
from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Files as they lie below the folder `root` of the machine that sends them, which is empty for
    the root of all.

    `search` are the folders, relative to `root`, where that machine looks for modules.
    """

    root: str
    checkpoint: str
    config: str | None
    files: dict[str, bytes]
    search: tuple[str, ...]


def pack(source: ModelSource, sha256: str) -> bytes:
    """Read the checkpoint, the configuration and the modules of the project that it imports.

    The configuration is run for it, as it is wherever it is loaded.
    """
    wanted = [source.checkpoint]
    if source.config is not None:
        require_mmdetection()
        wanted += _of_project([source.config, *load_config(source.config).files])
    wanted = list(dict.fromkeys(path.absolute() for path in wanted))
    search = _search_path(wanted[1:])
    root = Path(os.path.commonpath([*(path.parent for path in wanted), *search]))
    files = {}
    for path in wanted:
        try:
            files[_below(root, path)] = path.read_bytes()
        except OSError as error:
            raise DetectorError(f"{path}: cannot be read: {error.strerror}") from error
    checkpoint = _below(root, wanted[0])
    if hashlib.sha256(files[checkpoint]).hexdigest() != sha256:
        raise DetectorError(f"{source.checkpoint}: changed while it was being read")
    return msgspec.msgpack.encode(
        Parcel(
            root=str(root).rstrip(os.sep),
            checkpoint=checkpoint,
            config=None if source.config is None else _below(root, source.config.absolute()),
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
    sys.path += [str(inside / name) for name in parcel.search]
    moved = dataclasses.replace(
        source,
        checkpoint=inside / parcel.checkpoint,
        config=None if parcel.config is None else inside / parcel.config,
    )
    return moved, parcel.root


def _of_project(files: Iterable[Path]) -> list[Path]:
    """Code, and what lies beside it; a configuration may have read other things, too, and what
    lies elsewhere in somebody's home is not sent to other machines."""
    files = [path.absolute() for path in files]
    code = [path for path in files if path.suffix == ".py"]
    common = Path(os.path.commonpath([path.parent for path in code]))
    return [path for path in files if path.suffix == ".py" or common in path.parents]


def _search_path(files: Iterable[Path]) -> list[Path]:
    modules = [path for path in files if path.suffix == ".py"]
    entries = [Path(entry).absolute() for entry in sys.path if entry]
    return [entry for entry in entries if any(entry in path.parents for path in modules)]


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
