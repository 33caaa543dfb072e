"""Notes of forked processes, which would be lost when they end."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

from pytest_detgate.detector.dependencies.import_notes import Note
from pytest_detgate.regular_file import read_regular_text
from pytest_detgate.temporary.folder import TemporaryFolder


class ForkedNotes:
    """A file to which each forked process appends its notes at once.

    A worker of a data loader may be killed at any time.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._folder = TemporaryFolder("notes")
        self._path = self._folder.path / "notes"
        self._path.touch()

    def send(self, note: Note) -> None:
        """Send a note, if this is a forked process."""
        if os.getpid() == self._process:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, json.dumps(note).encode() + b"\n")
            finally:
                os.close(descriptor)

    def received(self) -> Iterator[Note]:
        """Yield the notes that forked processes have sent so far."""
        for line in read_regular_text(self._path).splitlines():
            kind, name = json.loads(line)
            yield kind, name

    def remove(self) -> None:
        """Remove the file, in the process that made it."""
        if os.getpid() == self._process:
            self._folder.remove()
