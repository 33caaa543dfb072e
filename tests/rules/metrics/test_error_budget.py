"""The rule `error-budget`, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import BarChart, Matrix
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import Report, ScoreRecord
from pytest_detgate.record.report_file import read_report, write_report
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.run_record.inputs_record import score_records
from tests.judged import finding_lines, measured
from tests.rules.model_rules import gate_on

BOX = (0, 0, 10, 10)
# `helmet_off` is found as `no_vest`, in front of a true `no_vest`: AP 0 and 1/2, both 1 without
# that error. A third box is not found: AP of `no_vest` is 51 of 101 points of 1/2 with it.
TRUTH = {
    "a.jpg": [("helmet_off", *BOX)],
    "b.jpg": [("no_vest", *BOX), ("no_vest", 50, 50, 20, 20)],
}
DETECTIONS = {"a.jpg": [("no_vest", 0.9, *BOX)], "b.jpg": [("no_vest", 0.8, *BOX)]}


def test_items_by_kind(tmp_path: Path) -> None:
    """One for each kind that has a limit of either sort, in a fixed order."""
    config = (
        "[rules.error-budget]\nmiss = 1.0\nclass = 0.1\n[rules.error-budget.counts]\nboth = 0\n"
    )

    items, _ = gate_on(tmp_path, config, TRUTH, DETECTIONS)

    assert {name: item.verdict for name, item in items.items()} == {
        "error-budget[class]": "failed",
        "error-budget[both]": "passed",
        "error-budget[miss]": "passed",
    }
    assert list(items) == ["error-budget[class]", "error-budget[both]", "error-budget[miss]"]


def test_wrong_class(tmp_path: Path) -> None:
    """Mended, `helmet_off` has AP 1, and `no_vest` precision 1 up to the recall of 1/2."""
    before, after = [0, 25.5 / 101], [1, 51 / 101]
    items, _ = gate_on(tmp_path, "[rules.error-budget]\nclass = 0.1\n", TRUTH, DETECTIONS)

    item = items["error-budget[class]"]
    assert measured(item) == {
        "dap": pytest.approx((sum(after) - sum(before)) / 2),
        "count": 1,
        "dap[helmet_off]": pytest.approx(1),
        "dap[no_vest]": pytest.approx(25.5 / 101),
        "count[no_vest]": 1,
    }
    assert finding_lines(item) == ["a.jpg: no_vest 0.90, labelled helmet_off"]
    assert item.findings[0].box == BOX
    costs, counts = item.tables.values()
    assert costs.columns == [
        "class", "AP50", "background", "duplicate", "class", "location", "both", "miss"
    ]  # fmt: skip
    assert costs.rows[0] == ["helmet_off", 0, 0, 0, pytest.approx(1), 0, 0, 0]
    assert counts.rows == [["helmet_off", 0, 0, 0, 0, 0, 0], ["no_vest", 0, 0, 1, 0, 0, 1]]
    kinds, confusion = item.evidence.charts
    assert isinstance(kinds, BarChart)
    assert [(bar.name, bar.limit, bar.passed) for bar in kinds.bars if bar.value] == [
        ("class", 0.1, False),
        ("miss", None, None),
    ]
    assert kinds.bars[2].value == pytest.approx((sum(after) - sum(before)) / 2, abs=5e-5)
    assert kinds.about.startswith("Errors of kind class cost most: 0.626 AP at IoU 0.5 (1 of them)")
    assert isinstance(confusion, Matrix)
    assert confusion.rows == ["helmet_off", "no_vest", "(nothing there)"]
    assert confusion.columns == ["helmet_off", "no_vest", "(not found)"]
    assert confusion.counts == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert "helmet_off is taken for no_vest most often (1 time)" in confusion.about


def test_limit_of_a_count(tmp_path: Path) -> None:
    config = "[rules.error-budget.counts]\nmiss = 0\n"

    items, _ = gate_on(tmp_path, config, TRUTH, DETECTIONS)

    item = items["error-budget[miss]"]
    assert item.verdict == "failed"
    assert [m.name for m in item.measurements if m.passed is False] == ["count"]
    assert finding_lines(item) == ["b.jpg: no_vest not found"]
    assert item.findings[0].box == (50, 50, 20, 20)


def test_worst_come_first(tmp_path: Path) -> None:
    """Detections by score, whatever their class; missed boxes by area."""
    truth = {"a.jpg": [("no_vest", 0, 0, 5, 5), ("helmet_off", 20, 0, 10, 10)], "b.jpg": []}
    detections = {
        "a.jpg": [("helmet_off", 0.5, 60, 60, 9, 9), ("no_vest", 0.7, 60, 60, 9, 9)],
        "b.jpg": [("helmet_off", 0.9, 60, 60, 9, 9)],
    }
    config = "[rules.error-budget]\nbackground = 1\n[rules.error-budget.counts]\nmiss = 0\n"

    items, _ = gate_on(tmp_path, config, truth, detections)

    assert finding_lines(items["error-budget[background]"]) == [
        "b.jpg: helmet_off 0.90, nothing labelled there",
        "a.jpg: no_vest 0.70, nothing labelled there",
        "a.jpg: helmet_off 0.50, nothing labelled there",
    ]
    miss = items["error-budget[miss]"]
    assert miss.verdict == "not-evaluated"
    assert "every box of val is missed" in miss.message


@pytest.mark.parametrize(
    ("truth", "detections", "reason"),
    [
        ({"a.jpg": []}, {"a.jpg": [("no_vest", 0.9, *BOX)]}, "no ground-truth boxes"),
        (TRUTH, {}, "the detector finds nothing, at any score, on the 2 images of val"),
    ],
)
def test_nothing_to_compute_from(tmp_path: Path, truth: Any, detections: Any, reason: str) -> None:
    config = "[rules.error-budget]\nbackground = 1\n"

    items, _ = gate_on(tmp_path, config, truth, detections)

    item = items["error-budget[background]"]
    assert item.verdict == "not-evaluated"
    assert reason in item.message


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("[rules.error-budget]\n", "sets no limit, so it could never fail"),
        ("[rules.error-budget]\nclas = 0.1\n", "did you mean 'class'?"),
        ("[rules.error-budget.counts]\nbackgroud = 1\n", "did you mean 'background'?"),
        ("[rules.error-budget]\nclass = 5\n", "found 5"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, table: str, text: str) -> None:
    split = '[dataset.splits.val]\nannotations = "val.json"\nimages = "."\n'
    path = tmp_path / "detgate.toml"
    path.write_text(split + table, encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        bind_rules(Project(load_configuration(path), tmp_path))

    assert text in str(raised.value)


def test_record_has_errors_and_confusion(tmp_path: Path) -> None:
    """For whatever split was scored, whichever rule asked for it; and it is read back."""
    _, inputs = gate_on(tmp_path, "[rules.mean-ap]\nmin = 0\n", TRUTH, DETECTIONS)

    record = score_records(inputs)["val"]

    assert {kind: entry.count for kind, entry in record.errors.items()} == {
        "background": 0,
        "duplicate": 0,
        "class": 1,
        "location": 0,
        "both": 0,
        "miss": 1,
    }
    assert record.errors["class"].dap == pytest.approx((1 + 25.5 / 101) / 2)
    assert record.confusion is not None
    assert record.confusion.classes == ["helmet_off", "no_vest"]
    assert record.confusion.matrix == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert [chart.title for chart in record.charts] == [
        "Precision and recall on val",
        "AP by class on val",
        "What is detected in place of what on val",
        "What each kind of error costs on val",
    ]
    assert reread(tmp_path, score_records(inputs))["val"] == record


def test_cost_that_is_not_defined_is_recorded_as_none(tmp_path: Path) -> None:
    detections = {"a.jpg": [("no_vest", 0.9, 60, 60, 10, 10)]}
    _, inputs = gate_on(tmp_path, "[rules.mean-ap]\nmin = 0\n", TRUTH, detections)

    record = reread(tmp_path, score_records(inputs))["val"]

    assert record.errors["miss"].dap is None
    assert record.errors["miss"].count == 3


def reread(folder: Path, scores: dict[str, ScoreRecord]) -> dict[str, ScoreRecord]:
    """Scores as they come back from a `report.json`."""
    report = Report(
        verdict="passed",
        started="2026-11-20T10:00:00Z",
        duration_s=1.0,
        command=[],
        versions={},
        config={"path": "detgate.toml", "sha256": ""},  # type: ignore[arg-type]
        dataset={},  # type: ignore[arg-type]
        rules=[],
        scores=scores,
    )
    write_report(report, folder / "report.json")
    return read_report(folder / "report.json").scores
