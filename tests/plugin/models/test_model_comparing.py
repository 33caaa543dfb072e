"""Baseline and sweep with real checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.forked import MMDETECTION, run_forked
from tests.plugin.records import report_in, values_in

pytestmark = pytest.mark.mmdet

CONFIG = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[model]
score-threshold = 0.1
[probes.compliant]
images = "probe"
[rules.ap-regression]
max-drop = 1.0
[rules.fp-regression]
max-growth = 1000.0
"""
# Says at the end how many models are still loaded, and whether torch was.
TELL_MODELS = """
import gc, json, sys
def pytest_sessionfinish(session):
    models = [one for one in gc.get_objects() if type(one).__name__ == "RTMDet"]
    with open("models.json", "w") as file:
        json.dump([len(models), "torch" in sys.modules], file)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three checkpoints of one detector; copied before use."""
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("model-comparing")
    worksite.draw_site(root, 6)
    for seed in range(6):
        worksite.draw(root / "probe" / f"calm_{seed}.jpg", 100 + seed)
    config = worksite.write_config(root)
    for seed in range(3):
        worksite.write_checkpoint(config, root / f"epoch_{seed + 1}.pth", seed=seed)
    other = worksite.write_config(root, "other.py", classes=("person", "vest"))
    worksite.write_checkpoint(other, root / "other.pth")
    return root


@pytest.fixture
def project(
    site: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """The project in a folder of its own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(site, pytester.path, dirs_exist_ok=True)
    (pytester.path / "detgate.toml").write_text(CONFIG)
    (pytester.path / "conftest.py").write_text(TELL_MODELS)
    pytester.makeini("[pytest]\n")
    return pytester


def messages(project: pytest.Pytester) -> dict[str, str]:
    return {rule["id"]: rule["message"] for rule in report_in(project.path)["rules"]}


def test_baseline_is_run_on_the_same_images_and_kept(project: pytest.Pytester) -> None:
    """Both models as the other's baseline: the changes are each other's opposite."""
    there = run_forked(
        project, "--detgate-ckpt=epoch_2.pth", "--detgate-baseline=epoch_1.pth", preload=MMDETECTION
    )
    assert there.ret == 0, there.stdout.str()
    first = values_in(project.path)
    baseline = report_in(project.path)["baseline"]
    assert (baseline["path"], baseline["kind"]) == ("epoch_1.pth", "checkpoint")
    assert report_in(project.path)["model"]["checkpoint"] == "epoch_2.pth"

    back = run_forked(project, "--detgate-ckpt=epoch_1.pth", "--detgate-baseline=epoch_2.pth")

    assert back.ret == 0, back.stdout.str()
    second = values_in(project.path)
    assert report_in(project.path)["model"]["sha256"] == baseline["sha256"]
    assert first["fp-regression[compliant]"]["boxes"] > 0
    for item, own in (("ap-regression", "ap"), ("fp-regression[compliant]", "boxes")):
        assert first[item]["change"] == -second[item]["change"]
        assert first[item]["baseline"] == second[item][own]
    assert json.loads((project.path / "models.json").read_text()) == [0, False]


def test_gated_file_under_another_name_is_unchanged(project: pytest.Pytester) -> None:
    shutil.copy(project.path / "epoch_1.pth", project.path / "copy.pth")
    arguments = ("--detgate-ckpt=epoch_1.pth", "--detgate-baseline=copy.pth")

    run_forked(project, *arguments, preload=MMDETECTION)

    assert all(
        "unchanged: the gated file is that of" in text for text in messages(project).values()
    )


def test_baselines_that_are_refused(project: pytest.Pytester) -> None:
    """Another model's classes, and one that would run code."""
    (project.path / "notes.pth").write_text("not weights")

    for baseline, expected in (
        ("other.pth", "its detector there is without 'helmet' and with 'vest'"),
        ("notes.pth", "notes.pth: damaged, or not a checkpoint"),
    ):
        result = run_forked(
            project,
            "--detgate-ckpt=epoch_1.pth",
            f"--detgate-baseline={baseline}",
            preload=MMDETECTION,
        )

        assert result.ret == 1
        assert all(expected in message for message in messages(project).values()), baseline


def test_sweep_marks_the_gated_epoch_and_frees_the_others(project: pytest.Pytester) -> None:
    first = run_forked(
        project, "--detgate-ckpt=epoch_3.pth", "--detgate-sweep=epoch_*.pth", "-k", "choice"
    )

    assert first.ret == 0, first.stdout.str()
    assert set(messages(project)) == {"checkpoint-choice"}
    (rule,) = report_in(project.path)["rules"]
    table = rule["tables"]["sweep"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert [row["checkpoint"] for row in rows] == [f"epoch_{number}.pth" for number in (1, 2, 3)]
    assert [row["gated"] for row in rows] == [False, False, True]
    assert {row["epoch"] for row in rows} == {7}
    loaded, with_torch = json.loads((project.path / "models.json").read_text())
    assert with_torch
    assert loaded == 1  # the gated one

    second = run_forked(
        project, "--detgate-ckpt=epoch_2.pth", "--detgate-sweep=epoch_*.pth", "-k", "choice"
    )

    assert second.ret == 0, second.stdout.str()
    again = report_in(project.path)["rules"][0]["tables"]["sweep"]["rows"]
    gated = table["columns"].index("gated")
    assert [row[gated] for row in again] == [False, True, False]
    assert [row[3:6] for row in again] == [row[3:6] for row in table["rows"]]
    assert json.loads((project.path / "models.json").read_text()) == [0, False]
