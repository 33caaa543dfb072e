"""Reading and writing report.json."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from pytest_detgate.errors import DetgateError
from pytest_detgate.findings import Finding
from pytest_detgate.record.report import FORMAT, Report
from pytest_detgate.record.report_file import read_report, write_report
from tests.report.sample import rule, sample_report


def with_finding(finding: Finding) -> Report:
    rule_result = rule("degenerate-boxes[train]", "failed", "1 box", findings=[finding])
    return msgspec.structs.replace(sample_report(), rules=[rule_result])


def test_a_report_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"

    write_report(sample_report(), path)

    assert read_report(path) == sample_report()


def test_the_file_holds_what_msgspec_encodes_indented(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    write_report(sample_report(), path)

    assert json.loads(path.read_bytes()) == json.loads(msgspec.json.encode(sample_report()))
    assert path.read_text("utf-8").startswith('{\n  "format": 1,\n')


def test_a_list_of_numbers_is_one_line_and_a_text_stays(
    tmp_path: Path,
) -> None:
    """A list of numbers is one line and a text that looks like one stays."""
    path = tmp_path / "report.json"
    finding = Finding(text="[\n  1,\n  2\n]", box=(10.0, 20.5, -1e-7, 220.0), label="a")

    write_report(with_finding(finding), path)

    assert '"box": [10.0, 20.5, -1e-7, 220.0]' in path.read_text("utf-8")
    assert read_report(path).rules[0].findings == [finding]


def test_numbers_that_json_cannot_say_are_left_out(tmp_path: Path) -> None:
    """A box that is not finite is what `degenerate-boxes` reports: its text must survive."""
    path = tmp_path / "report.json"
    finding = Finding(text="box is nan", box=(0, 0, math.nan, math.inf), score=math.nan, label="a")

    write_report(with_finding(finding), path)

    assert read_report(path).rules[0].findings == [Finding(text="box is nan", label="a")]


def test_a_file_name_that_is_not_utf8_does_not_lose_the_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    write_report(with_finding(Finding(text="unreadable", image="caf\udce9.jpg")), path)

    assert read_report(path).rules[0].findings[0].image == "caf?.jpg"


def test_a_failed_write_keeps_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(_: Path, __: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_report(sample_report(), path)

    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON, or cut off"),
        ('{"format": 1, "verdict": "pas', "not JSON, or cut off"),
        ("[1, 2]", "not a report of pytest-detgate"),
        ('{"images": [], "annotations": []}', "not a report of pytest-detgate"),
        ('{"format": "1", "verdict": "passed", "rules": []}', "not a report"),
        ('{"format": 1, "verdict": "passed", "rules": []}', "damaged report of format 1"),
        ('{"format": 0, "verdict": "passed", "rules": []}', "no report format 0"),
        (
            f'{{"format": {FORMAT + 1}, "verdict": "splendid", "rules": [{{"new": 1}}]}}',
            f"format {FORMAT + 1}, written by a later pytest-detgate; this one reads format 1",
        ),
    ],
)
def test_what_is_not_a_report_is_refused_with_its_reason(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)

    with pytest.raises(DetgateError, match=says) as caught:
        read_report(path)

    assert str(caught.value).startswith(str(path))


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetgateError, match=r"absent\.json: cannot be read: No such file"):
        read_report(tmp_path / "absent.json")


def test_fields_of_a_later_format_1_do_not_disturb(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    record = json.loads(msgspec.json.encode(sample_report()))
    record["rules"][0]["later"] = True
    path.write_text(json.dumps(record))

    assert read_report(path) == sample_report()


def test_reading_a_report_needs_neither_templates_nor_pictures() -> None:
    """The record is loaded in every gated run; Jinja2 and Pillow wait until a page is written."""
    script = (
        "import sys, pytest_detgate.record.report as _;"
        "print({'jinja2', 'PIL', 'numpy'} & set(sys.modules))"
    )
    text = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert text.stdout.split() == [b"set()"]
