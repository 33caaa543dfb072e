"""What is not comparable is not compared, and it is said why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.others import result_files
from tests.rules.comparing import Comparison

VAL: dict[str, list[Any]] = {"a_1.jpg": [("helmet_off", 10, 10, 30, 30)]}
CALM: dict[str, list[Any]] = {"calm_1.jpg": [], "calm_2.jpg": []}
RULES = """
[rules.ap-regression]
max-drop = 0.5
[rules.fp-regression]
max-growth = 9.0
"""
FIRST = RULES.replace("max-drop", 'first-run = "accept"\nmax-drop').replace(
    "max-growth", 'first-run = "accept"\nmax-growth'
)
AP, FP = "ap-regression", "fp-regression[calm]"


@pytest.fixture
def site(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path, {"val": VAL, "calm": CALM})


def model(site: Comparison, name: str, score: float = 0.8) -> Path:
    """A model that finds the box and has one false box."""
    box = [("helmet_off", score, 10, 10, 30, 30)]
    return site.model(name, val={"a_1.jpg": box}, calm={"calm_1.jpg": box})


def against_report(
    site: Comparison, limits: str = RULES, /, **changes: object
) -> dict[str, RuleResult]:
    """Gate a model against the report of another, which has other entries at its top."""
    report = site.changed(site.report(FIRST, model(site, "old", 0.7)), **changes)
    return site.results(limits, model(site, "new"), baseline=report)


def test_record_under_the_name_of_a_checkpoint(site: Comparison) -> None:
    """Somebody has renamed it, or a download failed: it is no model, and not taken for a record."""
    report = site.report(FIRST, model(site, "old", 0.7))
    renamed = report.rename(site.folder / "base.pth")

    results = site.results(RULES, model(site, "new"), baseline=renamed)

    assert {result.verdict for result in results.values()} == {"not-evaluated"}
    assert all("base.pth" in result.message for result in results.values())


def content(site: Comparison) -> Any:
    """The report of an earlier run, to take entries from."""
    return content_of(site.report(FIRST, model(site, "old", 0.7)))


def content_of(report: Path) -> Any:
    """A report as plain data."""
    return msgspec.json.decode(report.read_bytes())


def refused(results: Mapping[str, RuleResult], item: str) -> str:
    """Why an item was not evaluated."""
    assert results[item].verdict == "not-evaluated", results[item].message
    return results[item].message


def unchanged(results: Mapping[str, RuleResult], item: str) -> str:
    """What an item says of a model that is the baseline; it passes, with a change of 0."""
    assert results[item].verdict == "passed", results[item].message
    change = results[item].measurements[0]
    assert (change.name, change.value, change.passed) == ("change", 0, True)
    return results[item].message


def test_same_data_are_compared(site: Comparison) -> None:
    by_report = against_report(site)
    by_model = site.results(RULES, model(site, "new"), baseline=model(site, "old", 0.7))

    assert {result.verdict for result in (*by_report.values(), *by_model.values())} == {"passed"}


def test_baseline_that_is_the_gated_file(site: Comparison) -> None:
    gated = model(site, "new")
    files = result_files(gated)
    # The result file of both, a bare list, stands for one checkpoint here.
    rows = json.loads(files["val"].read_text())["annotations"]
    files["val"].write_text(json.dumps(rows))
    gated.write_bytes(files["val"].read_bytes())

    results = site.results(RULES, gated, baseline=gated)

    assert "unchanged: the gated file is that of the baseline (SHA-256 " in unchanged(results, AP)


def test_report_of_the_gated_file(site: Comparison) -> None:
    gated = model(site, "new")
    report = site.report(FIRST, gated)

    results = site.results(RULES, gated, baseline=report)

    for item in (AP, FP):
        assert "unchanged: its detections on " in unchanged(results, item)


def test_the_file_of_a_checkpoint_alone_is_compared(site: Comparison) -> None:
    """Its code and configuration may have changed, and a report of earlier releases has no digest
    of the detections."""
    report = site.report(FIRST, model(site, "old", 0.7))
    gated = site.inputs(RULES, model(site, "new")).source
    record = {"checkpoint": "renamed.pth", "classes": ["helmet_off"], "device": "cpu"}
    dataset = content_of(report)["dataset"]
    del dataset["splits"]["val"]["detections_sha256"]  # as in a report of an earlier release
    model_of_report = {**record, "sha256": gated.digest("val")}
    site.changed(report, model=model_of_report, predictions={}, dataset=dataset)

    results = site.results(RULES, site.folder / "new.pth", baseline=report)

    assert results[AP].verdict == "passed"
    assert "unchanged" not in results[AP].message


def test_same_file_with_other_settings_is_compared(site: Comparison) -> None:
    """A checkpoint that is run in another way finds other boxes: it is a changed model."""
    report = site.report(FIRST, model(site, "old", 0.7))
    gated = site.inputs(RULES, model(site, "new")).source
    record = {"checkpoint": "renamed.pth", "classes": ["helmet_off"], "device": "cpu"}
    site.changed(report, model={**record, "sha256": gated.digest("val")}, predictions={})

    results = site.results(RULES, site.folder / "new.pth", baseline=report)

    assert results[AP].verdict == "passed"
    assert "unchanged" not in results[AP].message


def test_detectors_of_other_classes(site: Comparison) -> None:
    record = {"checkpoint": "old.pth", "sha256": "0", "device": "cpu"}

    results = against_report(site, model={**record, "classes": ["helmet", "vest"]})

    for item in (AP, FP):
        assert refused(results, item) == (
            "the classes of the baseline base.json are others: its detector there is without "
            "'helmet_off' and with 'helmet', 'vest'"
        )


def test_split_of_other_classes(site: Comparison) -> None:
    scores = content(site)["scores"]
    scores["val"]["classes"]["no_vest"] = {"AP": 0.5, "AP50": 0.5, "AP75": 0.5, "boxes": 1}

    reason = refused(against_report(site, scores=scores), AP)

    assert "the classes of the baseline base.json are others: val there is with 'no_vest'" in reason


def test_models_of_other_classes(site: Comparison) -> None:
    """A folder has no classes, so the models' own are compared."""
    as_folder(site, "a.jpg")
    for name, classes in (("new", ["helmet_off"]), ("old", ["helmet_off", "no_vest"])):
        model(site, name)
        site.write(f"{name}/calm.json", {**coco_content({"a.jpg": []}, classes), "info": name})

    results = site.results(RULES, site.folder / "new.pth", baseline=site.folder / "old.pth")

    reason = refused(results, FP)
    assert "the baseline old.pth are others: its detector there is with 'no_vest'" in reason


