"""Conditions on images: what they choose, what is unknown, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_detgate.dataset.conditions import parse_condition
from pytest_detgate.errors import DataError

IMAGE: dict[str, Any] = {
    "site": "north",
    "frame": 12,
    "camera": "7",
    "night": True,
    "flag": 0,
    "tags": ["wet", "dusk"],
    "name": "cafe\u0301",  # decomposed
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("site == 'north'", True),
        ("site != 'north'", False),
        ('site in ["south", "north"]', True),
        ("site not in ('south',)", True),
        ("'nor' in site", True),
        ("'wet' in tags and not 'dry' in tags", True),
        ("frame == '12' and camera == 7", True),
        ("5 < frame <= 12", True),
        ("frame < 5 or frame > 100", False),
        ("camera > 6.5", True),
        ("frame > -3", True),
        ("night", True),
        ("not night", False),
        ("night == true and flag == false", True),
        ("flag", False),
        ("name == 'caf\u00e9'", True),
        ("site >= 'm'", True),
        # Unknown as long as what is known does not decide.
        ("nothing == 'x'", None),
        ("not nothing == 'x'", None),
        ("nothing == 'x' and site == 'north'", None),
        ("nothing == 'x' and site == 'south'", False),
        ("nothing == 'x' or site == 'north'", True),
        ("nothing == 'x' or site == 'south'", None),
        ("nothing", None),
        ("nothing is None", True),
        ("nothing is not None", False),
        ("site != null", True),
        ("nothing is not None and nothing == 'x'", False),
    ],
)
def test_condition_holds_where_it_says(text: str, holds: bool | None) -> None:
    assert parse_condition(text).holds(IMAGE) is holds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("site = 'north'", "not a condition"),
        ("site == 'north' && frame < 3", "not a condition"),
        ("", "not a condition"),
        ("1 < 2", "names no field"),
        ("True", "not a comparison"),
        ("'north'", "not a comparison"),
        ("site + 'x' == 'northx'", "neither a field nor a value"),
        ("site.startswith('n')", "not a comparison"),
        ("__import__('os').system('true') == 0", "neither a field nor a value"),
        ("[x for x in site]", "not a comparison"),
        ("(lambda: site)() == 1", "neither a field nor a value"),
        ("site[0] == 'n'", "neither a field nor a value"),
        ("site is 'north'", "write =="),
        ("f'{site}' == 'north'", "neither a field nor a value"),
        ("frame > -'x'", "`-'x'` is neither a field nor a value"),
        ("frame > -true", "`-true` is neither a field nor a value"),
        ("site == b'north'", "neither a field nor a value"),
        ("(" * 500 + "site" + ")" * 500, "not a condition"),
        ("not " * 100_000 + "night", "not a condition"),
    ],
)
def test_anything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("site < 3", "'north' and 3 cannot be compared by size"),
        ("site", "neither true nor false"),
        ("tags == 'wet'", "neither a number nor text"),
        ("'x' in frame", "no list and no text"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse_condition(text).holds(IMAGE)


def test_fields_are_named_once_and_in_order() -> None:
    assert parse_condition("site == 'a' or frame < 3 or site == 'b'").fields == ("site", "frame")
