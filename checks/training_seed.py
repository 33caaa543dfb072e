"""The rule `training-seed`."""

from __future__ import annotations

from typing import ClassVar

from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.inputs.training_run import require_gated_by
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import TrainingRule
from pytest_detgate.rules.options import require_training_config
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.training.record import finished_run


class TrainingSeed(TrainingRule, frozen=True, kw_only=True):
    """Training must start from a fixed seed.

    ## What it checks

    `fixed` is 1 where the seed of the training is known before it starts, else 0; `seed` is that
    seed. It is, in this order,

    - that of the run which the gate finished in `[train] work-dir`;
    - `seed` of `[train]`, where it is written down, with which `--detgate-train` trains whatever
      the configuration says;
    - `randomness = dict(seed=…)` of the training configuration (`[train] config`, else `[model]
      config`).

    Where a model is gated, it must be a checkpoint of that finished run, as `training-curve` says.

    Without one MMEngine draws a seed by itself; that it writes it into the log does not make it a
    fixed one. `deterministic` says, for a seed from the configuration, whether torch was asked for
    deterministic algorithms.

    ## Why it matters

    Two runs that differ in nothing but their seed give two models with two sets of figures. Without
    a fixed seed nobody can repeat the run that is merged, or tell whether a change helped.

    ## How to mend

    Write `randomness = dict(seed=0)` in the configuration, or `seed = 0` under `[train]`. Add
    `deterministic=True` where the same numbers to the last digit are worth slower training.
    """

    code: ClassVar[str] = "training-seed"

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
