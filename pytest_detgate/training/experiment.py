"""The name of the training run that wrote a checkpoint, as MMEngine stores it there.

The name is read as data: only the texts of the pickled part are read, and nothing is run.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pytest_detgate.regular_file import open_regular

_KEY = "experiment_name"
_PICKLED = "/data.pkl"
# Weights are stored apart from it: MMEngine writes no larger one.
_MAX_BYTES = 1 << 28


def experiment_of(checkpoint: Path) -> str | None:
    """Return the name of the run that wrote a checkpoint, such as `rtmdet_20260102_000000`.

    None if the file has none. Raises OSError if it cannot be read.
    """
    try:
        with open_regular(checkpoint) as file, zipfile.ZipFile(file) as parts:
            for part in parts.infolist():
                if part.filename.endswith(_PICKLED) and part.file_size <= _MAX_BYTES:
                    return _value_of(_KEY, parts.read(part))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        pass  # an older format, or damaged: loading it reports that
    return None


def _value_of(key: str, pickled: bytes) -> str | None:
    """Return the text that follows a key in a dictionary."""
    is_next = False
    for text in _texts(pickled):
        if is_next:
            return text
        is_next = text == key
    return None


def _texts(pickled: bytes) -> Iterator[str]:
    for operation, argument, _ in pickletools.genops(pickled):
        if isinstance(argument, str) and operation.name.endswith("UNICODE"):
            yield argument
