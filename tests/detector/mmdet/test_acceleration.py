"""Models made faster, and what that may change."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.packages import quiet
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError
from tests.detector.conftest import Worksite

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


def load(site: Worksite, **options: Any) -> Any:
    with quiet():
        from pytest_detgate.detector.mmdet.loader import load_model
    source = ModelSource(site.checkpoint, **options)
    sha256 = hashlib.sha256(site.checkpoint.read_bytes()).hexdigest()
    return load_model(source, sha256=sha256, device="cpu").detector


@pytest.fixture
def plain(site: Worksite) -> Callable[..., Any]:
    """A function that builds the site's detector as MMDetection does, or one of a kind of its own:
    what its class changes is given by name."""

    def build(**changes: Any) -> Any:
        import torch
        from mmdet.models import RTMDet
        from mmengine.config import Config
        from mmengine.model import revert_sync_batchnorm
        from mmengine.registry import MODELS, DefaultScope

        section = Config.fromfile(str(site.config)).model
        section.backbone.init_cfg = None
        section.type = type("Own", (RTMDet,), changes)
        with quiet(), DefaultScope.overwrite_default_scope("mmdet"):
            model = revert_sync_batchnorm(MODELS.build(section))
        state = torch.load(site.checkpoint, weights_only=False)["state_dict"]
        model.load_state_dict(state)
        return model.eval()

    return build


def raw(model: Any, dtype: Any = None) -> list[Any]:
    """What the network says of one picture of noise."""
    import torch

    torch.manual_seed(1)
    picture = torch.randn(2, 3, 96, 64, dtype=dtype)
    with torch.inference_mode():
        scores, boxes = model(picture, mode="tensor")
    return [*scores, *boxes]


def norms(model: Any) -> int:
    """How many batch norms a model applies."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return sum(isinstance(module, _BatchNorm) for module in model.modules())


def test_what_is_folded_is_the_same_in_exact_arithmetic(plain: Callable[..., Any]) -> None:
    import torch
    from mmcv.cnn import fuse_conv_bn

    from pytest_detgate.detector.mmdet.acceleration import accelerate

    model = plain().double()
    expected = raw(model, torch.float64)
    with torch.no_grad():
        others = raw(fuse_conv_bn(plain().double()), torch.float64)
    assert norms(model) > 30

    assert accelerate(model, "cpu") == ("fused", "channels_last")

    assert norms(model) == 0
    for entry, other in zip(raw(model, torch.float64), expected, strict=True):
        torch.testing.assert_close(entry, other, rtol=1e-10, atol=1e-10)
    # The head of RTMDet shares its convolutions: what MMCV itself folds is another model.
    assert max(float((a - b).abs().max()) for a, b in zip(others, expected, strict=True)) > 0.1


def test_a_loaded_model_is_accelerated(site: Worksite) -> None:
    import torch

    model = load(site).model
    assert norms(model) == 0
    convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    assert convolutions
    for convolution in convolutions:
        assert convolution.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_model_that_looks_at_its_norms_keeps_them(plain: Callable[..., Any]) -> None:
    from pytest_detgate.detector.mmdet.acceleration import accelerate

    def extract_feat(self: Any, pictures: Any) -> Any:
        scale = self.backbone.stem[0].bn.weight.mean()
        return tuple(level * scale for level in self.neck(self.backbone(pictures)))

    model = plain(extract_feat=extract_feat)
    expected, n_norms = raw(model), norms(model)
    assert accelerate(model, "cpu") == ("channels_last",)
    assert norms(model) == n_norms
    for entry, other in zip(raw(model), expected, strict=True):
        assert float((entry - other).abs().max()) < 1e-3 * float(other.abs().max())


def test_a_model_that_uses_a_convolution_by_itself_keeps_it(plain: Callable[..., Any]) -> None:
    """Nothing fails where it is folded: the answers alone tell."""
    import torch

    from pytest_detgate.detector.mmdet.acceleration import accelerate

    def extract_feat(self: Any, pictures: Any) -> Any:
        bare = self.backbone.stem[0].conv(pictures)
        return tuple(
            level + torch.nn.functional.interpolate(bare[:, :1], level.shape[2:])
            for level in self.neck(self.backbone(pictures))
        )

    model = plain(extract_feat=extract_feat)
    expected = raw(model)
    assert accelerate(model, "cpu") == ("channels_last",)
    for entry, other in zip(raw(model), expected, strict=True):
        assert float((entry - other).abs().max()) < 1e-3 * float(other.abs().max())


