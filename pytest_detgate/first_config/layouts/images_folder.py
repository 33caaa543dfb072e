"""The folder that the file names of an annotation file are relative to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pytest_detgate.first_config.layouts.splits import split_word, words_of_split

_SAMPLE = 50
_HEIGHT = 2
_MOST_FOLDERS = 50
_USUAL = ("images", "imgs", "img", "JPEGImages", "data")


def images_folder(annotations: Path, names: Sequence[str], root: Path) -> Path:
    """The folder in which most of the files are.

    It is looked for beside the annotation file and in the folders above it, up to `root` or two
    folders up. Sub-folders of any name are only looked into below `root`: elsewhere they may
    belong to other data. Where no folder holds a file, it is the likeliest one.
    """
    sample = list(dict.fromkeys(names))[:: max(1, len(names) // _SAMPLE)][:_SAMPLE]
    candidates = list(dict.fromkeys(_candidates(annotations, root)))
    # Names with a folder too many, or too few, still say which folder is meant.
    last_parts = [PurePosixPath(name.replace("\\", "/")).name for name in sample]
    for wanted, least in ((sample, (len(sample) + 1) // 2), (last_parts, 1)):
        count_of_folder = {folder: _count(folder, wanted) for folder in candidates}
        best = max(candidates, key=lambda folder: count_of_folder[folder])
        if count_of_folder[best] >= max(least, 1):
            return best
    beside = annotations.parent / "images"
    return beside if beside.is_dir() else annotations.parent


def _candidates(annotations: Path, root: Path) -> Iterator[Path]:
    word = split_word(annotations.stem) or split_word(annotations.parent.name)
    years = [part for part in annotations.stem.split("_") if word and part.startswith(word)]
    words = words_of_split(word) if word else ()
    of_split = list(dict.fromkeys((*years, *words, annotations.stem)))
    folder, height = annotations.parent, 0
    while True:
        for usual in ("", *_USUAL):
            for name in ("", *of_split):
                yield folder / usual / name
        for name in of_split:
            yield from (folder / name / usual for usual in _USUAL)
        if folder == root or root in folder.parents:
            yield from _subfolders(folder)
        if folder == folder.parent or (height >= _HEIGHT and root not in folder.parents):
            return
        folder, height = folder.parent, height + 1


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())[:_MOST_FOLDERS]
    except OSError:
        return []


def _count(folder: Path, names: Sequence[str]) -> int:
    if not folder.is_dir():
        return 0
    return sum(_is_file(folder, name) for name in names)


def _is_file(folder: Path, name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or "\0" in name:
        return False
    try:
        return (folder / name).is_file()
    except OSError:  # a name that is too long
        return False
