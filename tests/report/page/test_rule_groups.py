"""The table of rules in parts."""

from __future__ import annotations

from pytest_detgate.findings import Verdict
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.headline import in_order
from pytest_detgate.report.page.rule_groups import GROUP, MANY, OPEN_ROWS, Part, parts_of
from pytest_detgate.report.page.rule_rows import row_of
from tests.report.sample import rule


def items(code: str, verdict: Verdict, count: int) -> list[RuleResult]:
    return [rule(f"{code}[{verdict}-{number}]", verdict, "") for number in range(count)]


def parts(*rules: list[RuleResult]) -> list[Part]:
    ordered = in_order([entry for some in rules for entry in some])
    made = parts_of([row_of(entry, f"name-{index}") for index, entry in enumerate(ordered)])
    shown = [row.id for part in made for row in (*part.rows, *part.rest)]
    assert sorted(shown) == sorted(entry.id for entry in ordered)
    return made


def facts_of(made: list[Part]) -> list[tuple[str, str, bool, int, int]]:
    return [(part.title, part.count, part.open, len(part.rows), len(part.rest)) for part in made]


def test_a_short_table_is_one() -> None:
    assert facts_of(
        parts(items("class-ap", "failed", 3), items("class-ap", "passed", MANY - 3))
    ) == [("", "", True, MANY, 0)]
    assert parts_of([]) == []


def test_a_long_one_is_grouped_by_rule_within_each_verdict() -> None:
    made = parts(
        items("class-ap", "passed", 397),
        items("class-ap", "failed", 3),
        items("mean-ap", "passed", 1),
        items("recall", "failed", OPEN_ROWS + 80),
        items("recall", "waived", GROUP),
    )

    assert facts_of(made) == [
        ("", "", True, 3, 0),
        ("recall", "100 of 108 items failed", True, OPEN_ROWS, 80),
        ("recall", "8 of 108 items waived", False, 8, 0),
        ("", "", True, 1, 0),
        ("class-ap", "397 of 400 items passed", False, 397, 0),
    ]
    assert made[1].more == "80 more"


def test_many_single_rules_are_folded_too() -> None:
    single = [items(f"rule-{number}", "passed", 1)[0] for number in range(MANY + 1)]

    assert facts_of(parts(single, items("a", "failed", 1))) == [
        ("", "", True, 1, 0),
        ("Other rules", "41 items passed", False, 41, 0),
    ]


def test_rules_that_stand_alone_share_a_table_across_verdicts() -> None:
    made = parts(items("a", "failed", 2), items("b", "warned", 3), items("recall", "passed", MANY))

    assert facts_of(made) == [
        ("", "", True, 5, 0),
        ("recall", f"{MANY} of {MANY} items passed", False, MANY, 0),
    ]
