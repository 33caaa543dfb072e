"""What becomes of an outcome: the verdict of an item, and what its result shows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.config.tables.run_tables import WaiverTable
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.project_files.known_findings import Acceptance, Fingerprint
from pytest_detgate.record.report import FINDINGS_CAP, RuleResult
from pytest_detgate.rules.binding import BoundRule, today
from pytest_detgate.rules.rule import Outcome, Rule, Target
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json

DAY = datetime.timedelta(days=1)
BROKEN = Measurement.at_most("boxes", 5, 2)
WITHIN_LIMIT = Measurement.at_most("boxes", 1, 2)
ON_BOTH = Target(label="x", datasets=("val",), detections=("val",))
NO_EXTENT = Extent(unit="clips", to_look_at=0, looked_at=0)


class Scripted(Rule, frozen=True, kw_only=True):
    """Returns what a test wrote down.

    ## How to fix

    Look at it.
    - `boxes` too high: Remove some.
    - `x` found: Look at x.
    - MMDetection: Set a key.
    - other frameworks: Make sure.
    """

    code: ClassVar[str] = "scripted"
    answer: Any

    def check(self, target: Target, inputs: Any) -> Outcome:
        outcome: Outcome = self.answer()
        return outcome


class Lenient(Scripted, frozen=True, kw_only=True):
    """The same, with an option on what too little evidence means."""

    too_little: Literal["fail", "warn"] = "fail"


class Accepting(Scripted, frozen=True, kw_only=True):
    """The same, and its findings can be accepted."""

    accepts_findings: ClassVar[bool] = True


class Moving(Accepting, frozen=True, kw_only=True):
    """The same, and the boxes of its findings are detections."""

    findings_move: ClassVar[bool] = True


Judge = Callable[..., RuleResult]


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Four clips of one image in `val` and in the sealed probe `calm`, without boxes."""
    tables, files = "", {}
    for name, table in (("val", "dataset.splits"), ("calm", "probes")):
        images: dict[str, Any] = {f"{name}{clip}_1.jpg": [] for clip in range(4)}
        write_json(tmp_path / f"{name}.json", coco_content(images, ["cone"]))
        detections = {f"{name}0_1.jpg": [("cone", 0.9, 1.0, 1.0, 9.0, 9.0)]}
        files[name] = write_json(
            tmp_path / f"{name}-found.json", result_content(images, detections, ["cone"])
        )
        tables += f'[{table}.{name}]\nannotations = "{name}.json"\nimages = "."\n'
    path = tmp_path / "detgate.toml"
    path.write_text(f"{tables}sealed = true\n[rules.duplicate-ids]\n", encoding="utf-8")
    project = Project(load_configuration(path), tmp_path)
    return Inputs(project, ResultFiles(files, project), ["val", "calm"])


def bound(rule: Rule, inputs: Inputs) -> BoundRule:
    return BoundRule(rule, inputs.project.configuration.location, (ON_BOTH,))


