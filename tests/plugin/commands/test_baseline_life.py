"""The life of an approved baseline: approved, compared with, replaced, merged, edited."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.__main__ import main
from pytest_detgate.testing import coco_content, result_content
from tests.plugin.conftest import CONFIG, GateProject

COMPARE = """
[rules.ap-regression]
max-drop = 0.1
[rules.fp-regression]
max-growth = 0.0
"""
NAMED = '[model]\nbaseline = "detgate-baseline.json"\n'
AP, FP = "ap-regression", "fp-regression[youtube]"
VAL: dict[str, Any] = {"roof_1.jpg": [], "roof_2.jpg": [], "roof_3.jpg": []}
YOUTUBE: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}


def box(score: float) -> Any:
    return ("helmet_off", score, 10, 10, 40, 40)


def find(project: GateProject, *val: str, tube: tuple[str, ...], score: float = 0.8) -> None:
    """Let the gated model find the person on these images of val, and false boxes on these of the
    probe."""
    for name, images, hit in (("val", VAL, val), ("youtube", YOUTUBE, tube)):
        detections = {image: [box(score)] for image in hit}
        project.write(f"found/{name}.json", result_content(images, detections, ["helmet_off"]))


def approve(*arguments: str) -> int:
    return main(["approve", "--config", "detgate.toml", *arguments])


@pytest.fixture
def approved(project: GateProject) -> GateProject:
    """The project with an approved baseline: AP 1, and one false box on the second image."""
    for name, colour in zip(YOUTUBE, ("grey", "white"), strict=True):
        path = project.pytester.path / "probes" / "youtube" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), colour).save(path)
    assert project.gate_here("detgate.toml").ret == 0
    assert approve() == 0
    project.write("detgate.toml", f"{CONFIG}{COMPARE}{NAMED}")
    return project


def baseline(project: GateProject) -> Path:
    return project.pytester.path / "detgate-baseline.json"


def compared(project: GateProject) -> dict[str, tuple[str, str]]:
    """Verdict and message of the two comparisons."""
    project.gate_here("detgate.toml")
    rules = {rule["id"]: rule for rule in project.report["rules"]}
    return {name: (rules[name]["verdict"], rules[name]["message"]) for name in (AP, FP)}


def test_file_is_small_stable_and_without_images(approved: GateProject) -> None:
    content = baseline(approved).read_bytes()
    data = json.loads(content)

    assert len(content) < 100_000
    assert data["probes"]["youtube"]["false_boxes"] == [
        {"score_threshold": 0.3, "boxes": 1, "by_image": "0 1"}
    ]
    assert data["scores"]["val"]["metrics"]["AP"] == 1.0
    assert data["rules"]["mean-ap"]["values"]["ap"] == 1.0
    for digest in ("sha256", "names_sha256", "images_sha256", "detections_sha256"):
        assert len(data["probes"]["youtube"][digest]) == 64
    assert b"base64" not in content
    # The same run is the same file.
    assert approve() == 0
    assert baseline(approved).read_bytes() == content
    lines = content.decode().splitlines()
    assert all(line.count('": ') <= 1 for line in lines), "one value a line"


def test_unchanged_model_passes(approved: GateProject) -> None:
    results = compared(approved)

    assert approved.report["baseline"]["kind"] == "approved"
    for verdict, message in results.values():
        assert verdict == "passed"
        assert "unchanged: its detections on" in message


def test_unchanged_model_meets_a_demanded_gain(approved: GateProject) -> None:
    """What has not changed is blocked by no comparison, also if it should improve."""
    limits = COMPARE.replace("max-drop = 0.1", "min-gain = 0.2").replace(
        "max-growth = 0.0", "min-reduction = 0.5"
    )
    approved.write("detgate.toml", f"{CONFIG}{limits}{NAMED}")

    assert {verdict for verdict, _ in compared(approved).values()} == {"passed"}


def test_same_detections_in_another_file_are_unchanged(approved: GateProject) -> None:
    for name in ("val", "youtube"):
        path = approved.pytester.path / "found" / f"{name}.json"
        rows = json.loads(path.read_text())
        path.write_text(json.dumps(rows[::-1], indent=2))

    assert all("unchanged" in message for _, message in compared(approved).values())


def test_better_model_passes_and_is_no_unchanged_one(approved: GateProject) -> None:
    find(approved, "roof_1.jpg", "roof_2.jpg", tube=(), score=0.7)

    results = compared(approved)

    assert results[AP] == (
        "passed",
        "AP 1.000 on val (COCO bbox), baseline detgate-baseline.json 1.000: +0.000"
        + results[AP][1].partition("+0.000")[2],
    )
    assert results[FP][0] == "passed"
    assert "baseline detgate-baseline.json 1: -1 (-100%)" in results[FP][1]
    assert "unchanged" not in results[AP][1] + results[FP][1]


def test_worse_model_fails(approved: GateProject) -> None:
    """One more false box, and half of the persons are missed: AP is 0.505."""
    find(approved, "roof_1.jpg", tube=("tube_1.jpg", "tube_2.jpg"))

    results = compared(approved)

    assert (results[AP][0], results[FP][0]) == ("failed", "failed")
    assert "detgate-baseline.json 1.000: -0.495" in results[AP][1]
    assert "2 false boxes on 2 frames, baseline detgate-baseline.json 1: +1" in results[FP][1]


def test_counts_by_image_pair_the_models(approved: GateProject) -> None:
    """The false box moved from one image to the other: what grew is the first image alone."""
    find(approved, "roof_1.jpg", "roof_2.jpg", tube=("tube_1.jpg",))

    compared(approved)

    rule = next(rule for rule in approved.report["rules"] if rule["id"] == FP)
    assert [finding["image"] for finding in rule["findings"]] == ["tube_1.jpg"]
    assert "baseline 0" in rule["evidence"]["frames"][0]["text"]


def test_other_data_are_not_compared(approved: GateProject) -> None:
    person = ("helmet_off", 10, 10, 40, 40)
    val = {"roof_1.jpg": [person], "roof_2.jpg": [person], "roof_3.jpg": [person]}
    approved.write("data/val.json", coco_content(val))
    find(approved, "roof_1.jpg", tube=("tube_2.jpg",))

    verdict, message = compared(approved)[AP]

    assert verdict == "not-evaluated"
    assert "the annotations of val are not those that the baseline detgate-baseline" in message


def test_unchanged_file_on_other_data_asks_for_approval(approved: GateProject) -> None:
    """Labels may be added under an unchanged model; the message says what to do."""
    person = ("helmet_off", 10, 10, 40, 40)
    val = {"roof_1.jpg": [person], "roof_2.jpg": [person], "roof_3.jpg": [person]}
    approved.write("data/val.json", coco_content(val))

    verdict, message = compared(approved)[AP]

    assert verdict == "passed"
    assert "unchanged: the gated file is that of the baseline (SHA-256 " in message
    assert "so approve this run as a new baseline" in message


@pytest.mark.parametrize("what", ["images", "categories"])
def test_result_file_whose_ids_mean_others_is_not_unchanged(
    approved: GateProject, what: str
) -> None:
    """The labels were exported again with other ids; the detections are still of the old ones."""
    content = json.loads((approved.pytester.path / "data" / "val.json").read_text())
    if what == "categories":
        content["categories"].append({"id": 2, "name": "glove"})
    numbers = [entry["id"] for entry in content[what]]
    renumbered = dict(zip(numbers, [*numbers[1:], numbers[0]], strict=True))
    for entry in content[what]:
        entry["id"] = renumbered[entry["id"]]
    key = "image_id" if what == "images" else "category_id"
    for entry in content["annotations"]:
        entry[key] = renumbered[entry[key]]
    approved.write("data/val.json", content)

    verdict, message = compared(approved)[AP]

    assert verdict == "not-evaluated", message
    assert "the annotations of val are not those that the baseline detgate-baseline" in message


def test_result_file_of_other_images_is_not_unchanged(approved: GateProject) -> None:
    """The images of the probe were replaced under their names, and the model was not run again."""
    path = approved.pytester.path / "probes" / "youtube" / "tube_1.jpg"
    Image.new("RGB", (64, 48), "black").save(path)

    verdict, message = compared(approved)[FP]

    assert verdict == "not-evaluated"
    assert "the images of youtube are not those of the baseline" in message


def test_result_file_of_images_of_other_names_is_not_unchanged(approved: GateProject) -> None:
    """The ids of the probe are the same, and its images are not there to be looked at."""
    approved.write("data/youtube.json", coco_content({"tube_1.jpg": [], "tube_9.jpg": []}))

    verdict, message = compared(approved)[FP]

    assert verdict == "not-evaluated"
    assert "youtube is not the probe of the baseline" in message


DETECTOR = """
class Detector:
    classes = ["helmet_off"]

    def __init__(self, checkpoint, device):
        self.edge = float(checkpoint.read_text())

    def detect(self, images):
        for _ in images:
            yield [[10, 10, 50, self.edge]], [0.9], ["helmet_off"]
