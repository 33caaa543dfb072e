"""The published schema of report.json: what is written fits it, what is damaged does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.errors import DataError
from pytest_detgate.record.report_file import read_report, write_report
from pytest_detgate.record.report_schema import record_schema
from tests.report.sample import sample_report

ROOT = Path(__file__).resolve().parents[3]
# What the first release wrote: none of the fields that came later.
EARLY: dict[str, Any] = {
    "format": 1,
    "verdict": "failed",
    "started": "2026-11-20T10:00:00Z",
    "duration_s": 12.3,
    "command": ["pytest", "--detgate-ckpt=epoch_10.pth"],
    "versions": {"pytest-detgate": "0.1.0", "torch": "2.9.1"},
    "config": {"path": "detgate.toml", "sha256": "00"},
    "dataset": {
        "splits": {
            "train": {
                "annotations": "data/train.json",
                "images_dir": "data/images",
                "sha256": "00",
                "images": 83005,
                "boxes": 90211,
                "empty": 26855,
            }
        }
    },
    "model": {
        "checkpoint": "epoch_10.pth",
        "sha256": "00",
        "epoch": 10,
        "classes": ["helmet"],
        "device": "cuda:0",
    },
    "scores": {},
    "rules": [
        {
            "id": "probe-fp[youtube]",
            "code": "probe-fp",
            "verdict": "failed",
            "message": "61 boxes on 6 of 6 frames, budget 21",
            "measurements": [
                {"name": "boxes", "value": 61, "limit": 21, "relation": "<=", "passed": False}
            ],
            "findings": [
                {
                    "image": "frame_0001.jpg",
                    "text": "helmet_off_person 0.89",
                    "box": [10.0, 20.0, 110.0, 220.0],
                }
            ],
            "findings_total": 61,
            "duration_s": 0.01,
        }
    ],
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "docs/report.schema.json").read_text("utf-8"))
    return content


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == "urn:pytest-detgate:report:1"
    assert schema["description"].startswith("A whole run.")
    described = [entry.get("description") for entry in schema["$defs"].values()]
    assert sum(bool(text) for text in described) >= len(described) - 1


def test_a_record_fits_it(schema: dict[str, Any], tmp_path: Path) -> None:
    write_report(sample_report(), tmp_path / "report.json")

    jsonschema.validate(json.loads((tmp_path / "report.json").read_text("utf-8")), schema)


def test_an_early_record_fits_it_and_is_read(schema: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(EARLY))

    jsonschema.validate(EARLY, schema)
    report = read_report(path)
    assert report.rules[0].measurements[0].value == 61
    assert report.rules[0].advice == ""


def test_page_and_comparison_of_an_early_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page of an early record and its comparison with a new one."""
    early, new, page = (tmp_path / name for name in ("early.json", "new.json", "page.html"))
    early.write_text(json.dumps(EARLY))
    write_report(sample_report(), new)

    assert main(["report", str(early), "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert "61 boxes on 6 of 6 frames, budget 21" in page.read_text("utf-8")
    assert main(["compare", str(early), str(new)]) == 1, "a rule of the new one fails"
    assert "  probe-fp[youtube]  failed\n    boxes 61 -> 63 (+2, worse), at most 21\n" in (
        capsys.readouterr().out
    )


def test_a_record_of_a_later_release_fits_it(schema: dict[str, Any]) -> None:
    jsonschema.validate({**EARLY, "new": 1, "rules": [{**EARLY["rules"][0], "new": []}]}, schema)


def mutated(path: str, value: Any) -> dict[str, Any]:
    """The early record with one value replaced, or left out where it is `...`."""
    record: dict[str, Any] = json.loads(json.dumps(EARLY))
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    location: Any = record
    for part in way:
        location = location[part]
    if value is ...:
        del location[last]
    else:
        location[last] = value
    return record


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 2),
        ("format", ...),
        ("verdict", "good"),
        ("rules", ...),
        ("rules", {}),
        ("rules/0/id", ...),
        ("rules/0/verdict", "maybe"),
        ("rules/0/message", None),
        ("rules/0/measurements/0/value", "61"),
        ("rules/0/measurements/0/value", ...),
        ("rules/0/measurements/0/relation", "<"),
        ("rules/0/findings/0/box", [1, 2, 3]),
        ("rules/0/findings/0/box", [1, 2, 3, "4"]),
        ("rules/0/findings/0/text", ...),
        ("rules/0/findings_total", "many"),
        ("dataset/splits/train/images", "all"),
        ("dataset/splits/train/sha256", ...),
        ("model/classes", "helmet"),
        ("config", ...),
        ("versions", ["torch"]),
        ("scores", {"val": {}}),
    ],
)
def test_what_is_damaged_does_not_fit_and_is_not_read(
    path: str, value: Any, schema: dict[str, Any], tmp_path: Path
) -> None:
    record = mutated(path, value)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, schema)
    (tmp_path / "report.json").write_text(json.dumps(record))
    with pytest.raises(DataError):
        read_report(tmp_path / "report.json")


def test_the_committed_schema_is_the_one_of_the_types(schema: dict[str, Any]) -> None:
    assert schema == record_schema()
