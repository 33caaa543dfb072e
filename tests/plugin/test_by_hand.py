"""Setup, call, teardown and subtests of a test that uses the gate count."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.conftest import GateProject

HEAD = """
import numpy as np
import pytest

"""


def run(project: GateProject, code: str, *arguments: str) -> tuple[pytest.RunResult, Any]:
    """Run a test module of the project beside the gate; its result and its part of the record."""
    project.write("test_own.py", HEAD + code)
    gate = project.gate if "-n" in arguments else project.gate_here
    result = gate("test_own.py", *arguments)
    rules = [rule for rule in project.report["rules"] if rule["id"].startswith("test_own.py::")]
    return result, rules


LATE_LIMIT = """
@pytest.fixture
def late(detgate_record):
    detgate_record.at_most("early", 1, 2)
    yield
    detgate_record.at_most("late", 3, 2)

def test_it(late):
    pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_limit_that_breaks_in_teardown(project: GateProject, workers: tuple[str, ...]) -> None:
    result, (rule,) = run(project, LATE_LIMIT, *workers)

    assert result.ret == 1
    assert (rule["verdict"], rule["message"]) == ("failed", "late 3, at most 2")
    assert [measurement["name"] for measurement in rule["measurements"]] == ["early", "late"]
    result.stdout.fnmatch_lines(["late 3, at most 2   <- over the limit", "*detgate: BLOCKED*"])
    assert "early" not in result.stdout.str().partition("short test summary")[2]


