"""Work that one process does for all processes of a run.

The process that needs such work first does that of all items, while the others wait; they then read
what came out. It pays where the work begins with something slow that is the same for all items, as
the import of Great Expectations.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.locks import lock_if_possible
from pytest_detgate.regular_file import read_regular

Work = Callable[[], bytes]


class Together:
    """The work of the items of a run, in a folder that its processes share.

    `items` are rules and targets, of those items that run.
    """

    def __init__(self, folder: Path, items: Sequence[tuple[object, object]]) -> None:
        self._folder = folder
        self.items = items

    def result(self, key: str, work: Work, others: Mapping[str, Work]) -> bytes:
        """What came out of the work under a key; what it raises is raised here.

        Where no process has done it yet, this one does it, and then the work of the `others`; one
        of them that fails is left to the process that needs it.
        """
        done = self._read(key)
        if done is not None:
            return done
        with lock_if_possible(self._folder / "lock"):
            done = self._read(key)
            if done is None:
                done = self._do(key, work)
                for other, other_work in others.items():
                    if other != key and self._read(other) is None:
                        self._do_if_possible(other, other_work)
        return done

    def _do(self, key: str, work: Work) -> bytes:
        done = work()
        write_whole(self._path(key), done)
        return done

    def _do_if_possible(self, key: str, work: Work) -> None:
        # The process that needs it says why.
        with contextlib.suppress(Exception):
            self._do(key, work)

    def _read(self, key: str) -> bytes | None:
        try:
            return read_regular(self._path(key))
        except OSError:
            return None

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
