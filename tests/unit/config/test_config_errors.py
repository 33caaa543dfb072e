"""Every configuration error is one message: place as typed, what was found, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import ConfigError, nearest_file
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.registry import rule_classes
from pytest_detgate.testing import coco_content
from tests.content import write_json

SPLITS = """
[dataset.splits.train]
annotations = "train.json"
images = "images"
[dataset.splits.val]
annotations = "val.json"
images = "images"
"""
RULE = "[rules.empty-gt-share]\nmin = 0.25\n"


def message(folder: Path, text: str) -> str:
    """The error that a `detgate.toml` of this text gives."""
    path = folder / "detgate.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        bind_rules(Project(load_configuration(path), folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "detgate.toml: no rules;", id="empty"),
        pytest.param(SPLITS, "no rules; a gate without rules says yes", id="no rules"),
        pytest.param("a = [", "detgate.toml: not valid TOML", id="toml"),
        pytest.param(
            "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n",
            "detgate.toml: line 2 begins a merge conflict of git; finish the merge first",
            id="conflict",
        ),
        pytest.param(
            SPLITS + f"[rules.empty-gt-share]\nmin = 0x{'f' * 5000}",
            "detgate.toml:9: [rules.empty-gt-share] min: a whole number has over 63 bits",
            id="number of more digits than Python shows",
        ),
        pytest.param(
            SPLITS.replace("val.json", "a\\u0000b") + RULE,
            r"detgate.toml:6: [dataset.splits.val] annotations: no path can be 'a\x00b'",
            id="zero in a path",
        ),
        pytest.param(
            SPLITS.replace('"images"', f'"images/{"é" * 128}"', 1) + RULE,
            "detgate.toml:4: [dataset.splits.train] images: no path can be 'images/éééé",
            id="name longer than that of any file",
        ),
        pytest.param(
            SPLITS + RULE + f'[history]\npath = "{"a/" * 2000}"',
            "detgate.toml:11: [history] path: no path can be 'a/a/a/",
            id="path longer than any",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-shares]\nmin = 0.25",
            "detgate.toml:8: [rules.empty-gt-shares]: no rule 'empty-gt-shares'; "
            "did you mean 'empty-gt-share'? (there is: absent-class-boxes, ",
            id="unknown rule",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmim = 0.25",
            "detgate.toml:9: [rules.empty-gt-share] mim: no such key; did you mean 'min'? "
            "(allowed here: name, severity, enabled, splits, max-unlabelled, max-unboxed, min, "
            "max, max-missing)",
            id="misspelt option",
        ),
        pytest.param(
            "[model]\nbaseline = { path = 'a', may-be-mising = true }\n" + RULE,
            "[model.baseline] may-be-mising: no such key; did you mean 'may-be-missing'?",
            id="misspelt key of a table that may be plain text",
        ),
        pytest.param(
            "[model]\nbaseline = 5\n" + RULE,
            "detgate.toml:2: [model] baseline: expected text or a table, found 5",
            id="neither text nor table",
        ),
        pytest.param(
            "[datset.splits.train]\n" + RULE,
            "[datset]: no such table; did you mean 'dataset'?",
            id="unknown table",
        ),
        pytest.param(
            "[dataset.splits.train]\nanotations = 'a'\nimages = 'b'\n" + RULE,
            "detgate.toml:2: [dataset.splits.train] anotations: no such key; "
            "did you mean 'annotations'? (allowed here: annotations, images, data, split, format, ",
            id="misspelt key",
        ),
        pytest.param(
            SPLITS + "classes = 'names.txt'\n" + RULE,
            "detgate.toml:8: [dataset.splits.val] classes: a file only applies to format = "
            '"yolo" or "openimages"',
            id="option of another format",
        ),
        pytest.param(
            SPLITS + "classes = []\n" + RULE,
            "detgate.toml:8: [dataset.splits.val] classes: expected text or a list of at least 1 "
            "entry, each entry text, found []",
            id="no class",
        ),
        pytest.param(
            SPLITS + "format = 'yollo'\n" + RULE,
            "[dataset.splits.val] format: expected one of "
            '"coco", "cvat", "datumaro", "kitti", "labelme", "labelstudio", "openimages", '
            '"scalabel", "voc", "yolo", '
            "found 'yollo'; did you mean 'yolo'?",
            id="format",
        ),
        pytest.param(
            "[dataset.splits.train]\nannotations = 'a'\n" + RULE,
            "detgate.toml:1: [dataset.splits.train]: the key 'images' is missing; it takes text",
            id="missing key",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = '25%'",
            "[rules.empty-gt-share] min: expected a number between 0 and 1, found '25%'",
            id="wrong type",
        ),
        pytest.param(
            SPLITS + "[cache]\nmax-megabytes = 0\n" + RULE,
            "detgate.toml:9: [cache] max-megabytes: expected a whole number ≥ 1, found 0",
            id="cache of no size",
        ),
        pytest.param(
            SPLITS + "[cache]\nkeep-day = 3\n" + RULE,
            "detgate.toml:9: [cache] keep-day: no such key; did you mean 'keep-days'? "
            "(allowed here: max-megabytes, keep-days)",
            id="cache key",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = 25",
            "[rules.empty-gt-share] min: expected a number between 0 and 1, found 25",
            id="out of range",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = nan",
            "expected a number between 0 and 1, found nan",
            id="not a number",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = 0.5\nmax = 0.2",
            "detgate.toml:9: [rules.empty-gt-share] min: min = 0.5 is above max = 0.2: "
            "no value could pass",
            id="contradiction",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]",
            "[rules.empty-gt-share]: sets no limit, so it could never fail; give min or max",
            id="no limit",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = 0.2\nsplits = ['trian']",
            "[rules.empty-gt-share] splits: no split 'trian'; did you mean 'train'? "
            "(there is: train, val)",
            id="unknown split",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = 0.2\nsplits = ['val', 'val']",
            "splits: split 'val' is named twice",
            id="split twice",
        ),
        pytest.param(
            SPLITS + "[rules.empty-gt-share]\nmin = 0.2\nseverity = 'warn'",
            'severity: expected one of "error", "warning", found \'warn\'; '
            "did you mean 'warning'?",
            id="severity",
        ),
        pytest.param(
            SPLITS + "[rules.clip-overlap]\nbetween = ['train', 'val']",
            "[rules.clip-overlap]: cannot tell clips: give [dataset] frame-pattern, or clip-field",
            id="no pattern",
        ),
        pytest.param(
            "[dataset]\nframe-pattern = '(?P<clip>['\n" + SPLITS + RULE,
            "detgate.toml:2: [dataset] frame-pattern: not a regular expression",
            id="bad pattern",
        ),
        pytest.param(
            "[dataset]\nframe-pattern = '(.*)_1'\n" + SPLITS + RULE,
            "the pattern has no group named clip",
            id="pattern without clip",
        ),
        pytest.param(
            SPLITS + "[rules.clip-overlap]\nbetween = ['train']\nclip-field = 'video_id'",
            "[rules.clip-overlap] between: expected a list of 2, each entry text, found ['train']",
            id="one split",
        ),
        pytest.param(
            SPLITS + "[rules.resize-fit]\nmax = 1\nsize = [0, 640]",
            "size: expected a list of 2, each entry a whole number ≥ 1, found [0, 640]",
            id="a size of nothing",
        ),
        pytest.param(
            SPLITS + "[rules.probe-fp]\nmax-boxes = 1",
            "[rules.probe-fp]: there is no probe; add a table such as [probes.compliant]",
            id="no probe",
        ),
        pytest.param(
            "[probes.a]\nimages = 'p'\n[rules.probe-fp]\nmax-boxes = -1",
            "[rules.probe-fp] max-boxes: expected a whole number ≥ 0, found -1",
            id="negative budget",
        ),
        pytest.param(
            "[probes.a]\nimages = 'p'\n[rules.probe-fp.probes.b]\nmax-boxes = 1",
            "detgate.toml:3: [rules.probe-fp.probes] b: no probe 'b' (there is: a)",
            id="unknown probe",
        ),
        pytest.param(
            "[probes.a]\nimages = 'p'\n[probes.b]\nimages = 'p'\n"
            "[rules.probe-fp.probes.b]\nmax-boxes = 1",
            "probe 'a' has no budget, so it could never fail",
            id="probe without budget",
        ),
        pytest.param(
            "[probes.val]\nimages = 'p'\n" + SPLITS + RULE,
            "'val' names a split and a probe",
            id="split and probe",
        ),
        pytest.param(
            SPLITS + "[model]\nevaluate-on = 'test'\n[rules.mean-ap]\nmin = 0.5",
            "[rules.mean-ap]: [model] evaluate-on: no split 'test'",
            id="evaluate-on",
        ),
        pytest.param(
            SPLITS + "[[rules.empty-gt-share]]\nmin = 0.1\n[[rules.empty-gt-share]]\nmin = 0.2",
            "[rules.empty-gt-share]: entry 1 of 2 has no name",
            id="unnamed entries",
        ),
        pytest.param(
            SPLITS
            + RULE
            + "[[waivers]]\nitem = 'empty-gt-share[vall]'\nreason = 'r'\nowner = 'o'\n"
            + "until = 2026-01-01",
            "[waivers]: no item 'empty-gt-share[vall]'; did you mean 'empty-gt-share[val]'?",
            id="waiver",
        ),
        pytest.param(
            "plugins = ['no_such_module_of_ours']\n" + SPLITS + RULE,
            "plugins: the module 'no_such_module_of_ours' cannot be imported",
            id="plugin",
        ),
    ],
)
def test_message(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in message(tmp_path, text)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "options = {size = 9}",
            '[model] options: which framework is it for? Add framework = "NAME"',
        ),
        (
            'framework = "python"',
            "[model] framework: the key 'entry' is missing; framework = \"python\" takes "
            '"package.module:function"',
        ),
        (
            'entry = "module.function"',
            "[model] entry: expected \"package.module:function\", found 'module.function'",
        ),
        (
            'entry = "own:detector"\noptions = {sizes = [{low = [1.0, nan]}]}',
            "[model] options: nan and inf are no values of an option",
        ),
        (
            'framework = "torchvision"\noptions = {bulder = "own:net", classes = ["helmet"]}',
            "[model.options] bulder: no such key; did you mean 'builder'?",
        ),
    ],
)
def test_a_model_that_cannot_be_meant(tmp_path: Path, model: str, expected: str) -> None:
    assert expected in message(tmp_path, f"{SPLITS}[model]\n{model}\n{RULE}")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[evidence]\nadaptive = true", "[evidence] adaptive: only applies with looks"),
        (
            "[evidence]\nadaptive = true\nlooks = 31",
            "looks: with adaptive = true at most 30; found 31",
        ),
        ("[report]\nredact = ['a*']", "redact: 'a*' matches where there is nothing"),
        (
            "[rules.lost-objects]\nmax-lost = 1\nmax-new-false = 1",
            "max-new-false: there is no probe to count new false boxes on",
        ),
        ("[rules.shortcut]\nmax = 1", "[rules.shortcut] max: no value is over 1, so it could"),
        ("[rules.shortcut]\nproperties = ['site']", "properties: cannot tell sites: give [data"),
        (
            "[rules.class-names]\nbetween = ['train', 'val']\nsplits = ['val']",
            "[rules.class-names] splits: only applies without between, which names the splits",
        ),
        (
            "[probes.calm]\nannotations = 'calm.json'\nimages = 'images'\n"
            "[rules.operating-point]\nmin-recall = 0.9",
            "[rules.operating-point]: probe 'calm' has no budget; give max-boxes, max-images,",
        ),
        (
            "[dataset]\nframe-pattern = '(?P<clip>a)_(?P<frame>1)'\nfps = 5\n"
            "[rules.alarm-delay.classes.helmet]",
            "[rules.alarm-delay.classes.helmet]: sets no limit, so it could never fail",
        ),
        ("[rules]\nshortcut = []", "[rules] shortcut: an empty list of tables sets no rule"),
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, table: str, expected: str) -> None:
    further = "" if "rules" in table else RULE

    assert expected in message(tmp_path, f"{SPLITS}{table}\n{further}")


def test_unknown_class_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "val.json", coco_content({"a.jpg": []}, ["helmet_off_head", "person"]))

    result = message(
        tmp_path,
        SPLITS + "[rules.class-ap]\nmin = 0.5\n[rules.class-ap.classes]\nhelmet_of_head = 0.9",
    )

    assert result == (
        "detgate.toml:11: [rules.class-ap.classes] helmet_of_head: no class 'helmet_of_head'; "
        "did you mean 'helmet_off_head'? (there is: helmet_off_head, person)"
    )


def test_second_rule_with_one_code_names_both(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text(
        "from pytest_detgate import SplitRule\n"
        "class Mine(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'empty-gt-share'\n"
    )

    result = message(tmp_path, "plugins = ['twice']\n" + SPLITS + RULE)

    assert "two rules have the code 'empty-gt-share'" in result
    assert "pytest_detgate.checks.empty_gt_share.EmptyGtShare" in result
    assert "twice.Mine" in result


WITH_THRESHOLD = [
    code for code, kind in rule_classes().items() if "score_threshold" in kind.__struct_fields__
]


def test_rules_on_an_operating_point() -> None:
    assert {"probe-fp", "fp-regression", "recall", "absent-class-boxes"} <= set(WITH_THRESHOLD)


@pytest.mark.parametrize("table", ["model", *(f"rules.{code}" for code in WITH_THRESHOLD)])
def test_a_threshold_that_no_score_exceeds_is_refused(table: str, tmp_path: Path) -> None:
    """A box counts when score > threshold, and no score is above 1."""
    for value in ("1", "1.0"):
        text = f"{SPLITS}[{table}]\nscore-threshold = {value}\n"
        (tmp_path / "detgate.toml").write_text(text + RULE, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            bind_rules(Project(load_configuration(tmp_path / "detgate.toml"), tmp_path))
        result = " ".join(str(caught.value).split())
        assert "score-threshold: expected a number ≥ 0 and < 1" in result


def test_a_probe_has_no_such_threshold_either(tmp_path: Path) -> None:
    text = (
        f'{SPLITS}[probes.calm]\nimages = "calm"\n[rules.probe-fp]\nmax-boxes = 0\n'
        "[rules.probe-fp.probes.calm]\nscore-threshold = "
    )
    assert "[rules.probe-fp" in message(tmp_path, f"{text}1\n")
    (tmp_path / "detgate.toml").write_text(f"{text}0.99\n", encoding="utf-8")
    assert bind_rules(Project(load_configuration(tmp_path / "detgate.toml"), tmp_path))


def test_of_very_many_names_the_nearest_are_listed() -> None:
    text = unknown("item", "recal[3]", [f"recall[{number}]" for number in range(61)])

    assert text.startswith("no item 'recal[3]'; did you mean 'recall[3]'? (there is: recall[3], ")
    assert text.endswith(", and 51 more)")


def test_a_missing_file_may_mean_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").touch()

    assert nearest_file(tmp_path / "data.yml") == "; did you mean 'data.yaml'?"
    assert nearest_file(tmp_path / "train.json") == ""
    assert nearest_file(tmp_path / "missing" / "data.yml") == ""
