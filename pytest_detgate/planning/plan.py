"""The plan of a project: its rules, and what each limit of their items asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.config.load import read_configuration
from pytest_detgate.config.wording import unknown
from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.inputs.detections.sources import NoDetections, ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.planning.evidence import known_of
from pytest_detgate.planning.lines import lines_of
from pytest_detgate.planning.trying_again import lines_of_tries
from pytest_detgate.record.terminal import wrapped
from pytest_detgate.rules.binding import BoundRule, bind_rules
from pytest_detgate.rules.planned_limits import shown_limits
from pytest_detgate.rules.rule import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to plan: the `items` or rules of a `detgate.toml`, all if there are none, for a `power`
    and true `rates`. `predictions` are result files by split or probe. The `correlation` of two
    frames of a clip and its number of frames replace what was seen. So many models are tried on
    the same data, by default as many as `[evidence]` plans."""

    config: Path
    items: Sequence[str] = ()
    power: float = 0.8
    rates: Sequence[float] = ()
    correlation: float | None = None
    clip_frames: int | None = None
    tries: int | None = None
    predictions: Mapping[str, Path]


def plan_text(request: Request) -> str:
    """Return the plan as text; a mistake in the file or the request raises `ConfigError`."""
    project = Project(read_configuration(request.config), Path.cwd())
    rules = bind_rules(project)
    chosen = list(_chosen(rules, request.items))
    for name in request.predictions:
        known = project.datasets
        if name not in known:
            raise ConfigError(f"--predictions: {unknown('split or probe', name, known)}")
    source = ResultFiles(request.predictions, project) if request.predictions else NoDetections()
    inputs = Inputs(project, source, list(request.predictions))
    lines: list[str] = []
    others: dict[str, None] = {}
    confidences: set[float] = set()
    for rule, target in chosen:
        plan_lines = [
            line
            for text in _lines(rule, target, inputs, request, confidences)
            for line in wrapped(text)
        ]
        if plan_lines:
            lines += [rule.item_name(target), *plan_lines, ""]
        else:
            others[rule.rule.code] = None
    for text in lines_of_tries(confidences, project.tables.evidence, request.tries):
        lines += [*wrapped(text), ""]
    if others:
        text = f"more data does not make these limits surer: {', '.join(others)}"
        lines += wrapped(text)
    return "\n".join(lines).rstrip("\n")


def _lines(
    rule: BoundRule, target: Target, inputs: Inputs, request: Request, confidences: set[float]
) -> Iterator[str]:
    """Say what an item needs; `confidences` gets those of the bounds that decide it."""
    try:
        for limit in shown_limits(rule.rule.planned_limits(target, inputs)):
            if limit.by_bound and not limit.least_units:
                confidences.add(limit.confidence)
            known = known_of(limit, inputs, request.correlation, request.clip_frames)
            first, *rest = lines_of(limit, known, request.power, request.rates)
            yield f"  {first}"
            yield from (f"    {line}" for line in rest)
    except DetgateError as error:
        yield f"  cannot be planned further: {inputs.project.shorten(str(error))}"


def _chosen(rules: Sequence[BoundRule], items: Sequence[str]) -> Iterator[tuple[BoundRule, Target]]:
    """The items of a name, or of a rule of that name, in the order of the file."""
    named = {rule.item_name(target): (rule, target) for rule in rules for target in rule.targets}
    codes = {name.partition("[")[0] for name in named}
    for item in items:
        if item not in named and item not in codes:
            raise ConfigError(unknown("item", item, [*codes, *named]))
    for name, pair in named.items():
        if not items or name in items or name.partition("[")[0] in items:
            yield pair
