"""The sections of a dossier."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_detgate.counts import counted
from pytest_detgate.findings import Measurement
from pytest_detgate.publishing.dossier.coverage import SEPARATION, coverage
from pytest_detgate.publishing.dossier.data_and_scores import (
    data_section,
    protocol_section,
    scores_section,
)
from pytest_detgate.publishing.dossier.sections import Document, Grid, Section
from pytest_detgate.publishing.dossier.set_limits import SetLimit
from pytest_detgate.record.formatting import duration, ends_words, moment, number
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.record.result_text import finding_text, held_against_limit, looked_text
from pytest_detgate.report.headline import BLOCKING, VERDICT_WORDS, headline_of, in_order

_EXAMPLES = 5
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
        data_section(report),
        _separation(report),
        protocol_section(report),
        scores_section(report),
        _limits(report),
        _authors(limits),
        _waivers(report),
        _accepted(report),
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
            (name, prediction.path, f"{prediction.detections:,}", prediction.sha256)
            for name, prediction in report.predictions.items()
        )
        columns = ("Data set", "Result file", "Detections", "SHA-256")
        grids.append(Grid(columns=columns, rows=rows))
    if report.baseline is not None:
        baseline = report.baseline
        grids.append(_facts({"Baseline": baseline.path, "SHA-256": baseline.sha256}))
    text = () if grids else ("No model: only data was tested.",)
    return Section(title="What was tested", paragraphs=text, grids=tuple(grids))


def _separation(report: Report) -> Section:
    rules = [rule for rule in report.rules if rule.code in SEPARATION]
    text = "Frames of one clip are alike, so no clip and no copy of an image may be in two splits."
    if not rules:
        text = "Not tested in this run: no rule looks for clips or images that two splits share."
    grids = (_results(rules),) if rules else ()
    return Section(title="Separation of data", paragraphs=(text,), grids=grids)


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
        (limit.table, str(limit.line), limit.text, limit.author, limit.day, limit.commit)
        for limit in limits
    )
    text = "By git: who wrote the line last. A setting that is not in the file has its default."
    return Section(title=title, paragraphs=(text,), grids=(Grid(columns=columns, rows=rows),))


def _waivers(report: Report) -> Section:
    waived = [rule for rule in report.rules if rule.waiver or rule.verdict == "waived"]
    rows = tuple((rule.id, VERDICT_WORDS[rule.verdict], rule.waiver or "") for rule in waived)
    text: tuple[str, ...] = () if rows else ("None.",)
    grids = (Grid(columns=("Rule", "Verdict", "Waiver"), rows=rows),) if rows else ()
    return Section(title="Waivers", paragraphs=text, grids=grids)


def _accepted(report: Report) -> Section:
    rows = tuple(
        (rule.id, f"{acceptance.findings:,}", acceptance.owner, acceptance.until, acceptance.why)
        for rule in report.rules
        for acceptance in rule.accepted
    )
    if not rows:
        return Section(title="Accepted findings", paragraphs=("None.",))
    text = "A rule does not fail on these findings until that day. It fails on every other one."
    columns = ("Rule", "Findings", "Accepted by", "Until", "Why")
    grid = Grid(columns=columns, rows=rows)
    return Section(title="Accepted findings", paragraphs=(text,), grids=(grid,))


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
        yield f"{rule.id}: {counted(rest, 'more finding')} in the record"


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
