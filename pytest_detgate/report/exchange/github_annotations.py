"""Annotations that GitHub shows beside the lines of a pull request, as the commands that a step
prints (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_detgate.findings import Verdict
from pytest_detgate.record.formatting import counted, on_one_line
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.record.result_text import finding_text
from pytest_detgate.report.headline import BLOCKING, counts, in_order

SHOWN = 10
"""What GitHub shows of one kind in a step; any more are dropped without a word."""
EXAMPLES = 3
_LONGEST = 500
_NAMED = 20
_VERDICTS: dict[Verdict, str] = {
    "failed": "failed",
    "not-evaluated": "could not be evaluated",
    "warned": "warned",
}
Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its path relative to the repository, and its number from 1."""

    file: str
    number: int | None


def annotation_commands(report: Report, lines: Mapping[str, Line]) -> list[str]:
    """The commands for a run, errors first, the worst of each first; `lines` says by rule where
    it is set. Of each kind there are as many as GitHub shows, the last one sums up the rest."""
    rules = in_order(report.rules)
    blocking = [rule for rule in rules if rule.verdict in BLOCKING]
    warned = [rule for rule in rules if rule.verdict == "warned"]
    return [*_of_level("error", blocking, lines), *_of_level("warning", warned, lines)]


def _of_level(level: Level, rules: list[RuleResult], lines: Mapping[str, Line]) -> list[str]:
    single = rules if len(rules) <= SHOWN else rules[: SHOWN - 1]
    commands = [
        _command(level, _title(rule), _annotation_text(rule), lines.get(rule.id)) for rule in single
    ]
    rest = rules[len(single) :]
    if rest:
        what = ", ".join(f"{count:,} {_VERDICTS[kind]}" for kind, count in counts(rest).items())
        names = [_cut(rule.id) for rule in rest[:_NAMED]]
        more = f"\nand {len(rest) - _NAMED:,} more" if len(rest) > _NAMED else ""
        title = f"detgate: {counted(len(rest), 'more rule')} ({what})"
        commands.append(_command(level, title, "\n".join(names) + more, lines.get(rest[0].id)))
    return commands


def _title(rule: RuleResult) -> str:
    return f"detgate: {rule.id} {_VERDICTS[rule.verdict]}"


def _annotation_text(rule: RuleResult) -> str:
    parts = [rule.message, *(f"- {finding_text(finding)}" for finding in rule.findings[:EXAMPLES])]
    if rule.findings_total > EXAMPLES:
        parts.append(f"- and {rule.findings_total - EXAMPLES:,} more: see the page")
    if rule.advice:
        parts.append(f"What to try: {rule.advice}")
    return "\n".join(map(_cut, parts))


def _cut(text: str) -> str:
    return on_one_line(text, _LONGEST)


def _command(level: Level, title: str, message: str, line: Line | None) -> str:
    properties = {} if line is None else {"file": line.file}
    if line is not None and line.number is not None:
        properties["line"] = str(line.number)
    properties["title"] = _cut(title)
    text = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{level} {text}::{_escaped(message)}"


def _escaped(text: str, signs: str = "") -> str:
    return re.sub(f"[%\r\n{signs}]", lambda match: f"%{ord(match[0]):02X}", text)
