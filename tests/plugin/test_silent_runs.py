"""Whole runs on result files of a detector that finds nothing."""

from __future__ import annotations

import pytest

from pytest_detgate.testing import result_content
from tests.plugin.conftest import GateProject
from tests.plugin.records import reasons_in

HAND = """
    def test_no_sure_alarm(detgate_detections, detgate_record):
        found = detgate_detections("youtube")
        detgate_record.at_most("sure", int((found.score > 0.3).sum()), limit=1)
"""


@pytest.fixture
def silent(project: GateProject) -> GateProject:
    """The project, whose detector finds nothing on its probe."""
    project.write("found/youtube.json", result_content({"tube_1.jpg": [], "tube_2.jpg": []}, {}))
    return project


def test_a_quiet_probe_passes_where_the_detector_finds_something(silent: GateProject) -> None:
    assert silent.gate("detgate.toml").ret == 0
    assert silent.verdicts()["probe-fp[youtube]"] == "passed"


def test_a_quiet_probe_alone_does_not(silent: GateProject) -> None:
    result = silent.gate(
        *("detgate.toml", "-k", "probe-fp", "--detgate-predictions=youtube=found/youtube.json"),
        with_predictions=False,
    )

    assert result.ret == 1
    (reason,) = reasons_in(silent.pytester.path)
    assert "nothing shows that it finds anything elsewhere" in reason
    assert "--detgate-predictions val=FILE" in reason


def test_nothing_passes_where_it_finds_nothing_on_ground_truth(
    silent: GateProject,
) -> None:
    names = ["roof_1.jpg", "roof_2.jpg", "roof_3.jpg"]
    silent.write("found/val.json", result_content({name: [] for name in names}, {}))

    assert silent.gate("detgate.toml").ret == 1

    verdicts = silent.verdicts()
    for item in ("probe-fp[youtube]", "mean-ap", "class-ap[helmet_off]"):
        assert verdicts[item] == "not-evaluated"
    assert all(
        "finds nothing, at any score, on the 2 images of val with ground truth" in reason
        for reason in reasons_in(silent.pytester.path)
    )


@pytest.mark.parametrize("with_val", [True, False])
def test_a_test_written_by_hand_gets_no_detections_of_it(
    silent: GateProject, with_val: bool
) -> None:
    silent.pytester.makepyfile(test_own=HAND)
    files = ["--detgate-predictions=youtube=found/youtube.json"]
    files += ["--detgate-predictions=val=found/val.json"] * with_val

    result = silent.gate("test_own.py", *files, with_predictions=False)

    test = next(rule for rule in silent.report["rules"] if rule["code"] == "test_no_sure_alarm")
    if with_val:
        assert (result.ret, test["verdict"]) == (0, "passed")
    else:
        assert (result.ret, test["verdict"]) == (1, "not-evaluated")
        result.stdout.fnmatch_lines(["E*NotLookedAtError: the detector finds nothing, at any*"])
