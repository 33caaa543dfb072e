"""What a `detgate.toml` says of a project, without running pytest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_detgate.config.load import load_configuration
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.inputs.compared.other_models import OtherModels
from pytest_detgate.inputs.detections.model_detections import ModelDetections
from pytest_detgate.inputs.detections.sources import DetectionSource, ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import NoProgress
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.rule import Rule
from pytest_detgate.rules.verdicts.verdict import judge


def judged(
    folder: Path,
    config: str,
    detections: Mapping[str, Path] | Callable[[Project], DetectionSource] | None = None,
    others: Callable[[Project], OtherModels] | None = None,
) -> dict[str, RuleResult]:
    """Write `detgate.toml` into the folder and evaluate its items; `detections` are the result
    files of splits and probes, or what makes another source of them; `others` gives the models to
    compare with."""
    path = folder / "detgate.toml"
    path.write_text(config, encoding="utf-8")
    return project_results(Project(load_configuration(path), folder), detections, others)


def project_results(
    project: Project,
    detections: Mapping[str, Path] | Callable[[Project], DetectionSource] | None = None,
    others: Callable[[Project], OtherModels] | None = None,
) -> dict[str, RuleResult]:
    """Evaluate the items of a project; the arguments are those of `judged`."""
    source = detections(project) if callable(detections) else ResultFiles(detections or {}, project)
    rules = bind_rules(project)
    wanted = [name for bound in rules for target in bound.targets for name in target.detections]
    inputs = Inputs(project, source, wanted, others=None if others is None else others(project))
    results = {}
    for bound in rules:
        for target in bound.targets:
            result = judge(bound, target, inputs)
            require_names(result, bound.rule)
            results[bound.item_name(target)] = result
    return results


def require_names(result: RuleResult, rule: Rule) -> None:
    """Fail if a built-in rule measures what its page does not name."""
    named = {without_label(name) for name in rule.measures.split()}
    measured = {without_label(value.name) for value in result.measurements}
    assert not named or measured <= named, f"name in `measures`: {measured - named}"


def without_label(name: str) -> str:
    """The name of a measurement without its class, probe and so on: `boxes[]`."""
    return re.sub(r"\[.*\]$", "[]", name, flags=re.DOTALL)


def found_by_model(
    model: ModelSource, cache_dir: Path, plan: RunPlan = IN_THIS_PROCESS
) -> Callable[[Project], ModelDetections]:
    """What makes the source of a model's detections, for `judged`: on a CPU, with a cache."""

    def source(project: Project) -> ModelDetections:
        return ModelDetections(
            source=lambda: model,
            device="cpu",
            batch_size=None,
            plan=plan,
            cache_dir=cache_dir,
            progress=NoProgress(),
            project=project,
        )

    return source


def split_tables(**folders: Path | str) -> str:
    """Tables of splits whose annotation files are NAME.json beside `detgate.toml`."""
    return "".join(
        f'[dataset.splits.{name}]\nannotations = "{name}.json"\nimages = "{images}"\n'
        for name, images in folders.items()
    )


def measured(result: RuleResult) -> dict[str, float]:
    """The values of a result by name."""
    return {measurement.name: measurement.value for measurement in result.measurements}


def finding_lines(result: RuleResult) -> list[str]:
    """The findings of a result as lines, in their order."""
    return [f"{finding.image}: {finding.text}" for finding in result.findings]
