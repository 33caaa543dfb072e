"""The rules of a project as suites of Great Expectations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_detgate.errors import DetgateError
from pytest_detgate.expectations.suites import Suite
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.binding import BoundRule
from pytest_detgate.rules.rule import Target

_SEVERITY = {"error": "critical", "warning": "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSuites:
    """Suites by split and table, the items that are in them as a whole, those that are in part with
    what is lacking, and those without an expectation."""

    suites: Mapping[tuple[str, str], Suite]
    whole: Sequence[str]
    in_part: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


def project_suites(
    rules: Sequence[BoundRule], inputs: Inputs, names: Sequence[str]
) -> ProjectSuites:
    """Say the items on these splits in the words of Great Expectations."""
    suites: dict[tuple[str, str], Suite] = {}
    whole, in_part, left_out = [], {}, []
    for bound, target in _items(rules, names):
        item = bound.item_name(target)
        try:
            words = bound.rule.in_expectations(target, inputs)
        except DetgateError as error:
            in_part[item] = inputs.project.shorten(str(error))
            continue
        if words is None or not words.expectations:
            why = f" ({words.lacks})" if words is not None and words.lacks else ""
            left_out.append(f"{item}{why}")
            continue
        for expectation in words.expectations:
            (split,) = target.datasets
            suite = suites.setdefault((split, expectation.table), Suite(split, expectation.table))
            suite.add(expectation, item, _SEVERITY[bound.rule.severity])
        if words.lacks:
            in_part[item] = words.lacks
        else:
            whole.append(item)
    return ProjectSuites(suites=suites, whole=whole, in_part=in_part, left_out=left_out)


def _items(rules: Sequence[BoundRule], names: Sequence[str]) -> Iterator[tuple[BoundRule, Target]]:
    """The items on one of these splits alone."""
    for bound in rules:
        for target in bound.targets:
            if len(target.datasets) == 1 and target.datasets[0] in names:
                yield bound, target
