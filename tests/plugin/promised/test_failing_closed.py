"""The gate never says yes without having looked."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

import pytest

from pytest_detgate.testing import coco_content
from tests.plugin.conftest import CONFIG, GateProject


def not_evaluated(project: GateProject) -> dict[str, str]:
    """Reasons of the items that could not be evaluated, by item."""
    return {
        rule["id"]: rule["message"]
        for rule in project.report["rules"]
        if rule["verdict"] == "not-evaluated"
    }


def test_no_model_and_no_result_file(project: GateProject) -> None:
    result = project.gate("detgate.toml", with_predictions=False)

    assert result.ret == 1
    reasons = not_evaluated(project)
    assert set(reasons) == {"probe-fp[youtube]", "mean-ap", "class-ap[helmet_off]"}
    assert "--detgate-ckpt" in reasons["mean-ap"]
    assert "Traceback" not in result.stdout.str()


def test_missing_checkpoint(project: GateProject) -> None:
    result = project.gate("--detgate-ckpt=gone.pth", with_predictions=False)

    assert result.ret == 1
    assert "gone.pth" in not_evaluated(project)["mean-ap"]
    assert "Traceback" not in result.stdout.str()


def test_result_file_of_one_data_set_only(project: GateProject) -> None:
    result = project.gate("--detgate-predictions=val=found/val.json", with_predictions=False)

    assert result.ret == 1
    assert not_evaluated(project) == {
        "probe-fp[youtube]": "there is no result file of youtube; "
        "add --detgate-predictions youtube=FILE"
    }


def test_empty_split(project: GateProject) -> None:
    project.write("data/train.json", coco_content({}))

    assert project.gate().ret == 1
    reason = "train has no images (data/train.json)"
    assert not_evaluated(project) == {
        "empty-gt-share[train]": reason,
        "clip-overlap[train-val]": reason,
    }


def test_missing_annotation_file(project: GateProject) -> None:
    (project.pytester.path / "data/val.json").unlink()

    result = project.gate()

    assert result.ret == 1
    reasons = not_evaluated(project)
    assert set(reasons) == {"clip-overlap[train-val]", "mean-ap", "class-ap"}
    assert all("val.json: no such file" in reason for reason in reasons.values())


def test_annotation_file_that_was_cut_off(project: GateProject) -> None:
    path = project.pytester.path / "data/train.json"
    path.write_bytes(path.read_bytes()[:60])

    assert project.gate().ret == 1
    assert "cut off at line 1, column 61" in not_evaluated(project)["empty-gt-share[train]"]


def test_probe_without_images(project: GateProject) -> None:
    (project.pytester.path / "probes/youtube").mkdir(parents=True)
    project.write("detgate.toml", CONFIG.replace('annotations = "data/youtube.json"\n', ""))

    assert project.gate().ret == 1
    assert not_evaluated(project) == {"probe-fp[youtube]": "youtube has no images (probes/youtube)"}


def test_class_without_ground_truth(project: GateProject) -> None:
    box = ("helmet_off", 10, 10, 40, 40)
    images = {"roof_1.jpg": [box], "roof_2.jpg": [box], "roof_3.jpg": []}
    project.write("data/val.json", coco_content(images, ["helmet_off", "no_vest"]))

    assert project.gate().ret == 1
    assert not_evaluated(project) == {
        "class-ap[no_vest]": "class 'no_vest' has no ground truth in val, so its AP is not "
        "defined; `classes` under [dataset] lists the classes that count"
    }


def without_detections(project: GateProject) -> None:
    """A detector that looked at every image of the split and found nothing."""
    path = project.pytester.path / "data/val.json"
    project.write("found/val.json", {**json.loads(path.read_text()), "annotations": []})


def test_no_detections_at_all(project: GateProject) -> None:
    without_detections(project)

    assert project.gate().ret == 1
    nothing = "the detector finds nothing, at any score, on the 2 images of val with ground truth"
    assert not_evaluated(project) == {
        "mean-ap": nothing,
        "class-ap[helmet_off]": nothing,
        "probe-fp[youtube]": f"{nothing}, so it proves nothing on youtube",
    }


def test_no_ground_truth_at_all(project: GateProject) -> None:
    project.write("data/val.json", coco_content({"roof_1.jpg": [], "roof_2.jpg": []}))
    without_detections(project)

    assert project.gate().ret == 1
    assert "nothing shows that it finds anything" in not_evaluated(project)["mean-ap"]


def test_image_id_of_two_images(project: GateProject) -> None:
    content = coco_content({"yard_1.jpg": [], "yard_2.jpg": []})
    content["images"][1]["id"] = 1
    project.write("data/train.json", content)

    assert project.gate().ret == 1
    assert "is used for several images" in not_evaluated(project)["empty-gt-share[train]"]


def test_boxes_that_are_not_finite(project: GateProject) -> None:
    path = project.pytester.path / "data/val.json"
    path.write_text(path.read_text().replace('"bbox": [10', '"bbox": [Infinity', 1))

    assert project.gate().ret == 1
    assert "is not finite" in not_evaluated(project)["mean-ap"]


MODEL_RULES = """
[rules.recall]
min = 0.1
[rules.size-ap]
medium = 0.1
[rules.slice-ap]
by = "width"
min = 0.1
[rules.error-budget]
background = 0.5
[rules.calibration]
max = 0.9
[rules.absent-class-boxes]
[rules.operating-point]
max-boxes = 9
min-recall = 0.1
[rules.ap-regression]
max-drop = 0.1
[rules.fp-regression]
max-growth = 0.1
[rules.class-names]
splits = ["val"]
"""
ON_VAL = {
    "mean-ap",
    "class-ap[helmet_off]",
    "recall[helmet_off]",
    "size-ap[medium]",
    "slice-ap[width=100]",
    "error-budget[background]",
    "calibration",
    "absent-class-boxes[val]",
    "operating-point",
}


def with_model_rules(project: GateProject) -> None:
    """Add every rule that result files can answer."""
    path = project.pytester.path / "detgate.toml"
    path.write_text(path.read_text() + MODEL_RULES)


def edit(project: GateProject, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first detection of a result file."""
    path = project.pytester.path / name
    result = json.loads(path.read_text())
    change(result[0])
    path.write_text(json.dumps(result))