def test_a_model_that_relies_on_the_order_of_memory_keeps_it(plain: Callable[..., Any]) -> None:
    import torch

    from pytest_detgate.detector.mmdet.acceleration import accelerate

    def extract_feat(self: Any, pictures: Any) -> Any:
        levels = self.neck(self.backbone(pictures))
        return tuple(level.view(len(pictures), -1).view(level.shape) for level in levels)

    model = plain(extract_feat=extract_feat)
    expected = raw(model)
    assert accelerate(model, "cpu") == ("fused",)
    for entry, other in zip(raw(model), expected, strict=True):
        torch.testing.assert_close(entry, other, rtol=1e-3, atol=1e-3)


def test_a_model_that_cannot_be_tried_is_left_alone(plain: Callable[..., Any]) -> None:
    from pytest_detgate.detector.mmdet.acceleration import accelerate

    def _forward(self: Any, pictures: Any, samples: Any = None) -> Any:
        raise ValueError("a text is wanted")

    model = plain(_forward=_forward)
    n_norms = norms(model)
    assert accelerate(model, "cpu") == ()
    assert norms(model) == n_norms


def found_by(detector: Any, images: list[Path]) -> list[ImageDetections]:
    return [detected.result for detected in detector.detect(images)]


def score_differences(detector: Any, site: Worksite, images: list[Path]) -> list[float]:
    """Differences of the best score of each image to the plain model; boxes below it may change
    places. The detector must have its own key, and be repeatable."""
    reference = load(site)
    assert detector.info.key != reference.info.key
    detections, expected = found_by(detector, images), found_by(reference, images)
    for entry, again in zip(detections, found_by(detector, images), strict=True):
        np.testing.assert_array_equal(entry.score, again.score)
        np.testing.assert_array_equal(entry.xyxy, again.xyxy)
    return [
        abs(float(entry.score[0] - other.score[0]))
        for entry, other in zip(detections, expected, strict=True)
    ]


def test_bfloat16_on_a_cpu(site: Worksite) -> None:
    detector = load(site, precision="bfloat16")
    differences = score_differences(detector, site, site.images)
    assert max(differences) > 0
    # Eight bits: 0.4 % in each layer, which random weights amplify.
    assert np.median(differences) < 0.02
    # Boxes are decoded in float32: in bfloat16, corners beyond 64 pixels would be multiples of ½.
    corners = np.concatenate([entry.xyxy.ravel() for entry in found_by(detector, site.images)])
    beyond = corners[corners > 64]
    assert len(beyond) > 10
    assert (beyond * 2 % 1 != 0).any()


def test_float16_needs_a_gpu(site: Worksite) -> None:
    with pytest.raises(DetectorError, match=r"'float16' under \[model\] needs a GPU: on a CPU"):
        load(site, precision="float16")


def has_a_compiler() -> bool:
    return any(shutil.which(name) for name in ("g++", "clang++", "c++"))


@pytest.mark.skipif(not has_a_compiler(), reason="torch.compile needs a C++ compiler")
def test_a_compiled_model(site: Worksite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch
    from torch._dynamo.utils import counters

    # Processes that share a folder of compiled kernels wait for its lock, and fail in the end.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    counters.clear()
    try:
        (difference,) = score_differences(load(site, compile=True), site, site.images[:1])
        assert difference < 1e-3
        # A single score may be the same to the last digit, so that it proves nothing.
        assert counters["stats"]["unique_graphs"] > 0
    finally:
        torch._dynamo.reset()


def test_a_model_that_cannot_be_compiled_is_not_run_as_it_is(
    site: Worksite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    refused = pytest.raises(DetectorError, match=r"torch\.compile cannot compile the model \(comp")
    try:
        # Torch's own way: after an undone monkeypatch there is no such setting any more.
        with config.patch({"cpp.cxx": (None, "no-such-compiler")}), refused:
            found_by(load(site, compile=True), site.images[:1])
    finally:
        torch._dynamo.reset()
