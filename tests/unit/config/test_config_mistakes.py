"""All mistakes of a `detgate.toml` come in one message: each once, with its line, by line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_detgate.config.load import read_configuration
from pytest_detgate.config.mistakes import MOST_LISTED
from pytest_detgate.errors import ConfigError
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules

SPLITS = """\
[dataset.splits.train]
annotations = "train.json"
images = "images"
[dataset.splits.val]
annotations = "val.json"
images = "images"
"""
PROBE = "[probes.compliant]\nimages = 'p'\n"
RULE = "[rules.box-bounds]\n"
WAIVER = """\
[[waivers]]
item = "box-bounds[val]"
reason = "r"
owner = "o"
until = 2026-01-01
"""


def mistakes(folder: Path, text: str, *, trains: bool = False) -> list[str]:
    """What is wrong in a `detgate.toml` of this text, an entry for each mistake, without the name
    of the file; every line fits on a terminal."""
    path = folder / "detgate.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        bind_rules(Project(read_configuration(path), folder), trains=trains)
    head, *lines = str(caught.value).split("\n")
    if not lines:
        return [head.removeprefix("detgate.toml:").strip()]
    # A path is not broken.
    assert all(len(line) < 80 for line in lines if " " in line.strip())
    entries = re.split(r"\n  (?=\S)", "\n".join(["", *lines]))[1:]
    assert head == f"detgate.toml has {len(entries)} mistakes:"
    return [" ".join(entry.split()).removeprefix("detgate.toml:").strip() for entry in entries]


def test_each_table_is_looked_at(tmp_path: Path) -> None:
    text = """\
