"""Every file of a folder and its sub-folders: images and all others.

Nothing is passed over without being named, except what no data set is made of: hidden files and
folders, whose name begins with a dot, and the files that operating systems leave behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.counts import with_count
from pytest_detgate.dataset.images.options import ImageOptions, is_inside
from pytest_detgate.dataset.images.paths import suffix_of
from pytest_detgate.dataset.images.unread_formats import is_unread_image
from pytest_detgate.gaps import Gap, gap

_LEFT_BEHIND = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
# What macOS keeps beside a file on a disk that is not its own; it takes that file's suffix.
APPLE_DOUBLE = "._"


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """What a folder holds, relative to it, with `/` between parts, sorted.

    `files` are its files, links to files among them; `not_listed` are folders that were not looked
    into, each with the reason: links that may not be followed, and folders that cannot be listed.
    `hidden` are folders that were passed over, as their names begin with a dot. `not_regular` are
    those of the files that are links, pipes or devices.
    """

    files: tuple[str, ...]
    not_listed: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    not_regular: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The images of a folder, and everything else in it that is no image."""

    images: tuple[str, ...]
    others: tuple[str, ...]


def folder_files(folder: Path, options: ImageOptions) -> FolderFiles:
    """List a folder with its sub-folders. Linked ones are looked into where `options` allow links
    to lead there."""
    files: list[str] = []
    not_listed: list[str] = []
    hidden: list[str] = []
    not_regular: list[str] = []
    root = os.path.realpath(folder)
    waiting = [("", frozenset({root}))]
    while waiting:
        inside, above = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, inside)) as entries:  # noqa: PTH118
                listed = list(entries)
        except OSError as error:
            not_listed.append(f"{inside} ({error.strerror})")
            continue
        for entry in listed:
            name = f"{inside}{entry.name}"
            if _is_regular(entry):
                files.append(name)
            elif not _is_folder(entry):
                files.append(name)
                not_regular.append(name)
            elif entry.name.startswith("."):
                hidden.append(f"{name}/")
            elif not entry.is_symlink():
                waiting.append((f"{name}/", above))
            else:
                target = os.path.realpath(entry.path)
                may_follow = any(is_inside(target, store) for store in options.stores)
                if may_follow and target not in above:
                    waiting.append((f"{name}/", above | {target}))
                else:
                    not_listed.append(f"{name}/ (a link to a folder)")
    return FolderFiles(
        tuple(sorted(files)),
        tuple(sorted(not_listed)),
        tuple(sorted(hidden)),
        frozenset(not_regular),
    )


def image_files(
    folder: Path, options: ImageOptions, is_expected: Callable[[str], bool] = lambda name: False
) -> ImageFiles:
    """Tell the images of a folder from everything else. What `is_expected` is neither: labels and
    their like."""
    from pytest_detgate.dataset.images.opening import image_suffixes

    suffixes = image_suffixes()
    listed = folder_files(folder, options)
    images, others = [], []
    for name in listed.files:
        last = name[name.rfind("/") + 1 :]
        is_image = suffix_of(last).lower() in suffixes and not last.startswith(APPLE_DOUBLE)
        if is_image and not last.startswith("."):
            images.append(name)
        # A hidden image may be one that somebody has put aside; other hidden files are no data.
        elif is_image or not (is_left_behind(last) or is_expected(name)):
            others.append(name)
    return ImageFiles(tuple(images), (*others, *listed.not_listed))


def other_files_gap(
    others: Sequence[str], *, allowed: bool
) -> tuple[tuple[Gap, ...], tuple[str, ...]]:
    """The gap that files make which are no images; where they are allowed, a note on them."""
    text = "files or folders are no images"
    if allowed:
        return (), (with_count(len(others), f"{text} (allow-other-files)"),) if others else ()
    text += " (allow-other-files = true leaves them out)"
    # Images of a format that is not read are what somebody has to know first.
    names = sorted(others, key=lambda name: not is_unread_image(name))
    return gap("other-files", "files", names, text, listed=False), ()


def is_left_behind(name: str) -> bool:
    """Whether a file is hidden, or one that an operating system has left behind."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def _is_regular(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a regular file and no link, as the listing itself says."""
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:  # of a system whose listings do not say
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False
