"""A run as GitLab's Code Quality report: https://docs.gitlab.com/ci/testing/code_quality/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pytest_detgate.findings import Verdict
from pytest_detgate.report.exchange.issues import Issue

HEAD = '[\n {\n  "type": "issue",\n  "check_name": '
"""How every such file of ours with an issue begins."""
EMPTY = "[]\n"
_SEVERITIES: Mapping[Verdict, tuple[str, str]] = {
    "failed": ("critical", "major"),
    "not-evaluated": ("critical", "major"),
    "warned": ("minor", "minor"),
    "waived": ("info", "info"),
}


def code_quality_report(issues: Sequence[Issue]) -> str:
    """Return the text of a Code Quality report with these issues."""
    return json.dumps([_entry(issue) for issue in issues], indent=1) + "\n"


def _entry(issue: Issue) -> dict[str, object]:
    of_rule, of_finding = _SEVERITIES[issue.verdict]
    waiver = "" if issue.waiver is None else f" Waived: {issue.waiver}"
    return {
        "type": "issue",
        "check_name": issue.code,
        "description": f"{issue.text}{waiver}",
        "categories": ["Bug Risk"],
        "severity": of_finding if issue.is_finding else of_rule,
        "fingerprint": issue.fingerprint,
        "location": {"path": issue.line.file, "lines": {"begin": issue.line.number}},
    }
