"""Who set the limits of a run, and when: from the git history of its `detgate.toml`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from pytest_detgate.config.lines import lines_of
from pytest_detgate.git import git_output
from pytest_detgate.record.report import Report

_MOST_COMMITS = 500
_HEAD = re.compile(r"(?P<commit>[0-9a-f]{40,64}) \d+ (?P<line>\d+)(?: \d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """A line of a rule's table: who wrote it in which commit, and on which day (UTC)."""

    table: str
    text: str
    line: int
    author: str
    day: str
    commit: str


def set_limits(report: Report, root: Path) -> list[SetLimit] | None:
    """Return the lines of rules in the `detgate.toml` of a run, each with its last author.

    `root` is the folder that the paths of the record are relative to. Looked at is the oldest
    commit that has the file as it was gated, so that later commits change nothing. None if there is
    no git, if the file of the run was never committed, or if the file hides texts of the report.
    """
    path = root / report.config.path
    commit = _commit_of(path, report.config.sha256)
    if commit is None:
        return None
    blamed = git_output(path.parent, "blame", "--line-porcelain", commit, "--", path.name)
    content = git_output(path.parent, "cat-file", "blob", f"{commit}:./{path.name}")
    if blamed is None or content is None:
        return None
    text = content.decode("utf-8-sig", "replace")
    if msgspec.toml.decode(text).get("report", {}).get("redact"):
        return None
    tables = {
        line: ".".join(str(part) for part in key[:2])
        for key, line in lines_of(text).items()
        if len(key) > 2 and key[0] == "rules" and isinstance(key[-1], str)
    }
    by_line = {line.line: line for line in _blamed(blamed.decode("utf-8", "replace"))}
    return [
        replace(by_line[line], table=table)
        for line, table in sorted(tables.items())
        if line in by_line and not by_line[line].text.startswith("[")
    ]


def _commit_of(path: Path, sha256: str) -> str | None:
    """The oldest commit in which a file has this content."""
    listed = git_output(path.parent, "log", f"-{_MOST_COMMITS}", "--format=%H", "--", path.name)
    oldest = None
    for commit in (listed or b"").decode().split():
        content = git_output(path.parent, "cat-file", "blob", f"{commit}:./{path.name}")
        if content is not None and hashlib.sha256(content).hexdigest() == sha256:
            oldest = commit
    return oldest


def _blamed(porcelain: str) -> Iterator[SetLimit]:
    """The lines of `git blame --line-porcelain`."""
    commit, line, author, seconds = "", 0, "", 0
    for row in porcelain.split("\n"):
        if head := _HEAD.fullmatch(row):
            commit, line = head["commit"], int(head["line"])
        elif row.startswith("author "):
            author = row.removeprefix("author ")
        elif row.startswith("author-time "):
            seconds = int(row.removeprefix("author-time "))
        elif row.startswith("\t"):
            day = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")
            yield SetLimit(
                table="", text=row.strip(), line=line, author=author, day=day, commit=commit[:12]
            )
