"""Notes on how a model is run, for the reader of the report."""

from __future__ import annotations

from pytest_detgate.detector.protocol import ModelSource


def precision_notes(source: ModelSource) -> list[str]:
    """Return notes on settings that change scores and boxes."""
    notes = []
    if source.precision != "float32":
        notes.append(
            f"the networks compute in {source.precision} (precision under [model]): scores and "
            "boxes differ from those in float32"
        )
    if source.compile:
        notes.append(
            "the networks are compiled by torch.compile (compile under [model]): scores and "
            "boxes differ in their last digits from those without it"
        )
    return notes
