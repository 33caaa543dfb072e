"""Findings that are accepted by fingerprint: only new ones fail, and only until a day."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_detgate.__main__ import main
from pytest_detgate.testing import coco_content, result_content
from tests.plugin.conftest import CONFIG, GateProject

TODAY = datetime.datetime.now(datetime.timezone.utc).date()
LATER = (TODAY + datetime.timedelta(days=30)).isoformat()
BOUNDS = "box-bounds[train]"
DATA = CONFIG.partition("[rules.")[0] + '[rules.box-bounds]\nsplits = ["train"]\n'
OUT = ("helmet_off", 90, 10, 40, 40)
"""A box beyond the right edge of an image of 100 pixels."""


def accept(item: str, *, until: str = LATER, why: str = "old labels", owner: str = "ada") -> int:
    options = ["--config", "detgate.toml", "--owner", owner, "--until", until, "--why", why]
    return main(["accept", item, *options])


def train(project: GateProject, *, first_id: int = 1, **boxes: list[Any]) -> None:
    """Write the training split; annotation ids count from the first one."""
    images = {"yard_1.jpg": [], "yard_2.jpg": [], **{f"{k}.jpg": v for k, v in boxes.items()}}
    content = coco_content(images)
    for image in content["images"]:
        image.update(width=100, height=100)
    for number, row in enumerate(content["annotations"]):
        row["id"] = first_id + number
    project.write("data/train.json", content)


def run(project: GateProject, item: str = BOUNDS) -> dict[str, Any]:
    """Gate, and the result of one item."""
    project.gate_here("detgate.toml", with_predictions=item.startswith("probe"))
    (rule,) = [rule for rule in project.report["rules"] if rule["id"] == item]
    return dict(rule)


def known(project: GateProject) -> Path:
    return project.pytester.path / "detgate-known.json"


@pytest.fixture
def faulty(project: GateProject) -> GateProject:
    """A split with two boxes beyond their images."""
    project.write("detgate.toml", DATA)
    train(project, yard_1=[OUT], yard_2=[OUT])
    assert run(project)["verdict"] == "failed"
    return project


def test_known_findings_do_not_fail(faulty: GateProject) -> None:
    assert accept(BOUNDS) == 0

    result = run(faulty)

    assert result["verdict"] == "waived"
    assert result["waiver"] == f"2 known findings accepted: old labels (ada, until {LATER})"
    assert result["measurements"][0]["value"] == 2
    assert result["can_block"], "a new finding would block"
    assert result["accepted"] == [
        {"findings": 2, "owner": "ada", "until": LATER, "why": "old labels"}
    ]


def test_file_has_one_finding_a_line(faulty: GateProject) -> None:
    assert accept(BOUNDS) == 0

    lines = known(faulty).read_text().splitlines()

    assert '        {"dataset":"train","image":"yard_1.jpg","label":"helmet_off",' in lines[9]
    assert [line.count('"image"') for line in lines[9:11]] == [1, 1]
    assert json.loads(known(faulty).read_text())["accepted"][0]["until"] == LATER


def test_only_new_findings_fail(faulty: GateProject) -> None:
    """An annotation is known by image, class and box, whatever its id is."""
    assert accept(BOUNDS) == 0
    train(faulty, first_id=700, yard_1=[OUT, ("helmet_off", 80, 50, 40, 40)], yard_2=[OUT])

    result = run(faulty)

    assert result["verdict"] == "failed"
    assert "1 of 3 findings is new" in result["message"]
    assert [finding["box"] for finding in result["findings"]] == [[80, 50, 40, 40]]
    assert result["findings_total"] == 3


@pytest.mark.parametrize(
    "boxes",
    [
        {"yard_1": [OUT, OUT], "yard_2": []},
        {"yard_1": [("helmet_off", 90.1, 10, 40, 40)], "yard_2": [OUT]},
        {"yard_3": [OUT], "yard_2": [OUT]},
    ],
)
def test_each_accepted_finding_counts_once(faulty: GateProject, boxes: dict[str, Any]) -> None:
    """As many findings as before, but one of them is another: twice, moved, on another image."""
    assert accept(BOUNDS) == 0
    train(faulty, **boxes)

    result = run(faulty)

    assert result["verdict"] == "failed"
    assert "1 of 2 findings is new" in result["message"]


def test_findings_that_are_gone_are_reported(
    faulty: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    assert accept(BOUNDS) == 0
    train(faulty, yard_1=[OUT])
    result = run(faulty)
    assert result["verdict"] == "waived"
    assert "1 accepted finding gone" in result["message"]

    assert accept(BOUNDS) == 0

    assert "1 accepted before was removed: not in this run" in capsys.readouterr().out
    (entry,) = json.loads(known(faulty).read_text())["accepted"]
    assert [finding["image"] for finding in entry["findings"]] == ["yard_1.jpg"]
    train(faulty)
    result = run(faulty)
    assert result["verdict"] == "passed"
    assert "1 accepted finding gone" in result["message"]


def test_expired_findings_fail_again(faulty: GateProject) -> None:
    assert accept(BOUNDS) == 0
    yesterday = (TODAY - datetime.timedelta(days=1)).isoformat()
    known(faulty).write_text(known(faulty).read_text().replace(LATER, yesterday))

    result = run(faulty)

    assert result["verdict"] == "failed"
    assert f"what ada accepted until {yesterday} counts again" in result["message"]
    assert result["findings_total"] == len(result["findings"]) == 2


def test_false_boxes_are_known_by_image_and_place(project: GateProject) -> None:
    """The next model has the box some pixels beside, with another score."""
    item = "probe-fp[youtube]"
    images: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}

    def find(*boxes: Any, image: str = "tube_1.jpg") -> dict[str, Any]:
        content = result_content(images, {image: list(boxes)}, ["helmet_off", "helmet_on"])
        project.write("found/youtube.json", content)
        return run(project, item)

    project.write("data/youtube.json", coco_content(images, ["helmet_off", "helmet_on"]))
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))
    assert find(("helmet_off", 0.8, 10, 10, 40, 40))["verdict"] == "failed"
    assert accept(item) == 0

    # 36 x 40 of 44 x 40 pixels are common: IoU 0.82.
    assert find(("helmet_off", 0.6, 14, 10, 40, 40))["verdict"] == "waived"
    # 20 x 40 of 60 x 40: IoU 0.33.
    assert find(("helmet_off", 0.8, 30, 10, 40, 40))["verdict"] == "failed"
    assert find(("helmet_on", 0.8, 10, 10, 40, 40))["verdict"] == "failed"
    assert find(("helmet_off", 0.8, 10, 10, 40, 40), image="tube_2.jpg")["verdict"] == "failed"
    both = [("helmet_off", 0.8, 10, 10, 40, 40), ("helmet_off", 0.7, 12, 10, 40, 40)]
    assert find(*both)["verdict"] == "failed", "one accepted box explains one box"


def test_accepting_again_keeps_who_accepted(
    project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    """A box that moved by some pixels is still the one that ada accepted; only the other is new."""
    item = "probe-fp[youtube]"
    images: dict[str, Any] = {"tube_1.jpg": [], "tube_2.jpg": []}

    def find(*boxes: Any) -> dict[str, Any]:
        content = result_content(images, {"tube_1.jpg": list(boxes)}, ["helmet_off"])
        project.write("found/youtube.json", content)
        return run(project, item)

    project.write("data/youtube.json", coco_content(images, ["helmet_off"]))
    project.write("detgate.toml", CONFIG.replace("max-boxes = 1", "max-boxes = 0"))
    find(("helmet_off", 0.8, 10, 10, 40, 40))
    assert accept(item) == 0
    find(("helmet_off", 0.8, 12, 10, 40, 40), ("helmet_off", 0.7, 70, 10, 20, 20))
    capsys.readouterr()

    assert accept(item, owner="bob", why="a poster") == 0

    out = capsys.readouterr().out
    assert "1 finding accepted" in out
    assert "1 was accepted before" in out
    entries = json.loads(known(project).read_text())["accepted"]
    assert sorted((entry["owner"], entry["findings"][0]["box"]) for entry in entries) == [
        ("ada", [10, 10, 40, 40]),
        ("bob", [70, 10, 20, 20]),
    ]


def test_leak_is_known_by_its_pair(project: GateProject) -> None:
    """The same image of val, copied from another training image, is another leak."""
    folder = project.pytester.path / "data" / "images"
    folder.mkdir(parents=True)
    names = ("yard_1.jpg", "yard_2.jpg", "roof_1.jpg", "roof_2.jpg", "roof_3.jpg")
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (number * 40, 10, 10)).save(folder / name)
    (folder / "roof_1.jpg").write_bytes((folder / "yard_1.jpg").read_bytes())
    rule = '[rules.duplicate-images]\nbetween = ["train", "val"]\nby = "bytes"\n'
    project.write("detgate.toml", CONFIG.partition("[rules.")[0] + rule)
    item = "duplicate-images[train-val]"
    assert run(project, item)["verdict"] == "failed"
    assert accept(item) == 0
    assert run(project, item)["verdict"] == "waived"

    (folder / "roof_1.jpg").write_bytes((folder / "yard_2.jpg").read_bytes())

    assert run(project, item)["verdict"] == "failed"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{}", "not a list of known findings"),
        ("[", "not a list of known findings"),
        ('{"detgate_known": 2, "accepted": []}', "known findings of format 2"),
        ('{"detgate_known": 1, "accepted": [], "more": 1}', "not a list of known findings"),
        ("ENTRY box-bounds[trian]", "did you mean 'box-bounds[train]'?"),
        ("ENTRY 2999-01-01", "a year at most"),
        ("ENTRY ada->", "owner and why must not be empty"),
    ],
)
def test_damaged_file_is_a_mistake(faulty: GateProject, content: str, expected: str) -> None:
    if content.startswith("ENTRY"):
        assert accept(BOUNDS) == 0
        text, new = known(faulty).read_text(), content.split()[1]
        old = BOUNDS if "[" in new else "ada" if "ada" in new else LATER
        content = text.replace(f'"{old}"', f'"{"" if "ada" in new else new}"')
    known(faulty).write_text(content)

    result = faulty.gate_here("detgate.toml", with_predictions=False)

    assert result.ret == 4
    assert expected in result.stderr.str()


def test_item_whose_findings_say_too_little_is_refused(
    project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other images without annotation change a share, so no list of findings can be known."""
    config = CONFIG.replace("min = 0.25", "min = 0.9")
    project.write("detgate.toml", config)
    project.gate_here("detgate.toml")

    assert accept("empty-gt-share[train]") == 4
    assert "its findings cannot be accepted one by one" in capsys.readouterr().err
    assert accept("mean-ap") == 4
    assert "mean-ap passed: there is nothing to accept" in capsys.readouterr().err
    assert accept("mean-app") == 4
    assert "did you mean 'mean-ap'?" in capsys.readouterr().err
    assert not known(project).exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"until": "2001-01-01"}, "a year at most"),
        ({"until": "2999-01-01"}, "a year at most"),
    ],
)
def test_last_day_is_within_a_year(
    faulty: GateProject,
    options: dict[str, str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert accept(BOUNDS, **options) == 4
    assert expected in capsys.readouterr().err
    assert not known(faulty).exists()


def test_more_findings_than_can_be_listed_are_refused(
    project: GateProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("detgate.toml", DATA)
    train(project, yard_1=[("helmet_off", 90, y / 100, 40, 40) for y in range(2001)])
    run(project)

    assert accept(BOUNDS) == 4
    assert "has 2,001 findings, and at most 2,000" in capsys.readouterr().err


def test_workers_know_the_findings(faulty: GateProject) -> None:
    assert accept(BOUNDS) == 0

    assert faulty.gate("detgate.toml", "-n", "2", with_predictions=False).ret == 0
    assert faulty.verdicts() == {BOUNDS: "waived"}


def test_another_fault_of_an_accepted_image_is_new(project: GateProject) -> None:
    """The first image is larger than is stated, which is accepted; then it is gone."""
    item = "image-files[train]"
    project.write("detgate.toml", DATA.replace("box-bounds", "image-files"))
    train(project)
    folder = project.pytester.path / "data" / "images"
    folder.mkdir(parents=True)
    for name, side in (("yard_1.jpg", 101), ("yard_2.jpg", 100)):
        Image.new("RGB", (side, side)).save(folder / name)
    assert run(project, item)["verdict"] == "failed"
    assert accept(item) == 0
    assert run(project, item)["verdict"] == "waived"

    (folder / "yard_1.jpg").unlink()
    result = run(project, item)

    assert result["verdict"] == "failed"
    assert [finding["text"].partition(":")[0] for finding in result["findings"]] == ["missing"]


def test_another_id_twice_on_an_accepted_image_is_new(project: GateProject) -> None:
    item = "duplicate-ids[train]"
    project.write("detgate.toml", DATA.replace("box-bounds", "duplicate-ids"))
    inside = ("helmet_off", 10, 10, 40, 40)
    train(project, yard_1=[inside, inside, inside, inside])
    path = project.pytester.path / "data" / "train.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["id"] = content["annotations"][0]["id"]
    path.write_text(json.dumps(content))
    assert run(project, item)["verdict"] == "failed"
    assert accept(item) == 0
    assert run(project, item)["verdict"] == "waived"

    content["annotations"][1]["id"] = 2
    content["annotations"][3]["id"] = content["annotations"][2]["id"]
    path.write_text(json.dumps(content))

    assert run(project, item)["verdict"] == "failed"