def without_counts(site: Comparison) -> Any:
    """The data of such a report, as an earlier release has them."""
    dataset = content(site)["dataset"]
    del dataset["probes"]["calm"]["false_boxes"]
    return dataset


def as_folder(site: Comparison, *names: str) -> Path:
    """Make the probe a folder with these pictures."""
    folder = site.folder / "frames"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    site.head = site.head.partition("[probes")[0] + '[probes.calm]\nimages = "frames"\n'
    return folder


def test_other_annotations(site: Comparison) -> None:
    report = site.report(FIRST, model(site, "old", 0.7))
    site.write("val.json", coco_content({"a_1.jpg": [("helmet_off", 10, 10, 30, 31)]}))

    results = site.results(RULES, model(site, "new"), baseline=report)

    reason = refused(results, AP)
    assert "the annotations of val are not those that the baseline base.json was scored" in reason
    assert results[FP].verdict == "passed"


def test_same_file_that_finds_more_than_nothing_is_compared(site: Comparison) -> None:
    """No detection at all on a probe is known of the baseline, too, not only a digest of some."""
    box = {"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]}
    report = site.report(FIRST, site.model("old", val=box))
    gated = site.inputs(RULES, model(site, "new")).source
    record = {"checkpoint": "new.pth", "classes": ["helmet_off"], "device": "cpu"}
    site.changed(report, model={**record, "sha256": gated.digest("calm")}, predictions={})
    limit = "[rules.fp-regression]\nmax-growth-boxes = 0"

    (result,) = site.results(limit, site.folder / "new.pth", baseline=report).values()

    assert result.verdict == "failed", result.message
    assert "baseline base.json" in result.message


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ({**CALM, "calm_3.jpg": []}, "2 images there, 3 here"),
        ({"calm_1.jpg": [], "other.jpg": []}, "annotations "),
    ],
)
def test_other_probe(site: Comparison, frames: Any, expected: str) -> None:
    report = site.report(FIRST, model(site, "old", 0.7))
    site.write("calm.json", coco_content(frames))

    results = site.results(RULES, model(site, "new"), baseline=report)

    reason = refused(results, FP)
    assert reason.startswith("calm is not the probe of the baseline base.json: ")
    assert expected in reason
    assert results[AP].verdict == "passed"


