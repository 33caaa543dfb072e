"""Files that lie among the images or labels of a split and are neither."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_detgate.dataset.images.paths import suffix_of

# Labels of the format themselves, and what the tools that write them leave beside images.
_SUFFIXES: Mapping[str, frozenset[str]] = {
    "yolo": frozenset({".txt", ".yaml", ".yml", ".cache", ".names", ".data", ".labels", ".json"}),
    "voc": frozenset({".xml", ".txt"}),
    "openimages": frozenset({".csv"}),
    "labelme": frozenset({".json", ".txt"}),
    "kitti": frozenset({".txt"}),
}
# What tools leave in a folder of labels; the key is the suffix of the labels.
_BESIDE_LABELS: Mapping[str, frozenset[str]] = {
    ".txt": frozenset({".yaml", ".yml", ".cache", ".names", ".data", ".labels"}),
    ".xml": frozenset(),
    ".json": frozenset({".txt"}),
}
# What the gate writes beside its configuration.
_REPORT = "detgate-report/"
_OF_THE_GATE = frozenset({"detgate-baseline.json", "detgate-known.json"})
# Texts that a text file of labels could be taken for.
_NAMES = frozenset({"classes.txt"})
_STEMS = frozenset({"readme", "license", "licence"})
_FIRST_LETTERS = (
    ".",
    *{letter for name in (*_NAMES, *_STEMS) for letter in (name[0].lower(), name[0].upper())},
)
_BEGINNINGS = (*_NAMES, *_STEMS)


def is_side_file(name: str, kind: str) -> bool:
    """Whether a file is one that goes with images of a format."""
    return _is_about_files(name) or suffix_of(name).lower() in _SUFFIXES[kind]


def is_beside_labels(name: str, suffix: str) -> bool:
    """Whether a file may lie among labels of a suffix, and is none by its name. Labels of another
    format, such as JSON, may not."""
    return _is_about_files(name) or suffix_of(name).lower() in _BESIDE_LABELS[suffix]


def is_of_the_gate(name: str) -> bool:
    """Whether a file of a folder of labels is one that the gate writes where its configuration is:
    no label, also where labels are JSON."""
    return name.startswith(_REPORT) or name in _OF_THE_GATE


def is_plain_label(last: str, suffix: str) -> bool:
    """Whether a name without folders is one that only a label of a suffix has, as nearly all do."""
    return last.endswith(suffix) and len(last) > len(suffix) and not last.startswith(_FIRST_LETTERS)


def _is_about_files(name: str) -> bool:
    lower = name[name.rfind("/") + 1 :].lower()
    if not lower.startswith(_BEGINNINGS):
        return False
    return lower in _NAMES or lower.partition(".")[0] in _STEMS
