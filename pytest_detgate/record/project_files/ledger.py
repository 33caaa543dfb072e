"""`detgate-ledger.jsonl`: which models were judged on which data, one a line.

Each line has a digest of itself and names the lines that it comes after: all that no other line
came after when it was written. So the lines are a tree, as the commits of git are. Two branches may
both add lines, and the union of both is a ledger again. A line that was changed, one that is gone
and one before its predecessor are found. Lines at the end that are gone are found in git.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from pytest_detgate.atomic_file import append_line
from pytest_detgate.counts import verb
from pytest_detgate.errors import ConfigError
from pytest_detgate.git import git_output
from pytest_detgate.plain import encode
from pytest_detgate.regular_file import read_regular

LEDGER_FILE = "detgate-ledger.jsonl"
_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
_UNION = f"add the line `{LEDGER_FILE} merge=union` to .gitattributes"
_RESTORE = f"restore it with `git checkout -- {LEDGER_FILE}`"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was judged on a split or probe.

    `data` is a digest of that, `model` the SHA-256 of the model's file, None of result files.
    `detections` is a digest of what it found; None of a model on a sealed probe.
    """

    dataset: str
    data: str
    score_threshold: float
    model: str | None = None
    detections: str | None = None

    def is_same_model(self, other: Look) -> bool:
        """Whether both are of one model at one operating point: of the same file, or with equal
        detections."""
        if self.score_threshold != other.score_threshold:
            return False
        if self.model is not None and self.model == other.model:
            return True
        return self.detections is not None and self.detections == other.detections


class LedgerLine(Look, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A look in the ledger, on a day (UTC); `after` are the digests of the lines before it,
    `looks` and `adaptive` those of `[evidence]`."""

    after: list[str]
    day: str
    looks: int | None = None
    adaptive: bool = False
    ledger: Literal[1] = 1
    sha256: str = ""

    @property
    def digest(self) -> str:
        """The digest of all that the line says."""
        return hashlib.sha256(encode(msgspec.structs.replace(self, sha256=""))).hexdigest()


def read_ledger(path: Path) -> tuple[LedgerLine, ...]:
    """Return the lines of a ledger, each once, none where there is no file; `ConfigError` where
    they are not what was written."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    lines: dict[str, tuple[int, LedgerLine]] = {}
    for number, row in enumerate(content.splitlines(), start=1):
        if row.strip():
            line = _line(row, f"{path.name}: line {number}")
            lines.setdefault(line.sha256, (number, line))
    for number, line in lines.values():
        for before in line.after:
            if before not in lines:
                raise ConfigError(
                    f"{path.name}: a line before line {number} is gone ({before[:12]}…); {_RESTORE}"
                )
            if lines[before][0] > number:
                raise ConfigError(
                    f"{path.name}: line {number} is before line {lines[before][0]}, which it "
                    f"was written after; {_RESTORE}"
                )
    return tuple(line for _, line in lines.values())


def require_all_of_git(path: Path, lines: Iterable[LedgerLine]) -> bool:
    """Raise `ConfigError` where a line is missing that a commit before this one has; return whether
    git could be asked."""
    log = git_output(
        path.parent,
        *("log", "--full-history", "--patch", "--unified=0", "--format=", "--no-color"),
        *("--no-ext-diff", "--no-textconv", "--text", "--", path.name),
    )
    if log is None:
        return False
    there = {line.sha256 for line in lines}
    gone = [line for line in _added(log) if line.sha256 not in there]
    if gone:
        raise ConfigError(
            f"{path.name}: {len(gone):,} of its lines that are in git {verb(len(gone), 'are')} "
            f"gone, one of them on {gone[-1].dataset} ({gone[-1].day}, {gone[-1].sha256[:12]}…); "
            "lines are never removed: add them again, in a merge those of both sides"
        )
    return True


def add_looks(
    path: Path, looks: Sequence[Look], day: str, planned: int | None, *, adaptive: bool
) -> None:
    """Append a line for each look. `ConfigError` where the file is no ledger, `OSError` where it
    cannot be written."""
    lines = list(read_ledger(path))
    for look in looks:
        followed = {digest for line in lines for digest in line.after}
        line = LedgerLine(
            **msgspec.structs.asdict(look),
            after=[line.sha256 for line in lines if line.sha256 not in followed],
            day=day,
            looks=planned,
            adaptive=adaptive,
        )
        line = msgspec.structs.replace(line, sha256=line.digest)
        append_line(path, encode(line))
        lines.append(line)


def _line(row: bytes, where: str) -> LedgerLine:
    if row.startswith(_CONFLICT):
        raise ConfigError(
            f"{where}: a conflict of a merge; keep the lines of both sides, and {_UNION}"
        )
    try:
        line = msgspec.json.decode(row, type=LedgerLine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: not a line of a ledger: {error}; {_RESTORE}") from None
    if line.sha256 != line.digest or encode(line) != row.strip():
        raise ConfigError(f"{where}: was changed after it was written; {_RESTORE}")
    return line


def _added(log: bytes) -> Iterator[LedgerLine]:
    """The lines that the commits of a log added. What is none was never a line."""
    for row in log.splitlines():
        if row.startswith(b"+{"):
            try:
                yield _line(row[1:], "")
            except ConfigError:
                continue
