"""The sections of a dossier on data, protocol and scores."""

from __future__ import annotations

from pytest_detgate.findings import Interval
from pytest_detgate.publishing.dossier.sections import Grid, Section
from pytest_detgate.record.formatting import ends_words, number
from pytest_detgate.record.report import ProbeRecord, Report, ScoreRecord, SplitRecord

_METRICS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100")


def data_section(report: Report) -> Section:
    """Return what was looked at: each split and probe with its digests."""
    columns = ("Data set", "Images", "Without annotation", "Boxes", "Annotations", "Digests")
    splits = tuple(
        (
            name,
            f"{split.images:,}",
            f"{split.empty:,}",
            f"{split.boxes:,}",
            split.annotations,
            _digests(split),
        )
        for name, split in report.dataset.splits.items()
    )
    probes = tuple(
        (
            f"{name} (probe)",
            f"{probe.images:,}",
            "",
            f"{probe.boxes:,}",
            _origin_text(probe),
            _digests(probe),
        )
        for name, probe in report.dataset.probes.items()
    )
    notes = tuple(
        f"{name}: {note}"
        for entries in (report.dataset.splits, report.dataset.probes)
        for name, entry in entries.items()
        for note in entry.notes
    )
    turned = "turned as their EXIF orientation says" if report.dataset.upright else "not turned"
    return Section(
        title="Data",
        paragraphs=(f"Images are {turned}. A probe holds images with nothing to detect, except "
                    "boxes that are allowed.",),
        entries=notes,
        grids=(Grid(columns=columns, rows=(*splits, *probes)),),
    )  # fmt: skip


def _origin_text(probe: ProbeRecord) -> str:
    if probe.split is not None:
        return f"part of {probe.split}: {probe.query or ''}"
    return probe.annotations or probe.images_dir


def _digests(entry: SplitRecord | ProbeRecord) -> str:
    named = {"annotations": entry.sha256, "images": entry.images_sha256}
    return "; ".join(f"{name} {digest}" for name, digest in named.items() if digest)


def protocol_section(report: Report) -> Section:
    """Return how scores were computed."""
    rows = tuple(
        (name, score.protocol, score.engine, f"{score.max_detections:,}", _methods(score))
        for name, score in report.scores.items()
    )
    columns = ("Data set", "Protocol", "Engine", "Detections an image", "Bounds")
    threshold = report.score_threshold
    text = (
        [] if threshold is None else [f"Operating point: a box counts if its score > {threshold}."]
    )
    text.append(
        "A value is compared unrounded with its limit. What was not looked at never passes."
    )
    grids = (Grid(columns=columns, rows=rows),) if rows else ()
    return Section(title="Protocol", paragraphs=tuple(text), grids=grids)


def _methods(score: ScoreRecord) -> str:
    return "; ".join(sorted({interval.method for interval in score.intervals.values()})) or "none"


def scores_section(report: Report) -> Section:
    """Return the scores with their bounds."""
    grids = []
    for name, score in report.scores.items():
        rows = tuple(
            (
                f"{name}: {metric}",
                _score(getattr(score, metric)),
                _ends(score.intervals.get(metric)),
            )
            for metric in _METRICS
        )
        grids.append(Grid(columns=("Metric", "Value", "Bounds"), rows=rows))
        of_class = tuple(
            (
                f"{name}: {label}",
                f"{score.boxes:,}",
                _score(score.AP),
                _ends(score.intervals.get("AP")),
            )
            for label, score in score.classes.items()
        )
        columns = ("Class", "Boxes", "AP", "Bounds")
        grids.append(Grid(columns=columns, rows=of_class))
        if (own := score.ultralytics) is not None:
            numbers = {**own.metrics, "score of best F1": own.best_f1_score}
            shown = tuple((f"{name}: {metric}", number(value)) for metric, value in numbers.items())
            grids.append(Grid(columns=(f"Metric ({own.protocol})", "Value"), rows=shown))
    text = () if grids else ("No score was computed in this run.",)
    return Section(title="Scores", paragraphs=text, grids=tuple(grids))


def _score(value: float | None) -> str:
    return "not defined" if value is None else number(value)


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else ends_words(interval)
