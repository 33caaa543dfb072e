"""Small text files, read whole."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.dataset.coco import read_bytes
from pytest_detgate.errors import DataError


def read_text(path: Path) -> str:
    """A file's text, or a `DataError` that says why it cannot be had."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from None
