"""A run of 70 items stays small: its record and its page, however much its rules found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import Evidence, Frame, FrameBox, LineChart, Panel, Series
from pytest_detgate.findings import Finding, Measurement, Verdict
from pytest_detgate.record.report import DatasetRecord, ProbeRecord, Report, RuleResult
from pytest_detgate.record.report_file import write_report
from pytest_detgate.report.page.page import render_page
from pytest_detgate.report.record_size import fitted

from .sample import draw_picture, rule, sample_report

GRID = [step / 100 for step in range(101)]


def item(chance: random.Random, number: int, verdict: Verdict) -> RuleResult:
    """A class with 200 findings, a chart and 24 frames of 50 boxes each."""

    def box() -> tuple[float, float, float, float]:
        x, y, width, height = (round(chance.uniform(10, 300), 3) for _ in range(4))
        return x, y, width, height

    frames = [
        Frame(
            dataset="p",
            image=f"{chance.randrange(12)}.jpg",
            boxes=[
                FrameBox(box=box(), label=f"class_{number}", score=chance.random(), false=True)
                for _ in range(50)
            ],
        )
        for _ in range(24)
    ]
    findings = [
        Finding(text=f"finding {number}", dataset="p", image="0.jpg", box=box(), score=0.5)
        for number in range(200)
    ]
    curve = Series(name="IoU 0.50", x=GRID, y=[round(chance.random(), 6) for _ in GRID])
    chart = LineChart(
        title="Curve", about="A curve.", label="recall", panels=[Panel(label="p", series=[curve])]
    )
    return replace(
        rule(f"class-ap[class_{number}]", verdict, "AP 0.4, floor 0.5", findings=findings),
        measurements=[Measurement.at_least("ap", 0.4 if verdict == "failed" else 0.6, 0.5)],
        findings_total=1234,
        evidence=Evidence(charts=[chart], frames=frames, frames_total=30),
    )


@pytest.fixture(scope="module")
def run() -> Report:
    chance = random.Random(7)
    counts: dict[Verdict, int] = {"failed": 6, "warned": 4, "passed": 60}
    verdicts = [verdict for verdict, count in counts.items() for _ in range(count)]
    rules = [item(chance, number, verdict) for number, verdict in enumerate(verdicts)]
    dataset = DatasetRecord(probes={"p": ProbeRecord(images_dir=".", images=12, boxes=0)})
    return replace(sample_report(), rules=rules, dataset=dataset)


def test_the_record_of_70_items_is_under_500_kb(run: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    shown = fitted(run)
    write_report(shown, path)

    assert 250_000 < path.stat().st_size < 500_000
    for before, after in zip(run.rules, shown.rules, strict=True):
        assert (after.findings_total, after.evidence.frames_total) == (1234, 30)
        assert after.measurements == before.measurements
        assert after.evidence.charts == before.evidence.charts
        assert after.findings == before.findings[: len(after.findings)]
        assert after.evidence.frames == before.evidence.frames[: len(after.evidence.frames)]
    # Rules that block have most of the room, and share it alike.
    remaining = [len(rule.findings) + len(rule.evidence.frames) for rule in shown.rules]
    assert min(remaining[:6]) > 5 * max(remaining[10:])
    assert max(remaining[:6]) - min(remaining[:6]) <= 1


def test_a_small_record_keeps_everything() -> None:
    assert fitted(sample_report()) == sample_report()


def test_the_page_of_70_items_keeps_to_its_budget(run: Report, tmp_path: Path) -> None:
    for number in range(12):
        draw_picture(tmp_path / f"{number}.jpg", seed=number)

    for megabytes in (8.0, 1.5):
        page = render_page(fitted(run), tmp_path, megabytes=megabytes)
        assert "data:image/jpeg" in page
        assert len(page.encode()) < (megabytes + 0.5) * 1e6
