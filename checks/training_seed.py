"""The rule `training-seed`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.compared.training_run import require_gated_by
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import TrainingRule
from pytest_detgate.rules.options import require_training_config
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.training.record import finished_run


class TrainingSeed(TrainingRule, frozen=True, kw_only=True):
    """Training must start from a fixed seed.

    ## What it checks

    `fixed` is 1 if the seed of the training is known before it starts, else 0. `seed` is that seed.
    It is, in this order,

    - that of the run which the gate finished in `[train] work-dir`;
    - `seed` of `[train]`, if it is written there. `--detgate-train` trains with it and not with
      that of the configuration;
    - `randomness = dict(seed=…)` of the training configuration (`[train] config`, else `[model]
      config`).

    If a model is gated, it must be a checkpoint of that finished run, as `training-curve` says.

    Without a seed, MMEngine draws one by itself. It writes that one into the log, but this does not
    make it a fixed seed. `deterministic` says, for a seed from the configuration, whether torch
    uses deterministic algorithms.

    ## Why it matters

    Two runs that differ in nothing but their seed give two models with different values. Without a
    fixed seed nobody can repeat the run that is merged, or see whether a change helped.

    ## How to fix

    Write `randomness = dict(seed=0)` in the configuration, or `seed = 0` under `[train]`. Add
    `deterministic=True` if the same numbers to the last digit are worth slower training.
    """

    code: ClassVar[str] = "training-seed"
    measures: ClassVar[str] = "fixed seed deterministic"

    def validate(self, project: Project) -> None:
        require_training_config(project)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        project = inputs.project
        shown = []
        run = None if project.work_dir is None else finished_run(project.work_dir)
        if run is not None and project.work_dir is not None:
            seed: int | None = run.seed
            source = f"the finished run in {project.relative(project.work_dir)}"
            require_gated_by(inputs, run=run, log=run.scalars)
        elif project.training_seed is not None:
            seed, source = project.training_seed, "seed of [train]"
        else:
            assert project.training_config is not None
            settings = inputs.training_settings()
            seed = settings.seed
            source = f"randomness of {project.relative(project.training_config)}"
            shown.append(Measurement.shown("deterministic", int(settings.deterministic)))
        measurements = [Measurement.at_least("fixed", int(seed is not None), 1)]
        if seed is None:
            text = f"no fixed seed: {source} names none, so that every run draws another"
            return Outcome(
                message=text,
                measurements=[*measurements, *shown],
                findings=[Finding(text=text)],
            )
        measurements.append(Measurement.shown("seed", seed))
        return Outcome(message=f"seed {seed}, {source}", measurements=[*measurements, *shown])

    passing: ClassVar[Example] = Example(
        config="""\
        [train]
        config = "train.py"
        work-dir = "work"
        seed = 0
        [rules.training-seed]
        """,
    )
    failing: ClassVar[Example] = Example(
        config="""\
        [model]
        config = "train.py"
        [rules.training-seed]
        """,
        needs="mmdet",
        files={"train.py": "randomness = dict(seed=None)\n"},
    )
