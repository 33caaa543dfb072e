"""The image that an exported image was made from, by its name.

Roboflow writes `NAME_jpg.rf.HASH.jpg`: several files of one NAME are versions of one image, which
may be cropped, turned, brightened or put into a mosaic, so that no hash of theirs is alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_EXPORTED = re.compile(
    r"(?P<source>.+_(?:jpe?g|png|bmp|webp|tiff?|gif))\.rf\.[0-9a-z]{8,}(?:\.[^.]+)?$", re.IGNORECASE
)


def source_of(file_name: str) -> str | None:
    """Return the image that a file was exported from; None where its name does not tell."""
    match = _EXPORTED.match(PurePosixPath(file_name.replace("\\", "/")).name)
    return None if match is None else match["source"].casefold()


def same_sources(tested: Iterable[str], reference: Iterable[str]) -> dict[int, int]:
    """Return the rows of the tested images that come from the source of a reference image, each
    with the row of the first such image."""
    first: dict[str, int] = {}
    for row, name in enumerate(reference):
        source = source_of(name)
        if source is not None:
            first.setdefault(source, row)
    sources = map(source_of, tested)
    return {
        row: first[source]
        for row, source in enumerate(sources)
        if source is not None and source in first
    }