def test_every_model_rule_is_evaluated_on_good_files(project: GateProject) -> None:
    with_model_rules(project)
    project.gate()

    # Without a baseline there is nothing to compare with, and plain lists carry no class names.
    compared = {"ap-regression", "fp-regression[youtube]"}
    reasons = not_evaluated(project)
    assert set(reasons) == compared | {"class-names[val]"}
    assert all("--detgate-baseline" in reasons[item] for item in compared)
    assert "carries no class names" in reasons["class-names[val]"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda entry: entry.update(score=math.nan), "score nan is not finite"),
        (lambda detections: detections.update(score=1.5), "score 1.5 is not between 0 and 1"),
        (lambda results: results.update(score=-0.1), "score -0.1 is not between 0 and 1"),
        (
            lambda result: result.update(score=1.0000001),
            "score 1.0000001 is not between 0 and 1; they look like rounding errors",
        ),
        (lambda result: result.update(category_id=7), "category_id 7 is not a category of val"),
        (lambda expected: expected.update(image_id=99), "image_id 99 is not an image of val"),
    ],
    ids=[
        "NaN score",
        "score over 1",
        "score below 0",
        "rounding",
        "unknown class",
        "unknown image",
    ],
)
def test_detections_that_mean_nothing(
    project: GateProject, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    with_model_rules(project)
    edit(project, "found/val.json", change)

    assert project.gate().ret == 1
    reasons = not_evaluated(project)
    assert set(reasons) >= ON_VAL
    assert all(reason in reasons[item] for item in ON_VAL)


def test_unknown_class_in_named_results(project: GateProject) -> None:
    path = project.pytester.path / "found/val.json"
    content = json.loads((project.pytester.path / "data/val.json").read_text())
    categories = [{"id": 1, "name": "helmet_of"}]
    result = json.loads(path.read_text())
    project.write(
        "found/val.json",
        {"images": content["images"], "categories": categories, "annotations": result},
    )
    with_model_rules(project)

    assert project.gate().ret == 1
    assert "'helmet_of' is not a class of val; did you mean" in not_evaluated(project)["mean-ap"]
    assert project.verdicts()["class-names[val]"] == "failed"


def test_no_detections_at_all_on_any_model_rule(project: GateProject) -> None:
    with_model_rules(project)
    without_detections(project)

    assert project.gate().ret == 1
    reasons = not_evaluated(project)
    assert set(reasons) >= ON_VAL
    assert all("finds nothing, at any score, on the 2 images" in reasons[item] for item in ON_VAL)


def test_baseline_that_cannot_be_paired(project: GateProject) -> None:
    """The baseline's report is of other annotations."""
    with_model_rules(project)
    project.gate()
    (project.pytester.path / "detgate-report/report.json").rename(
        project.pytester.path / "old.json"
    )
    box = ("helmet_off", 10, 10, 41, 40)
    images = {"roof_1.jpg": [box], "roof_2.jpg": [box], "roof_3.jpg": []}
    project.write("data/val.json", coco_content(images))

    edit(project, "found/val.json", lambda entry: entry.update(score=0.7))

    assert project.gate("--detgate-baseline=old.json").ret == 1
    assert "the annotations of val are not those" in not_evaluated(project)["ap-regression"]


def test_rule_that_crashes(project: GateProject) -> None:
    project.write(
        "own_rules.py",
        "from pytest_detgate import SplitRule\n"
        "class Crash(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'crash'\n"
        "    def check(self, target, inputs):\n"
        "        return 1 / 0\n",
    )
    project.write("detgate.toml", 'plugins = ["own_rules"]\n' + CONFIG + "[rules.crash]\n")

    result = project.gate()

    assert result.ret == 1
    reason = not_evaluated(project)["crash[train]"]
    assert "the rule crashed: ZeroDivisionError" in reason
    assert "own_rules.py:5" in reason


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "np.float64('nan')"])
def test_rule_that_measures_no_number(project: GateProject, value: str) -> None:
    project.write(
        "own_rules.py",
        "import numpy as np\n"
        "from pytest_detgate.findings import Measurement\n"
        "from pytest_detgate import Outcome, SplitRule\n"
        "class Odd(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'odd'\n"
        "    def check(self, target, inputs):\n"
        f"        held = Measurement.at_most('oddness', {value}, 3)\n"
        "        return Outcome(message='', measurements=[held])\n",
    )
    project.write("detgate.toml", 'plugins = ["own_rules"]\n' + CONFIG + "[rules.odd]\n")

    assert project.gate().ret == 1
    assert "oddness could not be computed" in not_evaluated(project)["odd[train]"]


