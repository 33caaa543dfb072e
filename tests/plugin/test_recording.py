"""Tests written by hand that record: their limits hold, and they stand in the record like rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.forked import run_forked
from tests.plugin.conftest import IDS, GateProject

RULES = [node_id.split("::")[1] for node_id in IDS]
BROKEN = """
    def test_stale(detgate_record):
        "No frame is older than its label."
        detgate_record.finding("label is newer", dataset="val", image="roof_2.jpg")
        detgate_record.at_most("stale_frames", 3, limit=0)
        detgate_record.at_least("fresh_frames", 7, limit=5)
        detgate_record.shown("frames", 10)
"""


def own(project: GateProject, code: str, *arguments: str) -> tuple[pytest.RunResult, Any]:
    """Run a test module of the project beside the gate; its result and its part of the record."""
    project.pytester.makepyfile(test_own=code)
    result = project.gate(".", *arguments)
    rules = [rule for rule in project.report["rules"] if rule["id"].startswith("test_own.py::")]
    return result, rules


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_broken_limit_fails_test_and_run(project: GateProject, workers: tuple[str, ...]) -> None:
    result, (rule,) = own(project, BROKEN, *workers)

    assert result.ret == 1
    result.assert_outcomes(passed=5, failed=1)
    assert list(project.verdicts()) == [*RULES, "test_own.py::test_stale"]
    assert rule.pop("duration_s") < 60
    unbounded = {"bound": "point", "interval": None}
    assert rule == {
        "id": "test_own.py::test_stale",
        "code": "test_stale",
        "verdict": "failed",
        "message": "stale_frames 3, at most 0",
        "measurements": [
            {"name": name, "value": value, "limit": limit, "relation": relation, "passed": passed}
            | unbounded
            for name, value, limit, relation, passed in (
                ("stale_frames", 3, 0, "<=", False),
                ("fresh_frames", 7, 5, ">=", True),
                ("frames", 10, None, None, None),
            )
        ],
        "findings": [{"text": "label is newer", "dataset": "val", "image": "roof_2.jpg"}],
        "findings_total": 1,
        "waiver": None,
        "about": "No frame is older than its label.",
        "advice": "",
        "looked_at": None,
        "to_look_at": None,
        "look_unit": None,
        "left_out": [],
        "left_out_allowed": 0,
        "can_block": True,
        "findings_files": ["findings/test-own-py-test-stale.json"],
        "findings_not_written": 0,
        "documents": [],
        "needs": None,
        "fingerprints": [],
        "is_sealed": False,
        "accepted": [],
        "tables": {},
        "evidence": {},
    }
    assert project.report["verdict"] == "failed"
    result.stdout.fnmatch_lines(
        [
            "stale_frames 3, at most 0   <- over the limit",
            "  - val/roof_2.jpg: label is newer",
            "*= detgate: BLOCKED =*",
            "FAILED test_own.py::test_stale - *stale_frames 3, at most 0*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "recording.py" not in result.stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_limit_that_holds_passes(project: GateProject, workers: tuple[str, ...]) -> None:
    code = """
        def test_frames(detgate_record, detgate_dataset):
            detgate_record.say("counted them")
            detgate_record.at_least("frames", len(detgate_dataset("val").images), 3)
    """

    result, (rule,) = own(project, code, *workers)

    assert result.ret == 0
    assert (rule["verdict"], rule["message"]) == ("passed", "counted them")
    assert project.report["dataset"]["splits"]["val"]["images"] == 3
    page = (project.pytester.path / "detgate-report/index.html").read_text()
    assert "test_own.py::test_frames" in page


@pytest.mark.parametrize(
    ("body", "verdict", "message"),
    [
        ("assert 1 == 2", "failed", "assert 1 == 2"),
        ("pytest.fail('no good')", "failed", "no good"),
        ("1 / 0", "not-evaluated", "the test crashed: ZeroDivisionError: division by zero"),
        (
            "detgate_dataset('vall')",
            "not-evaluated",
            "no split or probe 'vall'; did you mean 'val'? (there is: train, val, youtube)",
        ),
        ("pytest.skip('no camera')", "not-evaluated", "skipped: no camera"),
        ("record.at_most('x', float('nan'), 1)", "not-evaluated", "x could not be computed"),
        (
            "record.at_most('x', 1, float('inf'))",
            "not-evaluated",
            "the limit of x must be a",
        ),
        ("record.at_most('x', np.int64(2), np.float64(1))", "failed", "x 2, at most 1"),
        ("record.finding('x', score=np.array([1]))", "not-evaluated", "the finding cannot be"),
        ("record.at_most('x', 2, 1); 1 / 0", "failed", "x 2, at most 1"),
        ("import os; os._exit(3)", "not-evaluated", "crashed"),
    ],
)
def test_what_did_not_end_well_fails_the_run(
    project: GateProject, body: str, verdict: str, message: str
) -> None:
    code = f"""
        import numpy as np
        import pytest

        @pytest.fixture
        def record(detgate_record):
            return detgate_record

        def test_it(record, detgate_dataset):
            {body}
    """

    result, (rule,) = own(project, code, "-n", "2")

    assert result.ret == 1
    assert rule["verdict"] == verdict
    assert message in rule["message"]


@pytest.mark.parametrize(
    ("mark", "body", "verdict", "code"),
    [
        ("xfail(reason='old')", "record.at_most('x', 2, 1)", "waived", 0),
        ("xfail(reason='old')", "1 / 0", "not-evaluated", 1),
        ("xfail(strict=True)", "record.at_most('x', 1, 1)", "failed", 1),
        ("skip(reason='later')", "record.at_most('x', 1, 1)", "not-evaluated", 1),
    ],
)
def test_marks_of_pytest(
    project: GateProject, mark: str, body: str, verdict: str, code: int
) -> None:
    source = f"""
        import pytest

        @pytest.mark.{mark}
        def test_it(detgate_record):
            record = detgate_record
            {body}
    """

    result, (rule,) = own(project, source)

    assert result.ret == code
    assert rule["verdict"] == verdict


def test_error_of_a_fixture_points_at_the_test(project: GateProject) -> None:
    code = """
        def test_it(detgate_dataset):
            detgate_dataset("vall")
    """
    project.pytester.makepyfile(test_own=code)

    result = project.gate("detgate.toml", "test_own.py", "-k", "test_it", with_predictions=False)

    text = result.stdout.str()
    assert "no split or probe 'vall'; did you mean 'val'?" in text
    assert "test_own.py:2: DataError" in text
    assert "gate/" not in text


def test_without_a_gate_only_the_limit_holds(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BROKEN)

    result = run_forked(pytester)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["stale_frames 3, at most 0   <- over the limit"])
    assert not (pytester.path / "detgate-report").exists()


def test_fixture_asked_for_by_name_is_recorded_too(project: GateProject) -> None:
    code = """
        def test_it(request):
            request.getfixturevalue("detgate_record").at_most("x", 1, 1)
    """

    result, (rule,) = own(project, code)

    assert result.ret == 0
    assert rule["verdict"] == "passed"


def test_long_node_id_leaves_room_for_the_values(project: GateProject) -> None:
    code = """
        import pytest

        @pytest.mark.parametrize("case", ["of_the_northern_site_" * 4])
        def test_frames(case, detgate_record):
            detgate_record.at_most("x", 1, 1)
    """

    result, _ = own(project, code)

    section = result.outlines[
        result.outlines.index(next(filter(lambda line: "detgate: " in line, result.outlines))) :
    ]
    assert max(map(len, section)) <= 80
    assert any(line.endswith("x 1 <= 1") and "..." in line for line in section)
