"""How many different models were judged on the same data, and how many more may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from pytest_detgate.config.tables.evidence_table import EvidenceTable
from pytest_detgate.record.project_files.ledger import LedgerLine, Look

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class LookBudget:
    """The looks that `[evidence]` plans, and those that the ledger has.

    Each model takes 1 / looks of the error of all, at the number of looks that was planned when it
    was judged. So a number that is raised afterwards gives nothing back. A model that was judged
    before `looks` was given counts as one of those that are planned now.

    A rule that compares the value itself judges models for which no look was left, too. They count,
    but they take nothing from the models before them.
    """

    table: EvidenceTable
    lines: Sequence[LedgerLine] = ()

    def models(self, look: Look) -> list[list[LedgerLine]]:
        """The lines on the data of a look, by model. Data are the same by name or by content, so
        neither another name nor one more image makes them new."""
        models: list[list[LedgerLine]] = []
        for line in self.lines:
            if line.dataset != look.dataset and line.data != look.data:
                continue
            same = [
                lines_of_model
                for lines_of_model in models
                if any(line.is_same_model(other) for other in lines_of_model)
            ]
            models = [lines_of_model for lines_of_model in models if lines_of_model not in same]
            models.append([*(other for lines_of_model in same for other in lines_of_model), line])
        return models

    def adds(self, look: Look) -> bool:
        """Whether a look takes more than what the ledger has of its model already."""
        own, _ = self._shares(look)
        return own == 0 or self._share(self.table.looks) > own + _ROUNDING

    def allows(self, look: Look) -> bool:
        """Whether a model may be judged: its look and all before it take no more than there is. For
        one that had a look, those that had none left do not count."""
        if self.table.looks is None:
            return True
        share = self._share(self.table.looks)
        own, others = self._shares(look)
        if own and others + max(own, share) > 1 + _ROUNDING:
            own, others = self._shares(look, self._lines_with_room(look))
            if not own:
                return False
        return others + max(own, share) <= 1 + _ROUNDING

    def left(self, look: Look) -> int | None:
        """How many more models may be judged on the data of a look; None if none are planned."""
        if self.table.looks is None:
            return None
        spent = sum(self._shares(look))
        return max(math.floor((1 - spent) * self.table.looks + _ROUNDING), 0)

    def _lines_with_room(self, look: Look) -> frozenset[str]:
        """The digests of the lines on the data of a look that had a look left when they were
        written, after the lines that they come after."""
        digests = set()
        for line in (line for lines in self.models(look) for line in lines):
            before = LookBudget(self.table, self._before(line))
            own, others = before._shares(line)
            # A line of a run without planned looks was refused none.
            if line.looks is None or others + max(own, 1 / line.looks) <= 1 + _ROUNDING:
                digests.add(line.sha256)
        return frozenset(digests)

    def _before(self, line: LedgerLine) -> list[LedgerLine]:
        """The lines that a line comes after."""
        by_digest = {line.sha256: line for line in self.lines}
        earlier: dict[str, LedgerLine] = {}
        ahead = list(line.after)
        while ahead:
            digest = ahead.pop()
            if digest in by_digest and digest not in earlier:
                earlier[digest] = by_digest[digest]
                ahead += earlier[digest].after
        return list(earlier.values())

    def _shares(self, look: Look, only: frozenset[str] | None = None) -> tuple[float, float]:
        """The share of the error that the model of a look has taken, and that of all others; by
        some of the lines `only`, if given."""
        own = others = 0.0
        for lines in self.models(look):
            counted = [line for line in lines if only is None or line.sha256 in only]
            if not counted:
                continue
            share = max(self._share(line.looks) for line in counted)
            if any(line.is_same_model(look) for line in counted):
                own += share
            else:
                others += share
        return own, others

    def _share(self, looks: int | None) -> float:
        return 1 / (looks or self.table.looks or 1)


class LooksRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How many different models were judged on a split or probe, this run included. `planned` is
    the number that `[evidence]` plans, `left` how many more models may be judged, both None if
    none is planned. `is_new` says that this run judged a model that was not counted before.
    """

    models: int
    planned: int | None = None
    left: int | None = None
    is_new: bool = False
    is_sealed: bool = False


class LedgerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of the project: its file, its number of lines, and the models judged by split and
    probe. `is_in_git` says that it was compared with the lines that git has. `adaptive` is that of
    `[evidence]`.
    """

    path: str
    lines: int
    is_in_git: bool
    adaptive: bool = False
    datasets: dict[str, LooksRecord] = {}


def looks_text(ledger: LedgerRecord) -> str:
    """Say how many models were judged on each split and probe, and how many more may be."""
    return "; ".join(f"{name} {_models(looks)}" for name, looks in ledger.datasets.items())


def unrefused_note(ledger: LedgerRecord) -> str:
    """Say that models for which no look is left are still judged by the value itself, or nothing
    where each has a look."""
    used_up = [
        name
        for name, looks in ledger.datasets.items()
        if looks.left == 0 and not looks.is_sealed and looks.planned is not None
    ]
    if not used_up:
        return ""
    return (
        f"no look is left at {', '.join(used_up)}: bounds of further models are not evaluated, but "
        'limits on the value itself (bound = "point") still are'
    )


def ledger_note(ledger: LedgerRecord) -> str:
    """Say what is to be done with the file after a run that added lines, or nothing."""
    added = any(looks.is_new for looks in ledger.datasets.values())
    return f"commit {ledger.path}, which has new lines" if added else ""


def _models(looks: LooksRecord) -> str:
    if looks.planned is None or looks.left is None:
        return f"{looks.models:,}"
    return f"{looks.models:,} of {looks.planned:,} ({looks.left:,} left)"
