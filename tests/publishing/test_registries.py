"""Registries: what is published, when an alias is set, and that nothing is sent unasked."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from pytest_detgate.__main__ import main
from pytest_detgate.findings import Interval, Measurement
from pytest_detgate.publishing.registries.approval import objection_to
from pytest_detgate.publishing.registries.model_card import _METRICS, model_card
from pytest_detgate.publishing.registries.registry import (
    Publication,
    Registry,
    registry,
    registry_names,
)
from pytest_detgate.publishing.registries.values import facts_of, metrics_of
from pytest_detgate.record.report import DatasetRecord, ProjectRecord, Report
from pytest_detgate.record.report_file import write_report
from tests.needs import import_or_skip
from tests.report.sample import rule, sample_report

BOUNDS = Interval(low=0.87, high=0.94, confidence=0.95, method="bootstrap of 40 clips")


def blocked() -> Report:
    return sample_report()


def passed() -> Report:
    report = sample_report()
    rules = [rule for rule in report.rules if rule.verdict == "passed"]
    scores = {
        name: replace(score, intervals={"AP": BOUNDS}) for name, score in report.scores.items()
    }
    return replace(report, verdict="passed", rules=rules, scores=scores)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two records, the current one."""
    for name, report in (("passed", passed()), ("blocked", blocked())):
        write_report(report, tmp_path / name / "report.json")
        (tmp_path / name / "index.html").write_text("the page")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def publish(folder: Path, to: str, record: str = "passed", *more: str, **options: str) -> int:
    chosen = [text for name, value in options.items() for text in ("--option", f"{name}={value}")]
    return main(["publish", str(folder / record / "report.json"), "--to", to, *chosen, *more])


@pytest.mark.parametrize(
    ("report", "objection"),
    [
        (passed(), None),
        (blocked(), "the gate blocked"),
        (replace(passed(), rules=blocked().rules), "the gate blocked"),
        (replace(passed(), rules=[]), "nothing in this run could have blocked"),
        (
            replace(passed(), rules=[replace(rule("a", "waived", "W"), can_block=False)]),
            "nothing in this run could have blocked",
        ),
        (replace(passed(), not_selected=["mean-ap"]), "1 rule was not selected"),
        (replace(passed(), model=None), "the run judged no model file"),
        (replace(passed(), verdict="running"), "the gate blocked"),
    ],
)
def test_only_a_whole_passed_run_of_a_model_approves(report: Report, objection: str | None) -> None:
    assert objection_to(report) == objection


def test_values_have_names_that_registries_take() -> None:
    measured = Measurement.at_most("boxes", 4, 8)
    report = replace(
        passed(),
        rules=[rule("probe-fp[a:b*c]", "passed", "P", measured),
               rule("probe-fp[a:b?c]", "passed", "P", measured)],
    )  # fmt: skip

    result = metrics_of(report)

    assert result["val/AP"] == report.scores["val"].AP
    assert (result["val/AP/low"], result["val/AP/high"]) == (0.87, 0.94)
    assert result["probe-fp/a_b_c/boxes"] == result["probe-fp/a_b_c/boxes_2"] == 4.0
    assert result["probe-fp/a_b_c/boxes/limit"] == 8.0
    assert facts_of(blocked())["detgate.blocked_by"].startswith("clip-overlap[train-val], ")


def test_mistakes_get_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def printed_by(*arguments: str) -> str:
        assert main(["publish", "passed/report.json", *arguments]) == 4
        return capsys.readouterr().err

    assert "no registry 'mlfow'; did you mean 'mlflow'?" in printed_by("--to", "mlfow")
    assert "mlflow: no option 'modl'; did you mean 'model'?" in printed_by(
        "--to", "mlflow", "--option", "modl=x"
    )
    assert "expected KEY=VALUE, found 'model'" in printed_by("--to", "mlflow", "--option", "model")
    assert "model and version go together" in printed_by("--to", "mlflow", "--option", "model=site")
    assert "--online" in printed_by("--to", "mlflow", "--option", "uri=https://example.org")
    assert "--online" in printed_by("--to", "huggingface", "--online")


