"""The images of tasks of Label Studio."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_detgate.counts import counted
from pytest_detgate.dataset.images.opening import image_suffixes
from pytest_detgate.dataset.labels.image_labels import ImageLabels, plain_fields
from pytest_detgate.dataset.labels.tables import SplitFiles
from pytest_detgate.errors import DataError

# What Label Studio puts in front of the name of an uploaded file.
_UPLOADED = re.compile(r"(.*/)?[0-9a-f]{8}-([^/]+)")
# The end of a name or address of a file.
_END = re.compile(r"(\.\w{2,5})(?:[?#].*)?$")
# Where the path of its image is.
_NAMES = ("image", "img", "url")


def names_in_folder(files: SplitFiles) -> frozenset[str]:
    """What is in the folder of the images."""
    with contextlib.suppress(OSError):
        return frozenset(path.name for path in files.images.iterdir())
    return frozenset()


def has_several_images(data: dict[str, Any]) -> bool:
    """Return whether the data of a task name several images, as those of a comparison do."""
    ends = (_END.search(value) for value in data.values() if isinstance(value, str))
    suffixes = image_suffixes()
    return sum(end is not None and end[1].lower() in suffixes for end in ends) > 1


def refuse_second_image(names: Iterable[str], path: Path) -> None:
    """Raise `DataError` where regions are on images of several names: of each task one image is
    read, and it would get the boxes of all."""
    on = dict.fromkeys(names)
    if len(on) > 1:
        raise DataError(
            f"{path}: has regions on {counted(len(on), 'image')} of a task ({', '.join(on)}), and "
            "one is read; export tasks of one image each"
        )


def image_path(text: str) -> str:
    """The path of an image from what a task says: a URL of storage, of an upload or of a local
    file, or a path."""
    if "://" not in text and "?d=" not in text:
        return unquote(text).replace("\\", "/")
    url = urlsplit(text)
    local = parse_qs(url.query).get("d")
    return local[0] if local else unquote(url.path).lstrip("/")


def image_entry(
    data: dict[str, Any], where: str, files: SplitFiles, names: Container[str]
) -> ImageLabels:
    """Return the image of a task with what `data` says of it; `names` are those in the folder of
    the images."""
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    for name in _NAMES:
        number = data.get(name)
        if isinstance(number, float) and not math.isfinite(number):
            raise DataError(
                f"{files.labels}: {where}: expected the path of its image in data.{name}, found "
                f"{json.dumps(number)}"
            )
    named = next((texts[name] for name in _NAMES if name in texts), None)
    if named is None:
        if len(texts) != 1:
            raise DataError(
                f"{files.labels}: {where}: expected the path of its image in data.image, found "
                f"{', '.join(data) or 'nothing'}"
            )
        named = next(iter(texts.values()))
    written = image_path(named)
    uploaded = _UPLOADED.fullmatch(written)
    if uploaded is not None and written.rpartition("/")[2] not in names:
        written = uploaded[2]
    fields = {name: value for name, value in plain_fields(data).items() if value != named}
    return ImageLabels(where=where, image=written.lstrip("/"), fields=fields)
