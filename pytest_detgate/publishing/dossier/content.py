"""The sections of a dossier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.publishing.dossier.coverage import coverage
from pytest_detgate.publishing.dossier.sections import Document, Grid, Section
from pytest_detgate.publishing.dossier.set_limits import SetLimit
from pytest_detgate.record.formatting import duration, ends_words, moment, number
from pytest_detgate.record.report import ProbeRecord, Report, RuleResult, ScoreRecord, SplitRecord
from pytest_detgate.record.result_text import finding_text, held_against_limit, looked_text
from pytest_detgate.report.headline import BLOCKING, VERDICT_WORDS, headline_of, in_order

SEPARATION = ("clip-overlap", "frame-distance", "duplicate-images", "probe-isolation")
_EXAMPLES = 5
_METRICS = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100")
NO_CLAIM = (
    "This report repeats what one run measured. It is no declaration of conformity with any law or "
    "standard, and no opinion on whether the detector is fit for its purpose."
)


def document_of(report: Report, limits: Sequence[SetLimit] | None) -> Document:
    """Return the dossier of a run; `limits` say who set its limits, None if nobody can tell."""
    name = report.project.name if report.project and report.project.name else "object detector"
    sections = (
        _summary(report),
        _purpose(report),
        _tested(report),
        _data(report),
        _separation(report),
        _protocol(report),
        _scores(report),
        _limits(report),
        _authors(limits),
        _waivers(report),
        _failures(report),
        _environment(report),
        _answers(report),
        _signatures(),
    )
    return Document(title=f"Test report: {name}", sections=sections)


def _summary(report: Report) -> Section:
    headline = headline_of(report)
    return Section(
        title="Summary",
        paragraphs=(
            f"{headline.word}. {headline.sentence}",
            f"Run of {moment(report.started)}, configuration {report.config.path} "
            f"(SHA-256 {report.config.sha256}).",
            NO_CLAIM,
        ),
    )


def _purpose(report: Report) -> Section:
    project = report.project
    if project is None or not project.purpose:
        text = "Not stated: the configuration has no [project] with a purpose."
        return Section(title="Purpose", paragraphs=(text,))
    facts = (("Name", project.name), ("Version", project.version), ("Responsible", project.owner))
    return Section(
        title="Purpose",
        paragraphs=(project.purpose,),
        entries=(
            *(f"{name}: {value}" for name, value in facts if value),
            *(f"Not for: {use}" for use in project.not_for),
        ),
    )


def _tested(report: Report) -> Section:
    model = report.model
    grids = []
    if model is not None:
        facts = {
            "File": model.checkpoint,
            "SHA-256": model.sha256,
            "Framework": model.framework,
            "Epoch": "" if model.epoch is None else str(model.epoch),
            "Configuration": model.config or "",
            "Device": model.device,
            "Classes": ", ".join(model.classes),
            "Images": f"{model.images:,}, {model.kept:,} of them from the cache",
            "Notes": "; ".join(model.notes),
        }
        grids.append(_facts(facts))
    if report.predictions:
        rows = tuple(
            (name, one.path, f"{one.detections:,}", one.sha256)
            for name, one in report.predictions.items()
        )
        columns = ("Data set", "Result file", "Detections", "SHA-256")
        grids.append(Grid(columns=columns, rows=rows))
    if report.baseline is not None:
        baseline = report.baseline
        grids.append(_facts({"Baseline": baseline.path, "SHA-256": baseline.sha256}))
    text = () if grids else ("No model: only data was tested.",)
    return Section(title="What was tested", paragraphs=text, grids=tuple(grids))


def _data(report: Report) -> Section:
    columns = ("Data set", "Images", "Without annotation", "Boxes", "Annotations", "Digests")
    splits = tuple(
        (
            name,
            f"{one.images:,}",
            f"{one.empty:,}",
            f"{one.boxes:,}",
            one.annotations,
            _digests(one),
        )
        for name, one in report.dataset.splits.items()
    )
    probes = tuple(
        (f"{name} (probe)", f"{one.images:,}", "", f"{one.boxes:,}", _place(one), _digests(one))
        for name, one in report.dataset.probes.items()
    )
    notes = tuple(
        f"{name}: {note}"
        for entries in (report.dataset.splits, report.dataset.probes)
        for name, one in entries.items()
        for note in one.notes
    )
    turned = "turned as their EXIF orientation says" if report.dataset.upright else "not turned"
    return Section(
        title="Data",
        paragraphs=(f"Images are {turned}. A probe holds images with nothing to detect, except "
                    "boxes that are allowed.",),
        entries=notes,
        grids=(Grid(columns=columns, rows=(*splits, *probes)),),
    )  # fmt: skip


def _place(probe: ProbeRecord) -> str:
    if probe.split is not None:
        return f"part of {probe.split}: {probe.query or ''}"
    return probe.annotations or probe.images_dir


def _digests(entry: SplitRecord | ProbeRecord) -> str:
    named = {"annotations": entry.sha256, "images": entry.images_sha256}
    return "; ".join(f"{name} {digest}" for name, digest in named.items() if digest)


def _separation(report: Report) -> Section:
    rules = [rule for rule in report.rules if rule.code in SEPARATION]
    text = (
        "Images of one clip are not independent: clips shared by two splits, and copies of images."
    )
    if not rules:
        text = "Not tested in this run: no rule looks for clips or images that two splits share."
    grids = (_results(rules),) if rules else ()
    return Section(title="Separation of data", paragraphs=(text,), grids=grids)


def _protocol(report: Report) -> Section:
    rows = tuple(
        (name, one.protocol, one.engine, f"{one.max_detections:,}", _methods(one))
        for name, one in report.scores.items()
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
    return "; ".join(sorted({one.method for one in score.intervals.values()})) or "none"


def _scores(report: Report) -> Section:
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
            (f"{name}: {label}", f"{one.boxes:,}", _score(one.AP), _ends(one.intervals.get("AP")))
            for label, one in score.classes.items()
        )
        columns = ("Class", "Boxes", "AP", "Bounds")
        grids.append(Grid(columns=columns, rows=of_class))
    text = () if grids else ("No score was computed in this run.",)
    return Section(title="Scores", paragraphs=text, grids=tuple(grids))


def _score(value: float | None) -> str:
    return "not defined" if value is None else number(value)


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else ends_words(interval)


def _limits(report: Report) -> Section:
    return Section(title="Limits and values", grids=(_results(in_order(report.rules)),))


def _results(rules: Iterable[RuleResult]) -> Grid:
    rows = tuple(
        (rule.id, VERDICT_WORDS[rule.verdict], _values(rule), looked_text(rule)) for rule in rules
    )
    return Grid(columns=("Rule", "Verdict", "Values", "Looked at"), rows=rows)


def _values(rule: RuleResult) -> str:
    return "; ".join(map(_value, rule.measurements)) or rule.message


def _value(measured: Measurement) -> str:
    ends = "" if measured.interval is None else f" {ends_words(measured.interval)}"
    if measured.limit is not None:
        own = ends if measured.bound == "point" else ""
        return f"{held_against_limit(measured)}{own}"
    return f"{measured.name} {number(measured.value)}{ends}"


def _authors(limits: Sequence[SetLimit] | None) -> Section:
    title = "Who set the limits"
    if limits is None:
        text = "Not known: the configuration of this run is not in the history of a git repository."
        return Section(title=title, paragraphs=(text,))
    columns = ("Table", "Line", "Setting", "Set by", "Day", "Commit")
    rows = tuple(
        (one.table, str(one.line), one.text, one.author, one.day, one.commit) for one in limits
    )
    text = "By git: who wrote the line last. A setting that is not in the file has its default."
    return Section(title=title, paragraphs=(text,), grids=(Grid(columns=columns, rows=rows),))


def _waivers(report: Report) -> Section:
    waived = [rule for rule in report.rules if rule.waiver or rule.verdict == "waived"]
    rows = tuple((rule.id, VERDICT_WORDS[rule.verdict], rule.waiver or "") for rule in waived)
    text: tuple[str, ...] = () if rows else ("None.",)
    grids = (Grid(columns=("Rule", "Verdict", "Waiver"), rows=rows),) if rows else ()
    return Section(title="Waivers", paragraphs=text, grids=grids)


def _failures(report: Report) -> Section:
    rules = [rule for rule in in_order(report.rules) if rule.verdict in BLOCKING]
    entries = tuple(entry for rule in rules for entry in _failure(rule))
    left_out = f"Rules that were not selected: {', '.join(report.not_selected)}."
    text = () if rules else ("None.",)
    return Section(
        title="Failures",
        paragraphs=(*text, left_out) if report.not_selected else text,
        entries=entries,
    )


def _failure(rule: RuleResult) -> Iterable[str]:
    yield f"{rule.id}, {VERDICT_WORDS[rule.verdict].lower()}: {rule.message}"
    for finding in rule.findings[:_EXAMPLES]:
        yield f"{rule.id}: {finding_text(finding)}"
    rest = rule.findings_total - min(len(rule.findings), _EXAMPLES)
    if rest > 0:
        yield f"{rule.id}: {rest:,} more findings in the record"


def _environment(report: Report) -> Section:
    facts = {
        "Command": " ".join(report.command),
        "Started": report.started,
        "Duration": duration(report.duration_s),
        **report.versions,
    }
    return Section(title="Environment", grids=(_facts(facts),))


def _facts(facts: dict[str, str]) -> Grid:
    rows = tuple((name, value) for name, value in facts.items() if value)
    return Grid(columns=("What", "Value"), rows=rows)


def _answers(report: Report) -> Section:
    text = (
        "What this report gives of what two texts ask for: Regulation (EU) 2024/1689, Annex IV, "
        "points 2(g) and 3, and the control criteria of ISO/IEC TS 4213:2022, clause 5.3. The "
        "requests are in our words; the texts themselves count. Given: complete in this report. In "
        "part: something has to be added. Not in this run: a rule or part of the record can give "
        "it. Not by this tool: another document has to give it."
    )
    return Section(
        title="AI Act and ISO/IEC TS 4213", paragraphs=(text, NO_CLAIM), grids=(coverage(report),)
    )


def _signatures() -> Section:
    rows = (("Tested by", "", ""), ("Checked by", "", ""), ("Released by", "", ""))
    return Section(
        title="Signatures", grids=(Grid(columns=("Role", "Name and date", "Signature"), rows=rows),)
    )