NUMPY_RULES = """
import numpy as np
from pytest_detgate.evidence import Evidence, LineChart, Panel, Series
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.rules.rule import Outcome, Target, Rule

ONE = np.float64(1)

class Odd(Rule, frozen=True, kw_only=True):
    code = "odd"
    def targets(self, project):
        for label in PARTS:
            yield Target(label=label, datasets=("train",))
    def check(self, target, inputs):
        held = Measurement.at_most("oddness", np.int64(1), np.float32(3))
        finding = Finding(text=np.str_("here"), image="yard_1.jpg", box=(ONE, ONE, ONE, ONE))
        return Outcome(message=np.str_("fine"), measurements=[held], **PARTS[target.label](finding))

def chart(values):
    series = [Series(name="a", x=[0, ONE], y=values)]
    panels = [Panel(label="y", series=series)]
    return Evidence(charts=[LineChart(title="t", about="a", label="x", panels=panels)])

PARTS = {
    "scalars": lambda finding: {
        "findings": iter([finding]),
        "findings_total": np.count_nonzero([ONE]),
        "tables": {"t": Table(columns=["a"], rows=[np.array([1, 2])])},
        "evidence": chart(np.array([0.5, 1])),
    },
    "nan": lambda finding: {"evidence": chart([0.5, np.nan])},
    "infinity": lambda finding: {"tables": {"t": Table(columns=["a"], rows=[[np.inf]])}},
    "object": lambda finding: {"tables": {"t": Table(columns=["a"], rows=[[object()]])}},
    "total": lambda finding: {"findings_total": "many"},
    "finding": lambda finding: {"findings": [Finding(text=7)]},
    "huge": lambda finding: {"findings_total": 10**5000},
}
"""


