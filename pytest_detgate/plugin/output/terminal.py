"""The section at the end of the terminal's output: one line a rule, and what was written where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.findings import Verdict
from pytest_detgate.plugin.output.wording import summary_text
from pytest_detgate.printable import printable
from pytest_detgate.record.folder import FINDINGS, PAGE, SUMMARY
from pytest_detgate.record.formatting import counted, visible
from pytest_detgate.record.project_files.looks import ledger_note, looks_text, unrefused_note
from pytest_detgate.record.result_text import left_out_text
from pytest_detgate.record.same_reason import first_with_reason, same_reason_text
from pytest_detgate.record.terminal import WIDTH, cut, no_command, wrapped
from pytest_detgate.report.headline import can_block, counts, in_order

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.plugin.update import Update
    from pytest_detgate.record.redaction.redaction import Redaction
    from pytest_detgate.record.report import Report, RuleResult

_MARKUP: dict[Verdict, dict[str, bool]] = {
    "passed": {"green": True},
    "failed": {"red": True, "bold": True},
    "not-evaluated": {"red": True, "bold": True},
    "warned": {"yellow": True},
    "waived": {"yellow": True},
}
MOST_PASSED = 50
# Where others did not pass, more than these would hide them.
MOST_PASSED_BESIDE = 12
MOST_UNCLEAN = 200
_LONGEST = 2000


def write_summary(
    terminal: pytest.TerminalReporter, report: Report, folder: Path, node_ids: Mapping[str, str]
) -> None:
    """Write the section; `folder` is that of the report, `node_ids` are pytest's by the id of the
    rule. A rule that pytest's own short summary names below gets no line here."""
    _write_heading(terminal, report)
    width = terminal._tw.fullwidth
    rules = in_order(report.rules)
    listed = _shown(rules, terminal.verbosity)
    below = _short_summary(terminal)
    shown = [rule for rule in listed if node_ids.get(rule.id) not in below]
    later = first_with_reason(shown)
    longest = max((len(rule.id) for rule in shown), default=0)
    name_width = min(longest, max(width // 2, 36))
    for rule in shown:
        terminal.write(f"{rule.verdict:<14}", **_MARKUP[rule.verdict])
        for line in rule_lines(rule, name_width, width - 14, later.get(rule.id)):
            terminal.write_line(line)
    if len(listed) < len(rules):
        hidden = rules[len(listed) :]
        what = "rule" if len(hidden) == 1 else "rules"
        terminal.write_line(f"{_counted(hidden)} {what} not shown (use -v)")
    for file in report.predictions.values():
        for line in (line for note in file.notes for line in wrapped(note)):
            terminal.write_line(line)
    if report.not_selected:
        left_out, total = len(report.not_selected), len(report.not_selected) + len(rules)
        terminal.write_line(f"not selected: {left_out:,} of {counted(total, 'rule')}")
    if report.ledger is not None and report.ledger.datasets:
        ledger = report.ledger
        notes = unrefused_note(ledger), ledger_note(ledger)
        looks = [f"models judged: {looks_text(ledger)}", *notes]
        for line in (line for text in looks if text for line in wrapped(visible(text))):
            terminal.write_line(line)
    terminal.write_line(f"{_counted(rules)}; page: {_short(folder / PAGE)}")
    terminal.write_line(f"to paste into a pull request: {_short(folder / SUMMARY)}")
    files = sum(len(rule.findings_files) for rule in rules)
    if files:
        where = _short(folder / FINDINGS)
        terminal.write_line(f"findings as COCO files: {where} ({counted(files, 'file')})")


def _short_summary(terminal: pytest.TerminalReporter) -> set[str]:
    """Return the node ids of failures that pytest's short summary names."""
    if "f" not in terminal.reportchars:
        return set()
    return {report.nodeid for report in terminal.stats.get("failed", [])}


def _write_heading(terminal: pytest.TerminalReporter, report: Report) -> None:
    if report.verdict == "failed":
        terminal.write_sep("=", "detgate: BLOCKED", red=True, bold=True)
    elif can_block(report.rules):
        terminal.write_sep("=", "detgate: PASSED", green=True, bold=True)
    else:
        heading = "detgate: PASSED, nothing here can block"
        terminal.write_sep("=", heading, yellow=True, bold=True)


def rule_lines(
    rule: RuleResult, name_width: int, width: int, same_as: str | None = None
) -> list[str]:
    """The text of a rule behind its verdict, in so many columns: its name, what decided and,
    where it did not look at all, how much it looked at, which stays whole.

    `same_as` is the rule that says the reason.
    """
    name = f"{_cut_start(rule.id, name_width):<{name_width}}  "
    room = max(width - len(name), 24)
    reason = summary_text(rule) if same_as is None else same_reason_text(same_as)
    looked = left_out_text(rule) if same_as is None else ""
    note = f" ({looked})" if looked else ""
    if len(note) <= room - 24:
        return [f"{name}{cut(reason, room - len(note))}{note}".rstrip()]
    return [f"{name}{cut(reason, room)}".rstrip(), *wrapped(f"  {note.strip()}", WIDTH)]


def _shown(rules: list[RuleResult], verbosity: int) -> list[RuleResult]:
    """The rules, by urgency, that get a line: of a long run only those that did not pass, and
    neither more where pytest is asked to be quiet."""
    if verbosity > 0:
        return rules
    unclean = sum(rule.verdict != "passed" for rule in rules)
    most_passed = MOST_PASSED_BESIDE if unclean else MOST_PASSED
    if verbosity < 0 or unclean > MOST_UNCLEAN or len(rules) - unclean > most_passed:
        return rules[: min(unclean, MOST_UNCLEAN)]
    return rules


def _counted(rules: list[RuleResult]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts(rules).items())


def _cut_start(text: str, width: int) -> str:
    """The end of a node id is what tells it from its neighbours."""
    text = visible(text)
    return text if len(text) <= width else "..." + text[3 - width :]


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def write_update(terminal: pytest.TerminalReporter, update: Update, redaction: Redaction) -> None:
    """Write what a run changed in `detgate.toml`, and what it could not change."""
    for line in [*update.diff, *(f"detgate: {note}" for note in update.notes)]:
        colour = {"+": {"green": True}, "-": {"red": True}}.get(line[:1], {})
        shown = no_command(printable(redaction.text(line)))
        terminal.write_line(shown[:_LONGEST], **colour)
