"""Items that could not be evaluated for one reason, to say it once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_detgate.record.formatting import counted
from pytest_detgate.record.report import RuleResult


def first_with_reason(rules: Sequence[RuleResult]) -> Mapping[str, str]:
    """Return, by the id of each item that was not evaluated for the reason of an earlier one, the
    id of that one."""
    first: dict[str, str] = {}
    later: dict[str, str] = {}
    for rule in rules:
        if rule.verdict == "not-evaluated" and rule.message:
            known = first.setdefault(rule.message, rule.id)
            if known != rule.id:
                later[rule.id] = known
    return later


def items_text(items: Iterable[tuple[str, str]]) -> str:
    """Say which items, by the code of their rule and their id: `probe-fp[calm], recall (10
    items)`."""
    by_code: dict[str, list[str]] = {}
    for code, item in items:
        by_code.setdefault(code, []).append(item)
    return ", ".join(
        ids[0] if len(ids) == 1 else f"{code} ({counted(len(ids), 'item')})"
        for code, ids in by_code.items()
    )


def same_reason_text(first: str) -> str:
    """Say that the reason is that of another item."""
    return f"same reason as {first}"
