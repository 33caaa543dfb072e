"""The files under `findings/`: all findings, of this run only, also from xdist workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content
from tests.plugin.conftest import CONFIG, GateProject

STRICT = CONFIG.replace("max-boxes = 1", "max-boxes = 0")


def findings(project: GateProject) -> dict[str, Any]:
    """The findings files of the last run by name."""
    folder = project.pytester.path / "detgate-report" / "findings"
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*"))}


def many_empty_images(project: GateProject, count: int) -> None:
    """Let a rule find `count` images."""
    project.write("data/train.json", coco_content({f"yard_{n}.jpg": [] for n in range(count)}))
    project.write("detgate.toml", CONFIG.replace("min = 0.25", "max = 0.25"))


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_false_boxes_can_be_opened(project: GateProject, workers: tuple[str, ...]) -> None:
    project.write("detgate.toml", STRICT)

    result = project.gate(*workers)

    assert result.ret == 1
    files = findings(project)
    assert list(files) == ["probe-fp-youtube.json"]
    file = files["probe-fp-youtube.json"]
    assert file["info"] == {
        "description": "pytest-detgate: findings of probe-fp[youtube] on youtube",
        "contributor": "pytest-detgate",
        "version": project.report["versions"]["pytest-detgate"],
        "date_created": project.report["started"],
        "rule": "probe-fp[youtube]",
        "verdict": "failed",
        "message": "1 false box on 1 of 2 frames, budget 0",
        "annotations": "data/youtube.json",
        "images_dir": "probes/youtube",
        "dataset": "youtube",
        "findings": 1,
        "findings_left_out": 0,
        "annotations_left_out": 0,
    }
    assert [image["file_name"] for image in file["images"]] == ["tube_2.jpg"]
    assert [entry["bbox"] for entry in file["annotations"]] == [[10, 10, 40, 40]]
    rules = {rule["id"]: rule["findings_files"] for rule in project.report["rules"]}
    assert rules.pop("probe-fp[youtube]") == ["findings/probe-fp-youtube.json"]
    assert set(map(tuple, rules.values())) == {()}
    page = (project.pytester.path / "detgate-report/index.html").read_text()
    assert '<a href="findings/probe-fp-youtube.json">' in page
    result.stdout.fnmatch_lines(["findings as COCO files: detgate-report/findings (1 file)"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_files_have_more_findings_than_the_record(
    project: GateProject, workers: tuple[str, ...]
) -> None:
    """Every finding is there though the record has the first 200."""
    many_empty_images(project, 450)

    assert project.gate("detgate.toml", *workers, "-k", "empty", with_predictions=False).ret == 1

    (rule,) = project.report["rules"]
    assert (len(rule["findings"]), rule["findings_total"]) == (200, 450)
    (file,) = findings(project).values()
    assert len(file["images"]) == 450
    assert file["images"][449]["findings"] == ["no annotation"]


def test_two_data_sets_make_two_files(project: GateProject) -> None:
    """Each of them goes with one annotation file and one folder of images."""
    project.write("data/train.json", coco_content({"odd.jpg": [], "yard_1.jpg": []}))
    project.write("data/val.json", coco_content({"roof_1.jpg": [], "strange.jpg": []}))

    project.gate("detgate.toml", "-k", "overlap", with_predictions=False)

    files = findings(project)
    assert {
        name: [image["file_name"] for image in file["images"]] for name, file in files.items()
    } == {
        "clip-overlap-train-val--train.json": ["odd.jpg"],
        "clip-overlap-train-val--val.json": ["strange.jpg"],
    }


def test_only_files_of_earlier_runs_are_removed(
    project: GateProject,
) -> None:
    """Files of earlier runs are removed and those of others are not."""
    project.write("detgate.toml", STRICT)
    project.gate()
    mended = project.pytester.path / "detgate-report/findings/mended.json"
    mended.write_text('{"info": {"description": "pytest-detgate: findings of probe-fp"}}')
    project.write(
        "detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 1\nscore-threshold = 0.9")
    )

    project.gate()

    assert list(findings(project)) == ["mended.json"]


def test_no_findings_make_no_folder(project: GateProject) -> None:
    project.gate(project.arguments[0], "-k", "mean-ap", with_predictions=False)

    assert not (project.pytester.path / "detgate-report" / "findings").exists()


def test_rule_that_could_not_be_evaluated_makes_no_file(project: GateProject) -> None:
    project.write(
        "own_rules.py",
        "from pytest_detgate import Finding, Measurement, Outcome, SplitRule\n"
        "class Half(SplitRule, frozen=True, kw_only=True):\n"
        "    code = 'half'\n"
        "    def check(self, target, inputs):\n"
        "        def findings():\n"
        "            yield Finding(text='seen', image='yard_1.jpg')\n"
        "            raise ValueError('lost the rest')\n"
        "        held = Measurement.at_most('count', 1, 0)\n"
        "        return Outcome(message='', measurements=[held], findings=findings())\n",
    )
    project.write(
        "detgate.toml",
        'plugins = ["own_rules"]\n' + CONFIG + '[rules.half]\nsplits = ["train"]\n',
    )

    assert project.gate("detgate.toml", "-k", "half", with_predictions=False).ret == 1

    assert project.verdicts() == {"half[train]": "not-evaluated"}
    assert findings(project) == {}


def test_hand_written_test_has_its_file_too(project: GateProject) -> None:
    project.pytester.makepyfile(
        test_own="""
        def test_labels(detgate_record):
            detgate_record.finding("twice", dataset="val", image="roof_2.jpg", box=(1, 2, 3, 4))
            detgate_record.at_most("twice", 1, 0)
        """
    )

    project.gate("test_own.py", "-n", "2")

    file = findings(project)["test-own-py-test-labels.json"]
    assert [image["file_name"] for image in file["images"]] == ["roof_2.jpg"]
    names = [category["name"] for category in file["categories"]]
    assert names == ["helmet_off", "detgate: finding"]


def test_page_links_only_files_of_ours(project: GateProject, tmp_path: Path) -> None:
    """A record may come from anybody."""
    from pytest_detgate.record.report_file import read_report
    from pytest_detgate.report.page.page import render_page

    project.write("detgate.toml", STRICT)
    project.gate()
    record = json.loads((project.pytester.path / "detgate-report/report.json").read_text())
    for rule in record["rules"]:
        if rule["findings_files"]:
            rule["findings_files"] = ["javascript:alert(1)", "findings/../../x.json"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(record))

    page = render_page(read_report(path), project.pytester.path)

    assert "javascript" not in page
    assert "x.json" not in page
