"""A run in SARIF 2.1.0, which GitHub's code scanning and many editors read.

The standard: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pytest_detgate.findings import Verdict
from pytest_detgate.record.report import Report
from pytest_detgate.report.exchange.issues import Issue

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HEAD = '{\n "$schema": "' + SCHEMA
"""How every such file of ours begins."""
INFORMATION = "https://github.com/pytest-detgate/pytest-detgate"
_LEVELS: Mapping[Verdict, str] = {
    "failed": "error",
    "not-evaluated": "error",
    "warned": "warning",
    "waived": "note",
}


def sarif_log(report: Report, issues: Sequence[Issue]) -> str:
    """Return the text of a SARIF file with these issues of a run."""
    codes = sorted({issue.code for issue in issues})
    about = {rule.code: rule.about for rule in report.rules}
    driver = {
        "name": "pytest-detgate",
        "informationUri": INFORMATION,
        "rules": [_descriptor(code, about.get(code, ""), issues) for code in codes],
    }
    version = report.versions.get("pytest-detgate")
    if version:
        driver["version"] = version
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "detgate/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(issue, codes.index(issue.code)) for issue in issues],
    }
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, indent=1) + "\n"


def _descriptor(code: str, about: str, issues: Sequence[Issue]) -> dict[str, Any]:
    descriptor: dict[str, Any] = {"id": code, "shortDescription": {"text": about or code}}
    advice = next((issue.advice for issue in issues if issue.code == code and issue.advice), "")
    if advice:
        descriptor["help"] = {"text": f"What to try: {advice}"}
    return descriptor


def _result(issue: Issue, rule_index: int) -> dict[str, Any]:
    physical = {
        "artifactLocation": {"uri": quote(issue.line.file), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": issue.line.number},
    }
    result: dict[str, Any] = {
        "ruleId": issue.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[issue.verdict],
        "message": {"text": issue.text},
        "locations": [{"physicalLocation": physical}],
        # The first is the only one that GitHub compares; it takes the part before the colon.
        "partialFingerprints": {
            "primaryLocationLineHash": f"{issue.fingerprint}:1",
            "detgate/v1": issue.fingerprint,
        },
        "properties": {"item": issue.item, "verdict": issue.verdict},
    }
    if issue.waiver is not None:
        result["suppressions"] = [{"kind": "external", "justification": issue.waiver}]
    return result
