"""The configuration in a checkpoint is read as data."""

from __future__ import annotations

import math

import pytest

from pytest_detgate.detector.mmdet.stored_config import parse_stored_config
from pytest_detgate.errors import DetectorError
from tests.detector.conftest import Worksite


def test_everything_that_mmengine_writes() -> None:
    text = """
classes = ('person', 'helmet',)
empty = dict()
long = 'one '\\
    'two'
model = dict(
    a=-1, b=+0.5, c=1e-05, d=None, e=True, f=[dict(type='X'), (1, 2)],
    g={'not-a-name': dict(x=1), 3: 'y'}, h={1, 2}, init=torch.nn.SiLU)
max_norm = inf
text = '''two
lines'''
"""
    assert parse_stored_config(text, "x.pth") == {
        "classes": ("person", "helmet"),
        "empty": {},
        "long": "one two",
        "model": {
            **{"a": -1, "b": 0.5, "c": 1e-05, "d": None, "e": True},
            "f": [{"type": "X"}, (1, 2)],
            "g": {"not-a-name": {"x": 1}, 3: "y"},
            "h": {1, 2},
            "init": "torch.nn.SiLU",
        },
        "max_norm": math.inf,
        "text": "two\nlines",
    }


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "__import__('os').system('true')",
        "x = __import__('os')",
        "x = dict(__import__('os').environ)",
        "x = dict(**{'a': 1})",
        "x = dict([('a', 1)])",
        "x = [i for i in range(3)]",
        "x = f'{1}'",
        "x = y",
        "x = 1 + 1",
        "x = -'a'",
        "x = lambda: 1",
        "x = (1).__class__",
        "x = {**{}}",
        "x = {[1]: 2}",
        "x: int = 1",
        "x = y = 1",
        "x.y = 1",
        "x = b'bytes'",
        "del x",
        "def f(): pass",
    ],
)
def test_anything_else_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(DetectorError) as caught:
        parse_stored_config(f"a = 1\n{line}\n", "x.pth")
    assert "x.pth" in str(caught.value)
    assert f"line 2: {line}" in str(caught.value)


def test_text_that_is_not_python_is_refused() -> None:
    with pytest.raises(DetectorError, match=r"x\.pth: the stored configuration, line 2"):
        parse_stored_config("a = 1\nb = (", "x.pth")


def test_bottomless_nesting_is_refused() -> None:
    with pytest.raises(DetectorError, match=r"x\.pth"):
        parse_stored_config("a = " + "[" * 50_000, "x.pth")


@pytest.mark.mmdet
def test_round_trip_through_mmengine(site: Worksite) -> None:
    from mmengine.config import Config

    config = Config.fromfile(str(site.config))
    assert parse_stored_config(config.pretty_text, "x.pth") == config.to_dict()


@pytest.mark.parametrize(
    "text",
    ["x = 0x" + "f" * 2_000_000, "x = dict(y=[-0x" + "f" * 5000 + "])", "x = " + "9" * 5000],
)
def test_a_number_that_cannot_be_shown_is_refused(text: str) -> None:
    """More than 4,300 decimal digits: to show them raises a ValueError."""
    with pytest.raises(DetectorError, match=r"^x\.pth: the stored configuration"):
        parse_stored_config(text, "x.pth")


def test_large_numbers_are_numbers() -> None:
    assert parse_stored_config("x = 0xffffffffffffffffffff", "x.pth") == {"x": (1 << 80) - 1}
