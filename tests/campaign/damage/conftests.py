"""Conftests that get in the way of the gate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conftest:
    """A conftest: its text, where CODE stands for a rule, and whether items of that rule are kept
    from running (`loses`), all items (`loses_all`), or the process ends from inside (`kills`)."""

    text: str
    loses: bool = True
    loses_all: bool = False
    kills: bool = False


_CHOSEN = '"CODE" in item.nodeid'
CONFTESTS: dict[str, Conftest] = {
    "skips by marker": Conftest(
        f"""
def pytest_collection_modifyitems(items):
    for item in items:
        if {_CHOSEN}:
            item.add_marker(pytest.mark.skip(reason="no time"))
"""
    ),
    "drops items": Conftest(
        f"""
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if not {_CHOSEN}]
"""
    ),
    "deselects items": Conftest(
        f"""
def pytest_collection_modifyitems(config, items):
    gone = [item for item in items if {_CHOSEN}]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]
"""
    ),
    "drops items at the end": Conftest(
        f"""
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if not {_CHOSEN}]
"""
    ),
    "drops all items": Conftest(
        """
def pytest_collection_modifyitems(items):
    items.clear()
""",
        loses_all=True,
    ),
    "clears the session": Conftest(
        """
@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    session.items.clear()
""",
        loses_all=True,
    ),
    "skips in setup": Conftest(
        f"""
def pytest_runtest_setup(item):
    if {_CHOSEN}:
        pytest.skip("no time")
"""
    ),
    "raises in setup": Conftest(
        f"""
def pytest_runtest_setup(item):
    if {_CHOSEN}:
        raise RuntimeError("no camera")
"""
    ),
    "raises in teardown": Conftest(
        f"""
def pytest_runtest_teardown(item):
    if {_CHOSEN}:
        raise RuntimeError("no camera")
"""
    ),
    "skips in teardown": Conftest(
        f"""
def pytest_runtest_teardown(item):
    if {_CHOSEN}:
        pytest.skip("no time")
"""
    ),
    "runs nothing": Conftest(
        f"""
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    return True if {_CHOSEN} else None
"""
    ),
    "replaces the call": Conftest(
        f"""
def pytest_collection_modifyitems(items):
    for item in items:
        if {_CHOSEN}:
            item.runtest = lambda: None
"""
    ),
    "skips the call": Conftest(
        f"""
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if {_CHOSEN}:
        pytest.skip("no time")
"""
    ),
    "ignores the file": Conftest(
        """
def pytest_ignore_collect(collection_path):
    return True if collection_path.name == "detgate.toml" else None
""",
        loses=False,
    ),
    "lists the file as ignored": Conftest('collect_ignore = ["detgate.toml"]\n', loses=False),
    "expects failure": Conftest(
        f"""
def pytest_collection_modifyitems(items):
    for item in items:
        if {_CHOSEN}:
            item.add_marker(pytest.mark.xfail(reason="known"))
""",
        loses=False,
    ),
    "calls all reports passed": Conftest(
        """
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.outcome = "passed"
    return report
""",
        loses=False,
    ),
    "reverses the items": Conftest(
        """
def pytest_collection_modifyitems(items):
    items.reverse()
""",
        loses=False,
    ),
    "doubles an item": Conftest(
        """
def pytest_collection_modifyitems(items):
    items.append(items[0])
""",
        loses=False,
    ),
    "raises at the end": Conftest(
        """
def pytest_sessionfinish(session):
    raise RuntimeError("no camera")
""",
        loses=False,
    ),
    "raises after collection": Conftest(
        """
def pytest_collection_finish(session):
    raise RuntimeError("no camera")
""",
        loses_all=True,
    ),
    "sets the exit code": Conftest(
        """
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    session.exitstatus = 0
""",
        loses=False,
    ),
    "exits": Conftest(
        """
def pytest_runtest_logreport(report):
    pytest.exit("enough", returncode=0)
""",
        loses=False,
    ),
    "stops the session": Conftest(
        """
def pytest_runtest_logfinish(nodeid):
    SESSION[0].shouldstop = "enough"


SESSION = []


def pytest_sessionstart(session):
    SESSION.append(session)
""",
        loses=False,
    ),
    "ends the process": Conftest(
        """
import os


def pytest_runtest_teardown(item):
    os._exit(0)
""",
        loses=False,
        kills=True,
    ),
    "does not load": Conftest("import nothing_of_this_name\n", loses_all=True),
}
