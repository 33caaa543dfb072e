"""The rule `expectations`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_args

from msgspec import Meta
from msgspec.json import encode

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.counts import counted, part_verb
from pytest_detgate.expectations.editor_schema import entry_schema
from pytest_detgate.expectations.evaluation.engine import evaluate
from pytest_detgate.expectations.evaluation.packed import packed, unpacked
from pytest_detgate.expectations.evaluation.results import Evaluation, ExpectationResult, tables_of
from pytest_detgate.expectations.evaluation.vocabulary import require_great_expectations
from pytest_detgate.expectations.requested import (
    Requested,
    requested_in_suite,
    requested_in_table,
)
from pytest_detgate.expectations.wide_tables.wide_table import TableName, WideTable
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import AMBIGUOUS, ODD_ANNOTATIONS, Extent, GapKind, NotLookedAtError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.expectation_checks import check_requested
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.rule import OptionError, Outcome, Target

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations

ByName = Annotated[dict[str, Any], Meta(extra_json_schema=entry_schema())]


class Expectations(SplitRule, frozen=True, kw_only=True):
    """Expectations of Great Expectations must be met by the tables of a split.

    ## What it checks

    `count` is the number of expectations that are not met: those of `[[rules.expectations.expect]]`
    and those of the saved `suite`. An entry has the `type` of any expectation
    (`expect_column_values_to_be_between`, or `ExpectColumnValuesToBeBetween`) and its arguments. A
    class of the project in a module named in `plugins` can be used too.

    The tables `images`, `annotations` and `detections` and their columns are on the page
    [Tables](tables.md). `python -m pytest_detgate tables` writes them as files.

    The `severity` of an expectation decides: `critical`, the default, fails the item; `warning`
    warns, and `warnings` counts these; `info` is shown. `parameters` fills arguments such as
    `{ "$PARAMETER" = "min_width" }`. A suite that Great Expectations 0.18 saved is read too.

    Each expectation is evaluated by itself. The page and the record list them all, met or not:
    what was observed, the limit, the share of rows that meet it beside `mostly`, and its
    description. The result in Great Expectations' own form is in the folder `gx` of the report.

    An expectation is not evaluated, and that fails, in these cases: one of its columns is missing;
    it has no row or value to look at; more than `max-null-share` of its rows have no value (Great
    Expectations skips them); it crashes; or nothing could fail it (no limit in it, an empty set,
    `mostly` = 0, one value in a column whose spread it measures). A suite that is named after one
    table is refused on another.

    It needs `pip install 'pytest-detgate[expectations]'`. Nothing is sent anywhere.

    ## Why it matters

    Some requirements of a data set are known only to its project: sizes that a camera can have,
    fields that labelling must fill in, classes that never occur on one frame together.

    ## How to fix

    Look at the rows that are named. Fix the data, or the expectation, or allow a share of
    exceptions with its `mostly`.
    """

    code: ClassVar[str] = "expectations"
    measures: ClassVar[str] = "count warnings infos expectations rows"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS - AMBIGUOUS

    table: Annotated[TableName, Meta(description="Table that the expectations are checked on.")]
    expect: Annotated[
        tuple[ByName, ...], Meta(description="Expectations, each with a type and its arguments.")
    ] = ()
    suite: (
        Annotated[str, Meta(description="JSON file of a suite that Great Expectations saved.")]
        | None
    ) = None
    parameters: (
        Annotated[
            dict[str, Any],
            Meta(description="Values of the parameters in the arguments of expectations, by name."),
        ]
        | None
    ) = None
    max: Annotated[
        Count,
        Meta(description="Critical expectations that need not be met, fewer than there are."),
    ] = 0
    max_null_share: Annotated[
        Share,
        Meta(description="Largest share of rows without the value that is looked at."),
    ] = 0.5

    def validate(self, project: Project) -> None:
        super().validate(project)
        if not self.expect and self.suite is None:
            raise OptionError(
                "expects nothing; give a table [[rules.expectations.expect]] or suite"
            )
        requested = check_requested(
            self.expect, lambda: self._suite(project), self.parameters or {}, project.shorten
        )
        severities = [expectation.severity for expectation in requested]
        if requested and not {"critical", "warning"} & set(severities):
            raise OptionError("every expectation is of severity info, so nothing could fail it")
        critical = severities.count("critical")
        if self.max >= max(critical, 1):
            raise OptionError(
                f"allows {self.max} of {counted(critical, 'critical expectation')} not to be met, "
                "so it could never fail",
                "max",
            )

    def targets(self, project: Project) -> Iterator[Target]:
        for target in super().targets(project):
            needed = target.datasets if self.table == "detections" else ()
            yield Target(label=target.label, datasets=target.datasets, detections=needed)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        evaluation = self._evaluation(target, inputs)
        table = inputs.wide_table(target.datasets[0], self.table)
        extent = Extent(
            unit="expectations",
            to_look_at=len(evaluation.results),
            looked_at=len(evaluation.evaluated),
            left_out=tuple(evaluation.reasons),
        )
        if not extent.looked_at:
            raise NotLookedAtError("; ".join(evaluation.reasons), extent)
        unmet = [result for result in evaluation.results if result.met is False]
        return Outcome(
            message=_message(evaluation, unmet, table),
            measurements=list(self._measurements(evaluation, unmet, table)),
            warns=frozenset({"warnings"}),
            findings=_findings(unmet, table),
            findings_total=sum(1 + len(result.rows) for result in unmet),
            tables=tables_of(evaluation.results),
            documents={"gx": encode(evaluation.document)} if evaluation.document else {},
            extent=extent,
        )

    def _evaluation(self, target: Target, inputs: Inputs) -> Evaluation:
        """What came out of the expectations. Of several processes one evaluates those of all items,
        because the import of Great Expectations takes longer than most evaluations."""
        if inputs.together is None:
            return self._evaluate(target, inputs)
        work = {
            rule._key(other): partial(rule._packed, other, inputs)
            for rule, other in inputs.together.items
            if isinstance(rule, Expectations) and isinstance(other, Target)
        }
        own = partial(self._packed, target, inputs)
        return unpacked(inputs.together.result(self._key(target), own, work))

    def _key(self, target: Target) -> str:
        return f"{target.label} {encode(self).decode()}"

    def _packed(self, target: Target, inputs: Inputs) -> bytes:
        return packed(self._evaluate(target, inputs))

    def _evaluate(self, target: Target, inputs: Inputs) -> Evaluation:
        require_great_expectations()
        table = inputs.wide_table(target.datasets[0], self.table)
        requested = requested_in_table(self.expect) + self._suite(inputs.project)
        return evaluate(table, requested, self.parameters or {}, self.max_null_share)

    def _measurements(
        self, evaluation: Evaluation, unmet: Sequence[ExpectationResult], table: WideTable
    ) -> Iterator[Measurement]:
        requested = [result.requested.severity for result in evaluation.results]
        severities = [result.requested.severity for result in unmet]
        if "critical" in requested:
            yield Measurement.at_most("count", severities.count("critical"), self.max)
        if "warning" in requested:
            yield Measurement.at_most("warnings", severities.count("warning"), 0)
        if "info" in requested:
            yield Measurement.shown("infos", severities.count("info"))
        yield Measurement.shown("expectations", len(evaluation.evaluated))
        yield Measurement.shown("rows", len(table))

    def _suite(self, project: Project) -> list[Requested]:
        if self.suite is None:
            return []
        path = project.configuration.locate(self.suite)
        return requested_in_suite(path, self.suite, self.table, get_args(TableName))

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations:
        from pytest_detgate.expectations.suites import InExpectations, as_requested

        requested = requested_in_table(self.expect) + self._suite(inputs.project)
        return InExpectations(
            expectations=[
                as_requested(self.table, expectation.with_parameters(self.parameters or {}))
                for expectation in requested
            ],
            lacks="a number of expectations that need not be met" if self.max else "",
        )

    passing: ClassVar[Example] = Example(
        config="""
            [rules.expectations]
            table = "images"
            [[rules.expectations.expect]]
            type = "expect_column_values_to_be_between"
            column = "width"
            min_value = 64
            [[rules.expectations.expect]]
            type = "ExpectColumnValuesToMatchRegex"
            column = "file_name"
            regex = '^[a-z]+_\\d+\\.jpg$'
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}},
        needs="great_expectations",
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.expectations]
            table = "annotations"
            [[rules.expectations.expect]]
            type = "expect_column_values_to_be_between"
            column = "width"
            min_value = 8
            """,
        splits={"train": {"yard_1.jpg": [("helmet_off", 10, 10, 3, 30)]}},
        needs="great_expectations",
    )


def _message(evaluation: Evaluation, unmet: Sequence[ExpectationResult], table: WideTable) -> str:
    text = (
        f"{len(unmet)} of {counted(len(evaluation.evaluated), 'expectation')} on the {table.name} "
        f"of {table.dataset} {part_verb(len(unmet), len(evaluation.evaluated), 'are')} not met"
    )
    severities = [result.requested.severity for result in unmet]
    if set(severities) <= {"critical"}:
        return text
    kinds = [kind for kind in ("critical", "warning", "info") if kind in severities]
    return f"{text} ({', '.join(f'{severities.count(kind)} {kind}' for kind in kinds)})"


def _findings(unmet: Sequence[ExpectationResult], table: WideTable) -> Iterator[Finding]:
    """What is not met, and then the rows of all in turn, the worst first, so that an expectation
    with many rows leaves room for those of the others."""
    for result in unmet:
        yield Finding(text=result.sentence, dataset=table.dataset)
    columns = table.columns(name for result in unmet for name in result.columns)
    for index in range(max((len(result.rows) for result in unmet), default=0)):
        for result in unmet:
            if index < len(result.rows):
                row = int(result.rows[index])
                values = ", ".join(f"{name} {columns[name][row]}" for name in result.columns)
                yield table.finding(row, f"{values}: {result.name}")
