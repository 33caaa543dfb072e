"""The promise of a run is made from detgate.toml, not from what pytest and its plugins kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.conftest import CONFIG, IDS, GateProject

NAMES = [node_id.split("::")[1] for node_id in IDS]
LOST = "probe-fp[youtube]"
_CHOSEN = "item.name.startswith('probe-fp')"
TAKEN_OUT = "a plugin or a conftest.py took this item out of the run"

CONFTESTS = {
    "a skip marker": (
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        f"        if {_CHOSEN}:\n"
        "            item.add_marker(pytest.mark.skip(reason='no time'))\n",
        "skipped: no time",
    ),
    "dropped": (
        "def pytest_collection_modifyitems(items):\n"
        f"    items[:] = [item for item in items if not {_CHOSEN}]\n",
        TAKEN_OUT,
    ),
    "deselected": (
        "def pytest_collection_modifyitems(config, items):\n"
        f"    gone = [item for item in items if {_CHOSEN}]\n"
        "    config.hook.pytest_deselected(items=gone)\n"
        "    items[:] = [item for item in items if item not in gone]\n",
        TAKEN_OUT,
    ),
    "deselected by an option that a conftest sets": (
        "def pytest_configure(config):\n    config.option.keyword = 'not probe'\n",
        TAKEN_OUT,
    ),
    "dropped from what was collected": (
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_make_collect_report(collector):\n"
        "    report = yield\n"
        f"    report.result = [item for item in report.result if not {_CHOSEN}]\n"
        "    return report\n",
        TAKEN_OUT,
    ),
    "dropped when collection is done": (
        "@pytest.hookimpl(trylast=True)\n"
        "def pytest_collection_finish(session):\n"
        f"    session.items[:] = [item for item in session.items if not {_CHOSEN}]\n",
        "the run ended before this item was reached",
    ),
    "skipped in setup": (
        f"def pytest_runtest_setup(item):\n    if {_CHOSEN}:\n        pytest.skip('no time')\n",
        "skipped: no time",
    ),
    "a crash in setup": (
        f"def pytest_runtest_setup(item):\n    if {_CHOSEN}:\n        raise OSError('no camera')\n",
        "its setup failed: OSError: no camera",
    ),
    "a crash in teardown": (
        "@pytest.hookimpl(trylast=True)\n"
        f"def pytest_runtest_teardown(item):\n    if {_CHOSEN}:\n        raise OSError('late')\n",
        "its teardown failed: OSError: late",
    ),
    "skipped in teardown": (
        "@pytest.hookimpl(trylast=True)\n"
        f"def pytest_runtest_teardown(item):\n    if {_CHOSEN}:\n        pytest.skip('late')\n",
        "skipped: late",
    ),
    "never run": (
        "@pytest.hookimpl(tryfirst=True)\n"
        f"def pytest_runtest_protocol(item):\n    return True if {_CHOSEN} else None\n",
        "the run ended before this item was reached",
    ),
    "a call that is replaced": (
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        f"        if {_CHOSEN}:\n"
        "            item.runtest = lambda: None\n",
        "a plugin replaced the call of this item",
    ),
    "failed by a strict marker": (
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        f"        if {_CHOSEN}:\n"
        "            item.add_marker(pytest.mark.xfail(strict=True, reason='known'))\n",
        "[XPASS(strict)] known",
    ),
}


def conftest(project: GateProject, text: str) -> None:
    project.write("conftest.py", f"import pytest\n\n{text}")


def reasons(project: GateProject) -> dict[str, str]:
    """Messages of the items that were not evaluated."""
    return {
        rule["id"]: rule["message"]
        for rule in project.report["rules"]
        if rule["verdict"] == "not-evaluated"
    }


@pytest.mark.parametrize(("text", "reason"), CONFTESTS.values(), ids=CONFTESTS)
def test_item_that_a_conftest_blocks_is_not_evaluated(
    project: GateProject, text: str, reason: str
) -> None:
    """Item that a conftest keeps from running is not evaluated."""
    conftest(project, text)

    result = project.gate_here()

    assert result.ret == 1
    assert list(project.verdicts()) == NAMES
    assert reasons(project) == {LOST: reason}
    assert project.report["verdict"] == "failed"
    assert project.report["not_selected"] == []
    result.stdout.fnmatch_lines(["*= detgate: BLOCKED =*"])


@pytest.mark.parametrize("name", ["dropped", "a crash in teardown"])
def test_workers_promise_the_same(project: GateProject, name: str) -> None:
    text, reason = CONFTESTS[name]
    conftest(project, text)

    assert project.gate("-n", "2").ret == 1
    assert list(project.verdicts()) == NAMES
    assert reasons(project) == {LOST: reason}


@pytest.mark.parametrize("arguments", [(), ("-p", "no:cacheprovider"), ("-p", "no:terminal")])
def test_no_item_at_all_is_left(project: GateProject, arguments: tuple[str, ...]) -> None:
    conftest(project, "def pytest_collection_modifyitems(items):\n    items.clear()\n")

    assert project.gate_here(*arguments).ret == 1
    assert reasons(project) == dict.fromkeys(NAMES, TAKEN_OUT)


def test_plugin_that_ends_the_run_as_a_success(project: GateProject) -> None:
    conftest(
        project,
        "def pytest_runtest_logreport(report):\n    pytest.exit('enough', returncode=0)\n",
    )

    assert project.gate_here().ret == 1
    assert list(project.verdicts()) == NAMES
    assert list(reasons(project)) == NAMES


def test_plugin_that_sets_the_exit_code(project: GateProject) -> None:
    conftest(
        project,
        "@pytest.hookimpl(trylast=True)\n"
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    )
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))

    assert project.gate_here().ret == 1


def test_plugin_that_calls_every_report_passed(project: GateProject) -> None:
    conftest(
        project,
        "@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_runtest_makereport():\n"
        "    report = yield\n    report.outcome = 'passed'\n    return report\n",
    )
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))

    assert project.gate_here().ret == 1
    assert project.verdicts()[LOST] == "failed"


def test_item_that_runs_twice_keeps_its_worse_result(project: GateProject) -> None:
    conftest(
        project,
        "def pytest_collection_modifyitems(items):\n"
        "    items.append(items[0])\n"
        "def pytest_runtest_setup(item):\n"
        "    session = item.session\n"
        "    if item.nodeid == session.items[0].nodeid and not hasattr(session, 'seen'):\n"
        "        session.seen = True\n"
        "        raise OSError('first')\n",
    )

    assert project.gate_here().ret == 1
    assert reasons(project) == {NAMES[0]: "its setup failed: OSError: first"}


VAL, YOUTUBE = GateProject.arguments


@pytest.mark.parametrize(
    ("arguments", "selected"),
    [
        (("-k", "probe", VAL, YOUTUBE), [NAMES[2]]),
        (("-m", "detgate_data", "detgate.toml"), NAMES[:2]),
        (("-m", "not detgate_data", VAL, YOUTUBE), NAMES[2:]),
        (("--deselect", IDS[0], "--deselect", IDS[1], VAL, YOUTUBE), NAMES[2:]),
        ((IDS[3], IDS[4], VAL), NAMES[3:]),
        (("detgate.toml::class-ap", VAL), NAMES[4:]),
        ((IDS[3], "-k", "not class", VAL), NAMES[3:4]),
    ],
)
def test_the_users_own_choice_leaves_items_out_and_is_counted(
    project: GateProject, arguments: tuple[str, ...], selected: list[str]
) -> None:
    result = project.gate_here(*arguments, with_predictions=False)

    assert result.ret == 0
    assert list(project.verdicts()) == selected
    others = [name for name in NAMES if name not in selected]
    assert project.report["not_selected"] == others
    were = "rule was" if len(others) == 1 else "rules were"
    result.stdout.fnmatch_lines([f"not selected: {len(others)} of 5 rules*"])
    page = (project.pytester.path / "detgate-report/index.html").read_text()
    assert f"{len(others)} more {were} not selected." in page
    summary = (project.pytester.path / "detgate-report/summary.md").read_text()
    assert f"{len(others)} more {were} not selected." in summary
    badge = (project.pytester.path / "detgate-report/badge.svg").read_text()
    assert f"passed {len(selected)} of 5" in badge


def test_all_selected_is_not_spoken_of(project: GateProject) -> None:
    result = project.gate_here()

    assert project.report["not_selected"] == []
    assert "not selected" not in result.stdout.str()
    assert "not selected" not in (project.pytester.path / "detgate-report/index.html").read_text()


def test_choice_and_loss_together(project: GateProject) -> None:
    """-k leaves three items out; of the two that it selects a conftest drops one."""
    conftest(project, CONFTESTS["dropped"][0])

    assert project.gate_here("-k", "mean or probe").ret == 1
    assert project.verdicts() == {LOST: "not-evaluated", "mean-ap": "passed"}
    assert project.report["not_selected"] == [NAMES[0], NAMES[1], NAMES[4]]


def test_last_failed_beside_other_tests(project: GateProject) -> None:
    """Only another test failed, so that pytest passes the whole file of the gate over."""
    project.write("test_own.py", "def test_it():\n    assert False\ndef test_on():\n    pass\n")
    project.gate_here(".")

    result = project.gate_here("--lf", ".", "detgate.toml", with_predictions=False)

    assert result.ret == 1
    result.assert_outcomes(failed=1)
    assert running(project)


def test_last_failed_of_the_gate_beside_a_conftest_that_drops_it(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))
    project.gate_here()
    conftest(project, CONFTESTS["dropped"][0])
    project.write("test_own.py", "def test_it():\n    assert False\n")
    project.gate_here(".")

    result = project.gate_here("--lf", ".")

    assert result.ret == 1
    assert reasons(project)[LOST] == TAKEN_OUT


@pytest.mark.parametrize("option", ["--ff", "--nf"])
def test_options_that_only_sort_leave_nothing_out(project: GateProject, option: str) -> None:
    project.gate_here()

    assert project.gate_here(option).ret == 0
    assert sorted(project.verdicts()) == sorted(NAMES)


def test_stepwise_goes_on_with_the_failed_item(project: GateProject) -> None:
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))
    project.gate_here("--sw")
    assert project.verdicts()[LOST] == "failed"
    project.write("detgate.toml", CONFIG)

    result = project.gate_here("--sw")

    assert result.ret == 0
    assert list(project.verdicts()) == NAMES[2:]
    assert project.report["not_selected"] == NAMES[:2]


def test_configuration_behind_a_link(project: GateProject) -> None:
    config = project.pytester.path / "detgate.toml"
    elsewhere = project.pytester.path / "gates" / "strict.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(config.read_text().replace('"data/', '"../data/'))
    config.unlink()
    config.symlink_to(elsewhere)
    conftest(project, CONFTESTS["dropped"][0])

    for arguments in ((), ("detgate.toml",)):
        assert project.gate_here(*arguments).ret == 1
        assert list(project.verdicts()) == NAMES
        assert reasons(project) == {LOST: TAKEN_OUT}


def test_root_directory_elsewhere(project: GateProject, tmp_path: Path) -> None:
    conftest(project, CONFTESTS["dropped"][0])
    (tmp_path / "elsewhere").mkdir()

    result = project.gate_here(f"--rootdir={tmp_path / 'elsewhere'}", "detgate.toml")

    assert result.ret == 1
    assert list(project.verdicts()) == NAMES
    assert reasons(project) == {LOST: TAKEN_OUT}


def test_gate_of_every_run_beside_tests(project: GateProject) -> None:
    """The ini option asks for the gate; -k selects none of its rules, and the tests pass."""
    project.pytester.makeini("[pytest]\ndetgate = true\n")
    project.write("test_own.py", "def test_own():\n    pass\n")

    result = project.gate_here("-k", "test_own", with_predictions=False)

    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=5)
    assert running(project)


def running(project: GateProject) -> bool:
    """Whether the report's folder says nothing but `running`."""
    folder = project.pytester.path / "detgate-report"
    record: dict[str, Any] = json.loads((folder / "report.json").read_text())
    texts = [(folder / name).read_text() for name in ("index.html", "summary.md", "badge.svg")]
    return record["verdict"] == "running" and all("running" in text.lower() for text in texts)
