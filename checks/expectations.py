"""The rule `expectations`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, ClassVar, get_args

from msgspec import Meta

from pytest_detgate.config.numbers import Count, Share
from pytest_detgate.errors import DataError
from pytest_detgate.expectations.columns import (
    ColumnTable,
    TableName,
    annotation_columns,
    detection_columns,
    image_columns,
)
from pytest_detgate.expectations.coverage import Coverage, worst
from pytest_detgate.expectations.engine import ExpectationResult, evaluate
from pytest_detgate.expectations.requested import (
    Requested,
    first_non_finite,
    requested_in_suite,
    requested_in_table,
)
from pytest_detgate.expectations.vocabulary import Vocabulary, require_great_expectations
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ODD_ANNOTATIONS, Extent, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse

ByName = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "properties": {"type": {"type": "string", "minLength": 1}},
            "required": ["type"],
        }
    ),
]


class Expectations(SplitRule, frozen=True, kw_only=True):
    """Expectations of Great Expectations must be met by the tables of a split.

    ## What it checks

    `count` is the number of expectations that are not met: those of `[[rules.expectations.expect]]`
    and those of the saved `suite`. An entry has the `type` of any expectation
    (`expect_column_values_to_be_between`, or `ExpectColumnValuesToBeBetween`) and its arguments. A
    class of the project in a module named in `plugins` can be used too.

    The table `images` has the columns `id`, `file_name`, `width`, `height`, `boxes`, and the groups
    of `frame-pattern`, such as `clip` and `frame`. `annotations` has `id`, `image`, `class`, `x`,
    `y`, `width`, `height`, `area`, `crowd`, `image_width`, `image_height`. `detections` has
    `image`, `class`, `score`, `x`, `y`, `width`, `height`, `image_width`, `image_height`. Another
    field of images or annotations is a column if an expectation names it.

    An expectation is not evaluated, and that fails, in these cases: it has no row or value to look
    at; more than `max-null-share` of its rows have no value (Great Expectations skips them); or
    nothing could fail it (no limit in it, an empty set, `mostly` = 0, one value in a column whose
    spread it measures). A suite that is named after one table is refused on another.

    It needs `pip install 'pytest-detgate[expectations]'`. Nothing is written or sent anywhere.

    ## Why it matters

    Some requirements of a data set are known only to its project: sizes that a camera can have,
    fields that labelling must fill in, classes that never occur on one frame together.

    ## How to fix

    Look at the rows that are named. Fix the data, or the expectation, or allow a share of
    exceptions with its `mostly`.
    """

    code: ClassVar[str] = "expectations"
    ignored_gaps: ClassVar[frozenset[GapKind]] = ODD_ANNOTATIONS

    table: Annotated[TableName, Meta(description="Table that the expectations are checked on.")]
    expect: Annotated[
        tuple[ByName, ...], Meta(description="Expectations, each with a type and its arguments.")
    ] = ()
    suite: (
        Annotated[str, Meta(description="JSON file of a suite that Great Expectations saved.")]
        | None
    ) = None
    max: Annotated[
        Count, Meta(description="Expectations that need not be met, fewer than there are.")
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
        for index, entry in enumerate(self.expect):
            mistake = _mistake_in(entry)
            if mistake is not None:
                refuse(OptionError(f"entry {index + 1}{mistake}", "expect", entry=index))
        if self.suite is None and self.max >= len(self.expect):
            raise OptionError(
                f"allows {self.max} of {len(self.expect)} expectations not to be met, so it could "
                "never fail",
                "max",
            )

    def targets(self, project: Project) -> Iterator[Target]:
        for target in super().targets(project):
            needed = target.datasets if self.table == "detections" else ()
            yield Target(label=target.label, datasets=target.datasets, detections=needed)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        require_great_expectations()
        vocabulary = Vocabulary()
        expectations = [vocabulary.known(one) for one in self._requested(inputs.project)]
        fields = dict.fromkeys(name for one in expectations for name in one.possible_fields)
        table = self._table(target.datasets[0], inputs, tuple(fields))
        if self.max >= len(expectations):
            raise DataError(
                f"max = {self.max} allows all {len(expectations)} expectations not to be met, so "
                "nothing could fail this"
            )
        results, coverages = evaluate(table, expectations, vocabulary)
        unmet = [result for result in results if not result.met]
        return Outcome(
            message=f"{len(unmet)} of {len(results)} expectations on the {self.table} of "
            f"{table.dataset} are not met",
            measurements=[
                Measurement.at_most("count", len(unmet), self.max),
                Measurement.shown("expectations", len(results)),
                Measurement.shown("rows", len(table)),
            ],
            findings=chain(
                (Finding(text=result.sentence, dataset=table.dataset) for result in unmet),
                _by_row(unmet, table),
            ),
            findings_total=sum(1 + len(result.rows) for result in unmet),
            extent=self._extent(worst(coverages), table),
        )

    def _extent(self, coverage: Coverage | None, table: ColumnTable) -> Extent:
        """The rows of the table, and where values are looked at those of the expectation with the
        largest share of rows without one."""
        if coverage is None:
            return Extent(unit=self.table, to_look_at=len(table), looked_at=len(table))
        left_out = f"{coverage.label}: {coverage.nulls} of {coverage.rows} rows have no value"
        return Extent(
            unit=self.table,
            to_look_at=coverage.rows,
            looked_at=coverage.rows - coverage.nulls,
            allowed=math.floor(self.max_null_share * coverage.rows),
            left_out=(left_out,) if coverage.nulls else (),
        )

    def _requested(self, project: Project) -> list[Requested]:
        requested = requested_in_table(self.expect)
        if self.suite is not None:
            path = project.configuration.locate(self.suite)
            requested += requested_in_suite(path, self.suite, self.table, get_args(TableName))
        return requested

    def _table(self, split: str, inputs: Inputs, fields: tuple[str, ...]) -> ColumnTable:
        dataset = inputs.dataset(split)
        if self.table == "images":
            return image_columns(dataset, inputs.project.frame_pattern, fields)
        if self.table == "annotations":
            return annotation_columns(dataset, fields)
        return detection_columns(dataset, inputs.detections(split))

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


def _by_row(unmet: list[ExpectationResult], table: ColumnTable) -> Iterator[Finding]:
    for result in unmet:
        for row in result.rows:
            values = ", ".join(f"{name} {table.columns[name][row]}" for name in result.columns)
            yield table.finding(row, f"{values}: {result.type}")


def _mistake_in(entry: Mapping[str, Any]) -> str | None:
    """What is wrong in an expectation of the file, if anything is."""
    kind = entry.get("type")
    if not isinstance(kind, str) or not kind:
        return " needs a type, the name of an expectation"
    odd = first_non_finite(entry)
    if odd is not None:
        return f" ({kind}): {odd} is no limit"
    return f" ({kind}): with mostly = 0 nothing could fail it" if entry.get("mostly") == 0 else None