class Own(Registry):
    options = {"where": "a place"}  # noqa: RUF012

    def publish(self, publication: Publication) -> list[str]:
        return [f"{publication.report.verdict} to {publication.option('where')}"]


class OwnPoint:
    name, value = "own", "package:Own"

    def load(self) -> type[Registry]:
        return Own


def test_a_package_registers_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = {"detgate.registries": (OwnPoint(),)}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points[group])

    assert registry_names() == ("mlflow", "wandb", "huggingface", "own")
    assert isinstance(registry("own"), Own)
    assert publish(folder, "own", where="there") == 0
    assert capsys.readouterr().out == "passed to there\n"


def front_matter(path: Path) -> dict[str, Any]:
    _, head, _ = path.read_text("utf-8").split("---\n", 2)
    result: dict[str, Any] = yaml.safe_load(head)
    return result


def test_a_model_card_holds_scores_with_bounds(folder: Path) -> None:
    assert publish(folder, "huggingface", name="site: 2", license="apache-2.0") == 0

    card = folder / "passed" / "README.md"
    head = front_matter(card)
    assert (head["license"], head["pipeline_tag"]) == ("apache-2.0", "object-detection")
    (index,) = head["model-index"]
    assert index["name"] == "site: 2"
    (result,) = index["results"]
    metric = result["metrics"][0]
    assert (metric["type"], metric["value"]) == ("ap", passed().scores["val"].AP)
    assert metric["args"] == {
        "low": 0.87, "high": 0.94, "confidence": 0.95, "method": "bootstrap of 40 clips"
    }  # fmt: skip
    assert result["dataset"]["revision"] == passed().dataset.splits["val"].sha256
    assert "| mAP, IoU 0.50 to 0.95 | 0.9109 [0.87, 0.94], 95% |" in card.read_text("utf-8")


def card(report: Report) -> str:
    return model_card(Publication(report=report, record=Path("report.json"), options={}))


def test_a_card_says_only_what_is_known() -> None:
    """A run of result files on a split that the record lacks, with one metric, and without one."""
    report = passed()
    val = report.scores["val"]
    bare = replace(val, intervals={}, **dict.fromkeys(_METRICS))
    known = replace(report, project=None, model=None, dataset=DatasetRecord())

    first = card(replace(known, scores={"val": replace(bare, AP=0.5)}))
    none = card(replace(known, scores={"val": bare}))

    (result,) = yaml.safe_load(first.split("---")[1])["model-index"][0]["results"]
    assert [(entry["type"], entry["value"]) for entry in result["metrics"]] == [("ap", 0.5)]
    assert "args" not in result["metrics"][0]
    assert "revision" not in result["dataset"]
    assert yaml.safe_load(none.split("---")[1])["model-index"][0]["results"] == []
    assert "Weights" not in first
    assert "# detector" in first


def test_a_card_says_what_a_model_is_not_for() -> None:
    project = ProjectRecord(
        name="helmets", version="", owner="", purpose="Finds helmets.", not_for=["faces"]
    )
    text = card(replace(passed(), project=project))

    assert "# helmets\n\nFinds helmets.\n\n- Not for: faces\n" in text


def test_facts_of_a_run_without_a_model_name_none() -> None:
    facts = facts_of(replace(passed(), model=None))

    assert facts["detgate.verdict"] == "passed"
    assert not [name for name in facts if "checkpoint" in name]


def test_a_card_of_somebody_else_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "README.md").write_text("mine")

    assert publish(folder, "huggingface", file="README.md") == 4
    assert "README.md exists, and is not overwritten" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == "mine"
    assert publish(folder, "huggingface") == publish(folder, "huggingface", "blocked") == 0
    assert publish(folder, "huggingface", "blocked") == 0
    assert "**Blocked**" in (folder / "blocked" / "README.md").read_text("utf-8")