def test_outcome_is_written_in_plain_types_or_not_evaluated(project: GateProject) -> None:
    project.write("own_rules.py", NUMPY_RULES)
    project.write("detgate.toml", 'plugins = ["own_rules"]\n' + CONFIG + "[rules.odd]\n")

    result = project.gate()

    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    (plain,) = [rule for rule in project.report["rules"] if rule["id"] == "odd[scalars]"]
    assert (plain["verdict"], plain["message"]) == ("passed", "fine")
    assert plain["measurements"][0]["value"] == 1
    assert plain["measurements"][0]["limit"] == 3
    assert plain["findings_total"] == 1
    assert plain["findings"] == [
        {"text": "here", "image": "yard_1.jpg", "box": [1.0, 1.0, 1.0, 1.0]}
    ]
    assert plain["tables"]["t"]["rows"] == [[1, 2]]
    assert plain["evidence"]["charts"][0]["panels"][0]["series"][0]["y"] == [0.5, 1.0]
    odd = "the rule's outcome cannot be written: "
    series = "evidence.charts[0].panels[0].series[0].y[1]"
    assert not_evaluated(project) == {
        "odd[nan]": f"{odd}{series} is nan",
        "odd[infinity]": f"{odd}tables.t.rows[0][0] is inf",
        "odd[object]": f"{odd}object is neither a number nor text",
        "odd[total]": f"{odd}Expected `int | null`, got `str` - at `$.findings_total`",
        "odd[finding]": f"{odd}Expected `str`, got `int` - at `$.text`",
        "odd[huge]": f"{odd}findings_total is a number of more than 64 bits",
    }


def test_figures_that_crash_fail_their_item_and_no_other(project: GateProject) -> None:
    project.pytester.makeconftest(
        """
        import pytest_detgate.run_record.score_record as scores

        def crash(*arguments):
            raise KeyError("a mistake of ours")

        scores.score_record = crash
        """
    )

    assert project.gate().ret == 1
    verdicts = project.verdicts()
    assert verdicts["empty-gt-share[train]"] == "passed"
    reason = "the metrics for the report crashed: KeyError: 'a mistake of ours'"
    assert not_evaluated(project)["mean-ap"] == reason


def test_numpy_values_are_written_and_nan_not_evaluated(
    project: GateProject,
) -> None:
    """Figures of NumPy are written and NaN among them is not evaluated."""
    project.pytester.makeconftest(
        """
        import msgspec
        import numpy as np
        import pytest_detgate.run_record.score_record as scores
        make_record = scores.score_record

        def odd(*arguments):
            record = make_record(*arguments)
            return msgspec.structs.replace(record, AR1=np.float64("nan"), AR10=np.float64(0.5))

        scores.score_record = odd
        """
    )

    assert project.gate().ret == 1
    verdicts = project.verdicts()
    assert verdicts["empty-gt-share[train]"] == "passed"
    reason = "the metrics for the report cannot be written: scores.val.AR1 is nan"
    assert not_evaluated(project)["mean-ap"] == reason


def test_rule_that_holds_nothing_against_a_limit(project: GateProject) -> None:
    project.write(
        "own_rules.py",
        "from pytest_detgate import Outcome, SplitRule\n"
        "class Idle(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'idle'\n"
        "    def check(self, target, inputs):\n"
        "        return Outcome(message='fine', measurements=[])\n",
    )
    project.write("detgate.toml", 'plugins = ["own_rules"]\n' + CONFIG + "[rules.idle]\n")

    assert project.gate().ret == 1
    assert "compared no value with a limit" in not_evaluated(project)["idle[train]"]


OWN_RULE = """
import sys
from pytest_detgate import SplitRule

class OddError(Exception):
    def __str__(self):
        raise ValueError("no text")

class Odd(SplitRule, frozen=True, kw_only=True):
    code = "odd"
    def {name}:
        {body}
"""


