"""A gate that was asked for never leaves an older verdict behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.errors import DataError
from pytest_detgate.record.report_file import read_report
from tests.plugin.conftest import CONFIG, GateProject

OLD = "passed in 1999"
FILES = ("report.json", "index.html", "summary.md", "badge.svg")
ROOT = Path(__file__).resolve().parents[3]


def folder(project: GateProject) -> Path:
    return project.pytester.path / "detgate-report"


def leave_old_verdict(project: GateProject) -> None:
    """Put files of an earlier run into the report's folder."""
    for name in FILES:
        project.write(f"detgate-report/{name}", OLD)
    project.write(
        "detgate-report/findings/mean-ap.json",
        '{"info":{"description":"pytest-detgate: findings of mean-ap on val"}}',
    )
    project.write("detgate-report/findings/own.json", "{}")


def assert_running(project: GateProject) -> None:
    for name in FILES:
        text = (folder(project) / name).read_text("utf-8")
        assert OLD not in text
        assert "running" in text.lower()
    assert [path.name for path in (folder(project) / "findings").iterdir()] == ["own.json"]


@pytest.mark.parametrize(
    ("arguments", "files", "code"),
    [
        ((), {"detgate.toml": CONFIG.replace("max-boxes", "max-boxs")}, 4),
        ((), {"detgate.toml": "x ="}, 4),
        ((), {"conftest.py": "import no_such_module\n"}, 4),
        (("--no-such-option",), {}, 4),
        (("--detgate-device=gpu",), {}, 4),
        (("--detgate-ckpt=a.pth",), {}, 4),
        (("-k", "no_such_item"), {}, 4),
        (("no_such_folder",), {}, 4),
        (("--ignore=detgate.toml",), {}, 4),
        (("-k", "(",), {}, 4),
        ((), {"conftest.py": "def pytest_configure():\n    raise OSError\n"}, 3),
        ((), {"conftest.py": "def pytest_sessionstart():\n    raise KeyboardInterrupt\n"}, 2),
    ],
)  # fmt: skip
def test_run_that_ends_before_a_verdict(
    project: GateProject, arguments: tuple[str, ...], files: dict[str, str], code: int
) -> None:
    leave_old_verdict(project)
    for name, text in files.items():
        project.write(name, text)

    result = project.gate(*arguments)

    assert result.ret == code
    assert_running(project)


def test_file_that_only_the_ini_file_names(project: GateProject) -> None:
    leave_old_verdict(project)
    project.pytester.makeini("[pytest]\ntestpaths = detgate.toml\n")
    project.write("detgate.toml", "x =")

    assert project.gate_here(with_predictions=False).ret == 4
    assert_running(project)


def test_first_run_that_ends_before_an_item(project: GateProject) -> None:
    project.write("conftest.py", "def pytest_collection():\n    raise KeyboardInterrupt\n")

    assert project.gate().ret == 2
    assert project.report["verdict"] == "failed"
    assert {rule["message"] for rule in project.report["rules"]} == {
        "the run ended before this item was reached"
    }


def test_nothing_collected_is_no_verdict(project: GateProject) -> None:
    leave_old_verdict(project)

    result = project.gate_here("detgate.toml", "-k", "no_such_item", with_predictions=False)

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert_running(project)


def test_run_that_is_killed(project: GateProject) -> None:
    leave_old_verdict(project)
    project.write(
        "conftest.py",
        "import os, signal\ndef pytest_runtest_call():\n    os.kill(os.getpid(), signal.SIGKILL)\n",
    )

    assert project.gate().ret == -9
    assert_running(project)


END = {
    "os": "import os\ndef end(status): os._exit(status)\n",
    "sys": "import sys\ndef end(status): sys.exit(status)\n",
    "pytest": "import pytest\ndef end(status): pytest.exit('bye', returncode=status)\n",
}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("way", "hook"),
    [
        ("os", "runtest_setup"),
        ("os", "collection"),
        ("os", "sessionstart"),
        ("os", "configure"),
        ("os", ""),
        ("sys", "configure"),
        ("sys", ""),
        ("pytest", "sessionstart"),
        ("pytest", "configure"),
    ],
)
def test_run_that_code_of_the_project_ends_early(
    project: GateProject, way: str, hook: str, is_first: bool
) -> None:
    """Without a report of an earlier run nothing but the exit code can say so."""
    if not is_first:
        leave_old_verdict(project)
    code = f"{END[way]}def pytest_{hook}():\n    end(0)\n" if hook else f"{END[way]}end(0)\n"
    project.write("conftest.py", code)

    result = project.gate("detgate.toml")

    assert result.ret in (1, 3, 4)
    if not is_first:
        assert_running(project)


def test_process_that_ends_early_with_a_failure_of_its_own(project: GateProject) -> None:
    project.write("conftest.py", "import os\ndef pytest_runtest_call():\n    os._exit(7)\n")

    assert project.gate().ret == 7


@pytest.mark.parametrize("way", ["os", "sys", "pytest"])
@pytest.mark.parametrize(("max_boxes", "code"), [(1, 0), (0, 1)])
def test_run_that_is_ended_after_the_verdict(
    project: GateProject, way: str, max_boxes: int, code: int
) -> None:
    project.write("conftest.py", f"{END[way]}def pytest_sessionfinish():\n    end(0)\n")
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", f"max-boxes = {max_boxes}"))

    assert project.gate().ret == code
    assert project.report["verdict"] == ("failed" if code else "passed")


