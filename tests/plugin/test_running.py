"""Options, collection, node ids, markers, exit codes: what a user types and what comes back."""

from __future__ import annotations

import hashlib
import json
import sys
import xml.etree.ElementTree as ElementTree
from datetime import date, timedelta
from typing import Any

import pytest

from tests.content import result_rows
from tests.plugin.conftest import CONFIG, IDS, GateProject


def test_result_files_pass(project: GateProject) -> None:
    result = project.gate()

    assert result.ret == 0
    result.assert_outcomes(passed=5)
    assert set(project.verdicts().values()) == {"passed"}
    assert project.report["verdict"] == "passed"
    content = (project.pytester.path / "found/val.json").read_bytes()
    record = project.report["predictions"]["val"]
    assert len(record.pop("detections_sha256")) == 64
    assert record == {
        "path": "found/val.json",
        "sha256": hashlib.sha256(content).hexdigest(),
        "detections": len(json.loads(content)),
        "notes": [
            "found/val.json is a bare list: images without rows count as images without "
            "detections (1 of 3)"
        ],
    }
    result.stdout.fnmatch_lines(
        ["found/val.json is a bare list: images without rows count as images without", "*(1 of 3)"]
    )


def test_one_false_box_too_many_blocks(project: GateProject) -> None:
    detection = ("helmet_off", 0.8, 10, 10, 40, 40)
    frames: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}
    project.write(
        "found/youtube.json",
        result_rows(frames, {"tube_1.jpg": [detection], "tube_2.jpg": [detection]}),
    )

    result = project.gate()

    assert result.ret == 1
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ probe-fp?youtube? _*",
            "2 false boxes on 2 of 2 frames, budget 1*",
            "*boxes 2, at most 1   <- over the limit",
            "*- youtube/tube_1.jpg: helmet_off 0.80",
            "*What to try: *",
            "*= detgate: BLOCKED =*",
            "passed *mean-ap *",
            "1 failed, 4 passed; page: detgate-report/index.html",
            "FAILED detgate.toml::probe-fp?youtube? - 2 false boxes on 2 of 2 frames*",
        ]
    )
    rule = next(rule for rule in project.report["rules"] if rule["code"] == "probe-fp")
    assert rule["verdict"] == "failed"
    assert rule["findings_total"] == 2
    boxes = next(entry for entry in rule["measurements"] if entry["name"] == "boxes")
    interval = boxes.pop("interval")
    # One clip fires on both frames: the lower bound of its share is 0.05, of 2. The upper bound
    # is that of one event, 4.7439, that weighs 2.
    assert (interval["low"], interval["high"]) == pytest.approx((0.1, 2 * 4.7439), abs=1e-4)
    method = "exact over 1 clip, one more unlike them"
    assert (interval["confidence"], interval["method"]) == (0.95, method)
    assert boxes == {
        "name": "boxes",
        "value": 2,
        "limit": 1,
        "relation": "<=",
        "passed": False,
        "bound": "point",
    }
    assert rule["findings"][0]["image"] == "tube_1.jpg"
    assert rule["findings"][0]["box"] == [10, 10, 40, 40]


