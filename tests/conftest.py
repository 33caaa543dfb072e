"""Fixtures of all tests."""

from __future__ import annotations

import gc
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.errors import DetgateError
from tests.disk import do_not_wait

pytest_plugins = ["pytester"]

if importlib.util.find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    # A machine that does other work must not fail a test.
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "detgate", settings.default, deadline=None, suppress_health_check=slow
    )
    settings.load_profile("detgate")

# What is imported while tests are collected is compiled once, for all processes and further runs,
# also in a container where Python writes no bytecode.
_writes_no_bytecode = sys.dont_write_bytecode
sys.dont_write_bytecode = False
do_not_wait()

NUMPY_TYPE = re.compile(r"\bnp\.\w+\(|\barray\(\[")
"""What NumPy's `repr` looks like, and nothing of a file, a class or a word of ours does."""
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_finish() -> None:
    """Leave eleven thousand tests alone where garbage is collected, which a run of pytest in this
    process does twice."""
    sys.dont_write_bytecode = _writes_no_bytecode
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own runs on a build server must tell it nothing of these projects."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _plain_messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No message for a person shows the type of one of NumPy's numbers: `np.int64(7)`."""
    odd: list[str] = []
    as_ever = DetgateError.__init__

    def checked(error: DetgateError, *arguments: object, of_data: bool | None = None) -> None:
        as_ever(error, *arguments, of_data=of_data)
        odd.extend(filter(NUMPY_TYPE.search, map(str, arguments)))

    monkeypatch.setattr(DetgateError, "__init__", checked)
    yield
    assert not odd


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """pytest's own, whose runs see no plugins that only developers install: one changes the order,
    others import what the gate leaves alone."""
    others = ("randomly", "html", "metadata")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in others))
    return pytester


@pytest.fixture
def shared_data() -> Path:
    """The folder with the real data sets beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    return SHARED
