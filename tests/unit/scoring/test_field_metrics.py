"""MR⁻², CPM and oLRP beside plain loops over their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units
from pytest_detgate.scoring.metrics.field_metrics import FieldMetric, Ranked, ranked
from tests.one_class import Boxes, Rows, one_class_matches

METRICS: tuple[FieldMetric, ...] = ("miss-rate", "froc", "olrp")
Box = tuple[int, float, float, float, float]


def ranked_of(images: int, truth: list[Box], detections: list[tuple[float, Box]]) -> Ranked:
    """Boxes as image, x, y, width, height; detections with their scores."""
    matches = one_class_matches(
        images,
        _columns(truth),
        (*_columns([box for _, box in detections]), np.array([score for score, _ in detections])),
    )
    return ranked(matches, 0)


def _columns(boxes: list[Box]) -> tuple[Rows, Boxes]:
    image = np.array([box[0] for box in boxes], dtype=np.int64)
    return image, np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4)


# Ten images, one box on each of the first four. Scores: false .95, true .9 (IoU 1), true .8
# (18 of 20 rows: IoU .9), false .7, true .6 (IoU 1), false .5.
TEN = ranked_of(
    10,
    [(image, 10, 10, 20, 20) for image in range(4)],
    [
        (0.95, (5, 0, 0, 9, 9)),
        (0.9, (0, 10, 10, 20, 20)),
        (0.8, (1, 10, 10, 20, 18)),
        (0.7, (6, 0, 0, 9, 9)),
        (0.6, (2, 10, 10, 20, 20)),
        (0.5, (7, 0, 0, 9, 9)),
    ],
)


def test_miss_rate_by_hand() -> None:
    """False boxes an image: 0.1 after the first, 0.2 after .7, 0.3 after .5. So up to 0.0562
    everything is missed, at 0.1 and 0.178 two of four, at 0.316, 0.562 and 1 one of four."""
    rates = TEN.counts().miss_rates()[0]

    assert rates.tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]
    expected = math.exp((2 * math.log(0.5) + 3 * math.log(0.25)) / 9)
    assert 1 - TEN.counts().value("miss-rate")[0] == pytest.approx(expected, abs=1e-12)


def test_sensitivity_by_hand() -> None:
    """The curve goes up to 2 of 4 at 0.1, then along a line to 2 of 4 at 0.2, up to 3 of 4: at
    0.125 it is 0.5, from 0.25 on 0.75."""
    assert TEN.counts().sensitivities()[0].tolist() == [0.5, *[0.75] * 6]
    assert TEN.counts().value("froc")[0] == pytest.approx((0.5 + 6 * 0.75) / 7, abs=1e-12)


def test_between_two_points_there_is_a_straight_line() -> None:
    """A true and a false box of one score come together: from 0 to 1 of 2 at 1 false box an
    image, so 1/8 of that at 1/8."""
    result = ranked_of(1, [(0, 0, 0, 9, 9), (0, 20, 0, 9, 9)],
                      [(0.5, (0, 0, 0, 9, 9)), (0.5, (0, 50, 50, 9, 9))])  # fmt: skip

    expected = [0.0625, 0.125, 0.25, 0.5, 0.5, 0.5, 0.5]
    assert result.counts().sensitivities()[0].tolist() == pytest.approx(expected)


def test_olrp_by_hand() -> None:
    """With .6 and above: off 0.1 / 0.5, 2 false, 1 missed, of 3 + 2 + 1: 3.2 / 6. With .8 and
    above: (0.2 + 1 + 2) / 5 = 0.64."""
    best = TEN.best_threshold()

    assert best.olrp == pytest.approx(3.2 / 6, abs=1e-12)
    assert best.threshold == pytest.approx(0.6, abs=1e-12)
    assert best.threshold is not None
    assert best.threshold < 0.6  # above which the box with 0.6 counts
    assert best.localisation == pytest.approx(0.1 / 3, abs=1e-12)
    assert (best.false_share, best.missed_share) == (2 / 5, 1 / 4)
    assert TEN.lrp_over([0.79, 0.8, 0.99]).tolist() == pytest.approx([0.64, 4 / 5, 1])


def test_nothing_found() -> None:
    nothing = ranked_of(2, [(0, 0, 0, 9, 9)], [])
    false = ranked_of(2, [(0, 0, 0, 9, 9)], [(0.9, (1, 0, 0, 9, 9))])

    for match in (nothing, false):
        values = [match.counts().value(name)[0] for name in METRICS]
        assert values == [0, 0, 0]
        assert match.best_threshold().olrp == 1
        assert match.best_threshold().threshold is None


def test_all_found_is_perfect() -> None:
    every = ranked_of(1, [(0, 0, 0, 9, 9)], [(0.9, (0, 0, 0, 9, 9))])

    assert every.counts().value("miss-rate")[0] == pytest.approx(1, abs=1e-9)
    assert every.counts().value("froc")[0] == 1
    assert every.counts().value("olrp")[0] == 1


def drawn(seed: int) -> tuple[Ranked, int]:
    """Random scenes with several boxes and ties of scores."""
    random = np.random.default_rng(seed)
    images = int(random.integers(3, 30))
    truth: list[Box] = []
    collected: list[tuple[float, Box]] = []
    for image in range(images):
        for position in range(int(random.integers(0, 4))):
            box = (image, 30.0 * position, 0.0, 20.0, 20.0)
            truth.append(box)
            if random.random() < 0.7:
                cut = float(random.uniform(8, 20))
                collected.append(
                    (float(random.integers(1, 100)) / 100, (image, box[1], 0, 20, cut))
                )
        for _ in range(int(random.poisson(0.7))):
            collected.append((float(random.integers(1, 100)) / 100, (image, 0, 60, 20, 20)))
    truth.append((0, 90, 90, 8, 8))
    return ranked_of(images, truth, collected), images


@pytest.mark.parametrize("seed", range(20))
def test_drawn_scenes_agree_with_plain_loops(seed: int) -> None:
    result, images = drawn(seed)
    boxes = len(result.boxes)
    curve = []
    for threshold in sorted({*result.score.tolist()}, reverse=True):
        over = [number for number in range(len(result.score)) if result.score[number] >= threshold]
        true = [index for index in over if result.hit[index]]
        off = sum(1 - result.iou[index] for index in true)
        false = len(over) - len(true)
        error = (2 * off + false + boxes - len(true)) / (boxes + false)
        curve.append((false / images, len(true) / boxes, error, threshold))

    missed = []
    for point in (10 ** (-2 + step / 4) for step in range(9)):
        reached = [recall for rate, recall, _, _ in curve if rate <= point + 1e-12]
        missed.append(max(1 - (reached[-1] if reached else 0), 1e-10))
    mean = math.exp(sum(map(math.log, missed)) / 9)
    assert 1 - result.counts().value("miss-rate")[0] == pytest.approx(mean, abs=1e-9)

    best = min(curve, key=lambda entry: entry[2])
    assert result.best_threshold().olrp == pytest.approx(min(best[2], 1), abs=1e-9)
    if result.best_threshold().threshold is not None:
        assert result.best_threshold().threshold == pytest.approx(best[3], abs=1e-9)

    expected = []
    points = [(0.0, 0.0), *((rate, recall) for rate, recall, _, _ in curve)]
    for rate in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8):
        before = [point for point in points if point[0] <= rate][-1]
        after = [point for point in points if point[0] > rate][:1]
        value = before[1]
        if after:
            part = (rate - before[0]) / (after[0][0] - before[0])
            value += part * (after[0][1] - before[1])
        expected.append(value)
    assert result.counts().value("froc")[0] == pytest.approx(sum(expected) / 7, abs=1e-9)


def test_a_draw_is_what_its_images_give() -> None:
    """Each draw agrees with a data set in which its clips stand as often as they are drawn."""
    result, images = drawn(3)
    clips = [str(image // 2) for image in range(images)]
    draws = Resampling(clip_units(clips), 30, 5)
    values = {
        name: np.concatenate([counts.value(name) for counts in result.drawn(draws)])
        for name in METRICS
    }
    weights = np.concatenate(list(draws.weights()))
    for number in range(30):
        times = weights[number][draws.units.of_image]
        rows = np.repeat(np.arange(len(result.score)), times[result.image])
        boxes = np.repeat(result.boxes, times[result.boxes])
        if not len(boxes):
            continue
        again = Ranked(
            score=result.score[rows],
            image=np.zeros(len(rows), dtype=np.int64),
            hit=result.hit[rows],
            iou=result.iou[rows],
            last=np.flatnonzero(np.append(np.diff(result.score[rows]) != 0, True)),
            boxes=np.zeros(len(boxes), dtype=np.int64),
            is_found=np.ones(len(boxes), dtype=bool),
            images=int(times.sum()),
        )
        for name, drawn_values in values.items():
            assert drawn_values[number] == pytest.approx(again.counts().value(name)[0], abs=1e-9)
