"""Real photos, from training to verdict: `examples/css_ppe`, trained for four epochs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.packages import quiet, require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.conftest import SHARED
from tests.forked import MMDETECTION, gate_forked

pytestmark = [pytest.mark.shared, pytest.mark.mmdet]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# data/README.md: videos by name up to _mp4 or _mov; photos by their stem before .rf.
SHARED_CLIPS = {
    *("IMG_3100_mp4", "IMG_3103_mp4", "Movie-on-10-31-22-at-10_08-AM_mov", "autox4_mp4"),
    *("construction-1-_mp4", "construction-2-_mp4", "construction-4-_mp4"),
    *("youtube-260", "youtube-391", "youtube-504", "youtube-51"),
}
THRESHOLD = 0.012


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example beside the data, made short: four epochs, smaller images, a low threshold, both
    engines."""
    if not SHARED.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("css")
    for name in ("site/configs", "css_ppe"):
        shutil.copytree(
            EXAMPLES / name, root / name, ignore=shutil.ignore_patterns("work_dirs", "detgate-*")
        )
    shutil.copy(EXAMPLES / "css_ppe" / "detgate.toml", root / "css_ppe")
    folder = root / "css_ppe"
    edit(folder / "rtmdet_violations.py", "max_epochs = 20", "max_epochs = 4")
    edit(folder / "rtmdet_violations.py", "side = 256", "side = 128")
    edit(folder / "detgate.toml", "../../../shared/data", SHARED.as_posix())
    edit(folder / "detgate.toml", "score-threshold = 0.3", f"score-threshold = {THRESHOLD}")
    with (folder / "detgate.toml").open("a") as file:
        file.write('\n[scoring]\nengine = "both"\n')
    assert gate(folder, "--detgate-train") == 1
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def gate(folder: Path, *arguments: str) -> int:
    """The exit code of a gate, in a process that has imported MMDetection."""
    environment = {**os.environ, "CSS_PPE": str(SHARED / "css-ppe"), "OMP_NUM_THREADS": "1"}
    code, _ = gate_forked(folder, *arguments, preload=MMDETECTION, environment=environment)
    return code


def rules(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "detgate-report" / "report.json").read_text())
    return {rule["id"]: rule for rule in report["rules"]}


def values(rule: dict[str, Any]) -> dict[str, float]:
    return {measured["name"]: measured["value"] for measured in rule["measurements"]}


def clips_named(rule: dict[str, Any]) -> set[str]:
    """The clips that findings of clip-overlap name."""
    return {finding["text"].split(":")[0].removeprefix("clip ") for finding in rule["findings"]}


def test_the_gate_says_what_is_wrong(project: Path) -> None:
    result = rules(project)

    assert result["empty-gt-share[train]"]["message"] == (
        "no train image is empty: all 97 have annotations"
    )
    assert result["empty-gt-share[train]"]["verdict"] == "failed"
    leak = result["clip-overlap[train-valid]"]
    assert leak["verdict"] == "failed"
    named = clips_named(leak)
    assert named == SHARED_CLIPS - {"construction-1-_mp4"}  # its frames hold no violation
    assert values(result["probe-fp[compliant-test]"])["images_total"] == 34
    assert values(result["probe-fp[compliant-valid]"])["images_total"] == 43
    assert result["mean-ap"]["verdict"] == "failed"  # and not "not-evaluated": both engines agree


def test_false_boxes_are_those_that_mmdetection_finds(project: Path) -> None:
    """Counted by MMDetection's own inference, picture by picture."""
    with quiet():
        from mmdet.apis import inference_detector, init_detector

    checkpoint = project / "work_dirs" / "violations" / "epoch_4.pth"
    shared = SHARED / "css-ppe"
    listed = json.loads((shared / "coco" / "compliant-test.json").read_text())["images"]
    with quiet(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSS_PPE", str(shared))
        model = init_detector(str(project / "rtmdet_violations.py"), str(checkpoint), device="cpu")
        over = [
            int((inference_detector(model, str(path)).pred_instances.scores > THRESHOLD).sum())
            for path in (shared / "test" / "images" / image["file_name"] for image in listed)
        ]

    result = values(rules(project)["probe-fp[compliant-test]"])
    assert result["boxes"] == sum(over) > 0
    assert result["images"] == sum(count > 0 for count in over)


def test_the_whole_split_has_13_empty_images_of_110(project: Path) -> None:
    whole = project.with_name("whole")
    shutil.copytree(project, whole, ignore=shutil.ignore_patterns("work_dirs", ".pytest_cache"))
    edit(whole / "detgate.toml", "violations-only-train.json", "violations-train.json")

    assert gate(whole, "detgate.toml", "-m", "detgate_data") == 1

    measured = values(rules(whole)["empty-gt-share[train]"])
    assert (measured["empty"], measured["images"]) == (13, 110)
    assert measured["share"] == 13 / 110
    assert clips_named(rules(whole)["clip-overlap[train-valid]"]) == SHARED_CLIPS


def test_two_workers_give_the_same_record_from_what_is_kept(project: Path) -> None:
    before = {name: values(rule) for name, rule in rules(project).items()}

    gate(project, "--detgate-train", "-n", "2")

    report = json.loads((project / "detgate-report" / "report.json").read_text())
    assert {name: values(rule) for name, rule in rules(project).items()} == before
    assert report["model"]["kept"] == report["model"]["images"] == 114 + 34
