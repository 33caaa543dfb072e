"""Files that lie among the images or labels of a split and are neither."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

# Labels of the format themselves, and what the tools that write them leave beside images.
_SUFFIXES: Mapping[str, frozenset[str]] = {
    "yolo": frozenset({".txt", ".yaml", ".yml", ".cache", ".names", ".data", ".labels", ".json"}),
    "voc": frozenset({".xml", ".txt"}),
    "openimages": frozenset({".csv"}),
    "text": frozenset(),
}
# Texts that a text file of labels could be taken for.
_NAMES = frozenset({"classes.txt"})
_STEMS = frozenset({"readme", "license", "licence"})


def is_side_file(name: str, kind: str) -> bool:
    """Whether a file is one that goes with images of a format, or, of the kind `text`, is no label
    file though its suffix says so."""
    path = PurePosixPath(name)
    lower = path.name.lower()
    if lower in _NAMES or lower.partition(".")[0] in _STEMS:
        return True
    return path.suffix.lower() in _SUFFIXES[kind]
