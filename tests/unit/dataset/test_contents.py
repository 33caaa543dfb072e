"""What is in a split, counted by hand, and the charts that compare splits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.class_counts import class_counts
from pytest_detgate.dataset.coco.reader import read_coco
from pytest_detgate.dataset.contents import (
    CLASSES_CAP,
    SIZE_EDGES,
    SplitContents,
    contents_charts,
    count_labels,
    split_contents,
)
from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, ImageTable
from pytest_detgate.evidence import Histogram

Row = tuple[int, int, float, float]
"""Image, class, width, height."""


def split(
    rows: Sequence[Row],
    n_images: int = 1,
    *,
    classes: Sequence[str] = ("on", "off"),
    crowd: Sequence[int] = (),
    area: dict[int, float] | None = None,
    unlabelled: Sequence[int] | None = None,
) -> Dataset:
    column = np.array(rows, dtype=np.float64).reshape(-1, 4)
    image, category = (column[:, index].astype(np.int64) for index in (0, 1))
    xywh = np.column_stack([np.zeros((len(rows), 2)), column[:, 2:]])
    areas = np.full(len(rows), np.nan)
    for row, value in (area or {}).items():
        areas[row] = value
    return Dataset(
        name="train",
        images_dir=Path(),
        images=ImageTable(
            id=np.arange(n_images),
            file_name=np.array([f"{n}.jpg" for n in range(n_images)], dtype=object),
            width=np.full(n_images, np.nan),
            height=np.full(n_images, np.nan),
            unlabelled=None if unlabelled is None else np.isin(np.arange(n_images), unlabelled),
        ),
        boxes=BoxTable(
            id=np.arange(len(rows)),
            image_id=image,
            category_id=category,
            image=image,
            category=category,
            xywh=xywh,
            area=areas,
            crowd=np.isin(np.arange(len(rows)), crowd),
        ),
        classes=tuple(classes),
    )


def sizes(contents: SplitContents) -> dict[float, int]:
    """Number of boxes by the lower edge of the bin."""
    return {edge: count for edge, count in zip(SIZE_EDGES, contents.sizes, strict=False) if count}


def per_image(contents: SplitContents) -> dict[str, int]:
    named = zip(count_labels(), contents.boxes_per_image, strict=True)
    return {name: count for name, count in named if count}


def chart_of(title: str, **splits: SplitContents) -> Histogram:
    (chart,) = (chart for chart in contents_charts(splits) if chart.title == title)
    assert isinstance(chart, Histogram)
    return chart


def test_edges_hold_those_of_coco() -> None:
    assert {32, 96} <= set(SIZE_EDGES)
    assert list(SIZE_EDGES) == sorted(set(SIZE_EDGES))
    assert max(high / low for low, high in pairwise(SIZE_EDGES[1:])) <= 1.5


def test_classes_are_counted_by_name_and_crowds_left_out() -> None:
    contents = split_contents(
        split(
            [(0, 0, 9, 9), (0, 0, 9, 9), (0, 2, 9, 9), (0, 1, 9, 9), (0, UNLISTED, 9, 9)],
            classes=("on", "off", "on", "never"),
            crowd=[3],
        )
    )

    assert contents.classes == {"on": 3, "off": 0, "never": 0}


@pytest.mark.parametrize(("n_images", "n_classes"), [(3, 4), (17_000, 17_000)])
def test_images_with_a_class_count_once(n_images: int, n_classes: int) -> None:
    """Also where a table of all images and classes would take more than 256 MiB."""
    last_image, last_class = n_images - 1, n_classes - 1
    pairs = [(0, 0), (0, 0), (last_image, 0), (1, last_class), (0, 1)]
    rows = [(image, category, 5.0, 5.0) for image, category in pairs]
    names = [f"c{number}" for number in range(n_classes)]

    counts = class_counts(split(rows, n_images, classes=names, crowd=[4]))

    assert counts.boxes[[0, 1, last_class]].tolist() == [3, 0, 1]
    assert counts.images[[0, 1, last_class]].tolist() == [2, 0, 1]
    assert counts.boxes.sum() == 4
    assert len(counts.images) == n_classes


def test_sizes_are_square_roots_of_areas() -> None:
    """16 × 4 px is 8 px; the file's own area of 100 px² is 10 px; 31.99, 32 and 96 px are on
    either side of COCO's edges; 0.5 and 9000 px are in the end bins; without area are four."""
    rows: list[Row] = [
        (0, 0, 16, 4),
        (0, 0, 50, 50),
        (0, 0, 31.99, 31.99),
        (0, 0, 32, 32),
        (0, 0, 96, 96),
        (0, 0, 0.5, 0.5),
        (0, 0, 9000, 9000),
        (0, 0, 0, 5),
        (0, 0, -5, -5),
        (0, 0, float("nan"), 5),
        (0, 0, 1e200, 1e200),
        (0, 0, 5, 5),
    ]

    contents = split_contents(split(rows, area={1: 100, 11: 0}))

    assert sizes(contents) == {1: 1, 8: 2, 24: 1, 32: 1, 96: 1, 3072: 1}


