"""ONNX files, run on pictures whose boxes are known."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.dataset.images.options import AS_SHOWN, Exif, ImageOptions
from pytest_detgate.detections import ImageDetections, UnreadableImage
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.latency.timing import measure_latency
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector.conftest import Worksite
from tests.detector.onnx_models import BLUE, CLASSES, RED, draw, write_model

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("cv2", reason="OpenCV is not installed")

OPTIONS: dict[str, Any] = {
    "resize": "letterbox",
    "channel-order": "rgb",
    "divide-by": 255,
    "classes": ["red", "blue"],
    "score-floor": 0.0,
}
# On a picture of 128 × 64: x, y, width, height. Even, so that halving the picture keeps its edges.
RED_BOX, BLUE_BOX = (20, 10, 40, 30), (90, 40, 20, 16)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return draw(tmp_path / "both.png", (128, 64), (RED, RED_BOX), (BLUE, BLUE_BOX))


def load(path: Path, image_options: Any = AS_SHOWN, **changes: Any) -> Any:
    """The detector of a file; `changes` are options, None to leave one out."""
    changed = {key.replace("_", "-"): value for key, value in changes.items()}
    options = {key: value for key, value in {**OPTIONS, **changed}.items() if value is not None}
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    source = ModelSource(path, framework="onnx", options=options, image_options=image_options)
    return framework("onnx").load(source, sha256=sha256, device="cpu", batch_size=None).detector


def boxes_by_class(detector: Any, image: Path) -> dict[str, tuple[float, tuple[float, ...]]]:
    """Score and (x, y, width, height) by class."""
    (answer,) = detector.detect([image])
    assert answer.image == image
    assert answer.sha256 == hashlib.sha256(image.read_bytes()).hexdigest()
    result = answer.result
    assert isinstance(result, ImageDetections)
    assert (np.diff(result.score) <= 0).all()
    result = result.cut()
    return {
        detector.info.classes[label]: (
            round(float(score), 6),
            tuple(np.round([x1, y1, x2 - x1, y2 - y1], 4).tolist()),
        )
        for (x1, y1, x2, y2), score, label in zip(
            result.xyxy, result.score, result.label, strict=True
        )
    }


BOTH = {"red": (0.9, RED_BOX), "blue": (0.7, BLUE_BOX)}


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "pad-end"])
@pytest.mark.parametrize(
    ("model", "options"),
    [
        ({"layout": "boxes-scores-labels"}, {}),
        ({"layout": "dets-labels"}, {}),
        ({"layout": "rows"}, {"layout": "rows"}),
        ({"layout": "rows", "form": "xywh"}, {"layout": "rows", "boxes": "xywh"}),
        (
            {"layout": "raw", "form": "cxcywh"},
            {"layout": "raw", "boxes": "cxcywh", "nms-iou": 0.5, "score-floor": None},
        ),
        ({"normalised": True}, {"normalised": True}),
        ({"first_label": 1}, {"first-label": 1}),
        ({"channels_last": True}, {}),
        ({"dtype": "UINT8"}, {"divide-by": None}),
        ({"dtype": "FLOAT16"}, {}),
        ({"size": None}, {"size": [64, 64]}),
    ],
    ids=[
        *("boxes-scores-labels", "dets-labels", "rows", "xywh", "raw", "normalised"),
        *("labels-from-1", "channels-last", "uint8", "float16", "any-size"),
    ],
)
def test_boxes_come_back_to_where_they_are_in_the_picture(
    tmp_path: Path, image: Path, resize: str, model: dict[str, Any], options: dict[str, Any]
) -> None:
    if resize == "stretch":  # the rectangles' edges must stay on the grid: 128 to 64 both ways
        draw(image, (128, 128), (RED, (20, 10, 40, 30)), (BLUE, (90, 40, 20, 16)))

    detector = load(write_model(tmp_path / "m.onnx", **model), resize=resize, **options)

    assert boxes_by_class(detector, image) == BOTH
    assert detector.device == "cpu"
    assert detector.info.classes == CLASSES


@pytest.mark.parametrize(
    ("exif", "box"),
    [(None, (40, 0, 30, 20)), ("apply", (40, 0, 30, 20)), ("ignore", (0, 10, 20, 30))],
)
def test_an_image_is_seen_as_its_labels_mean_it(
    tmp_path: Path, exif: Exif | None, box: tuple[int, ...]
) -> None:
    """A red box of 20 × 30, stored at (0, 10) of 40 × 80. Turned by 90 degrees to the right a point
    (x, y) comes to (80 - y, x): the box begins at 80 - 10 - 30 = 40 and 0, and is 30 × 20."""
    path = draw(tmp_path / "a.png", (40, 80), (RED, (0, 10, 20, 30)))
    turned = Image.Exif()
    turned[0x0112] = 6
    with Image.open(path) as image:
        image.load()
        image.save(path, exif=turned)
    model = write_model(tmp_path / "m.onnx", size=None)

    detector = load(model, ImageOptions(exif=exif), resize="none")

    assert boxes_by_class(detector, path) == {"red": (0.9, box)}


def test_a_picture_may_stay_at_its_own_size(tmp_path: Path) -> None:
    image = draw(tmp_path / "odd.png", (77, 51), (RED, (3, 5, 11, 13)))

    detector = load(write_model(tmp_path / "m.onnx", size=None), resize="none")

    assert boxes_by_class(detector, image) == {"red": (0.9, (3, 5, 11, 13))}


def test_channels_are_fed_in_the_order_that_is_said(tmp_path: Path, image: Path) -> None:
    detector = load(write_model(tmp_path / "m.onnx"), channel_order="bgr")

    # Red seen as blue, and blue as red.
    assert boxes_by_class(detector, image) == {"blue": (0.7, RED_BOX), "red": (0.9, BLUE_BOX)}


@pytest.mark.parametrize(
    ("mean", "std", "classes"),
    [
        # Red is over a half where R - G - B is: 255 of 255 in red, and here a quarter of it.
        (None, (4.0, 4.0, 4.0), set()),
        # Taking 1 off green and blue gives R - (G - 1) - (B - 1) = R - G - B + 2: everywhere red.
        ((0.0, 1.0, 1.0), None, {"red"}),
    ],
)
def test_mean_and_deviation_are_applied_by_channel(
    tmp_path: Path, mean: Any, std: Any, classes: set[str]
) -> None:
    image = draw(tmp_path / "red.png", (64, 64), (RED, (10, 10, 20, 20)))

    detector = load(write_model(tmp_path / "m.onnx"), mean=mean, std=std)

    answers = boxes_by_class(detector, image)
    assert set(answers) == classes
    if classes:
        assert answers["red"] == (0.9, (0, 0, 64, 64))


def test_the_padding_is_grey_and_boxes_end_at_the_picture(tmp_path: Path) -> None:
    image = draw(tmp_path / "wide.png", (64, 32), (RED, (0, 0, 64, 32)))
    path = write_model(tmp_path / "m.onnx")

    # With a mean of -1 for red, all that is not blue or green enough counts as red: with the
    # padding black, 0 + 1 is over a half, so that the box fills the input; it is cut off.
    answers = boxes_by_class(load(path, pad_value=0, mean=[-1.0, 0.0, 0.0]), image)

    assert answers == {"red": (0.9, (0, 0, 64, 32))}


def test_what_is_not_over_the_floor_is_not_answered(tmp_path: Path, image: Path) -> None:
    detector = load(write_model(tmp_path / "m.onnx"), score_floor=0.75)

    assert boxes_by_class(detector, image) == {"red": (0.9, RED_BOX)}
    assert detector.info.score_floor == 0.75


def test_a_picture_without_anything(tmp_path: Path) -> None:
    image = draw(tmp_path / "empty.png", (128, 64))

    assert boxes_by_class(load(write_model(tmp_path / "m.onnx")), image) == {}


def test_everything_may_stand_in_the_file(tmp_path: Path, image: Path) -> None:
    metadata = {
        "detgate.resize": "letterbox",
        "detgate.channel-order": '"rgb"',
        "detgate.divide-by": "255",
        "detgate.classes": '["red", "blue"]',
        "detgate.score-floor": "0.1",
        "detgate.epoch": "12",
        "somebody else": "{",
    }
    path = write_model(tmp_path / "m.onnx", metadata=metadata)

    detector = load(path, **dict.fromkeys(OPTIONS))

    assert boxes_by_class(detector, image) == BOTH
    assert (detector.info.score_floor, detector.info.epoch) == (0.1, 12)
    # detgate.toml wins over the file.
    assert load(path, score_floor=0.2).info.score_floor == 0.2


def test_files_of_ultralytics_say_enough(tmp_path: Path, image: Path) -> None:
    metadata = {
        "description": "Ultralytics YOLO11n model",
        "author": "Ultralytics",
        "task": "detect",
        "names": "{0: 'red', 1: 'blue'}",
        "imgsz": "[64, 64]",
    }
    raw = write_model(tmp_path / "raw.onnx", layout="raw", form="cxcywh", metadata=metadata)
    rows = write_model(tmp_path / "rows.onnx", layout="rows", metadata=metadata)
    any_size = write_model(
        tmp_path / "any.onnx", layout="raw", form="cxcywh", size=None, metadata=metadata
    )
    nothing = dict.fromkeys(OPTIONS)

    assert boxes_by_class(load(raw, **{**nothing, "nms_iou": 0.7}), image) == BOTH
    assert boxes_by_class(load(any_size, **{**nothing, "nms_iou": 0.7}), image) == BOTH
    assert boxes_by_class(load(rows, **{**nothing, "score_floor": 0.25}), image) == BOTH
    with pytest.raises(DetectorError, match=r"raw\.onnx: nms-iou is missing"):
        load(raw, **nothing)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({}, {"resize": None}, r"resize is missing: neither \[model\.onnx\] in detgate\.toml "
         r"nor the file's metadata \(detgate\.resize\) has it; it takes one of \"letterbox\", "),
        ({}, {"channel_order": None}, "channel-order is missing"),
        (
            {},
            {"resize": None, "classes": None, "divide_by": None},
            "resize is missing.*; also missing: classes, divide-by$",
        ),
        ({}, {"divide_by": None}, "divide-by is missing"),
        ({}, {"classes": None}, "classes is missing"),
        ({}, {"score_floor": None}, "score-floor is missing"),
        ({"size": None}, {}, "size is missing"),
        ({"layout": "rows"}, {}, r"layout is missing.* its outputs are output0 \[1, 2, 6\]"),
        ({}, {"layout": "rows"}, r"outputs is missing.*it has: boxes \[1, 2, 4\], scores"),
        ({}, {"outputs": ["boxes", "score", "labels"]},
         r"no output 'score'; did you mean 'scores'\? \(it has: boxes \[1, 2, 4\]"),
        ({}, {"input": "images"}, r"no input 'images'; did you mean 'image'\?"),
        ({}, {"size": [32, 32]}, r"size is \[32, 32\], but the file takes only \[64, 64\]"),
        ({}, {"nms_iou": 0.5}, "nms-iou goes with layout raw"),
        ({}, {"classes": ["red", "red"]}, "classes are names, each once"),
        ({}, {"resize": "none"}, 'resize = "none" leaves images at their own size'),
        ({"metadata": {"detgate.clases": "[]"}}, {},
         "its metadata has 'detgate.clases', and there is no such key; did you mean 'classes'"),
        ({"metadata": {"detgate.divide-by": "no"}}, {"divide_by": None},
         "its metadata 'detgate.divide-by': expected a number > 0, found 'no'"),
        ({"domain": "mmdeploy"}, {}, "refused, because it needs operators .* mmdeploy::Special"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(
    tmp_path: Path, model: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    path = write_model(tmp_path / "m.onnx", **model)

    with pytest.raises(DetectorError, match=message) as refused:
        load(path, **options)

    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({"scores": (1.5, 0.7)}, {}, r"both\.png: a score is from 0 to 1, found 1\.5"),
        # log(0.9 / 0.1) = 2.2 and log(0.2 / 0.8) = -1.4.
        ({"scores": (2.2, -1.4)}, {}, r"from 0 to 1, found 2\.2 in scores: these look like log-od"),
        ({"scores": (-1.4, -2.2)}, {}, r"found -1\.4 in scores: these look like log-odds; export"),
        ({"scores": (-1.4, -2.2), "layout": "rows"}, {"layout": "rows"}, r"found -1\.4 in output0"),
        ({"scores": (-1.4, 0.3), "layout": "raw", "form": "cxcywh"},
         {"layout": "raw", "boxes": "cxcywh", "nms_iou": 0.5}, r"found -1\.4 in output0: these lo"),
        ({"first_label": 1}, {}, r"both\.png: a label is a whole number from 0 to 1, found 2"),
        ({"layout": "raw"}, {"layout": "raw", "boxes": "xyxy", "nms_iou": 1, "classes": ["red"]},
         r"output0 has the shape \(6, 2\), and 5 columns are expected"),
    ],
)  # fmt: skip
def test_answers_that_mean_nothing_are_refused(
    tmp_path: Path, image: Path, model: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    detector = load(write_model(tmp_path / "m.onnx", **model), **options)

    with pytest.raises(DetectorError, match=message):
        list(detector.detect([image]))


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "whole.onnx").read_bytes()
    for name, content in {"text": b"no model at all", "half": whole[: len(whole) // 2]}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(DetectorError, match=rf"{name}\.onnx: damaged, or not an ONNX file"):
            load(path)


def test_pictures_that_cannot_be_read_are_no_failure(tmp_path: Path, image: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(image.read_bytes()[:60])
    missing = tmp_path / "missing.png"

    answers = list(load(write_model(tmp_path / "m.onnx")).detect([broken, image, missing]))

    kinds = {answer.image: type(answer.result) for answer in answers}
    assert kinds == {broken: UnreadableImage, image: ImageDetections, missing: UnreadableImage}


def test_a_gpu_that_cannot_be_had_is_no_cpu(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime is built with CUDA")
    source = ModelSource(write_model(tmp_path / "m.onnx"), framework="onnx", options=OPTIONS)

    with pytest.raises(DetectorError, match=r"device 'cuda:1': this ONNX Runtime is built without"):
        framework("onnx").load(source, sha256="", device="cuda:1", batch_size=None)
    loaded = framework("onnx").load(source, sha256="", device="auto", batch_size=None)
    assert loaded.detector.device == "cpu"


@pytest.mark.gpu
def test_a_gpu_says_the_same_as_the_cpu(tmp_path: Path, image: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime is built without CUDA")
    source = ModelSource(write_model(tmp_path / "m.onnx"), framework="onnx", options=OPTIONS)

    detector = framework("onnx").load(source, sha256="", device="cuda", batch_size=None).detector

    assert detector.device == "cuda:0"
    assert boxes_by_class(detector, image) == BOTH


def test_many_pictures_are_answered_each_for_itself(tmp_path: Path) -> None:
    images = [
        draw(tmp_path / f"{number}.png", (64, 64), (RED, (2 * number, 4, 10, 10)))
        for number in range(25)
    ]

    detector = load(write_model(tmp_path / "m.onnx"))

    for answers in (detector.detect(images), detector.in_turn(images)):
        left = {answer.image: answer.result.xyxy[0, 0] for answer in answers}
        assert left == {image: 2 * index for index, image in enumerate(images)}


def test_weights_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "inside" / "m.onnx", weights_in="weights.bin")
    assert load(path).info.classes == CLASSES
    content = path.read_bytes()
    path.write_bytes(content.replace(b"weights.bin", b"../eights.b"))  # of the same length
    (path.parent / "weights.bin").rename(tmp_path / "eights.b")

    with pytest.raises(DetectorError, match=r"refused, because it takes weights from '\.\./eig"):
        load(path)

    path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"weights are in 'weights\.bin', and there is no such"):
        load(path)


def test_suppression_is_by_class_and_keeps_the_best() -> None:
    from pytest_detgate.detector.onnx.decode import non_maximum_suppression

    # IoU of the first two is 90 / 110; of the first and the third 100 / 200, which is not over it.
    xyxy = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 20, 10], [0, 0, 10, 10]], float)
    score = np.array([0.5, 0.9, 0.4, 0.3])
    label = np.array([0.0, 0.0, 0.0, 1.0])

    remaining = non_maximum_suppression(xyxy, score, label, 0.55)

    # The second is best and drops the first; its IoU with the third is 100 / 200 + 0.
    assert remaining.tolist() == [1, 2, 3]
    assert non_maximum_suppression(xyxy, score, label, 0.45).tolist() == [1, 3]
    assert non_maximum_suppression(xyxy[:0], score[:0], label[:0], 0.5).tolist() == []


# In the gate.


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., CachedDetector]:
    """A function that starts a new gate on a file."""

    def start(path: Path, **changes: Any) -> CachedDetector:
        return CachedDetector(
            ModelSource(path, framework="onnx", options={**OPTIONS, **changes}),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
        )

    return start


def test_what_decides_the_detections_decides_what_is_inferred(
    tmp_path: Path, image: Path, gate: Callable[..., CachedDetector]
) -> None:
    path = write_model(tmp_path / "m.onnx", weights_in="weights.bin")

    assert gate(path).detect([image]).inferred == 1
    assert gate(path).detect([image]).cached == 1
    assert gate(path, **{"score-floor": 0.75}).detect([image]).inferred == 1
    assert gate(path, **{"channel-order": "bgr"}).detect([image]).inferred == 1
    assert gate(path, **{"pad-value": 114}).detect([image]).cached == 1  # what it is anyway
    weights = path.with_name("weights.bin")
    content = weights.read_bytes()
    both = np.frombuffer(content, np.float32).reshape(2, 3)
    assert both.tolist() == [[1, -1, -1], [-1, -1, 1]]
    weights.write_bytes(both[::-1].tobytes())  # looks for blue where it looked for red
    run = gate(path).detect([image])
    assert run.inferred == 1
    result = run[image]
    assert isinstance(result, ImageDetections)
    assert result.xyxy[0].tolist() == [90, 40, 110, 56]
    weights.write_bytes(content)
    assert gate(path).detect([image]).cached == 1


def test_the_file_is_timed_in_a_process_of_its_own(tmp_path: Path, image: Path) -> None:
    path = write_model(tmp_path / "m.onnx")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    timed = measure_latency(
        ModelSource(path, framework="onnx", options=OPTIONS),
        [image] * 3,
        2,
        sha256=sha256,
        device="cpu",
        progress=NoProgress(),
    )

    assert len(timed.times_ms) == 3
    assert timed.model_ms is not None
    both = timed.model_ms, timed.times_ms
    assert all(0 < part < whole for part, whole in zip(*both, strict=True))
    assert timed.peak_bytes is not None or sys.platform == "win32"
    assert timed.model.sha256 == sha256


@pytest.mark.mmdet
def test_an_exported_rtmdet_answers_as_its_checkpoint_does(
    site: Worksite, tmp_path: Path, checkpoint_with: Callable[..., Path]
) -> None:
    """The whole way of a real detector: PyTorch, MMDetection's head and NMS on one side; its
    export, our padding, normalisation, boxes and NMS on the other."""
    from tests.detector import worksite
    from tests.detector.exported import export_rtmdet

    def unsure(content: dict[str, Any]) -> None:
        # Random weights say 1.0 of very much, and what comes first of equal scores is nobody's.
        for name, value in content["state_dict"].items():
            if "rtm_cls" in name and value.dim() > 1:
                value *= 0.1

    checkpoint = checkpoint_with(unsure)
    config = tmp_path / "padded.py"
    config.write_text(site.config.read_text().replace("size_divisor=32", "size=(96, 96)"))
    exported = export_rtmdet(config, checkpoint, tmp_path / "rtmdet.onnx", 96)
    # Square, because MMDetection cuts boxes off before its NMS, and the export knows one size.
    images = [
        worksite.draw(tmp_path / f"square_{seed}.png", seed, (side, side))
        for seed, side in enumerate([96] * 6 + [48] * 3 + [130] * 3)
    ]
    mmdet = CachedDetector(
        ModelSource(checkpoint, config),
        cache_dir=tmp_path / "cache",
        device="cpu",
        progress=NoProgress(),
    )
    ours = load(
        exported,
        resize="pad-end",
        channel_order="bgr",
        divide_by=1,
        mean=[103.53, 116.28, 123.675],
        std=[57.375, 57.12, 58.395],
        layout="raw",
        boxes="xyxy",
        nms_iou=0.65,
        score_floor=0.05,
        classes=list(worksite.CLASSES),
    )

    expected = mmdet.detect(images)
    n_boxes = 0
    for answer in ours.detect(images):
        theirs, own = expected[answer.image], answer.result.cut()
        assert isinstance(theirs, ImageDetections)
        rows = [
            np.column_stack([entry.label, entry.score * 100, entry.xyxy]) for entry in (own, theirs)
        ]
        # What has no size MMDetection leaves out here, and the gate later, to count it.
        has_size = (own.xyxy[:, 2:] > own.xyxy[:, :2]).all(axis=1)
        rows[0] = rows[0][has_size]
        assert len(rows[0]) == len(rows[1]) < 50  # max_per_img would cut more off
        n_boxes += len(rows[0])
        # Nearly equal scores may change places: each box has its like on the other side.
        apart = np.abs(rows[0][:, None] - rows[1][None]).max(axis=2)
        assert (apart.min(axis=0) < 0.1).all()
        assert (apart.min(axis=1) < 0.1).all()
    assert n_boxes > 50
