"""Models of MMDetection whose outputs are not finite: nothing is known of such an image."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detections import ImageDetections, OutputNotFinite
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.latency.timing import measure_latency
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector import worksite
from tests.detector.conftest import Worksite, forking

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

OWN = """
import torch
from mmdet.models import RTMDet
from mmdet.registry import MODELS

@MODELS.register_module()
class {name}(RTMDet):
"""

# The features of every image that is brighter than most of the site's are infinite.
BRIGHT = """
    def extract_feat(self, pictures):
        bright = (pictures.mean(dim=(1, 2, 3)) > 0.3).view(-1, 1, 1, 1)
        return tuple(torch.where(bright, torch.inf, x) for x in super().extract_feat(pictures))
"""


def detector_of(checkpoint: Path, config: Path | None = None, **options: Any) -> Any:
    with quiet():
        from pytest_detgate.detector.mmdet.loader import load_model
    batch_size = options.pop("batch_size", None)
    return load_model(
        ModelSource(checkpoint, config, **options),
        sha256=hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        device="cpu",
        batch_size=batch_size,
    ).detector


def not_finite(detector: Any, images: list[Path]) -> dict[str, str]:
    """The images on which an output was not finite, and which."""
    answers = list(detector.detect(images))
    assert {answer.image for answer in answers} == set(images)
    return {
        answer.image.name: answer.result.output
        for answer in answers
        if isinstance(answer.result, OutputNotFinite)
    }


@pytest.fixture
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """A function that writes a detector of the project's own: a name that no other test uses, and
    the methods of its class."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, methods: str) -> Path:
        worksite.write_config(tmp_path)
        module = tmp_path / f"{name.lower()}_detector.py"
        module.write_text(OWN.format(name=name) + methods, encoding="utf-8")
        config = tmp_path / f"{name.lower()}.py"
        text = f"""
            _base_ = ["model.py"]
            custom_imports = dict(imports=["{module.stem}"])
            model = dict(type="{name}")
        """
        config.write_text(textwrap.dedent(text), encoding="utf-8")
        return config

    return write


def exploded(content: dict[str, Any]) -> None:
    """What a learning rate of a million leaves: weights that are finite and huge."""
    for value in content["state_dict"].values():
        if value.is_floating_point() and value.dim() > 1:
            value.mul_(1e9)


@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"precision": "bfloat16"}])
def test_weights_that_overflow(
    site: Worksite, checkpoint_with: Callable[..., Path], options: dict[str, Any]
) -> None:
    detector = detector_of(checkpoint_with(exploded), **options)

    result = not_finite(detector, site.images)

    assert set(result) == {image.name for image in site.images}
    assert set(result.values()) == {"backbone"}


def test_a_sound_model_is_left_alone(site: Worksite) -> None:
    for options in ({}, {"batch_size": 4}, {"precision": "bfloat16"}):
        assert not_finite(detector_of(site.checkpoint, **options), site.images) == {}


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_it_is_known_which_image_of_a_batch_it_was(
    site: Worksite, own_config: Callable[[str, str], Path], batch_size: int
) -> None:
    detector = detector_of(
        site.checkpoint, own_config(f"Bright{batch_size}", BRIGHT), batch_size=batch_size
    )
    plain = detector_of(site.checkpoint, batch_size=batch_size)

    result = not_finite(detector, site.images)

    # The mean of each image as it goes in: the pad's grey counts, so it is asked of the pipeline.
    assert 0 < len(result) < len(site.images)
    assert set(result.values()) == {"bbox_head"}
    expected = {detected.image: detected.result for detected in plain.detect(site.images)}
    for answer in detector.detect(site.images):
        if answer.image.name not in result:
            assert answer.result.score.tolist() == expected[answer.image].score.tolist()


def test_the_same_images_whatever_their_company(
    site: Worksite, own_config: Callable[[str, str], Path]
) -> None:
    config = own_config("BrightAlone", BRIGHT)
    alone = not_finite(detector_of(site.checkpoint, config, batch_size=1), site.images)

    assert not_finite(detector_of(site.checkpoint, config, batch_size=4), site.images) == alone