@pytest.mark.parametrize("way", ["os", "sys", "pytest"])
def test_run_beside_a_gate_that_is_not_reached(project: GateProject, way: str) -> None:
    """The ini file asks for the gate, and the user's own choice leaves it out."""
    project.pytester.makeini("[pytest]\ndetgate = true\n")
    project.write("conftest.py", f"{END[way]}def pytest_sessionfinish():\n    end(0)\n")
    project.write("test_own.py", "def test_own():\n    pass\n")

    result = project.gate("test_own.py", "-k", "own", with_predictions=False)

    assert result.ret == 0


def test_forked_process_that_ends_as_it_wants(project: GateProject) -> None:
    project.write(
        "test_own.py",
        "import os\ndef test_own(detgate_record):\n"
        "    if not (process := os.fork()):\n        os._exit(0)\n"
        "    detgate_record.at_most('status', os.waitpid(process, 0)[1], 0)\n",
    )

    assert project.gate("test_own.py").ret == 0


def test_folder_says_running_while_the_run_goes_on(project: GateProject) -> None:
    project.write(
        "conftest.py",
        "import time, pathlib\n"
        "def pytest_runtest_call():\n    pathlib.Path('here').touch()\n    time.sleep(60)\n",
    )
    leave_old_verdict(project)
    command = [sys.executable, "-m", "pytest", "detgate.toml", "-m", "detgate_data"]
    process = subprocess.Popen(command, cwd=project.pytester.path, stdout=subprocess.DEVNULL)
    try:
        while not (project.pytester.path / "here").exists():
            time.sleep(0.05)
        assert_running(project)
    finally:
        process.kill()
        process.wait()
    assert_running(project)


def test_worker_that_starts_late_leaves_the_record(project: GateProject) -> None:
    """A worker reads the same command line, also when the record is written already."""
    project.write(
        "conftest.py",
        "import os, pathlib\n"
        "def pytest_runtest_call():\n"
        "    if not pathlib.Path('died').exists():\n"
        "        pathlib.Path('died').touch(); os._exit(1)\n",
    )

    result = project.gate("-n", "1", "-k", "mean or probe")

    assert result.ret == 1
    assert sorted(project.verdicts().values()) == ["not-evaluated", "passed"]


@pytest.mark.parametrize(
    "arguments", [("--collect-only",), ("--help",), ("--markers",), ("--fixtures",),
                  ("--detgate-rules",), ("--version",)],
)  # fmt: skip
def test_run_that_only_lists_leaves_the_record(
    project: GateProject, arguments: tuple[str, ...]
) -> None:
    leave_old_verdict(project)

    assert project.gate_here(*arguments).ret == 0

    assert {(folder(project) / name).read_text() for name in FILES} == {OLD}


def test_plain_run_leaves_the_record(project: GateProject) -> None:
    leave_old_verdict(project)
    project.write("test_own.py", "def test_own():\n    pass\n")

    assert project.gate_here(with_predictions=False).ret == 0

    assert {(folder(project) / name).read_text() for name in FILES} == {OLD}


@pytest.fixture
def unfinished(project: GateProject) -> Path:
    """The record of a run without a verdict."""
    project.gate_here("-k", "no_such_item")
    return folder(project) / "report.json"


def test_record_without_a_verdict_fits_the_schema(unfinished: Path) -> None:
    schema = json.loads((ROOT / "docs/report.schema.json").read_text("utf-8"))

    jsonschema.validate(json.loads(unfinished.read_text()), schema)


def test_record_without_a_verdict_is_refused(
    unfinished: Path, project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "has no verdict: it has not ended yet, or it ended before its record was written"
    with pytest.raises(DataError, match=text):
        read_report(unfinished)
    capsys.readouterr()
    for arguments in (["report", str(unfinished)], ["compare", str(unfinished), "other.json"]):
        assert main(arguments) == 4
        error = capsys.readouterr().err
        assert text in error
        assert len(error.splitlines()) == 1


def test_record_without_a_verdict_is_no_baseline(unfinished: Path, project: GateProject) -> None:
    baseline = unfinished.rename(project.pytester.path / "old.json")
    project.write("detgate.toml", CONFIG + "[rules.ap-regression]\nmax-drop = 0.1\n")

    assert project.gate_here(f"--detgate-baseline={baseline}").ret == 1
    (rule,) = [rule for rule in project.report["rules"] if rule["code"] == "ap-regression"]
    assert rule["verdict"] == "not-evaluated"
    assert "has no verdict" in rule["message"]


@pytest.mark.parametrize("option", ["--co", "--collect-only", "--help", "--markers", "--fixtures"])
def test_an_ini_file_that_lets_a_gate_only_list(project: GateProject, option: str) -> None:
    """pytest ends well then, and nothing was judged."""
    project.pytester.makeini(f"[pytest]\naddopts = {option}\n")

    result = project.gate_here("detgate.toml")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "nothing would be gated" in result.stderr.str() + result.stdout.str()
    # Typed, or in a run that does not gate, it lists.
    assert project.gate_here("detgate.toml", "-q", option).ret == 0
    project.pytester.makepyfile(test_plain="def test_it(): pass")
    assert project.gate_here("test_plain.py", with_predictions=False).ret == 0
