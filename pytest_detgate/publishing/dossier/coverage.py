"""What a dossier gives of what two texts ask for: EU AI Act, Annex IV, points 2(g) and 3, and the
control criteria of ISO/IEC TS 4213:2022, clause 5.3. The requests are in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pytest_detgate.publishing.dossier.sections import Grid
from pytest_detgate.record.report import Report

Answer = Literal["given", "in part", "not in this run", "not by this tool"]
SEPARATION = ("clip-overlap", "duplicate-images", "probe-isolation", "frame-distance")
_LABELS = (
    "box-bounds",
    "box-format",
    "degenerate-boxes",
    "duplicate-boxes",
    "dangling-annotations",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a text asks for. `rules` are those that give it, or a part of it, if one was evaluated;
    `has` names a part of the record that gives it. `best` is the most that this tool can give.
    """

    reference: str
    asks: str
    where: str
    best: Answer = "in part"
    rules: Sequence[str] = field(default=())
    has: Literal["", "data", "scores", "model", "baseline", "versions"] = ""


REQUESTS = (
    Request(
        reference="AI Act IV 2(g)",
        asks="validation and testing procedures",
        where="Protocol; Limits and values. How images were chosen and labelled is to be added.",
        has="data",
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="validation and testing data and their main characteristics",
        where="Data",
        has="data",
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="metrics of accuracy",
        where="Scores; Limits and values",
        best="given",
        has="scores",
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="metrics of robustness",
        where="Limits and values: corrupted and changed images, repeatability, slices, false "
        "alarms on probes",
        rules=("robustness", "stability", "repeatability", "slice-ap", "probe-fp"),
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="potentially discriminatory impacts",
        where="",
        best="not by this tool",
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="test logs and reports, dated and signed by who is responsible",
        where="This report has the date of the run; the signature is to be added.",
        has="versions",
    ),
    Request(
        reference="AI Act IV 2(g)",
        asks="pre-determined changes",
        where="Limits and values: comparison with the baseline",
        rules=("ap-regression", "fp-regression"),
    ),
    Request(
        reference="AI Act IV 3",
        asks="capabilities and limits of performance, overall accuracy for the purpose",
        where="Purpose; Scores; Limits and values",
        has="scores",
    ),
    Request(
        reference="AI Act IV 3",
        asks="accuracy for persons or groups",
        where="",
        best="not by this tool",
    ),
    Request(
        reference="AI Act IV 3",
        asks="foreseeable unintended outcomes and sources of risk",
        where="Limits and values: false alarms and misses that were measured; the risks themselves "
        "are to be added.",
        rules=("probe-fp", "alarm-rate", "recall", "error-budget"),
    ),
    Request(reference="AI Act IV 3", asks="human oversight", where="", best="not by this tool"),
    Request(
        reference="AI Act IV 3",
        asks="specifications of input data",
        where="Data: sizes and contents of the images that were tested",
        has="data",
    ),
    Request(
        reference="TS 4213, 5.3.2",
        asks="representative data, bias",
        where="Limits and values: drift between splits, support of classes. Whether the data "
        "represent the use is to be argued.",
        rules=("split-drift", "class-support", "class-balance", "negative-diversity"),
    ),
    Request(
        reference="TS 4213, 5.3.3",
        asks="preprocessing",
        where="Data: orientation of images, notes of readers; the model's own preprocessing is "
        "part of its file.",
        has="data",
    ),
    Request(
        reference="TS 4213, 5.3.4",
        asks="training data",
        where="Data; Limits and values: what the training feeds to the model",
        rules=("training-view", "empty-gt-share"),
    ),
    Request(
        reference="TS 4213, 5.3.5",
        asks="test and validation data",
        where="Data, with digests",
        best="given",
        has="data",
    ),
    Request(reference="TS 4213, 5.3.6", asks="cross-validation", where="", best="not by this tool"),
    Request(
        reference="TS 4213, 5.3.7",
        asks="no leak between training and test data",
        where="Separation of data",
        best="given",
        rules=SEPARATION,
    ),
    Request(
        reference="TS 4213, 5.3.8",
        asks="no cue of the channel instead of the object",
        where="Limits and values: false alarms on probes, clips and sites of negative images",
        rules=("probe-fp", "negative-diversity", "slice-ap"),
    ),
    Request(
        reference="TS 4213, 5.3.9",
        asks="ground truth",
        where="Limits and values: faults of labels that can be seen without looking at images",
        rules=_LABELS,
    ),
    Request(
        reference="TS 4213, 5.3.10",
        asks="algorithm, hyperparameters and parameters",
        where="What was tested: file, digest and configuration of the model",
        has="model",
    ),
    Request(
        reference="TS 4213, 5.3.11",
        asks="environment of the evaluation",
        where="Environment",
        best="given",
        has="versions",
    ),
    Request(
        reference="TS 4213, 5.3.12",
        asks="acceleration",
        where="What was tested: device; Limits and values: latency",
        rules=("latency",),
    ),
    Request(
        reference="TS 4213, 5.3.13",
        asks="appropriate baselines",
        where="Limits and values: comparison with the baseline that the project chose",
        has="baseline",
    ),
    Request(
        reference="TS 4213, 5.3.14",
        asks="context of the performance",
        where="Purpose; the operating point in Protocol",
        has="scores",
    ),
)


def coverage(report: Report) -> Grid:
    """Return the table of requests with what this run gives of each."""
    rows = []
    for request in REQUESTS:
        answer = answer_to(request, report)
        where = request.where if answer in ("given", "in part") else ""
        rows.append((request.reference, request.asks, answer, where))
    return Grid(columns=("Text", "Asks for", "Answer", "Where"), rows=tuple(rows))


def answer_to(request: Request, report: Report) -> Answer:
    """Tell how much of a request a run gives: a rule that was not evaluated gives nothing."""
    if request.best == "not by this tool":
        return request.best
    evaluated = {rule.code for rule in report.rules if rule.verdict != "not-evaluated"}
    parts = {
        "": bool(evaluated.intersection(request.rules)),
        "data": any(split.sha256 for split in report.dataset.splits.values()),
        "scores": bool(report.scores),
        "model": report.model is not None,
        "baseline": report.baseline is not None,
        "versions": bool(report.versions),
    }
    return request.best if parts[request.has] else "not in this run"
