"""Real models, loaded and run."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections, UnreadableImage
from pytest_detgate.detector.devices import resolve_device
from pytest_detgate.detector.packages import quiet, require_mmdetection
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.detector.conftest import Worksite

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


def load(checkpoint: Path, config: Path | None = None, **options: Any) -> Any:
    with quiet():
        from pytest_detgate.detector.mmdet.loader import load_model
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    options = {"device": "cpu", "trust": False, **options}
    source = ModelSource(checkpoint, config, options.pop("trust"))
    return load_model(source, sha256=sha256, **options).detector


def detect(detector: Any, images: list[Path], **options: Any) -> dict[Path, ImageDetections]:
    detections = {
        detected.image: detected.result for detected in detector.detect(images, **options)
    }
    assert list(map(type, detections.values())) == [ImageDetections] * len(images)
    return detections


def assert_equal(first: dict[Path, Any], second: dict[Path, Any], tolerance: float = 0.0) -> None:
    assert set(first) == set(second)
    for image, entry in first.items():
        other = second[image]
        assert len(entry.score) > 0
        np.testing.assert_allclose(entry.score, other.score, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(entry.label, other.label)
        # Boxes are hundreds of pixels where scores are below one.
        np.testing.assert_allclose(entry.xyxy, other.xyxy, rtol=1e-6, atol=1e3 * tolerance)


def test_agrees_with_mmdetection(site: Worksite) -> None:
    with quiet():
        from mmdet.apis import inference_detector, init_detector

        reference = init_detector(str(site.config), str(site.checkpoint), device="cpu")
        expected = {
            image: inference_detector(reference, str(image)).pred_instances for image in site.images
        }
    detections = detect(load(site.checkpoint, site.config), site.images)
    for image, instances in expected.items():
        order = np.argsort(-instances.scores.numpy(), kind="stable")
        assert len(order) > 0
        # Ours computes in another order, and random weights amplify rounding.
        np.testing.assert_allclose(
            detections[image].score, instances.scores.numpy()[order], atol=2e-4
        )
        np.testing.assert_array_equal(detections[image].label, instances.labels.numpy()[order])
        np.testing.assert_allclose(
            detections[image].xyxy, instances.bboxes.numpy()[order], atol=0.05
        )


def test_detections_are_what_the_protocol_says(site: Worksite) -> None:
    detector = load(site.checkpoint)
    detections = list(detector.detect(site.images))
    assert sorted(detected.image for detected in detections) == site.images
    for image, sha256, result in detections:
        assert sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
        assert (result.xyxy.dtype, result.score.dtype) == (np.float32, np.float32)
        assert result.label.dtype == np.int32
        assert result.xyxy.shape == (len(result.score), 4)
        assert (np.diff(result.score) <= 0).all()
        assert result.score.min() > detector.info.score_floor
        assert set(result.label) <= {0, 1}


def test_the_checkpoint_alone_and_with_its_configuration(site: Worksite) -> None:
    alone, together = load(site.checkpoint), load(site.checkpoint, site.config)
    assert alone.info.key == together.info.key
    assert alone.info.classes == together.info.classes == ("person", "helmet")
    assert (alone.info.score_floor, alone.info.epoch) == (0.05, 7)
    assert (alone.info.config, together.info.config) == (None, str(site.config))
    assert_equal(detect(alone, site.images), detect(together, site.images))


def test_the_company_of_an_image_does_not_matter(site: Worksite) -> None:
    detector = load(site.checkpoint, batch_size=4)
    together = detect(detector, site.images)
    assert_equal(together, detect(detector, site.images[::-1]))
    for image in site.images[:4]:
        assert_equal({image: together[image]}, detect(detector, [image]))


def test_the_batch_size_does_not_matter(site: Worksite) -> None:
    one_by_one = detect(load(site.checkpoint, batch_size=1), site.images)
    for batch_size in (2, 5):
        # Kernels for other batch sizes round differently, and random weights amplify that.
        detections = detect(load(site.checkpoint, batch_size=batch_size), site.images)
        assert_equal(one_by_one, detections, tolerance=1e-4)


def test_more_images_than_one_process_prepares(site: Worksite) -> None:
    """Worker processes read ahead; what they read is the same."""
    detector = load(site.checkpoint, batch_size=1)
    alone = {image: detect(detector, [image])[image] for image in site.images}
    assert_equal(alone, detect(detector, site.images, n_workers=0))
    assert_equal(alone, detect(detector, site.images, n_workers=2))


def test_a_worker_process_that_dies_loses_no_image(
    site: Worksite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_detgate.detector.mmdet import images

    really = images._loader

    def loader(
        paths: Any, transforms: Any, options: Any, batch_size: int, n_workers: int, *more: Any
    ) -> Iterator[Any]:
        for number, batch in enumerate(really(paths, transforms, options, batch_size, 0, *more)):
            if n_workers and number == 2:
                raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error.")
            yield batch

    detector = load(site.checkpoint)
    expected = detect(detector, site.images)
    monkeypatch.setattr(images, "_loader", loader)
    assert_equal(expected, detect(detector, site.images, n_workers=2))


def test_where_memory_runs_out_batches_are_halved_from_then_on(
    site: Worksite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three images or more need 2**60 bytes, which nobody has: torch's own error.
    code = """
        self.sizes = [*getattr(self, "sizes", []), len(found)]
        torch.empty(2**60 if len(found) > 2 else 1, dtype=torch.uint8)
    """
    monkeypatch.syspath_prepend(tmp_path)
    worksite.write_config(tmp_path)
    config = worksite.write_custom_config(tmp_path, "Hungry", code)
    detector = load(site.checkpoint, config, batch_size=8)

    detections = detect(detector, site.images)

    # Twelve images of three shapes, four of each.
    assert detector.model.sizes == [8, 4, 2, 2, 2, 2, 2, 2]
    assert detector.batch_size == 2
    assert detector.notes == (
        "memory ran out on cpu: images went through the model 2 at a time in place of 8, which "
        "may change the last digits",
    )
    assert_equal(detections, detect(load(site.checkpoint, batch_size=2), site.images))


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        ("torch.cuda.OutOfMemoryError('CUDA out of memory')", True),
        ("MemoryError()", True),
        ("RuntimeError('cuDNN error: CUDNN_STATUS_ALLOC_FAILED')", True),
        (r"RuntimeError('shapes differ\nin layer 3')", False),
    ],
)
def test_what_counts_as_memory_that_runs_out(
    site: Worksite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, is_memory: bool
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    worksite.write_config(tmp_path)
    name = f"Raising{abs(hash(error))}"
    config = worksite.write_custom_config(tmp_path, name, f"if True: raise {error}")
    says = (
        r"cpu has too little memory for one image, .*cam_0000\.jpg"
        if is_memory
        else r"the model fails on .*cam_0000\.jpg: RuntimeError: shapes differ$"
    )
    with pytest.raises(DetectorError, match=says):
        detect(load(site.checkpoint, config, batch_size=2), site.images[:1])


@pytest.mark.parametrize(
    ("where", "value", "says"),
    [
        ("scores", 1.5, "a score is from 0 to 1, found 1.5"),
        ("labels", 7, "a label is a whole number from 0 to 1, found 7"),
    ],
)
def test_an_answer_that_means_nothing_is_no_answer(
    site: Worksite, monkeypatch: pytest.MonkeyPatch, where: str, value: float, says: str
) -> None:
    detector = load(site.checkpoint)
    really = detector.model.test_step

    def step(data: dict[str, Any]) -> Any:
        samples = really(data)
        samples[0].pred_instances[where][0] = value
        return samples

    monkeypatch.setattr(detector.model, "test_step", step)
    with pytest.raises(DetectorError, match=rf"output for .*cam_0000\.jpg.* {says}"):
        detect(detector, site.images[:1])


def test_a_configuration_of_imported_classes(site: Worksite, tmp_path: Path) -> None:
    """MMEngine's newer style names classes as objects, and stores their dotted paths."""
    imports = """
from mmcv.transforms import LoadImageFromFile, Pad, Resize
from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs
from mmdet.models import (CSPNeXt, CSPNeXtPAFPN, DetDataPreprocessor, GIoULoss, QualityFocalLoss,
                          RTMDet, RTMDetSepBNHead)
from mmdet.models.task_modules import (DistancePointBBoxCoder, DynamicSoftLabelAssigner,
                                       MlvlPointGenerator)
from torch.nn import SiLU
"""
    text = site.config.read_text(encoding="utf-8")
    for name in set(re.findall(r"\b[A-Z]\w+", imports)):
        text = text.replace(f'type="{name}"', f"type={name}")
    config = tmp_path / "imported.py"
    config.write_text(imports + text, encoding="utf-8")
    checkpoint = worksite.write_checkpoint(config, tmp_path / "imported.pth")
    expected = detect(load(site.checkpoint), site.images[:3])
    assert_equal(expected, detect(load(checkpoint, config), site.images[:3]))
    assert_equal(expected, detect(load(checkpoint), site.images[:3]))


