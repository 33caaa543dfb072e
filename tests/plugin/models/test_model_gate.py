"""A whole gate on a real detector: `--detgate-ckpt` and `--detgate-train`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.forked import MMDETECTION, run_forked
from tests.plugin.records import reasons_in, report_in

pytestmark = pytest.mark.mmdet

CONFIG = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[model]
checkpoint = "epoch_7.pth"
[train]
config = "train.py"
work-dir = "work"
[probes.compliant]
images = "probe"
[rules.probe-fp]
max-boxes = 100000
score-threshold = 0.1
[rules.mean-ap]
min = 0.0
"""
# Says at the end of each process which heavy modules it came to import.
TELL_IMPORTS = """
import json, sys
def pytest_sessionfinish(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid", "main")
    heavy = sorted({"torch", "mmdet", "cv2", "great_expectations", "ray"} & set(sys.modules))
    with open(f"imports-{worker}.json", "w") as file:
        json.dump(heavy, file)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a detector of random weights; copied before use."""
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("model-gate")
    worksite.draw_site(root, 6)
    for seed in range(3):
        worksite.draw(root / "probe" / f"calm_{seed}.jpg", 100 + seed)
    worksite.write_checkpoint(worksite.write_config(root), root / "epoch_7.pth")
    return root


@pytest.fixture
def project(
    site: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """The project in a folder of its own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(site, pytester.path, dirs_exist_ok=True)
    # The configuration names its folder; a copy must not read the original.
    worksite.write_config(pytester.path)
    worksite.write_training_config(pytester.path)
    (pytester.path / "detgate.toml").write_text(CONFIG)
    (pytester.path / "conftest.py").write_text(TELL_IMPORTS)
    pytester.makeini("[pytest]\n")
    return pytester


def imported(project: pytest.Pytester, process: str = "main") -> list[str]:
    """Heavy modules that a process of the last run imported."""
    names: list[str] = json.loads((project.path / f"imports-{process}.json").read_text())
    return names


def run_model(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a process that has imported MMDetection before."""
    return run_forked(project, *arguments, preload=MMDETECTION)


def test_checkpoint_alone_then_again_without_torch(project: pytest.Pytester) -> None:
    first = run_forked(project, "--detgate-ckpt=epoch_7.pth")

    assert first.ret == 0
    model = report_in(project.path)["model"]
    assert model["epoch"] == 7
    assert model["classes"] == ["person", "helmet"]
    assert (model["images"], model["kept"]) == (9, 0)
    assert "torch" in imported(project)
    measurements = report_in(project.path)["rules"][0]["measurements"]

    second = run_forked(project, "--detgate-ckpt=epoch_7.pth")

    assert second.ret == 0
    model = report_in(project.path)["model"]
    assert (model["images"], model["kept"]) == (9, 9)
    assert imported(project) == []
    assert report_in(project.path)["rules"][0]["measurements"] == measurements


def test_two_workers_infer_once(project: pytest.Pytester) -> None:
    result = run_forked(project, "--detgate-ckpt=epoch_7.pth", "-n", "2")

    assert result.ret == 0
    workers = [imported(project, name) for name in ("gw0", "gw1")]
    assert sorted("torch" in names for names in workers) == [False, True]
    assert [rule["id"] for rule in report_in(project.path)["rules"]] == [
        "probe-fp[compliant]",
        "mean-ap",
    ]


def test_new_and_changed_images_alone_are_inferred(project: pytest.Pytester) -> None:
    run_model(project, "--detgate-ckpt=epoch_7.pth")
    worksite.draw(project.path / "probe" / "calm_9.jpg", 900)
    worksite.draw(project.path / "probe" / "calm_0.jpg", 901)

    run_model(project, "--detgate-ckpt=epoch_7.pth")

    model = report_in(project.path)["model"]
    assert (model["images"], model["kept"]) == (10, 8)


def test_another_operating_point_infers_nothing(project: pytest.Pytester) -> None:
    run_model(project, "--detgate-ckpt=epoch_7.pth")
    before = report_in(project.path)["rules"][0]["measurements"]
    (project.path / "detgate.toml").write_text(
        CONFIG.replace("score-threshold = 0.1", "score-threshold = 0.3")
    )

    run_model(project, "--detgate-ckpt=epoch_7.pth")

    model = report_in(project.path)["model"]
    assert (model["images"], model["kept"]) == (9, 9)
    assert report_in(project.path)["rules"][0]["measurements"] != before


def test_without_the_cache_nothing_is_kept(project: pytest.Pytester) -> None:
    for _ in range(2):
        run_model(project, "--detgate-ckpt=epoch_7.pth", "--detgate-no-cache")

        assert report_in(project.path)["model"]["kept"] == 0


def test_checkpoint_of_the_file_with_its_configuration(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(
        CONFIG.replace("[model]", '[model]\nconfig = "model.py"')
    )

    assert run_model(project, "detgate.toml").ret == 0
    assert report_in(project.path)["model"]["config"] == "model.py"


def test_only_what_selected_items_need_is_inferred(project: pytest.Pytester) -> None:
    run_model(project, "--detgate-ckpt=epoch_7.pth", "-k", "probe")

    assert report_in(project.path)["model"]["images"] == 3


def test_unreadable_image_fails_its_rule_alone(project: pytest.Pytester) -> None:
    (project.path / "probe" / "calm_1.jpg").write_bytes(b"\xff\xd8 this is no picture")

    result = run_model(project, "--detgate-ckpt=epoch_7.pth")

    assert result.ret == 1
    (reason,) = reasons_in(project.path)
    assert "1 of 3 images of compliant cannot be read" in reason
    assert "calm_1.jpg" in reason
    assert report_in(project.path)["rules"][1]["verdict"] == "passed"


def test_another_precision_gives_other_numbers_and_says_so(project: pytest.Pytester) -> None:
    run_model(project, "--detgate-ckpt=epoch_7.pth")
    assert report_in(project.path)["model"]["notes"] == []
    toml = project.path / "detgate.toml"

    toml.write_text(CONFIG.replace("[model]", '[model]\nprecision = "bfloat16"'))
    for value in (0, 9):
        assert run_model(project, "--detgate-ckpt=epoch_7.pth").ret == 0
        model = report_in(project.path)["model"]
        assert (model["images"], model["kept"]) == (9, value)
        (note,) = model["notes"]
        assert note.startswith("the networks compute in bfloat16 (precision under [model])")
        assert "compute in bfloat16" in (project.path / "detgate-report/index.html").read_text()

    toml.write_text(CONFIG.replace("[model]", '[model]\nprecision = "float16"'))
    assert run_model(project, "--detgate-ckpt=epoch_7.pth").ret == 1
    (reason,) = reasons_in(project.path)
    assert "precision 'float16' under [model] needs a GPU" in reason


def test_rules_that_run_the_model_infer_no_whole_split(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(
        CONFIG.partition("[rules")[0]
        + """
[rules.repeatability]
images = 2
max-score-difference = 0.0
max-box-difference = 0.0
[[rules.latency]]
name = "ten-minutes"
max-ms = 600_000
max-p95-ms = 600_000
images = 8
[[rules.latency]]
name = "at-once"
max-ms = 0.001
images = 8
[rules.empty-gt-share]
max = 1.0
"""
    )

    result = run_model(project, "--detgate-ckpt=epoch_7.pth", "-m", "detgate_model")

    assert result.ret == 1
    rules = {rule["id"]: rule for rule in report_in(project.path)["rules"]}
    assert {name: rule["verdict"] for name, rule in rules.items()} == {
        "repeatability": "passed",
        "latency.ten-minutes": "passed",
        "latency.at-once": "failed",
    }
    assert {
        measurement["name"]: measurement["value"]
        for measurement in rules["repeatability"]["measurements"]
    } == {
        **{"score_difference": 0, "box_difference": 0, "images": 2, "unpaired": 0},
        "boxes": rules["repeatability"]["measurements"][3]["value"],
    }
    (times,) = rules["latency.at-once"]["tables"].values()
    assert [row[0] for row in times["rows"]] == list(range(1, 9))  # six pictures, two again
    model = report_in(project.path)["model"]
    assert (model["images"], model["kept"], model["epoch"]) == (0, 0, 7)


def test_classes_that_differ_are_named(project: pytest.Pytester) -> None:
    path = project.path / "site.json"
    path.write_text(path.read_text().replace('"helmet"', '"hellmet"'))

    result = run_model(project, "--detgate-ckpt=epoch_7.pth")

    assert result.ret == 1
    assert reasons_in(project.path) == {
        "class 'hellmet' of val is not a class of the detector; did you mean 'helmet'? "
        "(its classes: person, helmet)"
    }


def test_checkpoint_that_would_run_code_is_refused(
    project: pytest.Pytester,
) -> None:
    """Checkpoint that would run code is refused and did not run."""
    script = project.path / "make_trap.py"
    script.write_text(
        "import os, torch\n"
        "class Trap:\n"
        "    def __reduce__(self):\n"
        "        return (os.mkdir, ('it-ran',))\n"
        "torch.save({'state_dict': {}, 'meta': Trap()}, 'trap.pth')\n"
    )
    project.runpython(script)

    result = run_model(project, "--detgate-ckpt=trap.pth")

    assert result.ret == 1
    assert not (project.path / "it-ran").exists()
    (reason,) = reasons_in(project.path)
    assert "trap.pth" in reason
    assert "--detgate-trust-checkpoint" in reason


def test_file_that_is_no_checkpoint(project: pytest.Pytester) -> None:
    (project.path / "notes.pth").write_text("not weights")

    result = run_model(project, "--detgate-ckpt=notes.pth")

    assert result.ret == 1
    (reason,) = reasons_in(project.path)
    assert reason.startswith("notes.pth:")
    assert "Traceback" not in result.stdout.str()


def test_missing_mmdetection_is_answered_with_how_to_install_it(project: pytest.Pytester) -> None:
    (project.path / "conftest.py").write_text("import sys\nsys.modules['mmdet'] = None\n")

    result = run_forked(project, "--detgate-ckpt=epoch_7.pth")

    assert result.ret == 1
    (reason,) = reasons_in(project.path)
    assert "pip install 'pytest-detgate[mmdet]'" in reason


def test_training_is_gated_and_its_checkpoint_used_again(project: pytest.Pytester) -> None:
    first = run_model(project, "--detgate-train", "-k", "probe")

    # After one epoch on six images the model finds nothing yet, which proves nothing on a probe.
    assert first.ret == 1
    (reason,) = reasons_in(project.path)
    assert reason.startswith("the detector finds nothing, at any score, on the 6 images of val")
    checkpoint = report_in(project.path)["model"]["sha256"]
    assert report_in(project.path)["model"]["checkpoint"] == "work/epoch_1.pth"

    again = run_forked(project, "--detgate-train", "-k", "probe", "-n", "2")

    assert again.ret == 1
    assert report_in(project.path)["model"]["sha256"] == checkpoint
    assert imported(project) == []

    written = (project.path / "work/epoch_1.pth").stat().st_mtime_ns
    run_model(project, "--detgate-train", "--detgate-retrain", "-k", "probe")
    assert (project.path / "work/epoch_1.pth").stat().st_mtime_ns > written


def test_training_that_fails_is_no_pass(project: pytest.Pytester) -> None:
    path = project.path / "train.py"
    path.write_text(path.read_text().replace('ann_file="site.json"', 'ann_file="gone.json"'))

    result = run_model(project, "--detgate-train", "-k", "probe")

    assert result.ret == 1
    (reason,) = reasons_in(project.path)
    assert reason.startswith("training failed: ")
    assert "gone.json" in reason
    assert "work/detgate-train.log" in reason


def test_collect_only_does_not_train(project: pytest.Pytester) -> None:
    assert run_forked(project, "--detgate-train", "--collect-only").ret == 0
    assert not (project.path / "work").exists()


def test_options_of_ray_without_ray_are_named(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(CONFIG + '[run]\naddress = "head:6379"\n')

    result = run_forked(project, "--detgate-ckpt=epoch_7.pth")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ['*detgate.toml*address*: means something with engine = "ray" alone*']
    )