"""
MODEL = """
[dataset.splits.val]
annotations = "data/val.json"
images = "images"
[model]
framework = "python"
entry = "seeing:Detector"
checkpoint = "old.pth"
[rules.ap-regression]
max-drop = 0.1
first-run = "accept"
"""


def test_a_checkpoint_under_other_code_is_not_unchanged(project: GateProject) -> None:
    """Annotations that are written in another way cannot be compared. If the checkpoint is run by
    the same code, it is the same model; else nobody knows."""
    person = ("helmet_off", 10, 10, 40, 40)
    project.write("seeing.py", DETECTOR)
    (project.pytester.path / "images").mkdir()
    Image.new("RGB", (64, 64)).save(project.pytester.path / "images" / "roof_1.jpg")
    project.write("old.pth", "50")
    project.write("data/val.json", coco_content({"roof_1.jpg": [person]}))
    project.write("detgate.toml", MODEL)
    assert project.gate("detgate.toml", with_predictions=False).ret == 0
    assert approve("--failed") == 0
    named = MODEL.replace('checkpoint = "old.pth"', f'checkpoint = "old.pth"\n{NAMED[8:]}')
    project.write("detgate.toml", named)
    path = project.pytester.path / "data" / "val.json"
    path.write_text(path.read_text() + "\n")

    project.gate("detgate.toml", with_predictions=False)
    (result,) = project.report["rules"]
    assert result["verdict"] == "passed"
    assert "unchanged: the gated file is that of the baseline" in result["message"]

    project.write("seeing.py", DETECTOR.replace("[10, 10, 50,", "[10, 10, 20,"))
    project.gate("detgate.toml", with_predictions=False)
    (result,) = project.report["rules"]
    assert result["verdict"] == "not-evaluated"
    assert "the annotations of val are not those that the baseline" in result["message"]


def test_probe_with_other_images_is_not_compared(approved: GateProject) -> None:
    path = approved.pytester.path / "probes" / "youtube" / "tube_1.jpg"
    Image.new("RGB", (64, 48), "black").save(path)
    find(approved, "roof_1.jpg", "roof_2.jpg", tube=("tube_2.jpg",), score=0.7)

    verdict, message = compared(approved)[FP]

    assert verdict == "not-evaluated"
    assert "the images of youtube are not those of the baseline" in message


def test_probe_with_another_image_is_not_compared(approved: GateProject) -> None:
    approved.write("data/youtube.json", coco_content({**YOUTUBE, "tube_3.jpg": []}))
    find(approved, "roof_1.jpg", tube=("tube_1.jpg",))

    verdict, message = compared(approved)[FP]

    assert verdict == "not-evaluated"
    assert "2 images there, 3 here" in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"by_image": "0 1"', '"by_image": "0 9"'),
        ('"boxes": 1,', '"boxes": 8,'),
        ('"AP": 1.0', '"AP": 0.5'),
        ('"protocol": "COCO bbox"', '"protocol": "VOC"'),
    ],
)
def test_edited_file_is_refused(approved: GateProject, old: str, new: str) -> None:
    text = baseline(approved).read_text()
    assert old in text
    baseline(approved).write_text(text.replace(old, new))
    find(approved, "roof_1.jpg", tube=("tube_2.jpg",))

    for verdict, message in compared(approved).values():
        assert verdict == "not-evaluated"
        assert "changed since `approve` wrote it, by hand or by a merge" in message
        assert "python -m pytest_detgate approve" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{}", "not a report of pytest-detgate"),
        ('{"detgate_baseline": 1}', "damaged baseline"),
        ('{"detgate_baseline": 2, "run": ""}', "a baseline of format 2"),
        ('{"detgate_baseline": 1, "run": "", "more": 1}', "damaged baseline"),
        ('{"detgate_baseline": 1, "run": ', "not JSON, or cut off"),
        ("[]", "not a report of pytest-detgate"),
        (
            '{\n<<<<<<< HEAD\n"run": 1\n=======\n}\n>>>>>>> theirs\n',
            "line 2 begins a merge conflict of git",
        ),
        ("version https://git-lfs.github.com/spec/v1\n", "not JSON but a pointer of Git LFS"),
        ("", "not JSON, or cut off"),
    ],
)
def test_foreign_file_is_refused(approved: GateProject, content: str, expected: str) -> None:
    baseline(approved).write_text(content)

    for verdict, message in compared(approved).values():
        assert verdict == "not-evaluated"
        assert expected in message


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git with nothing of the user's settings."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_two_approved_branches_conflict_readably(approved: GateProject) -> None:
    """Each branch approves another model. What a person makes of the conflict is a baseline only
    if it is one of the two."""
    folder = approved.pytester.path
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "detgate-baseline.json")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "switch", "-q", "-c", "other")
    find(approved, "roof_1.jpg", "roof_2.jpg", tube=(), score=0.7)
    approved.gate_here("detgate.toml")
    assert approve() == 0
    theirs = baseline(approved).read_text()
    git(folder, "commit", "-qam", "theirs")
    git(folder, "switch", "-q", "main")
    find(approved, "roof_1.jpg", tube=("tube_2.jpg",), score=0.6)
    approved.gate_here("detgate.toml")
    assert approve("--failed") == 0
    git(folder, "commit", "-qam", "ours")

    merged = git(folder, "merge", "other")

    assert merged.returncode == 1, merged.stdout + merged.stderr
    text = baseline(approved).read_text()
    lines = [line.strip() for line in text.splitlines()]
    assert any(line.startswith('"AP": 0.50495') for line in lines), "one value a line"
    mixed = "\n".join(line for line in text.splitlines() if line[:7] not in _MARKERS)
    for content, reason in ((text, "line 3 begins a merge conflict of git"), (mixed, "cut off")):
        baseline(approved).write_text(content)
        verdict, message = compared(approved)[AP]
        assert (verdict, reason in message) == ("not-evaluated", True), message
    baseline(approved).write_text(theirs)
    verdict, message = compared(approved)[FP]
    assert verdict == "failed"
    assert "baseline detgate-baseline.json 0: +1" in message


_MARKERS = ("<<<<<<<", "=======", ">>>>>>>")


def test_run_that_is_no_baseline_is_refused(
    project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.gate_here("detgate.toml", "-k", "mean-ap or probe").ret == 0
    assert approve() == 4
    assert "the run left out 3 rules" in capsys.readouterr().err
    find(project, "roof_1.jpg", tube=("tube_1.jpg", "tube_2.jpg"))
    assert project.gate_here("detgate.toml").ret == 1
    assert approve() == 4
    assert "the run failed: probe-fp[youtube], mean-ap" in capsys.readouterr().err
    assert not baseline(project).exists()
    assert approve("--failed") == 0
    out = capsys.readouterr().out
    assert 'baseline = "detgate-baseline.json"' in out
    assert "youtube: 2 false boxes over 0.3" in out
    assert approve("--report", "elsewhere") == 4
    assert "elsewhere/report.json: cannot be read" in capsys.readouterr().err


def test_data_rules_alone_are_no_baseline(
    project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    config = CONFIG.partition("[rules.probe-fp]")[0]
    project.write("detgate.toml", config)
    assert project.gate_here("detgate.toml", with_predictions=False).ret == 0

    assert approve() == 4
    assert "gated no model and no result file" in capsys.readouterr().err


def test_approve_finds_the_file_of_the_folder(project: GateProject) -> None:
    """Without --config, as a user types it."""
    assert project.gate_here("detgate.toml").ret == 0

    command = [sys.executable, "-m", "pytest_detgate", "approve"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("wrote detgate-baseline.json (")
    assert baseline(project).exists()


def test_two_workers_leave_the_same_baseline(approved: GateProject) -> None:
    first = json.loads(baseline(approved).read_text())
    approved.write("detgate.toml", CONFIG)

    assert approved.gate("detgate.toml", "-n", "2").ret == 0
    assert approve() == 0

    two = json.loads(baseline(approved).read_text())
    for data in (first, two):
        del data["digest"], data["run"]
    assert two == first