def test_pictures_that_cannot_be_read_do_not_stop_the_others(
    site: Worksite, tmp_path: Path
) -> None:
    content = site.images[0].read_bytes()
    empty, text, cut = tmp_path / "empty.jpg", tmp_path / "text.jpg", tmp_path / "cut.jpg"
    empty.write_bytes(b"")
    text.write_text("<html>404</html>", encoding="utf-8")
    cut.write_bytes(content[: len(content) // 2])
    missing = tmp_path / "missing.jpg"
    images = [empty, site.images[0], text, cut, missing, site.images[1]]
    detections = {image: result for image, _, result in load(site.checkpoint).detect(images)}
    assert set(detections) == set(images)
    reasons = {image: r.reason for image, r in detections.items() if isinstance(r, UnreadableImage)}
    assert set(reasons) == {empty, text, cut, missing}
    assert reasons[empty] == "the file is empty"
    assert "truncated" in reasons[cut]
    assert reasons[missing] == "No such file or directory"
    assert all(reasons.values())


def test_weights_have_to_fit(checkpoint_with: Callable[..., Path]) -> None:
    def missing(content: dict[str, Any]) -> None:
        for name in [name for name in content["state_dict"] if "rtm_cls" in name]:
            del content["state_dict"][name]

    def unexpected(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        state["mask_head.weight"] = state["bbox_head.rtm_cls.0.bias"]

    def shape(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        state["bbox_head.rtm_cls.0.bias"] = state["bbox_head.rtm_cls.0.bias"].repeat(2)

    def diverged(content: dict[str, Any]) -> None:
        content["state_dict"]["bbox_head.rtm_cls.1.bias"][0] = float("nan")

    with pytest.raises(DetectorError, match=r"6 missing \(bbox_head\.rtm_cls\.0\.weight.*3 more"):
        load(checkpoint_with(missing))
    with pytest.raises(DetectorError, match=r"1 unexpected \(mask_head\.weight\)"):
        load(checkpoint_with(unexpected))
    with pytest.raises(DetectorError, match=r"do not fit .*size mismatch for bbox_head\.rtm_cls"):
        load(checkpoint_with(shape))
    with pytest.raises(DetectorError, match=r"not finite.*bbox_head\.rtm_cls\.1\.bias"):
        load(checkpoint_with(diverged))


def test_weights_saved_from_a_wrapped_model(
    site: Worksite, checkpoint_with: Callable[..., Path]
) -> None:
    def wrap(content: dict[str, Any]) -> None:
        state = content["state_dict"]
        content["state_dict"] = {f"module.{name}": value for name, value in state.items()}

    images = site.images[:2]
    assert_equal(detect(load(checkpoint_with(wrap)), images), detect(load(site.checkpoint), images))


def test_class_names_have_to_agree(
    site: Worksite, tmp_path: Path, checkpoint_with: Callable[..., Path]
) -> None:
    def config(*classes: str) -> Path:
        return worksite.write_config(tmp_path, classes=classes)

    with pytest.raises(DetectorError, match=r"it lacks helmet and has hat in addition"):
        load(site.checkpoint, config("person", "hat"))
    with pytest.raises(DetectorError, match="another order, helmet, person instead of person"):
        load(site.checkpoint, config("helmet", "person"))

    def three(content: dict[str, Any]) -> None:
        content["meta"]["dataset_meta"]["classes"] = ("person", "helmet", "vest")

    with pytest.raises(DetectorError, match=r"num_classes is 2, but there are 3 class names"):
        load(checkpoint_with(three), config("person", "helmet", "vest"))


def test_class_names_come_from_the_configuration(
    site: Worksite, tmp_path: Path, checkpoint_with: Callable[..., Path]
) -> None:
    """Without class names those of the configuration and of its data set."""
    unnamed = checkpoint_with(lambda content: content["meta"].pop("dataset_meta"))
    assert load(unnamed, site.config).info.classes == ("person", "helmet")
    text = site.config.read_text(encoding="utf-8").replace("metainfo=dict(classes=classes), ", "")
    config = tmp_path / "coco.py"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(DetectorError, match="num_classes is 2, but there are 80 class names"):
        load(unnamed, config)


def test_a_checkpoint_without_configuration_needs_one(
    site: Worksite, checkpoint_with: Callable[..., Path]
) -> None:
    bare = checkpoint_with(lambda content: content["meta"].pop("cfg"))
    with pytest.raises(DetectorError, match=r"holds no configuration of MMEngine; name"):
        load(bare)
    assert load(bare, site.config).info.classes == ("person", "helmet")


def test_a_stored_configuration_that_would_run_code_is_refused(
    tmp_path: Path, checkpoint_with: Callable[..., Path]
) -> None:
    marker = tmp_path / "was-run"

    def hostile(content: dict[str, Any]) -> None:
        model = f"dict(type='builtins.open', file={str(marker)!r}, mode='w')"
        content["meta"]["cfg"] += f"\nmodel = {model}"

    def importing(content: dict[str, Any]) -> None:
        content["meta"]["cfg"] += "\ncustom_imports = dict(imports=['antigravity'])"

    with pytest.raises(
        DetectorError, match=r"model\.type names 'builtins\.open', which is not a part"
    ):
        load(checkpoint_with(hostile))
    assert not marker.exists()
    with pytest.raises(DetectorError, match="asks to import antigravity"):
        load(checkpoint_with(importing))
    assert "antigravity" not in sys.modules


def test_a_model_that_cannot_be_built_is_named(site: Worksite, tmp_path: Path) -> None:
    text = site.config.read_text(encoding="utf-8").replace('type="RTMDet"', 'type="NoSuchModel"')
    config = tmp_path / "config.py"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(DetectorError, match=r"config\.py: the model cannot be built: .*NoSuchMo"):
        load(site.checkpoint, config)


def test_a_pipeline_that_fails_is_not_the_picture_s_fault(site: Worksite, tmp_path: Path) -> None:
    text = site.config.read_text(encoding="utf-8").replace("scale=(96, 96)", 'scale="wide"')
    config = tmp_path / "config.py"
    config.write_text(text, encoding="utf-8")
    with pytest.raises(DetectorError, match=r"test pipeline of the configuration fails on .*jpg"):
        detect(load(site.checkpoint, config), site.images)


def test_asking_for_a_gpu_where_there_is_none(
    site: Worksite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DetectorError, match=r"device 'cuda': there is no CUDA device here"):
        load(site.checkpoint, device="cuda")
    assert load(site.checkpoint, device="auto").device == "cpu"


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(DetectorError, match=r"device 'cuda:2': there are 2 CUDA devices here"):
        resolve_device("cuda:2")


def test_one_gate_at_a_time_uses_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock, Timeout

    from pytest_detgate.detector import devices

    monkeypatch.setattr(devices, "_identity", lambda device: "GPU-1.lock")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with devices.exclusive("cuda:0"):
        (path,) = tmp_path.iterdir()
        with pytest.raises(Timeout):
            FileLock(path).acquire(timeout=0)
    FileLock(path).acquire(timeout=0).lock.release()
    with devices.exclusive("cpu"):
        FileLock(path).acquire(timeout=0).lock.release()


def test_a_torch_that_cannot_use_numpy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch 2.1 beside NumPy 2."""
    import torch

    def refuse(_: object) -> None:
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch, "from_numpy", refuse)
    with pytest.raises(DetectorError, match=r"torch \S+ cannot use NumPy \S+ .*\"numpy<2\""):
        require_mmdetection()


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (
            "mmdet",
            r"mmdet is not installed.*pip install ('pytest-detgate\[mmdet\]'|mmdet==3\.3\.0)",
        ),
        ("mmcv.ops", r"without its compiled operators.*--no-build-isolation"),
    ],
)
def test_missing_packages_come_with_the_way_to_install_them(
    monkeypatch: pytest.MonkeyPatch, module: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DetectorError, match=says):
        require_mmdetection()
