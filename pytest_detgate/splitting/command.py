"""The command `split`: from annotations to a training and a validation file, with a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.dataset.clips.clips import ClipKey
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.dataset.tables import UNLISTED
from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.regular_file import real_path
from pytest_detgate.splitting.choice import ClipCounts, choose_validation
from pytest_detgate.splitting.labelled import PartWriter, read_labelled
from pytest_detgate.splitting.merged import MergedFiles, merge_files
from pytest_detgate.splitting.sources import join_entries, raw_of, read_source
from pytest_detgate.splitting.summary import summary
from pytest_detgate.splitting.whole import Whole

_TOGETHER = (
    "For folders that are split already, put the images of all splits into one folder and their "
    "labels into another first"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest:
    """The files to split, the files to write, and how. `images` are the folders of the annotation
    files: none, one for all, or one for each. `format`, `classes` and `background`, which says that
    nothing is on an image without labels, are those of a split."""

    annotations: Sequence[Path]
    images: Sequence[Path]
    format: str = "coco"
    classes: Path | None = None
    background: bool = False
    train: Path
    val: Path
    key: ClipKey
    val_share: float
    seed: int


def split(request: SplitRequest) -> str:
    """Write both files and return a summary. A file that exists is never overwritten."""
    _check(request)
    folders = [real_path(folder) for folder in request.images or [Path()]]
    if len(folders) == 1:
        folders *= len(request.annotations)
    whole, part = _read(request, folders)
    clips, clip = np.unique(whole.clip.astype(str), return_inverse=True)
    if len(clips) < 2:
        raise DataError(f"all images are of one clip, {str(clips[0])!r}: it cannot be split")
    counts = clip_counts(whole, clip, len(clips))
    in_val = choose_validation(counts, request.val_share, request.seed)[clip]
    write_whole(request.train, part(~in_val, request.train))
    try:
        write_whole(request.val, part(in_val, request.val))
    except BaseException:
        request.train.unlink()
        raise
    names = [path.stem for path in request.annotations]
    return summary(whole, in_val, names, (request.train.name, request.val.name))


def _read(request: SplitRequest, folders: Sequence[Path]) -> tuple[Whole, PartWriter]:
    """What is split, and what makes the file of some of its images."""
    if request.format != "coco":
        (path,), (folder,) = request.annotations, folders
        return read_labelled(
            SplitFiles(
                name=path.stem,
                labels=path,
                images=folder,
                classes=request.classes,
                fields=() if request.key.field is None else (request.key.field,),
                background=request.background,
            ),
            request.format,
            request.key,
        )
    whole = merge_files(
        [
            read_source(path, folder, request.key)
            for path, folder in zip(request.annotations, folders, strict=True)
        ]
    )
    return whole, lambda chosen, _: _file(whole, chosen)


def clip_counts(whole: Whole, clip: NDArray[np.int64], clips: int) -> ClipCounts:
    """Count the images, images without a box and boxes by class of each clip; `clip` (images,) is
    its number."""
    listed = whole.image != UNLISTED
    on_image = np.bincount(whole.image[listed], minlength=len(whole))
    strata = [np.bincount(clip[on_image == 0], minlength=clips)]
    for name in whole.classes:
        of_class = listed & (whole.label == name)
        strata.append(np.bincount(clip[whole.image[of_class]], minlength=clips))
    return ClipCounts(images=np.bincount(clip, minlength=clips), strata=np.column_stack(strata))


def _check(request: SplitRequest) -> None:
    for path in request.annotations:
        if request.format == "coco" and (path.suffix in (".yaml", ".yml") or path.is_dir()):
            raise ConfigError(
                f"{path}: expected a COCO file, or --format with a folder or file of labels. "
                f"{_TOGETHER}"
            )
    if request.format != "coco":
        if len(request.annotations) > 1:
            raise ConfigError(
                f"--format {request.format}: expected one folder or file of labels, found "
                f"{len(request.annotations)}; only COCO files are merged. {_TOGETHER}"
            )
        if not request.images:
            raise ConfigError(f"--format {request.format}: name the folder of the images: --images")
    if not 0 < request.val_share < 1:
        raise ConfigError(
            f"--val-share: expected a number between 0 and 1, found {request.val_share:g}"
        )
    if len(request.images) not in (0, 1, len(request.annotations)):
        raise ConfigError(
            f"--images: expected none, one, or one for each of the {len(request.annotations)} "
            f"annotation files, found {len(request.images)}"
        )
    if real_path(request.train) == real_path(request.val):
        raise ConfigError(f"--train and --val both name {request.train}")
    for path in (request.train, request.val):
        if path.exists():
            raise ConfigError(f"{path} exists, and is not overwritten; name another file")


def _file(whole: MergedFiles, chosen: NDArray[np.bool_]) -> bytes:
    """The COCO file of the chosen images, one entry on each line."""
    on_chosen = (whole.image != UNLISTED) & chosen[whole.image]
    lists = {
        "images": [whole.images[row] for row in np.flatnonzero(chosen)],
        "annotations": [whole.annotations[row] for row in np.flatnonzero(on_chosen)],
    }
    values = {key: bytes(raw) for key, raw in whole.top.items()}
    values |= {key: join_entries(entries) for key, entries in lists.items()}
    lines = [bytes(raw_of(key)) + b": " + value for key, value in values.items()]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"