def test_no_line_is_wider_than_80_columns(
    project: GateProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal: where pytest knows that it runs in CI, it leaves its own lines uncut."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))

    result = project.gate()

    ours = [line for line in result.outlines if not line.startswith(("rootdir", "plugins"))]
    wide = [line for line in ours if len(line) > 80]
    assert not wide


@pytest.mark.parametrize("workers", [(), ("-n", "2"), ("-n", "0"), ("-p", "no:xdist")])
def test_node_ids_and_record_are_the_same_with_and_without_xdist(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    result = project.gate("-v", *workers)

    assert result.ret == 0
    for node_id in IDS:
        assert any(node_id in line and "PASSED" in line for line in result.outlines)
    assert list(project.verdicts()) == [node_id.split("::")[1] for node_id in IDS]
    report = project.report
    assert report["dataset"]["splits"]["train"]["empty"] == 1
    assert report["dataset"]["probes"]["youtube"]["images"] == 2
    assert report["scores"]["val"]["AP"] == 1
    assert set(report["predictions"]) == {"val", "youtube"}


def test_collect_only_lists_and_writes_nothing(project: GateProject) -> None:
    result = project.gate("--collect-only", "-q")

    assert result.ret == 0
    assert [line for line in result.outlines if "::" in line] == IDS
    assert not (project.pytester.path / "detgate-report").exists()


@pytest.mark.parametrize(
    ("arguments", "predictions", "expected"),
    [
        (("-k", "probe"), (0, 1), ["probe-fp[youtube]"]),
        (
            ("-m", "detgate_data", "detgate.toml"),
            (),
            ["empty-gt-share[train]", "clip-overlap[train-val]"],
        ),
        (("-m", "detgate and not detgate_data"), (0, 1), [i.split("::")[1] for i in IDS[2:]]),
        (("detgate.toml::class-ap[helmet_off]",), (0,), ["class-ap[helmet_off]"]),
    ],
)
def test_selection(
    project: GateProject,
    arguments: tuple[str, ...],
    predictions: tuple[int, ...],
    expected: list[str],
) -> None:
    given = [project.arguments[index] for index in predictions]
    result = project.gate(*given, *arguments, with_predictions=False)

    assert result.ret == 0
    assert list(project.verdicts()) == expected


def test_last_failed_runs_only_what_failed(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))

    assert project.gate().ret == 1
    result = project.gate("--lf")

    result.assert_outcomes(failed=1)
    assert list(project.verdicts()) == ["probe-fp[youtube]"]


def test_stopping_early_leaves_no_rule_out_of_the_record(
    project: GateProject,
) -> None:
    """Stopping at the first failure leaves no rule out of the record."""
    project.write("detgate.toml", CONFIG.replace("min = 0.25", "min = 0.75"))

    result = project.gate("-x")

    assert result.ret == 1
    verdicts = project.verdicts()
    assert len(verdicts) == 5
    assert verdicts["empty-gt-share[train]"] == "failed"
    assert verdicts["mean-ap"] == "not-evaluated"


def test_junit_xml_holds_one_case_an_item(project: GateProject) -> None:
    project.gate("--junitxml=junit.xml")

    cases = ElementTree.parse(project.pytester.path / "junit.xml").iter("testcase")
    assert [case.get("name") for case in cases] == [i.split("::")[1] for i in IDS]


@pytest.mark.parametrize("without", ["no:cacheprovider", "no:terminal", "no:junitxml"])
def test_works_without_other_plugins(project: GateProject, without: str) -> None:
    assert project.gate("-p", without).ret == 0
    assert project.report["verdict"] == "passed"


def test_plugin_can_be_switched_off(project: GateProject) -> None:
    project.pytester.makepyfile("def test_nothing(): pass")

    result = project.gate("-p", "no:detgate", with_predictions=False)

    result.assert_outcomes(passed=1)


def test_a_plain_run_does_not_gate(project: GateProject) -> None:
    project.pytester.makepyfile("def test_nothing(): pass")

    result = project.gate(with_predictions=False)

    result.assert_outcomes(passed=1)
    assert not (project.pytester.path / "detgate-report").exists()


def test_ini_option_switches_the_gate_on(project: GateProject) -> None:
    project.pytester.makeini("[pytest]\ndetgate = true\n")

    result = project.gate("-m", "detgate_data", with_predictions=False)

    result.assert_outcomes(passed=2, deselected=3)


def test_data_rules_by_file_name_need_no_model(project: GateProject) -> None:
    result = project.gate("detgate.toml", "-m", "detgate_data", with_predictions=False)

    assert result.ret == 0
    result.assert_outcomes(passed=2, deselected=3)


def test_testpaths_of_the_project_are_kept(project: GateProject) -> None:
    project.pytester.makeini("[pytest]\ntestpaths = tests\n")
    project.write("tests/test_own.py", "def test_own(): pass\n")

    project.gate().assert_outcomes(passed=6)
    project.gate("tests").assert_outcomes(passed=6)
    project.gate(".").assert_outcomes(passed=6)
    project.pytester.makeini("[pytest]\n")
    project.gate().assert_outcomes(passed=6)


def test_paths_are_relative_to_where_pytest_was_started(project: GateProject) -> None:
    (project.pytester.path / "sub").mkdir()

    result = project.pytester.run(
        "sh",
        "-c",
        f"cd sub && {sys.executable} -m pytest --detgate-predictions val=../found/val.json "
        "--detgate-report ../out -k mean",
    )

    assert result.ret == 0
    assert (project.pytester.path / "out" / "index.html").exists()


def test_other_config_file(project: GateProject) -> None:
    project.write("gates/strict.toml", CONFIG.replace('"data/', '"../data/'))

    result = project.gate("--detgate-config=gates/strict.toml", "-v")

    assert result.ret == 0
    assert any("gates/strict.toml::mean-ap PASSED" in line for line in result.outlines)
    assert project.report["config"]["path"] == "gates/strict.toml"


def test_severity_warning_is_shown_and_does_not_fail(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.replace("min = 0.25", 'min = 0.75\nseverity = "warning"'))

    result = project.gate()

    assert result.ret == 0
    assert project.verdicts()["empty-gt-share[train]"] == "warned"
    result.stdout.fnmatch_lines(["warned *empty-gt-share?train? *share 0.5 < 0.75"])


@pytest.mark.parametrize(
    ("until", "code", "verdict"),
    [(str(date.today() + timedelta(days=300)), 0, "waived"), ("2020-01-01", 1, "failed")],
)
def test_waiver_holds_until_its_day(
    project: GateProject, until: str, code: int, verdict: str
) -> None:
    project.write(
        "detgate.toml",
        CONFIG.replace("min = 0.25", "min = 0.75")
        + '[[waivers]]\nitem = "empty-gt-share[train]"\nreason = "new site"\nowner = "Ada"\n'
        f"until = {until}\n",
    )

    assert project.gate().ret == code
    assert project.verdicts()["empty-gt-share[train]"] == verdict
    assert "new site (Ada, until" in project.report["rules"][0]["waiver"]


def test_rules_are_listed(project: GateProject) -> None:
    result = project.gate("--detgate-rules", with_predictions=False)

    assert result.ret == 0
    for code in ("empty-gt-share", "clip-overlap", "probe-fp", "class-ap", "mean-ap"):
        result.stdout.fnmatch_lines([f"{code}  (*)"])
    assert all(len(line) <= 80 for line in result.outlines)


def test_unrelated_run_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    """The plugin is installed, and yet costs an unrelated run neither NumPy nor torch."""
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            heavy = {"numpy", "scipy", "torch", "msgspec", "hotcoco", "PIL", "jinja2", "matplotlib"}
            layers = ("config", "dataset", "inputs", "record", "report", "rules", "scoring")
            ours = {"pytest_detgate." + layer for layer in layers}
            assert "pytest_detgate.plugin.hooks" in sys.modules
            assert not (heavy | ours) & set(sys.modules)
        """
    )

    # In a fresh process, where nothing is imported before.
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_findings_that_json_cannot_say_reach_the_record(project: GateProject) -> None:
    """A box that is not finite, and a file name that is not valid UTF-8, through a worker."""
    project.write(
        "own_rules.py",
        "import math\n"
        "from pytest_detgate.findings import Finding, Measurement\n"
        "from pytest_detgate import Outcome, SplitRule\n"
        "class Odd(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'odd'\n"
        "    def check(self, target, inputs):\n"
        "        box = (0.0, 0.0, math.nan, math.inf)\n"
        "        found = Finding(text='bad box', image='caf\\udce9.jpg', box=box)\n"
        "        held = Measurement.at_most('count', 1, 0)\n"
        "        return Outcome(message='', measurements=[held], findings=[found])\n",
    )
    project.write(
        "detgate.toml",
        'plugins = ["own_rules"]\n' + CONFIG + '[rules.odd]\nsplits = ["train"]\n',
    )

    result = project.gate("-n", "2")

    assert result.ret == 1
    rule = project.report["rules"][-1]
    assert rule["verdict"] == "failed"
    assert rule["findings"] == [{"text": "bad box", "image": "caf?.jpg"}]


def test_splits_that_different_workers_read_are_compared(project: GateProject) -> None:
    """Each of two items reads one split, each in another worker; the charts hold both splits."""
    config = CONFIG.split("[rules.")[0] + "[rules.empty-gt-share]\nmin = 0.0\n"
    project.write("detgate.toml", config)

    alone = project.gate("detgate.toml", "-p", "no:xdist", with_predictions=False)
    assert alone.ret == 0
    expected = project.report["dataset"]["charts"]
    spread = project.gate("detgate.toml", "-v", "-n", "2", with_predictions=False)

    workers = [line.split()[0] for line in spread.outlines if line.startswith("[gw")]
    assert len(set(workers)) == 2
    charts = project.report["dataset"]["charts"]
    assert [chart["title"] for chart in charts] == [
        "Boxes by class",
        "Box sizes",
        "Boxes per image",
    ]
    # One of two frames of train has a box, two of three of val, all of 40 × 40 px: see `project`.
    assert charts[0]["counts"] == {"train": [1], "val": [2]}
    assert list(charts[0]["counts"]) == ["train", "val"]
    between_32_and_48 = charts[1]["edges"].index(32)
    assert {name: sizes[between_32_and_48] for name, sizes in charts[1]["counts"].items()} == {
        "train": 1,
        "val": 2,
    }
    assert {name: counts[:2] for name, counts in charts[2]["counts"].items()} == {
        "train": [1, 1],
        "val": [1, 2],
    }
    assert charts == expected
    assert list(project.report["dataset"]["splits"]["train"]) == [
        *("annotations", "images_dir", "sha256", "images", "boxes", "empty"),
        *("images_sha256", "detections_sha256", "notes"),
    ]
