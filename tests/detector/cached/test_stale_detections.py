"""Detections that were cached are not used for a model that answers differently now.

The first part changes models in ways that no record of accesses shows; the second part tries what
the record does show. Each case once gave the cached detections of another model.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached.comparison import N_COMPARED, choose_images
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.cached.pending import DetectionRun, PendingImages
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress
from tests.detector.dependencies.test_dependencies import Site, forget_modules
from tests.detector.onnx_models import draw


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    yield Site(tmp_path)
    forget_modules()


# Its score is the value of a C variable: nothing in Python is accessed for it.
HIDDEN = """
import ctypes
BOX = [[0, 0, 1, 1]]

class Detector:
    classes = ["thing"]

    def __init__(self, checkpoint, device):
        self.asked = ctypes.c_int.from_address({asked})
        self.score = ctypes.c_float.from_address({score})

    def detect(self, images):
        self.asked.value += len(images)
        for image in images:
            is_empty = "empty" in image.name and self.score.value < 0.9
            yield ([], [], []) if is_empty else (BOX, [self.score.value], [0])
"""


class Hidden:
    """A detector whose score a test sets, and that counts the images it is asked about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.score, self.asked = ctypes.c_float(0.25), ctypes.c_int(0)
        addresses: dict[str, ctypes.c_float | ctypes.c_int] = {
            "asked": self.asked,
            "score": self.score,
        }
        text = HIDDEN
        for name, value in addresses.items():
            text = text.replace(f"{{{name}}}", str(ctypes.addressof(value)))
        (folder / "site_detector.py").write_text(text)
        self.images = [
            draw(folder / "full" / f"full_{number}.png", (8, 8 + number)) for number in range(20)
        ]
        self.empty = [
            draw(folder / "empty" / f"empty_{number}.png", (9, 8 + number)) for number in range(20)
        ]

    def gate(self, run: str = "") -> CachedDetector:
        forget_modules()
        return CachedDetector(
            ModelSource(
                None, framework="python", entry="site_detector:Detector", folder=self.folder
            ),
            cache_dir=self.folder / "cache",
            device="cpu",
            progress=NoProgress(),
            run=run,
        )

    def detect(self, run: str = "") -> DetectionRun:
        self.asked.value = 0
        datasets = [self.images, self.empty]
        return self.gate(run).detect([*self.images, *self.empty], datasets)

    def scores(self, run: DetectionRun) -> set[float]:
        detections = [entry for entry in run.values() if isinstance(entry, ImageDetections)]
        assert len(detections) == len(run)
        return {round(float(score), 4) for entry in detections for score in entry.score}


@pytest.fixture
def hidden(tmp_path: Path) -> Iterator[Hidden]:
    yield Hidden(tmp_path)
    forget_modules()


def test_unchanged_detections_are_used_after_a_look_at_a_few(hidden: Hidden) -> None:
    assert hidden.detect().inferred == 40
    again = hidden.detect()

    assert (again.cached, again.inferred, again.notes) == (40, 0, ())
    assert hidden.asked.value == N_COMPARED


def test_a_change_that_nothing_shows_drops_all_cached_detections(hidden: Hidden) -> None:
    hidden.detect()
    hidden.score.value = 0.5
    changed = hidden.detect()

    assert (changed.cached, changed.inferred, hidden.scores(changed)) == (0, 40, {0.5})
    # Images without a box answer as before: four of eight.
    assert changed.notes == (
        "the model answers differently than when its detections were cached: 4 of 8 images; all "
        "were inferred again",
    )
    settled = hidden.detect()
    assert (settled.cached, settled.notes, hidden.scores(settled)) == (40, (), {0.5})


def test_a_change_that_only_shows_on_images_that_were_empty(hidden: Hidden) -> None:
    """The images of a probe are empty as a rule; each dataset is compared."""
    hidden.gate().detect(hidden.empty)
    hidden.score.value = 0.95
    detections = hidden.gate().detect(hidden.empty)

    assert (detections.cached, detections.inferred) == (0, 20)
    assert hidden.scores(detections) == {0.95}


