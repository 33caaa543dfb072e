"""`report.json`: reading the record of an earlier run, and writing that of this one."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.dataset.text.other_files import not_json
from pytest_detgate.errors import DataError
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.record.report import FORMAT, RUNNING, Report, RuleResult
from pytest_detgate.regular_file import read_regular

# No string of a JSON text holds a line break, so these find lists and objects and nothing else.
_TEXT = rb'"(?:[^"\\\n]|\\.)*"'
_VALUE = rb"(?:[-+.\deE]+|null|true|false|" + _TEXT + rb")"
_LIST = re.compile(rb"(\[)\n *(" + _VALUE + rb"(?:,\n *" + _VALUE + rb")*)\n *(\])")
_ENTRY = _TEXT + rb": (?:" + _VALUE + rb"|\[[-+.\deE, ]*\])"
_OBJECT = re.compile(rb"(\{)\n *(" + _ENTRY + rb"(?:,\n *" + _ENTRY + rb")*)\n *(\})")
_BREAK = re.compile(rb",\n *")
_FEW = 16


class _Head(msgspec.Struct):
    """What tells a report from any other JSON file, in any format."""

    format: int
    verdict: str
    rules: list[msgspec.Raw]


def read_report(path: Path, *, name: str = "") -> Report:
    """Read the `report.json` of an earlier run; errors call it by its `name`."""
    name = name or str(path)
    try:
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error
    return report_from(data, name)


def report_from(data: bytes, name: str) -> Report:
    """Return the report in the content of a `report.json`; errors call it by its `name`."""
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.ValidationError as error:
        raise DataError(f"{name}: not a report of pytest-detgate: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cause = not_json(data) or f"not JSON, or cut off: {error}"
        raise DataError(f"{name}: {cause}") from error
    if head.format > FORMAT:
        raise DataError(
            f"{name}: a report of format {head.format}, written by a later pytest-detgate; "
            f"this one reads format {FORMAT}"
        )
    if head.format < 1:
        raise DataError(f"{name}: there is no report format {head.format}")
    try:
        report = msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        raise DataError(f"{name}: damaged report of format {head.format}: {error}") from error
    if report.verdict == RUNNING:
        raise DataError(
            f"{name}: the run of {report.started} has no verdict: it has not ended yet, or it "
            "ended before its record was written"
        )
    return report


def write_report(report: Report, path: Path) -> None:
    """Write `report.json`, whole or not at all: indented, with each object or list that holds no
    other on one line, as a finding or a box of an image."""
    rules = [_with_finite_findings(rule) for rule in report.rules]
    content = encode(msgspec.structs.replace(report, rules=rules))
    indented = msgspec.json.format(content, indent=2)
    # Lists of numbers first, so that an object that holds one is the innermost in turn.
    for innermost in (_LIST, _OBJECT):
        indented = innermost.sub(_on_one_line, indented)
    write_whole(path, indented + b"\n")


def _on_one_line(match: re.Match[bytes]) -> bytes:
    entries = _BREAK.split(match[2])
    # A curve has a hundred numbers, and a record many curves.
    return match[1] + (b", " if len(entries) <= _FEW else b",").join(entries) + match[3]


def sendable(result: RuleResult) -> RuleResult:
    """Return a result of plain types as one that can be sent and read back.

    The box and the score of a finding that are not finite are left out; its text still names
    them. A file name that is not valid UTF-8 reaches Python as lone surrogates, which no terminal,
    no worker and no file can take: they become `?`.
    """
    return msgspec.json.decode(encode(_with_finite_findings(result)), type=RuleResult)


def _with_finite_findings(result: RuleResult) -> RuleResult:
    findings = [_finite(finding) for finding in result.findings]
    return msgspec.structs.replace(result, findings=findings)


def _finite(finding: Finding) -> Finding:
    box, score = finding.box, finding.score
    keep_box = box is None or all(map(math.isfinite, box))
    keep_score = score is None or math.isfinite(score)
    if keep_box and keep_score:
        return finding
    return msgspec.structs.replace(
        finding, box=box if keep_box else None, score=score if keep_score else None
    )