@pytest.mark.parametrize(
    ("code", "verdict", "message"),
    [
        (
            "def test_it(detgate_dataset):\n    assert len(detgate_dataset('val').images) == 4\n",
            "failed",
            "assert 3 == 4",
        ),
        (
            "@pytest.fixture\ndef late():\n    yield\n    raise OSError('no camera')\n"
            "def test_it(late, detgate_dataset):\n    pass\n",
            "not-evaluated",
            "its teardown failed: OSError: no camera",
        ),
        (
            "@pytest.fixture\ndef early():\n    raise OSError('no camera')\n"
            "def test_it(early, detgate_dataset):\n    pass\n",
            "not-evaluated",
            "its setup failed: OSError: no camera",
        ),
        (
            "@pytest.fixture\ndef boxes(detgate_dataset):\n"
            "    return detgate_dataset('val').boxes\n"
            "def test_it(boxes):\n    assert len(boxes) == 3\n",
            "failed",
            "assert 2 == 3",
        ),
        (
            "@pytest.fixture\ndef late(detgate_record):\n"
            "    detgate_record.at_most('x', 1, 2)\n    yield\n    raise OSError('no camera')\n"
            "def test_it(late):\n    pass\n",
            "not-evaluated",
            "its teardown failed: OSError: no camera",
        ),
        (
            "@pytest.fixture\ndef late():\n    yield\n    pytest.skip('no camera')\n"
            "def test_it(late, detgate_record):\n    detgate_record.at_most('x', 1, 2)\n",
            "not-evaluated",
            "skipped: no camera",
        ),
        (
            "def test_it(detgate_probe):\n    pytest.skip('no camera')\n",
            "not-evaluated",
            "skipped: no camera",
        ),
        (
            "@pytest.mark.skip(reason='later')\ndef test_it(detgate_scores):\n    pass\n",
            "not-evaluated",
            "skipped: later",
        ),
        (
            "def test_it(detgate_record):\n    detgate_record.shown('x', 3)\n",
            "not-evaluated",
            "the test compared no value with a limit, so it says nothing",
        ),
        (
            "def test_it(request):\n    request.getfixturevalue('detgate_dataset')\n    assert 0\n",
            "failed",
            "assert 0",
        ),
        (
            "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
            "def test_it(detgate_dataset):\n    raise Odd\n",
            "not-evaluated",
            "its call failed: ValueError",
        ),
        (
            "def test_it(detgate_dataset):\n    raise SystemExit(0)\n",
            "not-evaluated",
            "the test crashed: SystemExit: 0",
        ),
        (
            "import unittest\n@pytest.mark.usefixtures('detgate_dataset')\n"
            "class TestIt(unittest.TestCase):\n    def test_it(self):\n        assert 0\n",
            "failed",
            "assert 0",
        ),
        (
            "def test_it(detgate_record):\n    pytest.xfail('no camera')\n",
            "not-evaluated",
            "gave up as an expected failure: no camera",
        ),
        (
            "def test_it(detgate_record):\n    detgate_record.at_most('x', 1, 2)\n"
            "    pytest.xfail('no camera')\n",
            "not-evaluated",
            "gave up as an expected failure: no camera",
        ),
        (
            "import unittest\n@pytest.mark.usefixtures('detgate_dataset')\n"
            "class TestIt(unittest.TestCase):\n    @unittest.expectedFailure\n"
            "    def test_it(self):\n        raise OSError('no camera')\n",
            "not-evaluated",
            "gave up as an expected failure; ",
        ),
    ],
)
def test_every_part_of_a_test_that_uses_the_gate_counts(
    project: GateProject, code: str, verdict: str, message: str
) -> None:
    result, (rule,) = run(project, code)

    assert result.ret == 1
    assert rule["verdict"] == verdict
    assert message in rule["message"]
    assert project.report["verdict"] == "failed"
    result.stdout.fnmatch_lines(["*detgate: BLOCKED*"])
    assert "INTERNALERROR" not in result.stdout.str()


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest has subtests from 9.0 on")
@pytest.mark.parametrize(
    ("body", "verdict", "message"),
    [
        ("assert number < 2", "failed", "assert 2 < 2"),
        ("if number == 2: pytest.skip('no camera')", "not-evaluated", "skipped: no camera"),
        ("if number == 1: raise OSError('gone')", "not-evaluated", "the test crashed: OSError"),
        ("record.at_most('x', number, 1)", "failed", "x 2, at most 1"),
        ("assert number < 3", "passed", "y 1, at most 2"),
    ],
)
def test_subtests_count(project: GateProject, body: str, verdict: str, message: str) -> None:
    code = (
        "@pytest.fixture\ndef record(detgate_record):\n    return detgate_record\n"
        "def test_it(subtests, record, detgate_dataset):\n"
        "    record.at_most('y', 1, 2)\n"
        "    for number in range(3):\n"
        f"        with subtests.test(number=number):\n            {body}\n"
    )

    result, (rule,) = run(project, code)

    assert rule["verdict"] == verdict
    assert message in rule["message"]
    assert result.ret == (0 if verdict == "passed" else 1)


def test_test_that_passes_is_recorded_without_a_limit(project: GateProject) -> None:
    code = "def test_it(detgate_dataset):\n    assert detgate_dataset('val')\n"

    result, (rule,) = run(project, code)

    assert result.ret == 0
    assert (rule["verdict"], rule["measurements"]) == ("passed", [])


def test_test_that_does_not_use_the_gate_is_not_recorded(project: GateProject) -> None:
    result, rules = run(project, "def test_it():\n    assert 0\n")

    assert result.ret == 1
    assert rules == []
    assert project.report["verdict"] == "passed"


def test_test_that_a_conftest_drops_is_not_evaluated(project: GateProject) -> None:
    project.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [item for item in items if item.name != 'test_it']\n",
    )

    result, (rule,) = run(project, "def test_it(detgate_dataset):\n    pass\n")

    assert result.ret == 1
    assert rule["verdict"] == "not-evaluated"


