"""AP of checkpoints of one training with other seeds."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import DataError
from pytest_detgate.inputs.compared.comparable import BaselineAp, defined, require_same_classes
from pytest_detgate.inputs.compared.other_models import OtherModels
from pytest_detgate.record.report import BaselineRecord
from pytest_detgate.scoring.score_card import ApMetric

if TYPE_CHECKING:
    from pytest_detgate.inputs.model import ModelInputs


def ap_of_seeds(
    gated: ModelInputs, others: OtherModels, split: str, metric: ApMetric, paths: Sequence[Path]
) -> list[BaselineAp]:
    """Return the AP of each checkpoint on a split. They are loaded one after another."""
    values, seen = [], dict[str, Path]()
    for path in paths:
        name = gated.project.relative(path)
        if not path.is_file():
            raise DataError(f"noise-from: there is no file {name}")
        record = BaselineRecord(path=name, sha256=others.sha256(path), kind="checkpoint")
        if record.sha256 in seen:
            twin = gated.project.relative(seen[record.sha256])
            raise DataError(f"noise-from: {name} and {twin} are the same model")
        seen[record.sha256] = path
        model = gated.with_model(others.of_epoch(path), [split])
        try:
            require_same_classes(
                gated.detections(split).classes,
                model.detections(split).classes,
                "the gated model",
                record,
            )
            scores = model.scores(split)
        except DataError as error:
            raise DataError(f"noise-from: {name}: {error}") from error
        classes = {name: getattr(score, metric) for name, score in scores.classes.items()}
        values.append(BaselineAp(defined(scores.value_of(metric), metric, split), classes))
        was_loaded = model.source.has_loaded_model
        del model
        if was_loaded:
            # The next model must not share its memory with one that refers to itself.
            gc.collect()
    return values
