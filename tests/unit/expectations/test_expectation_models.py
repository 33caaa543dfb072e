"""What is known of Great Expectations without importing it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest

from pytest_detgate.expectations.models import (
    common_arguments,
    core_models,
    find_model,
    quiet,
    version,
)
from pytest_detgate.expectations.requested import COMMON
from pytest_detgate.rules.documentation.config_schema import config_schema
from pytest_detgate.rules.registry import RuleRegistry
from tests.needs import import_or_skip
from tools.expectation_models import in_lines, models


def test_the_models_are_those_of_great_expectations() -> None:
    great_expectations = import_or_skip("great_expectations")
    if great_expectations.__version__ != version():
        pytest.skip(f"made from {version()}; {great_expectations.__version__} is installed")
    with quiet():
        made = models()
    stored = files("pytest_detgate.expectations").joinpath("models.json").read_text("utf-8")

    assert json.loads(stored) == made
    assert stored == in_lines(made) + "\n"


def test_every_expectation_that_is_installed_is_known() -> None:
    """Also those of another version than the stored models were made from."""
    import_or_skip("great_expectations")
    with quiet():
        import great_expectations.expectations.core  # noqa: F401
        from great_expectations.expectations import registry

        for name in registry.list_registered_expectation_implementations():
            assert find_model(name).name == name


def test_the_arguments_of_all_are_known_without_models() -> None:
    assert set(common_arguments()) == set(COMMON)
    between = core_models()["expect_column_values_to_be_between"]
    assert set(between.arguments) == {
        *("column", "mostly", "row_condition", "condition_parser"),
        *("min_value", "max_value", "strict_min", "strict_max"),
    }
    assert between.required == ["column"]
    assert find_model("ExpectColumnValuesToBeBetween") is between


def test_a_start_without_mistakes_imports_nothing() -> None:
    """Great Expectations takes seconds to import."""
    code = (
        "import sys\n"
        "from pytest_detgate.expectations.arguments import mistakes_in\n"
        "from pytest_detgate.expectations.requested import requested_in_table\n"
        "entry = {'type': 'expect_column_to_exist', 'column': 'width'}\n"
        "assert not list(mistakes_in(requested_in_table([entry])[0], {}))\n"
        "print({'great_expectations', 'pandas'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def valid(entry: dict[str, Any]) -> bool:
    """Whether the JSON Schema of `detgate.toml` takes an expectation."""
    jsonschema = import_or_skip("jsonschema")
    registry = RuleRegistry()
    schema = config_schema({"expectations": registry.rule("expectations")})
    rule = {"table": "images", "expect": [entry]}
    validator = jsonschema.Draft7Validator(schema)
    return bool(validator.is_valid({"dataset": {}, "rules": {"expectations": rule}}))


BETWEEN = {"type": "expect_column_values_to_be_between", "column": "width"}


@pytest.mark.parametrize(
    ("entry", "is_valid"),
    [
        (BETWEEN, True),
        ({**BETWEEN, "type": "ExpectColumnValuesToBeBetween", "min_value": 3}, True),
        ({**BETWEEN, "min_value": {"$PARAMETER": "least"}, "severity": "info"}, True),
        ({**BETWEEN, "min_vlaue": 3}, False),
        ({**BETWEEN, "mostly": 2}, False),
        ({**BETWEEN, "severity": "error"}, False),
        ({"type": "expect_column_values_to_be_between"}, False),
        # It needs a database.
        ({"type": "expect_column_values_to_match_like_pattern", "column": "a"}, False),
        ({"type": "expect_our_own", "anything": 3}, True),
        ({"column": "width"}, False),
        (
            {
                "type": "expect_column_values_to_be_in_set",
                "column": "crowd",
                "value_set": [False],
                "row_condition": {"type": "nullity", "column": {"name": "x"}, "is_null": False},
            },
            True,
        ),
    ],
)
def test_the_schema_completes_arguments(entry: dict[str, Any], is_valid: bool) -> None:
    assert valid(entry) is is_valid
