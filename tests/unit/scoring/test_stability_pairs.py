"""Which detections lose their partner, worked out by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import DetectionTable
from pytest_detgate.scoring.comparison.stability import unstable_detections, visible_parts

WHOLE = (0.0, 0.0, 100.0, 100.0)


def table(*rows: tuple[int, int, float, float, float, float, float]) -> DetectionTable:
    """Detections as image, class, score, x, y, width, height."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 7)
    return DetectionTable(
        classes=("red", "blue"),
        image=columns[:, 0].astype(np.int64),
        category=columns[:, 1].astype(np.int64),
        score=columns[:, 2],
        xywh=columns[:, 3:],
    )


def visible(images: int, part: tuple[float, float, float, float] = WHOLE) -> NDArray[np.float64]:
    return visible_parts(images, np.arange(images), [part] * images)


def test_identical_detections_all_keep_their_partner() -> None:
    """Also boxes that overlap, equal boxes, and one beyond the image; one without area is none."""
    random = np.random.default_rng(0)
    rows = [
        (image, category, score, x, y, 20 + x / 9, 20 + y / 9)
        for image, category, score, x, y in zip(
            random.integers(0, 3, 300).tolist(),
            random.integers(0, 2, 300).tolist(),
            random.random(300).round(2).tolist(),
            *random.uniform(-10, 95, (2, 300)).round(1).tolist(),
            strict=True,
        )
    ]
    result = table(*rows, *rows[:50], (0, 0, 0.9, 5, 5, 0, 7))
    unstable = unstable_detections(result, result, 0.3, visible(3))

    assert not len(unstable.lost)
    assert not len(unstable.appeared)
    assert len(unstable.before) == len(unstable.after) > 100


def test_a_partner_has_class_overlap_and_score() -> None:
    """Of five detections the first two keep theirs: IoU 18 × 20 / (2 × 400 - 360) is 0.82, and
    that of the second is 0.5 exactly."""
    before = table(
        (0, 0, 0.9, 10, 10, 20, 20),
        (0, 0, 0.8, 60, 60, 10, 10),
        (0, 1, 0.7, 10, 60, 20, 20),
        (1, 0, 0.6, 10, 10, 20, 20),
        (1, 0, 0.5, 60, 10, 20, 20),
        (1, 0, 0.3, 10, 60, 20, 20),  # not over the threshold
    )
    after = table(
        (0, 0, 0.9, 12, 10, 20, 20),
        (0, 0, 0.8, 60, 60, 10, 20),
        (0, 0, 0.7, 10, 60, 20, 20),  # another class
        (1, 0, 0.3, 10, 10, 20, 20),  # not over the threshold
        (1, 0, 0.5, 72, 10, 20, 20),  # IoU 8 / 32
    )
    unstable = unstable_detections(before, after, 0.3, visible(2))

    assert sorted(unstable.lost.tolist()) == [2, 3, 4]
    assert sorted(unstable.before.tolist()) == [0, 1, 2, 3, 4]
    assert sorted(unstable.appeared.tolist()) == [2, 4]
    assert sorted(unstable.after.tolist()) == [0, 1, 2, 4]


def test_what_one_image_does_not_show_is_not_asked_for() -> None:
    """90% of a box must be shown: 18 of 20 pixels are, 17 are not."""
    before = table((0, 0, 0.9, 92, 10, 20, 20), (0, 0, 0.9, 93, 50, 20, 20))
    part = visible(1, (0.0, 0.0, 110.0, 100.0))
    unstable = unstable_detections(before, table(), 0.3, part)

    assert unstable.before.tolist() == [0]
    assert unstable.lost.tolist() == [0]


def test_images_beside_the_sample_do_not_count() -> None:
    before = table((0, 0, 0.9, 10, 10, 20, 20), (1, 0, 0.9, 10, 10, 20, 20))
    part = visible_parts(2, np.array([1]), [WHOLE])
    unstable = unstable_detections(before, table(), 0.3, part)

    assert unstable.lost.tolist() == [1]
    assert unstable.before.tolist() == [1]
