"""`[evidence]`: which runs are counted in the ledger, and what is not judged any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import coco_content, result_content
from tests.plugin.conftest import CONFIG, GateProject

HEAD = CONFIG.partition("[rules.")[0]
IMAGES: dict[str, Any] = {f"tube{index}_1.jpg": [] for index in range(200)}
BOX = ("helmet_off", 0.8, 10, 10, 40, 40)
PROBE = '[rules.probe-fp]\nmax-image-share = 0.05\nbound = "upper"\n'


def ledger(project: GateProject) -> Path:
    return project.pytester.path / "detgate-ledger.jsonl"


def lines(project: GateProject) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger(project).read_text().splitlines()]


def detections(project: GateProject, *images: str) -> None:
    """The result file of the probe: a false box on some images, each model another score."""
    boxes = {image: [BOX] for image in images}
    content = result_content(IMAGES, boxes, ["helmet_off"])
    project.write("found/youtube.json", content)


def looked(project: GateProject, name: str = "youtube") -> dict[str, Any]:
    return dict(project.report["ledger"]["datasets"][name])


@pytest.fixture
def counting(project: GateProject) -> GateProject:
    project.write("data/youtube.json", coco_content(IMAGES))
    project.write("detgate.toml", f"{HEAD}[evidence]\nlooks = 2\n{PROBE}")
    return project


def test_each_model_is_counted_once(counting: GateProject) -> None:
    detections(counting, "tube1_1.jpg")
    assert counting.gate_here("detgate.toml").ret == 0
    assert counting.gate_here("detgate.toml").ret == 0
    assert looked(counting) == {
        "models": 1, "planned": 2, "left": 1, "is_new": False, "is_sealed": False
    }  # fmt: skip
    detections(counting, "tube2_1.jpg")
    result = counting.gate_here("detgate.toml")

    first, second = lines(counting)
    assert first["after"] == []
    assert second["after"] == [first["sha256"]]
    assert (first["dataset"], first["model"], first["looks"]) == ("youtube", None, 2)
    assert first["detections"] != second["detections"]
    assert looked(counting)["left"] == 0
    result.stdout.fnmatch_lines(
        ["models judged: youtube 2 of 2 (0 left)", "commit detgate-ledger.jsonl, which*"]
    )


def test_one_model_too_many_is_not_judged(counting: GateProject) -> None:
    for image in ("tube1_1.jpg", "tube2_1.jpg"):
        detections(counting, image)
        assert counting.gate_here("detgate.toml").ret == 0
    detections(counting, "tube3_1.jpg")

    assert counting.gate_here("detgate.toml").ret == 1

    (rule,) = counting.report["rules"]
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"] == (
        "2 models were judged on youtube, and [evidence] plans 2 (detgate-ledger.jsonl); another "
        "one needs new data, under a new name"
    )
    assert len(lines(counting)) == 2, "nothing was seen of it"
    page = (counting.pytester.path / "detgate-report/index.html").read_text("utf-8")
    assert "Models judged on the same data" in page
    detections(counting, "tube1_1.jpg")
    assert counting.gate_here("detgate.toml").ret == 0, "an earlier model is judged again"


def test_same_data_under_another_name_are_no_new_data(counting: GateProject) -> None:
    for image in ("tube1_1.jpg", "tube2_1.jpg"):
        detections(counting, image)
        counting.gate_here("detgate.toml")
    text = (counting.pytester.path / "detgate.toml").read_text()
    counting.write("detgate.toml", text.replace("[probes.youtube]", "[probes.other]"))
    detections(counting, "tube3_1.jpg")

    options = ["--detgate-predictions=other=found/youtube.json", "detgate.toml"]
    counting.gate_here(*options, with_predictions=False)

    assert counting.verdicts() == {"probe-fp[other]": "not-evaluated"}


def test_value_alone_proves_nothing_and_goes_on(counting: GateProject) -> None:
    """Where no bound is compared with a limit, nothing is claimed of other images."""
    text = (counting.pytester.path / "detgate.toml").read_text()
    counting.write("detgate.toml", text.replace('bound = "upper"', ""))
    for index in range(3):
        detections(counting, f"tube{index}_1.jpg")
        assert counting.gate_here("detgate.toml").ret == 0

    assert looked(counting)["models"] == 3
    (interval,) = [
        measurement["interval"]
        for measurement in counting.report["rules"][0]["measurements"]
        if measurement["name"] == "image_share"
    ]
    assert interval["confidence"] == 0.95


def test_value_of_a_further_model_takes_no_look_back(counting: GateProject) -> None:
    bound = (counting.pytester.path / "detgate.toml").read_text()
    point = bound.replace('bound = "upper"', "")
    for image in ("tube1_1.jpg", "tube2_1.jpg"):
        detections(counting, image)
        assert counting.gate_here("detgate.toml").ret == 0
    counting.write("detgate.toml", point)
    detections(counting, "tube3_1.jpg")
    result = counting.gate_here("detgate.toml")
    assert result.ret == 0
    text = " ".join(" ".join(result.outlines).split())
    assert "models judged: youtube 3 of 2 (0 left)" in text
    assert (
        "no look is left at youtube: bounds of further models are not evaluated, but limits on the "
        'value itself (bound = "point") still are'
    ) in text

    counting.write("detgate.toml", bound)
    assert counting.gate_here("detgate.toml").ret == 1, "it never had a look"
    detections(counting, "tube1_1.jpg")
    assert counting.gate_here("detgate.toml").ret == 0, "it had one"


def test_bound_is_wider_for_each_look(counting: GateProject) -> None:
    """With no false box on n clips the upper bound is 1 - (0.05 / looks)^(1 / n)."""
    detections(counting)

    assert counting.gate_here("detgate.toml").ret == 0

    measured = {
        measurement["name"]: measurement
        for measurement in counting.report["rules"][0]["measurements"]
    }
    assert measured["image_share"]["interval"]["confidence"] == 0.975
    assert measured["image_share"]["interval"]["high"] == pytest.approx(1 - 0.025 ** (1 / 200))


def test_only_judged_data_are_counted(counting: GateProject) -> None:
    text = (counting.pytester.path / "detgate.toml").read_text()
    counting.write("detgate.toml", f"{text}[rules.mean-ap]\nmin = 0.1\n")
    detections(counting, "tube1_1.jpg")

    of_val = counting.arguments[0]
    counting.gate_here(of_val, "detgate.toml", "-k", "mean-ap", with_predictions=False)
    assert [line["dataset"] for line in lines(counting)] == ["val"]
    counting.gate_here("detgate.toml", "--collect-only")
    counting.gate_here("detgate.toml")
    assert [line["dataset"] for line in lines(counting)] == ["val", "youtube"]


def test_data_rules_count_nothing(counting: GateProject) -> None:
    counting.write("detgate.toml", f"{HEAD}[evidence]\n[rules.duplicate-ids]\n")

    assert counting.gate_here("detgate.toml", with_predictions=False).ret == 0

    assert not ledger(counting).exists()
    assert counting.report["ledger"]["datasets"] == {}


def test_tests_by_hand_are_looks(counting: GateProject) -> None:
    counting.write(
        "test_hand.py",
        "def test_calm(detgate_detections, detgate_record):\n"
        "    found = detgate_detections('youtube')\n"
        "    detgate_record.at_most('boxes', len(found), 5)\n",
    )
    detections(counting, "tube1_1.jpg")

    assert counting.gate_here("test_hand.py").ret == 0

    assert [line["dataset"] for line in lines(counting)] == ["youtube"]


def test_two_workers_write_one_line_each(counting: GateProject) -> None:
    text = (counting.pytester.path / "detgate.toml").read_text()
    counting.write("detgate.toml", f"{text}[rules.mean-ap]\nmin = 0.1\n[rules.recall]\nmin = 0.1\n")
    detections(counting, "tube1_1.jpg")

    assert counting.gate("detgate.toml", "-n", "2").ret == 0

    assert sorted(line["dataset"] for line in lines(counting)) == ["val", "youtube"]


def test_look_counts_although_the_run_is_stopped(counting: GateProject) -> None:
    """A run that ends without a record has shown its verdicts."""
    counting.write(
        "conftest.py",
        "import os, pytest\n"
        "@pytest.hookimpl(trylast=True)\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'teardown':\n"
        "        os._exit(9)\n",
    )
    detections(counting, "tube1_1.jpg")

    assert counting.gate("detgate.toml").ret == 9

    assert len(lines(counting)) == 1


def test_damaged_ledger_stops_the_run(counting: GateProject) -> None:
    detections(counting, "tube1_1.jpg")
    counting.gate_here("detgate.toml")
    text = ledger(counting).read_text()
    ledger(counting).write_text(text.replace("youtube", "other"))

    result = counting.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(
        ["*detgate-ledger.jsonl: line 1: was changed after it was written*"]
    )


def test_ledger_that_cannot_be_written_is_no_pass(counting: GateProject) -> None:
    detections(counting, "tube1_1.jpg")
    ledger(counting).mkdir()

    result = counting.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*detgate-ledger.jsonl: cannot be read: *"])


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("looks = 0", "looks"),
        ("adaptive = true", "only applies with looks"),
        ("looks = 31\nadaptive = true", "with adaptive = true at most 30; found 31"),
        ("look = 3", "did you mean 'looks'?"),
    ],
)
def test_wrong_tables_are_refused(counting: GateProject, table: str, expected: str) -> None:
    counting.write("detgate.toml", f"{HEAD}[evidence]\n{table}\n{PROBE}")

    result = counting.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines([f"*{expected}*"])


def test_bootstrap_needs_draws_for_all_looks(counting: GateProject) -> None:
    rules = '[rules.mean-ap]\nmin = 0.1\nbound = "lower"\n'
    counting.write("detgate.toml", f"{HEAD}[evidence]\nlooks = 20\n{rules}")

    result = counting.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*and the looks of*needs at least*4,000 replicates*1,000*"])
