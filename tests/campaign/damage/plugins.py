"""A conftest, a test or a detector of the project's own that gets in the way of the gate."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.detections import DETECTOR
from tests.campaign.project import Project


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

BY_HAND: dict[str, tuple[str, bool]] = {
    "keeps its limit": ("def test_it(detgate_record):\n    detgate_record.at_most('x', 1, 2)\n", True),
    "breaks its limit": (
        "def test_it(detgate_record):\n    detgate_record.at_most('x', 3, 2)\n",
        False,
    ),
    "breaks its limit in teardown": (
        "@pytest.fixture\ndef late(detgate_record):\n    detgate_record.at_most('x', 1, 2)\n"
        "    yield\n    detgate_record.at_most('y', 3, 2)\n\n\ndef test_it(late):\n    pass\n",
        False,
    ),
    "has no limit": ("def test_it(detgate_record):\n    detgate_record.shown('x', 3)\n", False),
    "has an infinite limit": (
        "def test_it(detgate_record):\n    detgate_record.at_most('x', 3, float('inf'))\n",
        False,
    ),
    "holds NaN": (
        "def test_it(detgate_record):\n    detgate_record.at_most('x', float('nan'), 1)\n",
        False,
    ),
    "holds text": ("def test_it(detgate_record):\n    detgate_record.at_most('x', '0', 1)\n", False),
    "fails without a record": (
        "def test_it(detgate_dataset):\n    assert detgate_dataset('val') is None\n",
        False,
    ),
    "crashes in teardown": (
        "@pytest.fixture\ndef late(detgate_record):\n    yield\n    raise RuntimeError('late')\n\n\n"
        "def test_it(late, detgate_record):\n    detgate_record.at_most('x', 1, 2)\n",
        False,
    ),
    "is skipped": (
        "def test_it(detgate_record):\n    detgate_record.at_most('x', 1, 2)\n    pytest.skip('no')\n",
        False,
    ),
    "holds NumPy values": (
        "def test_it(detgate_record):\n"
        "    detgate_record.at_most('x', np.int64(1), np.float32(2))\n"
        "    detgate_record.finding('y', dataset='val', score=np.float32(0.5))\n",
        True,
    ),
}
"""Tests written by hand, and whether they may pass."""

_LOOP = DETECTOR[DETECTOR.index("        for image in images:") :]
DETECTORS: dict[str, str] = {
    "one answer too few": DETECTOR.replace("in images:", "in images[1:]:"),
    "one answer too many": DETECTOR + "        yield [], [], []\n",
    "raises": DETECTOR.replace("            rows =", "            raise OSError\n            rows ="),
    "NaN scores": DETECTOR.replace("row[4] for", "float('nan') * row[4] for"),
    "scores over 1": DETECTOR.replace("row[4] for", "row[4] + 1 for"),
    "infinite boxes": DETECTOR.replace("row[:4] for", "[*row[:3], float('inf')] for"),
    "nothing found": DETECTOR.replace("            yield", "            rows = []\n            yield"),
    "unknown class": DETECTOR.replace("row[5] for", "row[5] + 'x' for"),
    "no answers": DETECTOR.replace(_LOOP, "        return None\n"),
    "answers of None": DETECTOR.replace(_LOOP, "        for image in images:\n            yield None\n"),
    "no classes": DETECTOR.replace('content["classes"], content', '[], content'),
    "cannot be made": DETECTOR.replace("        content =", "        raise OSError\n        content ="),
}  # fmt: skip
"""Detectors of the project's own that no rule may believe."""


def damage_plugins(draw: DrawFn, project: Project) -> str:
    """Put one such thing into a project and say which."""
    choices = ["conftest", "conftest", "test"]
    if "detector.py" in project.files:
        choices.append("detector")
    match draw(st.sampled_from(choices)):
        case "conftest":
            return _conftest(draw, project)
        case "test":
            name = draw(st.sampled_from(sorted(BY_HAND)))
            text, may_pass = BY_HAND[name]
            head = "import numpy as np\nimport pytest\n\n\n" if "np." in text else "import pytest\n\n\n"
            project.files["test_hand.py"] = {"text": head + text}
            project.arguments.append("test_hand.py")
            if may_pass:
                project.by_hand.append("test_hand.py::test_it")
            else:
                project.blocked = True
            return f"a test that {name}"
        case _:
            name = draw(st.sampled_from(sorted(DETECTORS)))
            project.files["detector.py"] = {"text": DETECTORS[name]}
            return f"detector, {name}"


def _conftest(draw: DrawFn, project: Project) -> str:
    name = draw(st.sampled_from(sorted(CONFTESTS)))
    conftest = CONFTESTS[name]
    rules = project.files["detgate.toml"]["toml"]["rules"]
    code = draw(st.sampled_from(sorted(rules)))
    text = conftest.text.replace("CODE", code)
    project.files["conftest.py"] = {"text": f"import pytest\n{text}"}
    project.killed = conftest.kills
    if conftest.loses_all:
        project.lost.append("")
    elif conftest.loses:
        project.lost.append(code)
    return f"conftest that {name}"
