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
        """Whether a model may be judged: its look and all before it take no more than there is."""
        if self.table.looks is None:
            return True
        own, others = self._shares(look)
        return others + max(own, self._share(self.table.looks)) <= 1 + _ROUNDING

    def left(self, look: Look) -> int | None:
        """How many more models may be judged on the data of a look; None if none are planned."""
        if self.table.looks is None:
            return None
        spent = sum(self._shares(look))
        return max(math.floor((1 - spent) * self.table.looks + _ROUNDING), 0)

    def _shares(self, look: Look) -> tuple[float, float]:
        """The share of the error that the model of a look has taken, and that of all others."""
        own = others = 0.0
        for lines in self.models(look):
            share = max(self._share(line.looks) for line in lines)
            if any(line.is_same_model(look) for line in lines):
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


def ledger_note(ledger: LedgerRecord) -> str:
    """Say what is to be done with the file after a run that added lines, or nothing."""
    added = any(looks.is_new for looks in ledger.datasets.values())
    return f"commit {ledger.path}, which has new lines" if added else ""


def _models(looks: LooksRecord) -> str:
    if looks.planned is None or looks.left is None:
        return f"{looks.models:,}"
    return f"{looks.models:,} of {looks.planned:,} ({looks.left:,} left)"
