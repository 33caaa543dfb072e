"""What the rule `expectations` says of each expectation: severity, share, worst rows, words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from tests.content import write_json
from tests.judged import measured
from tests.needs import import_or_skip
from tests.rules.expecting import COCO, HEAD, toml

import_or_skip("great_expectations")

Evaluated = Callable[..., RuleResult]
BETWEEN = "expect_column_values_to_be_between"
MET = {"type": BETWEEN, "column": "width", "min_value": 1}
UNMET = {"type": BETWEEN, "column": "width", "min_value": 150}


def entries(*expectations: dict[str, Any], table: str = "images", head: str = "") -> str:
    lines = [head, f"table = '{table}'"]
    for expectation in expectations:
        lines.append("[[rules.expectations.expect]]")
        lines += [f"{key} = {toml(value)}" for key, value in expectation.items()]
    return "\n".join(lines)


def listed(result: RuleResult) -> list[dict[str, Any]]:
    """The table of expectations, a dictionary for each."""
    table = result.tables["Expectations"]
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


@pytest.mark.parametrize(
    ("severities", "verdict", "values", "can_block"),
    [
        (["critical", "warning", "info"], "failed", {"count": 1, "warnings": 1, "infos": 1}, True),
        (["warning", "warning"], "warned", {"warnings": 2}, False),
        (["info", "warning"], "warned", {"infos": 1, "warnings": 1}, False),
    ],
)
def test_severity_decides(
    evaluated: Evaluated,
    severities: list[str],
    verdict: str,
    values: dict[str, int],
    can_block: bool,
) -> None:
    result = evaluated(entries(*({**UNMET, "severity": severity} for severity in severities)))

    assert result.verdict == verdict
    total = {"expectations": len(severities), "rows": 3}
    assert measured(result) == {**values, **total}
    assert result.can_block is can_block


def test_an_unmet_warning_beside_what_is_met_warns(evaluated: Evaluated) -> None:
    result = evaluated(
        entries(MET, {**UNMET, "severity": "warning"}, {**UNMET, "severity": "info"})
    )

    assert result.verdict == "warned"
    assert result.can_block  # the first one could have failed
    assert result.message == (
        "2 of 3 expectations on the images of train are not met (1 warning, 1 info)"
    )


def test_an_unmet_info_passes_and_is_listed(evaluated: Evaluated) -> None:
    result = evaluated(entries(MET, {**UNMET, "severity": "info"}))

    assert result.verdict == "passed"
    assert [(entry["met"], entry["severity"]) for entry in listed(result)] == [
        (False, "info"),
        (True, "critical"),
    ]


def test_infos_alone_could_fail_nothing(evaluated: Evaluated) -> None:
    with pytest.raises(ConfigError, match="every expectation is of severity info"):
        evaluated(entries({**MET, "severity": "info"}))


def test_the_severity_of_the_rule_holds_for_all(evaluated: Evaluated) -> None:
    assert evaluated(entries(UNMET, head="severity = 'warning'")).verdict == "warned"


def test_max_allows_critical_ones_only(evaluated: Evaluated) -> None:
    both = entries(UNMET, MET, {**UNMET, "severity": "warning"}, head="max = 1")

    assert evaluated(both).verdict == "warned"
    with pytest.raises(ConfigError, match="allows 1 of 1 critical expectation "):
        evaluated(entries(UNMET, {**UNMET, "severity": "warning"}, head="max = 1"))


def test_one_that_cannot_be_evaluated_leaves_the_others(evaluated: Evaluated) -> None:
    missing = {**MET, "column": "wdth"}
    result = evaluated(entries(missing, UNMET))

    assert result.verdict == "failed"
    assert (result.looked_at, result.to_look_at, result.look_unit) == (1, 2, "expectations")
    assert result.message.startswith("1 of 1 expectation on the images of train is not met; 1 of")
    assert evaluated(entries(missing, MET)).verdict == "not-evaluated"
    met = {entry["expectation"]: entry["met"] for entry in listed(result)}
    assert met[f"expect 2: {BETWEEN}"] is False
    assert str(met[f"expect 1: {BETWEEN}"]).startswith(
        "not evaluated: no column of train's images 'wdth'; did you mean 'width'?"
    )


def test_all_are_listed_with_share_limit_and_words(evaluated: Evaluated) -> None:
    """Of the widths 640, 200 and 100 two are 150 or more; of three sites one is missing."""
    result = evaluated(
        entries(
            {
                **UNMET,
                "mostly": 0.6,
                "description": "no thumbnails",
                "notes": ["asked for by ops"],
                "meta": {"ticket": 7},
            },
            {"type": "expect_column_max_to_be_between", "column": "width", "max_value": 99},
            {"type": "expect_column_values_to_be_in_set", "column": "site", "value_set": ["north"]},
        )
    )

    assert listed(result) == [
        {
            "expectation": "expect 2: expect_column_max_to_be_between",
            "columns": "width",
            "limit": "max_value = 99",
            "observed": "observed 640.0",
            "share": None,
            "mostly": None,
            "met": False,
            "severity": "critical",
            "unexpected rows": None,
            "rows without a value": None,
            "description": "",
        },
        {
            "expectation": "expect 3: expect_column_values_to_be_in_set",
            "columns": "site",
            "limit": "value_set = ['north']",
            "observed": "1 of 3 rows",
            "share": 0.5,
            "mostly": 1,
            "met": False,
            "severity": "critical",
            "unexpected rows": 1,
            "rows without a value": 1,
            "description": "",
        },
        {
            "expectation": f"expect 1: {BETWEEN}",
            "columns": "width",
            "limit": "min_value = 150",
            "observed": "1 of 3 rows",
            "share": pytest.approx(2 / 3),
            "mostly": 0.6,
            "met": True,
            "severity": "critical",
            "unexpected rows": 1,
            "rows without a value": 0,
            "description": "no thumbnails; asked for by ops; ticket: 7",
        },
    ]


def test_more_than_a_hundred_are_listed_in_several_tables(evaluated: Evaluated) -> None:
    result = evaluated(entries(*({**MET, "min_value": n} for n in range(1, 102)), UNMET))

    assert [(title, len(table.rows)) for title, table in result.tables.items()] == [
        ("Expectations", 100),
        ("Expectations (2)", 2),
    ]


def test_rows_of_all_are_named_the_worst_first(evaluated: Evaluated, tmp_path: Path) -> None:
    """Of 400 images the first expectation finds all wrong, the second only two."""
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 500 + n, "height": 3 if n in (7, 9) else 9}
        for n in range(400)
    ]
    write_json(tmp_path / "train.json", {**COCO, "images": images, "annotations": []})
    result = evaluated(
        entries(
            {"type": BETWEEN, "column": "width", "max_value": 100},
            {"type": BETWEEN, "column": "height", "min_value": 5},
        )
    )

    assert result.findings_total == 2 + 400 + 2
    assert [finding.image for finding in result.findings[2:7]] == [
        "399.jpg",
        "7.jpg",
        "398.jpg",
        "9.jpg",
        "397.jpg",
    ]


@pytest.mark.parametrize(
    ("first", "worst"),
    [
        ({"type": BETWEEN, "column": "height", "min_value": 60, "max_value": 80}, "yard_1.jpg"),
        (
            {"type": "expect_column_value_lengths_to_equal", "column": "file_name", "value": 3},
            "roof_10.jpg",
        ),
        (
            {
                "type": "expect_column_pair_values_a_to_be_greater_than_b",
                "column_A": "height",
                "column_B": "width",
            },
            "yard_1.jpg",
        ),
        (
            {
                "type": "expect_multicolumn_sum_to_equal",
                "column_list": ["width", "height"],
                "sum_total": 1119,
            },
            "roof_10.jpg",
        ),
        ({"type": "expect_column_values_to_be_unique", "column": "height"}, "yard_1.jpg"),
    ],
)
def test_the_worst_row_is_the_first(
    evaluated: Evaluated, first: dict[str, Any], worst: str
) -> None:
    """Widths 640, 200, 100; heights 480, 480, 80; names of 10, 10 and 11 letters."""
    result = evaluated(entries(first))

    assert result.verdict == "failed"
    assert result.findings[1].image == worst


def parameter(text: str) -> dict[str, str]:
    return {"$PARAMETER": text}


def test_parameters_fill_arguments(evaluated: Evaluated) -> None:
    """An expression is computed as Great Expectations does it: 100 * 2 - 60 = 140."""
    head = "parameters = {least = 150, sides = 100, sites = ['north', 'south']}"
    rule = entries(
        {**MET, "min_value": parameter("least")},
        {**MET, "min_value": parameter("sides * 2 - 60")},
        {
            "type": "expect_column_values_to_be_in_set",
            "column": "site",
            "value_set": parameter("sites"),
        },
        head=head,
    )
    result = evaluated(rule)

    assert [(entry["limit"], entry["met"]) for entry in listed(result)] == [
        ("min_value = 150", False),
        ("min_value = 140", False),
        ("value_set = ['north', 'south']", True),
    ]


@pytest.mark.parametrize(
    ("head", "text", "reason"),
    [
        ("parameters = {least = 1}", "leest", "no parameter 'leest'; did you mean 'least'?"),
        ("", "least", "no parameter 'least' (there is: none)"),
        ("parameters = {least = 1}", "3", "no expectation has the parameter 'least'"),
        ("parameters = {least = 1}", "", "$PARAMETER takes the name of a parameter, found ''"),
        ("parameters = {least = 1}", "least * lost", "no parameter 'lost'"),
        ("parameters = {least = nan}", "least", "least: nan is no limit"),
    ],
)
def test_parameters_that_are_none(evaluated: Evaluated, head: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        evaluated(entries({**MET, "min_value": parameter(text)}, head=head))

    assert reason in " ".join(str(caught.value).split())


def test_an_expression_that_is_none_is_not_evaluated(evaluated: Evaluated) -> None:
    head = "parameters = {least = 1}"
    result = evaluated(entries({**MET, "min_value": parameter("least *")}, UNMET, head=head))

    assert result.verdict == "failed"
    assert "$PARAMETER 'least *' cannot be computed" in result.message


def test_a_parameter_that_empties_a_limit_is_not_evaluated(evaluated: Evaluated) -> None:
    first = {"type": "expect_column_values_to_be_in_set", "column": "site"}
    rule = entries({**first, "value_set": parameter("sites")}, head="parameters = {sites = []}")
    result = evaluated(rule)

    assert result.verdict == "not-evaluated"
    assert "value_set is empty, so nothing could fail it" in result.message


def saved(tmp_path: Path, *expectations: dict[str, Any], **more: Any) -> str:
    content = {
        "expectation_suite_name": "ours",
        "data_asset_type": None,
        "ge_cloud_id": None,
        "meta": {"great_expectations_version": "0.18.22"},
        "expectations": list(expectations),
        **more,
    }
    write_json(tmp_path / "suite.json", content)
    return "table = 'images'\nsuite = 'suite.json'"


def test_a_suite_of_0_18_is_read(evaluated: Evaluated, tmp_path: Path) -> None:
    """As its 0.18.22 writes it: other names, notes in `meta`, arguments that are gone."""
    rule = saved(
        tmp_path,
        {
            "expectation_type": BETWEEN,
            "kwargs": {
                "column": "width",
                "min_value": {"$PARAMETER": "least", "$PARAMETER.least": 90},
                "parse_strings_as_datetimes": False,
                "auto": False,
                "include_config": True,
            },
            "meta": {"notes": {"format": "markdown", "content": ["as agreed"]}},
        },
        {
            "expectation_type": "expect_multicolumn_values_to_be_unique",
            "kwargs": {"column_list": ["width", "height"]},
            "meta": {},
        },
        {
            "expectation_type": "expect_column_value_z_scores_to_be_less_than",
            "kwargs": {"column": "width", "threshold": {"$PARAMETER": "most"}},
            "meta": {},
        },
        evaluation_parameters={"most": 5},
    )
    result = evaluated(rule)

    assert result.verdict == "passed", result.message
    assert [
        (entry["expectation"].rpartition(" ")[2], entry["limit"], entry["description"])
        for entry in listed(result)
    ] == [
        (BETWEEN, "min_value = 90", "as agreed"),
        ("expect_select_column_values_to_be_unique_within_record", "", ""),
        ("expect_column_value_z_scores_to_be_less_than", "threshold = 5, double_sided = True", ""),
    ]
    changed = evaluated(f"parameters = {{least = 150}}\n{rule}")
    assert changed.verdict == "failed"


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        (
            "expect_column_pair_cramers_phi_value_to_be_less_than",
            {"column_A": "width", "column_B": "height"},
            "is gone since Great Expectations 1.0; expect_column_pair_values_to_be_in_set comes",
        ),
        (
            BETWEEN,
            {"column": "width", "min_value": "1", "parse_strings_as_datetimes": True},
            "parse_strings_as_datetimes is gone since Great Expectations 1.0; compare texts",
        ),
        (BETWEEN, {"column": "width", "auto": True}, "auto = true is gone"),
        (
            "expect_column_values_to_be_betwen",
            {"column": "width", "min_value": 1},
            f"did you mean '{BETWEEN}'?",
        ),
    ],
)
def test_what_0_18_had_is_refused_with_the_new_name(
    evaluated: Evaluated, tmp_path: Path, kind: str, arguments: dict[str, Any], reason: str
) -> None:
    rule = saved(tmp_path, {"expectation_type": kind, "kwargs": arguments, "meta": {}})
    with pytest.raises(ConfigError) as caught:
        evaluated(rule)

    assert reason in str(caught.value)
    assert "suite.json: expectation 1" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"expectation_type": BETWEEN}, "`expectation_type` is called `type` since"),
        ({"type": BETWEEN, "kwargs": {"column": "x"}}, "not of `kwargs`"),
        (
            {"type": "expect_multicolumn_values_to_be_unique", "column_list": ["id"]},
            "is called expect_select_column_values_to_be_unique_within_record since",
        ),
        ({**MET, "parse_strings_as_datetimes": False}, "is gone since Great Expectations 1.0"),
    ],
)
def test_words_of_0_18_in_the_file_are_refused(
    evaluated: Evaluated, entry: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        evaluated(entries(entry))

    assert reason in str(caught.value)


def test_conditions_as_tables_are_read(evaluated: Evaluated, tmp_path: Path) -> None:
    """As Great Expectations 1.24 saves `gxe.Column("site") == "south"`; its width is 200."""
    condition = {
        "type": "comparison",
        "column": {"name": "site"},
        "operator": "==",
        "parameter": "south",
    }
    kwargs = {"column": "width", "max_value": 200, "row_condition": condition}
    suite = {"name": "ours", "expectations": [{"type": BETWEEN, "kwargs": kwargs}]}
    write_json(tmp_path / "suite.json", suite)
    result = evaluated("table = 'images'\nsuite = 'suite.json'", head=HEAD)

    assert result.verdict == "passed", result.message


def test_the_place_of_a_column_is_that_of_the_whole_table(evaluated: Evaluated) -> None:
    """`width` is the fourth column of images, as the page on tables lists them."""
    first = {"type": "expect_column_to_exist", "column": "width"}
    result = evaluated(entries({**first, "column_index": 3}, {**first, "column_index": 1}))

    assert sorted(entry["met"] for entry in listed(result)) == [False, True]


def test_values_of_several_types_are_looked_at(evaluated: Evaluated, tmp_path: Path) -> None:
    odd = (1, "a", [2, {"b": None}])
    images = [{**entry, "odd": value} for entry, value in zip(COCO["images"], odd, strict=True)]
    write_json(tmp_path / "train.json", {**COCO, "images": images})
    result = evaluated(
        entries(
            {"type": "expect_column_values_to_be_unique", "column": "odd"},
            {"type": "expect_column_values_to_be_in_set", "column": "odd", "value_set": [1, "a"]},
        )
    )

    assert [(entry["met"], entry["observed"]) for entry in listed(result)] == [
        (False, "1 of 3 rows"),
        (True, "0 of 3 rows"),
    ]
    assert result.findings[1].text.startswith('odd [2,{"b":null}]: ')