def test_folder_with_other_pictures(site: Comparison) -> None:
    """As many pictures as before, but others."""
    folder = as_folder(site, "a.jpg", "b.jpg")
    for name in ("old", "new"):
        model(site, name)
        listed = coco_content({"a.jpg": [], "b.jpg": []})
        site.write(f"{name}/calm.json", {**listed, "info": name})
    report = site.report(FIRST, site.folder / "old.pth")

    same = site.results(RULES, site.folder / "new.pth", baseline=report)
    (folder / "b.jpg").rename(folder / "c.jpg")
    other = site.results(RULES, site.folder / "new.pth", baseline=report)

    assert same[FP].verdict == "passed", same[FP].message
    assert refused(other, FP) == (
        "calm is not the probe of the baseline base.json: other file names; gate the model that "
        "you ship, and make that run the baseline"
    )


def draw(path: Path, colour: str) -> None:
    """An image of one colour."""
    Image.new("RGB", (64, 48), colour).save(path)


def test_probe_with_other_images_of_the_same_names(site: Comparison) -> None:
    for name in CALM:
        draw(site.folder / name, "grey")
    report = site.report(FIRST, model(site, "old", 0.7))
    assert len(content_of(report)["dataset"]["probes"]["calm"]["images_sha256"]) == 64

    same = site.results(RULES, model(site, "new"), baseline=report)
    draw(site.folder / "calm_2.jpg", "white")
    other = site.results(RULES, site.folder / "new.pth", baseline=report)

    assert same[FP].verdict == "passed"
    assert "file name only" not in same[FP].message
    reason = refused(other, FP)
    assert reason.startswith(
        "the images of calm are not those of the baseline base.json: the same file names with "
        "other contents (digest "
    )


def test_probe_whose_images_are_swapped(site: Comparison) -> None:
    """The same contents under other names are another probe: a model is told the name."""
    for name, colour in zip(CALM, ("grey", "white"), strict=True):
        draw(site.folder / name, colour)
    report = site.report(FIRST, model(site, "old", 0.7))
    for name, colour in zip(CALM, ("white", "grey"), strict=True):
        draw(site.folder / name, colour)

    other = site.results(RULES, model(site, "new"), baseline=report)

    assert "the images of calm are not those" in refused(other, FP)


def test_images_that_cannot_be_compared_are_said(site: Comparison) -> None:
    """A report of an earlier release, or images that are only here or only there."""
    by_name = against_report(site)[FP]
    for name in CALM:
        draw(site.folder / name, "grey")
    dataset = content(site)["dataset"]
    del dataset["probes"]["calm"]["images_sha256"]
    earlier = against_report(site, dataset=dataset)[FP]

    for result in (by_name, earlier):
        assert result.verdict == "passed"
        assert "baseline base.json (images compared by file name only) 1: +0" in result.message


