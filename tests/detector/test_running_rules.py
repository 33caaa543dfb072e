"""The rules that run the model by themselves, on real models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS
from pytest_detgate.inputs.detections.model_detections import ModelDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import NoProgress
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from tests.detector import worksite
from tests.detector.conftest import Worksite
from tests.judged import measured

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("forked_processes")]

SPLIT = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
"""


@pytest.fixture
def result_of(
    site: Worksite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., RuleResult]:
    """A function from a rule's table to its result on the site's detector, or on one of the
    project's own: its name and its code."""
    shutil.copy(site.config, tmp_path / "model.py")
    shutil.copy(site.root / "site.json", tmp_path)
    shutil.copytree(site.root / "images", tmp_path / "images")
    monkeypatch.syspath_prepend(tmp_path)

    def evaluate(
        rule: str, own: tuple[str, str] | None = None, *, device: str = "cpu"
    ) -> RuleResult:
        path = tmp_path / "detgate.toml"
        path.write_text(SPLIT + rule, encoding="utf-8")
        project = Project(load_configuration(path), tmp_path)
        config = None if own is None else worksite.write_custom_config(tmp_path, *own)
        source = ModelDetections(
            source=lambda: ModelSource(site.checkpoint, config),
            device=device,
            batch_size=None,
            plan=IN_THIS_PROCESS,
            cache_dir=tmp_path,
            progress=NoProgress(),
            project=project,
        )
        (bound,) = bind_rules(project)
        (target,) = bound.targets
        return judge(bound, target, Inputs(project, source))

    return evaluate


def test_both_inferences_are_real_and_leave_the_cache_alone(site: Worksite, tmp_path: Path) -> None:
    gate = CachedDetector(
        ModelSource(site.checkpoint), cache_dir=tmp_path, device="cpu", progress=NoProgress()
    )
    images = site.images[:3]

    assert set(gate.infer(images)) == set(images)
    assert gate.detect(images).inferred == 3

    detector: Any = gate.detector()
    before = detector.model_seconds
    assert gate.detect(images).cached == 3
    assert detector.model_seconds == before
    gate.infer(images)
    assert detector.model_seconds > before


def test_noise_at_test_time_is_found(result_of: Callable[..., RuleResult]) -> None:
    # The noise is less than 0.02, so the two scores of a box differ by less than that.
    noise = "for one in found: one.scores = one.scores - 0.02 * torch.rand_like(one.scores)"

    result = result_of("[rules.repeatability]\nimages = 4", ("Noisy", noise))

    assert result.verdict == "failed"
    values = measured(result)
    assert 0.001 < values["score_difference"] < 0.02
    assert (values["box_difference"], values["unpaired"], values["images"]) == (0, 0, 4)
    assert result.findings_total > 0
    worst = result.findings[0]
    assert worst.image in {"cam_0000.jpg", "cam_0003.jpg", "cam_0006.jpg", "cam_0009.jpg"}
    assert worst.box is not None
    assert worst.text.endswith("box moved 0 px")


def test_boxes_without_a_size_are_not_dropped_without_a_word(
    result_of: Callable[..., RuleResult],
) -> None:
    swapped = "for one in found: one.bboxes = one.bboxes[:, [2, 3, 0, 1]]"

    result = result_of("[rules.absent-class-boxes]\nmax = 999", ("Swapped", swapped))

    assert result.verdict == "not-evaluated"
    assert "on val have no width or height in their image, first on cam_" in result.message
    assert "A detector gives corners x1, y1, x2, y2" in result.message


def test_a_model_that_remembers_is_found(result_of: Callable[..., RuleResult]) -> None:
    # Every image's only box is moved by one pixel more than the last: by four after four images.
    drift = """
        self.answered = getattr(self, "answered", 0) + 1
        for sample, one in zip(samples, found):
            sample.pred_instances = one[:1]
            sample.pred_instances.bboxes = torch.tensor([[9.0, 9, 49, 49]]) + self.answered
    """

    result = result_of(
        "[rules.repeatability]\nimages = 4\nmax-box-difference = 3.5", ("Drifting", drift)
    )

    assert result.verdict == "failed"
    assert measured(result)["box_difference"] == pytest.approx(4, abs=1e-4)
    assert measured(result)["score_difference"] == 0
    assert measured(result)["boxes"] == 4


def test_a_model_that_finds_nothing_is_no_evidence(result_of: Callable[..., RuleResult]) -> None:
    nothing = "for sample, one in zip(samples, found): sample.pred_instances = one[one.scores > 2]"

    result = result_of("[rules.repeatability]\nimages = 2", ("Silent", nothing))

    assert result.verdict == "not-evaluated"
    assert "neither inference found a box on 2 images of val" in result.message


def test_an_image_that_cannot_be_read_is_no_agreement(
    result_of: Callable[..., RuleResult], tmp_path: Path
) -> None:
    (tmp_path / "images" / "cam_0000.jpg").write_bytes(b"\xff\xd8 this is no picture")

    result = result_of("[rules.repeatability]")

    assert result.verdict == "not-evaluated"
    assert "1 of 12 images of val cannot be read, first cam_0000.jpg" in result.message


def test_a_killed_process_costs_the_rule_alone(result_of: Callable[..., RuleResult]) -> None:
    result = result_of(
        "[rules.latency]\nmax-ms = 600_000", ("Killed", "os.kill(os.getpid(), signal.SIGKILL)")
    )

    assert result.verdict == "not-evaluated"
    assert "could not be timed: the process was ended by SIGKILL" in result.message


def test_the_device_that_was_asked_for_is_not_replaced(
    result_of: Callable[..., RuleResult],
) -> None:
    result = result_of("[rules.latency]\nmax-ms = 600_000", device="cuda:99")

    assert result.verdict == "not-evaluated"
    assert result.message.startswith("device 'cuda:99': there ")


def test_a_checkpoint_is_exactly_stable_under_no_change(
    result_of: Callable[..., RuleResult],
) -> None:
    """The images are JPEG: they are decoded by Pillow, written as PNG, and read by MMDetection."""
    rule = '[rules.stability]\nmax = 0.0\nscore-threshold = 0.06\nchanges = ["shift"]\n'
    same = result_of(rule + "shift-pixels = 0")
    moved = result_of(rule + "shift-pixels = 9")

    assert same.verdict == "passed"
    assert measured(same)["share"] == measured(same)["appeared_share"] == 0
    assert measured(same)["detections"] > 20
    assert moved.verdict == "failed"
