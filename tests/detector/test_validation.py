"""What another package's detector answers, looked at before it counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections, ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.protocol import Detected
from pytest_detgate.detector.validation import CheckedDetector
from pytest_detgate.errors import DetectorError

INFO = ModelInfo(key="k", checkpoint="c", sha256="s", classes=("a", "b"), score_floor=0.0)
DIGEST = "0123456789abcdef" * 4
FIRST, TWO = Path("one.png"), Path("two.png")


def detected(image: Path, score: float = 0.5, label: int = 0, side: float = 1) -> Detected:
    boxes = np.array([[0, 0, side, side]], np.float32)
    detections = ImageDetections(boxes, np.array([score], np.float32), np.array([label], np.int32))
    return Detected(image, DIGEST, detections)


class Saying:
    """A detector that answers what it was made with, whatever it is asked."""

    def __init__(self, *answers: Detected) -> None:
        self.info = INFO
        self.device = "cpu"
        self.answers = answers

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        yield from self.answers


def heard(*answers: Detected, asked: Sequence[Path] = (FIRST, TWO)) -> list[Detected]:
    return list(CheckedDetector(Saying(*answers), INFO).detect(asked))


def test_what_is_right_comes_through_in_any_order() -> None:
    broken = Detected(FIRST, "", UnreadableImage("broken"))

    first, second = heard(detected(TWO, 1.0, 1), broken)

    assert isinstance(first.result, ImageDetections)
    assert (first.image, first.sha256) == (TWO, DIGEST)
    assert (first.result.score.tolist(), first.result.label.tolist()) == ([1.0], [1])
    assert second == broken


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([detected(FIRST)], r"returned nothing for .*two\.png"),
        (
            [detected(FIRST), detected(FIRST)],
            r"returned .*one\.png twice, or without a request for it",
        ),
        (
            [detected(Path("three.png"))],
            r"returned .*three\.png twice, or without a request for it",
        ),
        ([detected(FIRST, 0.5, side=1e6)], r"one\.png: a box is larger than any image"),
        ([detected(FIRST, 1.25)], r"one\.png: a score is from 0 to 1, found 1\.25"),
        ([detected(FIRST, label=2)], r"one\.png: a label is a whole number from 0 to 1, found 2"),
        ([detected(FIRST, label=-1)], r"found -1"),
        # Whoever leaves it out would give every image the answer to the last one.
        ([detected(FIRST)._replace(sha256="")], r"one\.png: its sha256 .* found ''"),
        ([detected(FIRST)._replace(sha256="one.png")], r"found 'one\.png'"),
        (
            [detected(FIRST)._replace(result=None)],  # type: ignore[arg-type]
            r"an UnreadableImage or an OutputNotFinite; found Detected\(",
        ),
        ([(FIRST, DIGEST, detected(FIRST).result)], r"must yield a Detected for each image"),
    ],
)
def test_what_cannot_be_counted_is_refused(answers: list[Detected], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        heard(*answers)


def test_of_an_image_with_nan_or_infinity_nothing_is_known() -> None:
    unknown = Detected(TWO, "", OutputNotFinite("logits"))

    first, second = heard(detected(FIRST, float("nan")), unknown)

    assert first.result == OutputNotFinite("scores")
    assert second == unknown


def test_only_a_detector_that_says_so_has_a_time_in_the_model() -> None:
    silent, telling = Saying(), Saying()
    telling.model_seconds = 2.5  # type: ignore[attr-defined]

    assert not hasattr(CheckedDetector(silent, INFO), "model_seconds")
    assert CheckedDetector(telling, INFO).model_seconds == 2.5


def test_what_a_detector_cannot_do_is_not_made_up_for_it() -> None:
    silent, telling = Saying(detected(FIRST), detected(TWO)), Saying()
    telling.in_turn = lambda images: map(detected, images)  # type: ignore[attr-defined]
    telling.notes = ["it was hot"]  # type: ignore[attr-defined]

    assert not hasattr(CheckedDetector(silent, INFO), "in_turn")
    assert CheckedDetector(silent, INFO).notes == ()
    assert [entry.image for entry in CheckedDetector(telling, INFO).in_turn([FIRST, TWO])] == [
        FIRST,
        TWO,
    ]
    assert CheckedDetector(telling, INFO).notes == ("it was hot",)
    telling.in_turn = lambda images: map(detected, images[:1])  # type: ignore[attr-defined]
    with pytest.raises(DetectorError, match=r"returned nothing for .*two\.png"):
        list(CheckedDetector(telling, INFO).in_turn([FIRST, TWO]))


def test_what_a_detector_fails_with_is_told_as_its_failure() -> None:
    class Failing(Saying):
        def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
            raise IndexError("no such layer")

    with pytest.raises(DetectorError, match=r"^c: the detector fails: IndexError: no such layer"):
        list(CheckedDetector(Failing(), INFO).detect([FIRST]))
