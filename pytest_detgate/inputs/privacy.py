"""The redaction that `[report]` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_detgate.config.validation import REDACTED_KINDS, redacted_pattern
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.redaction import Redaction


def redaction_of(project: Project, further: Iterable[Path] = ()) -> Redaction:
    """Return the redaction of a run of this project; `further` are paths that the command line
    names. A wrong entry of `redact` raises `ConfigError`."""
    entries = project.tables.report.redact
    place = project.configuration.place.table("report")
    return Redaction(
        project.root,
        places=[*_places(project), *further],
        paths="paths" in entries,
        hosts="hosts" in entries,
        patterns=[
            redacted_pattern(entry, place) for entry in entries if entry not in REDACTED_KINDS
        ],
    )


def _places(project: Project) -> Iterator[Path]:
    tables, locate = project.tables, project.configuration.locate
    yield project.configuration.path
    for split in tables.dataset.splits.values():
        named = (split.annotations, split.images, split.data, split.classes, split.list)
        yield from (locate(path) for path in named if isinstance(path, str))
    for probe in tables.probes.values():
        files = (probe.annotations, probe.images, probe.classes, probe.list)
        yield from (locate(path) for path in files if path is not None)
    model, train = tables.model, tables.train
    baseline = model.named_baseline
    yield from (
        locate(path)
        for path in (
            model.checkpoint,
            model.config,
            model.classes if isinstance(model.classes, str) else None,
            None if baseline is None else baseline.path,
            *((train.config, train.work_dir) if train else ()),
        )
        if path is not None
    )
