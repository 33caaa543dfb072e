"""The files of a folder of labels: labels, files that may be beside them, and all others.

No file is left out without a word: what could be the label of an image, and is not read as one,
would make that image look empty.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pytest_detgate.counts import with_count
from pytest_detgate.dataset.images.folder_files import APPLE_DOUBLE, folder_files, is_left_behind
from pytest_detgate.dataset.images.paths import suffix_of
from pytest_detgate.dataset.keys import near_key
from pytest_detgate.dataset.labels.side_files import (
    is_beside_labels,
    is_of_the_gate,
    is_plain_label,
)
from pytest_detgate.dataset.labels.split_images import ImageFolder, LabelledImages
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.errors import DataError
from pytest_detgate.gaps import Gap, gap

_TEXT = "files or folders among the labels are not read as labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFolder:
    """What a folder of labels holds, relative to it and sorted: `labels`, and the `others`, which
    are neither labels nor files that may be beside them. `not_regular` are links, pipes and devices
    among its files."""

    root: Path
    labels: tuple[str, ...]
    others: tuple[str, ...]
    not_regular: frozenset[str] = frozenset()


def label_folder(
    root: Path, files: SplitFiles, suffix: str, is_of_image: Callable[[str], bool]
) -> LabelFolder:
    """Find the labels in a folder and its sub-folders, by their suffix in any letter case.

    `is_of_image` tells whether a label file would be that of an image of the split: `classes.txt`
    is one where there is an image `classes.jpg`. A folder that cannot be listed, or has no labels
    and is all of the split, raises `DataError`.
    """
    from pytest_detgate.dataset.images.opening import image_suffixes

    if files.is_part and not root.is_dir():
        return LabelFolder(root=root, labels=(), others=())
    listed = folder_files(root, files.image_options)
    if listed.not_listed:
        raise DataError(
            f"{root}: folders of labels were not looked into: {', '.join(listed.not_listed)}"
        )
    paths = (path for path in (files.classes, files.listed) if path is not None)
    own = {path.relative_to(root).as_posix() for path in paths if path.is_relative_to(root)}
    labels, others = [], [name for name in listed.hidden if _holds_labels(root / name, suffix)]
    for name in listed.files:
        last = name[name.rfind("/") + 1 :]
        is_own = is_of_the_gate(name)
        if is_plain_label(last, suffix) and not own and not is_own:
            labels.append(name)
            continue
        own_suffix = suffix_of(last).lower()
        if own_suffix == suffix and not last.startswith(APPLE_DOUBLE) and not is_own:
            is_label = not is_beside_labels(name, suffix) or is_of_image(name)
            if last.startswith(".") or (name in own and is_of_image(name)):
                others.append(name)
            elif is_label and name not in own:
                labels.append(name)
        elif not (
            is_left_behind(last)
            or is_beside_labels(name, suffix)
            or own_suffix in image_suffixes()
            or name in own
        ):
            others.append(name)
    if not labels and not files.is_part:
        beside = ""
        if root != files.images and any(files.images.glob(f"*{suffix}")):
            beside = f" There are {suffix} files in {files.images}, which `annotations` may name"
        raise DataError(
            f"{root}: no label files ({suffix}) in this folder; is it the right one?{beside}"
        )
    return LabelFolder(
        root=root,
        labels=tuple(labels),
        others=tuple(sorted(others)),
        not_regular=listed.not_regular,
    )


def other_labels(
    labels: LabelFolder, folder: ImageFolder, images: LabelledImages
) -> tuple[tuple[Gap, ...], tuple[str, ...]]:
    """Return the gap that the other files of a folder of labels make, or, where they are allowed, a
    note on them. A file that is among the images and named there is not named again.

    Where a list says which images the split has, only files with the name of one of them that has
    no label count: the rest may belong to other splits.
    """
    files = folder.files
    named = {os.path.realpath(files.images / name) for name in folder.others}
    others = [name for name in labels.others if os.path.realpath(labels.root / name) not in named]
    if files.listed is not None:
        stems = {_stem(images.names[row]) for row in np.flatnonzero(images.unlabelled)}
        others = [name for name in others if name.endswith("/") or _stem(name) in stems]
        return gap("other-labels", "files", others, _TEXT, listed=False), ()
    if files.allow_other_files:
        return (), (with_count(len(others), f"{_TEXT} (allow-other-files)"),) if others else ()
    text = f"{_TEXT} (allow-other-files = true leaves them out)"
    return gap("other-labels", "files", others, text, listed=False), ()


def _holds_labels(folder: Path, suffix: str) -> bool:
    return any(name.lower().endswith(suffix) for _, _, names in os.walk(folder) for name in names)


def _stem(name: str) -> str:
    """The name of a file without folders and suffixes, as a person reads it."""
    return near_key(PurePosixPath(name).name.lstrip(".")).partition(".")[0]
