"""SARIF and Code Quality reports: valid by their schemas, at the right lines, stable over runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
from msgspec.structs import replace

from pytest_detgate.findings import Finding
from pytest_detgate.record.report import DatasetRecord, Report, RuleResult, SplitRecord
from pytest_detgate.report.exchange.code_quality import code_quality_report
from pytest_detgate.report.exchange.finding_lines import MOST_BYTES, FindingLines
from pytest_detgate.report.exchange.github_annotations import Line
from pytest_detgate.report.exchange.issues import Issue, issues_of
from pytest_detgate.report.exchange.sarif import sarif_log
from tests.report.sample import rule, sample_report

HERE = Path(__file__).parent
COCO = """{
  "info": {"description": "about \\"images\\""},
  "images": [
    {"id": 1, "file_name": "a.jpg"},
    {"id": 2, "file_name": "b.jpg"}
  ],
  "categories": [{"id": 1, "name": "helmet"}],
  "annotations": [
    {"id": 7, "image_id": 1, "bbox": [0, 0, 5, 5]},

    {"id": 8, "image_id": 2, "bbox": [0, 0, 5, 5]}
  ]
}
"""
BOX = (1.0, 2.0, 3.0, 4.0)


def schema(name: str) -> Any:
    return json.loads((HERE / f"{name}.schema.json").read_text("utf-8"))


def validated(report: Report, issues: list[Issue]) -> tuple[Any, Any]:
    """Both files of some issues, as JSON that fits its schema."""
    sarif = json.loads(sarif_log(report, issues))
    quality = json.loads(code_quality_report(issues))
    jsonschema.Draft4Validator(schema("sarif-2.1.0-rtm.5")).validate(sarif)
    jsonschema.Draft7Validator(schema("gitlab-codequality")).validate(quality)
    return sarif, quality


def a_run(*rules: RuleResult, annotations: str = "data/val.json") -> Report:
    split = SplitRecord(
        annotations=annotations, images_dir="images", sha256="", images=2, boxes=2, empty=0
    )
    return replace(sample_report(), rules=list(rules), dataset=DatasetRecord(splits={"val": split}))


def issues(report: Report, **lines: Line) -> list[Issue]:
    named = {name.replace("_", "-"): line for name, line in lines.items()}
    return issues_of(report, named, lambda finding: None)


def finding(text: str, **fields: Any) -> Finding:
    return Finding(text=text, dataset="val", **fields)


def test_a_realistic_run_is_valid() -> None:
    report = sample_report()

    sarif, quality = validated(report, issues_of(report, {}, lambda finding: None))

    results = sarif["runs"][0]["results"]
    assert len(results) == len(quality) > 50
    not_passed = {rule.id for rule in report.rules if rule.verdict != "passed"}
    assert {result["properties"]["item"] for result in results} == not_passed
    rules = sarif["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)


def test_nothing_found_is_valid() -> None:
    report = a_run(rule("a", "passed", "P"))

    sarif, quality = validated(report, issues(report))

    assert sarif["runs"][0]["results"] == quality == []


def test_levels_follow_the_verdict() -> None:
    report = a_run(
        rule("a", "failed", "F", findings=[finding("x", image="a.jpg")]),
        rule("b", "not-evaluated", "N"),
        rule("c", "warned", "W"),
        replace(rule("d", "waived", "V"), waiver="ada, until 2027-01-31: known"),
    )

    sarif, quality = validated(report, issues(report))

    listed = [
        (result["level"], result["message"]["text"]) for result in sarif["runs"][0]["results"]
    ]
    assert listed == [
        ("error", "a: F"), ("error", "a: val/a.jpg: x"), ("error", "b: N"), ("warning", "c: W"),
        ("note", "d: V"),
    ]  # fmt: skip
    assert [entry["severity"] for entry in quality] == [
        "critical",
        "major",
        "critical",
        "minor",
        "info",
    ]
    assert sarif["runs"][0]["results"][4]["suppressions"] == [
        {"kind": "external", "justification": "ada, until 2027-01-31: known"}
    ]
    assert quality[4]["description"] == "d: V Waived: ada, until 2027-01-31: known"


def test_a_rule_is_at_its_table_and_a_path_is_a_uri() -> None:
    report = a_run(rule("a", "failed", "F", findings=[finding("x", image="a.jpg")]))

    sarif, quality = validated(report, issues(report, a=Line("my site/détgate.toml", 12)))

    for result in sarif["runs"][0]["results"]:
        location = result["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"] == "my%20site/d%C3%A9tgate.toml"
        assert location["region"] == {"startLine": 12}
    assert quality[0]["location"] == {"path": "my site/détgate.toml", "lines": {"begin": 12}}


def fingerprints(*rules: RuleResult) -> list[str]:
    report = a_run(*rules)
    sarif, quality = validated(report, issues(report))
    listed: list[str] = [entry["fingerprint"] for entry in quality]
    assert listed == [
        result["partialFingerprints"]["detgate/v1"] for result in sarif["runs"][0]["results"]
    ]
    assert len(set(listed)) == len(listed)
    return listed


def test_fingerprints_do_not_depend_on_values() -> None:
    """Another training moves boxes, scores, counts and the order of rules."""
    first = fingerprints(
        rule("probe-fp[calm]", "failed", "61 boxes", findings=[
            finding("helmet 0.89", image="a.jpg", label="helmet", box=BOX, score=0.89),
            finding("helmet 0.71", image="a.jpg", label="helmet", box=(9, 9, 9, 9), score=0.71),
        ]),
        rule("class-support[val]", "failed", "few", findings=[finding("helmet: 1,203 boxes < 5%")]),
    )  # fmt: skip
    second = fingerprints(
        rule("class-support[val]", "warned", "few", findings=[finding("helmet: 7 boxes < 12.5%")]),
        rule("probe-fp[calm]", "failed", "8 boxes", findings=[
            finding("helmet 0.5", image="a.jpg", label="helmet", box=(5, 6, 7, 8), score=0.5),
            finding("helmet 0.4", image="a.jpg", label="helmet", box=(1, 1, 1, 1), score=0.4),
        ]),
    )  # fmt: skip

    assert sorted(first) == sorted(second)


def test_fingerprints_tell_annotations_apart() -> None:
    listed = [
        finding("annotation 1: outside", image="a.jpg", label="helmet", box=BOX),
        finding("annotation 2: outside", image="a.jpg", label="helmet", box=(1, 2, 3, 5)),
        finding("annotation 3: outside", image="b.jpg", label="helmet", box=BOX),
        finding("annotation 4: outside", image="a.jpg", label="person", box=BOX),
    ]
    other_ids = [
        replace(entry, text=entry.text.replace("annotation ", "annotation 10")) for entry in listed
    ]

    first = fingerprints(rule("box-bounds[val]", "failed", "F", findings=listed))

    assert first == fingerprints(rule("box-bounds[val]", "failed", "F", findings=other_ids))


def line_in(folder: Path, first: Finding, annotations: str) -> Line | None:
    return FindingLines(a_run(annotations=annotations), folder / "site", folder).line_of(first)


def test_a_finding_is_at_its_line_of_a_coco_file(tmp_path: Path) -> None:
    file = tmp_path / "site" / "data" / "val.json"
    file.parent.mkdir(parents=True)
    for content in (COCO.encode(), COCO.encode("utf-16"), COCO.replace("\n", "\r\n").encode()):
        file.write_bytes(content)
        path = "data/val.json"

        assert line_in(tmp_path, finding("helmet 0.9", image="b.jpg", score=0.9), path) == Line(
            "site/data/val.json", 5
        )
        assert line_in(tmp_path, finding("annotation 8: no width", image="b.jpg"), path) == Line(
            "site/data/val.json", 11
        )
        assert line_in(tmp_path, finding("x", image="new.jpg"), path) == Line(
            "site/data/val.json", 1
        )


def test_a_finding_is_at_its_line_of_a_label_file(tmp_path: Path) -> None:
    labels = tmp_path / "site" / "labels"
    (labels / "night").mkdir(parents=True)
    (labels / "night" / "a.txt").write_text("0 .5 .5 .1 .1\n\n0 .5 .5 2 2\n")
    (labels / "b.xml").write_text("<a>\n<object>\n</object>\n<object>\n</object></a>")

    def line_of(text: str, image: str) -> Line | None:
        return line_in(tmp_path, finding(text, image=image), "labels")

    assert line_of("annotation night/a.txt:3: too wide", "night/a.jpg") == Line(
        "site/labels/night/a.txt", 3
    )
    assert line_of("annotation b.jpg:2: too wide", "b.jpg") == Line("site/labels/b.xml", 4)
    assert line_of("helmet 0.9", "night/a.jpg") == Line("site/labels/night/a.txt", 1)
    assert line_of("helmet 0.9", "c.jpg") is None


def test_what_cannot_be_found_has_no_line(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "val.json").write_text(COCO)
    inside = tmp_path / "site" / "cut.json"
    inside.write_text(COCO[:99])
    first = finding("x", image="a.jpg")

    outside = FindingLines(a_run(annotations="../val.json"), tmp_path / "site", tmp_path / "site")
    assert outside.line_of(first) is None
    assert line_in(tmp_path, first, "…/val.json") is None
    assert line_in(tmp_path, finding("x", image="a\0.jpg"), "") is None
    assert line_in(tmp_path, first, "cut.json") == Line("site/cut.json", 1)
    assert line_in(tmp_path, Finding(text="x", image="a.jpg"), "cut.json") is None


def test_lines_of_findings_that_name_little(tmp_path: Path) -> None:
    """A label without a number, an object that the file lacks, no image, and a list of boxes."""
    labels = tmp_path / "site" / "labels"
    labels.mkdir(parents=True)
    (labels / "a.txt").write_text("0 .5 .5 .1 .1\n0 .5 .5 2 2\n")
    (labels / "b.xml").write_text("<a>\n<object>\n</object></a>")
    (tmp_path / "site" / "boxes.csv").write_text("ImageID,XMin\na.jpg,0.1\nb,0.2\n")

    def line_of(text: str, location: str, image: str | None = "a.jpg") -> Line | None:
        return line_in(tmp_path, finding(text, image=image), location)

    assert line_of("annotation a.txt:last: too wide", "labels") == Line("site/labels/a.txt", 1)
    assert line_of("annotation a.txt:2: too wide", "labels", None) == Line("site/labels/a.txt", 2)
    assert line_of("annotation gone:2: too wide", "labels", None) is None
    assert line_of("annotation b:7: too wide", "labels", "b.jpg") == Line("site/labels/b.xml", 1)
    assert line_of("helmet: 3 boxes", "boxes.csv", None) == Line("site/boxes.csv", 1)
    assert line_of("no size", "boxes.csv", "b.jpg") == Line("site/boxes.csv", 3)


def test_findings_of_a_file_without_names_are_at_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "site" / "val.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"images": [\n3,\n{"id": 1},\n{"file_name": "b.jpg"}\n]}')

    assert line_in(tmp_path, finding("x", image="a.jpg"), "val.json") == Line("site/val.json", 1)
    assert line_in(tmp_path, finding("x", image="b.jpg"), "val.json") == Line("site/val.json", 4)


def test_several_findings_of_a_file_read_it_once(tmp_path: Path) -> None:
    file = tmp_path / "site" / "val.json"
    file.parent.mkdir(parents=True)
    file.write_text(COCO)
    lines = FindingLines(a_run(annotations="val.json"), tmp_path / "site", tmp_path)

    first = lines.line_of(finding("x", image="a.jpg"))
    file.write_text("{}")

    assert first == Line("site/val.json", 4)
    assert lines.line_of(finding("x", image="b.jpg")) == Line("site/val.json", 5)


def test_a_huge_file_is_named_without_a_line(tmp_path: Path) -> None:
    file = tmp_path / "site" / "val.json"
    file.parent.mkdir(parents=True)
    file.write_text(COCO)
    os.truncate(file, MOST_BYTES + 1)  # its end takes no room on the disk

    assert line_in(tmp_path, finding("x", image="b.jpg"), "val.json") == Line("site/val.json", 1)


def test_a_record_of_no_release_names_none() -> None:
    report = replace(sample_report(), versions={})

    assert "version" not in json.loads(sarif_log(report, []))["runs"][0]["tool"]["driver"]
