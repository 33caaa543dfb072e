"""pytest-detgate: a pytest gate for object-detection data sets and models.

What a project's own rules, tests and detectors need is here, and is imported when it is first asked
for: this package loads in every pytest run of the environment.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pytest_detgate._version import __version__ as __version__

if TYPE_CHECKING:
    from pytest_detgate.dataset.tables import (
        UNLISTED,
        BoxTable,
        Dataset,
        DetectionTable,
        ImageTable,
    )
    from pytest_detgate.detections import (
        ImageDetections,
        ModelInfo,
        OutputNotFinite,
        UnreadableImage,
    )
    from pytest_detgate.detector.framework import Framework
    from pytest_detgate.detector.protocol import Detected, Detector, LoadedModel, ModelSource
    from pytest_detgate.errors import DetectorError, DetgateError, TooLittleEvidenceError
    from pytest_detgate.findings import Finding, Interval, Measurement, Table
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.plugin.results.recording import Record
    from pytest_detgate.rules.example import Example
    from pytest_detgate.rules.families import (
        ProbeRule,
        RunningRule,
        ScoreRule,
        SplitPairRule,
        SplitRule,
    )
    from pytest_detgate.rules.rule import OptionError, Outcome, Rule, Target
    from pytest_detgate.scoring.score_card import ScoreCard

__all__ = [
    "UNLISTED",
    "BoxTable",
    "Dataset",
    "Detected",
    "DetectionTable",
    "Detector",
    "DetectorError",
    "DetgateError",
    "Example",
    "Finding",
    "Framework",
    "ImageDetections",
    "ImageTable",
    "Inputs",
    "Interval",
    "LoadedModel",
    "Measurement",
    "ModelInfo",
    "ModelSource",
    "OptionError",
    "Outcome",
    "OutputNotFinite",
    "ProbeRule",
    "Record",
    "Rule",
    "RunningRule",
    "ScoreCard",
    "ScoreRule",
    "SplitPairRule",
    "SplitRule",
    "Table",
    "Target",
    "TooLittleEvidenceError",
    "UnreadableImage",
]

_MODULES = {
    "dataset.tables": ("UNLISTED", "BoxTable", "Dataset", "DetectionTable", "ImageTable"),
    "detector.framework": ("Framework",),
    "detections": ("ImageDetections", "ModelInfo", "OutputNotFinite", "UnreadableImage"),
    "detector.protocol": ("Detected", "Detector", "LoadedModel", "ModelSource"),
    "errors": ("DetectorError", "DetgateError", "TooLittleEvidenceError"),
    "findings": ("Finding", "Interval", "Measurement", "Table"),
    "inputs.inputs": ("Inputs",),
    "rules.example": ("Example",),
    "rules.families": ("ProbeRule", "RunningRule", "ScoreRule", "SplitPairRule", "SplitRule"),
    "rules.rule": ("OptionError", "Outcome", "Rule", "Target"),
    "plugin.results.recording": ("Record",),
    "scoring.score_card": ("ScoreCard",),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # a type checker that saw it would accept every misspelt name

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
