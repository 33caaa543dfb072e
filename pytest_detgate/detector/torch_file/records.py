"""The records of a file that `torch.save` wrote: a zip archive whose entries are not compressed.

Torch's own reader is not used. It is private, it differs from release to release, and it does not
compare the bytes that are asked for with those that are there.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

from pytest_detgate.counts import counted
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError

_HEADER_BYTES = 30
_LENGTHS = struct.Struct("<HH")  # of the name and of more, at the end of the header
_SIGNATURE = b"PK\x03\x04"
_IS_ENCRYPTED = 1
# What pickles of protocol 2 to 5 begin with: torch wrote several, one after another.
_PICKLES = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_OLD_FORMAT = (
    "it has the format that torch wrote before 1.6, and MMDetection's publish_model.py still "
    "writes, which is not read. Convert it, with torch 2.6 or newer: torch.save(torch.load(OLD, "
    "map_location='cpu', weights_only=True), NEW)"
)


class Records:
    """The records of an open file, by name; each is checked when it is read.

    Raises `UnreadableError` or `NotPlainError` for a file that torch did not write like this. All
    records together are no larger than the file, so that reading them takes no more memory than
    that.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(max(map(len, (_SIGNATURE, *_PICKLES))))
        if start.startswith(_PICKLES):
            raise NotPlainError(_OLD_FORMAT)
        if not start.startswith(_SIGNATURE):
            raise UnreadableError("it is not a zip archive")
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise UnreadableError(f"{error}") from error
        self._entries = {entry.filename: entry for entry in entries}
        self._require_plain(entries)
        self._folder = self._only_folder()

    def _require_plain(self, entries: list[zipfile.ZipInfo]) -> None:
        if any(name.endswith("/constants.pkl") for name in self._entries):
            raise NotPlainError("it is a TorchScript program")
        if len(self._entries) < len(entries):
            raise UnreadableError("two of its records have one name")
        unpacked = sum(entry.file_size for entry in entries)
        if unpacked > self.size:
            raise UnreadableError(
                f"{counted(self.size, 'byte')} that unpack to {counted(unpacked, 'byte')}"
            )
        for entry in entries:
            # What is no place in a file cannot be looked for either.
            if not 0 <= entry.header_offset <= self.size:
                raise UnreadableError("one of its records is outside of it")
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _IS_ENCRYPTED:
                raise UnreadableError("its records are compressed or encrypted")

    def _only_folder(self) -> str:
        programs = [name for name in self._entries if name.endswith("/data.pkl")]
        if len(programs) != 1 or programs[0].count("/") != 1:
            raise UnreadableError("it has no record data.pkl")
        return programs[0].removesuffix("data.pkl")

    def __contains__(self, name: str) -> bool:
        return self._folder + name in self._entries

    def size_of(self, name: str) -> int:
        """Return the number of bytes of a record."""
        return self._entries[self._folder + name].file_size

    def read(self, name: str) -> bytearray:
        """Return the content of a record; `UnreadableError` if it is not what was written."""
        entry = self._entries[self._folder + name]
        self._file.seek(self._content_offset(entry))
        content = bytearray(entry.file_size)
        if self._file.readinto(content) != len(content):  # type: ignore[attr-defined]
            raise UnreadableError(f"its record {name} is cut off")
        # Torch can be set to write no checksums; they are 0 then.
        if entry.CRC and zlib.crc32(content) != entry.CRC:
            raise UnreadableError(f"its record {name} has another checksum than when written")
        return content

    def _content_offset(self, entry: zipfile.ZipInfo) -> int:
        self._file.seek(entry.header_offset)
        header = self._file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or not header.startswith(_SIGNATURE):
            raise UnreadableError(f"its record {entry.filename} has no header")
        name_bytes, extra_bytes = _LENGTHS.unpack(header[-_LENGTHS.size :])
        if self._file.read(name_bytes) != entry.orig_filename.encode():
            raise UnreadableError(f"its record {entry.filename} has the header of another one")
        return entry.header_offset + _HEADER_BYTES + int(name_bytes) + int(extra_bytes)