def test_result_file_of_the_baseline_in_another_layout(site: Comparison) -> None:
    """The same detections are the same model, however the file is written."""
    report = site.report(FIRST, model(site, "old", 0.7))
    files = result_files(model(site, "new", 0.7))
    for path in files.values():
        rows = json.loads(path.read_text())["annotations"]
        rows = [dict(reversed(row.items())) for row in reversed(rows)]
        path.write_text(json.dumps(rows, indent=3) + "\n")

    results = site.results(RULES, site.folder / "new.pth", baseline=report)

    for item in (AP, FP):
        assert "are exactly those of the baseline" in unchanged(results, item)


def test_models_that_both_find_nothing_are_two(site: Comparison) -> None:
    old = site.model("old", val={"a_1.jpg": [("helmet_off", 0.7, 10, 10, 30, 30)]})
    new = site.model("new", val={"a_1.jpg": [("helmet_off", 0.8, 10, 10, 30, 30)]})
    calm = site.folder / "new" / "calm.json"
    calm.write_text(json.dumps(json.loads(calm.read_text()), indent=1))  # not the other's bytes

    results = site.results(RULES, new, baseline=site.report(FIRST, old))

    assert results[FP].verdict == "passed", results[FP].message


def test_probe_that_the_report_does_not_know(site: Comparison) -> None:
    dataset = content(site)["dataset"]
    del dataset["probes"]["calm"]

    reason = refused(against_report(site, dataset=dataset), FP)

    assert reason == "the baseline base.json has no probe calm"


def test_other_protocol(site: Comparison) -> None:
    scores = content(site)["scores"]
    scores["val"]["protocol"] = "VOC 2007"

    reason = refused(against_report(site, scores=scores), AP)

    assert reason == "the baseline base.json is scored by VOC 2007, not by COCO bbox"


def test_other_score_threshold(site: Comparison) -> None:
    rules = RULES.replace("max-growth", "score-threshold = 0.5\nmax-growth")

    reason = refused(against_report(site, rules), FP)

    assert reason == (
        "the baseline base.json counted the false boxes of calm over 0.3, and here they are "
        "counted over 0.5"
    )


def test_report_without_the_figure(site: Comparison) -> None:
    results = against_report(
        site, scores={}, rules=content(site)["rules"][:1], dataset=without_counts(site)
    )

    assert refused(results, AP) == "the baseline base.json has no AP of val"
    assert refused(results, FP) == (
        "the baseline base.json has no false boxes of calm with their score threshold"
    )


def test_report_of_a_figure_that_was_not_evaluated(site: Comparison) -> None:
    rules = content(site)["rules"]
    failed = {"verdict": "not-evaluated", "message": "the file is cut off", "measurements": []}
    rules[1] = {**rules[1], **failed}

    reason = refused(against_report(site, rules=rules, dataset=without_counts(site)), FP)

    assert reason.endswith("; fp-regression[calm] was not evaluated: the file is cut off")


def test_report_of_a_run_in_which_nothing_was_evaluated(site: Comparison) -> None:
    rules = [
        {**rule, "verdict": "not-evaluated", "message": "there is no such checkpoint"}
        for rule in content(site)["rules"]
    ]

    results = against_report(site, rules=rules)

    for item in (AP, FP):
        assert refused(results, item) == (
            "the baseline base.json reports a run in which nothing was evaluated: ap-regression: "
            "there is no such checkpoint"
        )


def test_file_that_is_no_report(site: Comparison) -> None:
    other = site.write("base.json", {"images": []})

    results = site.results(RULES, model(site, "new"), baseline=other)

    assert "base.json: not a report of pytest-detgate" in refused(results, AP)


def test_report_is_told_by_its_content(site: Comparison) -> None:
    report = site.report(FIRST, model(site, "old", 0.7))
    report = report.rename(report.with_name("approved"))

    results = site.results(RULES, model(site, "new"), baseline=report)

    assert {result.verdict for result in results.values()} == {"passed"}
