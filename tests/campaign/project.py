"""Small projects as data: the files of a folder, the command line, and the damage done to them.

A case is JSON through and through, so that a failure can be stored and run again for ever.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tests.campaign.pictures import picture_bytes
from tests.campaign.toml_text import toml_text

Entry = dict[str, Any]
"""A file, by one key: `json`, `toml` (a structure), `text`, `base64` (bytes), `picture` (see
`pictures`), `link` (its target), `folder` (empty), `pipe`, or `report` or `approved`: that share of
the record of the run before, or of the baseline that `approve` makes of it."""


@dataclass
class Project:
    """Files by path, and the arguments that pytest gets.

    `lost` are texts in the node ids of items that the project's own conftest keeps from running,
    `by_hand` are tests written by hand that may pass; `killed` says that the process is ended
    from inside, `blocked` that the run must not pass.
    """

    files: dict[str, Entry] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    killed: bool = False
    blocked: bool = False

    def copy(self) -> Project:
        """A project that can be damaged without harm to this one."""
        return copy.deepcopy(self)

    def write(self, folder: Path, report: bytes = b"", approved: bytes = b"") -> None:
        """Write every file below `folder`, over those that are there; `report` is the record of
        the run before, `approved` what `approve` made of it."""
        for name, entry in self.files.items():
            for kind, data in (("report", report), ("approved", approved)):
                if kind in entry:
                    entry = raw(data[: int(len(data) * entry[kind])])
            _write_entry(folder / name, entry)


@dataclass
class Case:
    """A project, the damage that was done, and the project that was gated in the same folder
    before, if any."""

    project: Project
    damage: str = "none"
    target: str = "none"
    what: str = ""
    first: Project | None = None

    def to_json(self) -> dict[str, Any]:
        """The case as JSON values."""
        value: dict[str, Any] = {"damage": self.damage, "place": self.target, "what": self.what}
        value["project"] = _project_json(self.project)
        if self.first is not None:
            value["first"] = _project_json(self.first)
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Case:
        """The case that `to_json` wrote."""
        first = value.get("first")
        return cls(
            project=Project(**value["project"]),
            damage=value["damage"],
            target=value["place"],
            what=value["what"],
            first=None if first is None else Project(**first),
        )

    def size(self) -> int:
        """Length of the case as text: what shrinking makes small."""
        return len(json.dumps(self.to_json()))


def content(entry: Entry) -> bytes | None:
    """The bytes of a file; None of what is no regular file."""
    if "json" in entry:
        return json.dumps(entry["json"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    if "toml" in entry:
        return toml_text(entry["toml"]).encode("utf-8", "surrogatepass")
    if "text" in entry:
        text: str = entry["text"]
        return text.encode("utf-8", "surrogatepass")
    if "base64" in entry:
        return base64.b64decode(entry["base64"])
    if "picture" in entry:
        return picture_bytes(**entry["picture"])
    return None


def is_record(entry: Entry | None) -> bool:
    """Whether a file is the whole record of the run before, or the whole approved baseline."""
    return entry is not None and 1.0 in (entry.get("report"), entry.get("approved"))


def raw(data: bytes) -> Entry:
    """A file of these bytes."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def resolved(files: dict[str, Entry], path: str) -> str | None:
    """Where a path leads, through links of files and folders; None where it leads nowhere."""
    location = followed(files, path)
    return location if location in files else None


def followed(files: dict[str, Entry], path: str) -> str | None:
    """The path behind all links, whether there is a file or a folder, however it is written; None
    for a link in a ring."""
    path = os.path.normpath(path)
    for _ in range(10):
        parts = PurePosixPath(path).parts
        for depth in range(1, len(parts) + 1):
            head = "/".join(parts[:depth])
            entry = files.get(head)
            if entry is not None and "link" in entry:
                target = os.path.normpath(str(PurePosixPath(head).parent / entry["link"]))
                path = "/".join((target, *parts[depth:]))
                break
        else:
            return path
    return None


def read(files: dict[str, Entry], path: str) -> bytes | None:
    """The bytes that opening a path gives; None where there is no regular file."""
    location = resolved(files, path)
    return None if location is None else content(files[location])


def _write_entry(path: Path, entry: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if "link" in entry:
        path.symlink_to(entry["link"])
    elif "folder" in entry:
        path.mkdir(exist_ok=True)
    elif "pipe" in entry:
        os.mkfifo(path)
    else:
        data = content(entry)
        assert data is not None, entry
        with io.FileIO(path, "w") as file:
            file.write(data)


def _project_json(project: Project) -> dict[str, Any]:
    value: dict[str, Any] = {"files": project.files, "arguments": project.arguments}
    for name in ("lost", "by_hand", "killed", "blocked"):
        if getattr(project, name):
            value[name] = getattr(project, name)
    return value
