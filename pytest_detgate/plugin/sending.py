"""The worker's side of the record: an item's result onto its test report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_detgate.audit.record import RuleResult, encode
from pytest_detgate.plugin.messages import ATTRIBUTE, Facts, ItemMessage, encode_message

if TYPE_CHECKING:
    import pytest

    from pytest_detgate.plugin.state import GateSession


def attach_result(report: pytest.TestReport, result: RuleResult, gate: GateSession) -> None:
    """Put the result, and facts that are new, where the reporter finds them."""
    inputs = gate.inputs
    facts = Facts(
        dataset=inputs.dataset_record(),
        model=inputs.source.model_record(),
        predictions=inputs.source.predictions_records(),
        scores=inputs.score_records(),
    )
    encoded = encode(facts)
    is_new = encoded != gate.sent
    gate.sent = encoded
    message = ItemMessage(result=result, facts=facts if is_new else None)
    setattr(report, ATTRIBUTE, encode_message(message))
