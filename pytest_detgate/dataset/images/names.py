"""Which image of a folder a label file or a list means by what it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.folder_files import image_files
from pytest_detgate.dataset.images.near_names import NearNames
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.dataset.images.paths import (
    Parts,
    best_of,
    is_absolute,
    parts_of,
    stem_of,
    suffix_of,
)
from pytest_detgate.dataset.images.unread_formats import unread_image_of
from pytest_detgate.dataset.keys import key, keys
from pytest_detgate.dataset.text.files import read_text
from pytest_detgate.errors import DataError

# ImageSets of Pascal VOC say behind each name whether a class is in the image.
_FLAGS = frozenset({"-1", "0", "1"})
USUAL_SUFFIX = ".jpg"
"""What is taken for the suffix of an image that is not there."""


_Index = dict[str, list[tuple[Parts, str]]]


class AmbiguousNameError(DataError):
    """A name means several files of a folder, or several names of a list mean one."""


class FileNames:
    """The files of a folder, found by as much of their path as somebody writes. `others` are files
    that are not read as images."""

    def __init__(self, names: Iterable[str], others: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self._others = others
        # Nearly always all are plain names in no folder: then a name alone finds its file.
        self._flat = dict(zip(self.names, self.names, strict=True)) if _are_flat(self.names) else {}
        self._near: NearNames | None = None

    @cached_property
    def _indexed(self) -> tuple[_Index, _Index]:
        """The files by their names without folders, and by those without suffixes."""
        by_name: _Index = {}
        by_stem: _Index = {}
        for name in self.names:
            parts = parts_of(name)
            if not parts:
                continue  # an annotation file may hold an empty name, which no text means
            *folders, last = parts
            entry = (tuple(folders), name)
            by_name.setdefault(last, []).append(entry)
            by_stem.setdefault(stem_of(last), []).append(entry)
        return by_name, by_stem

    def find(self, text: str, hints: Sequence[str] = (), *, any_suffix: bool = True) -> str | None:
        """Return the file that a path means, with or without suffix and with any folders in front;
        None where there is none. With `any_suffix` it may have another suffix than is written.

        The file's path ends with the one that is written, or the other way round. Of several the
        one that agrees in most folders is meant; where that is more than one, `hints`, other paths
        of the file, decide together. `AmbiguousNameError` names the candidates that are left.
        """
        flat = self._flat.get(text[text.rfind("/") + 1 :])
        if flat is not None:
            return flat
        by_name, by_stem = self._indexed
        # Nearly always one file has this name, in no folder: it agrees with all in front.
        only = by_name.get(text[text.rfind("/") + 1 :], ())
        if len(only) == 1 and not only[0][0]:
            return only[0][1]
        from pytest_detgate.dataset.images.opening import image_suffixes

        parts = parts_of(text)
        if not parts:
            return None
        *folders, last = parts
        # A name without suffix, or with that of a format that the file had before.
        listed = by_name.get(last) or by_stem.get(last)
        if not listed and any_suffix and suffix_of(last).lower() in image_suffixes():
            listed = by_stem.get(stem_of(last))
        candidates = best_of(listed or (), folders)
        if len(candidates) > 1:
            meant = [best_of(candidates, parts_of(hint)[:-1]) or candidates for hint in hints]
            left = [entry for entry in candidates if all(entry in some for some in meant)]
            if len(left) != 1:
                shown = ", ".join(name for _, name in candidates[:5])
                raise AmbiguousNameError(
                    f"{text!r} may be any of {counted(len(candidates), 'file')}: {shown}"
                )
            candidates = left
        return candidates[0][1] if candidates else None

    def find_only(self, text: str, *, any_suffix: bool = True) -> str | None:
        """Return the file that a path means; None also where it may be any of several."""
        try:
            return self.find(text, any_suffix=any_suffix)
        except AmbiguousNameError:
            return None

    def near(self, text: str) -> str:
        """Say which file somebody may have meant by a name that is not there: ` (there is b.JPG)`;
        nothing where none is near."""
        return self.near_names.note(text) or unread_image_of(text, self._others)

    @property
    def near_names(self) -> NearNames:
        """The same files by what they have in common with near names; made when it is needed."""
        if self._near is None:
            self._near = NearNames(self.names)
        return self._near


def _are_flat(names: Sequence[str]) -> bool:
    """Whether each name is another one, its own key, and has no folder in front."""
    return (
        len(set(names)) == len(names)
        and not any("/" in name for name in names)
        and "" not in names
        and "." not in names
        and keys(names) == list(names)
    )


def names_in(folder: Path, options: ImageOptions) -> FileNames:
    """The images of a folder by their names; none where there is no such folder."""
    if not folder.is_dir():
        return FileNames(())
    listed = image_files(folder, options)
    return FileNames(listed.images, listed.others)


def listed_names(path: Path) -> list[str]:
    """The paths that a list of images holds, one a line, as they are written."""
    return names_of_lines(read_text(path))


def names_of_lines(text: str) -> list[str]:
    """The paths that the text of a list of images holds."""
    lines = (_without_flag(line.strip()) for line in text.splitlines())
    return [line for line in lines if line]


def require_one_line(lines: dict[str, str], name: str, text: str) -> None:
    """Note that a line of a list means the image `name`; `AmbiguousNameError` where another line
    means it, too: of two images of one name, in folders of another machine, one would be missed.

    `lines` are those so far, by what they mean. The same line may be there twice.
    """
    first = lines.setdefault(name, text)
    if _path_key(first) != _path_key(text):
        raise AmbiguousNameError(
            f"lists {first} and {text}, and there is one image for both: {name}; write where each "
            "of them is"
        )


def _path_key(text: str) -> str | None:
    return key(text.replace("\\", "/"))


def name_of_missing(text: str) -> str:
    """The name, relative to its folder, of an image that is not there."""
    path = PurePosixPath(*parts_of(text)) if parts_of(text) else PurePosixPath(text)
    if ".." in path.parts or is_absolute(text):
        path = PurePosixPath(path.name)
    return str(path) if path.suffix else f"{path}{USUAL_SUFFIX}"


def _without_flag(line: str) -> str:
    name, _, flag = line.rpartition(" ")
    return name.strip() if flag in _FLAGS and name else line
