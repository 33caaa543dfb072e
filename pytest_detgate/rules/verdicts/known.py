"""Findings of an item that are accepted, and those that are new."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_detgate.config.wording import unknown
from pytest_detgate.counts import counted_of
from pytest_detgate.errors import ConfigError
from pytest_detgate.findings import Finding
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.project_files.known_findings import (
    MOST_FINGERPRINTS,
    Acceptance,
    Fingerprint,
    fingerprint_of,
    read_known,
)
from pytest_detgate.record.report import FINDINGS_CAP
from pytest_detgate.rules.binding import BoundRule, last_day_of_waivers

CANNOT_ACCEPT = (
    "its findings cannot be accepted one by one, because its limits are not on their number; move "
    "the limit (--detgate-update=accept), or use a waiver"
)
SAME_PLACE = 0.5
"""IoU of two detections that count as the same finding."""


@dataclass(slots=True)
class KnownFindings:
    """What is accepted of one item on a day. Each accepted finding explains one finding; with
    `moves`, one of the same class at the same place of the image."""

    entries: Sequence[Acceptance]
    moves: bool
    today: datetime.date
    _free: dict[Fingerprint, list[Fingerprint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        free = defaultdict(list)
        for entry in self.entries:
            if entry.until >= self.today:
                for fingerprint in entry.findings:
                    free[self._key(fingerprint)].append(fingerprint)
        self._free = dict(free)

    @property
    def expired(self) -> list[Acceptance]:
        """What was accepted until a day that is over."""
        return [entry for entry in self.entries if entry.until < self.today]

    @property
    def unmatched(self) -> int:
        """How many accepted findings have explained none so far."""
        return sum(map(len, self._free.values()))

    def explain(self, finding: Finding) -> bool:
        """Whether a finding is accepted; each accepted one counts once."""
        return self.take(fingerprint_of(finding)) is not None

    def take(self, own: Fingerprint) -> Fingerprint | None:
        """The accepted finding that explains one with this fingerprint, and explains no other from
        now on; None where there is none."""
        free = self._free.get(self._key(own), [])
        if not free:
            return None
        best = max(free, key=lambda fingerprint: _overlap(own, fingerprint))
        if self.moves and _overlap(own, best) < SAME_PLACE:
            return None
        free.remove(best)
        return best

    def _key(self, fingerprint: Fingerprint) -> Fingerprint:
        if not self.moves or fingerprint.box is None:
            return fingerprint
        return Fingerprint(
            dataset=fingerprint.dataset, image=fingerprint.image, label=fingerprint.label
        )


def accepted_findings(rules: Iterable[BoundRule], path: Path) -> tuple[Acceptance, ...]:
    """Return what a file accepts of these rules; `ConfigError` for what it cannot accept."""
    accepted = read_known(path)
    kinds = {bound.item_name(target): bound.rule for bound in rules for target in bound.targets}
    latest = last_day_of_waivers()
    for entry in accepted:
        if entry.item not in kinds:
            raise ConfigError(f"{path.name}: {unknown('item', entry.item, kinds)}")
        if not kinds[entry.item].accepts_findings:
            raise ConfigError(f"{path.name}: {entry.item}: {CANNOT_ACCEPT}")
        if entry.until > latest:
            raise ConfigError(
                f"{path.name}: {entry.item}: findings are accepted for a year at most, until "
                f"{latest.isoformat()}; found {entry.until.isoformat()}"
            )
    return accepted


def acceptances_of(item: str, accepted: Iterable[Acceptance]) -> list[Acceptance]:
    """What is accepted of an item."""
    return [entry for entry in accepted if entry.item == item]


def _overlap(first: Fingerprint, second: Fingerprint) -> float:
    """The IoU of two boxes; 1 where neither has one."""
    if first.box is None or second.box is None:
        return float(first.box is second.box)
    (x, y, w, h), (u, v, s, t) = first.box, second.box
    width = min(x + w, u + s) - max(x, u)
    height = min(y + h, v + t) - max(y, v)
    if width <= 0 or height <= 0:
        return float(first.box == second.box)
    common = width * height
    return common / (w * h + s * t - common)


@dataclass(slots=True)
class SeenFindings:
    """The findings of an item: the first of the new and of the accepted ones, how many there are of
    both, and the fingerprints of all, if these are few enough."""

    known: KnownFindings
    new: list[Finding] = field(default_factory=list)
    accepted: list[Finding] = field(default_factory=list)
    n_new: int = 0
    n_accepted: int = 0
    fingerprints: list[Fingerprint] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        is_known = bool(self.known.entries) and self.known.explain(finding)
        self.n_accepted += is_known
        self.n_new += not is_known
        shown = self.accepted if is_known else self.new
        if len(shown) < FINDINGS_CAP:
            shown.append(finding)
        if self.total <= MOST_FINGERPRINTS:
            self.fingerprints.append(fingerprint_of(finding))

    @property
    def total(self) -> int:
        """How many there are."""
        return self.n_new + self.n_accepted

    @property
    def first(self) -> list[Finding]:
        """Those that the result has: the new ones; the accepted ones where nothing is new."""
        return self.new or self.accepted

    @property
    def reason(self) -> str | None:
        """Why an item with these findings does not fail; None if there is a new one."""
        if self.n_new or not self.n_accepted:
            return None
        reasons = [
            f"{entry.why} ({entry.owner}, until {entry.until.isoformat()})"
            for entry in self.known.entries
            if entry.until >= self.known.today
        ]
        return f"{counted(self.n_accepted, 'known finding')} accepted: {'; '.join(reasons)}"

    @property
    def note(self) -> str:
        """What a message says of accepted findings; nothing where none is recorded."""
        notes = []
        if self.n_accepted:
            notes.append(f"{counted_of(self.n_new, self.total, 'finding', 'are')} new")
        if self.known.unmatched:
            gone = counted(self.known.unmatched, "accepted finding")
            notes.append(f"{gone} gone: record them again with `python -m pytest_detgate accept`")
        for entry in self.known.expired:
            notes.append(
                f"what {entry.owner} accepted until {entry.until.isoformat()} counts again"
            )
        return "".join(f"; {note}" for note in notes)
