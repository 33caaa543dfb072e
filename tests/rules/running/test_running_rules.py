"""Rules that run the model by themselves: their options, and what they say without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.config.load import load_configuration
from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.latency.timing import LatencyMeasurement
from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import Histogram
from pytest_detgate.inputs.detections.sources import NoDetections, ResultFiles, TwoInferences
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.model import spread
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, split_tables

RULES = "[rules.repeatability]\n[rules.latency]\nmax-ms = 50\n"


@pytest.fixture
def val(tmp_path: Path) -> str:
    """The table of a split with two images."""
    write_json(tmp_path / "val.json", coco_content({"a_1.jpg": [], "a_2.jpg": []}))
    return split_tables(val="images")


def test_without_a_model_there_is_nothing_to_run(val: str, tmp_path: Path) -> None:
    results = judged(tmp_path, val + RULES, lambda project: NoDetections())

    assert set(results) == {"repeatability", "latency"}
    for result in results.values():
        assert result.verdict == "not-evaluated"
        assert "name a checkpoint (--detgate-ckpt" in result.message


class Timed(NoDetections):
    """A model that takes 10, 20, 20 and 90 milliseconds, half of it in its network."""

    def latency(
        self, dataset: Dataset, rows: NDArray[np.int64], warm_up: int
    ) -> LatencyMeasurement:
        times = [10.0, 20.0, 20.0, 90.0]
        return LatencyMeasurement(
            times_ms=times,
            model_ms=[time / 2 for time in times],
            peak_bytes=None,
            device="cpu",
            hardware=None,
            model=ModelInfo(key="", checkpoint="", sha256="", classes=(), score_floor=0.0),
        )


def test_times_as_a_histogram(val: str, tmp_path: Path) -> None:
    """Two bins of 40 ms; the median is 20, and the 95th percentile 20 + 0.85 × 70."""
    rule = "[rules.latency]\nmax-ms = 50\nimages = 4"
    (chart,) = judged(tmp_path, val + rule, lambda _: Timed())["latency"].evidence.charts

    assert isinstance(chart, Histogram)
    assert chart.edges == [10, 50, 90]
    assert chart.counts == {"images": [3, 1]}
    assert [mark.at for mark in chart.marks] == pytest.approx([20, 79.5, 50])
    assert chart.about.startswith("The 95th percentile is 4.0 times the median")
    assert chart.about.endswith("50% of the time is spent in the model.")


class Unsteady(NoDetections):
    """A model that finds one box twice, another only the first time, and a third only the second,
    all on the first image."""

    def infer_twice(self, dataset: Dataset, rows: NDArray[np.int64]) -> TwoInferences:
        def inference(*detections: tuple[float, float]) -> DetectionTable:
            return DetectionTable(
                classes=("helmet",),
                image=np.zeros(len(detections), dtype=np.int64),
                category=np.zeros(len(detections), dtype=np.int64),
                xywh=np.array([[left, 0.0, 9.0, 9.0] for left, _ in detections]),
                score=np.array([score for _, score in detections]),
            )

        first = inference((0.0, 0.9), (20.0, 0.8))
        second = inference((0.0, 0.9), (40.0, 0.7))
        return TwoInferences(rows=rows, first=first, second=second, device="cpu")


def test_boxes_of_one_inference_alone_are_named(val: str, tmp_path: Path) -> None:
    result = judged(tmp_path, val + RULES, lambda _: Unsteady())["repeatability"]

    assert result.verdict == "failed"
    assert sorted(finding_lines(result)) == [
        "a_1.jpg: helmet 0.7000 only in the second inference",
        "a_1.jpg: helmet 0.8000 only in the first inference",
    ]


@pytest.mark.parametrize(("limit", "verdict"), [(20, "not-evaluated"), (19, "failed")])
def test_unknown_memory(val: str, tmp_path: Path, limit: int, verdict: str) -> None:
    rule = f"[rules.latency]\nmax-ms = {limit}\nmax-mb = 100"
    result = judged(tmp_path, val + rule, lambda _: Timed())["latency"]

    assert result.verdict == verdict
    assert "it is unknown how much memory the model held (peak_mb)" in result.message


def test_result_files_cannot_be_run(val: str, tmp_path: Path) -> None:
    results_path = write_json(tmp_path / "found.json", [])
    (tmp_path / "detgate.toml").write_text(val + RULES, encoding="utf-8")
    project = Project(load_configuration(tmp_path / "detgate.toml"), tmp_path)
    inputs = Inputs(project, ResultFiles({"val": results_path}, project))

    for bound in bind_rules(project):
        (target,) = bound.targets
        assert target.detections == ()
        result = judge(bound, target, inputs)
        assert result.verdict == "not-evaluated"
        assert "result files only say what one has found" in result.message


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("[rules.latency]", "give max-ms or max-p95-ms or max-mb"),
        ("[rules.latency]\nmax-ms = 0", "max-ms"),
        ("[rules.latency]\nmax-ms = 9\nimages = 0", "images"),
        ("[rules.repeatability]\nimages = 0", "images"),
        ("[rules.repeatability]\nmax-score-difference = 2", "max-score-difference"),
        ('[model]\nevaluate-on = "vall"\n[rules.repeatability]', "did you mean 'val'"),
    ],
)
def test_options_that_make_no_sense(val: str, tmp_path: Path, table: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        judged(tmp_path, val + table)


@pytest.mark.parametrize(
    ("total", "wanted", "rows"),
    [(10, 5, [0, 2, 4, 6, 8]), (10, 3, [0, 3, 6]), (3, 16, [0, 1, 2]), (1, 1, [0])],
)
def test_images_are_spread_evenly(total: int, wanted: int, rows: list[int]) -> None:
    assert spread(total, wanted).tolist() == rows
