"""Files and variables that code makes itself: it does not depend on them."""

from __future__ import annotations

import os


class OwnFiles:
    """The files, folders and variables made so far.

    A folder includes everything below it, except links to other places.
    """

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._variables: set[str] = set()

    def add(self, path: str) -> None:
        """Add a file or folder that is about to be made, or emptied."""
        self._paths |= {path, _with_real_folder(path)}

    def move(self, source: str, target: str) -> None:
        """Handle a file that is about to be renamed or linked: its content is the former one."""
        if self.has(source):
            self.add(target)
        else:
            self._paths -= {target, _with_real_folder(target)}

    def has(self, path: str) -> bool:
        """Return whether the code has made the file at a path."""
        if not self._is_below(path):
            return False
        real = os.path.realpath(path)
        return real == path or self._is_below(real)

    def without_own_links(self, path: str) -> str:
        """Return where a path leads, if the code has made a link on the way; else the path."""
        return os.path.realpath(path) if self._is_below(path) else path

    def set_variable(self, name: str) -> None:
        """Add an environment variable that is about to be set or removed."""
        self._variables.add(name)

    def has_set(self, name: str) -> bool:
        """Return whether the code has set an environment variable."""
        return name in self._variables

    def _is_below(self, path: str) -> bool:
        while self._paths:
            if path in self._paths:
                return True
            shorter = os.path.dirname(path)  # noqa: PTH120
            if shorter == path:
                break
            path = shorter
        return False


def _with_real_folder(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118
