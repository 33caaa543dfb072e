"""What is made of the times of images; all figures are worked out by hand."""

from __future__ import annotations

import pytest

from pytest_detgate.detections import ModelInfo
from pytest_detgate.detector.latency.timing import LatencyMeasurement

MODEL = ModelInfo(key="k", checkpoint="c.pth", sha256="s", classes=("a",), score_floor=0.0)


def latency(times: list[float], in_model: list[float] | None = None) -> LatencyMeasurement:
    return LatencyMeasurement(
        times_ms=times,
        model_ms=in_model or times,
        peak_bytes=1_500_000,
        device="cpu",
        hardware=None,
        model=MODEL,
    )


def test_figures_of_given_times() -> None:
    # 21 times: the 11th is the median, the 95th percentile lies at 0.95 × 20, the 20th.
    timed = latency([float(value) for value in [*range(21, 1, -1), 1000]])

    assert timed.median_ms == 12
    assert timed.p95_ms == 21
    assert timed.peak_mb == 1.5


def test_percentile_between_two_times() -> None:
    # Eleven times: 0.95 × 10 = 9.5, half way between the tenth, 100, and the last, 200.
    assert latency([10.0] * 9 + [100.0, 200.0]).p95_ms == 150


def test_one_slow_image_does_not_move_the_median() -> None:
    timed = latency([10.0, 10.0, 900.0, 10.0])

    assert timed.median_ms == 10
    assert timed.p95_ms == pytest.approx(10 + 0.85 * 890)  # 0.95 × 3 = 2.85


def test_share_of_the_model() -> None:
    assert latency([10.0, 30.0], [5.0, 25.0]).model_share == 0.75


def test_memory_that_nobody_knows() -> None:
    import msgspec

    assert msgspec.structs.replace(latency([1.0]), peak_bytes=None).peak_mb is None
