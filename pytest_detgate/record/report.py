"""The record of one run, as it is in `report.json`.

Format 1. A later format raises `FORMAT`; format 1 stays readable.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pytest_detgate.dataset.images.options import MAX_PIXELS
from pytest_detgate.evidence import Chart, Evidence, LineChart
from pytest_detgate.findings import Finding, Interval, Measurement, Table, Verdict
from pytest_detgate.gaps import Unit
from pytest_detgate.record.accepted_record import AcceptedRecord
from pytest_detgate.record.project_files.known_findings import Fingerprint
from pytest_detgate.record.project_files.looks import LedgerRecord
from pytest_detgate.record.score_parts import ConfusionRecord, ErrorRecord, UltralyticsRecord

FORMAT = 1
FINDINGS_CAP = 200
RUNNING: Literal["running"] = "running"
NO_DETECTIONS = "none"
"""In place of a digest: a rule needed the detections, and there are none at all. Many models have
that in common."""


class RuleResult(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the gate: what it measured, where, and its verdict.

    `findings` is capped, `findings_total` is not. `to_look_at` is how much the item has to look at,
    counted before it looks, and `looked_at` how much it did look at, both in `look_unit`. They are
    None if the item never counted. `left_out` says what was not looked at; an option allows
    `left_out_allowed` of it. `can_block` says whether a worse value would have failed the run. It
    is false for a warning, for a waived item, and for a limit that nothing can break. `needs` says
    what evidence is lacking to show that the limits hold: "no false box on 59 clips would show less
    than 5% …; 12 were looked at". It is None if nothing is lacking, if a value is beyond its limit
    anyway, and for rules that estimate nothing. `waiver` says who accepted the failure, why and
    until when. `about` explains the rule in one line. `advice`
    says what to try if it does not pass. `findings_files` are COCO files with all findings on
    images, relative to the report's folder, except for the `findings_not_written`, which are over
    `max-findings-megabytes`. `documents` are files with the result in the form of another tool, as
    `gx/` for Great Expectations. `tables` are the numbers behind the verdict, by title.
    `evidence` is what the page shows. `fingerprints` are those of all findings, if the item did not
    pass and `accept` can record them. `accepted` is what `detgate-known.json` accepts of the item.
    `is_sealed` says that the item looked at a sealed probe, so that only its verdict is here.
    """

    id: str
    code: str
    verdict: Verdict
    message: str
    measurements: list[Measurement] = []
    findings: list[Finding] = []
    findings_total: int = 0
    duration_s: float = 0.0
    looked_at: int | None = None
    to_look_at: int | None = None
    look_unit: Unit | None = None
    left_out: list[str] = []
    left_out_allowed: int = 0
    can_block: bool = True
    needs: str | None = None
    waiver: str | None = None
    about: str = ""
    advice: str = ""
    findings_files: list[str] = []
    findings_not_written: int = 0
    documents: list[str] = []
    tables: dict[str, Table] = {}
    evidence: Evidence = Evidence()
    fingerprints: list[Fingerprint] = []
    is_sealed: bool = False
    accepted: list[AcceptedRecord] = []


class SplitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One split: its files and its contents. `images_sha256` is a digest of its images by name and
    content, if a model has read them. `detections_sha256` is a digest of the detections on it, if a
    rule needed them; `none` if there are none. `notes` are facts about it that a reader must know.
    """

    annotations: str
    images_dir: str
    sha256: str
    images: int
    boxes: int
    empty: int
    images_sha256: str | None = None
    detections_sha256: str | None = None
    notes: list[str] = []


class FalseBoxCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The false boxes on a probe over a score threshold.

    `by_image` has the number on each image, in the order of the file names: `0x12 3 0x5` is 12
    images with none, one with 3, and 5 with none. It is None if it would be too long.
    """

    score_threshold: float
    boxes: int
    by_image: str | None = None


class ProbeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One probe: images checked by hand, with nothing to detect except its allowed boxes.

    `names_sha256` is a digest of the file names. `images_sha256` is one of names and contents, if
    detections were judged and all images exist. With them, another run recognises the same probe.
    A probe that is a part of a split names it, `split`, and which images those are, `query`. Its
    `sha256` is then a digest of these images and boxes alone.
    `detections_sha256` is a digest of the detections on it, if a rule needed them; `none` if there
    are none. `false_boxes` are the counts of each threshold that a rule counted at.
    """

    images_dir: str
    images: int
    boxes: int
    annotations: str | None = None
    sha256: str | None = None
    names_sha256: str | None = None
    images_sha256: str | None = None
    split: str | None = None
    query: str | None = None
    detections_sha256: str | None = None
    false_boxes: list[FalseBoxCounts] = []
    notes: list[str] = []


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was gated. `charts` compare the splits. `upright` says that images are turned as their
    EXIF orientation says. An image with more pixels than `max_pixels` is not opened.
    """

    splits: dict[str, SplitRecord] = {}
    probes: dict[str, ProbeRecord] = {}
    charts: list[Chart] = []
    upright: bool = True
    max_pixels: int = MAX_PIXELS


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The gated model. `framework` names what ran it. `device` is where its detections were
    computed. `kept` is the number of images whose detections came from the cache and not from this
    run. A model without a file has its entry, `module:function`, as its checkpoint. `key` is a
    digest of everything that its detections depend on: the checkpoint, the configuration, code,
    packages.
    """

    checkpoint: str
    sha256: str
    classes: list[str]
    device: str
    framework: str = "mmdetection"
    epoch: int | None = None
    config: str | None = None
    images: int = 0
    kept: int = 0
    key: str | None = None
    notes: list[str] = []


class PredictionsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A result file that was gated instead of a model. `detections_sha256` is a digest of the
    detections in it, in any order and layout; None if there is none. `notes` are facts about the
    file that a reader must know.
    """

    path: str
    sha256: str
    detections: int
    detections_sha256: str | None = None
    notes: list[str] = []


class BaselineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the gated model was compared with: a checkpoint, the report of an earlier run, or the
    file that `approve` wrote.
    """

    path: str
    sha256: str
    kind: Literal["checkpoint", "report", "approved"]


class ClassScoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """AP of one class; None where COCO defines no value. `boxes` is its number of ground-truth
    boxes, `intervals` are the bounds of the metrics that have some.
    """

    AP: float | None
    AP50: float | None
    AP75: float | None
    boxes: int
    intervals: dict[str, Interval] = {}


class ScoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """COCO metrics of one split; None where COCO defines no value (pycocotools says −1).

    AP uses the `max_detections` best detections of each image and class; `uncounted` is the number
    of the others. `intervals` are the bounds of the metrics that have some, by name. `confusion` is
    at the operating point, `errors` are by kind. Both are missing from reports of earlier releases,
    and if they could not be computed. `charts` are the curves behind the metrics. `ultralytics` are
    the numbers of that protocol, if `[scoring]` asks for them.
    """

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
    max_detections: int = 100
    uncounted: int = 0
    intervals: dict[str, Interval] = {}
    confusion: ConfusionRecord | None = None
    errors: dict[str, ErrorRecord] = {}
    charts: list[Chart] = []
    ultralytics: UltralyticsRecord | None = None


class ProjectRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the detector is for, as `[project]` says."""

    name: str = ""
    version: str = ""
    owner: str = ""
    purpose: str = ""
    not_for: list[str] = []


class ConfigRecord(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    sha256: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. Paths are relative to pytest's root directory.

    The verdict is `running` until the run ends. It stays `running` if the run ends without a
    record. `not_selected` are the rules that the user left out (`-k`, `-m`, `--deselect`, `--lf`,
    `--sw` or node ids). `history` are the values of each rule over the earlier runs and this one,
    if `[history]` names a file. `ledger` counts the models judged on each split and probe, if the
    project has `[evidence]` or a sealed probe.
    """

    format: int = FORMAT
    verdict: Verdict | Literal["running"]
    started: str
    duration_s: float
    command: list[str]
    versions: dict[str, str]
    config: ConfigRecord
    dataset: DatasetRecord
    rules: list[RuleResult]
    not_selected: list[str] = []
    model: ModelRecord | None = None
    predictions: dict[str, PredictionsRecord] = {}
    scores: dict[str, ScoreRecord] = {}
    score_threshold: float | None = None
    baseline: BaselineRecord | None = None
    history: list[LineChart] = []
    project: ProjectRecord | None = None
    ledger: LedgerRecord | None = None
