"""The ledger of a run: read before the first item, written before the first verdict is seen."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.config.tables.evidence_table import EvidenceTable
from pytest_detgate.errors import ConfigError
from pytest_detgate.record.project_files.ledger import LEDGER_FILE

if TYPE_CHECKING:
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.record.project_files.ledger import Look
    from pytest_detgate.record.project_files.looks import LedgerRecord, LookBudget


@dataclass(eq=False)
class GateLedger:
    """The ledger as it was before the run, and what the run adds to it."""

    path: Path
    project: Project
    budget: LookBudget
    is_in_git: bool
    _seen: dict[str, Look] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)

    def add(self, looks: list[Look]) -> str | None:
        """Write down the looks that the ledger does not have; return what went wrong."""
        from pytest_detgate.record.project_files.ledger import add_looks

        unseen = [look for look in looks if not self._is_seen(look)]
        self._seen |= {look.dataset: look for look in unseen}
        new = [look for look in unseen if self.budget.adds(look)]
        if not new:
            return None
        self._added |= {look.dataset for look in new}
        day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        table = self.budget.table
        try:
            add_looks(self.path, new, day, table.looks, adaptive=table.adaptive)
        except (ConfigError, OSError) as error:
            names = ", ".join(look.dataset for look in new)
            return f"the look at {names} could not be added to {self.path.name}: {error}"
        return None

    def _is_seen(self, look: Look) -> bool:
        seen = self._seen.get(look.dataset)
        return seen is not None and seen.is_same_model(look)

    def record(self) -> LedgerRecord:
        """The ledger after the run, for the record."""
        from pytest_detgate.record.project_files.ledger import read_ledger
        from pytest_detgate.record.project_files.looks import LedgerRecord, LookBudget, LooksRecord

        table = self.budget.table
        try:
            lines = read_ledger(self.path)
        except ConfigError:  # add has reported it
            lines = tuple(self.budget.lines)
        now = LookBudget(table, lines)
        named: dict[str, Look] = {line.dataset: line for line in lines} | self._seen
        project = self.project
        return LedgerRecord(
            path=project.relative(self.path),
            lines=len(lines),
            is_in_git=self.is_in_git,
            adaptive=table.adaptive,
            datasets={
                name: LooksRecord(
                    models=len(now.models(named[name])),
                    planned=table.looks,
                    left=now.left(named[name]),
                    is_new=name in self._added,
                    is_sealed=name in project.seals,
                )
                for name in project.datasets
                if name in named
            },
        )


def open_ledger(project: Project, *, asks_git: bool) -> GateLedger | None:
    """Read the ledger of a project; None if it counts no looks. `ConfigError` where lines were
    changed, or are gone from the file or, if git is asked, from what git has."""
    table = project.tables.evidence
    if table is None and not project.seals.names:
        return None
    from pytest_detgate.record.project_files.ledger import read_ledger, require_all_of_git
    from pytest_detgate.record.project_files.looks import LookBudget

    path = project.configuration.path.parent / LEDGER_FILE
    lines = read_ledger(path)
    is_in_git = asks_git and require_all_of_git(path, lines)
    return GateLedger(path, project, LookBudget(table or EvidenceTable(), lines), is_in_git)
