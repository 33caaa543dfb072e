"""What the detector is for, as the record has it."""

from __future__ import annotations

from pytest_detgate.config.tables.project_table import ProjectTable
from pytest_detgate.record.report import ProjectRecord


def project_record(table: ProjectTable) -> ProjectRecord | None:
    """The table `[project]`; None if it says nothing."""
    if table == ProjectTable():
        return None
    return ProjectRecord(
        name=table.name,
        version=table.version,
        owner=table.owner,
        purpose=table.purpose,
        not_for=list(table.not_for),
    )
