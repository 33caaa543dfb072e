"""The worker's side of the record: an item's result onto its test report, and its findings on
images into a file, because there may be too many of them for a message."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from pytest_detgate.errors import DetgateError
from pytest_detgate.plain import plain
from pytest_detgate.plugin.output.junit import properties
from pytest_detgate.plugin.results.messages import ATTRIBUTE, Facts, ItemMessage, encode_message
from pytest_detgate.record.report import RuleResult
from pytest_detgate.report.coco_export import (
    OVER_LIMIT,
    CocoExport,
    FindingsOnImages,
    coco_export,
)
from pytest_detgate.report.documents import put_document_aside
from pytest_detgate.report.findings_folder import put_aside

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.plugin.session import GateSession
    from pytest_detgate.record.project_files.ledger import Look


def attach_result(
    item: pytest.Item,
    report: pytest.TestReport,
    result: RuleResult,
    findings: FindingsOnImages,
    gate: GateSession,
    documents: Mapping[str, bytes] | None = None,
) -> None:
    """Put the result, its findings and `documents`, and facts that are new, where the reporter
    finds them, and values and limits where pytest's JUnit plugin does."""
    facts: Facts | None = None
    looks: list[Look] = []
    try:
        if result.verdict != "not-evaluated":
            result = _with_findings_aside(result, findings, gate)
        looks = _looks(item, result, gate)
        for folder, document in (documents or {}).items():
            put_document_aside(gate.folders.run, result.id, folder, document)
        facts = _new_facts(gate)
    except Exception as error:
        # Raised further, it would end the session and take every other verdict with it.
        crashed = f"the metrics for the report crashed: {type(error).__name__}: {error}"
        reason = str(error) if isinstance(error, DetgateError) else crashed
        result = msgspec.structs.replace(result, verdict="not-evaluated", message=reason)
        report.outcome = "failed"
        report.longrepr = gate.redaction.text(f"{result.id}: {reason}")
    # JUnit's plugin reads those of the teardown, which pytest takes from the item.
    shown = properties(result, gate.redaction.name)
    item.user_properties += shown
    report.user_properties += shown
    setattr(report, ATTRIBUTE, encode_message(ItemMessage(result=result, facts=facts, looks=looks)))


def _looks(item: pytest.Item, result: RuleResult, gate: GateSession) -> list[Look]:
    """What a verdict tells of the gated model: of a rule on the splits and probes whose detections
    it needs, of a test written by hand on all whose detections were asked for. That an item was not
    evaluated tells nothing, except on a sealed probe for a reason that is hidden."""
    from pytest_detgate.dataset.tables import DetectionTable
    from pytest_detgate.inputs.looks import look_at
    from pytest_detgate.plugin.collection import RuleItem
    from pytest_detgate.rules.verdicts.sealing import hides_reason

    inputs = gate.inputs
    is_hidden = hides_reason(result)
    was_judged = result.verdict != "not-evaluated" or bool(result.measurements)
    if inputs.looks is None or not (was_judged or is_hidden):
        return []
    project = inputs.project
    names = project.datasets
    if isinstance(item, RuleItem):
        names = item.target.detections
    with project.seals.opened(names):
        return [
            look_at(inputs, name)
            for name in names
            if inputs.memory.made(("detections", name), DetectionTable) is not None
            or (is_hidden and name in project.seals)
        ]


def _new_facts(gate: GateSession) -> Facts | None:
    """What was read and computed since the last message; None where there is nothing new."""
    from pytest_detgate.run_record.inputs_record import (
        baseline_record,
        contents,
        dataset_record,
        predictions_records,
        score_records,
    )

    inputs = gate.inputs
    with inputs.project.seals.opened(inputs.project.datasets, for_record=True):
        facts = Facts(
            dataset=dataset_record(inputs),
            model=inputs.source.model_record(),
            predictions=predictions_records(inputs),
            scores=score_records(inputs),
            baseline=baseline_record(inputs),
            contents=contents(inputs),
        )
    # Each part is made once and remembered, so that equal ones are mostly the same object.
    if facts == gate.sent:
        return None
    news = plain(facts.since(gate.sent), "the metrics for the report")
    gate.sent = facts
    return news


def _with_findings_aside(
    result: RuleResult, findings: FindingsOnImages, gate: GateSession
) -> RuleResult:
    files = {}
    for name, listed in findings.by_dataset.items() if findings.limit else ():
        # A test written by hand may name a data set that is none of the project's.
        with contextlib.suppress(DetgateError):
            files[name] = coco_export(
                gate.inputs.tables(name),
                listed,
                pictures=gate.project.tables.report.pictures,
                limit=findings.limit,
            )
    try:
        put_aside(
            gate.folders.run,
            result.id,
            {name: file for name, file in files.items() if file.images},
        )
    except OSError as error:
        message = f"{result.message}; its findings could not be written: {error}"
        return msgspec.structs.replace(result, message=message)
    return _with_number_left_out(result, findings, files.values())


def _with_number_left_out(
    result: RuleResult, findings: FindingsOnImages, files: Iterable[CocoExport]
) -> RuleResult:
    """The result with the number of findings that no file has room for."""
    over = sum(int(file.info.get(OVER_LIMIT, 0)) for file in files)
    never_came = max(result.findings_total - findings.added, 0)
    return msgspec.structs.replace(
        result, findings_not_written=findings.left_out + over + never_came
    )
