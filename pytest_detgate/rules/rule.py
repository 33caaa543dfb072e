"""The base class of all rules.

A rule is one frozen class in a file of its own. Its fields are its options, its docstring is its
page. It says which items it makes (`targets`) and measures each of them (`check`). It knows nothing
of verdicts, pytest and reports.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, ParamSpec

from msgspec import Meta, Struct

from pytest_detgate.errors import DetgateError
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement, Table
from pytest_detgate.gaps import Extent, GapKind
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.example import Example

if TYPE_CHECKING:
    from pytest_detgate.expectations.suites import InExpectations
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.rules.planned_limits import PlannedLimit

Family = Literal["data", "training", "model"]
P = ParamSpec("P")


class OptionError(Exception):
    """An option with a value of the right type that makes no sense in this project.

    `table` are the keys, and the places in lists, that lead from the rule's table to the one with
    the `key`; of a list under that key it may be one `entry`, from 0.
    """

    def __init__(
        self,
        what: str,
        key: str | None = None,
        table: Sequence[str | int] = (),
        *,
        entry: int | None = None,
    ) -> None:
        super().__init__(what)
        self.key = key
        self.table = tuple(table)
        self.entry = entry


class ProjectError(OptionError):
    """The project lacks something that a rule needs. If several rules need it, only the first one
    reports it."""


@dataclass(slots=True)
class Refusals:
    """The options of one table that were refused. `skips_unset` says that a value with a mistake,
    which is unset, is no news; `is_partial` that a check met one."""

    skips_unset: bool
    errors: list[OptionError] = field(default_factory=list)
    is_partial: bool = False


def refuse(error: OptionError) -> None:
    """Refuse an option and go on, so that the other options of the table are checked, too.

    `bind_rules` collects the errors of a table and reports them together; outside of it, the error
    is raised.
    """
    refusals = _refusals.get()
    if refusals is None:
        raise error
    refusals.errors.append(error)


def option_check(check: Callable[P, None]) -> Callable[P, None]:
    """Let a check that meets a value with a mistake end, and the next check go on."""

    @functools.wraps(check)
    def checked(*arguments: P.args, **options: P.kwargs) -> None:
        refusals = _refusals.get()
        try:
            check(*arguments, **options)
        except AttributeError:
            if refusals is None or not refusals.skips_unset:
                raise
            refusals.is_partial = True

    return checked


@contextmanager
def refused_options(*, skips_unset: bool) -> Iterator[Refusals]:
    """Collect the errors of `refuse`. An `OptionError` that is raised after them may follow from
    them, and is left out."""
    refusals = Refusals(skips_unset)
    token = _refusals.set(refusals)
    try:
        yield refusals
    except OptionError as error:
        if not refusals.errors and not refusals.is_partial:
            refusals.errors.append(error)
    finally:
        _refusals.reset(token)


_refusals: ContextVar[Refusals | None] = ContextVar("refusals", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One item of a rule: its label in square brackets, and what it needs to be evaluated.

    `datasets` are the splits and probes the rule looks at; `detections` those of them that it
    needs detections of. `family` is that of the rule where it is None. `nothing` marks the item of
    a rule that finds nothing to look at: it says so, and is never evaluated.
    """

    label: str | None = None
    datasets: tuple[str, ...] = ()
    detections: tuple[str, ...] = ()
    nothing: bool = False
    family: Family | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a rule on one target: a sentence, values compared with limits, and findings.

    `findings` begin with the most important; `findings_total` is their number unless it is given.
    `tables` are numbers behind the verdict, by title; `evidence` has charts, frames and pairs of
    images for the page. `accepted` is the reason why the project accepts the item although nothing
    could be compared with a limit: it is then *waived*. `warns` names the measurements whose limits
    only warn. `documents` are results in the form of another tool, by the folder beside the record
    that they go to. `extent` is how much the rule had to look
    at and did look at, where that is not the images of its splits and probes. `needs` says what
    evidence is lacking to show the limits, None where nothing is (`rules.needs`). `missing` says
    why numbers that have a limit could not be computed: the item fails if the limit of another
    number is broken, and is *not evaluated* for the first of these reasons if not.
    """

    message: str
    measurements: Sequence[Measurement]
    findings: Iterable[Finding] = ()
    findings_total: int | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    accepted: str | None = None
    warns: frozenset[str] = frozenset()
    documents: Mapping[str, bytes] = field(default_factory=dict)
    extent: Extent | None = None
    needs: str | None = None
    missing: Sequence[DetgateError] = ()


class Rule(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Base class of all rules. A subclass in a module that is searched is a rule."""

    code: ClassVar[str]
    measures: ClassVar[str] = ""
    """The names of what it measures, for its page: `boxes boxes[CLASS]` for a number of boxes and
    that of each class. Their words are in `record.measurement_labels`."""
    family: ClassVar[Family] = "data"
    compares: ClassVar[bool] = False
    """Whether it asks for the baseline."""
    ignored_gaps: ClassVar[frozenset[GapKind]] = frozenset()
    """Gaps in its splits and probes that make no difference to it, or that it measures itself; any
    other makes its items *not evaluated*."""
    spoiling_gaps: ClassVar[frozenset[GapKind]] = frozenset()
    """Those of the others that make a metric of the rest wrong, so that nothing is measured."""
    safe_because: ClassVar[str | None] = None
    """Why it fails on no clean data set, if `recommended = true` switches it on."""
    never_accepted: ClassVar[bool] = False
    """Whether `init` accepts no failure as it is today: a leak, a file that cannot be read, or
    labels of what does not exist."""
    accepts_findings: ClassVar[bool] = False
    """Whether `accept` can record its findings: there is one for each thing that its limits count,
    so that without new findings no limit is newly broken."""
    findings_move: ClassVar[bool] = False
    """Whether the box of a finding is a detection, which is elsewhere by some pixels in the next
    model."""
    moves_limits: ClassVar[bool] = True
    """Whether --detgate-update may move its limits to what was measured: not if the next run of the
    same model may measure something else."""
    passing: ClassVar[Example]
    failing: ClassVar[Example]

    name: (
        Annotated[str, Meta(min_length=1, description="Distinguishes several tables of one rule.")]
        | None
    ) = None
    severity: Annotated[
        Literal["error", "warning"], Meta(description="A warning is shown and does not fail.")
    ] = "error"
    enabled: Annotated[
        bool, Meta(description="false: the rule is off, also one that `recommended` switches on.")
    ] = True

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        """The tables that `recommended = true` adds in a project; none where the rule has nothing
        to look at."""
        yield {}

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """The options that accept the faults which the items of this rule have today, so that
        only new ones fail; none for leaks and unreadable files.

        `values` are the measured values of each item by name, by the label of the item.
        """
        return {}

    def validate(self, project: Project) -> None:
        """Raise `OptionError` for options that make no sense in this project."""

    def targets(self, project: Project) -> Iterator[Target]:
        """The items this table makes, in a stable order; a table without any gets one that is
        not evaluated."""
        raise NotImplementedError

    def allowed_gaps(self) -> Mapping[GapKind, int]:
        """How much of each kind of gap an option of this table allows, where it allows any."""
        return {}

    def planned_limits(self, target: Target, inputs: Inputs) -> Iterator[PlannedLimit]:
        """The limits of an item that evidence shows, for the command `plan`: known before any
        model is. A `DetgateError` says what is lacking to know one of them. None for a rule that
        looks at all there is."""
        return iter(())

    def proves(self, target: Target) -> bool:
        """Whether a limit of an item is compared with a bound. Each different model that is judged
        on the same data is then a further try to pass by luck (`[evidence] looks`)."""
        return getattr(self, "bound", "point") != "point"

    def in_expectations(self, target: Target, inputs: Inputs) -> InExpectations | None:
        """What an item asks of its split in the words of Great Expectations, for the command
        `tables --suite`; None for a rule that these words cannot say."""
        return None

    def can_fail(self) -> bool:
        """Whether any data or model could break a limit of this table. A floor of 0 and a largest
        share of 1 are limits that nothing breaks."""
        return True

    def can_block(self) -> bool:
        """Whether a limit of this table, if it is broken, fails the run."""
        return self.severity == "error" and self.can_fail()

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        """Measure one target."""
        raise NotImplementedError