def test_a_head_that_is_not_called_as_a_whole(
    site: Worksite, own_config: Callable[[str, str], Path]
) -> None:
    """`forward` by its name runs no hook of the head, so what is in it is watched."""
    predicting = """
    def predict(self, pictures, samples, rescale=True):
        scores, boxes = self.bbox_head.forward(self.extract_feat(pictures))
        metas = [sample.metainfo for sample in samples]
        found = self.bbox_head.predict_by_feat(
            scores, boxes, batch_img_metas=metas, rescale=rescale)
        return self.add_pred_to_datasample(samples, found)
    """
    fine = own_config("ByName", predicting)
    broken = own_config("ByNameBright", BRIGHT + predicting)

    expected = {
        entry.image: entry.result for entry in detector_of(site.checkpoint).detect(site.images)
    }
    for answer in detector_of(site.checkpoint, fine).detect(site.images):
        assert answer.result.score.tolist() == expected[answer.image].score.tolist()
    result = not_finite(detector_of(site.checkpoint, broken), site.images)
    assert 0 < len(result) < len(site.images)
    assert all(output.startswith("bbox_head.") for output in result.values())


def test_a_preprocessor_that_divides_by_zero(
    site: Worksite, checkpoint_with: Callable[..., Path]
) -> None:
    def flat(content: dict[str, Any]) -> None:
        text = content["meta"]["cfg"]
        assert "57.375" in text
        content["meta"]["cfg"] = text.replace("57.375", "0.0")

    result = not_finite(detector_of(checkpoint_with(flat)), site.images[:2])

    assert set(result.values()) == {"data_preprocessor"}


def test_boxes_that_are_broken_after_the_network(
    site: Worksite, own_config: Callable[[str, str], Path]
) -> None:
    config = own_config(
        "Late",
        """
    def predict(self, pictures, samples, rescale=True):
        found = super().predict(pictures, samples, rescale=rescale)
        found[0].pred_instances.bboxes[:, 2] = float("nan")
        return found
    """,
    )

    result = not_finite(detector_of(site.checkpoint, config), site.images[:2])

    assert set(result.values()) == {"boxes"}


def test_what_is_cached_never_lets_such_an_image_pass(
    site: Worksite, own_config: Callable[[str, str], Path], tmp_path: Path
) -> None:
    source = ModelSource(site.checkpoint, own_config("BrightKept", BRIGHT))

    def run() -> Any:
        gate = CachedDetector(source, cache_dir=tmp_path, device="cpu", progress=NoProgress())
        return gate.detect(site.images)

    first, second = run(), run()

    broken = {path for path, entry in first.items() if isinstance(entry, OutputNotFinite)}
    assert 0 < len(broken) < len(site.images)
    assert {path for path, entry in second.items() if isinstance(entry, OutputNotFinite)} == broken
    assert second.cached == len(site.images) - len(broken)
    assert all(isinstance(second[path], ImageDetections) for path in {*site.images} - broken)


def test_such_a_model_has_no_time(site: Worksite, checkpoint_with: Callable[..., Path]) -> None:
    match = r"cam_0000\.jpg: the model gives NaN or inf.*backbone"
    with forking(), pytest.raises(DetectorError, match=match):
        measure_latency(
            ModelSource(checkpoint_with(exploded)),
            site.images[:1],
            0,
            sha256="0",
            device="cpu",
            progress=NoProgress(),
        )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("int8", r"1 weight is of another type than the model's: bbox_head\.rtm_cls\.0\.weight "
         r"\(int8 for float32\)"),
        ("complex64", r"bbox_head\.rtm_cls\.0\.weight \(complex64 for float32\)"),
        ("bool", r"bbox_head\.rtm_cls\.0\.weight \(bool for float32\)"),
        ("float16", None),
        ("float64", None),
    ],
)  # fmt: skip
def test_weights_of_another_type(
    site: Worksite, checkpoint_with: Callable[..., Path], kind: str, message: str | None
) -> None:
    import torch

    def cast(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        name = "bbox_head.rtm_cls.0.weight"
        state[name] = state[name].to(getattr(torch, kind))

    if message is None:
        assert not_finite(detector_of(checkpoint_with(cast)), site.images[:1]) == {}
        return
    with pytest.raises(DetectorError, match=message):
        detector_of(checkpoint_with(cast))


def test_counts_that_are_no_whole_numbers(
    site: Worksite, checkpoint_with: Callable[..., Path]
) -> None:
    def cast(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        name = "backbone.stem.0.bn.num_batches_tracked"
        state[name] = state[name].float()

    with pytest.raises(DetectorError, match=r"stem\.0\.bn\.num_batches_tracked \(float32 for int"):
        detector_of(checkpoint_with(cast))


def test_negative_variances(site: Worksite, checkpoint_with: Callable[..., Path]) -> None:
    def negate(content: dict[str, Any]) -> None:
        content["state_dict"]["neck.out_convs.0.bn.running_var"][3] = -1e-9

    with pytest.raises(
        DetectorError,
        match=r"1 variances of batch norm are negative: neck\.out_convs\.0\.bn\.running_var",
    ):
        detector_of(checkpoint_with(negate))