def test_images_are_counted_by_their_boxes() -> None:
    """Images with 0, 1, 2, 5, 8, 9 and 70 boxes; one that nobody labelled is no empty one."""
    counts = [0, 1, 2, 5, 8, 9, 70, 0]
    rows: list[Row] = [(image, 0, 9, 9) for image, n in enumerate(counts) for _ in range(n)]

    contents = split_contents(split([*rows, (0, 0, 9, 9)], 8, crowd=[len(rows)], unlabelled=[7]))

    assert per_image(contents) == {"0": 1, "1": 1, "2": 1, "5-8": 2, "9-16": 1, "65 or more": 1}


def test_random_boxes_are_all_counted() -> None:
    """The definition, box after box, against the columns."""
    rng = np.random.default_rng(0)
    rows: list[Row] = [
        (int(rng.integers(0, 50)), int(rng.integers(0, 2)), *np.exp(rng.normal(3, 2, 2)).tolist())
        for _ in range(2000)
    ]

    contents = split_contents(split(rows, 50))

    slow = dict.fromkeys(SIZE_EDGES[:-1], 0)
    for _, _, width, height in rows:
        below = [edge for edge in SIZE_EDGES[:-1] if edge <= (width * height) ** 0.5]
        slow[max(below, default=SIZE_EDGES[0])] += 1
    assert sizes(contents) == {edge: count for edge, count in slow.items() if count}
    assert sum(contents.boxes_per_image) == 50
    assert contents.classes == {
        name: sum(row[1] == index for row in rows) for index, name in enumerate(("on", "off"))
    }


def test_charts_compare_splits_by_class_name() -> None:
    train = split_contents(split([(0, 0, 40, 40), (0, 1, 40, 40), (0, 1, 9, 9)], 2))
    val = split_contents(split([(0, 0, 100, 100)], 1, classes=("off", "new")))

    chart = chart_of("Boxes by class", train=train, val=val)

    assert chart.names == ["off", "on", "new"]
    assert chart.counts == {"train": [2, 1, 0], "val": [1, 0, 0]}
    assert chart.about == (
        "The share of each class in the boxes of each split. val has no box of new: nothing can "
        "be learned or measured there."
    )
    by_size = chart_of("Box sizes", train=train, val=val)
    assert [(mark.label, mark.at) for mark in by_size.marks] == [
        ("small below", 32),
        ("large above", 96),
    ]
    # From the smallest box to COCO's edges, 9 px to 100 px; nothing beyond is empty paper.
    assert by_size.edges == [8, 12, 16, 24, 32, 48, 64, 96, 128]
    assert by_size.counts == {"train": [1, 0, 0, 0, 2, 0, 0, 0], "val": [0] * 7 + [1]}
    assert "small for COCO: 33.3% of train, 0.0% of val. A" in by_size.about
    counts = chart_of("Boxes per image", train=train, val=val)
    # No image has more than three boxes.
    assert counts.names == ["0", "1", "2", "3"]
    assert "Images without a box: 50.0% of train, 0.0% of val. A" in counts.about


def test_the_rarest_class_is_named_where_none_is_missing() -> None:
    train = split_contents(split([(0, 0, 9, 9), (0, 1, 9, 9), (0, 1, 9, 9)]))

    assert chart_of("Boxes by class", train=train).about.endswith(
        "The rarest: on in train, 1 of 3 boxes."
    )


def test_many_classes_are_put_together() -> None:
    """100 classes, class N with N + 1 boxes: the last 29 are shown, 71 are not."""
    names = [f"c{number}" for number in range(100)]
    rows: list[Row] = [(0, number, 9, 9) for number in range(100) for _ in range(number + 1)]

    chart = chart_of("Boxes by class", train=split_contents(split(rows, classes=names)))

    assert len(chart.names) == CLASSES_CAP
    assert chart.names[:2] == ["c99", "c98"]
    assert chart.names[-1] == "71 others"
    # 1 + 2 + ... + 71
    assert chart.counts["train"][-1] == 71 * 72 // 2
    assert sum(chart.counts["train"]) == 100 * 101 // 2


def test_nothing_to_compare_makes_no_chart() -> None:
    assert contents_charts({}) == []
    empty = split_contents(split([], 3))
    assert [chart.title for chart in contents_charts({"train": empty})] == ["Boxes per image"]


@pytest.mark.parametrize("name", ["bbox", "area"])
def test_contents_of_a_file_that_json_cannot_say(tmp_path: Path, name: str) -> None:
    """Infinite and huge numbers in the file do not stop the count."""
    annotation: dict[str, Any] = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5]}
    annotation[name] = [0, 0, 1e308, 1e308] if name == "bbox" else 1e308
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "on"}],
        "annotations": [annotation],
    }
    path = tmp_path / "train.json"
    path.write_text(json.dumps(content))

    contents = split_contents(read_coco(path, tmp_path, "train"))

    assert contents.classes == {"on": 1}
    assert sum(contents.sizes) == (1 if name == "area" else 0)
