"""The splits that were found in a data set, before any of them is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# A word in the name of a file or folder, and the name of the split that it means.
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "validation"), "val"),
    "valid": "valid",
    **dict.fromkeys(("test", "testing"), "test"),
}


_FAMILIES = (("train", "training"), ("val", "valid", "validation"), ("test", "testing"))
"""Words that mean one split: a file says `val` and the folder of its images `valid`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSplit:
    """One split: its format as `detgate.toml` names it, and its files and folders; `data` is the
    `data.yaml` that names them under the name of the split, `subset` the images of a file of CVAT
    that are its own."""

    name: str
    format: str
    annotations: Path
    images: Path
    classes: Path | None = None
    listed: Path | None = None
    data: Path | None = None
    subset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundData:
    """What a path led to: `kind` in words, its splits, notes on what was left out, and the
    configuration of MMDetection, if the path is one."""

    kind: str
    splits: tuple[FoundSplit, ...]
    notes: tuple[str, ...] = ()
    config: Path | None = None
    work_dir: Path | None = None

    @property
    def names(self) -> list[str]:
        """The names of the splits."""
        return [split.name for split in self.splits]


def split_word(name: str) -> str | None:
    """The split that a file or folder is of by a word in its name, if there is exactly one:
    `instances_val2017` is of `val`."""
    words = re.findall(r"[a-z]+", name.lower())
    meant = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    return meant.pop() if len(meant) == 1 else None


def words_of_split(word: str) -> tuple[str, ...]:
    """The words that mean the same split, that one first."""
    family = next((words for words in _FAMILIES if word in words), ())
    return (word, *(other for other in family if other != word))


def without_split_word(name: str) -> str:
    """The rest of a name, by which files of one family are known: `all-train` gives `all`."""
    words = re.findall(r"[A-Za-z]+|\d+", name)
    return "-".join(word for word in words if word.lower() not in _SPLIT_WORDS)


def different_names(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The names, or, where one is used twice, those of the files or of their folders."""
    stems, folders = [path.stem for path in paths], [path.parent.name for path in paths]
    for chosen in (names, stems, folders):
        if all(chosen) and len(set(chosen)) == len(chosen):
            return list(chosen)
    return [f"{folder}-{stem}" for folder, stem in zip(folders, stems, strict=True)]


def training_first(splits: Iterable[FoundSplit]) -> tuple[FoundSplit, ...]:
    """The splits with train first, then validation, then test, then all others by name."""
    order = ("train", "val", "valid", "test")
    return tuple(
        sorted(
            splits,
            key=lambda split: (
                order.index(word) if (word := split_word(split.name)) else len(order),
                split.name,
            ),
        )
    )
