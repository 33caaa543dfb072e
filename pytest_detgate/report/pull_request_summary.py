"""`summary.md`: a run as a comment on a pull request, of 60 lines at most for any run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_detgate.record.formatting import NARROW, counted, duration, moment, number
from pytest_detgate.record.markdown import code, plain, prose
from pytest_detgate.record.project_files.looks import looks_text
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.record.result_text import (
    decisive,
    decisive_needs,
    finding_place,
    held_against_limit,
    left_out_text,
)
from pytest_detgate.record.same_reason import first_with_reason, items_text
from pytest_detgate.report.headline import VERDICT_WORDS, Tone, counts, headline_of, in_order
from pytest_detgate.report.reasons import tasks_of

LINES = 60
ROWS = 16
RULES_SHOWN = 3
EXAMPLES = 3
MARKS: dict[Tone, str] = {
    "failed": "❌",
    "not-evaluated": "❔",
    "warned": "⚠️",
    "waived": "☑️",
    "passed": "✅",
    "none": "⚪",
}
# Together they keep the file under what a comment may hold (65,536 characters), though all of a
# text had to be written as entities.
_NAME, _REASON, _VALUES, _ADVICE = 80, 160, 120, 400


def summary_markdown(report: Report, page: str) -> str:
    """The run in GitHub's Markdown; `page` is where the page lies."""
    headline = headline_of(report)
    rules = [rule for rule in in_order(report.rules) if _is_listed(rule)]
    lines = [
        f"## {MARKS[headline.verdict]} detgate: {headline.word}",
        "",
        plain(headline.sentence, 2 * _ADVICE, begins=True),
        "",
        *_tasks(report),
        *_table(rules),
        *_passed(report),
    ]
    for rule in _rules_shown(rules):
        lines += _worst(rule)
    lines += [f"{'. '.join(_gated(report))}.", ""]
    lines += [f"Evidence, charts and images: {code(page, _ADVICE)}"]
    return "\n".join(lines) + "\n"


def _tasks(report: Report) -> Iterator[str]:
    tasks = [f"{task.text} ({task.count})" for task in tasks_of(report.rules)]
    if tasks:
        yield f"To do before a merge: {plain('; '.join(tasks), 2 * _ADVICE)}"
        yield ""


def _is_listed(rule: RuleResult) -> bool:
    """Whether a reader has to know more of a rule than that it passed."""
    return rule.verdict != "passed" or bool(left_out_text(rule))


def _table(rules: list[RuleResult]) -> Iterator[str]:
    if not rules:
        return
    yield "| Verdict | Rule | Value against limit | Reason |"
    yield "| --- | --- | --- | --- |"
    later = first_with_reason(rules)
    first = [rule for rule in rules if rule.id not in later]
    for rule in first[:ROWS]:
        values = "; ".join(map(held_against_limit, decisive(rule)))
        reason = rule.message if rule.waiver is None else f"{rule.message}. Waiver: {rule.waiver}"
        looked = left_out_text(rule)
        cells = (
            f"{MARKS[rule.verdict]} {VERDICT_WORDS[rule.verdict].lower()}",
            f"{code(rule.id, _NAME)}{_same(rule, rules, later)}",
            plain(values, _VALUES) if values else "no value",
            _reason(reason, looked, decisive_needs(rule)),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    if len(first) > ROWS:
        left = counts(first[ROWS:])
        text = ", ".join(f"{count:,} {VERDICT_WORDS[kind].lower()}" for kind, count in left.items())
        yield f"{counted(len(first) - ROWS, 'more rule')} on the page: {text}."
        yield ""


def _same(rule: RuleResult, rules: Sequence[RuleResult], later: Mapping[str, str]) -> str:
    """The items that were not evaluated for the reason of this one."""
    names = items_text(
        (other_rule.code, other_rule.id)
        for other_rule in rules
        if later.get(other_rule.id) == rule.id
    )
    return f", {plain(names, _REASON)}" if names else ""


def _reason(reason: str, looked: str, needs: str) -> str:
    """The reason of a verdict, how much was looked at where that is not all, and what evidence is
    lacking where that decided."""
    parts = [prose(reason, _REASON)] if reason else []
    parts += [f"Needs: {prose(needs, _REASON)}"] if needs and needs not in reason else []
    parts += [f"({plain(looked, _REASON)})"] if looked else []
    return " ".join(parts) or "–"


def _passed(report: Report) -> list[str]:
    passed = counts(report.rules).get("passed", 0)
    others = len(report.rules) - passed
    return [f"{MARKS['passed']} {counted(passed, 'rule')} passed.", ""] if passed and others else []


def _rules_shown(rules: list[RuleResult]) -> list[RuleResult]:
    """The rules whose examples are shown: the worst, of each kind one."""
    by_code: dict[str, RuleResult] = {}
    for rule in rules:
        if rule.verdict in ("failed", "not-evaluated", "warned") and (rule.findings or rule.advice):
            by_code.setdefault(rule.code, rule)
    return list(by_code.values())[:RULES_SHOWN]


def _worst(rule: RuleResult) -> Iterator[str]:
    total = max(rule.findings_total, len(rule.findings))
    yield f"{code(rule.id, _NAME)}{f', the worst of {total:,}' if total > EXAMPLES else ''}:"
    yield ""
    for finding in rule.findings[:EXAMPLES]:
        position = finding_place(finding)
        where = f"{code(position, _NAME)}: " if position else ""
        yield f"- {where}{plain(finding.text, _REASON, begins=not where)}"
    if rule.advice:
        yield f"- What to try: {prose(rule.advice, _ADVICE)}"
    yield ""


def _gated(report: Report) -> Iterator[str]:
    if report.model is not None:
        epoch = "" if report.model.epoch is None else f", epoch {report.model.epoch}"
        yield f"Model {code(report.model.checkpoint, _NAME)}{epoch}"
    elif report.predictions:
        names = [code(name, _NAME // 2) for name in list(report.predictions)[:EXAMPLES]]
        more = len(report.predictions) - len(names)
        yield f"Result files of {', '.join(names)}{f' and {more} more' if more else ''}"
    else:
        yield "No model"
    splits = list(report.dataset.splits.items())
    text = [f"{code(name, _NAME // 2)} {number(split.images)}" for name, split in splits[:EXAMPLES]]
    if text:
        more = len(splits) - len(text)
        rest = f" and {counted(more, 'more split')}" if more else ""
        yield f"Data: {', '.join(text)} images{rest}"
    if report.ledger is not None and report.ledger.datasets:
        yield f"Models judged: {plain(looks_text(report.ledger), _ADVICE)}"
    took = duration(report.duration_s).replace(NARROW, " ")
    yield f"Run of {plain(moment(report.started), _NAME)}, took {took}"
