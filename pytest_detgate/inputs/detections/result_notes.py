"""Facts about a result file that a reader of the report must know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.wrong_results.wrong_results import cut_at, repeated_rows


def result_notes(
    paths: Sequence[Path], dataset: Dataset, detections: DetectionTable, threshold: float
) -> Iterator[str]:
    """Say that scores seem to be cut off, and that rows are repeated. `threshold` is the score that
    a box needs to count at the operating point."""
    lowest = cut_at(detections.score) if len(dataset.boxes) else None
    if lowest is not None:
        counts = f", and so are counts over {threshold:g}" if lowest > threshold else ""
        yield f"{paths[0]}: lowest score {lowest:.2g}: AP is an underestimate{counts}"
    repeated = repeated_rows(detections)
    if repeated:
        rows = "row repeats" if repeated == 1 else "rows repeat"
        yield f"{paths[0]}: {repeated:,} {rows} an earlier one exactly and count as further boxes"
