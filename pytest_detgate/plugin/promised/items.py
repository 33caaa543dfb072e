"""The promise of a run: every item of `detgate.toml`, and every test that uses the gate, has a
verdict in the record, unless the user's own choice leaves it out.

The processes that collect leave what they selected in the folder of the run. The one that reports
takes all of it together: an item that one of them promises is promised, and one that nobody has
left out as the user asked is promised too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.plugin.collection import RuleItem, wanted_detections
from pytest_detgate.plugin.promised.choice import CHOICE, Choice, LeftOut
from pytest_detgate.plugin.promised.skipped import not_collected
from pytest_detgate.regular_file import read_regular

if TYPE_CHECKING:
    from pytest_detgate.plugin.session import GateSession

FIXTURES = frozenset(
    {
        *("detgate_dataset", "detgate_probe", "detgate_detections", "detgate_scores"),
        *("detgate_tables", "detgate_record"),
    }
)
READING = frozenset({"detgate_detections", "detgate_scores", "detgate_tables"})
"""Fixtures that may ask for detections."""
_NAMED = re.compile(rf"\b({'|'.join(sorted(FIXTURES))})\b".encode())
_FOLDER = "selected"


@dataclass(kw_only=True)
class Selection:
    """What one process selected, or several did.

    `rules` are the rules that run, by node id; `left_out` those that the user leaves out. `tests`
    are the tests that use the gate and are promised; `reading` says that one of them asks for
    detections. `skipped` are the files that use the gate and were not collected, by node id, each
    with the reason.
    """

    rules: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    reading: bool = False
    is_collected: bool = True
    """Whether the file was collected; a gate that was not reached must not pass."""
    refused: tuple[str, ...] = ()
    """Why pytest refused an argument, such as a file that is not there."""

    @property
    def not_selected(self) -> list[str]:
        """The rules that the user leaves out and that do not run all the same."""
        return [name for name in self.left_out if name not in self.rules.values()]


class Collected:
    """A plugin of every process that gates: it notes what is collected and, when that is done,
    announces what was selected of it."""

    def __init__(self, gate: GateSession) -> None:
        self._gate = gate
        self._order: list[str] = []
        self._by_hand: list[pytest.Item] = []
        self._skipped: dict[pytest.Collector, str] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self._order.append(item.nodeid)
        if uses_gate(item):
            self._by_hand.append(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        reason = not_collected(report)
        if reason is not None and names_gate(collector.path):
            self._skipped[collector] = reason
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._gate.wanted = wanted_detections(session.items)
        own = [item for item in session.items if isinstance(item, RuleItem)]
        self._gate.selected = tuple((item.bound.rule, item.target) for item in own)
        # pytest finishes a collection also where it refuses an argument. A worker of pytest-xdist
        # tells the controller of the end and not of the reason.
        error = sys.exc_info()[1]
        refused = tuple(map(str, error.args)) if isinstance(error, pytest.UsageError) else ()
        announce(self._gate.folders.run, replace(self._select(session), refused=refused))

    def _select(self, session: pytest.Session) -> Selection:
        gate, config = self._gate, session.config
        choice = config.stash.get(CHOICE, Choice(str(config.invocation_params.dir)))
        left_out = LeftOut(choice, config, self._order, session.items)
        rules = {item.nodeid: item.rule_id for item in session.items if isinstance(item, RuleItem)}
        others = {name: item for name, item in gate.items.items() if name not in rules.values()}
        gone = left_out.by_options(others.values()) | left_out.by_arguments(others.values())
        is_passed_over = not gate.items and left_out.passes_over(gate.options.config)
        running = [item for item in session.items if uses_gate(item)]
        missing = [item for item in self._by_hand if item not in session.items]
        chosen_away = left_out.by_options(missing)
        lost = [item for item in missing if item.nodeid not in chosen_away]
        return Selection(
            rules=rules,
            left_out=(
                list(gate.rule_names)
                if is_passed_over
                else [name for name, item in others.items() if item.nodeid in gone]
            ),
            tests=[item.nodeid for item in (*running, *lost)],
            skipped={
                collector.nodeid: reason
                for collector, reason in self._skipped.items()
                if not left_out.all_in(collector)
            },
            reading=any(READING & set(_fixtures(item)) for item in running),
            is_collected=bool(gate.items) or is_passed_over or bool(session.testsfailed),
        )


def uses_gate(item: pytest.Item) -> bool:
    """Whether a test asks for a fixture of the gate, so far as can be known before it runs."""
    return bool(FIXTURES & set(_fixtures(item)))


def names_gate(path: Path) -> bool:
    """Whether the source of a test file, or of one in a folder, names a fixture of the gate."""
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    for file in files:
        with contextlib.suppress(OSError):
            if _NAMED.search(read_regular(file)):
                return True
    return False


def announce(run: Path, selection: Selection) -> None:
    """Leave a selection where the process that reports finds it."""
    from pytest_detgate.atomic_file import write_whole

    write_whole(run / _FOLDER / f"{os.getpid()}.json", json.dumps(asdict(selection)).encode())


def announced(run: Path) -> Selection | None:
    """What the processes of a run selected, all together; None where none has collected."""
    selections = [Selection(**json.loads(read_regular(path))) for path in _files(run)]
    if not selections:
        return None
    together = Selection(
        is_collected=all(selection.is_collected for selection in selections),
        # Each worker refuses the same argument.
        refused=next((tuple(each.refused) for each in selections if each.refused), ()),
    )
    for selection in selections:
        together.rules.update(selection.rules)
        together.tests += [node_id for node_id in selection.tests if node_id not in together.tests]
        together.skipped.update(selection.skipped)
        together.reading |= selection.reading
    left_out = set.intersection(*(set(selection.left_out) for selection in selections))
    together.left_out = [name for name in selections[0].left_out if name in left_out]
    return together


def _files(run: Path) -> list[Path]:
    return sorted((run / _FOLDER).glob("*.json"))


def _fixtures(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())
