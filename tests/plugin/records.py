"""What the record of a project's last run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import NUMPY_TYPE


def report_in(project: Path) -> dict[str, Any]:
    """The whole record."""
    path = project / "detgate-report" / "report.json"
    text = path.read_text(encoding="utf-8")
    assert not NUMPY_TYPE.search(text)
    content: dict[str, Any] = json.loads(text)
    return content


def values_in(project: Path) -> dict[str, dict[str, Any]]:
    """Measured values by item."""
    return {
        rule["id"]: {
            measurement["name"]: measurement["value"] for measurement in rule["measurements"]
        }
        for rule in report_in(project)["rules"]
    }


def reasons_in(project: Path) -> set[str]:
    """Messages of the items that could not be evaluated."""
    rules = report_in(project)["rules"]
    return {rule["message"] for rule in rules if rule["verdict"] == "not-evaluated"}
