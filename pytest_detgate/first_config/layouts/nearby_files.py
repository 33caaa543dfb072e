"""The files of a folder among which `init` looks for labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_DEPTH = 3
"""Folders that are looked into below the one that is named."""
_NOT_DATA = frozenset({"node_modules", "detgate-report", "site-packages"})


def files_below(root: Path, *suffixes: str) -> Iterator[Path]:
    """Yield the files of a folder and of those below it, folder by folder and by name; only those
    with one of the lower-case `suffixes`, if there are any. What is hidden is left out."""
    for folder, folders, names in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        folders[:] = sorted(name for name in folders if depth < _DEPTH and _may_be_data(name))
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(suffixes or ""):
                yield Path(folder, name)


def _may_be_data(folder: str) -> bool:
    return not folder.startswith(".") and folder not in _NOT_DATA