@pytest.mark.parametrize("body", ["sys.exit(0)", "raise OddError", "raise KeyboardInterrupt"])
def test_rule_that_ends_in_an_odd_way(project: GateProject, body: str) -> None:
    text = OWN_RULE.replace("{name}", "check(self, target, inputs)").replace("{body}", body)
    project.write("own_rules.py", text)
    config = 'plugins = ["own_rules"]\n' + CONFIG + '[rules.odd]\nsplits = ["train"]\n'
    project.write("detgate.toml", config)

    result = project.gate()

    assert result.ret in (1, 2)
    assert project.verdicts()["odd[train]"] == "not-evaluated"
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN_RULE.replace("{name}", "targets(self, project)").replace("{body}", "return 1 / 0"),
         "the rule crashed before it ran: ZeroDivisionError: division by zero (*own_rules.py:12)"),
        (OWN_RULE.replace("{name}", "validate(self, project)").replace("{body}", "return 1 / 0"),
         "the rule crashed before it ran: ZeroDivisionError: division by zero (*own_rules.py:12)"),
        ("import sys\nsys.exit(0)\n", "the module 'own_rules' cannot be imported: SystemExit: 0"),
        ("def (\n", "the module 'own_rules' cannot be imported: SyntaxError: *"),
        ("1 / 0\n", "the module 'own_rules' cannot be imported: ZeroDivisionError: *"),
    ],
)  # fmt: skip
def test_rule_that_cannot_be_set_up_is_one_message(
    project: GateProject, text: str, message: str
) -> None:
    project.write("own_rules.py", text)
    config = 'plugins = ["own_rules"]\n' + CONFIG + '[rules.odd]\nsplits = ["train"]\n'
    project.write("detgate.toml", config)

    result = project.gate_here()

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: *{message}"])
    assert "Traceback" not in result.stderr.str()


def test_worker_that_dies(project: GateProject) -> None:
    project.write(
        "own_rules.py",
        "import os\n"
        "from pytest_detgate import SplitRule\n"
        "class Deadly(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'deadly'\n"
        "    def check(self, target, inputs):\n"
        "        os._exit(9)\n",
    )
    project.write(
        "detgate.toml",
        'plugins = ["own_rules"]\n' + CONFIG + '[rules.deadly]\nsplits = ["train"]\n',
    )

    result = project.gate("-n", "2")

    assert result.ret == 1
    verdicts = project.verdicts()
    assert len(verdicts) == 6
    assert verdicts["deadly[train]"] == "not-evaluated"
    assert "crashed" in not_evaluated(project)["deadly[train]"]
    assert verdicts["mean-ap"] == "passed"


def test_worker_of_xdist_under_another_name(
    project: GateProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the loading of all plugins, pytest-xdist has the name that it is loaded by."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    test = "import os\ndef test_own(detgate_record):\n    os._exit(9)\n"
    project.write("test_own.py", test)

    result = project.gate("-p", "detgate", "-p", "xdist.plugin", "-n", "2", "test_own.py")

    assert result.ret == 1
    assert project.report["verdict"] == "failed"
    assert project.verdicts()["test_own.py::test_own"] == "not-evaluated"


def test_warning_that_cannot_be_evaluated_still_fails(project: GateProject) -> None:
    project.write("data/train.json", coco_content({}))
    project.write("detgate.toml", CONFIG.replace("min = 0.25", 'min = 0.25\nseverity = "warning"'))

    assert project.gate("detgate.toml", "-k", "empty", with_predictions=False).ret == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_report_folder_that_cannot_be_written(project: GateProject) -> None:
    folder = project.pytester.path / "locked"
    folder.mkdir(mode=0o500)

    assert project.gate("--detgate-report=locked/report").ret == 3


def test_report_path_that_is_a_file(project: GateProject) -> None:
    project.write("taken", "x")

    result = project.gate("--detgate-report=taken")

    assert result.ret == 3
    result.stdout.fnmatch_lines(["detgate: the report could not be written to *taken*"])


def test_internal_error_in_a_worker_is_no_pass(project: GateProject) -> None:
    """pytest-xdist reports it, and ends with OK."""
    project.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_makereport(item, call):
            if item.name == "mean-ap" and call.when == "call":
                raise RuntimeError("a plugin of the project broke")
        """
    )

    result = project.gate("-n", "2")

    assert result.ret != 0
    assert project.verdicts()["mean-ap"] == "not-evaluated"


def test_gate_that_pytest_passes_over_is_no_pass(project: GateProject) -> None:
    result = project.gate("--ignore=detgate.toml")

    assert result.ret == 4
    assert "detgate.toml was not collected, so nothing would be gated" in result.stderr.str()
