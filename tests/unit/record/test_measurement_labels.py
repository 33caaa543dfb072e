"""Values of rules in words, with their names of the record."""

from __future__ import annotations

import pytest

from pytest_detgate.record.measurement_labels import _LABELS, _OF_RULE, known_label, label_of
from pytest_detgate.rules.registry import rule_classes

RULES = rule_classes()


@pytest.mark.parametrize(
    ("code", "name", "label"),
    [
        ("probe-fp", "boxes", "false boxes"),
        ("class-ap", "boxes", "ground-truth boxes"),
        ("probe-fp", "boxes[cone]", "false boxes: cone"),
        ("training-view", "effective_empty_share", "share of empty images fed to the model"),
        ("error-budget", "dap[a[b]]", "AP that these errors cost: a[b]"),
        ("mean-ap", "map50_95", "mAP50-95"),
        ("my-rule", "frames_per_day", "frames per day"),
    ],
)
def test_a_label_explains_itself(code: str, name: str, label: str) -> None:
    assert label_of(code, name) == label


@pytest.mark.parametrize("code", RULES)
def test_what_a_rule_measures_has_a_label(code: str) -> None:
    names = {name.partition("[")[0] for name in RULES[code].measures.split()}

    assert names
    assert [name for name in sorted(names) if known_label(code, name) is None] == []


def test_every_label_is_of_something_that_a_rule_measures() -> None:
    names = {
        code: {name.partition("[")[0] for name in rule.measures.split()}
        for code, rule in RULES.items()
    }

    assert set(_LABELS) - set().union(*names.values()) == set()
    assert {code: set(of_rule) - names[code] for code, of_rule in _OF_RULE.items()} == {
        code: set() for code in _OF_RULE
    }
