"""The campaign: cases by seed, what was wrong with them, and the smallest project of each fault."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from tests.campaign.cases import cases
from tests.campaign.faults import Fault, faults_of
from tests.campaign.gate import PATIENCE, Gate, Ran
from tests.campaign.oracle.expected import expected_of
from tests.campaign.project import Case

STORED_CASES = Path(__file__).with_name("found")
BATCH = 10
"""Cases of one seed. Up to ten, Hypothesis draws each by itself; then it begins to vary those it
has, which finds little here, as each has one damage only."""
PAGE_EVERY, FRESH_EVERY = 10, 100
"""Every so many cases have a page, or a process of their own as a user's run has."""
_TRIES, _SECONDS = 80, 60.0
"""Runs, and the time, that shrinking one fault may take."""


def _plain(text: str) -> str:
    """The beginning of a text, without the folders of this machine: cases are committed."""
    for folder in (STORED_CASES.parents[2], Path(sys.prefix)):
        text = text.replace(f"{folder}{os.sep}", "")
    return text[:400]


@dataclass
class Smallest:
    """The smallest case with a fault."""

    fault: Fault
    case: Case

    def to_json(self) -> dict[str, Any]:
        return {
            "found": f"{self.fault.kind}, {self.fault.about}: {_plain(self.fault.text)}",
            **self.case.to_json(),
        }


@dataclass
class Tally:
    """What a part of the campaign came to: cases by damage, faults by kind and by signature."""

    cases: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    signatures: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Add another part."""
        self.cases += other.cases
        self.faults += other.faults
        self.signatures += other.signatures
        self.verdicts += other.verdicts
        self.seconds += other.seconds


class Campaign:
    """Runs cases with a gate and keeps the smallest of each fault."""

    def __init__(self, gate: Gate, *, shrink: bool = True) -> None:
        self.smallest: dict[str, Smallest] = {}
        self._gate = gate
        self._shrink = shrink
        self._seen: set[bytes] = set()
        self._target: str | None = None
        self._tries = 0
        self._until = 0.0

    def run(self, number: int) -> Tally:
        """Run the cases of one seed."""
        tally = Tally()
        started = time.perf_counter()
        phases = [Phase.generate, Phase.shrink] if self._shrink else [Phase.generate]
        self._target = None

        @seed(number)
        @settings(
            max_examples=BATCH,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(cases())
        def try_cases(case: Case) -> None:
            # Raised at one place only: by its place Hypothesis tells whether a fault is the same.
            if self._is_faulty(case, tally):
                raise _FaultyError

        # The smallest case is kept; Hypothesis is told of a fault only to shrink it.
        with contextlib.suppress(_FaultyError, HypothesisException):
            try_cases()
        tally.seconds = time.perf_counter() - started
        return tally

    def _is_faulty(self, case: Case, tally: Tally) -> bool:
        """Run a case; whether it has a fault that is to be shrunk."""
        if self._target is not None:
            return self._is_smaller(case, self._target)
        digest = hashlib.sha256(json.dumps(case.to_json()).encode()).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        number = tally.cases.total() + int.from_bytes(digest[:2], "big")
        faults, ran = check(
            self._gate, case, page=not number % PAGE_EVERY, fresh=not number % FRESH_EVERY
        )
        tally.cases[f"{case.target}: {case.damage}"] += 1
        tally.verdicts.update(_verdicts(ran))
        tally.faults.update({fault.kind for fault in faults})
        tally.signatures.update({fault.signature(case) for fault in faults})
        new = [fault for fault in faults if fault.signature(case) not in self.smallest]
        for fault in new:
            self.smallest[fault.signature(case)] = Smallest(fault, case)
        if new and self._shrink:
            self._target, self._tries = new[0].signature(case), 0
            self._until = time.perf_counter() + _SECONDS
        return self._target is not None

    def _is_smaller(self, case: Case, target: str) -> bool:
        """Whether a case that is not larger than the smallest one has the same fault."""
        best = self.smallest[target]
        is_over = self._tries > _TRIES or time.perf_counter() > self._until
        if case.size() > best.case.size() or is_over:
            return False
        self._tries += 1
        for fault in check(self._gate, case, page=best.fault.kind == "half record")[0]:
            if fault.signature(case) == target:
                self.smallest[target] = Smallest(fault, case)
                return True
        return False


class _FaultyError(Exception):
    """A case has a fault that is not known yet."""


def check(
    gate: Gate, case: Case, *, page: bool = False, fresh: bool = False
) -> tuple[list[Fault], Ran]:
    """Run one case, and everything that is wrong with the run."""
    expected = expected_of(case.project, case.first)
    ran = gate.run(case, page=page, fresh=fresh)
    if ran.hung:
        ran = gate.run(case, page=page, seconds=PATIENCE)
    return faults_of(case, expected, ran), ran


def store(detections: Iterable[tuple[str, Smallest]], folder: Path) -> list[Path]:
    """Write the smallest cases as files; the paths of those that were not there."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for signature, smallest in detections:
        name = re.sub(r"[^a-z0-9]+", "-", signature.lower()).strip("-")[:100]
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(smallest.to_json(), indent=1) + "\n")
            written.append(path)
    return written


def _verdicts(ran: Ran) -> list[str]:
    try:
        record = json.loads(ran.report or "{}")
        return [rule["verdict"] for rule in record.get("rules", [])]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
