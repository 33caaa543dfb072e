"""Weights & Biases: a run with a summary, the record and the page as an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.publishing.registries.approval import ApprovalError, objection_to
from pytest_detgate.publishing.registries.registry import Publication, Registry
from pytest_detgate.publishing.registries.values import facts_of, metrics_of


class WeightsAndBiases(Registry):
    """A run that is written to a folder; with `--online` it is sent."""

    options: ClassVar[Mapping[str, str]] = {
        "project": "the project; detgate if omitted",
        "name": "the name of the run",
        "dir": "the folder for runs that are not sent yet; the current one if omitted",
        "alias": "an alias that the artifact gets if the gate passed, such as approved",
    }

    def publish(self, publication: Publication) -> list[str]:
        """Write a run; see `Registry.publish`."""
        try:
            import wandb
        except ImportError as error:
            raise ConfigError(f"wandb cannot be imported: {error}; pip install wandb") from error
        alias = publication.option("alias")
        objection = objection_to(publication.report) if alias else None
        aliases = [alias] if alias and objection is None else []
        try:
            location = _write(wandb, publication, aliases)
        except Exception as error:  # those of wandb and of its service
            raise DetgateError(f"wandb: {type(error).__name__}: {error}") from error
        done = [f"run in {location}"]
        if not publication.online:
            done.append(f"not sent: `wandb sync {location}` sends it")
        if objection is not None:
            raise ApprovalError(f"{done[0]}; wandb: alias {alias} not set: {objection}")
        return done


def _write(wandb: Any, publication: Publication, aliases: list[str]) -> str:
    folder = Path(publication.option("dir") or ".")
    folder.mkdir(parents=True, exist_ok=True)
    report = publication.report
    run = wandb.init(
        project=publication.option("project", "detgate"),
        name=publication.option("name") or None,
        dir=str(folder),
        mode="online" if publication.online else "offline",
        job_type="gate",
        config=facts_of(report),
        tags=[f"detgate-{report.verdict}"],
        settings=wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True
        ),
    )
    try:
        run.summary.update(metrics_of(report))
        artifact = wandb.Artifact("detgate-report", type="report", metadata=facts_of(report))
        for path in publication.files():
            artifact.add_file(str(path))
        run.log_artifact(artifact, aliases=aliases)
        location = run.url if publication.online else Path(run.dir).parent
    finally:
        # As a failed run, where the gate blocked.
        run.finish(exit_code=0 if report.verdict == "passed" else 1)
    return str(location)