@pytest.mark.parametrize("arguments", [("-k", "not test_it"), ("--deselect=test_own.py::test_it",)])
def test_test_that_the_user_leaves_out_is_not_promised(
    project: GateProject, arguments: tuple[str, ...]
) -> None:
    result, rules = run(project, "def test_it(detgate_dataset):\n    assert 0\n", *arguments)

    assert result.ret == 0
    assert rules == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("at_most('x', 1, float('inf'))", "the limit of x must be a finite number, found inf"),
        ("at_least('x', 1, np.float64('-inf'))", "the limit of x must be a finite number"),
        ("at_most('x', 1, np.nan)", "the limit of x must be a finite number, found nan"),
        ("at_most('x', np.nan, 1)", "x could not be computed: it came out as nan"),
        ("at_most('x', '1', 2)", "x is not a number: 1 (str)"),
        ("at_most('x', np.array([1, 2]), 2)", "x is not a number"),
        ("at_most('x', 1, None)", "x has no limit; to report it without one, call shown"),
        ("at_most('x', True, 2)", "x is not a number"),
        ("at_most('x', 1, 10**400)", "the limit of x is a number of more than 64 bits"),
        ("at_most('x', 1, -(10**5000))", "the limit of x is a number of more than 64 bits"),
        ("shown('x', 10**400)", "x is a number of more than 64 bits"),
        ("at_most(7, 1, 2)", "the measurement cannot be written"),
        ("finding('x', dataset='vall')", "no split or probe 'vall'; did you mean 'val'?"),
        (
            "finding('x', dataset='val', image='roof_9.jpg')",
            "no image 'roof_9.jpg' in val; did you mean 'roof_",
        ),
        ("finding('x', image='roof_1.jpg')", "a finding on the image 'roof_1.jpg' needs dataset"),
        ("finding('x', box=(1, 2, 3))", "the finding cannot be written"),
        ("finding('x', box='1234')", "the finding cannot be written"),
        ("finding('x', score='high')", "the finding cannot be written"),
        ("finding(7)", "the finding cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_called(
    project: GateProject, call: str, message: str
) -> None:
    code = (
        "def test_it(detgate_record):\n"
        "    detgate_record.at_most('y', 1, 2)\n"
        f"    detgate_record.{call}\n"
    )

    result, (rule,) = run(project, code)

    assert result.ret == 1
    assert rule["verdict"] == "not-evaluated"
    assert message in rule["message"]
    text = result.stdout.str()
    assert "test_own.py:7: " in text
    assert "recording.py" not in text
    assert "INTERNALERROR" not in text


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_numbers_of_numpy_are_taken(project: GateProject, workers: tuple[str, ...]) -> None:
    code = (
        "def test_it(detgate_record):\n"
        "    detgate_record.at_most(np.str_('x'), np.int64(1), np.float32(2.5))\n"
        "    detgate_record.at_least('y', np.array(3), np.uint8(2))\n"
        "    detgate_record.finding(np.str_('here'), dataset=np.str_('val'),\n"
        "        image=np.str_('roof_1.jpg'), box=np.array([1, 2, 3, 4.5], np.float32),\n"
        "        label=np.str_('helmet_off'), score=np.float16(0.5))\n"
    )

    result, (rule,) = run(project, code, *workers)

    assert result.ret == 0
    assert [
        (measurement["value"], measurement["limit"]) for measurement in rule["measurements"]
    ] == [(1, 2.5), (3, 2)]
    assert rule["findings"] == [
        {
            "text": "here",
            "dataset": "val",
            "image": "roof_1.jpg",
            "box": [1, 2, 3, 4.5],
            "label": "helmet_off",
            "score": 0.5,
        }
    ]


