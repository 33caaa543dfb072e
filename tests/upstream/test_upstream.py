"""Gates of checkpoints that upstream's `Runner` wrote, in an environment of upstream's packages.

`make test-upstream` builds that environment and runs these tests; elsewhere they skip.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.packages import quiet, require_mmdetection
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError
from tests.upstream.models import FAMILIES, TRAIN, write_training

CONFIG = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[model]
checkpoint = "none.pth"
evaluate-on = "val"
[train]
config = "train.py"
work-dir = "trained"
[rules.class-ap]
min = 0.0
[rules.training-view]
max-dropped = 0
"""


@pytest.fixture(scope="session", autouse=True)
def _upstream() -> None:
    """Skips where the packages are not upstream's."""
    try:
        importlib.metadata.version("mmdet")
        require_mmdetection()
    except (importlib.metadata.PackageNotFoundError, DetectorError) as error:
        pytest.skip(f"upstream's MMDetection is not installed: {error}")


@pytest.fixture(scope="session", params=FAMILIES)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a checkpoint that upstream's `Runner` wrote after two epochs."""
    root = tmp_path_factory.mktemp(request.param)
    write_training(root, request.param)
    subprocess.run([sys.executable, "-c", TRAIN], cwd=root, check=True, capture_output=True)
    (root / "detgate.toml").write_text(CONFIG, "utf-8")
    return root


def gate(project: Path, *arguments: str) -> dict[str, Any]:
    """The record of a run of pytest with no trust in the checkpoint."""
    command = [sys.executable, "-m", "pytest", "detgate.toml", "-p", "no:randomly", *arguments]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    report = project / "detgate-report" / "report.json"
    assert result.returncode == 0, result.stdout + result.stderr
    record: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return record


def test_a_checkpoint_of_upstream_is_gated_untrusted(project: Path) -> None:
    record = gate(project, "--detgate-ckpt=written/epoch_2.pth", "--deselect=training-view")

    assert {rule["verdict"] for rule in record["rules"]} == {"passed"}


def test_each_box_is_that_of_upstream(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.set_num_threads(1)
    checkpoint = project / "written" / "epoch_2.pth"
    images = sorted((project / "images").iterdir())
    with quiet():
        from mmdet.apis import inference_detector, init_detector

        from pytest_detgate.detector.mmdet.loader import load_model

        reference = init_detector(str(project / "train.py"), str(checkpoint), device="cpu")
        expected = {
            path: inference_detector(reference, str(path)).pred_instances for path in images
        }
    source = ModelSource(checkpoint)
    detector = load_model(source, sha256="", device="cpu", batch_size=1).detector
    scores, corners, count = 0.0, 0.0, 0
    for image, _, result in detector.detect(images):
        theirs = expected[image]
        assert isinstance(result, ImageDetections)
        assert len(result.score) == len(theirs.scores)
        score = np.abs(result.score[:, None] - theirs.scores.numpy())
        corner = np.abs(result.xyxy[:, None] - theirs.bboxes.numpy()).max(2)
        is_other = result.label[:, None] != theirs.labels.numpy()
        # Scores that differ in their last digit change places, so each box looks for its own.
        ours, others = linear_sum_assignment(corner + 1e6 * is_other + 1e3 * score)
        assert not is_other[ours, others].any()
        scores = max(scores, float(score[ours, others].max()))
        corners = max(corners, float(corner[ours, others].max()))
        count += len(ours)
    with capsys.disabled():
        print(
            f"\n{project.name}: {count} boxes on {len(images)} images, scores within "
            f"{scores:.1e}, corners within {corners:.1e} pixels"
        )
    assert count > 100
    assert scores < 1e-5
    assert corners < 0.01


def test_the_gate_trains_with_upstream(project: Path) -> None:
    if "one-stage" not in project.name:
        pytest.skip("one family is enough for what trains")
    record = gate(project, "--detgate-train")

    assert {rule["verdict"] for rule in record["rules"]} == {"passed"}
