"""What a test that uses the gate shares with others may fail long after it has passed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.conftest import GateProject

HEAD = """
import pytest
import unittest

"""
GATED = """
def test_gated(detgate_record, {shared}):
    detgate_record.at_most("x", 0, 1)
"""
LATER = """
def test_later({shared}):
    pass
"""
FAILS = """
@pytest.fixture(scope="{scope}"{more})
def shared():
    yield
    raise OSError("no camera")
"""
LATE = "the fixture shared, which it used, failed later, in its teardown: OSError: no camera"


def gated(project: GateProject, code: str, *arguments: str) -> tuple[pytest.RunResult, Any]:
    """Run a test module of the project; the result, and its test `test_gated` in the record."""
    project.write("test_own.py", HEAD + code)
    gate = project.gate if "-n" in arguments else project.gate_here
    result = gate("test_own.py", *arguments)
    (rule,) = [rule for rule in project.report["rules"] if rule["id"].startswith("test_own.py::")]
    return result, rule


def file_of(scope: str, more: str = "", gated_with: str = "shared") -> str:
    """A test file with a fixture that fails in its teardown, which runs in a later test."""
    shared = gated_with or "request"
    code = FAILS.format(scope=scope, more=more)
    return code + GATED.format(shared=shared) + LATER.format(shared=shared)


CLASS = """
class TestBoth:
    def test_gated(self, detgate_record, shared):
        detgate_record.at_most("x", 0, 1)
    def test_later(self, shared):
        pass
"""
FINALIZER = """
@pytest.fixture(scope="module")
def shared(request):
    def fail():
        raise OSError("no camera")
    request.addfinalizer(fail)
"""
BELOW = """
@pytest.fixture(scope="module")
def base():
    yield
@pytest.fixture(scope="module")
def shared(base):
    yield
    raise OSError("no camera")
"""
BY_NAME = """
def test_gated(detgate_record, request):
    request.getfixturevalue("shared")
    detgate_record.at_most("x", 0, 1)
"""
PARAMETERS = """
@pytest.fixture(scope="session", params=[1, 2])
def number(request):
    return request.param
@pytest.fixture(scope="session")
def shared(number):
    yield
    if number == 1:
        raise OSError("no camera")
@pytest.mark.parametrize("number", [1], indirect=True)
def test_gated(detgate_record, shared):
    detgate_record.at_most("x", 0, 1)
@pytest.mark.parametrize("number", [2], indirect=True)
def test_later(shared):
    pass
"""
TWO_FAIL = """
@pytest.fixture
def own():
    yield
    raise ValueError("another")
def test_later(shared, own):
    pass
"""
LEAVES = """
@pytest.fixture(scope="module")
def shared():
    yield
    pytest.{how}
"""
AFTER = GATED.format(shared="shared") + LATER.format(shared="shared")


@pytest.mark.parametrize(
    "code",
    [
        file_of("module"),
        file_of("session"),
        file_of("package"),
        file_of("session", ", autouse=True", ""),
        FAILS.format(scope="class", more="") + CLASS,
        FINALIZER + AFTER,
        BELOW + AFTER,
        FAILS.format(scope="module", more="") + BY_NAME + LATER.format(shared="shared"),
        FAILS.format(scope="module", more="") + GATED.format(shared="shared") + TWO_FAIL,
        # The test that it fails in does not use it.
        FAILS.format(scope="module", more="") + GATED.format(shared="shared")
        + LATER.format(shared="request"),
    ],
)  # fmt: skip
def test_a_shared_fixture_that_fails_later(project: GateProject, code: str) -> None:
    result, rule = gated(project, code)

    assert result.ret == 1
    assert (rule["verdict"], rule["message"]) == ("not-evaluated", LATE)
    assert project.report["verdict"] == "failed"
    result.stdout.fnmatch_lines(["*detgate: BLOCKED*"])


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_shared_fixture_that_fails_in_a_worker(project: GateProject, scope: str) -> None:
    result, rule = gated(project, file_of(scope), "-n", "2", "--dist", "loadfile")

    assert result.ret == 1
    assert (rule["verdict"], rule["message"]) == ("not-evaluated", LATE)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def teardown_module():\n    raise OSError('no camera')\n" + GATED + LATER, "no camera"),
        (
            "class TestIt(unittest.TestCase):\n"
            "    @classmethod\n    def tearDownClass(cls):\n        raise OSError('no camera')\n"
            "    @pytest.mark.usefixtures('detgate_dataset')\n"
            "    def test_a(self):\n        pass\n"
            "    def test_later(self):\n        pass\n",
            "no camera",
        ),
        (LEAVES.format(how="skip('no camera')") + AFTER, "no camera"),
        (LEAVES.format(how="fail('no camera')") + AFTER, "no camera"),
        (PARAMETERS, "no camera"),
        # A finalizer of the file itself belongs to no fixture.
        (
            "@pytest.fixture\ndef to_the_file(request):\n    def fail():\n"
            "        raise OSError('no camera')\n"
            "    request.node.parent.addfinalizer(fail)\n" + GATED + LATER,
            "no camera",
        ),
    ],
)
def test_what_else_fails_later(project: GateProject, code: str, message: str) -> None:
    name = "to_the_file" if "to_the_file" in code else "request"
    result, rule = gated(project, code.replace("{shared}", name))

    assert result.ret == 1
    assert rule["verdict"] == "not-evaluated"
    assert message in rule["message"]


@pytest.mark.parametrize("how", ["exit('no camera')", "exit('no camera', returncode=0)"])
def test_a_shared_fixture_that_ends_the_run(project: GateProject, how: str) -> None:
    result, rule = gated(project, LEAVES.format(how=how) + AFTER)

    assert result.ret != 0
    assert rule["verdict"] == "not-evaluated"
    assert "no camera" in rule["message"]


def test_what_is_torn_down_after_the_first_failure(project: GateProject) -> None:
    """With `-x` pytest tears down what is left when the session ends."""
    code = file_of("module") + "    assert 0\n\ndef test_last(shared):\n    pass\n"

    result, rule = gated(project, code, "-x")

    assert result.ret != 0
    assert (rule["verdict"], rule["message"]) == ("not-evaluated", LATE)
    assert "no camera" in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(
    "code",
    [
        # The other fixture that fails is none of the gate's test.
        "@pytest.fixture(scope='module')\ndef fine():\n    yield\n"
        + FAILS.format(scope="module", more="")
        + GATED.format(shared="fine") + LATER.format(shared="fine, shared"),
        # One that it depends on is torn down around it.
        BELOW + GATED.format(shared="base") + LATER.format(shared="shared"),
        # It was torn down well for this test, and fails for the next one.
        PARAMETERS.replace("number == 1", "number == 2"),
        FAILS.format(scope="function", more="")
        + GATED.format(shared="request") + LATER.format(shared="shared"),
    ],
)  # fmt: skip
def test_a_fixture_of_another_test_that_fails(project: GateProject, code: str) -> None:
    result, rule = gated(project, code)

    assert result.ret == 1
    assert rule["verdict"] == "passed"
