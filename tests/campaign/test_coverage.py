"""Every rule, format and command is in the campaign, or is left out with a reason."""

from __future__ import annotations

from typing import get_args

from msgspec.structs import fields

from pytest_detgate.__main__ import COMMANDS
from pytest_detgate.config.schema import ConfigTable
from pytest_detgate.dataset.labels.formats import LabelFormat
from pytest_detgate.rules.registry import rule_classes
from tests.campaign.drawn_tables import MAKERS
from tests.campaign.gate import APPROVE
from tests.campaign.label_writers import WRITERS
from tests.campaign.oracle.expected import MODEL, TRAINING
from tests.campaign.oracle.label_readers import FORMATS
from tests.campaign.oracle.options import RULE_KEYS, TABLE_KEYS
from tests.campaign.rule_tables import REGRESSIONS

RULES_LEFT_OUT = {
    **dict.fromkeys(
        ("robustness", "stability"),
        "the detector of the campaign looks its answers up by the name of the image, and sees none "
        "of the changes to it: tests/rules/running/test_robustness.py, and test_stability.py there",
    ),
    **dict.fromkeys(
        ("box-outliers", "image-drift", "image-quality", "missing-labels", "shortcut"),
        "the images of the campaign are of one colour, and its oracle reads no pixels and no "
        "distributions: tests/rules/data/test_health_rules.py",
    ),
    "prediction-drift": "its verdict is a permutation test: "
    "tests/rules/splits/test_prediction_drift.py",
    "resize-fit": "no detector of the campaign resizes: tests/rules/data/test_resize_fit.py",
    "training-view": "a training of MMDetection takes seconds: "
    "tests/rules/running/test_training_rules.py",
}
COMMANDS_LEFT_OUT = {
    **dict.fromkeys(("schema", "rules", "cache", "tables"), "no verdict of a run depends on it"),
    **dict.fromkeys(("plan", "split", "init"), "it writes no report: tests/plugin, tests/unit"),
    **dict.fromkeys(
        ("report", "compare", "comment", "dossier", "publish"),
        "it reads a record and writes none: tests/campaign/test_hostile_names.py, tests/report",
    ),
    "accept": "what it makes is `waived`, which no oracle grants: tests/plugin/test_update.py, "
    "tests/plugin/commands/test_known_findings.py",
}


def test_every_rule_is_drawn_or_left_out_with_a_reason() -> None:
    drawn = {*MAKERS, *REGRESSIONS}
    missing = rule_classes().keys() - drawn - RULES_LEFT_OUT.keys()
    assert not missing, (
        f"{sorted(missing)}: add a table to rule_tables.py or field_tables.py and a check to "
        "oracle/, or the reason why not to RULES_LEFT_OUT"
    )
    assert drawn | RULES_LEFT_OUT.keys() <= rule_classes().keys()
    assert not drawn & RULES_LEFT_OUT.keys()


def test_the_oracle_knows_the_family_of_every_rule() -> None:
    families = {code: rule.family for code, rule in rule_classes().items()}
    drawn = {code: family for code, family in families.items() if code not in RULES_LEFT_OUT}
    assert {code for code, family in drawn.items() if family == "model"} == MODEL
    assert {code for code, family in families.items() if family == "training"} == TRAINING


_OF_SOME_RULES = {"max-unlabelled", "max-unboxed", "max-unparsed", "allow-missing-classes"}


def test_the_oracle_knows_no_option_that_there_is_not() -> None:
    for code, keys in RULE_KEYS.items():
        known = {field.encode_name for field in fields(rule_classes()[code])}
        known |= {"name", "severity", "enabled"}
        assert not keys - known - _OF_SOME_RULES, code
    assert TABLE_KEYS[()] == {field.encode_name for field in fields(ConfigTable)}


def test_every_label_format_is_written_and_read() -> None:
    formats = set(get_args(LabelFormat))
    assert {name.split()[0] for name in WRITERS} == formats
    assert formats == FORMATS


def test_every_command_is_in_the_campaign_or_left_out() -> None:
    names = {command.__name__.rpartition(".")[2] for command in COMMANDS}
    assert names == COMMANDS_LEFT_OUT.keys() | {APPROVE[2]}
