"""Whether the gated model is one of the training run that a rule looks at."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.errors import DataError
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.training.experiment import experiment_of
from pytest_detgate.training.record import TrainedRun


def require_gated_by(inputs: Inputs, *, run: TrainedRun | None, log: Path | None) -> None:
    """Raise `DataError` where a model is gated that the run did not make: its log and
    record are of another model.

    `run` is the one that the gate finished, `log` the `scalars.json` that MMEngine wrote; a
    checkpoint is of the run whose last one it is, or whose name it has in it.
    """
    gated = inputs.gated_model()
    if gated is None or (run is not None and gated.sha256 == run.sha256):
        return
    # MMEngine names the folder of a run by the time of its start, WORK_DIR/TIME/vis_data, and the
    # run NAME_TIME.
    time = None if log is None or log.parent.name != "vis_data" else log.parent.parent.name
    try:
        experiment = None if gated.checkpoint is None else experiment_of(gated.checkpoint)
    except OSError as error:
        raise DataError(f"{gated.checkpoint}: cannot be read: {error.strerror or error}") from error
    if time and experiment and (experiment == time or experiment.endswith(f"_{time}")):
        return
    which = f"the run of {inputs.project.relative(log)}" if log is not None else "the finished run"
    if experiment is not None and time:
        why = f"it says that the run {experiment} made it"
    else:
        why = "it is unknown which run made it"
    raise DataError(
        f"{gated.name} is gated, and it is no checkpoint of {which}: {why}. The log of a run "
        "is no evidence about another model"
    )
