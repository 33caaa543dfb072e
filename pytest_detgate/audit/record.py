"""The record of one run, as it stands in `report.json`.

Format 1. A later format raises `FORMAT`; format 1 stays readable.
"""

from __future__ import annotations

import msgspec

from pytest_detgate.findings import Finding, Measurement, Verdict

FORMAT = 1


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the gate: what it measured, where, and its verdict.

    `findings` is capped, `findings_total` is not.
    `waiver` says who accepted the failure, why and until when.
    """

    id: str
    code: str
    verdict: Verdict
    message: str
    measurements: list[Measurement] = []
    findings: list[Finding] = []
    findings_total: int = 0
    duration_s: float = 0.0
    waiver: str | None = None


class SplitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One split: its files and what is in it. `notes` are things a reader must know about it."""

    annotations: str
    images_dir: str
    sha256: str
    images: int
    boxes: int
    empty: int
    notes: list[str] = []


class ProbeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One probe: frames checked by hand, with nothing to detect but its allowed boxes."""

    images_dir: str
    images: int
    boxes: int
    annotations: str | None = None
    sha256: str | None = None
    notes: list[str] = []


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    splits: dict[str, SplitRecord] = {}
    probes: dict[str, ProbeRecord] = {}


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The gated model. `device` is where its detections were computed, `kept` says how many of
    the images' detections came from the store rather than from this run."""

    checkpoint: str
    sha256: str
    classes: list[str]
    device: str
    epoch: int | None = None
    config: str | None = None
    images: int = 0
    kept: int = 0
    notes: list[str] = []


class PredictionsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A result file that was gated in place of a model."""

    path: str
    sha256: str
    detections: int


class ClassScoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """AP of one class; None where COCO defines no value. `boxes` is its ground truth."""

    AP: float | None
    AP50: float | None
    AP75: float | None
    boxes: int


class ScoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """COCO figures of one split; None where COCO defines no value (pycocotools says −1)."""

    protocol: str
    engine: str
    AP: float | None
    AP50: float | None
    AP75: float | None
    AP_small: float | None
    AP_medium: float | None
    AP_large: float | None
    AR1: float | None
    AR10: float | None
    AR100: float | None
    AR_small: float | None
    AR_medium: float | None
    AR_large: float | None
    classes: dict[str, ClassScoreRecord]


class ConfigRecord(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    sha256: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. Paths are relative to the root directory pytest ran with."""

    verdict: Verdict
    started: str
    duration_s: float
    command: list[str]
    versions: dict[str, str]
    config: ConfigRecord
    dataset: DatasetRecord
    rules: list[RuleResult]
    model: ModelRecord | None = None
    predictions: dict[str, PredictionsRecord] = {}
    scores: dict[str, ScoreRecord] = {}
    score_threshold: float | None = None
    format: int = FORMAT
