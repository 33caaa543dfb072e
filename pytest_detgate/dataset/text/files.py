"""Files of text, read whole."""

from __future__ import annotations

import codecs
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from pytest_detgate.dataset.text.other_files import pointer_in_place
from pytest_detgate.errors import DataError
from pytest_detgate.regular_file import read_listed, read_unchanged

# UTF-32 first: its mark of small end begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class PointerError(DataError):
    """A pointer of Git LFS or git-annex is in place of a file."""


def read_bytes(path: Path) -> bytes:
    """Return a file's content as it was at one time; `DataError` says why it cannot be read."""
    try:
        content = read_unchanged(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise DataError(f"{path}: cannot be read: {error}") from None
    if pointer := pointer_in_place(content):
        raise PointerError(f"{path}: not the file but {pointer}")
    return content


def read_each(
    folder: Path, names: Iterable[str], not_regular: Container[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of files of a folder; errors as `read_bytes`. All but `not_regular`
    are regular files, as the listing of the folder says.

    To join paths takes as long as to read a small file, and so does each look at one.
    """
    start = f"{folder}/"
    for name in names:
        try:
            content = None if name in not_regular else read_listed(start + name)
        except (OSError, ValueError):
            content = None
        if content is None or pointer_in_place(content):
            content = read_bytes(folder / name)  # which says what is wrong
        yield name, content


def as_utf8(content: bytes, path: Path) -> bytes:
    """Return text as UTF-8 without a byte order mark, from the encoding that its mark names.

    Without a mark the content is taken to be UTF-8, and is not looked at.
    """
    if content.startswith(codecs.BOM_UTF8):
        return content[len(codecs.BOM_UTF8) :]
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: not {encoding.upper()} text, as its byte order mark says "
                    f"(byte {error.start})"
                ) from None
    return content


def read_text(path: Path) -> str:
    """Return a file's text; `DataError` says why it cannot be read."""
    return as_text(read_bytes(path), path)


def as_text(content: bytes, path: Path) -> str:
    """Return the text that a file's content is; `DataError` where it is none."""
    try:
        return as_utf8(content, path).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