@pytest.fixture
def judged(inputs: Inputs) -> Judge:
    """Judge an outcome, or the error to raise instead; further arguments are those of `judge`."""

    def evaluate(
        outcome: Outcome | BaseException,
        kind: type[Scripted] = Scripted,
        target: Target = ON_BOTH,
        options: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> RuleResult:
        def answer() -> Outcome:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        rule = kind(answer=answer, **(options or {}))
        return judge(bound(rule, inputs), target, inputs, **arguments)

    return evaluate


def waiver(item: str = "scripted[x]", days: int = 1) -> WaiverTable:
    return WaiverTable(item=item, reason="dusk", owner="ada", until=today() + days * DAY)


def numbered(count: int, read: list[int] | None = None) -> Iterator[Finding]:
    """Findings that note which of them were read."""
    for number in range(count):
        if read is not None:
            read.append(number)
        yield Finding(text=f"box {number}", dataset="val", image=f"{number}.jpg")


def accepted(*images: int, days: int = 1, why: str = "dusk", **location: Any) -> Acceptance:
    return Acceptance(
        item="scripted[x]",
        owner="ada",
        until=today() + days * DAY,
        why=why,
        findings=[Fingerprint(dataset="val", image=f"{image}.jpg", **location) for image in images],
    )


def test_a_result_has_what_every_result_has(judged: Judge) -> None:
    tables = {"Boxes": Table(columns=["clip", "boxes"], rows=[["c0", 5]])}
    evidence = Evidence(frames_total=3)
    result = judged(
        Outcome(
            message="5 boxes",
            measurements=[BROKEN],
            needs="9 more clips",
            tables=tables,
            evidence=evidence,
        )
    )

    assert (result.id, result.code, result.verdict) == ("scripted[x]", "scripted", "failed")
    assert (result.message, result.about) == ("5 boxes", "Returns what a test wrote down.")
    assert result.measurements == [BROKEN]
    assert (result.looked_at, result.to_look_at, result.look_unit) == (4, 4, "images")
    assert 0 < result.duration_s < 60
    assert (result.can_block, result.waiver, result.needs) == (True, None, "9 more clips")
    assert (result.findings_total, result.fingerprints, result.accepted) == (0, [], [])
    assert (result.tables, result.evidence) == (tables, evidence)


@pytest.mark.parametrize(
    ("days", "verdict", "message", "blocks"),
    [
        (1, "waived", "5 boxes", False),
        (0, "waived", "5 boxes", False),
        (-1, "failed", "5 boxes; its waiver ended on {until}", True),
    ],
)
def test_a_waiver_holds_to_its_last_day(
    judged: Judge, days: int, verdict: str, message: str, blocks: bool
) -> None:
    waivers = [waiver("other"), waiver(days=days)]
    until = waivers[1].until.isoformat()

    result = judged(Outcome(message="5 boxes", measurements=[BROKEN]), waivers=waivers)

    assert (result.verdict, result.message) == (verdict, message.format(until=until))
    assert result.waiver == f"dusk (ada, until {until})"
    assert result.can_block == blocks


def test_a_waiver_of_another_item_or_of_what_passes_does_nothing(judged: Judge) -> None:
    fails = judged(Outcome(message="", measurements=[BROKEN]), waivers=[waiver("scripted[y]")])
    passes = judged(Outcome(message="", measurements=[WITHIN_LIMIT]), waivers=[waiver()])

    assert (fails.verdict, fails.waiver) == ("failed", None)
    assert (passes.verdict, passes.waiver) == ("passed", None)


def test_limits_that_only_warn(judged: Judge) -> None:
    """Two broken limits warn only where both of them do."""
    ece = Measurement.at_most("ece", 0.5, 0.1)
    measurements = [BROKEN, ece]

    first = judged(Outcome(message="", measurements=measurements, warns=frozenset({"ece"})))
    both = judged(Outcome(message="", measurements=measurements, warns=frozenset({"ece", "boxes"})))
    rest = judged(Outcome(message="", measurements=[WITHIN_LIMIT, ece], warns=frozenset({"ece"})))

    assert [result.verdict for result in (first, both, rest)] == ["failed", "warned", "warned"]
    assert [result.can_block for result in (first, both, rest)] == [True, False, True]
    warning = judged(Outcome(message="", measurements=[BROKEN]), options={"severity": "warning"})
    assert (warning.verdict, warning.can_block) == ("warned", False)


def test_limits_that_nothing_can_break_block_nothing(judged: Judge) -> None:
    floor = Measurement.at_least("recall", 0.5, 0)
    assert not judged(Outcome(message="", measurements=[floor])).can_block
    assert judged(Outcome(message="", measurements=[floor, WITHIN_LIMIT])).can_block
    # Three images can have no more than three boxes less.
    total = Measurement.shown("images_total", 3)
    most = Measurement.at_most("images", 1, 3)
    assert not judged(Outcome(message="", measurements=[most, total])).can_block


def test_an_outcome_without_any_limit_shows_nothing(judged: Judge) -> None:
    result = judged(Outcome(message="fine", measurements=[Measurement.shown("boxes", 0)]))

    assert result.verdict == "not-evaluated"
    assert result.message == "the rule compared no value with a limit, so it shows nothing"


def test_what_the_project_accepts_needs_no_limit(judged: Judge) -> None:
    result = judged(Outcome(message="no baseline", measurements=[], accepted="first run"))

    assert (result.verdict, result.waiver) == ("waived", "first run")
    assert (result.message, result.can_block) == ("no baseline", False)


def test_an_error_is_not_evaluated_and_says_why(judged: Judge, tmp_path: Path) -> None:
    refused = judged(DataError(f"{tmp_path}/val.json: damaged"))
    crashed = judged(ZeroDivisionError("by zero"))
    ended = judged(SystemExit(3))

    assert (refused.verdict, refused.message) == ("not-evaluated", "val.json: damaged")
    assert (refused.looked_at, refused.measurements) == (4, [])
    assert refused.advice == ""
    assert crashed.verdict == ended.verdict == "not-evaluated"
    assert crashed.message.startswith("the rule crashed: ZeroDivisionError: by zero")
    assert ended.message.startswith("the rule crashed: SystemExit: 3")


def test_what_was_not_looked_at_replaces_the_count(judged: Judge) -> None:
    """An error that says how much was looked at is believed; else the count made before stays."""
    extent = Extent(unit="clips", to_look_at=4, looked_at=1, allowed=2, left_out=("3 clips",))

    text = judged(NotLookedAtError("no frames", extent))
    silent = judged(NotLookedAtError("no frames"))

    assert text.verdict == silent.verdict == "not-evaluated"
    assert text.message == silent.message == "no frames"
    assert (text.looked_at, text.to_look_at, text.look_unit) == (1, 4, "clips")
    assert (text.left_out, text.left_out_allowed) == (["3 clips"], 2)
    assert (silent.looked_at, silent.to_look_at, silent.look_unit) == (4, 4, "images")


def test_an_item_with_nothing_to_look_at_names_its_data(judged: Judge) -> None:
    result = judged(Outcome(message="fine", measurements=[WITHIN_LIMIT], extent=NO_EXTENT))

    assert (result.verdict, result.message) == (
        "not-evaluated",
        "val: there are no clips to look at",
    )


def test_the_extent_that_is_not_complete_counts(judged: Judge) -> None:
    """Of the count made before and that of the rule, whichever lacks something is shown."""
    part = Extent(unit="clips", to_look_at=4, looked_at=3, left_out=("clip c1",))
    whole = Extent(unit="clips", to_look_at=4, looked_at=4)

    lacking = judged(
        Outcome(message="fine", measurements=[WITHIN_LIMIT], extent=part, accepted="known")
    )
    failing = judged(Outcome(message="bad", measurements=[BROKEN], extent=part))
    complete = judged(Outcome(message="fine", measurements=[WITHIN_LIMIT], extent=whole))

    left_out = "1 of 4 clips of val was not looked at (clip c1)"
    assert (lacking.verdict, lacking.waiver) == ("not-evaluated", None)
    assert lacking.message == f"{left_out}; of the rest: fine"
    assert lacking.measurements == [Measurement.shown("boxes", 1)]
    assert (failing.verdict, failing.message) == ("failed", f"bad; {left_out}")
    assert failing.measurements == [BROKEN]
    assert (complete.verdict, complete.look_unit, complete.looked_at) == ("passed", "clips", 4)


@pytest.mark.parametrize(
    ("option", "extent", "verdict"),
    [
        ("fail", None, "not-evaluated"),
        ("warn", None, "warned"),
        ("warn", Extent(unit="clips", to_look_at=4, looked_at=3), "not-evaluated"),
    ],
)
def test_too_little_evidence_warns_where_all_was_looked_at(
    judged: Judge, monkeypatch: pytest.MonkeyPatch, option: str, extent: Extent | None, verdict: str
) -> None:
    if extent is not None:
        name = "pytest_detgate.rules.verdicts.verdict.extent_to_look_at"
        monkeypatch.setattr(name, lambda *_: extent)
    result = judged(
        TooLittleEvidenceError("2 clips", "3 more clips"), Lenient, options={"too_little": option}
    )

    assert (result.verdict, result.message) == (verdict, "too little evidence: 2 clips")
    assert result.needs == "3 more clips"
    assert result.can_block == (verdict != "warned")
    assert judged(TooLittleEvidenceError("2 clips")).needs == "2 clips"


def test_findings_are_counted_and_the_first_are_shown(judged: Judge) -> None:
    def outcome(total: int | None) -> Outcome:
        return Outcome(
            message="", measurements=[BROKEN], findings=numbered(3), findings_total=total
        )

    assert [finding.text for finding in judged(outcome(None)).findings] == [
        "box 0",
        "box 1",
        "box 2",
    ]
    assert [judged(outcome(total)).findings_total for total in (None, 0, 2, 9)] == [3, 3, 3, 9]


@pytest.mark.parametrize(
    ("total", "wanted", "kind", "read"),
    [
        (None, None, Scripted, FINDINGS_CAP),  # nobody counts them but the result
        (300, None, Scripted, FINDINGS_CAP),
        (None, False, Scripted, 300),  # they have to be counted
        (300, False, Scripted, FINDINGS_CAP),
        (300, True, Scripted, 300),
        (300, False, Accepting, 300),  # `accept` may want the fingerprints of all
        (300, None, Accepting, FINDINGS_CAP),
    ],
)
def test_findings_are_read_as_far_as_they_are_wanted(
    judged: Judge, total: int | None, wanted: bool | None, kind: type[Scripted], read: int
) -> None:
    seen: list[int] = []
    given: list[Finding] = []

    def take(finding: Finding) -> bool:
        given.append(finding)
        return bool(wanted)

    outcome = Outcome(
        message="", measurements=[BROKEN], findings=numbered(300, seen), findings_total=total
    )
    result = judged(outcome, kind, on_finding=None if wanted is None else take)

    assert len(seen) == read
    assert len(given) == (0 if wanted is None else read)
    assert len(result.findings) == FINDINGS_CAP
    assert result.findings_total == (total or read)


def test_all_findings_are_read_where_some_are_accepted(judged: Judge) -> None:
    """The 300th is accepted: with less than all read, it would count as gone."""
    seen: list[int] = []
    outcome = Outcome(
        message="300", measurements=[BROKEN], findings=numbered(300, seen), findings_total=300
    )
    result = judged(outcome, Accepting, accepted=[accepted(299)])

    assert (len(seen), result.verdict) == (300, "failed")
    assert result.message == "300; 299 of 300 findings are new"


def test_an_item_of_which_every_finding_is_accepted_is_waived(judged: Judge) -> None:
    def outcome(count: int, total: int | None = None) -> Outcome:
        return Outcome(
            message="m", measurements=[BROKEN], findings=numbered(count), findings_total=total
        )

    both = accepted(0, 1)
    known = judged(outcome(2), Accepting, accepted=[both])
    counted = judged(outcome(2, 2), Accepting, accepted=[both])
    hides_more = judged(outcome(2, 3), Accepting, accepted=[both])
    one_is_new = judged(outcome(3), Accepting, accepted=[both])
    over = judged(outcome(2), Accepting, accepted=[accepted(0, 1, days=-1)])

    until = both.until.isoformat()
    assert known.verdict == counted.verdict == "waived"
    assert known.waiver == f"2 known findings accepted: dusk (ada, until {until})"
    assert known.message == "m; 0 of 2 findings are new"
    single = judged(outcome(1), Accepting, accepted=[accepted(0)])
    assert single.message == "m; 0 of 1 finding is new"
    (record,) = known.accepted
    assert (record.findings, record.owner, record.until, record.why) == (2, "ada", until, "dusk")
    assert [result.verdict for result in (hides_more, one_is_new, over)] == ["failed"] * 3
    assert [finding.text for finding in one_is_new.findings] == ["box 2"]


def test_accepted_findings_of_another_item_count_for_nothing(judged: Judge) -> None:
    other = accepted(0)
    other = Acceptance(**{**{f: getattr(other, f) for f in other.__struct_fields__}, "item": "y"})

    result = judged(
        Outcome(message="m", measurements=[BROKEN], findings=numbered(1)),
        Accepting,
        accepted=[other],
    )
    assert (result.verdict, result.message, result.accepted) == ("failed", "m", [])


@pytest.mark.parametrize(("kind", "verdict"), [(Accepting, "failed"), (Moving, "waived")])
def test_a_detection_is_known_where_it_moved_a_little(
    judged: Judge, kind: type[Scripted], verdict: str
) -> None:
    """10 x 10 pixels, a pixel to the right: an IoU of 90 / 110."""
    finding = Finding(text="box", dataset="val", image="0.jpg", box=(11.0, 10.0, 10.0, 10.0))
    known = accepted(0, box=(10.0, 10.0, 10.0, 10.0))

    outcome = Outcome(message="m", measurements=[BROKEN], findings=[finding])
    assert judged(outcome, kind, accepted=[known]).verdict == verdict


def test_fingerprints_are_kept_of_what_accept_can_record(judged: Judge) -> None:
    def outcome(measured: Measurement) -> Outcome:
        return Outcome(message="", measurements=[measured], findings=numbered(1))

    own = [Fingerprint(dataset="val", image="0.jpg")]
    assert judged(outcome(BROKEN), Accepting).fingerprints == own
    assert judged(outcome(WITHIN_LIMIT), Accepting).fingerprints == []
    assert judged(outcome(BROKEN)).fingerprints == []


def test_advice_fits_the_measurements_and_the_framework(
    judged: Judge, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Result files name no framework, so advice for one says which it is for."""
    outcome = Outcome(message="", measurements=[BROKEN])
    both = (
        "Look at it. Remove some. Look at x. MMDetection: Set a key. Other frameworks: Make sure."
    )
    assert judged(outcome).advice == both
    assert judged(Outcome(message="", measurements=[WITHIN_LIMIT])).advice == both.replace(
        " Remove some.", ""
    )

    for framework, advice in (("mmdetection", "Set a key."), ("onnx", "Make sure.")):
        record = SimpleNamespace(framework=framework)
        monkeypatch.setattr(ResultFiles, "model_record", lambda *_, record=record: record)
        assert judged(outcome).advice == f"Look at it. Remove some. Look at x. {advice}"

    monkeypatch.setattr(Project, "training_config", Path("model.py"))
    assert judged(outcome).advice == "Look at it. Remove some. Look at x. Set a key."


def test_findings_and_documents_are_handed_on(judged: Judge) -> None:
    collected: list[Finding] = []
    documents: list[Any] = []

    def take(finding: Finding) -> bool:
        collected.append(finding)
        return True

    judged(
        Outcome(
            message="",
            measurements=[WITHIN_LIMIT],
            findings=numbered(2),
            documents={"gx/a.json": b"{}"},
        ),
        on_finding=take,
        on_documents=documents.append,
    )
    assert [finding.text for finding in collected] == ["box 0", "box 1"]
    assert documents == [{"gx/a.json": b"{}"}]


CALM = Target(label="x", datasets=("calm",), detections=("calm",))


def test_a_sealed_item_shows_its_verdict_alone(judged: Judge) -> None:
    """Neither findings nor documents leave it, and what was accepted before is not said."""
    outcome = Outcome(
        message="5 boxes", measurements=[BROKEN], findings=numbered(2), documents={"a": b"b"}
    )
    handed: list[Any] = []
    result = judged(
        outcome,
        Accepting,
        CALM,
        on_finding=handed.append,
        on_documents=handed.append,
        accepted=[accepted(0, 1)],
    )

    assert result == RuleResult(
        id="scripted[x]",
        code="scripted",
        verdict="failed",
        message="sealed: a limit is broken",
        duration_s=result.duration_s,
        looked_at=4,
        to_look_at=4,
        look_unit="images",
        about="The same, and its findings can be accepted.",
        is_sealed=True,
    )
    assert handed == []
    assert judged(outcome, Accepting, CALM, waivers=[waiver()]).verdict == "waived"


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (DataError("0.81 on c0"), "sealed: not evaluated; the reason may hold values"),
        (TooLittleEvidenceError("0.81"), "sealed: too little evidence; the reason may hold"),
        (TooLittleEvidenceError("2 clips", of_data=True), "too little evidence: 2 clips"),
        (DataError("2 clips", of_data=True), "2 clips"),
        (NotLookedAtError("2 clips", of_data=True), "2 clips"),
        (NotLookedAtError("0.81", of_data=False), "sealed: not evaluated; the reason may hold"),
        (
            Outcome(
                message="0.81",
                measurements=[WITHIN_LIMIT],
                extent=Extent(unit="clips", to_look_at=4, looked_at=3),
            ),
            "1 of 4 clips of calm was not looked at",
        ),
        (
            Outcome(
                message="0.81",
                measurements=[WITHIN_LIMIT],
                extent=Extent(
                    unit="clips", to_look_at=4, looked_at=3, left_out=("0.81",), of_data=False
                ),
            ),
            "sealed: not evaluated; the reason may hold values",
        ),
    ],
)
def test_a_sealed_item_says_why_where_that_tells_no_value(
    judged: Judge, outcome: Outcome | Exception, message: str
) -> None:
    result = judged(outcome, target=CALM)

    assert result.verdict == "not-evaluated"
    assert result.message.startswith(message)
    assert "0.81" not in result.message


def test_a_sealed_item_that_saw_no_detection_says_why(
    judged: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong before a rule sees a detection, or in one that needs none, tells no value."""
    blind = Target(label="x", datasets=("calm",))
    assert judged(DataError("damaged"), target=blind).message == "damaged"
    little = judged(TooLittleEvidenceError("2 clips"), target=blind)
    assert little.message == "too little evidence: 2 clips"

    def refuse(*_: Any) -> None:
        raise DataError("no looks are left")

    monkeypatch.setattr("pytest_detgate.rules.verdicts.verdict.require_looks", refuse)
    assert judged(Outcome(message="", measurements=[WITHIN_LIMIT]), target=CALM).message == (
        "no looks are left"
    )


def test_only_the_item_itself_sees_a_sealed_probe(inputs: Inputs) -> None:
    """The detections on `calm` are open while its item is judged, and closed before and after."""
    open_within: list[bool] = []

    def answer() -> Outcome:
        open_within.append(not inputs.project.seals.is_closed("calm"))
        return Outcome(message="", measurements=[WITHIN_LIMIT])

    rule = bound(Scripted(answer=answer), inputs)
    for target in (ON_BOTH, CALM):
        judge(rule, target, inputs)

    assert open_within == [False, True]
    assert inputs.project.seals.is_closed("calm")


MISSING = DataError("no memory is known (peak_mb)")
LITTLE = TooLittleEvidenceError("3 boxes, at least 10 are needed")


@pytest.mark.parametrize(
    ("measured", "verdict", "message"),
    [
        ([BROKEN], "failed", "5 boxes; no memory is known (peak_mb)"),
        ([WITHIN_LIMIT], "not-evaluated", "no memory is known (peak_mb)"),
        ([Measurement.shown("boxes", 5)], "not-evaluated", "no memory is known (peak_mb)"),
        ([], "not-evaluated", "no memory is known (peak_mb)"),
    ],
)
def test_a_missing_number_never_passes(
    judged: Judge, measured: list[Measurement], verdict: str, message: str
) -> None:
    result = judged(Outcome(message="5 boxes", measurements=measured, missing=[MISSING]))

    assert (result.verdict, result.message) == (verdict, message)


def test_a_missing_number_is_not_waived(judged: Judge) -> None:
    """Who accepts a broken limit does not know the number that is missing."""
    outcome = Outcome(message="5 boxes", measurements=[BROKEN], missing=[MISSING])

    assert judged(outcome, waivers=[waiver()]).verdict == "not-evaluated"
    assert judged(outcome, options={"severity": "warning"}).verdict == "not-evaluated"
    assert judged(outcome, waivers=[waiver(days=-1)]).verdict == "failed"


def test_too_little_for_one_limit_may_warn(judged: Judge) -> None:
    options = {"too_little": "warn"}
    measurement = Outcome(message="", measurements=[WITHIN_LIMIT], missing=[LITTLE])
    broken = Outcome(message="", measurements=[BROKEN], missing=[LITTLE])

    assert judged(measurement, Lenient, options=options).verdict == "warned"
    assert judged(broken, Lenient, options=options).verdict == "failed"


def test_a_missing_number_of_a_sealed_probe_is_hidden(judged: Judge) -> None:
    outcome = Outcome(message="5 boxes", measurements=[WITHIN_LIMIT], missing=[MISSING])

    result = judged(outcome, target=CALM)

    assert result.verdict == "not-evaluated"
    assert "peak_mb" not in result.message
