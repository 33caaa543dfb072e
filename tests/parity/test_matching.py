"""Our matches against those of pycocotools, and what is made of them."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.scoring.columns import columns_of
from pytest_detgate.scoring.matching import AREAS, UNMATCHED, candidates_of, match
from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
from pytest_detgate.scoring.metrics.precision_recall import precision_and_recall
from pytest_detgate.scoring.score_card import Area, limits_of
from tests.parity.reference import by_pycocotools, random_set

SETS = [*range(30), "crowded"]


def made(seed: int | str) -> tuple[Dataset, DetectionTable]:
    if seed == "crowded":  # more than 100 detections of one class on an image
        return random_set(1, images=2, boxes=40, hits=900)
    return random_set(int(seed))


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("seed", SETS)
def test_precision_and_recall_equal_pycocotools(seed: int | str, area: Area) -> None:
    dataset, detections = made(seed)
    evaluation = by_pycocotools(dataset, detections)

    matches = match(candidates_of(columns_of(dataset, detections)), area)
    precision, recall = precision_and_recall(matches)

    number = list(AREAS).index(area)
    assert np.array_equal(precision, evaluation.eval["precision"][:, :, :, number])
    assert np.array_equal(recall, evaluation.eval["recall"][:, :, number])


@pytest.mark.parametrize("seed", range(10))
def test_every_match_is_that_of_pycocotools(seed: int) -> None:
    dataset, detections = random_set(seed)
    evaluation = by_pycocotools(dataset, detections)
    matches = match(candidates_of(columns_of(dataset, detections)))
    # pycocotools numbers images, annotations and results from 1, image by image.
    by_image = np.argsort(dataset.boxes.image, kind="stable")
    gt_id = np.empty(len(by_image), dtype=int)
    gt_id[by_image] = np.arange(1, len(by_image) + 1)
    found_by_image = np.argsort(detections.image, kind="stable")
    expected: dict[int, tuple[list[int], list[bool]]] = {}
    for of_image in evaluation.evalImgs:
        if of_image is not None and of_image["aRng"] == [0, 1e10]:
            for index, number in enumerate(of_image["dtIds"]):
                row = int(found_by_image[number - 1])
                expected[row] = (
                    of_image["dtMatches"][:, index].astype(int).tolist(),
                    of_image["dtIgnore"][:, index].tolist(),
                )

    for index, row in enumerate(matches.candidates.detection.tolist()):
        taken = matches.gt[:, index]
        numbers = np.where(taken == UNMATCHED, 0, gt_id[taken]).tolist()
        assert (numbers, matches.ignored[:, index].tolist()) == expected[row]
    assert len(expected) == len(matches.candidates.detection)


@pytest.mark.parametrize("seed", range(10))
def test_some_of_the_images_as_if_they_were_the_file(seed: int) -> None:
    dataset, detections = random_set(seed)
    chosen = np.arange(len(dataset.images)) % 3 != 1
    evaluation = by_pycocotools(dataset, detections, np.flatnonzero(chosen).tolist())

    matches = match(candidates_of(columns_of(dataset, detections)))
    precision, recall = precision_and_recall(matches, chosen)

    assert np.array_equal(precision, evaluation.eval["precision"][:, :, :, 0])
    assert np.array_equal(recall, evaluation.eval["recall"][:, :, 0])


def test_pairs_found_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, detections = random_set(3, images=2, boxes=40, hits=300)
    whole = match(candidates_of(columns_of(dataset, detections)))

    monkeypatch.setattr("pytest_detgate.scoring.matching._PAIRS_AT_ONCE", 7)
    pieces = match(candidates_of(columns_of(dataset, detections)))

    assert np.array_equal(pieces.gt, whole.gt)
    assert np.count_nonzero(whole.gt != UNMATCHED) > 100


@pytest.mark.parametrize("most", [100, 130])
def test_many_detections_of_an_image(most: int) -> None:
    """All are matched; AP looks at the best of each image and class, and is pycocotools'."""
    dataset, detections = random_set(1, images=2, boxes=400, hits=1200)
    columns = columns_of(dataset, detections)
    matches = match(candidates_of(columns))
    limits = limits_of(most)

    precision, recall = precision_and_recall(matches, max_detections=limits)
    evaluation = by_pycocotools(dataset, detections, max_detections=limits)
    card = evaluate(dataset, detections, "both", most)

    assert len(matches.candidates.detection) == 1200
    assert columns.beyond(most) == np.count_nonzero(matches.candidates.rank >= most) > 100
    assert card.uncounted == columns.beyond(most)
    assert np.array_equal(card.precision, evaluation.eval["precision"])
    assert np.array_equal(card.recall, evaluation.eval["recall"])
    assert np.array_equal(precision, evaluation.eval["precision"][:, :, :, 0])
    assert np.array_equal(recall, evaluation.eval["recall"][:, :, 0])
    assert matches.hits()[matches.candidates.rank >= 100].any()


def test_nothing_on_either_side() -> None:
    dataset, detections = random_set(0)
    none = type(detections)(
        classes=detections.classes,
        image=detections.image[:0],
        category=detections.category[:0],
        xywh=detections.xywh[:0],
        score=detections.score[:0],
    )
    matches = match(candidates_of(columns_of(dataset, none)))

    assert matches.gt.shape == (10, 0)
    precision, recall = precision_and_recall(matches)
    assert set(precision[:, :, :2].ravel()) == {0.0}
    assert set(recall[:, :2].ravel()) == {0.0}
    assert set(precision[:, :, 2].ravel()) == {-1.0}