def test_the_hub_reads_the_card(folder: Path) -> None:
    hub = import_or_skip("huggingface_hub")
    publish(folder, "huggingface", name="site")

    card = hub.ModelCard.load(folder / "passed" / "README.md")

    assert card.data.model_name == "site"
    assert [eval_result.metric_type for eval_result in card.data.eval_results] == [
        "ap",
        "ap50",
        "ap75",
        "ar100",
    ]
    assert card.data.eval_results[0].metric_args["low"] == 0.87


@pytest.mark.filterwarnings("ignore")
def test_mlflow_gets_metrics_the_page_and_an_alias_if_passed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a database of a new folder, which MLflow takes some seconds to make."""
    mlflow = import_or_skip("mlflow")
    uri = "sqlite:///mlflow.db"
    client = mlflow.MlflowClient(uri, uri)
    client.create_registered_model("site")
    for version in "12":
        assert client.create_model_version("site", source="passed").version == int(version)
    marked = {"model": "site", "alias": "champion"}

    assert publish(folder, "mlflow", "blocked", **marked, version="1") == 1
    assert "alias champion not set: the gate blocked" in capsys.readouterr().err
    assert client.get_registered_model("site").aliases == {}
    assert client.get_model_version("site", "1").tags["detgate.verdict"] == "failed"

    assert publish(folder, "mlflow", **marked, version="2") == 0
    assert client.get_model_version_by_alias("site", "champion").version == 2
    experiment = client.get_experiment_by_name("detgate").experiment_id
    runs = {
        logged_run.data.tags["detgate.verdict"]: logged_run
        for logged_run in client.search_runs([experiment])
    }
    of_passed, of_blocked = runs["passed"], runs["failed"]
    assert (of_passed.info.status, of_blocked.info.status) == ("FINISHED", "FAILED")
    assert of_passed.data.metrics["val/AP"] == passed().scores["val"].AP
    assert of_passed.data.tags["detgate.verdict"] == "passed"
    listed = client.list_artifacts(of_passed.info.run_id, "detgate")
    assert [entry.path for entry in listed] == ["detgate/index.html", "detgate/report.json"]

    assert publish(folder, "mlflow", **marked, version="9") == 4
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def mlflow_server(folder: Path) -> Iterator[str]:
    """A server of MLflow on loopback, which takes ten seconds to start."""
    import_or_skip("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
               "--backend-store-uri", "sqlite:///server.db", "--workers", "1"]  # fmt: skip
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)
        log.close()


@pytest.mark.filterwarnings("ignore")
def test_a_server_is_used_only_online(
    folder: Path,
    mlflow_server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)

    assert publish(folder, "mlflow") == 4
    assert f"mlflow: {mlflow_server} is a server; add --online" in capsys.readouterr().err

    assert publish(folder, "mlflow", "passed", "--online") == 0
    run = capsys.readouterr().out.split()[1]
    client = import_or_skip("mlflow").MlflowClient(mlflow_server)
    assert client.get_run(run).data.metrics["val/AP"] == passed().scores["val"].AP
    listed = [artifact.path for artifact in client.list_artifacts(run, "detgate")]
    assert listed == ["detgate/index.html", "detgate/report.json"]


@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_a_run_that_is_not_sent(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_or_skip("wandb")

    assert publish(folder, "wandb", dir="runs") == 0
    assert publish(folder, "wandb", "blocked", dir="runs", alias="approved") == 1

    shown = capsys.readouterr()
    assert "not sent: `wandb sync runs/wandb/offline-run-" in shown.out
    assert "alias approved not set: the gate blocked" in shown.err
    runs = sorted((folder / "runs" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(runs) == 2
    assert b"val/AP" in runs[0].read_bytes() + runs[1].read_bytes()
