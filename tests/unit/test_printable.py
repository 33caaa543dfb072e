"""Control characters in names are made visible."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_detgate.printable import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\n::error::b\r\tc", r"a\n::error::b\r\tc"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("a\u2028b\u2029c\u202egnp.exe", r"a\u2028b\u2029c\u202egnp.exe"),
        ("caf\udce9", r"caf\udce9"),
        ("Schutzhelm_ß 安全帽 👷‍♀️ می‌خواهم", None),
        (r"C:\new\x1b", None),
    ],
)
def test_text(text: str, shown: str | None) -> None:
    assert printable(text) == (text if shown is None else shown)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    shown = printable(text)

    kinds = {unicodedata.category(sign) for sign in shown}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown


def test_json_means_the_same_without_control_characters() -> None:
    value = {"a\u009b31m": "b\u2028c", "\u202ed": ["\x7f", "é"]}
    content = printable_json(json.dumps(value, ensure_ascii=False).encode())

    assert json.loads(content) == value
    assert printable(content.decode()) == content.decode()
    assert "é".encode() in content