GATED = "def test_it(detgate_record):\n    detgate_record.at_most('x', 2, 1)\n"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("pytest.skip('no camera', allow_module_level=True)\n", "skipped: no camera"),
        ("pytest.importorskip('nowhere_at_all')\n", "skipped: could not import 'nowhere_at_all'"),
        ("import unittest\nraise unittest.SkipTest('no camera')\n", "skipped: unittest"),
    ],
)
def test_a_skipped_module_is_not_evaluated(
    project: GateProject, head: str, reason: str, workers: tuple[str, ...]
) -> None:
    if workers and "importorskip" not in head:
        pytest.skip("one way to skip is enough with workers")
    project.write("test_own.py", HEAD + head + GATED)
    result = (project.gate if workers else project.gate_here)("test_own.py", *workers)

    assert result.ret == 1
    (rule,) = [rule for rule in project.report["rules"] if rule["id"] == "test_own.py"]
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"].startswith(reason)
    assert project.report["verdict"] == "failed"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_module_that_cannot_be_imported(project: GateProject, workers: tuple[str, ...]) -> None:
    project.write("test_own.py", HEAD + "import nowhere_at_all\n" + GATED)
    project.write("test_other.py", "import nowhere_at_all\ndef test_it():\n    pass\n")
    gate = project.gate if workers else project.gate_here
    gate("test_own.py", "test_other.py", "--continue-on-collection-errors", *workers)

    (rule,) = [rule for rule in project.report["rules"] if rule["id"].startswith("test_")]
    assert (rule["id"], rule["verdict"]) == ("test_own.py", "not-evaluated")
    assert rule["message"] == (
        "it cannot be collected: ModuleNotFoundError: No module named 'nowhere_at_all'"
    )
    assert project.report["verdict"] == "failed"


@pytest.mark.parametrize(
    ("code", "arguments", "status"),
    [
        ("def test_it():\n    pass\n", (), 0),
        (GATED, ("-m", "detgate_data"), 0),
        (GATED, ("-k", "share"), 0),
        (GATED, ("-k", "test_it or share"), 1),
        (GATED, ("-k", "not share"), 1),
    ],
)
def test_a_skipped_module_that_is_not_asked_for(
    project: GateProject, code: str, arguments: tuple[str, ...], status: int
) -> None:
    project.write("test_own.py", HEAD + "pytest.skip('x', allow_module_level=True)\n" + code)
    # Without result files, as not every selection reads them; the rules on data alone pass.
    result = project.gate_here(
        "test_own.py", "detgate.toml", *arguments, with_predictions=arguments == ()
    )
    listed = [rule["id"] for rule in project.report["rules"] if rule["id"] == "test_own.py"]

    assert len(listed) == status
    if status == 0:
        assert result.ret == 0


CAUGHT = """
def test_it(detgate_record, {fixture}):
    try:
        boxes = {call}
    except Exception:
        boxes = []
    detgate_record.at_most("boxes", len(boxes), 3)
"""


@pytest.mark.parametrize(
    ("fixture", "call"),
    [
        ("detgate_detections", "detgate_detections('train')"),
        ("detgate_scores", "detgate_scores('train')"),
        ("detgate_dataset", "detgate_dataset('nowhere')"),
        ("detgate_probe", "detgate_probe('nowhere')"),
        ("detgate_dataset", "detgate_record.at_most('x', float('nan'), 1)"),
    ],
)
def test_an_error_of_the_gate_that_a_test_catches(
    project: GateProject, fixture: str, call: str
) -> None:
    result, (rule,) = run(project, CAUGHT.format(fixture=fixture, call=call))

    assert result.ret == 1
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"]


KEEPS_RECORDS = """
@pytest.fixture(scope="session")
def kept():
    return []

def test_a(detgate_record, detgate_dataset, kept):
    kept += [detgate_record, detgate_dataset]
    detgate_record.at_most("x", 0, 1)

def test_b(kept):
    {use}
"""


@pytest.mark.parametrize(
    "use",
    [
        "kept[0].at_most('late', 2, 1)",
        "kept[0].at_least('late', 2, 1)",
        "kept[0].shown('late', 2)",
        "kept[0].finding('late')",
        "kept[0].say('late')",
    ],
)
def test_a_record_takes_nothing_after_its_test(project: GateProject, use: str) -> None:
    result, (first, second) = run(project, KEEPS_RECORDS.format(use=use))

    assert result.ret == 1
    assert (first["verdict"], second["verdict"]) == ("passed", "not-evaluated")
    assert second["message"].startswith("detgate_record was used after its test had ended")
    caught = f"try:\n        {use}\n    except Exception:\n        pass"
    result, (_, second) = run(project, KEEPS_RECORDS.format(use=caught))
    assert (result.ret, second["verdict"]) == (1, "not-evaluated")