def test_each_run_chooses_other_images(hidden: Hidden) -> None:
    """A detector that has changed on a few images is found in some run."""
    pending = PendingImages()
    detections = ImageDetections(
        np.zeros((1, 4), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int32)
    )
    for number, image in enumerate(hidden.images):
        pending.digest[image] = str(number)
        pending.add_cached(str(number), detections, "cpu")

    chosen = [choose_images(pending, [hidden.images], ()).images for _ in range(20)]

    assert {len(images) for images in chosen} == {N_COMPARED}
    # 8 of 20 images leave one out in 20 choices with a probability of 0.6**20, or 4e-5.
    assert len({image for images in chosen for image in images}) >= 18


def test_workers_of_a_run_compare_once(hidden: Hidden) -> None:
    hidden.detect("first run")
    asked = []
    for _ in range(3):
        assert hidden.detect("second run").cached == 40
        asked.append(hidden.asked.value)
    assert asked == [N_COMPARED, 0, 0]
    # What a run has inferred itself needs no comparison.
    hidden.score.value = 0.5
    hidden.detect("third run")
    assert hidden.asked.value == N_COMPARED + 4 + 40
    hidden.detect("third run")
    assert hidden.asked.value == 0


def test_another_dataset_of_the_same_run_is_compared(hidden: Hidden) -> None:
    hidden.detect("first run")
    gate = hidden.gate("second run")
    assert gate.detect(hidden.images).cached == 20
    hidden.score.value = 0.95

    assert gate.detect(hidden.empty).inferred == 20
    assert gate.has_dropped  # so that what it has returned before is not used either
    assert gate.detect(hidden.images).inferred == 20


def test_a_detector_that_is_not_repeatable_is_not_cached(hidden: Hidden) -> None:
    text = (hidden.folder / "site_detector.py").read_text()
    text = text.replace("[self.score.value]", "[self.asked.value % 97 / 100 + 0.01]")
    (hidden.folder / "site_detector.py").write_text(text)
    hidden.detect()
    run = hidden.detect()

    assert (run.cached, run.inferred) == (0, 40)
    (note,) = run.notes
    assert note.startswith("its detections are not cached: the model answers differently each time")
    assert hidden.detect().inferred == 40


@pytest.mark.parametrize(("score", "inferred"), [(0.25 + 6e-8, 40), (0.250001, 40)])
def test_a_repeatable_detector_is_compared_exactly(
    hidden: Hidden, score: float, inferred: int
) -> None:
    hidden.detect()
    hidden.score.value = score

    assert hidden.detect().inferred == inferred


def test_last_digits_that_depend_on_the_batch_are_no_change(hidden: Hidden) -> None:
    """As in torch, whose kernels for another number of images add up in another order."""
    text = (hidden.folder / "site_detector.py").read_text()
    text = text.replace("[self.score.value]", "[0.25 + 1e-6 * len(images)]")
    (hidden.folder / "site_detector.py").write_text(text)
    hidden.detect()

    assert hidden.detect().cached == 40


def test_boxes_in_another_order_are_the_same(hidden: Hidden) -> None:
    text = (hidden.folder / "site_detector.py").read_text()
    two = "([[0, 0, 1, 1], [2, 2, 4, 4]][:: self.step], [0.5, 0.25][:: self.step], [0, 0])"
    text = text.replace("(BOX, [self.score.value], [0])", two)
    text = text.replace("yield", "self.step = 1 if self.score.value == 0.25 else -1; yield")
    (hidden.folder / "site_detector.py").write_text(text)
    hidden.detect()
    hidden.score.value = 0.5

    assert hidden.detect().cached == 40


def test_a_failure_of_the_comparison_is_no_pass(hidden: Hidden) -> None:
    hidden.detect()
    hidden.score.value = np.nan
    run = hidden.detect()

    assert not any(isinstance(run[image], ImageDetections) for image in hidden.images)
