"""The folder that the file names of an annotation file are relative to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pytest_detgate.dataset.images.paths import stem_of, suffix_of
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
            return _shared(best, count_of_folder, len(wanted), annotations)
    beside = annotations.parent / "images"
    return beside if beside.is_dir() else annotations.parent


def _shared(
    best: Path, count_of_folder: Mapping[Path, int], wanted: int, annotations: Path
) -> Path:
    """The folder above the best one where the files of a project are in several folders side by
    side, as CVAT writes them."""
    beside = [folder for folder in count_of_folder if folder.parent == best.parent]
    in_several = sum(count_of_folder[folder] > 0 for folder in beside) > 1
    is_split = split_word(annotations.stem) or split_word(annotations.parent.name)
    if count_of_folder[best] < wanted and in_several and not is_split:
        return best.parent
    return best


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
            # As CVAT and Datumaro write them: `images/default`.
            yield from (sub for usual in _USUAL for sub in _subfolders(folder / usual))
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
    # Some tools write names without a suffix.
    plain = {name for name in names if not suffix_of(name) and "/" not in name}
    stems = {stem_of(path.name) for path in folder.iterdir()} if plain else set()
    return sum(name in stems if name in plain else _is_file(folder, name) for name in names)


def _is_file(folder: Path, name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if ".." in parts or "\0" in name:
        return False
    try:
        return (folder / name).is_file()
    except OSError:  # a name that is too long
        return False