[dataset]
frame-pattern = "no clip"
[dataset.splits.val]
annotations = "val.json"
images = 7
[probes.compliant]
imagse = "p"
[model]
score-threshold = 1.5
[run]
engine = "rays"
[scoring]
seed = -1
[cache]
keep-day = 3
[report]
redact = ["path"]
[rules.box-bounds]
splits = ["vall"]
"""
    assert mistakes(tmp_path, text) == [
        "2: [dataset] frame-pattern: the pattern has no group named clip; write (?P<clip>...)",
        "5: [dataset.splits.val] images: expected text, found 7",
        "7: [probes.compliant] imagse: no such key; did you mean 'images'? (allowed here: split, "
        "empty, where, list, images, annotations, format, classes, missing-labels, unlabelled, "
        "allow-other-files, scored-labels, sealed, fps, frame-step, time-field, time-unit, events)",
        "9: [model] score-threshold: expected a number ≥ 0 and < 1, found 1.5",
        "11: [run] engine: expected one of \"local\", \"ray\", found 'rays'; did you mean 'ray'?",
        "13: [scoring] seed: expected a whole number ≥ 0, found -1",
        "15: [cache] keep-day: no such key; did you mean 'keep-days'? (allowed here: "
        "max-megabytes, keep-days)",
        "17: [report] redact: did you mean 'paths'? To hide the word itself, write '(?:path)'",
        "19: [rules.box-bounds] splits: no split 'vall'; did you mean 'val'? (there is: val)",
    ]


@pytest.mark.parametrize(
    ("table", "starts"),
    [
        pytest.param(
            "[cache]\nkeep-day = 3\nsize = 1\n",
            ["8: [cache] keep-day: no such key", "9: [cache] size: no such key"],
            id="unknown keys",
        ),
        pytest.param(
            "[cache]\nkeep-days = 'x'\nmax-megabytes = 0\n",
            ["8: [cache] keep-days: expected", "9: [cache] max-megabytes: expected"],
            id="wrong values",
        ),
        pytest.param(
            "[probes]\na = { annotations = 1 }\nb = 2\n",
            [
                "8: [probes.a] annotations: expected text",
                "8: [probes.a]: the key 'images' is missing",
                "9: [probes.b]: expected a table, found 2",
            ],
            id="tables in a table",
        ),
        pytest.param(
            "[run]\naddress = 'a'\nshared-files = true\n",
            ["8: [run] address: means something", "9: [run] shared-files: means something"],
            id="keys that go with another",
        ),
        pytest.param(
            "[model]\nframework = 'onnx'\nprecision = 'float16'\nentry = 'a:b'\nconfig = 'c.py'\n",
            ["9: [model] precision: ", "10: [model] entry: ", "11: [model] config: "],
            id="keys of other frameworks",
        ),
        pytest.param(
            "[model.onnx]\nsize = [1]\nstd = 'x'\n",
            ["8: [model.onnx] size: expected", "9: [model.onnx] std: expected"],
            id="table in a table",
        ),
        pytest.param(
            "[report]\nredact = ['host', '(']\n",
            ["8: [report] redact: did you mean 'hosts'?", "8: [report] redact: '(' is no regular"],
            id="entries of a list",
        ),
        pytest.param(
            "[[waivers]]\nitem = 'box-bounds[vall]'\nreason = 'r'\nowner = 'o'\n"
            "until = 2099-01-01\n[[waivers]]\nitem = 'box-bounds[val]'\nreason = ' '\nowner = 'o'\n"
            "until = 2099-01-01\n",
            [
                "7: [waivers]: no item 'box-bounds[vall]'; did you mean 'box-bounds[val]'?",
                "11: [waivers] until: a waiver ends within a year",
                "14: [waivers] reason: expected text that is not empty, found ' '",
                "16: [waivers] until: a waiver ends within a year",
            ],
            id="waivers",
        ),
        pytest.param(
            "[rules.empty-gt-share]\nmin = 2\nmax = '1'\n",
            ["8: [rules.empty-gt-share] min: expected", "9: [rules.empty-gt-share] max: expected"],
            id="wrong options",
        ),
        pytest.param(
            "[rules.empty-gt-share]\nmin = 1\nmax = 0.5\nsplits = ['trian', 'vall']\n",
            [
                "8: [rules.empty-gt-share] min: min = 1 is above max = 0.5",
                "10: [rules.empty-gt-share] splits: no split 'trian'",
                "10: [rules.empty-gt-share] splits: no split 'vall'",
            ],
            id="options that make no sense",
        ),
        pytest.param(
            "[rules.empty-gt-share]\nmin = 2\nsplits = ['trian']\n",
            [
                "8: [rules.empty-gt-share] min: expected",
                "9: [rules.empty-gt-share] splits: no split 'trian'",
            ],
            id="one of each",
        ),
        pytest.param(
            "[rules.empty-gt-share]\nmin = 2\n[rules.class-support]\nmin-images = -1\n",
            [
                "8: [rules.empty-gt-share] min: expected",
                "10: [rules.class-support] min-images: expected",
            ],
            id="two rules",
        ),
        pytest.param(
            "[rules.empty-gt-share]\n[rules.class-support]\n",
            [
                "7: [rules.empty-gt-share]: sets no limit",
                "8: [rules.class-support]: sets no limit",
            ],
            id="one mistake in two rules",
        ),
        pytest.param(
            "[[rules.empty-gt-share]]\nname = 'a'\nmin = 2\n"
            "[[rules.empty-gt-share]]\nname = 'a'\nmin = 3\n",
            [
                "9: [rules.empty-gt-share] min: expected a number between 0 and 1, found 2",
                "11: [rules.empty-gt-share] name: two entries are named 'a'",
                "12: [rules.empty-gt-share] min: expected a number between 0 and 1, found 3",
            ],
            id="entries of one rule",
        ),
        pytest.param(
            "[[rules.empty-gt-share]]\nname = '\u00e9'\nmin = 0.1\n"
            "[[rules.empty-gt-share]]\nname = 'e\u0301'\nmin = 0.2\n",
            ["11: [rules.empty-gt-share] name: two entries are named '\u00e9'"],
            id="one name in two forms of Unicode",
        ),
        pytest.param(
            "[rules.expectations]\ntable = 'images'\n[[rules.expectations.expect]]\nmostly = 0.5\n"
            "[[rules.expectations.expect]]\ntype = 'expect_column_values_to_be_unique'\n"
            "column = 'a'\nmostly = 0\n",
            [
                "9: [rules.expectations] expect: entry 1 needs a type",
                "11: [rules.expectations] expect: entry 2 (expect_column_values_to_be_unique): "
                "with mostly = 0",
            ],
            id="entries of an option",
        ),
        pytest.param(
            "[rules.frame-distance]\nbetween = ['trian', 'val']\nwithin = 1\n",
            [
                "7: [rules.frame-distance]: cannot tell clips",
                "8: [rules.frame-distance] between: no split 'trian'",
            ],
            id="one of everything",
        ),
        pytest.param(
            "[model]\nevaluate-onn = 'train'\n[rules.ap-regression]\n",
            [
                "8: [model] evaluate-onn: no such key; did you mean 'evaluate-on'?",
                "9: [rules.ap-regression]: sets no limit",
            ],
            id="option beside a check that cannot be made",
        ),
        pytest.param(
            "[model]\nentry = 'a:b'\noptions = { size = nan }\n[rules]\nlatency = nan\n",
            [
                "9: [model] options: nan and inf are no values of an option",
                "11: [rules.latency]: expected a table, found nan",
            ],
            id="values that are no numbers",
        ),
        pytest.param(
            "[rules]\nsplit-drift = true\n[unknown]\nvalue = 3\n",
            ["8: [rules.split-drift]: expected a table, found true", "9: [unknown]: no such table"],
            id="unknown table",
        ),
        pytest.param(
            "[rules.class-ap]\nclasses = { a = 2, b = 'x' }\n",
            [
                "8: [rules.class-ap.classes] a: expected a number between 0 and 1, found 2",
                "8: [rules.class-ap.classes] b: expected a number between 0 and 1, found 'x'",
            ],
            id="limits by class",
        ),
    ],
)
def test_all_of_them(tmp_path: Path, table: str, starts: list[str]) -> None:
    result = mistakes(tmp_path, SPLITS + table + RULE)

    assert [entry[: len(start)] for entry, start in zip(result, starts, strict=True)] == starts


@pytest.mark.parametrize(
    ("text", "start"),
    [
        pytest.param(
            "[datset.splits.val]\nannotations = 'a'\nimages = 'i'\n"
            "[rules.box-bounds]\nsplits = ['val']\n[rules.mean-ap]\nmin = 0.5\n",
            "1: [datset]: no such table",
            id="splits of a misspelt table",
        ),
        pytest.param(
            SPLITS + "[model]\nevaluate-onn = 'train'\n[rules.mean-ap]\nmin = 0.5\n",
            "8: [model] evaluate-onn: no such key",
            id="default of a misspelt key",
        ),
        pytest.param(
            "[dataset.splits.train]\nannotations = 'a'\nimages = 'i'\n[model]\nevaluate-on = 3\n"
            "[rules.mean-ap]\nmin = 0.5\n",
            "5: [model] evaluate-on: expected text",
            id="wrong value that rules read",
        ),
        pytest.param(
            "[dataset.splits.train]\nannotations = 'a'\nimages = 'i'\n"
            "[rules.mean-ap]\nmin = 0.5\n[rules.class-ap]\nmin = 0.5\n",
            "4: [rules.mean-ap]: [model] evaluate-on: no split 'val'",
            id="one fact of several rules",
        ),
        pytest.param(
            "[dataset]\nframe-pattern = '(?P<clip>.)'\n"
            + SPLITS
            + "[rules.probe-fp]\nmax-boxes = 1\n[rules.probe-isolation]\nfrom = 'train'\n",
            "9: [rules.probe-fp]: there is no probe",
            id="no probe",
        ),
        pytest.param(
            SPLITS + "[rules.training-seed]\n[rules.training-view]\nmax-dropped = 1\n",
            "7: [rules.training-seed]: there is no training configuration",
            id="no training",
        ),
        pytest.param(
            "[dataset]\nframe-pattern = '('\n"
            + SPLITS
            + "[rules.clip-overlap]\nbetween = ['train', 'val']\n",
            "2: [dataset] frame-pattern: not a regular expression",
            id="no pattern",
        ),
        pytest.param(
            "[dataset]\nframe-patern = '(?P<clip>.)'\n"
            + SPLITS
            + "[rules.clip-overlap]\nbetween = ['train', 'val']\n",
            "2: [dataset] frame-patern: no such key",
            id="misspelt pattern",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmim = 0.5\n",
            "8: [rules.empty-gt-share] mim: no such key",
            id="limit of a misspelt option",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nthreshold = 0.5\n",
            "8: [rules.empty-gt-share] threshold: no such key",
            id="limit of an unknown option",
        ),
        pytest.param(
            SPLITS + "[rules.class-ap]\nclasses = 0.5\n",
            "8: [rules.class-ap] classes: expected a table",
            id="limit of a wrong type",
        ),
        pytest.param(
            SPLITS + PROBE + "[rules.probe-fp.probes.complaint]\nmax-boxes = 1\n",
            "9: [rules.probe-fp.probes] complaint: no probe 'complaint'",
            id="probe without the budget of a misspelt one",
        ),
        pytest.param(
            SPLITS + "[rules.error-budget.counts]\nclss = 1\n",
            "8: [rules.error-budget.counts] clss: no kind of error 'clss'",
            id="limit of a misspelt kind",
        ),
        pytest.param(
            SPLITS
            + "[rules.box-bond]\n[[waivers]]\nitem = 'box-bounds[val]'\nreason = 'r'\nowner = 'o'\n"
            + "until = 2026-01-01\n",
            "7: [rules.box-bond]: no rule 'box-bond'; did you mean 'box-bounds'?",
            id="waiver of a misspelt rule",
        ),
        pytest.param(
            SPLITS
            + "[rules.box-bounds]\nsplits = ['vall']\n"
            + "[[waivers]]\nitem = 'box-bounds[val]'\nreason = 'r'\nowner = 'o'\n"
            + "until = 2026-01-01\n",
            "8: [rules.box-bounds] splits: no split 'vall'",
            id="waiver of a rule with a mistake",
        ),
        pytest.param(
            "plugins = ['no_such_module_of_ours']\n" + SPLITS + RULE + "[rules.our-own]\nmax = 1\n",
            "1: plugins: the module 'no_such_module_of_ours' cannot be imported",
            id="rule of a missing plugin",
        ),
        pytest.param(
            "rules = 3\n" + SPLITS + WAIVER,
            "1: rules: expected a table, found 3",
            id="waiver without rules",
        ),
        pytest.param(
            "[dataset]\nsplits = 'val'\n" + RULE + WAIVER,
            "2: [dataset] splits: expected a table, found 'val'",
            id="waiver of a rule without splits",
        ),
        pytest.param(
            "[dataset.splits.train]\nannotations = 'a'\nimages = 'i'\n[rules.mean-ap]\nmin = 0.5\n"
            "[rules.class-ap]\nmin = 0.5\n" + WAIVER.replace("box-bounds[val]", "class-ap[a]"),
            "4: [rules.mean-ap]: [model] evaluate-on: no split 'val'",
            id="waiver of a rule whose mistake is reported once",
        ),
        pytest.param(
            SPLITS + "[rule.box-bounds]\n",
            "7: [rule]: no such table; did you mean 'rules'?",
            id="no rules",
        ),
    ],
)
def test_what_follows_from_a_mistake_is_not_reported(tmp_path: Path, text: str, start: str) -> None:
    (only,) = mistakes(tmp_path, text)

    assert only.startswith(start)


def test_a_baseline_is_not_unused_while_a_rule_has_a_mistake(tmp_path: Path) -> None:
    model = "[model]\nbaseline = 'b.pth'\n"

    assert mistakes(tmp_path, SPLITS + model + RULE) == [
        "8: [model] baseline: no rule compares with it; add [rules.ap-regression], "
        "[rules.fp-regression] or [rules.lost-objects]"
    ]
    (only,) = mistakes(tmp_path, SPLITS + model + "[rules.ap-regresion]\nmax-drop = 0.1\n")
    assert only.startswith("9: [rules.ap-regresion]: no rule 'ap-regresion'")


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    many = MOST_LISTED + 3
    path = tmp_path / "detgate.toml"
    keys = "".join(f"key-{index} = 1\n" for index in range(many))
    path.write_text(keys + RULE, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_configuration(path).mistakes.raise_all()

    lines = str(caught.value).split("\n")
    assert lines[0] == f"detgate.toml has {many} mistakes:"
    assert lines[-1] == "  and 3 more"
    assert sum(line.startswith("  detgate.toml:") for line in lines) == MOST_LISTED


def test_training_without_its_table_is_one_of_them(tmp_path: Path) -> None:
    result = mistakes(tmp_path, SPLITS + "[cache]\nkeep-days = 0\n" + RULE, trains=True)

    assert result == [
        "--detgate-train needs a table [train] with config and work-dir",
        "8: [cache] keep-days: expected a whole number ≥ 1, found 0",
    ]


def test_training_a_model_of_another_framework_is_one_of_them(tmp_path: Path) -> None:
    train = '[train]\nconfig = "train.py"\nwork-dir = "work"\n'
    model = '[model]\nentry = "own:detector"\n'

    assert mistakes(tmp_path, SPLITS + train + model + RULE, trains=True) == [
        "11: [model] entry: python cannot run what --detgate-train trains, which is a model of "
        "MMDetection"
    ]


def test_a_day_that_is_none_is_one_of_them(tmp_path: Path) -> None:
    waiver = "[[waivers]]\nitem = 'box-bounds[val]'\nreason = 'r'\nowner = 'o'\nuntil = "

    moment = "2027-01-02T00:00:00"
    for day, match in (("'soon'", "'soon'"), ("2027", "2027"), (moment, moment)):
        assert mistakes(tmp_path, SPLITS + RULE + waiver + day) == [
            f"12: [waivers] until: expected a date such as 2026-12-31, found {match}"
        ]


def test_a_rule_that_crashes_before_it_runs_is_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "crashes_early.py").write_text(
        "from pytest_detgate import SplitRule\n"
        "class Mine(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'crashes-early'\n"
        "    def validate(self, project):\n"
        "        raise ZeroDivisionError('oh')\n"
    )
    text = "plugins = ['crashes_early']\n" + SPLITS + "[rules.crashes-early]\n[rules.box-bond]\n"

    first, second = mistakes(tmp_path, text)

    assert first.startswith("8: [rules.crashes-early]: the rule crashed before it ran: ZeroDiv")
    assert second.startswith("9: [rules.box-bond]: no rule 'box-bond'")


def test_every_plugin_is_tried(tmp_path: Path) -> None:
    result = mistakes(tmp_path, "plugins = ['gone_one', 'gone_two']\n" + SPLITS + RULE)

    assert [re.findall(r"'(gone_\w+)'", entry)[0] for entry in result] == ["gone_one", "gone_two"]
