"""A checkpoint that upstream's packages wrote, gated by whatever is installed here.

`python -m tests.upstream.keep` made it with mmdet 3.3.0, mmcv 2.1.0, mmengine 0.10.7, torch 2.1.2
and NumPy 1.26: a detector of two stages, with RoI align. Beside it is what upstream's own
`inference_detector` found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.mmdet.checkpoint import read_checkpoint
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from tests.detector.conftest import mmdet  # noqa: F401 (a fixture)
from tests.needs import import_or_skip

torch = import_or_skip("torch")

from tests.detector.test_torch_file import assert_same  # noqa: E402
from tests.upstream.keep import N_IMAGES, STORED  # noqa: E402

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]
CHECKPOINT = STORED / "epoch_2.pth"


def test_its_weights_are_those_that_torch_reads() -> None:
    ours = read_checkpoint(CHECKPOINT)
    theirs = read_checkpoint(CHECKPOINT, trust=True)

    assert len(ours.state_dict) > 300
    assert_same(ours.state_dict, theirs.state_dict)
    assert ours.meta == theirs.meta
    assert (ours.epoch, ours.classes) == (2, ("person", "helmet"))
    assert all(isinstance(value, torch.Tensor) for value in ours.state_dict.values())


def test_its_boxes_are_those_of_upstream() -> None:
    with quiet():
        from pytest_detgate.detector.mmdet.loader import load_model
    detector = load_model(ModelSource(CHECKPOINT), sha256="", device="cpu").detector
    expected: dict[str, Any] = json.loads((STORED / "found.json").read_text("utf-8"))
    images = sorted(STORED.glob("*.jpg"))

    detections = {image.name: result for image, _, result in detector.detect(images)}

    assert detections.keys() == expected.keys()
    assert len(detections) == N_IMAGES
    for name, result in detections.items():
        assert isinstance(result, ImageDetections)
        theirs = expected[name]
        assert len(result.score) == len(theirs["scores"]) == 50
        # Another release of torch adds up in another order; other JPEG decoders differ by a grey.
        np.testing.assert_allclose(result.score, sorted(theirs["scores"])[::-1], atol=1e-3)
        for box, label in zip(theirs["boxes"][:10], theirs["labels"][:10], strict=True):
            distance = np.abs(result.xyxy[result.label == label] - box).max(1)
            assert distance.min() < 0.5


def test_no_path_of_the_machine_is_in_it() -> None:
    """It is kept where everybody can read it."""
    text = str(read_checkpoint(CHECKPOINT).config_text)

    assert str(Path.home()) not in text
    assert "data_root='.'" in text or "data_root=''" in text
