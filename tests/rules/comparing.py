"""A split, probes and several models on them, for rules that compare models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import ConfigRecord, Report, RuleResult
from pytest_detgate.record.report_file import write_report
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.run_record.inputs_record import dataset_record, score_records
from pytest_detgate.testing import coco_content
from tests.others import Images, other_models, result_files, write_model


class Comparison:
    """A project whose split is `val`; every other data set is a probe. `always` is what every
    model finds on data sets of which it is not said."""

    def __init__(
        self,
        folder: Path,
        datasets: Mapping[str, Images],
        classes: Sequence[str] = ("helmet_off",),
        always: Mapping[str, Images] | None = None,
    ) -> None:
        self.folder = folder
        self.always = always or {}
        self.datasets = datasets
        self.classes = classes
        self.head = ""
        for name, images in datasets.items():
            self.write(f"{name}.json", coco_content(images, classes))
            table = "dataset.splits" if name == "val" else "probes"
            self.head += f'[{table}.{name}]\nannotations = "{name}.json"\nimages = "."\n'

    def write(self, name: str, content: object) -> Path:
        """Write a JSON file."""
        (self.folder / name).write_text(json.dumps(content))
        return self.folder / name

    def model(self, name: str, **detections: Images) -> Path:
        """Write a model that found this on the data sets; its checkpoint is `NAME.pth`."""
        return write_model(
            self.folder, name, self.datasets, {**self.always, **detections}, self.classes
        )

    def inputs(
        self,
        rule: str,
        gated: Path,
        *,
        baseline: Path | None = None,
        sweep: str | None = None,
        files: Mapping[str, Path] | None = None,
        may_be_missing: bool = False,
    ) -> Inputs:
        """The inputs of a gate with this rule; `files` replace those of the gated model."""
        path = self.folder / "detgate.toml"
        path.write_text(f"{self.head}{rule}", encoding="utf-8")
        project = Project(load_configuration(path), self.folder)
        return Inputs(
            project,
            ResultFiles(result_files(gated) if files is None else files, project),
            others=other_models(
                project, baseline=baseline, sweep=sweep, may_be_missing=may_be_missing
            ),
        )

    def results(
        self,
        rule: str,
        gated: Path,
        *,
        baseline: Path | None = None,
        sweep: str | None = None,
        files: Mapping[str, Path] | None = None,
        may_be_missing: bool = False,
    ) -> dict[str, RuleResult]:
        """The items of the rule by their names."""
        inputs = self.inputs(
            rule,
            gated,
            baseline=baseline,
            sweep=sweep,
            files=files,
            may_be_missing=may_be_missing,
        )
        return results_of(inputs)

    def report(self, rule: str, gated: Path, name: str = "base.json") -> Path:
        """The report of a run that gates a model by this rule."""
        inputs = self.inputs(rule, gated)
        results = results_of(inputs)
        report = Report(
            verdict="passed",
            started="2026-11-20T10:00:00Z",
            duration_s=1.0,
            command=["pytest"],
            versions={},
            config=ConfigRecord(path="detgate.toml", sha256="0"),
            dataset=dataset_record(inputs),
            rules=list(results.values()),
            predictions=inputs.source.predictions_records(),
            scores=score_records(inputs),
            score_threshold=inputs.project.score_threshold,
        )
        write_report(report, self.folder / name)
        return self.folder / name

    def changed(self, report: Path, **changes: object) -> Path:
        """The report with other entries at its top."""
        content = msgspec.json.decode(report.read_bytes())
        return self.write(report.name, {**content, **changes})


def results_of(inputs: Inputs) -> dict[str, RuleResult]:
    """Every item of a gate by its name."""
    return {
        bound.item_name(target): judge(bound, target, inputs)
        for bound in bind_rules(inputs.project)
        for target in bound.targets
    }
