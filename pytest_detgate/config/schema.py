"""The whole of `detgate.toml`. Each rule declares its own table."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from pytest_detgate.config.tables.alarm_table import AlarmTable
from pytest_detgate.config.tables.dataset_tables import DatasetTable, ProbeTable
from pytest_detgate.config.tables.evidence_table import EvidenceTable
from pytest_detgate.config.tables.model_tables import ModelTable, TrainTable
from pytest_detgate.config.tables.project_table import ProjectTable
from pytest_detgate.config.tables.run_tables import (
    CacheTable,
    HistoryTable,
    ReportTable,
    RunTable,
    ScoringTable,
    WaiverTable,
)


class ConfigTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The whole of `detgate.toml`. The tables under `rules` belong to the rule classes."""

    plugins: Annotated[tuple[str, ...], Meta(description="Modules with rules of the project.")] = ()
    recommended: Annotated[
        bool,
        Meta(
            description="true: the rules on faults and leaks are on with their defaults. A table "
            "under rules replaces the defaults of its rule, and enabled = false in it switches "
            "the rule off."
        ),
    ] = False
    project: ProjectTable = ProjectTable()
    dataset: DatasetTable = DatasetTable()
    model: ModelTable = ModelTable()
    run: RunTable = RunTable()
    train: TrainTable | None = None
    probes: dict[str, ProbeTable] = {}
    scoring: ScoringTable = ScoringTable()
    alarms: AlarmTable = AlarmTable()
    evidence: EvidenceTable | None = None
    cache: CacheTable = CacheTable()
    report: ReportTable = ReportTable()
    history: HistoryTable | None = None
    rules: dict[str, Any] = {}
    waivers: tuple[WaiverTable, ...] = ()
