"""What a run found, one issue for each rule and for each of its findings, as code hosts list it.

The fingerprint of an issue depends on nothing that was measured: a code host takes two issues with
one fingerprint for the same issue of two runs.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pytest_detgate.findings import Finding, Verdict
from pytest_detgate.record.formatting import on_one_line
from pytest_detgate.record.project_files.known_findings import rounded_box
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.record.result_text import compared, decisive, finding_text
from pytest_detgate.report.exchange.github_annotations import Line
from pytest_detgate.report.headline import in_order

_LONGEST = 1000
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?%?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issue: `item` is the node of the rule, `verdict` the one of the whole rule. `is_finding`
    tells an issue on one image or annotation from that on the rule itself."""

    code: str
    item: str
    verdict: Verdict
    text: str
    advice: str
    line: Line
    fingerprint: str
    is_finding: bool
    waiver: str | None


def issues_of(
    report: Report,
    rule_lines: Mapping[str, Line],
    line_of: Callable[[Finding], Line | None],
) -> list[Issue]:
    """Return the issues of all rules that did not pass, the most urgent first.

    `rule_lines` says by rule where it is set, `line_of` where a finding is. A finding without a
    line is at that of its rule. A rule without a line, of a file outside the repository, is at the
    first line of the configuration.
    """
    listed = []
    anywhere = Line(report.config.path or "detgate.toml", 1)
    for rule in in_order(report.rules):
        if rule.verdict == "passed":
            continue
        line = rule_lines.get(rule.id, anywhere)
        listed.append(_issue(rule, _rule_text(rule), line, (rule.id,), is_finding=False))
        for finding, identity in zip(rule.findings, _identities(rule), strict=True):
            text = f"{rule.id}: {finding_text(finding)}"
            listed.append(_issue(rule, text, line_of(finding) or line, identity, is_finding=True))
    return listed


def _issue(
    rule: RuleResult, text: str, line: Line, identity: Iterable[object], *, is_finding: bool
) -> Issue:
    joined = "\0".join(map(str, ("detgate", *identity)))
    return Issue(
        code=rule.code,
        item=rule.id,
        verdict=rule.verdict,
        text=on_one_line(text, _LONGEST),
        advice=rule.advice,
        line=Line(line.file, line.number or 1),
        fingerprint=hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()[:40],
        is_finding=is_finding,
        waiver=rule.waiver if rule.verdict == "waived" else None,
    )


def _rule_text(rule: RuleResult) -> str:
    values = "; ".join(map(compared, decisive(rule)))
    return f"{rule.id}: {rule.message or values or rule.verdict}"


def _identities(rule: RuleResult) -> list[tuple[object, ...]]:
    """What tells the findings of a rule apart in every run.

    A detection is known by its image and class, since its box moves with each training; an
    annotation also by its box; a finding on no image by its text without numbers. Findings that
    are alike are counted.
    """
    seen: Counter[tuple[object, ...]] = Counter()
    identities = []
    for finding in rule.findings:
        own: tuple[object, ...] = (rule.id, finding.dataset, finding.image, finding.label)
        if finding.box is not None and finding.score is None:
            own = (*own, *rounded_box(finding.box))
        if finding.image is None:
            own = (*own, _NUMBER.sub("#", finding.text))
        identities.append((*own, seen[own]))
        seen[own] += 1
    return identities
