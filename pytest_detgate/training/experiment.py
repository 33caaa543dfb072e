"""Which training run made a checkpoint: MMEngine writes the run's name into it.

The name is read as data: of the pickled part only the texts are looked at, and nothing is run.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pytest_detgate.regular_file import open_regular

_KEY = "experiment_name"
_PICKLED = "/data.pkl"
# Weights are stored apart from it; what is larger is none that MMEngine has written.
_MAX_BYTES = 1 << 28


def experiment_of(checkpoint: Path) -> str | None:
    """The name of the run that wrote a checkpoint, such as `rtmdet_20260102_000000`; None where
    the file does not tell it. Raises OSError where it cannot be read."""
    try:
        with open_regular(checkpoint) as file, zipfile.ZipFile(file) as parts:
            for part in parts.infolist():
                if part.filename.endswith(_PICKLED) and part.file_size <= _MAX_BYTES:
                    return _value_of(_KEY, parts.read(part))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        pass  # an older format, or damaged: whoever loads it says so
    return None


def _value_of(key: str, pickled: bytes) -> str | None:
    """The text that follows a key in a dictionary."""
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
