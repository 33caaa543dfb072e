"""The verdict of a whole run in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_detgate.counts import verb
from pytest_detgate.findings import Verdict
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.report import Report, RuleResult

Tone = Verdict | Literal["none"]
"""What picks a mark and a colour: a verdict, or that there is none that means anything."""
ORDER: tuple[Verdict, ...] = ("failed", "not-evaluated", "warned", "waived", "passed")
BLOCKING: tuple[Verdict, ...] = ("failed", "not-evaluated")
VERDICT_WORDS: dict[Verdict, str] = {
    "failed": "Failed",
    "not-evaluated": "Not evaluated",
    "warned": "Warned",
    "waived": "Waived",
    "passed": "Passed",
}
_COUNTED: dict[Verdict, str] = {
    "failed": "failed",
    "not-evaluated": "could not be evaluated",
    "warned": "warned",
    "waived": "waived",
    "passed": "passed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The first words of the page; `verdict` picks their mark and colour."""

    verdict: Tone
    word: str
    sentence: str


def in_order(rules: list[RuleResult]) -> list[RuleResult]:
    """Sort by urgency; rules of one verdict stay in the order of the configuration."""
    return sorted(rules, key=lambda rule: ORDER.index(rule.verdict))


def tiers(rules: Sequence[RuleResult]) -> list[list[int]]:
    """Put rules, by their places, in tiers of urgency: those that block, those that a person has
    to know of, and those that passed."""
    ranks = [_tier(rule.verdict) for rule in rules]
    return [[index for index, rank in enumerate(ranks) if rank == wanted] for wanted in range(3)]


def _tier(verdict: Verdict) -> int:
    if verdict in BLOCKING:
        return 0
    return 2 if verdict == "passed" else 1


def counts(rules: list[RuleResult]) -> dict[Verdict, int]:
    """Count rules by verdict, the most urgent first, leaving out what did not occur."""
    count_of_verdict = {
        verdict: sum(rule.verdict == verdict for rule in rules) for verdict in ORDER
    }
    return {verdict: count for verdict, count in count_of_verdict.items() if count}


def run_verdict(rules: list[RuleResult]) -> Verdict:
    """The verdict of a run: failed if an item failed or was not evaluated."""
    return "failed" if any(rule.verdict in BLOCKING for rule in rules) else "passed"


def can_block(rules: Sequence[RuleResult]) -> bool:
    """Tell whether any rule blocks, or would have with a worse value."""
    return any(rule.can_block or rule.verdict in BLOCKING for rule in rules)


def headline_of(report: Report) -> Headline:
    """Say whether the merge is blocked and why, and what was not selected.

    It is blocked when the record says so or when any rule does: the page never reads better than
    the rules below it.
    """
    rules = report.rules
    count_of_verdict = counts(rules)
    blocking = [verdict for verdict in BLOCKING if verdict in count_of_verdict]
    if blocking:
        why = {verdict: count_of_verdict[verdict] for verdict in blocking}
        sentence = f"{_sentence(why, len(rules))}{_not_selected(report)}"
        return Headline(verdict=blocking[0], word="Blocked", sentence=sentence)
    if report.verdict in BLOCKING or not rules:
        reason = "No rule failed, yet the run did not pass" if rules else "No rule was evaluated"
        sentence = f"{reason}. The terminal output says more."
        return Headline(verdict="not-evaluated", word="Blocked", sentence=sentence)
    worst = next(verdict for verdict in ORDER if verdict in count_of_verdict)
    sentence = f"{_sentence(count_of_verdict, len(rules))}{_not_selected(report)}"
    if not can_block(rules):
        return Headline(
            verdict="none",
            word="Nothing here can block",
            sentence=f"{sentence} No value would have failed this run: every rule only warns, is "
            "waived, or has limits that nothing can break.",
        )
    return Headline(verdict=worst, word="Clear to merge", sentence=sentence)


def _not_selected(report: Report) -> str:
    """A further sentence on the rules that the user left out; nothing where all were selected."""
    count = len(report.not_selected)
    were = "was" if count == 1 else "were"
    return f" {counted(count, 'more rule')} {were} not selected." if count else ""


def _sentence(count_of_verdict: dict[Verdict, int], total: int) -> str:
    if count_of_verdict.get("passed") == total:
        return "The only rule passed." if total == 1 else f"All {counted(total, 'rule')} passed."
    text: list[str] = []
    for verdict, count in count_of_verdict.items():
        of = "" if text else f" of {counted(total, 'rule')}"
        are = f" {verb(count, 'are')}" if verdict == "waived" else ""
        text.append(f"{count:,}{of}{are} {_COUNTED[verdict]}")
    return f"{text[0]}." if len(text) == 1 else f"{', '.join(text[:-1])} and {text[-1]}."
