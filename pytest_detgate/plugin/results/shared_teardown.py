"""What tests that use the gate share with others, such as a fixture of the whole file, is torn down
long after their results are known, while another test ends. If it fails then, they did not
pass.

Each process notes which tests these are in the folder of the run, where the one that reports finds
them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_detgate.plugin.promised.items import uses_gate
from pytest_detgate.plugin.results.recording import REQUEST, USED
from pytest_detgate.regular_file import read_regular

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession

_FOLDER = "torn-down"


@dataclass(slots=True)
class _User:
    """A test that uses the gate: the nodes that it is in, and the fixtures that it shares with
    others and that were not torn down yet."""

    nodes: list[Any]
    fixtures: set[str]


@dataclass(eq=False, slots=True)
class SharedTeardown:
    """A plugin of every process that gates."""

    gate: GateSession
    _users: dict[str, _User] = field(default_factory=dict)
    _ended: dict[Any, set[str]] = field(default_factory=dict)
    """The users of each fixture that was torn down in this phase of a test."""
    _reasons: dict[str, str] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        # A fixture with another parameter is torn down where the next one is set up.
        with self._noted([], item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        with self._noted([], item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        if uses_gate(item) or USED in item.stash:
            request = item.stash.get(REQUEST, item)
            names = set(getattr(request, "fixturenames", ()))
            self._users[item.nodeid] = _User(item.listchain(), names)
        needed = [] if nextitem is None else nextitem.listchain()
        with self._noted([node for node in item.listchain() if node not in needed], item):
            return (yield)

    def pytest_fixture_post_finalizer(self, fixturedef: Any, request: Any) -> None:
        for node_id, user in self._users.items():
            if fixturedef.argname in user.fixtures and request.node in user.nodes:
                user.fixtures.discard(fixturedef.argname)
                self._ended.setdefault(fixturedef, set()).add(node_id)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        # After a run that was stopped pytest tears down here what is left, and once only: what
        # fails has to be known before the record is written.
        runner: Any = session.config.pluginmanager.get_plugin("runner")
        failed: BaseException | None = None
        try:
            with self._noted([node for user in self._users.values() for node in user.nodes]):
                if self._users and runner is not None:
                    runner.pytest_sessionfinish(session=session)
        except BaseException as error:
            failed = error
        result = yield
        if failed is not None:
            raise failed
        return result

    @contextlib.contextmanager
    def _noted(self, torn_down: Iterable[Any], item: pytest.Item | None = None) -> Iterator[None]:
        """Note whom an error concerns that leaves a phase in which the nodes are torn down, beside
        the test whose phase it is: its own report has it."""
        try:
            yield
        except BaseException as error:
            for single in _single(error):
                self._note(single, torn_down, None if item is None else item.nodeid)
            raise
        finally:
            self._ended.clear()

    def _note(self, error: BaseException, torn_down: Iterable[Any], reported: str | None) -> None:
        # The innermost: what a fixture depends on is torn down around it.
        frames = list(_frames(error))
        finished = [frame for frame in frames if _runs(frame, "_pytest.fixtures", "finish")]
        if finished:
            fixture = finished[-1].f_locals.get("self")
            users = self._ended.get(fixture, set())
            name = str(getattr(fixture, "argname", "_"))
            what = "a fixture" if name.startswith("_") else f"the fixture {name}"
            what += ", which it used,"
        elif any(_runs(frame, "_pytest.runner", "teardown_exact") for frame in frames):
            users = {
                node_id
                for node_id, user in self._users.items()
                if any(node in user.nodes for node in torn_down)
            }
            what = "what it shares with other tests"
        else:
            return
        new = users - self._reasons.keys() - {reported}
        if new:
            reason = f"{what} failed later, in its teardown: {_first_line_of(error)}"
            self._reasons.update(dict.fromkeys(new, reason))
            _announce(self.gate.folders.run, self._reasons)


def failed_later(run: Path) -> dict[str, str]:
    """The tests that use the gate and share what failed in its teardown, each with the reason."""
    reasons: dict[str, str] = {}
    for path in sorted((run / _FOLDER).glob("*.json")):
        reasons |= json.loads(read_regular(path))
    return reasons


def _announce(run: Path, reasons: dict[str, str]) -> None:
    from pytest_detgate.atomic_file import write_whole

    write_whole(run / _FOLDER / f"{os.getpid()}.json", json.dumps(reasons).encode())


def _single(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group and of what led to them, without the groups."""
    waiting, known = [error], set()
    while waiting:
        current = waiting.pop()
        if id(current) in known:
            continue
        known.add(id(current))
        waiting += [each for each in (current.__cause__, current.__context__) if each is not None]
        inner = getattr(current, "exceptions", None)
        if isinstance(inner, tuple) and all(isinstance(each, BaseException) for each in inner):
            waiting += inner
        else:
            yield current


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _runs(frame: FrameType, module: str, function: str) -> bool:
    return frame.f_code.co_name == function and frame.f_globals.get("__name__") == module


def _first_line_of(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        # An error that cannot say its own text.
        lines = []
    return f"{kind}: {lines[0]}" if lines else kind
