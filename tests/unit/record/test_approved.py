"""The approved baseline as a file: its size, and its counts by image."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_detgate.errors import ConfigError, DataError
from pytest_detgate.record.image_counts import packed_counts, unpacked_counts
from pytest_detgate.record.project_files.approved import (
    Approved,
    ApprovedModel,
    ApprovedProbe,
    ApprovedRule,
    ApprovedScores,
)
from pytest_detgate.record.project_files.approved_file import (
    approved_from,
    is_approved,
    write_approved,
)
from pytest_detgate.record.report import FalseBoxCounts


def large(classes: int = 0, images: int = 0, rules: int = 0) -> Approved:
    """A baseline of a run with so many of these."""
    names = [f"class number {number}" for number in range(classes)]
    ap: dict[str, float | None] = {name: number / 7 for number, name in enumerate(names)}
    metrics = ("AP", "AP50", "AP75") if classes else ()
    counts = [number % 3 for number in range(images)]
    return Approved(
        detgate_baseline=1,
        run="2026-11-20T10:00:00Z",
        model=ApprovedModel(checkpoint="a.pth", sha256="0" * 64, classes=["a"]),
        probes={
            "calm": ApprovedProbe(
                images=images,
                boxes=0,
                false_boxes=[
                    FalseBoxCounts(
                        score_threshold=0.3,
                        boxes=sum(counts),
                        by_image=packed_counts(counts) if counts else None,
                    )
                ],
            )
        },
        scores={
            "val": ApprovedScores(
                protocol="COCO bbox",
                metrics={"AP": 0.5},
                classes=dict.fromkeys(metrics, ap),
            )
        },
        rules={
            f"class-ap[{number}]": ApprovedRule(
                code="class-ap", verdict="passed", values={"ap": 0.5}, bounds={"ap": (0.1, 0.9)}
            )
            for number in range(rules)
        },
    )


@pytest.mark.parametrize(
    ("run", "left_out"),
    [
        (large(20, 200, 40), []),
        (large(rules=500), ["the bounds of the rules"]),
        (large(rules=900), ["the bounds of the rules", "the values of the rules"]),
        (large(classes=1000), ["AP50 and AP75 by class"]),
        (large(images=50_000), ["the false boxes by image of the largest probe"]),
        (large(classes=3000), ["AP50 and AP75 by class", "AP by class"]),
        (
            large(rules=20_000),
            ["the bounds of the rules", "the values of the rules", "the rules"],
        ),
    ],
)
def test_file_stays_under_100_kb(tmp_path: Path, run: Approved, left_out: list[str]) -> None:
    path = tmp_path / "detgate-baseline.json"

    written = write_approved(run, path)

    assert path.stat().st_size < 100_000
    assert written.left_out == left_out
    read = approved_from(path.read_bytes(), "b")
    assert read.scores["val"].metrics == {"AP": 0.5}
    assert read.probes["calm"].false_boxes[0].boxes == run.probes["calm"].false_boxes[0].boxes
    if run.scores["val"].classes:
        assert ("AP" in read.scores["val"].classes) == ("AP by class" not in left_out)


@pytest.mark.parametrize(
    ("small", "left_out", "remaining"),
    [
        (1000, ["the false boxes by image of the largest probe"], ["quiet"]),
        (60_000, ["the false boxes by image of the largest probe", "the false boxes by image"], []),
    ],
)
def test_the_longest_counts_by_image_go_first(
    tmp_path: Path, small: int, left_out: list[str], remaining: list[str]
) -> None:
    both = {
        "quiet": large(images=small).probes["calm"],
        "empty": ApprovedProbe(images=0, boxes=0),
        "calm": large(images=70_000).probes["calm"],
    }
    path = tmp_path / "detgate-baseline.json"

    written = write_approved(msgspec.structs.replace(large(), probes=both), path)

    assert is_approved(path.read_bytes())
    assert written.left_out == left_out
    probes = approved_from(path.read_bytes(), "b").probes
    by_image = {
        name: [false_box.by_image for false_box in probes[name].false_boxes] for name in probes
    }
    assert [name for name, counts in by_image.items() if any(counts)] == remaining
    assert probes["calm"].false_boxes[0].boxes == both["calm"].false_boxes[0].boxes


def test_run_too_large_for_its_digests_is_refused(tmp_path: Path) -> None:
    probe = ApprovedProbe(images=1, boxes=0, sha256="0" * 64)
    run = Approved(
        detgate_baseline=1, run="", probes={f"probe {number}": probe for number in range(1000)}
    )

    with pytest.raises(ConfigError, match="too many splits, probes or classes"):
        write_approved(run, tmp_path / "detgate-baseline.json")
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.integers(0, 40), max_size=300))
def test_counts_survive(counts: list[int]) -> None:
    assert unpacked_counts(packed_counts(counts), len(counts)) == counts


def test_packed_counts_by_hand() -> None:
    assert packed_counts([0] * 12 + [3] + [0] * 5) == "0x12 3 0x5"


@pytest.mark.parametrize(
    ("text", "images"),
    [("0x2", 3), ("0x2 ", 2), ("0x", 1), ("-1", 1), ("1.5", 1), ("", 1), ("0x999999999", 2)],
)
def test_counts_of_another_probe_are_refused(text: str, images: int) -> None:
    assert unpacked_counts(text, images) is None


def test_values_are_written_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "detgate-baseline.json"
    write_approved(large(2), path)

    assert (
        '      "classes": {\n        "AP": {\n          "class number 0": 0.0,' in path.read_text()
    )
    assert json.loads(path.read_text())["detgate_baseline"] == 1


def test_a_damaged_file_is_called_by_its_name() -> None:
    with pytest.raises(DataError, match=r"old\.json: damaged baseline: .* run the gate and"):
        approved_from(b'{"detgate_baseline": 1, "probes": 5}', "old.json")


@pytest.mark.parametrize(("short", "left_out"), [(0, []), (1, ["the bounds of the rules"])])
def test_a_file_may_be_as_large_as_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: int, left_out: list[str]
) -> None:
    path = tmp_path / "detgate-baseline.json"
    write_approved(large(rules=3), path)
    monkeypatch.setattr(
        "pytest_detgate.record.project_files.approved_file.LARGEST", path.stat().st_size - short
    )

    assert write_approved(large(rules=3), path).left_out == left_out
