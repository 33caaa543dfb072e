"""Which model is judged on which data, as the ledger names both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_detgate.counts import verb
from pytest_detgate.detector.key_digest import key_digest
from pytest_detgate.errors import DetgateError
from pytest_detgate.record.formatting import counted
from pytest_detgate.record.project_files.ledger import LEDGER_FILE, Look
from pytest_detgate.record.report import NO_DETECTIONS

if TYPE_CHECKING:
    from pytest_detgate.inputs.detections.sources import GatedModel
    from pytest_detgate.inputs.inputs import Inputs


class LooksUsedUpError(DetgateError):
    """So many models were judged on the same data that a bound of one more shows nothing."""


def look_at(inputs: Inputs, name: str, *, infers: bool = True) -> Look:
    """The look of the gated model at a split or probe. If it does not infer, the detections of a
    model stay unknown: its file tells it apart. A `DetgateError` says why there is none."""
    from pytest_detgate.inputs.fingerprints import names_sha256

    dataset = inputs.tables(name)
    model = inputs.gated_model()
    is_file = model is not None and (name in inputs.project.seals or not infers)
    detections = None if is_file else _detections(inputs, name)
    return Look(
        dataset=name,
        data=dataset.sha256 or inputs.images_sha256(name) or names_sha256(dataset),
        score_threshold=inputs.project.score_threshold,
        model=None if model is None else _identity(inputs, model),
        detections=detections,
    )


def _detections(inputs: Inputs, name: str) -> str | None:
    """A digest of the detections on a split or probe. If those in a result file are not usable, the
    digest of the file: on a sealed probe, that they are not is a look, too."""
    try:
        return inputs.detections_sha256(name) or NO_DETECTIONS
    except DetgateError:
        if name not in inputs.project.seals:
            raise
        return inputs.source.digest(name)


def _identity(inputs: Inputs, model: GatedModel) -> str:
    """A digest of what makes the model. Without a file the weights may be named in `options`, so
    that other options are another model."""
    options = inputs.project.tables.model.options
    if model.checkpoint is not None or not options:
        return model.sha256
    return key_digest({"model": model.sha256, "options": options})


def require_look(inputs: Inputs, name: str) -> None:
    """Raise `LooksUsedUpError` where all looks at a split or probe that `[evidence]` plans were
    taken by other models."""
    budget = inputs.looks
    if budget is None or budget.table.looks is None:
        return
    look = look_at(inputs, name, infers=False)
    if not budget.allows(look):
        models, planned = len(budget.models(look)), budget.table.looks
        raise LooksUsedUpError(
            f"{counted(models, 'model')} {verb(models, 'were')} judged on {name}, and "
            f"[evidence] plans {planned:,} "
            f"({LEDGER_FILE}); another one needs new data, under a new name"
        )
