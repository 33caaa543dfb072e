"""MLflow: a run with metrics, tags, the record and the page; an alias of a registered model."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from pytest_detgate.errors import ConfigError, DetgateError
from pytest_detgate.publishing.registries.approval import ApprovalError, objection_to
from pytest_detgate.publishing.registries.registry import Publication, Registry
from pytest_detgate.publishing.registries.values import facts_of, metrics_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BATCH = 500
"""Metrics that a server takes at once; it takes 1,000."""
_REMOTE = ("http://", "https://", "databricks")


class MLflow(Registry):
    """A tracking store in files, in a database, or behind a server."""

    options: ClassVar[Mapping[str, str]] = {
        "uri": "the tracking store; MLFLOW_TRACKING_URI, else sqlite:///mlflow.db",
        "experiment": "the experiment; detgate if omitted",
        "run": "the id of a run to add to; omitted: a new one",
        "model": "a registered model, of which a version is marked",
        "version": "that version",
        "alias": "an alias that the version gets if the gate passed, such as champion",
    }

    def publish(self, publication: Publication) -> list[str]:
        """Publish to a tracking store; see `Registry.publish`."""
        uri = (
            publication.option("uri")
            or os.environ.get("MLFLOW_TRACKING_URI")
            or "sqlite:///mlflow.db"
        )
        if uri.startswith(_REMOTE) and not publication.online:
            raise ConfigError(f"mlflow: {uri} is a server; add --online to send the record there")
        model, version, alias = map(publication.option, ("model", "version", "alias"))
        if bool(model) != bool(version) or (alias and not model):
            raise ConfigError("mlflow: model and version go together, and alias needs both")
        with _errors(uri):
            client = _client(uri)
            run = _write_run(client, publication)
            done = [f"run {run} in {uri}"]
            if model:
                done += _mark(client, publication, model, version)
        if alias:
            objection = objection_to(publication.report)
            if objection is not None:
                raise ApprovalError(f"{done[0]}; mlflow: alias {alias} not set: {objection}")
            with _errors(uri):
                client.set_registered_model_alias(model, alias, version)
            done.append(f"alias {alias} of {model} is version {version}")
        return done


@contextmanager
def _errors(uri: str) -> Iterator[None]:
    try:
        # MLflow prints addresses of runs in between.
        with redirect_stdout(sys.stderr):
            yield
    except DetgateError:
        raise
    except Exception as error:  # those of MLflow, and of each store behind it
        raise DetgateError(f"mlflow: {uri}: {type(error).__name__}: {error}") from error


def _client(uri: str) -> MlflowClient:
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise ConfigError(f"mlflow cannot be imported: {error}; pip install mlflow") from error
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _write_run(client: MlflowClient, publication: Publication) -> str:
    from mlflow.entities import Metric, RunTag

    report = publication.report
    started = int(datetime.fromisoformat(report.started.replace("Z", "+00:00")).timestamp() * 1000)
    run = publication.option("run")
    is_new = not run
    if is_new:
        name = publication.option("experiment", "detgate")
        known = client.get_experiment_by_name(name)
        experiment = client.create_experiment(name) if known is None else known.experiment_id
        run = client.create_run(experiment, start_time=started).info.run_id
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in metrics_of(report).items()]
    for begin in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[begin : begin + _BATCH])
    client.log_batch(run, tags=[RunTag(name, text) for name, text in facts_of(report).items()])
    for path in publication.files():
        client.log_artifact(run, str(path), "detgate")
    if is_new:
        status = "FINISHED" if report.verdict == "passed" else "FAILED"
        client.set_terminated(run, status)
    return run


def _mark(
    client: MlflowClient, publication: Publication, model: str, version: str
) -> Iterator[str]:
    report = publication.report
    for name, text in facts_of(report).items():
        client.set_model_version_tag(model, version, name, text)
    yield f"{model} version {version} is marked {report.verdict}"
