"""Distances and bins by hand; false alarms and power by simulation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import UNLISTED, BoxTable, Dataset, ImageTable
from pytest_detgate.drift import permutation
from pytest_detgate.drift.features import FEATURES, Feature, Sample, features_of
from pytest_detgate.drift.permutation import chance, distance, holm, least_p
from pytest_detgate.errors import DataError

Row = tuple[int, int, float, float, float, float]
"""Image, class, x, y, width, height."""


def split(
    rows: Sequence[Row],
    n_images: int = 1,
    size: tuple[float, float] = (640, 480),
    classes: Sequence[str] = ("on", "off"),
    crowd: Sequence[int] = (),
) -> Dataset:
    image = np.array([row[0] for row in rows], dtype=np.int64)
    category = np.array([row[1] for row in rows], dtype=np.int64)
    return Dataset(
        name="val",
        images_dir=Path(),
        images=ImageTable(
            id=np.arange(n_images),
            file_name=np.array([f"{n}.jpg" for n in range(n_images)], dtype=object),
            width=np.full(n_images, float(size[0])),
            height=np.full(n_images, float(size[1])),
        ),
        boxes=BoxTable(
            id=np.arange(len(rows)),
            image_id=image,
            category_id=category,
            image=image,
            category=category,
            xywh=np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 4),
            area=np.full(len(rows), np.nan),
            crowd=np.isin(np.arange(len(rows)), crowd),
        ),
        classes=tuple(classes),
    )


def feature(name: str, reference: Dataset, tested: Dataset) -> Feature:
    return features_of(reference, tested, [name])[0]


def labels(name: str, rows: Sequence[Row], n_images: int = 1) -> list[str]:
    """The bins that boxes or images fall into, in their order."""
    result = feature(name, split(rows, n_images), split(rows, n_images))
    return [result.labels[bin_] for bin_ in result.tested.bin]


def binned(tested: Sequence[int], reference: Sequence[int], n_bins: int = 2) -> Feature:
    """A feature with one observation in each image."""
    samples = (
        Sample(np.arange(len(bins)), np.array(bins, dtype=np.int32)) for bins in (reference, tested)
    )
    return Feature("class", "boxes", tuple(map(str, range(n_bins))), *samples)


def test_distance_is_the_share_that_would_have_to_move() -> None:
    assert distance(binned([0, 0, 0, 1], [0, 1, 1, 1])) == 0.5
    assert distance(binned([0, 1], [1, 0, 1, 0])) == 0
    assert distance(binned([0, 0], [1])) == 1


def test_classes_are_matched_by_name() -> None:
    reference = split([(0, 0, 0, 0, 9, 9), (0, 1, 0, 0, 9, 9)], classes=["on", "off"])
    tested = split([(0, 0, 0, 0, 9, 9), (0, 1, 0, 0, 9, 9)], classes=["off", "vest"])

    result = feature("class", reference, tested)

    assert result.labels == ("on", "off", "vest")
    assert distance(result) == 0.5


@pytest.mark.parametrize(
    ("name", "box", "label"),
    [
        ("box-size", (0, 0, 320, 240), "25-50% of the image"),
        ("box-size", (0, 0, 319, 240), "12-25% of the image"),
        ("box-size", (0, 0, 640, 480), "over 50% of the image"),
        ("box-size", (0, 0, 1, 1), "under 0.024% of the image"),
        ("aspect", (0, 0, 100, 101), "width/height 0.84-1.2"),
        ("aspect", (0, 0, 300, 100), "width/height 2.4-4"),
        ("aspect", (0, 0, 10, 100), "width/height under 0.25"),
        ("position", (310, 230, 20, 20), "centre at x 40-60%, y 40-60%"),
        ("position", (620, 0, 40, 10), "centre at x 80-100%, y 0-20%"),
        ("position", (-90, 900, 10, 10), "centre at x 0-20%, y 80-100%"),
        ("box-size", (0, 0, 0, 5), "without area"),
        ("aspect", (0, 0, np.nan, 5), "without area"),
        ("position", (np.inf, 0, 5, 5), "without area"),
    ],
)
def test_bin_of_a_box(name: str, box: tuple[float, float, float, float], label: str) -> None:
    assert labels(name, [(0, 0, *box)]) == [label]


def test_bins_of_images() -> None:
    rows: list[Row] = [
        (n, 0, 0, 0, 9, 9) for n, k in enumerate((0, 1, 4, 5, 8, 9)) for _ in "x" * k
    ]

    assert labels("boxes-per-image", rows, n_images=6) == [
        "0 boxes",
        "1 box",
        "4 boxes",
        "5-8 boxes",
        "5-8 boxes",
        "9-16 boxes",
    ]


def test_crowds_and_boxes_of_nothing_listed_do_not_count() -> None:
    odd: list[Row] = [(0, 0, 0, 0, 9, 9), (0, 1, 0, 0, 9, 9), (UNLISTED, 1, 0, 0, 9, 9)]
    plain = split([(0, 0, 0, 0, 9, 9)])

    result = features_of(plain, split(odd, crowd=[1]), FEATURES)

    assert [distance(entry) for entry in result] == [0] * len(FEATURES)


def test_resolutions_are_told_apart_by_width_and_height() -> None:
    box: list[Row] = [(0, 0, 0, 0, 9, 9)]

    result = feature("resolution", split(box, size=(640, 480)), split(box, size=(480, 640)))

    assert distance(result) == 1
    assert set(result.labels[:2]) == {"640×480", "480×640"}


def test_rare_resolutions_share_bins() -> None:
    """A hundred web photos of a hundred sizes are not a hundred categories."""

    def photos(first: int) -> Dataset:
        dataset = split([], n_images=100)
        sides = np.arange(100) + first
        images = ImageTable(
            id=dataset.images.id,
            file_name=dataset.images.file_name,
            width=sides.astype(np.float64),
            height=sides.astype(np.float64),
        )
        return Dataset(
            name="val", images_dir=Path(), images=images, boxes=dataset.boxes, classes=()
        )

    result = feature("resolution", photos(800), photos(2300))

    # 50 sizes of the reference have bins of their own; the rest lie in 512-1024 and 2048-4096.
    assert len(result.labels) == 50 + 9
    assert result.labels[int(result.reference.bin[-1])] == "other sizes, mean side 512-1024 px"
    assert result.labels[int(result.tested.bin[-1])] == "other sizes, mean side 2048-4096 px"


def test_what_is_missing_is_named() -> None:
    box: list[Row] = [(0, 0, 0, 0, 9, 9)]
    with pytest.raises(DataError, match="val has no boxes, so class cannot be compared"):
        feature("class", split(box), split([]))
    with pytest.raises(DataError, match=r"1 image of val has no width and height, first 0\.jpg"):
        feature("position", split(box), split(box, size=(np.nan, 480)))


def test_holm_by_hand() -> None:
    """0.01·4, then 0.02·3, then 0.03·2 may not fall below it; and none is over 1."""
    assert holm([0.03, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_few_units_are_permuted_exactly() -> None:
    """Against a count of all 20 ways to choose 3 of 6 images."""
    bins = [0, 0, 0, 1, 1, 0]
    observed = distance(binned(bins[3:], bins[:3]))
    every = [
        distance(
            binned(
                [bins[index] for index in chosen],
                [bins[number] for number in range(6) if number not in chosen],
            )
        )
        for chosen in combinations(range(6), 3)
    ]
    expected = np.mean([value >= observed - 1e-9 for value in every])

    chances = chance([binned(bins[3:], bins[:3])], np.arange(3), np.arange(3), confidence=0.9)

    assert chances[0].p == expected == 0.4


def test_least_p_is_what_the_clearest_case_gives() -> None:
    chances = chance([binned([1, 1], [0, 0, 0])], np.arange(3), np.arange(2), confidence=0.99)
    assert chances[0].p == least_p(3, 2) == 0.1

    chances = chance([binned([1, 1], [0, 0])], np.arange(2), np.arange(2), confidence=0.99)
    assert chances[0].p == least_p(2, 2) == pytest.approx(1 / 3)


def test_drawn_permutations_come_close_to_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    tested, reference = rng.integers(0, 3, 6), rng.integers(0, 2, 8)
    compared = binned(tested.tolist(), reference.tolist(), 3)
    units = np.arange(8), np.arange(6)

    exact = chance([compared], *units, confidence=0.999)[0]
    monkeypatch.setattr(permutation, "comb", lambda n, k: 10**9)
    drawn = chance([compared], *units, confidence=0.999)[0]

    assert 0.05 < exact.p < 0.95
    assert drawn.p == pytest.approx(exact.p, abs=0.02)


def test_many_units_are_merged_without_loss() -> None:
    """5000 images against 3000: the same population, and one that differs by a tenth."""
    rng = np.random.default_rng(0)
    reference = (rng.random(5000) < 0.5).astype(int).tolist()
    units = np.arange(5000), np.arange(3000)

    same = binned((rng.random(3000) < 0.5).astype(int).tolist(), reference)
    other = binned((rng.random(3000) < 0.6).astype(int).tolist(), reference)
    chances = chance([same, other], *units, confidence=0.95)

    assert chances[0].p > 0.05
    assert chances[1].p < 0.01


def test_groups_of_units_are_few_and_of_one_size() -> None:
    """A million clips cost no more than a thousand; unequal groups would not be exchangeable."""
    reference, tested = permutation._groups(1_000_000, 2_500, np.random.default_rng(0))

    sizes = np.bincount(tested[tested >= 0])
    assert sizes.tolist() == [3] * 833
    sizes = np.bincount(reference[reference >= 0])
    assert sizes.tolist() == [3] * 20 * 833


def population(
    rng: np.random.Generator, n_clips: int, off_share: float
) -> tuple[Dataset, NDArray[np.int64]]:
    """Clips of some frames, each with its own habits: classes, sizes and places of boxes."""
    rows: list[Row] = []
    units: list[int] = []
    for clip in range(n_clips):
        off = rng.beta(4 * off_share, 4 * (1 - off_share))
        side, x, y = rng.uniform(20, 120), rng.uniform(100, 500), rng.uniform(100, 400)
        busy = rng.gamma(2, 1)
        for _ in range(rng.integers(3, 9)):
            for _ in range(rng.poisson(busy) + 1):
                width = side * rng.uniform(0.8, 1.25)
                rows.append(
                    (len(units), int(rng.random() < off), x + rng.normal(0, 20), y, width, side)
                )
            units.append(clip)
    return split(rows, n_images=len(units)), np.array(units)


JUDGED = FEATURES[:5]


def false_alarms(runs: int, *, by_clip: bool) -> float:
    """How often any feature of two halves of one population is called significant."""
    rng = np.random.default_rng(20)
    alarms = 0
    for _ in range(runs):
        (reference, of_reference), (tested, of_tested) = (population(rng, n, 0.4) for n in (16, 10))
        if not by_clip:
            of_reference, of_tested = (np.arange(len(units)) for units in (of_reference, of_tested))
        chances = chance(
            features_of(reference, tested, JUDGED), of_reference, of_tested, confidence=0.9
        )
        alarms += min(holm([entry.p for entry in chances])) <= 0.1
    return alarms / runs


def test_false_alarms_are_as_few_as_promised() -> None:
    """At confidence 0.9, in 100 runs: a share of 0.1 gives more than 0.18 once in 200 times.
    With frames in place of clips nearly every run is a false alarm."""
    assert false_alarms(100, by_clip=True) <= 0.18
    assert false_alarms(20, by_clip=False) >= 0.8


def test_real_shift_is_found() -> None:
    rng = np.random.default_rng(21)
    count = 0
    for _ in range(20):
        (reference, of_reference), (tested, of_tested) = (
            population(rng, 30, 0.2),
            population(rng, 20, 0.6),
        )
        features = features_of(reference, tested, JUDGED)
        p = holm([entry.p for entry in chance(features, of_reference, of_tested, confidence=0.95)])
        count += p[0] <= 0.05

    assert count >= 19


def test_chance_says_how_far_halves_of_one_population_lie_apart() -> None:
    """More clips, less chance."""
    rng = np.random.default_rng(22)
    usual = []
    for n in (8, 32, 128):
        (reference, of_reference), (tested, of_tested) = (population(rng, n, 0.4) for _ in "ab")
        features = features_of(reference, tested, ["class"])
        usual.append(chance(features, of_reference, of_tested, confidence=0.95)[0].usual)

    assert all(more > less for more, less in pairwise(usual))
